"""WebSockets over real sockets: each subprotocol, tunnels, and what clients misuse."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from wsproto.events import Ping

from fakecri.core.net.daemons import echo_server
from fakecri.endpoints import ANY_PORT
from tests.core.net.pods import Pods
from tests.streaming import websocket_client
from tests.streaming.talks import attach_url, exec_url, forward_url
from tests.streaming.upgraded import RefusalError
from tests.streaming.websocket_client import (
    NORMAL,
    TUNNEL,
    V5,
    Channels,
    Command,
    Forwarded,
    WebSocket,
    frame,
)
from tests.support import node

if TYPE_CHECKING:
    from collections.abc import Iterator

BINARY = ("", "channel.k8s.io", "v4.channel.k8s.io", V5)
BASE64 = ("base64.channel.k8s.io", "v4.base64.channel.k8s.io")
BLOB = bytes(range(256)) * 20_000


@pytest.fixture
def net() -> Iterator[Pods]:
    with node("object", streaming_address=ANY_PORT) as opened:
        opened.pull("busybox")
        yield Pods(opened)


@pytest.fixture
def main(net: Pods) -> str:
    """Return a container that sleeps."""
    return net.node.run(net.pod(), "sleep", "1000000")


def open_exec(
    net: Pods, container: str, *command: str, protocol: str = V5, **fields: Any
) -> Command:
    return websocket_client.open(exec_url(net.node, container, *command, **fields), protocol)


def execs(net: Pods, container: str) -> int:
    """Count what runs beside a container's own process."""
    with net.cri.host.turn() as world:
        return len(world.store.containers.get(container).execs)


# Exec and attach.


@pytest.mark.parametrize("protocol", [*BINARY, *BASE64])
def test_each_subprotocol_carries_any_bytes_both_ways(net: Pods, main: str, protocol: str) -> None:
    command = ("head", "-c", str(len(BLOB)))
    with open_exec(net, main, *command, protocol=protocol, stdin=True) as stream:
        stream.write(BLOB)
        result = stream.result()
    assert stream.socket.protocol == protocol
    assert result.stdout == BLOB
    assert not result.cut
    assert result.exit_code == (0 if "v" in protocol else None)


def test_v5_ends_stdin_and_hears_the_rest(net: Pods, main: str) -> None:
    with open_exec(net, main, "sh", "-c", "cat; sleep 3; echo end; exit 4", stdin=True) as stream:
        stream.write(b"a line\n")
        stream.close_stdin()
        result = stream.result()
    assert (result.stdout, result.exit_code) == (b"a line\nend\n", 4)


def test_many_clients_are_served_at_once(net: Pods, main: str) -> None:
    def run(number: int) -> tuple[bytes, int | None]:
        with open_exec(net, main, "sh", "-c", f"sleep 1; echo {number}; exit {number}") as stream:
            result = stream.result()
            return result.stdout, result.exit_code

    with ThreadPoolExecutor(16) as crowd:
        assert list(crowd.map(run, range(64))) == [(b"%d\n" % each, each) for each in range(64)]


def test_a_ping_is_answered_while_a_process_runs(net: Pods, main: str) -> None:
    with open_exec(net, main, "cat", stdin=True) as stream:
        for number in range(3):
            stream.socket.send_event(Ping(payload=b"%d" % number))
            assert stream.socket.wait_for_pong() == b"%d" % number


def test_an_attachment_goes_on_when_another_has_left(net: Pods) -> None:
    cat = net.node.run(net.pod(), "cat", stdin=True)
    fields = {"stdin": True, "stdout": True}
    with websocket_client.open(attach_url(net.node, cat, **fields)) as first:
        with websocket_client.open(attach_url(net.node, cat, **fields), BINARY[2]) as second:
            second.write(b"both\n")
            assert [each.read() for each in (first, second)] == [b"both\n"] * 2
        first.write(b"one\n")
        assert first.read() == b"one\n"


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (frame(b"\x00x", mask=None), 1002),
        (frame(b"", 0x88), NORMAL),
        (frame(b"\xff"), NORMAL),
        (b"\x82\xff" + (1 << 40).to_bytes(8, "big") + b"mask", NORMAL),
    ],
    ids=["unmasked", "close", "bad signal", "too big"],
)
def test_misuse_ends_the_connection_and_the_process(
    net: Pods, main: str, content: bytes, code: int
) -> None:
    with open_exec(net, main, "cat", stdin=True) as stream:
        assert stream.receive()
        stream.socket.send_raw(content)
        assert stream.socket.rest() == []
        assert stream.socket.code == code
    assert execs(net, main) == 0


def test_what_is_not_spoken_is_refused(net: Pods, main: str) -> None:
    with pytest.raises(RefusalError, match="403 Forbidden"):
        open_exec(net, main, "true", protocol=TUNNEL)


# Port-forward.


def test_a_tunnel_carries_many_connections(net: Pods) -> None:
    pod = net.pod()
    net.run(pod, echo_server(7))
    with websocket_client.forward(forward_url(net.node, pod)) as forwarding:
        connections = [forwarding.connect(7) for _ in range(10)]
        for number, connection in enumerate(connections):
            connection.write(b"%d" % number)
        assert [each.read() for each in connections] == [b"%d" % each for each in range(10)]


def test_a_tunnel_carries_much(net: Pods) -> None:
    pod = net.pod()
    net.run(pod, echo_server(7))
    with websocket_client.forward(forward_url(net.node, pod)) as forwarding:
        connection = forwarding.connect(7)
        came = b""
        for start in range(0, len(BLOB), 1 << 18):
            piece = BLOB[start : start + (1 << 18)]
            connection.write(piece)
            while len(came) < start + len(piece):
                came += connection.read()
    assert came == BLOB


def test_a_tunnel_tells_of_a_port_where_nobody_listens(net: Pods) -> None:
    pod = net.pod()
    with websocket_client.forward(forward_url(net.node, pod)) as forwarding:
        connection = forwarding.connect(81)
        assert connection.error().startswith(b"error forwarding port 81 to pod ")


@pytest.mark.parametrize("protocol", ["", "v4.channel.k8s.io", "v4.base64.channel.k8s.io"])
def test_ports_are_forwarded_by_channels(net: Pods, protocol: str) -> None:
    pod = net.pod()
    net.run(pod, echo_server(7))
    protocols = [protocol] if protocol else []
    with WebSocket.open(forward_url(net.node, pod, 7, 7), *protocols) as opened:
        channels = Channels(opened)
        first, second = (Forwarded(channels, index) for index in range(2))
        first.write(b"one")
        second.write(b"two")
        assert (first.read(), second.read()) == (b"one", b"two")
