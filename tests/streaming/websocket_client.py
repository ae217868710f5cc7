"""A blocking WebSocket client of exec, attach and port-forward; and for misuse.

    with websocket_client.open(url) as stream:
        stream.write(b"hello")
        stream.close_stdin()
        assert stream.result().stdout == b"hello"

    with websocket_client.forward(url) as forwarding:        # SPDY in a tunnel
        connection = forwarding.connect(80)

Below them is a `WebSocket`: it sends any bytes, and gives each message that comes.
"""

from __future__ import annotations

import base64
import json
from collections import deque
from typing import TYPE_CHECKING, Any, Self

from wsproto.connection import Connection, ConnectionState, ConnectionType
from wsproto.events import BytesMessage, CloseConnection, Event, Ping, Pong, TextMessage

from fakecri.stream import StreamResult
from tests.streaming import http_client, spdy_client
from tests.streaming.http_client import CHUNK
from tests.streaming.upgraded import HungUp, RefusalError, Upgraded

if TYPE_CHECKING:
    import socket
    import ssl

    from wsproto.frame_protocol import CloseReason

V5 = "v5.channel.k8s.io"
TUNNEL = "SPDY/3.1+portforward.k8s.io"
KEY = "dGhlIHNhbXBsZSBub25jZQ=="
NORMAL = 1000

_CHANNELS = ("stdin", "stdout", "stderr", "error", "resize")
_PIECE = 32_768


def offers(*protocols: str) -> list[tuple[str, str]]:
    """Return the header lines of a request for a WebSocket."""
    lines = [
        ("Connection", "Upgrade"),
        ("Upgrade", "websocket"),
        ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Key", KEY),
    ]
    return [*lines, ("Sec-WebSocket-Protocol", ", ".join(protocols))] if protocols else lines


def frame(content: bytes, first: int = 0x82, mask: bytes | None = b"\x01\x02\x03\x04") -> bytes:
    """Write a frame by hand; `first` has the FIN bit and the opcode. No mask: unmasked."""
    size = len(content)
    bit = 0x80 if mask else 0
    if size < 126:
        head = bytes([first, bit | size])
    elif size < 1 << 16:
        head = bytes([first, bit | 126]) + size.to_bytes(2, "big")
    else:
        head = bytes([first, bit | 127]) + size.to_bytes(8, "big")
    if mask is None:
        return head + content
    pad = (mask * (size // 4 + 1))[:size]
    masked = int.from_bytes(content, "big") ^ int.from_bytes(pad, "big")
    return head + mask + masked.to_bytes(size, "big")


class WebSocket(Upgraded):
    """Messages over a connection that has been upgraded."""

    def __init__(self, opened: socket.socket, answer: http_client.Answer) -> None:
        """Of the answer to a request for the upgrade; see `open`."""
        super().__init__(opened)
        self.protocol = answer.find("Sec-WebSocket-Protocol")
        self.code: CloseReason | int | None = None
        """The code of the Close that came; None: none has come."""
        self.pongs: list[bytes] = []
        self._messages: deque[bytes | str] = deque()
        self._pieces: list[Any] = []
        self._frames = Connection(ConnectionType.CLIENT, trailing_data=answer.rest)
        self._parse()

    @classmethod
    def open(cls, url: str, *protocols: str, context: ssl.SSLContext | None = None) -> Self:
        """Ask for an upgrade, and offer subprotocols. RefusalError where the server says no."""
        opened, answer = http_client.ask(url, "GET", offers(*protocols), context=context)
        if answer.status != 101:
            opened.close()
            raise RefusalError(answer)
        return cls(opened, answer)

    def fileno(self) -> int:
        """For `select`."""
        return self._socket.fileno()

    # Sending.

    def send(self, message: bytes | str) -> None:
        """Send a message of one frame, as binary or as text."""
        if isinstance(message, str):
            self.send_event(TextMessage(data=message))
        else:
            self.send_event(BytesMessage(data=message))

    def send_event(self, event: Event) -> None:
        """Send a ping, a fragment, a close."""
        self.send_raw(self._frames.send(event))

    # Receiving.

    def next(self) -> bytes | str | None:
        """Wait for the next message; None: no more will come. Pings are answered."""
        while not (self._messages or self.closed):
            self.receive()
        return self._messages.popleft() if self._messages else None

    def rest(self) -> list[bytes | str]:
        """Wait for the end; return all messages that come until then."""
        messages = []
        while (message := self.next()) is not None:
            messages.append(message)
        return messages

    def wait_for_pong(self) -> bytes:
        """Return what the next pong carries."""
        while not self.pongs:
            self.receive()
        return self.pongs.pop(0)

    def receive(self) -> None:
        """Wait for the next bytes, and take them in."""
        try:
            chunk = self._socket.recv(CHUNK)
        except ConnectionResetError:
            chunk = b""
        if not chunk:
            self.closed = True
        elif self._frames.state is ConnectionState.OPEN:
            self._frames.receive_data(chunk)
            self._parse()

    def _parse(self) -> None:
        for event in self._frames.events():
            match event:
                case Ping():
                    self.send_event(event.response())
                case Pong():
                    self.pongs.append(bytes(event.payload))
                case CloseConnection():
                    self.code = event.code
                case BytesMessage() | TextMessage():
                    self._keep(event)

    def _keep(self, event: BytesMessage | TextMessage) -> None:
        self._pieces.append(event.data)
        if event.message_finished:
            whole = "" if isinstance(event.data, str) else b""
            self._messages.append(whole.join(self._pieces))
            self._pieces = []


class Channels(HungUp):
    """Channels over a WebSocket."""

    def __init__(self, socket: WebSocket) -> None:
        self.socket = socket
        self.messages: list[tuple[int, bytes]] = []
        """All that came, in order."""
        self._is_base64 = "base64" in (socket.protocol or "")
        self._arrived: dict[int, deque[bytes]] = {}

    def send(self, channel: int, content: bytes) -> None:
        """Send a message."""
        if self._is_base64:
            self.socket.send(chr(48 + channel) + base64.b64encode(content).decode())
        else:
            self.socket.send(bytes([channel]) + content)

    def receive(self) -> bool:
        """Wait for a message, and keep it; False: no more will come."""
        message = self.socket.next()
        if message is None:
            return False
        if isinstance(message, str):
            assert self._is_base64, message
            channel, content = ord(message[0]) - 48, base64.b64decode(message[1:], validate=True)
        else:
            assert not self._is_base64, message
            channel, content = message[0], message[1:]
        self.messages.append((channel, content))
        if content:
            self._arrived.setdefault(channel, deque()).append(content)
        return True

    def read_from(self, channel: int) -> bytes:
        """Wait for the next chunk of a channel; `b""` at the end, which is that of all."""
        arrived = self._arrived.setdefault(channel, deque())
        while not arrived:
            if not self.receive():
                return b""
        return arrived.popleft()

    def read_all(self, channel: int) -> bytes:
        """Wait for the end; return what came over a channel and was not read."""
        return b"".join(iter(lambda: self.read_from(channel), b""))

    def hang_up(self) -> None:
        """Be gone without a word."""
        self.socket.hang_up()


class Command(Channels):
    """An exec or an attachment, as its client has it."""

    def write(self, chunk: bytes) -> None:
        """Write to stdin."""
        for start in range(0, len(chunk), _PIECE):
            self.send(0, chunk[start : start + _PIECE])

    def close_stdin(self) -> None:
        """Write no more; only v5 has a word for it."""
        assert self.socket.protocol == V5
        self.socket.send(b"\xff\x00")

    def resize(self, width: int, height: int) -> None:
        """Tell the size of the window, as Go's encoder of JSON does."""
        size = json.dumps({"Width": width, "Height": height}, separators=(",", ":"))
        self.send(4, f"{size}\n".encode())

    def read(self, channel: str = "stdout") -> bytes:
        """Wait for the next chunk of a channel; `b""` at its end, which is that of all."""
        return self.read_from(_CHANNELS.index(channel))

    def result(self) -> StreamResult:
        """Wait for the end; return all that came and was not read."""
        names = ("stdout", "stderr", "error")
        texts = {name: self.read_all(_CHANNELS.index(name)) for name in names}
        return StreamResult(**texts, cut=self.socket.code != NORMAL)


class Forwarded:
    """One of the connections that a request for ports has made."""

    def __init__(self, channels: Channels, index: int) -> None:
        """Wait until it is named."""
        self._channels = channels
        self._data, self._errors = 2 * index, 2 * index + 1
        named = {channels.read_from(self._data), channels.read_from(self._errors)}
        self.port = int.from_bytes(named.pop(), "little")
        assert not named

    def write(self, chunk: bytes) -> None:
        """Send to the port."""
        self._channels.send(self._data, chunk)

    def read(self) -> bytes:
        """Wait for what the port sends next; `b""` at the end of all."""
        return self._channels.read_from(self._data)

    def error(self) -> bytes:
        """Wait for the end of all; return what went wrong."""
        return self._channels.read_all(self._errors)


class Tunnel:
    """What a SPDY client takes for a socket, and is a WebSocket."""

    def __init__(self, websocket: WebSocket) -> None:
        self.websocket = websocket
        self._rest = b""

    def fileno(self) -> int:
        """For `select`."""
        return self.websocket.fileno()

    def send(self, content: bytes) -> int:
        """Send a message."""
        self.websocket.send(bytes(content))
        return len(content)

    def recv(self, size: int) -> bytes:
        """Wait for the next bytes; `b""` at the end."""
        content = self._rest or self.websocket.next() or b""
        assert isinstance(content, bytes)
        self._rest = content[size:]
        return content[:size]

    def close(self) -> None:
        """Be gone without a word."""
        self.websocket.hang_up()


def open(  # noqa: A001  # as a module's name before it, it reads well
    url: str, protocol: str = V5, *, context: ssl.SSLContext | None = None
) -> Command:
    """Use the URL of an exec or an attachment; no protocol: none is asked for."""
    protocols = [protocol] if protocol else []
    return Command(WebSocket.open(url, *protocols, context=context))


def forward(url: str, *, context: ssl.SSLContext | None = None) -> spdy_client.Forwarding:
    """Use the URL of a port-forward, with SPDY in a tunnel."""
    websocket = WebSocket.open(url, TUNNEL, context=context)
    assert websocket.protocol == TUNNEL
    switched = http_client.Answer("HTTP/1.1 101 Switching Protocols", ())
    tunnel: Any = Tunnel(websocket)
    return spdy_client.Forwarding(spdy_client.Wire(tunnel, switched))
