"""`fakecri serve --nri-socket`: plugins of a runtime that is served."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import pytest

from fakecri.api import nri_pb2 as nri
from fakecri.api import runtime_pb2 as pb
from fakecri.api import ttrpc_pb2 as ttrpc
from fakecri.channel import connect, runtime_stub
from tests.control.processes import fakecri, serving
from tests.nri.wire_plugin import Wire, WirePlugin
from tests.server.served import until
from tests.support import sandbox_config

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def directory() -> Iterator[Path]:
    with TemporaryDirectory(prefix="fakecri-") as path:
        yield Path(path)


class Pods:
    """A plugin that is told of pods."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def run_pod_sandbox(self, pod: nri.PodSandbox) -> None:
        """Note it."""
        self.told.append(pod.name)


def test_plugins_of_a_runtime_that_is_served_are_told_of_pods(directory: Path) -> None:
    path, plugin = directory / "nri.sock", Pods()
    with (
        serving("--nri-socket", str(path)) as server,
        connect(server.endpoint) as channel,
        WirePlugin(path, plugin),
    ):
        request = pb.RunPodSandboxRequest(config=sandbox_config("web"))
        runtime_stub(channel).RunPodSandbox(request)
        assert plugin.told == ["web"]
    assert not path.exists()


def test_a_reset_begins_without_plugins_at_the_same_socket(directory: Path) -> None:
    path = directory / "nri.sock"
    with serving("--nri-socket", str(path)) as server:
        before = WirePlugin(path, Pods())
        assert server.ctl("reset").returncode == 0
        before.wait_for_end()
        with WirePlugin(path, Pods()) as after:
            until(lambda: "Synchronize" in after.asked)


def test_with_plugins_there_are_no_snapshots(directory: Path) -> None:
    options = ("--nri-socket", str(directory / "nri.sock"), "--logs", "memory")
    with serving(*options) as server:
        done = server.ctl("snapshot")
    assert done.returncode != 0
    assert "what plugins answer cannot be made to come again" in done.stderr


def test_a_plugin_is_told_how_long_it_may_take(directory: Path) -> None:
    path = directory / "nri.sock"
    who = nri.RegisterPluginRequest(plugin_name="test", plugin_idx="00")
    with serving("--nri-socket", str(path), "--nri-request-timeout", "10s"):
        wire = Wire(path)
        wire.call("RegisterPlugin", who.SerializeToString())
        assert not wire.receive().response.status.code
        request = ttrpc.Request.FromString(wire.receive().content)
        wire.close()
    told = nri.ConfigureRequest.FromString(request.payload)
    assert (request.method, told.request_timeout) == ("Configure", 10_000)
    assert request.timeout_nano == 9_900_000_000


@pytest.mark.parametrize(
    ("timeout", "text"),
    [("soon", "'soon' is no span of time: write "), ("0s", "0s: a plugin takes some time to ")],
)
def test_a_timeout_that_cannot_be_is_a_usage_error(
    directory: Path, timeout: str, text: str
) -> None:
    options = ("--nri-socket", str(directory / "nri.sock"), "--nri-request-timeout", timeout)
    done = fakecri("serve", "--listen", f"unix://{directory}/cri.sock", *options)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"fakecri: --nri-request-timeout {text}")
    assert not list(directory.iterdir())


@pytest.mark.parametrize(
    ("socket", "text"),
    [
        ("127.0.0.1:0", "'127.0.0.1:0' is no unix socket, which plugins connect to"),
        ("nri.sock", "'nri.sock' is not an address: write"),
        ("{}/none/nri.sock", "the directory of the socket {}/none/nri.sock does not exist"),
        ("{}/cri.sock", "something else is to listen there"),
        ("unix://{}/control.sock", "something else is to listen there"),
    ],
)
def test_a_socket_that_cannot_be_is_a_usage_error(directory: Path, socket: str, text: str) -> None:
    socket, text = socket.format(directory), text.format(directory)
    listen, control = f"unix://{directory}/cri.sock", f"unix://{directory}/control.sock"
    done = fakecri("serve", "--listen", listen, "--control", control, "--nri-socket", socket)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"fakecri: --nri-socket {socket}: ")
    assert text in done.stderr
    assert done.stderr.count("\n") == 1
    assert not list(directory.iterdir())
