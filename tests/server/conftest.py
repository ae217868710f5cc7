"""A host on a socket, made for tests of what goes over the wire."""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from fakecri.channel import connect, image_stub, runtime_stub
from fakecri.core.registry import HANDLERS
from fakecri.host import Host
from fakecri.opening import open_host
from fakecri.pace import Manual
from fakecri.server import Server
from tests.server.served import Runtime, Served


@pytest.fixture
def directory() -> Iterator[Path]:
    with TemporaryDirectory(prefix="fakecri-") as path:
        yield Path(path)


@pytest.fixture
def runtime(monkeypatch: pytest.MonkeyPatch) -> Runtime:
    runtime = Runtime()
    for name, handler in runtime.handlers().items():
        monkeypatch.setitem(HANDLERS, name, handler)
    return runtime


@pytest.fixture
def host(runtime: Runtime) -> Iterator[Host]:
    host = open_host(pace=Manual(jumps=False))
    yield host
    host.close()


@pytest.fixture
def served(host: Host, runtime: Runtime, directory: Path) -> Iterator[Served]:
    with Server(host, f"{directory}/cri.sock") as server, connect(server.endpoint) as channel:
        yield Served(host, server, channel, runtime, runtime_stub(channel), image_stub(channel))
