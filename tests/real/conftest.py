"""Each test of the suite runs twice: against the fake, and against a real containerd."""

from __future__ import annotations

import os
import re
import select
import signal
import subprocess
import sys
import tempfile
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import IO, TYPE_CHECKING

import pytest

from fakecri.channel import connect, runtime_stub
from fakecri.proxy import Proxy
from tests.real import install
from tests.real.containerd import Address, containerd, obstacles
from tests.real.crictl import Crictl
from tests.real.registry import FAILURES
from tests.real.runtimes import BUSYBOX, FAKE, OLD_FAKE, REAL, WAIT_TIMEOUT_S, Pod, Runtime, Stage
from tests.real.wires import Doors
from tests.requirements import skip_for

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

STOP_TIMEOUT_S = 60
THROUGH_PROXY = os.environ.get("FAKECRI_THROUGH_PROXY") == "1"
"""Whether a proxy stands before both, which nothing must show."""


@pytest.fixture(scope="session", autouse=True)
def _terminated_like_interrupted() -> Iterator[None]:
    """A run that is asked to terminate ends its servers first."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.fixture(scope="session", params=[FAKE, OLD_FAKE, REAL])
def runtime(request: pytest.FixtureRequest) -> Iterator[Runtime]:
    """A running server with busybox pulled; one for the whole session."""
    # Another run on this machine has other addresses.
    pid = os.getpid()
    subnet = f"127.{64 + pid % 128}.{pid // 128 % 256}.0/24"
    with serving(str(request.param), "--network", "loopback", "--pod-subnet", subnet) as runtime:
        yield runtime


@pytest.fixture(params=[FAKE, REAL])
def fresh_runtime(request: pytest.FixtureRequest) -> Iterator[Runtime]:
    """Likewise, but one that no other test has used."""
    with serving(str(request.param)) as runtime:
        yield runtime


@contextmanager
def serving(name: str, *options: str) -> Iterator[Runtime]:
    """A server with busybox pulled. `options` are those of the fake."""
    skip_for(obstacles() if name == REAL else install.missing("crictl"))
    with (
        tempfile.TemporaryDirectory(prefix="fcri-") as home,
        containerd()
        if name == REAL
        else _fakecri(Path(home), (*options, *_played(name))) as server,
        _proxied(server, Path(home)) if THROUGH_PROXY else nullcontext(server) as address,
    ):
        crictl = Crictl(_crictl_program(), Path(home) / "crictl.yaml", address.endpoint)
        crictl.ok("pull", BUSYBOX)
        yield Runtime(name, crictl, address.registry, address.cgroup_parent, address.endpoint)


@pytest.fixture
def crictl(runtime: Runtime) -> Crictl:
    """crictl, bound to the runtime."""
    return runtime.crictl


@pytest.fixture
def stage(runtime: Runtime, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Stage]:
    """The maker of this test's pods, whose names nobody else uses."""
    title = re.sub(r"[^a-z0-9]+", "-", request.node.originalname.removeprefix("test_"))
    stage = Stage(runtime, tmp_path, title)
    yield stage
    stage.clear()


@pytest.fixture
def doors(runtime: Runtime) -> Iterator[Doors]:
    """The calls that give URLs."""
    with connect(runtime.endpoint) as channel:
        yield Doors(runtime, runtime_stub(channel))


@pytest.fixture
def pod(stage: Stage) -> Pod:
    """A pod."""
    return stage.pod()


@pytest.fixture
def running(pod: Pod) -> str:
    """A container in it that does nothing."""
    return pod.start("main", "sleep", "300")


@contextmanager
def _proxied(server: Address, home: Path) -> Iterator[Address]:
    """Put a proxy before a server."""
    with Proxy(server.endpoint) as proxy, proxy.serve(f"{home}/proxy.sock") as served:
        yield replace(server, endpoint=served.endpoint)


def _crictl_program() -> Path:
    program = install.find("crictl").path
    assert program is not None
    return program


@contextmanager
def _fakecri(home: Path, options: Sequence[str]) -> Iterator[Address]:
    socket = home / "cri.sock"
    address = Address(f"unix://{socket}", "127.0.0.1:5000", "/fakecri")
    command = [sys.executable, "-m", "fakecri", "serve", "--listen", address.endpoint]
    # The tests' own directories, which mounts lead to.
    command += ["--host-mounts", tempfile.gettempdir(), *options]
    command += ["--registry", f"docker.io={','.join(map(_rule, FAILURES))}"]
    with (
        (home / "log").open("wb") as log,
        subprocess.Popen([*command, "--seed", "1"], stdout=subprocess.PIPE, stderr=log) as server,
    ):
        try:
            ready = _first_line(server.stdout)
            assert ready == f"fakecri is ready on {address.endpoint}\n", (home / "log").read_text()
            yield address
        finally:
            status = _terminate(server)
    assert status == 0, f"fakecri ended with {status}: {(home / 'log').read_text()}"


def _played(name: str) -> tuple[str, ...]:
    return ("--personality", "containerd-1.6") if name == OLD_FAKE else ()


def _rule(failure: str) -> str:
    """The option of the fake for what the registry of the real one does."""
    place, _, kind = failure.rpartition("-")
    return f"fail={kind}@{place or 'resolve'}:fails/{failure}"


def _terminate(server: subprocess.Popen[bytes]) -> int:
    server.terminate()
    try:
        return server.wait(STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        server.kill()  # the status tells
        return server.wait()


def _first_line(stream: IO[bytes] | None) -> str:
    """What is said first, within a time; nothing if the sayer ends without a word."""
    assert stream is not None
    ready, _, _ = select.select([stream], [], [], WAIT_TIMEOUT_S)
    return stream.readline().decode() if ready else ""
