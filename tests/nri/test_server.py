"""The socket of NRI: plugins that come, hang and go, and the file that it is."""

from __future__ import annotations

import re
import socket
import stat
import struct
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import grpc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fakecri import CRI
from fakecri.api import nri_pb2 as nri
from fakecri.api import ttrpc_pb2 as ttrpc
from fakecri.endpoints import UnusableAddress
from fakecri.errors import UsageError
from fakecri.nri.server import NRIServer
from tests.nri.wire_plugin import (
    BUFFER,
    REQUEST,
    RUNTIME,
    GoneError,
    Wire,
    WirePlugin,
    mux_frame,
)
from tests.server.served import until
from tests.support import Node

if TYPE_CHECKING:
    from collections.abc import Iterator

SECOND_NS = 1_000_000_000
SOON_NS = 50_000_000
PATIENCE_NS = 60 * SECOND_NS


@pytest.fixture
def directory() -> Iterator[Path]:
    """Return a directory whose path is short enough for sockets."""
    with TemporaryDirectory(prefix="fakecri-") as path:
        yield Path(path)


@pytest.fixture
def path(directory: Path) -> Path:
    return directory / "nri.sock"


@pytest.fixture
def node(path: Path) -> Iterator[Node]:
    with CRI(nri_socket=path) as cri:
        with cri.host.turn() as world:
            # Of real time: nobody is cut off here because the machine is slow.
            world.nri.registration_timeout_ns = world.nri.request_timeout_ns = PATIENCE_NS
        yield Node(cri, cri.runtime, cri.images, "object")


class Pods:
    """A plugin that is told of pods."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def run_pod_sandbox(self, pod: nri.PodSandbox) -> None:
        """Note it."""
        self.told.append(pod.name)


class Hangs(Pods):
    """One that does not answer until it may."""

    def __init__(self) -> None:
        super().__init__()
        self.may = threading.Event()

    def run_pod_sandbox(self, pod: nri.PodSandbox) -> None:
        """Note it, and hang."""
        super().run_pod_sandbox(pod)
        assert self.may.wait(30)


def test_a_plugin_over_a_socket_is_told_of_a_pod(node: Node, path: Path) -> None:
    plugin = Pods()
    with WirePlugin(path, plugin):
        node.run_sandbox("web")
        assert node.cri.nri.names == ["00-test"]
    assert plugin.told == ["web"]


def test_plugins_are_asked_in_the_order_of_their_indices(node: Node, path: Path) -> None:
    asked = []

    class Notes:
        def __init__(self, name: str) -> None:
            self.name = name

        def run_pod_sandbox(self, _: nri.PodSandbox) -> None:
            asked.append(self.name)

    with WirePlugin(path, Notes("late"), index="90"), WirePlugin(path, Notes("early"), index="05"):
        node.run_sandbox()
    assert asked == ["early", "late"]


def test_objects_and_connections_are_plugins_together(node: Node, path: Path) -> None:
    near, far = Pods(), Pods()
    with WirePlugin(path, far, index="10"), node.cri.nri.connect(near, index="20", name="near"):
        node.run_sandbox()
        assert node.cri.nri.names == ["10-test", "20-near"]
    assert near.told == far.told == ["web"]


def test_a_plugin_that_hangs_up_is_forgotten(node: Node, path: Path) -> None:
    plugin = Pods()
    with WirePlugin(path, plugin):
        node.run_sandbox("first")
    until(lambda: node.cri.nri.names == [])
    node.run_sandbox("second")
    assert plugin.told == ["first"]


def test_a_plugin_that_dies_over_a_request_is_as_if_it_had_not_been_there(
    node: Node, path: Path
) -> None:
    class Dies:
        def run_pod_sandbox(self, _: nri.PodSandbox) -> None:
            plugin.close()
            raise GoneError

    with WirePlugin(path, Dies()) as plugin:
        assert node.run_sandbox()
        assert node.cri.nri.names == []


def test_a_plugin_that_hangs_is_cut_off_in_real_time_where_virtual_time_leaps(
    node: Node, path: Path
) -> None:
    hanging = Hangs()
    with WirePlugin(path, hanging) as plugin:
        until(lambda: node.cri.nri.names == ["00-test"])
        with node.cri.host.turn() as world:
            world.nri.request_timeout_ns = SOON_NS
            before_ns = world.scheduler.now_ns
        assert node.run_sandbox()
        assert node.cri.nri.names == []
        hanging.may.set()
        plugin.wait_for_end()
    with node.cri.host.turn() as world:
        assert world.scheduler.now_ns - before_ns == SOON_NS


def test_who_says_nothing_is_cut_off_in_real_time_likewise(node: Node, path: Path) -> None:
    with node.cri.host.turn() as world:
        world.nri.registration_timeout_ns = SOON_NS
    assert Wire(path).is_gone


def test_time_does_not_leap_while_a_plugin_thinks(node: Node, path: Path) -> None:
    node.pull()
    container = node.run(node.run_sandbox("first"), "sleep", "1000")
    hanging = Hangs()
    with WirePlugin(path, hanging):
        with ThreadPoolExecutor() as pool:
            ran = pool.submit(node.run_sandbox, "second")
            until(lambda: bool(hanging.told))
            stopped = pool.submit(node.stop, container, 900)
            until(lambda: node.cri.calls[-1].rpc == "StopContainer")
            hanging.may.set()
            ran.result()
            stopped.result()
        assert node.cri.nri.names == ["00-test"]


def test_where_time_stands_nobody_is_cut_off_before_it_is_advanced(path: Path) -> None:
    with CRI(nri_socket=path, pace="manual") as cri:
        silent = Wire(path)
        with ThreadPoolExecutor() as pool:
            registered = pool.submit(WirePlugin, path, Pods())
            until(lambda: is_waiting(cri, 2))
            cri.advance("5s")
            assert silent.is_gone
            registered.result().close()


def is_waiting(cri: CRI, count: int) -> bool:
    """Whether so many connections are known to the runtime."""
    (server,) = (room for room in cri.host._rooms if isinstance(room, NRIServer))
    return len(server._wires) == count


def test_a_name_that_cannot_be_is_refused_and_another_plugin_has_its_turn(
    node: Node, path: Path
) -> None:
    wire = Wire(path)
    payload = nri.RegisterPluginRequest(plugin_name="a b", plugin_idx="00").SerializeToString()
    wire.call("RegisterPlugin", payload)
    answer = wire.receive().response
    assert answer.status.code == grpc.StatusCode.UNKNOWN.value[0]
    assert answer.status.message.startswith("invalid plugin name: ")
    with WirePlugin(path, Pods()):
        until(lambda: node.cri.nri.names == ["00-test"])
    wire.close()


def test_a_message_that_is_too_long_is_refused_and_the_next_one_is_answered(
    node: Node, path: Path
) -> None:
    wire = Wire(path)
    length = (4 << 20) + 1
    wire.write(mux_frame(RUNTIME, struct.pack(">IIBB", length, 1, REQUEST, 0)))
    for at in range(0, length, BUFFER):
        wire.write(mux_frame(RUNTIME, bytes(min(BUFFER, length - at))))
    status = wire.receive().response.status
    assert (status.code, status.message) == (
        grpc.StatusCode.RESOURCE_EXHAUSTED.value[0],
        "message length 4194305 exceed maximum message size of 4194304",
    )
    payload = nri.RegisterPluginRequest(plugin_name="a", plugin_idx="00").SerializeToString()
    wire.call("RegisterPlugin", payload, stream=3)
    assert wire.receive().response == ttrpc.Response()
    wire.close()


def test_more_than_a_message_takes_is_told_in_several(node: Node, path: Path) -> None:
    told: list[tuple[int, int]] = []

    class Counts:
        def synchronize(self, pods: list[nri.PodSandbox], containers: list[nri.Container]) -> None:
            told.append((len(pods), len(containers)))

    for number in range(24):
        node.run_sandbox(f"pod-{number}", annotations={"note": "x" * 250_000})
    with WirePlugin(path, Counts()) as plugin:
        until(lambda: node.cri.nri.names == ["00-test"])
        assert plugin.asked.count("Synchronize") > 1
    assert told == [(24, 0)]


def test_a_restart_ends_connections_and_plugins_may_come_again(node: Node, path: Path) -> None:
    plugin = WirePlugin(path, Pods())
    plugin.wait_for("Synchronize")
    node.cri.restart_runtime("1h")
    plugin.wait_for_end()
    with pytest.raises(ConnectionRefusedError):
        Wire(path)
    node.cri.advance("1h")
    with WirePlugin(path, Pods()) as again:
        node.run_sandbox()
    assert "RunPodSandbox" in again.asked


def test_the_socket_is_for_its_owner_alone_and_goes_with_the_runtime(path: Path) -> None:
    with CRI(nri_socket=f"unix://{path}"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert not path.exists()


def test_a_stale_socket_is_replaced(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(str(path))
    with CRI(nri_socket=path) as cri, WirePlugin(path, Pods()):
        until(lambda: cri.nri.names == ["00-test"])


def test_a_socket_that_is_in_use_is_left_alone(node: Node, path: Path) -> None:
    with pytest.raises(UnusableAddress, match="another server listens on"):
        CRI(nri_socket=path)
    with WirePlugin(path, Pods()):
        pass


@pytest.mark.parametrize(
    ("address", "text"),
    [
        ("127.0.0.1:0", "'127.0.0.1:0' is no unix socket, which plugins connect to"),
        ("unix:relative", "'unix:relative' has no absolute path: write unix:///path"),
        ("/no/such/place/nri.sock", "the directory of the socket /no/such/place/nri.sock"),
    ],
)
def test_an_address_that_cannot_be_is_refused(address: str, text: str) -> None:
    with pytest.raises(UsageError, match=re.escape(text)):
        CRI(nri_socket=address)


def test_a_file_that_is_no_socket_is_left_alone(path: Path) -> None:
    path.write_text("mine")
    with pytest.raises(UnusableAddress, match="exists and is not a socket"):
        CRI(nri_socket=path)
    assert path.read_text() == "mine"


def test_a_runtime_that_ends_lets_its_plugins_go(path: Path) -> None:
    with CRI(nri_socket=path):
        plugin = WirePlugin(path, Pods())
        plugin.wait_for("Synchronize")
    plugin.wait_for_end()
    with pytest.raises(GoneError):
        plugin.update_containers()


@given(st.lists(st.binary(max_size=200), max_size=4))
@settings(max_examples=20)
def test_whatever_comes_other_plugins_are_served(pieces: list[bytes]) -> None:
    with TemporaryDirectory(prefix="fakecri-") as directory:
        path = Path(directory, "nri.sock")
        with CRI(nri_socket=path) as cri:
            wire = Wire(path)
            with suppress(OSError):
                for piece in pieces:
                    wire.write(piece)
            wire.close()
            with WirePlugin(path, Pods()) as plugin:
                Node(cri, cri.runtime, cri.images, "object").run_sandbox()
            assert plugin.asked[-1] == "RunPodSandbox"
