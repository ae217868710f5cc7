"""WebSockets without a socket, to the byte. Source: spec streaming 2.9 to 2.11."""

from __future__ import annotations

from base64 import b64encode
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fakecri.core.streaming.commands import Command
from tests.streaming.talks import Talk, attach_url, exec_url, forward_url
from tests.streaming.websocket_client import TUNNEL, V5, frame
from tests.support import node

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support import Node

V1, V4 = "channel.k8s.io", "v4.channel.k8s.io"
BASE64, V4_BASE64 = "base64.channel.k8s.io", "v4.base64.channel.k8s.io"

ACCEPT = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
CLOSE = b"\x88\x02\x03\xe8"
CLOSE_PROTOCOL_ERROR = b"\x88\x02\x03\xea"
SUCCESS = b'{"status":"Success"}'
FAILURE = b"command terminated with non-zero exit code: error executing command [sh -c exit 3]"


def accepted(protocol: str) -> bytes:
    return (
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Accept: {ACCEPT}\r\nSec-WebSocket-Protocol: {protocol}\r\n\r\n"
    ).encode()


def said(content: bytes, first: int = 0x82) -> bytes:
    """What the server sends as one message."""
    return frame(content, first, mask=None)


@pytest.fixture
def ready() -> Iterator[Node]:
    with node("object", pace="manual") as opened:
        opened.pull("busybox")
        yield opened


@pytest.fixture
def pod(ready: Node) -> str:
    return ready.run_sandbox()


@pytest.fixture
def main(ready: Node, pod: str) -> str:
    """Return a container that runs."""
    return ready.run(pod, "sleep", "99999")


def open_exec(node: Node, url: str, protocol: str = V4) -> tuple[Talk, bytes]:
    """Shake hands; return the connection and what came behind the answer."""
    talk = Talk(node)
    answer = talk.ask(url, *([protocol] if protocol else []))
    head = accepted(protocol)
    assert answer.startswith(head)
    return talk, answer.removeprefix(head)


# The handshake.


@pytest.mark.parametrize(
    ("offered", "chosen"),
    [
        ((), ""),
        ((V1,), V1),
        ((BASE64,), BASE64),
        ((V4,), V4),
        ((V4_BASE64,), V4_BASE64),
        ((V5,), V5),
        ((V1, V5), V1),
        (("v3.channel.k8s.io", V4_BASE64, V5), V4_BASE64),
        ((f" {V4} , ",), V4),
    ],
)
def test_the_first_subprotocol_that_both_speak_is_chosen(
    ready: Node, main: str, offered: tuple[str, ...], chosen: str
) -> None:
    answer = Talk(ready).ask(exec_url(ready, main, "true"), *offered)
    assert answer.startswith(accepted(chosen))


@pytest.mark.parametrize("protocol", ["", V4, V4_BASE64])
def test_a_port_forward_has_the_subprotocols_of_containerd(
    ready: Node, pod: str, protocol: str
) -> None:
    offered = [protocol] if protocol else []
    assert Talk(ready).ask(forward_url(ready, pod), *offered) == accepted(protocol) + CLOSE


@pytest.mark.parametrize(
    "protocol", ["v2.channel.k8s.io", "v3.channel.k8s.io", "V4.channel.k8s.io", TUNNEL, "x"]
)
def test_an_exec_over_another_subprotocol_is_forbidden(
    ready: Node, main: str, protocol: str
) -> None:
    talk = Talk(ready)
    answer = talk.ask(exec_url(ready, main, "true"), protocol)
    assert answer == b"HTTP/1.1 403 Forbidden\r\n\r\n"
    assert talk.front.ended


@pytest.mark.parametrize("protocol", [V1, BASE64, V5, "portforward.k8s.io"])
def test_a_port_forward_over_another_subprotocol_is_forbidden(
    ready: Node, pod: str, protocol: str
) -> None:
    answer = Talk(ready).ask(forward_url(ready, pod, 80), protocol)
    assert answer == b"HTTP/1.1 403 Forbidden\r\n\r\n"


BAD = b"HTTP/1.1 400 Bad Request\r\n"
BAD_VERSION = BAD + b"Sec-WebSocket-Version: 13\r\n\r\nmissing or bad WebSocket Version"


@pytest.mark.parametrize(
    ("change", "answer"),
    [
        ({"verb": "POST"}, b"HTTP/1.1 405 Method Not Allowed\r\n\r\nbad method"),
        ({"Sec_WebSocket_Version": "12"}, BAD_VERSION),
        ({"Sec_WebSocket_Version": None}, BAD_VERSION),
        ({"Sec_WebSocket_Key": None}, BAD + b"\r\nmismatch challenge/response"),
        (
            {"Connection": "close\r\nConnection: Upgrade"},
            BAD + b"\r\nnot websocket protocol",
        ),
    ],
)
def test_what_is_no_handshake_is_refused_as_by_go_and_burns_the_token(
    ready: Node, main: str, change: dict[str, str | None], answer: bytes
) -> None:
    url = exec_url(ready, main, "true")
    talk = Talk(ready)
    assert talk.ask(url, V4, **change) == answer  # type: ignore[arg-type]  # the verb is one
    assert talk.front.ended
    assert Talk(ready).ask(url, V4).startswith(b"HTTP/1.1 404 Not Found\r\n")


def test_a_refused_handshake_begins_no_session(ready: Node, main: str) -> None:
    Talk(ready).ask(exec_url(ready, main, "true"), "x")
    with ready.cri.host.turn() as world:
        assert not list(world.sessions)


# Output, status, end.


@pytest.mark.parametrize(
    ("protocol", "status"), [("", b""), (V1, b""), (V4, said(b"\x03" + SUCCESS))]
)
def test_the_messages_of_a_success(ready: Node, main: str, protocol: str, status: bytes) -> None:
    url = exec_url(ready, main, "sh", "-c", "echo hi; echo err >&2")
    talk, came = open_exec(ready, url, protocol)
    assert came == said(b"\x01") + said(b"\x01hi\n") + said(b"\x02err\n") + status + CLOSE
    assert talk.front.ended
    assert not talk.front.cut


def test_v5_has_the_messages_of_v4(ready: Node, main: str) -> None:
    for script in ("echo hi", "echo err >&2; exit 3"):
        urls = [exec_url(ready, main, "sh", "-c", script) for _ in range(2)]
        v4, v5 = (open_exec(ready, *each)[1] for each in zip(urls, (V4, V5), strict=True))
        assert v4 == v5


@pytest.mark.parametrize(("protocol", "version"), [(BASE64, 1), (V4_BASE64, 4)])
def test_base64_is_sent_as_text(ready: Node, main: str, protocol: str, version: int) -> None:
    url = exec_url(ready, main, "sh", "-c", "echo hi; echo err >&2")
    _, came = open_exec(ready, url, protocol)
    status = said(b"3" + b64encode(SUCCESS), 0x81) if version == 4 else b""
    outputs = said(b"1aGkK", 0x81) + said(b"2ZXJyCg==", 0x81)
    assert came == said(b"1", 0x81) + outputs + status + CLOSE


def test_a_failure_is_plain_text_before_v4(ready: Node, main: str) -> None:
    _, came = open_exec(ready, exec_url(ready, main, "sh", "-c", "exit 3"), V1)
    assert came == said(b"\x01") + said(b"\x03" + FAILURE + b", exit code 3") + CLOSE


@pytest.mark.parametrize(
    ("fields", "lowest"),
    [
        ({}, 1),
        ({"stderr": False}, 1),
        ({"stdout": False}, 2),
        ({"stdout": False, "stderr": False, "stdin": True}, 3),
    ],
)
def test_the_first_message_is_empty_and_on_the_lowest_channel_for_output(
    ready: Node, main: str, fields: dict[str, bool], lowest: int
) -> None:
    _, came = open_exec(ready, exec_url(ready, main, "sleep", "9", **fields))
    assert came == said(bytes([lowest]))


def test_output_that_was_not_asked_for_is_not_sent(ready: Node, main: str) -> None:
    url = exec_url(ready, main, "sh", "-c", "echo hi; echo err >&2", stdout=False)
    _, came = open_exec(ready, url)
    assert came == said(b"\x02") + said(b"\x02err\n") + said(b"\x03" + SUCCESS) + CLOSE


def test_large_output_is_sent_in_pieces_as_the_client_takes_them(ready: Node, main: str) -> None:
    talk = Talk(ready)
    url = exec_url(ready, main, "dd", "if=/dev/zero", "bs=1000000", "count=1", stderr=False)
    with ready.cri.host.turn():
        talk.front.feed(request_of(url))
    pieces = list(iter(talk.take, b""))
    assert max(len(piece) for piece in pieces) <= 65_536 + 32_768 + 4 + 4
    _, _, output = b"".join(pieces).partition(b"\r\n\r\n")
    assert stdout_of(output) == bytes(1_000_000)


def request_of(url: str, protocol: str = V4) -> bytes:
    """The bytes of a handshake."""
    path = "/" + url.split("/", 3)[3]
    return (
        f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: x\r\n"
        f"Sec-WebSocket-Protocol: {protocol}\r\n\r\n"
    ).encode()


def frames_of(output: bytes) -> Iterator[tuple[int, bytes]]:
    """The frames that a server has sent: the first byte of each, and what it carries."""
    while output:
        size, start = output[1], 2
        if size >= 126:
            start = 4 if size == 126 else 10
            size = int.from_bytes(output[2:start], "big")
        yield output[0], output[start : start + size]
        output = output[start + size :]


def stdout_of(output: bytes) -> bytes:
    """All that was sent on channel 1."""
    return b"".join(message[1:] for _, message in frames_of(output) if message[:1] == b"\x01")


# What the client says.


@pytest.fixture
def cat(ready: Node, main: str) -> Talk:
    """A client of cat, over v4."""
    return open_exec(ready, exec_url(ready, main, "cat", stdin=True))[0]


def hears(talk: Talk, content: bytes) -> bool:
    """Whether cat says what it is told: the conversation goes on."""
    return talk.say(frame(b"\x00" + content)) == said(b"\x01" + content)


@pytest.mark.parametrize("first", [0x82, 0x81], ids=["binary", "text"])
@pytest.mark.parametrize("protocol", ["", V1, V4, V5])
def test_stdin_is_what_a_message_says_after_a_zero(
    ready: Node, main: str, protocol: str, first: int
) -> None:
    talk, _ = open_exec(ready, exec_url(ready, main, "cat", stdin=True), protocol)
    assert talk.say(frame(b"\x00hello", first)) == said(b"\x01hello")
    assert talk.say(frame(b"\x00\xc3", first)) == said(b"\x01\xc3")  # text or not


@pytest.mark.parametrize("first", [0x82, 0x81], ids=["binary", "text"])
def test_stdin_may_be_base64(ready: Node, main: str, first: int) -> None:
    talk, _ = open_exec(ready, exec_url(ready, main, "cat", stdin=True), V4_BASE64)
    assert talk.say(frame(b"0aGkK", first)) == said(b"1aGkK", 0x81)
    assert talk.say(frame(b"0aG\r\nkK", first)) == said(b"1aGkK", 0x81)


@pytest.mark.parametrize(
    "text",
    [b"!!!", b"aGkKaGkK====", b"aGk", b"a", b"=", b"aG kK", b"aGkK\x00", b"\xff\xff\xff\xff"],
)
def test_what_is_no_base64_is_dropped(ready: Node, main: str, text: bytes) -> None:
    talk, _ = open_exec(ready, exec_url(ready, main, "cat", stdin=True), BASE64)
    assert talk.say(frame(b"0" + text)) == b""
    assert talk.say(frame(b"0aGkK")) == said(b"1aGkK", 0x81)


@pytest.mark.parametrize(
    "message",
    [b"", b"\x00", b"\x01out", b"\x02err", b"\x03no", b"\x05x", b"\x09x", b"\xff\x00", b"\xff"],
)
def test_messages_that_mean_nothing_are_ignored(cat: Talk, message: bytes) -> None:
    assert cat.say(frame(message)) == b""
    assert hears(cat, b"still there")


def test_each_fragment_is_a_message_of_its_own(cat: Talk) -> None:
    assert cat.say(frame(b"\x00frag", 0x02)) == said(b"\x01frag")
    assert cat.say(frame(b"\x00ment", 0x00)) == said(b"\x01ment")
    assert cat.say(frame(b"more", 0x80)) == b""
    assert hears(cat, b"whole")


def test_a_message_waits_for_its_last_byte(cat: Talk) -> None:
    content = frame(b"\x00" + b"x" * 300)
    for index in range(len(content) - 1):
        assert cat.say(content[index : index + 1]) == b""
        assert cat.front.is_forming
    assert cat.say(content[-1:]) == said(b"\x01" + b"x" * 300)
    assert not cat.front.is_forming


def test_pings_are_answered(cat: Talk) -> None:
    assert cat.say(frame(b"abc", 0x89)) == said(b"abc", 0x8A)
    assert cat.say(frame(b"", 0x89) + frame(b"\x00x")) == said(b"", 0x8A) + said(b"\x01x")
    assert cat.say(frame(b"pong", 0x8A)) == b""
    assert cat.say(frame(b"\x00half", 0x02) + frame(b"", 0x89)) == said(b"", 0x8A) + said(
        b"\x01half"
    )


def is_running(node: Node, container: str) -> bool:
    """Whether anything runs beside a container's own process."""
    with node.cri.host.turn() as world:
        return bool(world.store.containers.get(container).execs)


def test_a_frame_without_a_mask_is_a_protocol_error(ready: Node, main: str, cat: Talk) -> None:
    assert is_running(ready, main)
    assert cat.say(frame(b"\x00hi", mask=None)) == CLOSE_PROTOCOL_ERROR + CLOSE
    assert cat.front.ended
    assert cat.say(frame(b"\x00hi")) == b""
    assert not is_running(ready, main)


@pytest.mark.parametrize("content", [b"", b"\x03\xe8", b"\x03\xe9bye", b"x"])
def test_a_close_is_answered_with_one_that_says_1000(
    ready: Node, main: str, cat: Talk, content: bytes
) -> None:
    assert cat.say(frame(content, 0x88)) == CLOSE
    assert cat.front.ended
    assert not is_running(ready, main)


def test_a_message_may_have_32_mib_and_no_more(cat: Talk) -> None:
    limit = 32 << 20
    head = frame(b"")[:1] + bytes([0xFF]) + limit.to_bytes(8, "big") + bytes(4)
    assert cat.say(head + b"\x00" + bytes(limit // 2)) == b""
    assert cat.say(bytes(limit // 2 - 2)) == b""
    assert len(cat.say(bytes(1))) > limit
    head = frame(b"")[:1] + bytes([0xFF]) + (limit + 1).to_bytes(8, "big") + bytes(4)
    assert cat.say(head) == CLOSE
    assert cat.front.ended


def test_stdin_that_was_not_asked_for_goes_nowhere(ready: Node, main: str) -> None:
    talk, _ = open_exec(ready, exec_url(ready, main, "sleep", "5"))
    assert talk.say(frame(b"\x00hi")) == b""
    ready.cri.advance(5)
    assert talk.say() == said(b"\x03" + SUCCESS) + CLOSE


# v5.


@pytest.mark.parametrize("channel", [0, 1, 2, 3, 4])
def test_v5_can_close_channels(ready: Node, main: str, channel: int) -> None:
    talk, _ = open_exec(ready, exec_url(ready, main, "cat", stdin=True), V5)
    answer = talk.say(frame(b"\xff" + bytes([channel])))
    if channel == 0:
        assert answer == said(b"\x03" + SUCCESS) + CLOSE
    else:
        assert answer == b""
        assert hears(talk, b"on")


def test_what_comes_on_a_closed_channel_is_dropped(ready: Node, main: str) -> None:
    url = exec_url(ready, main, "sh", "-c", "cat; sleep 1; echo end", stdin=True)
    talk, _ = open_exec(ready, url, V5)
    assert talk.say(frame(b"\x00one") + frame(b"\xff\x00") + frame(b"\x00two")) == said(b"\x01one")
    assert talk.say(frame(b"\xff\x00")) == b""
    ready.cri.advance(1)
    assert talk.say() == said(b"\x01end\n") + said(b"\x03" + SUCCESS) + CLOSE


@pytest.mark.parametrize("message", [b"\xff", b"\xff\x05", b"\xff\xff", b"\xff\x00\x00"])
def test_another_close_signal_drops_the_connection(ready: Node, main: str, message: bytes) -> None:
    talk, _ = open_exec(ready, exec_url(ready, main, "cat", stdin=True), V5)
    assert talk.say(frame(message)) == CLOSE
    assert talk.front.ended
    assert not is_running(ready, main)


# Windows.


def window(talk: Talk) -> tuple[int, int] | None:
    assert isinstance(talk.session, Command)
    return talk.session.window


@pytest.mark.parametrize("protocol", [V4, V5])
def test_sizes_of_the_window_come_on_channel_4(ready: Node, main: str, protocol: str) -> None:
    talk, _ = open_exec(ready, exec_url(ready, main, "sh", tty=True, stdin=True), protocol)
    talk.say(frame(b'\x04{"Width":90,"Height":33}\n'))
    assert window(talk) == (90, 33)
    talk.say(frame(b'\x04{"Wid') + frame(b'\x04th":91,"Height":34}{"Width"'))
    assert window(talk) == (91, 34)
    talk.say(frame(b'\x04:1,"Height":2}'))
    assert window(talk) == (1, 2)


def test_sizes_may_be_base64(ready: Node, main: str) -> None:
    talk, _ = open_exec(ready, exec_url(ready, main, "sh", tty=True, stdin=True), V4_BASE64)
    talk.say(frame(b"4" + b64encode(b'{"Width":90,"Height":33}')))
    assert window(talk) == (90, 33)


def test_after_what_is_no_size_no_size_is_heard(ready: Node, main: str) -> None:
    talk, _ = open_exec(ready, exec_url(ready, main, "sh", tty=True, stdin=True), V5)
    talk.say(frame(b'\x04{"Width":90,"Height":33}[]{"Width":1,"Height":1}'))
    talk.say(frame(b'\x04{"Width":2,"Height":2}'))
    assert window(talk) == (90, 33)


# The stdin that is always there.


def test_a_terminal_without_stdin_loses_its_output_in_the_legacy_forms(
    ready: Node, main: str
) -> None:
    for protocol, is_lost in ((V4, True), (V5, False)):
        url = exec_url(ready, main, "sh", "-c", "sleep 1; echo b", tty=True)
        talk, _ = open_exec(ready, url, protocol)
        ready.cri.advance(1)
        output = talk.say()
        assert output.endswith(said(b"\x03" + SUCCESS) + CLOSE)
        assert (stdout_of(output).strip() == b"") == is_lost


@pytest.mark.parametrize(("protocol", "ends"), [(V4, True), (V5, False)])
def test_an_attachment_without_stdin_to_a_container_with_it_ends_in_the_legacy_forms(
    ready: Node, pod: str, protocol: str, ends: bool
) -> None:
    cat = ready.run(pod, "cat", name="cat", stdin=True)
    talk, came = open_exec(ready, attach_url(ready, cat, stdout=True), protocol)
    assert (came == said(b"\x01") + said(b"\x03" + SUCCESS) + CLOSE) == ends
    assert talk.front.ended == ends


# Back-pressure.


def test_a_client_is_not_read_from_while_the_process_does_not_read(ready: Node, main: str) -> None:
    url = exec_url(ready, main, "sh", "-c", "sleep 5; cat", stdin=True, stderr=False)
    talk, _ = open_exec(ready, url, V5)
    sent = 0
    while not talk.front.full:
        assert sent < 1 << 20
        assert talk.say(frame(b"\x00" + bytes(32_000))) == b""
        sent += 32_000
    assert not talk.front.is_forming
    assert talk.front.waits
    talk.say(frame(b"\x00" + bytes(32_000)) + frame(b"\xff\x00"))  # it was under way
    ready.cri.advance(5)
    output = talk.say()
    assert len(stdout_of(output)) == sent + 32_000
    assert output.endswith(said(b"\x03" + SUCCESS) + CLOSE)
    assert not talk.front.full


def test_a_client_that_takes_no_pongs_is_not_read_from(cat: Talk) -> None:
    with cat.host.turn():
        while not cat.front.full:
            cat.front.feed(frame(bytes(125), 0x89) * 10)
    assert set(cat.say()[:2]) == {0x8A, 125}
    assert not cat.front.full


def test_a_client_that_is_gone_takes_its_process_along(ready: Node, main: str, cat: Talk) -> None:
    with cat.host.turn():
        cat.front.hang_up()
    assert not is_running(ready, main)


def test_a_session_that_is_idle_for_four_hours_ends_without_a_word(
    ready: Node, main: str, cat: Talk
) -> None:
    ready.cri.advance(4 * 3600 - 1)
    assert hears(cat, b"x")
    ready.cri.advance(4 * 3600 - 1)
    assert cat.say() == b""
    ready.cri.advance(1)
    assert (cat.say(), cat.front.ended, cat.front.cut) == (b"", True, False)


# Any bytes.


@settings(deadline=None, max_examples=60)
@given(
    content=st.lists(
        st.one_of(
            st.binary(max_size=40),
            st.builds(frame, st.binary(max_size=200), st.integers(0, 255)),
            st.builds(
                lambda channel, content: frame(bytes([channel]) + content),
                st.sampled_from([0, 4, 255]),
                st.binary(max_size=80),
            ),
        ),
        max_size=12,
    ),
    protocol=st.sampled_from([V1, V4, V5, V4_BASE64]),
    size=st.integers(1, 50),
)
def test_however_bytes_come_they_mean_the_same_and_nothing_breaks(
    content: list[bytes], protocol: str, size: int
) -> None:
    whole = b"".join(content)
    with node("object", pace="manual") as opened:
        opened.pull("busybox")
        container = opened.run(opened.run_sandbox(), "sleep", "99999")
        answers = []
        for pieces in ([whole], [whole[i : i + size] for i in range(0, len(whole), size)]):
            url = exec_url(opened, container, "sh", "-c", "read x; cat >&2", stdin=True)
            talk, answer = open_exec(opened, url, protocol)
            for piece in pieces:
                answer += talk.say(piece)
            answers.append((answer, talk.front.ended))
    (at_once, ended), (in_pieces, ended_too) = answers
    assert ended == ended_too
    if not ended:  # else something may have been said before the end, or not
        assert joined(at_once) == joined(in_pieces)


def joined(output: bytes) -> dict[int, bytes]:
    """All that was said, by the first byte of the frame."""
    whole: dict[int, bytes] = {}
    for first, message in frames_of(output):
        whole[first] = whole.get(first, b"") + message[1:]
    return whole
