"""Port-forward over WebSockets without a socket, to the byte. Source: spec 2.9.8 and 2.11."""

from __future__ import annotations

from base64 import b64encode
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.streaming.talks import Talk, forward_url
from tests.streaming.test_websockets import CLOSE, V4, V4_BASE64, accepted, frames_of, said
from tests.streaming.websocket_client import TUNNEL, frame
from tests.support import node

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fakecri.core.processes import Process
    from fakecri.core.scheduler import Waits
    from fakecri.core.streaming.sessions import Session
    from tests.support import Node

REQUEST = b"GET /missing HTTP/1.1\r\nHost: web\r\nConnection: close\r\n\r\n"


@pytest.fixture
def ready() -> Iterator[Node]:
    with node("object", pace="manual") as opened:
        opened.pull("nginx")
        yield opened


@pytest.fixture
def pod(ready: Node) -> str:
    """Return a pod with a web server."""
    made = ready.run_sandbox()
    ready.run(made, image="nginx")
    return made


def open_forward(node: Node, url: str, protocol: str = V4) -> tuple[Talk, bytes]:
    """Shake hands; return the connection and what came behind the answer."""
    talk = Talk(node)
    answer = talk.ask(url, protocol)
    return talk, answer.removeprefix(accepted(protocol))


def refused(pod: str, port: int) -> bytes:
    """What is told of a port where nobody listens."""
    return (
        f"error forwarding port {port} to pod {pod}, uid : failed to execute portforward in "
    ).encode()


# Channels.


def test_each_port_has_two_channels_that_are_told_its_number(ready: Node, pod: str) -> None:
    _, came = open_forward(ready, forward_url(ready, pod, 80, 80))
    assert came == b"".join(said(bytes([channel, 80, 0])) for channel in range(4))


def test_ports_are_told_in_little_endian(ready: Node, pod: str) -> None:
    _, came = open_forward(ready, forward_url(ready, pod, 0x1234))
    assert came.startswith(said(b"\x00\x34\x12") + said(b"\x01\x34\x12"))


def test_what_is_sent_on_a_channel_goes_to_its_port(ready: Node, pod: str) -> None:
    talk, _ = open_forward(ready, forward_url(ready, pod, 80, 80))
    messages = [message for _, message in frames_of(talk.say(frame(b"\x02" + REQUEST)))]
    assert {message[0] for message in messages} == {2}
    assert b"".join(message[1:] for message in messages).startswith(b"HTTP/1.1 404 Not Found\r\n")
    ready.cri.advance(1)  # one way has ended: containerd waits so long for the other
    assert talk.say() == b""
    assert not talk.front.ended


def test_it_ends_when_all_connections_have(ready: Node, pod: str) -> None:
    talk, _ = open_forward(ready, forward_url(ready, pod, 80))
    talk.say(frame(b"\x00" + REQUEST))
    ready.cri.advance(1)
    assert talk.say() == CLOSE
    assert talk.front.ended


def test_a_port_where_nobody_listens_is_told_on_its_channel_for_errors(
    ready: Node, pod: str
) -> None:
    _, came = open_forward(ready, forward_url(ready, pod, 81))
    start = said(b"\x00\x51\x00") + said(b"\x01\x51\x00")
    assert came.startswith(start)
    (_, error), close = frames_of(came.removeprefix(start))
    assert error.startswith(b"\x01" + refused(pod, 81))
    assert close == (0x88, b"\x03\xe8")


def test_channels_may_be_base64(ready: Node, pod: str) -> None:
    talk, came = open_forward(ready, forward_url(ready, pod, 80), V4_BASE64)
    port = b64encode(b"\x50\x00")
    assert came == said(b"0" + port, 0x81) + said(b"1" + port, 0x81)
    answer = talk.say(frame(b"0" + b64encode(REQUEST), 0x81))
    assert next(iter(frames_of(answer)))[1].startswith(b"0" + b64encode(b"HTTP/1.1 404")[:15])


@pytest.mark.parametrize("message", [b"", b"\x00", b"\x01x", b"\x02x", b"\xff\x00"])
def test_messages_that_mean_nothing_are_ignored(ready: Node, pod: str, message: bytes) -> None:
    talk, _ = open_forward(ready, forward_url(ready, pod, 80))
    assert talk.say(frame(message)) == b""
    assert talk.say(frame(b"\x00" + REQUEST))


@pytest.mark.parametrize("port", [-1, 0, 65_536, 2**31 - 1])
def test_a_port_that_is_none_is_refused_by_the_network(ready: Node, pod: str, port: int) -> None:
    talk, came = open_forward(ready, forward_url(ready, pod, port))
    number = (port & 0xFFFF).to_bytes(2, "little")
    assert came.startswith(said(b"\x00" + number) + said(b"\x01" + number))
    assert came.endswith(CLOSE)
    assert talk.front.ended


def test_ports_beyond_the_last_channel_begin_anew(ready: Node, pod: str) -> None:
    """A channel is a byte, as in containerd."""
    _, came = open_forward(ready, forward_url(ready, pod, *[80] * 129))
    assert came.endswith(said(b"\xff\x50\x00") + said(b"\x00\x50\x00") + said(b"\x01\x50\x00"))


def test_a_client_is_not_read_from_while_the_pod_does_not_read(ready: Node, pod: str) -> None:
    def ignore(process: Process) -> Waits[int]:
        yield from process.listen(7).accept()
        yield from process.sleep(100)
        return 0

    ready.cri.register(ignore, command="ignore")
    ready.run(pod, "ignore", image="nginx", name="ignore")
    talk, _ = open_forward(ready, forward_url(ready, pod, 7))
    sent = 0
    while not talk.front.full:
        assert sent < 1 << 20
        talk.say(frame(b"\x00" + bytes(32_000)))
        sent += 32_000
    assert talk.front.waits
    assert not talk.front.is_forming
    ready.cri.advance(101)  # it ends with much unread: a reset
    assert talk.say(frame(b"\x00")).endswith(CLOSE)


# A tunnel.


class Inside:
    """What is in a tunnel: it says twice what it hears."""

    is_forming, waits, cut = False, True, False

    def __init__(self, session: Session) -> None:
        self.session = session
        self.heard = b""
        self.full = self.ended = False

    def feed(self, content: bytes) -> None:
        self.heard += content * 2

    def take(self) -> bytes:
        heard, self.heard = self.heard[:50_000], self.heard[50_000:]
        return heard

    def hang_up(self, reason: str = "client") -> None:
        self.session.hang_up(reason)
        self.ended = True


class Tunnelled:
    """A tunnel, and what is in it."""

    inside: Inside

    def __init__(self, node: Node, pod: str) -> None:
        self.talk = Talk(node, self._speak)
        assert self.talk.ask(forward_url(node, pod), TUNNEL) == accepted(TUNNEL)

    def _speak(self, session: Session, protocol: str) -> Inside:
        assert protocol == "portforward.k8s.io"
        self.inside = Inside(session)
        return self.inside


@pytest.fixture
def tunnel(ready: Node, pod: str) -> Tunnelled:
    return Tunnelled(ready, pod)


def test_what_comes_in_messages_and_fragments_is_one_stream(tunnel: Tunnelled) -> None:
    assert tunnel.talk.say(frame(b"ab")) == said(b"abab")
    assert tunnel.talk.say(frame(b"c", 0x02) + frame(b"", 0x00)) == said(b"cc")
    assert tunnel.talk.say(frame(b"d", 0x80) + frame(b"e")) == said(b"ddee")


def test_a_message_of_a_tunnel_need_not_be_complete(tunnel: Tunnelled) -> None:
    content = frame(b"abc")
    assert tunnel.talk.say(content[:-1]) == said(b"abab")
    assert tunnel.talk.front.is_forming
    assert tunnel.talk.say(content[-1:]) == said(b"cc")
    assert not tunnel.talk.front.is_forming


def test_a_message_of_a_tunnel_may_have_any_size(tunnel: Tunnelled) -> None:
    head = b"\x82\xff" + (1 << 40).to_bytes(8, "big") + bytes(4)
    assert tunnel.talk.say(head + b"abc") == said(b"abcabc")


def test_text_in_a_tunnel_ends_it(tunnel: Tunnelled) -> None:
    assert tunnel.talk.say(frame(b"text", 0x81)) == CLOSE
    assert tunnel.inside.ended


@pytest.mark.parametrize("first", [0x88, 0x83])
def test_a_tunnel_ends_with_its_websocket(tunnel: Tunnelled, first: int) -> None:
    assert tunnel.talk.say(frame(b"", first)).endswith(CLOSE)
    assert tunnel.inside.ended
    assert tunnel.talk.front.ended


def test_a_tunnel_ends_behind_what_was_said_in_it(tunnel: Tunnelled) -> None:
    with tunnel.talk.host.turn():
        tunnel.inside.heard = b"bye"
        tunnel.inside.ended = True
    assert tunnel.talk.say() == said(b"bye") + CLOSE


def test_a_tunnel_waits_while_what_is_inside_is_full(tunnel: Tunnelled) -> None:
    tunnel.inside.full = True
    assert tunnel.talk.say(frame(b"ab") + frame(b"c")[:-1]) == b""
    assert tunnel.talk.front.full
    assert not tunnel.talk.front.is_forming
    tunnel.inside.full = False
    assert tunnel.talk.say() == said(b"abab")


def test_a_tunnel_hands_on_that_the_client_is_gone(tunnel: Tunnelled) -> None:
    with tunnel.talk.host.turn():
        tunnel.talk.front.hang_up()
    assert tunnel.inside.ended


@settings(deadline=None, max_examples=30)
@given(st.lists(st.tuples(st.binary(max_size=70), st.sampled_from([0x82, 0x02, 0x00, 0x80]))))
def test_the_messages_of_a_tunnel_are_what_they_carry(pieces: list[tuple[bytes, int]]) -> None:
    with node("object", pace="manual") as opened:
        tunnel = Tunnelled(opened, opened.run_sandbox())
        answer = tunnel.talk.say(b"".join(frame(*piece) for piece in pieces))
    said_ = b"".join(message for _, message in frames_of(answer))
    assert said_ == b"".join(content * 2 for content, _ in pieces)
