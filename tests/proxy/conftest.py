"""A proxy before a runtime that does as a test says."""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import grpc
import pytest

from fakecri.channel import connect
from fakecri.proxy import Proxy
from tests.proxy.elsewhere import Elsewhere, listening


@pytest.fixture
def directory() -> Iterator[Path]:
    with TemporaryDirectory(prefix="fakecri-") as path:
        yield Path(path)


@pytest.fixture
def elsewhere() -> Elsewhere:
    return Elsewhere()


@pytest.fixture
def proxy(elsewhere: Elsewhere, directory: Path) -> Iterator[Proxy]:
    with listening(elsewhere, directory / "upstream.sock") as upstream, Proxy(upstream) as proxy:
        yield proxy


@pytest.fixture
def channel(proxy: Proxy, directory: Path) -> Iterator[grpc.Channel]:
    """A client's connection to the proxy."""
    with proxy.serve(f"{directory}/cri.sock") as server, connect(server.endpoint) as channel:
        yield channel
