"""WebSockets to the streams of a runtime, message by message: the forms that containerd speaks."""

from __future__ import annotations

from base64 import b64encode
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from wsproto.events import Ping

from fakecri.api import runtime_pb2 as pb
from fakecri.channel import connect, runtime_stub
from tests.real.runtimes import REAL, Difference
from tests.real.test_crictl_forwards import web_server
from tests.streaming import http_client
from tests.streaming.http_client import Answer
from tests.streaming.websocket_client import (
    NORMAL,
    TUNNEL,
    V5,
    Channels,
    Command,
    Forwarded,
    WebSocket,
    frame,
    offers,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.real.runtimes import Runtime, Stage

pytestmark = pytest.mark.real

V1, V4 = "channel.k8s.io", "v4.channel.k8s.io"
BASE64, V4_BASE64 = "base64.channel.k8s.io", "v4.base64.channel.k8s.io"
SUCCESS = Difference(
    real=b'{"metadata":{},"status":"Success"}',
    fake=b'{"status":"Success"}',
    why="the Status of 1.6 is that of apimachinery, with its metadata",
)
FAILURE = b"command terminated with non-zero exit code: error executing command "
TODAYS = Difference(
    real=403, fake=101, why="no runtime speaks what today's clients want; the fake does"
)


@dataclass
class Client:
    """A client of a container that runs, and of its pod."""

    stage: Stage
    stub: Any
    pod: str
    main: str
    opened: ExitStack

    def exec_url(self, *command: str, **fields: Any) -> str:
        """Ask for an exec."""
        fields = {"stdout": True, "stderr": not fields.get("tty"), **fields}
        request = pb.ExecRequest(container_id=self.main, cmd=command, **fields)
        return str(self.stub.Exec(request).url)

    def attach_url(self, container: str, **fields: Any) -> str:
        """Ask to be attached."""
        return str(self.stub.Attach(pb.AttachRequest(container_id=container, **fields)).url)

    def forward_url(self, *ports: int) -> str:
        """Ask for ports of the pod."""
        request = pb.PortForwardRequest(pod_sandbox_id=self.pod, port=ports)
        return str(self.stub.PortForward(request).url)

    def exec(self, *command: str, protocol: str = V4, **fields: Any) -> Command:
        """Execute a command, and wait for the first message, which is empty."""
        opened = Command(self.open(self.exec_url(*command, **fields), protocol))
        assert opened.receive()
        return opened

    def open(self, url: str, protocol: str = V4) -> WebSocket:
        """Use a URL, until the end of the test."""
        protocols = [protocol] if protocol else []
        return self.opened.enter_context(WebSocket.open(url, *protocols))


@pytest.fixture
def client(runtime: Runtime, stage: Stage) -> Iterator[Client]:
    pod = stage.pod()
    with connect(runtime.endpoint) as channel, ExitStack() as opened:
        main = pod.start("main", "sleep", "300")
        yield Client(stage, runtime_stub(channel), pod.id, main, opened)


def rest(opened: Channels) -> list[tuple[int, bytes]]:
    """All messages, to the end, which is a proper one. Neighbours on a channel are one."""
    while opened.receive():
        pass
    assert opened.socket.code == NORMAL
    joined: list[tuple[int, bytes]] = []
    for channel, content in opened.messages:
        if joined and joined[-1][1] and joined[-1][0] == channel:
            content = joined.pop()[1] + content  # noqa: PLW2901  # it goes on
        joined.append((channel, content))
    return joined


def answer_to(url: str, method: str, change: dict[str, str | None]) -> Answer:
    """What a handshake is answered, with other header lines; None: without one."""
    lines = {**dict(offers(V4)), **change}
    kept = [(name, value) for name, value in lines.items() if value is not None]
    connection, answer = http_client.ask(url, method, kept)
    connection.close()
    return answer


# The handshake.


@pytest.mark.parametrize(
    ("method", "change", "line", "lines", "body"),
    [
        ("POST", {}, "405 Method Not Allowed", (), b"bad method"),
        (
            "GET",
            {"Sec-WebSocket-Version": "8"},
            "400 Bad Request",
            (("Sec-WebSocket-Version", "13"),),
            b"missing or bad WebSocket Version",
        ),
        (
            "GET",
            {"Sec-WebSocket-Key": None},
            "400 Bad Request",
            (),
            b"mismatch challenge/response",
        ),
        ("GET", {"Sec-WebSocket-Protocol": "v3.channel.k8s.io"}, "403 Forbidden", (), b""),
    ],
)
def test_a_handshake_is_refused_in_plain_words(
    client: Client,
    method: str,
    change: dict[str, str | None],
    line: str,
    lines: http_client.Lines,
    body: bytes,
) -> None:
    answer = answer_to(client.exec_url("true"), method, change)
    assert answer == Answer(f"HTTP/1.1 {line}", lines, body)


@pytest.mark.parametrize(
    ("offered", "chosen"),
    [(None, ""), (f"v2.channel.k8s.io, {BASE64},{V4}", BASE64), (f"x,{V1}", V1), (V4, V4)],
)
def test_the_first_known_subprotocol_is_chosen(
    client: Client, offered: str | None, chosen: str
) -> None:
    change = {"Sec-WebSocket-Protocol": offered}
    assert answer_to(client.exec_url("true"), "GET", change).lines == (
        ("Upgrade", "websocket"),
        ("Connection", "Upgrade"),
        ("Sec-WebSocket-Accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="),
        ("Sec-WebSocket-Protocol", chosen),
    )


def test_todays_subprotocols_are_for_the_fake(client: Client, runtime: Runtime) -> None:
    for url, protocol in ((client.exec_url("true"), V5), (client.forward_url(), TUNNEL)):
        answer = answer_to(url, "GET", {"Sec-WebSocket-Protocol": protocol})
        assert answer.status == runtime.expects(TODAYS)


# Exec and attach.


@pytest.mark.parametrize("protocol", ["", V1, BASE64, V4, V4_BASE64])
def test_a_success_has_a_status_since_v4(client: Client, runtime: Runtime, protocol: str) -> None:
    script = "echo hi; read line; echo err >&2"
    opened = client.exec("sh", "-c", script, protocol=protocol, stdin=True)
    assert opened.read() == b"hi\n"
    opened.write(b"\n")
    status = [(3, runtime.expects(SUCCESS))] if "v4" in protocol else []
    assert rest(opened) == [(1, b""), (1, b"hi\n"), (2, b"err\n"), *status]


@pytest.mark.parametrize("protocol", ["", V1, BASE64])
def test_a_failure_is_told_in_plain_text_before_v4(client: Client, protocol: str) -> None:
    messages = rest(client.exec("sh", "-c", "exit 3", protocol=protocol))
    assert messages[0] == (1, b"")
    assert messages[1][1].startswith(FAILURE)
    assert [channel for channel, _ in messages] == [1, 3]


@pytest.mark.parametrize("protocol", [V4, V4_BASE64])
def test_a_failure_is_told_as_json_since_v4(client: Client, protocol: str) -> None:
    opened = client.exec("sh", "-c", "echo out; exit 3", protocol=protocol)
    result = opened.result()
    assert (result.exit_code, result.stdout, result.cut) == (3, b"out\n", False)


@pytest.mark.parametrize(
    ("fields", "lowest"),
    [
        ({}, 1),
        ({"stdout": False}, 2),
        ({"stdout": False, "stderr": False, "stdin": True}, 3),
    ],
)
def test_the_first_message_is_on_the_lowest_channel_for_output(
    client: Client, fields: dict[str, Any], lowest: int
) -> None:
    assert client.exec("sleep", "1", **fields).messages == [(lowest, b"")]


@pytest.mark.parametrize(
    "ignored",
    [
        frame(b""),
        frame(b"\x00"),
        frame(b"\x01out"),
        frame(b"\x03no"),
        frame(b"\x05x"),
        frame(b"\xff\x00"),
        frame(b"\xff\x00\x00"),
        frame(b"unasked", 0x8A),
    ],
)
def test_what_means_nothing_is_ignored(client: Client, ignored: bytes) -> None:
    opened = client.exec("cat", stdin=True)
    opened.socket.send_raw(ignored + frame(b"\x00hi\n"))
    assert opened.read() == b"hi\n"


def test_each_frame_is_a_message_whatever_it_says_it_is(client: Client) -> None:
    opened = client.exec("head", "-c", "19", stdin=True)
    frames = [(b"\x00text,", 0x81), (b"\x00frag", 0x02), (b"more", 0x00), (b"\x00ment,", 0x80)]
    opened.socket.send_raw(b"".join(frame(*each) for each in frames))
    opened.send(0, b"last\n")
    assert opened.result().stdout == b"text,fragment,last\n"


def test_pings_are_answered(client: Client) -> None:
    opened = client.exec("cat", stdin=True)
    opened.socket.send_event(Ping(payload=b"abc"))
    assert opened.socket.wait_for_pong() == b"abc"


@pytest.mark.parametrize("text", [b"!!!", b"aGk", b"aGkKaGkK====", b"aG kK", b"="])
def test_what_is_no_base64_is_dropped(client: Client, text: bytes) -> None:
    opened = client.exec("cat", stdin=True, protocol=V4_BASE64)
    opened.socket.send_raw(frame(b"0" + text, 0x81) + frame(b"0" + b64encode(b"a\n"), 0x81))
    assert opened.read() == b"a\n"
    opened.socket.send_raw(frame(b"0Y\r\ngo=", 0x82))  # neither lines nor the kind matter
    assert opened.read() == b"b\n"


@pytest.mark.parametrize("content", [b"", b"\x03\xe8", b"\x03\xe9away", b"x"])
def test_a_close_is_answered_with_a_normal_one(client: Client, content: bytes) -> None:
    opened = client.exec("sleep", "300")
    opened.socket.send_raw(frame(content, 0x88))
    assert rest(opened) == [(1, b"")]


def test_a_frame_without_a_mask_is_a_protocol_error(client: Client) -> None:
    opened = client.exec("cat", stdin=True)
    opened.socket.send_raw(frame(b"\x00hi", mask=None))
    assert opened.socket.next() is None
    assert opened.socket.code == 1002


def test_a_message_beyond_32_mib_ends_it(client: Client) -> None:
    opened = client.exec("cat", stdin=True)
    opened.socket.send_raw(b"\x82\xff" + ((32 << 20) + 1).to_bytes(8, "big") + b"mask\x00")
    assert rest(opened) == [(1, b"")]


def test_a_terminal_has_the_size_that_channel_4_tells(client: Client) -> None:
    # On a real machine a size takes effect a moment later.
    script = "read line; until stty size 2>&1 | grep '34 91'; do :; done"
    opened = client.exec("sh", "-c", script, tty=True, stdin=True)
    opened.resize(90, 33)
    opened.send(4, b'{"Wid')
    opened.send(4, b'th":91,"Height":34}')
    opened.write(b"\n")
    assert opened.result().stdout.endswith(b"\r\n34 91\r\n")


def test_a_terminal_without_stdin_loses_its_output(client: Client) -> None:
    opened = client.exec("sh", "-c", "sleep 0.5; echo late", tty=True)
    result = opened.result()
    assert (result.stdout, result.exit_code) == (b"", 0)


def test_an_attachment_without_stdin_to_a_container_with_it_ends_at_once(
    client: Client, stage: Stage, runtime: Runtime
) -> None:
    cat = stage.pod().start("cat", "cat", stdin=True)

    def told() -> list[tuple[int, bytes]]:
        return rest(Command(client.open(client.attach_url(cat, stdout=True))))

    try:
        found = told()
    except TimeoutError:
        # One in thousands lasts: there was no stdin before a containerd had added stdout.
        assert runtime.name == REAL
        found = told()
    assert found == [(1, b""), (3, runtime.expects(SUCCESS))]


def test_an_attachment_gets_what_is_written(client: Client, stage: Stage) -> None:
    cat = stage.pod().start("cat", "cat", stdin=True)
    opened = Command(client.open(client.attach_url(cat, stdin=True, stdout=True)))
    assert opened.receive()
    opened.write(b"hello\n")
    assert opened.read() == b"hello\n"


def test_ten_million_bytes_come_back(client: Client) -> None:
    content = bytes(range(256)) * 40_000
    opened = client.exec("sh", "-c", f"head -c {len(content)}", stdin=True)
    opened.write(content)
    result = opened.result()
    assert result.stdout == content
    assert result.exit_code == 0


# Port-forward.


@pytest.mark.parametrize("protocol", ["", V4, V4_BASE64])
def test_no_ports_are_no_work(client: Client, protocol: str) -> None:
    opened = Channels(client.open(client.forward_url(), protocol))
    assert rest(opened) == []


@pytest.mark.parametrize("protocol", ["", V4, V4_BASE64])
def test_a_port_where_nobody_listens_is_told_on_its_second_channel(
    client: Client, protocol: str
) -> None:
    opened = Channels(client.open(client.forward_url(0x1234), protocol))
    first, (channel, error) = rest(opened)
    assert (first, channel) == ((0, b"\x34\x12"), 1)
    text = f"error forwarding port {0x1234} to pod {client.pod}, uid : "
    assert error.startswith(b"\x34\x12" + text.encode())


def test_ports_are_forwarded_side_by_side(client: Client, stage: Stage) -> None:
    pod = stage.pod()
    web_server(pod, 80, 81)
    client.pod = pod.id
    opened = Channels(client.open(client.forward_url(80, 81)))
    ports = [Forwarded(opened, index) for index in range(2)]
    assert [each.port for each in ports] == [80, 81]
    for each in ports:
        each.write(b"GET / HTTP/1.0\r\n\r\n")
    assert rest(opened)[0] == (0, b"\x50\x00")
    for each in ports:
        assert each.read().startswith(b"HTTP/1.1 200 OK\r\n")
        assert each.error() == b""
