"""A blocking SPDY client of exec, attach and port-forward, as client-go is one; and for misuse.

    with spdy_client.open(url, stdin=True) as stream:
        stream.write(b"hello")
        stream.close_stdin()
        assert stream.result().stdout == b"hello"

    with spdy_client.forward(url) as forwarding:
        connection = forwarding.connect(80)

Below them is a `Wire`: it sends any frame, and keeps each that arrives, in order.
"""

from __future__ import annotations

import select
import socket
from collections import deque
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING, Self

from fakecri.stream import StreamResult
from fakecri.streaming.spdy import (
    Answer,
    Connection,
    DataReceived,
    Event,
    PingAnswered,
    ProtocolError,
    StreamReplied,
    StreamReset,
    WentAway,
)
from fakecri.streaming.spdy_decoding import Decoder
from fakecri.streaming.spdy_frames import Data, Frame
from tests.streaming import http_client
from tests.streaming.http_client import CHUNK, TIMEOUT_S
from tests.streaming.upgraded import HungUp, RefusalError, Upgraded

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Sequence

V1, V2, V3, V4, V5 = "", "v2.", "v3.", "v4.", "v5."
COMMANDS = tuple(f"{version}channel.k8s.io" for version in (V5, V4, V3, V2, V1))
"""What client-go offers for exec and attach, in this order."""
FORWARDS = ("portforward.k8s.io",)
UPGRADE = (("Connection", "Upgrade"), ("Upgrade", "SPDY/3.1"), ("Content-Length", "0"))


def offers(*protocols: str) -> list[tuple[str, str]]:
    """Return the header lines of a request for an upgrade."""
    return [*UPGRADE, *(("X-Stream-Protocol-Version", each) for each in protocols)]


@dataclass
class Channel:
    """A stream, and what has come on it."""

    stream_id: int
    replied: bool = False
    ended: bool = False
    """Whether the server has sent a FIN, or a reset, or has closed the connection."""
    reset: int | None = None
    """The status of the reset, if one came."""
    arrived: deque[bytes] = field(default_factory=deque)


class Wire(Upgraded):
    """A connection that has switched to SPDY."""

    def __init__(self, opened: socket.socket, answer: http_client.Answer) -> None:
        """Of the answer to a request for the upgrade; see `open`."""
        super().__init__(opened)
        self.answer = answer
        self.protocol = answer.find("X-Stream-Protocol-Version")
        self.spdy = Connection(client=True)
        self.frames: list[Frame] = []
        """Every frame that came, whether it means something or not."""
        self.channels: dict[int, Channel] = {}
        self.broken = False
        """Whether it did so with a reset, or its frames are none."""
        self.goodbye: WentAway | None = None
        self.pongs: list[int] = []
        self._decoder = Decoder()
        self._begun = b""
        self._take(answer.rest)

    @classmethod
    def open(
        cls,
        url: str,
        protocols: Sequence[str],
        *,
        method: str = "POST",
        context: ssl.SSLContext | None = None,
    ) -> Self:
        """Ask for an upgrade, and offer subprotocols. RefusalError where the server says no."""
        opened, answer = http_client.ask(url, method, offers(*protocols), context=context)
        if answer.status != 101:
            opened.close()
            raise RefusalError(answer)
        return cls(opened, answer)

    # Sending.

    def send(self, *frames: Frame) -> None:
        """Send frames, legal or not."""
        self.send_raw(b"".join(self.spdy.encoder.encode(frame) for frame in frames))

    def begin_stream(self, **headers: str) -> Channel:
        """Open a stream, and do not wait for the reply."""
        stream_id, content = self.spdy.open_stream(tuple(headers.items()))
        channel = self.channels[stream_id] = Channel(stream_id)
        self.send_raw(content)
        return channel

    def open_stream(self, **headers: str) -> Channel:
        """Open a stream, and wait for the reply. ConnectionResetError where a reset comes."""
        channel = self.begin_stream(**headers)
        self.wait(lambda: channel.replied or channel.ended, f"a reply to {headers}")
        if not channel.replied:
            raise ConnectionResetError(f"stream {headers}: {channel}")
        return channel

    def write(self, channel: Channel, content: bytes, *, ends: bool = False) -> None:
        """Send data on a stream."""
        for part in self.spdy.send_data(channel.stream_id, content, ends=ends):
            self.send_raw(part)

    def reset(self, channel: Channel) -> None:
        """Break a stream off."""
        self.send_raw(self.spdy.reset(channel.stream_id))
        channel.ended = True

    def ping(self) -> None:
        """Send a ping, and wait for the echo."""
        number, content = self.spdy.ping()
        self.send_raw(content)
        self.wait(lambda: number in self.pongs, "the echo of a ping")

    def leave(self) -> None:
        """End as client-go does: reset what is not finished, go away, close."""
        self.send_raw(self.spdy.finish())
        self.hang_up()

    def shut(self) -> None:
        """Send no more, and go on listening."""
        self._socket.shutdown(socket.SHUT_WR)

    # Receiving.

    def read(self, channel: Channel) -> bytes:
        """Wait for the next chunk of a stream; `b""` at its end."""
        self.wait(lambda: bool(channel.arrived) or channel.ended, f"data on {channel}")
        return channel.arrived.popleft() if channel.arrived else b""

    def read_all(self, channel: Channel) -> bytes:
        """Wait for the end of a stream."""
        self.wait(lambda: channel.ended, f"the end of {channel}")
        content = b"".join(channel.arrived)
        channel.arrived.clear()
        return content

    def wait(self, condition: Callable[[], bool], what: str) -> None:
        """Receive until a condition holds. TimeoutError where it does not come about."""
        while not condition():
            if self.closed:
                raise TimeoutError(f"{what}: the connection is closed, after {self.frames}")
            try:
                self.receive()
            except TimeoutError:
                raise TimeoutError(f"{what}: not within {TIMEOUT_S} s") from None

    def wait_for_close(self) -> None:
        """Wait until the server has closed the TCP connection."""
        self.wait(lambda: self.closed, "the end of the connection")

    def receive(self) -> None:
        """Wait for the next bytes, and take them in."""
        try:
            chunk = self._socket.recv(CHUNK)
        except ConnectionResetError:
            self.broken = True
            chunk = b""
        if chunk:
            self._take(chunk)
        else:
            self._end()

    def receive_within(self, limit_s: float) -> None:
        """Take in what comes in this time, if anything comes."""
        if select.select([self._socket], [], [], limit_s)[0]:
            self.receive()

    def _end(self) -> None:
        self.closed = True
        for channel in self.channels.values():
            channel.ended = True

    def _take(self, chunk: bytes) -> None:
        self._keep_frames(chunk)
        try:
            for event in self.spdy.receive(chunk):
                self._heed(event)
        except ProtocolError:
            self.broken = True
            self._end()

    def _keep_frames(self, chunk: bytes) -> None:
        self._decoder.feed(chunk)
        while (frame := self._decoder.next()) is not None:
            if isinstance(frame, Data):
                self._begun += frame.content
                if frame.rest:
                    continue
                frame, self._begun = frame._replace(content=self._begun), b""
            self.frames.append(frame)

    def _heed(self, event: Event) -> None:
        match event:
            case Answer(content):
                self.send_raw(content)
            case PingAnswered(number):
                self.pongs.append(number)
            case WentAway():
                self.goodbye = event
            case StreamReplied(stream_id):
                self.channels[stream_id].replied = True
                self.channels[stream_id].ended |= event.ends
            case StreamReset(stream_id, status):
                self.channels[stream_id].reset = status
                self.channels[stream_id].ended = True
            case DataReceived(stream_id, content, ends):
                channel = self.channels[stream_id]
                if content:
                    channel.arrived.append(content)
                channel.ended |= ends
            case _:
                raise AssertionError(event)


class Command(HungUp):
    """An exec or an attachment, as its client has it."""

    def __init__(self, wire: Wire, channels: Sequence[str]) -> None:
        """Open the streams, each when the one before it is accepted."""
        self.wire = wire
        self.channels = {name: wire.open_stream(streamtype=name) for name in channels}

    def write(self, chunk: bytes) -> None:
        """Write to stdin."""
        self.wire.write(self.channels["stdin"], chunk)

    def close_stdin(self) -> None:
        """Write no more."""
        self.wire.write(self.channels["stdin"], b"", ends=True)

    def resize(self, width: int, height: int) -> None:
        """Tell the size of the window, as Go's encoder of JSON does."""
        message = f'{{"Width":{width},"Height":{height}}}\n'
        self.wire.write(self.channels["resize"], message.encode())

    def read(self, channel: str = "stdout") -> bytes:
        """Wait for the next chunk of a channel; `b""` at its end."""
        return self.wire.read(self.channels[channel])

    def result(self) -> StreamResult:
        """Wait for the end; return all that came and was not read."""
        wire = self.wire
        wire.wait(lambda: wire.closed or wire.goodbye is not None, "the end of the session")
        texts = {
            name: wire.read_all(self.channels[name])
            for name in ("stdout", "stderr", "error")
            if name in self.channels
        }
        return StreamResult(**texts, cut=wire.goodbye is None)

    def hang_up(self) -> None:
        """Be gone without a word."""
        self.wire.hang_up()


class Forwarded:
    """One connection of a port-forward."""

    def __init__(self, wire: Wire, port: int, number: int) -> None:
        """Open its two streams; nothing is ever written to the first."""
        self.wire = wire
        headers = {"port": str(port), "requestid": str(number)}
        self.errors = wire.open_stream(streamtype="error", **headers)
        wire.write(self.errors, b"", ends=True)
        self.data = wire.open_stream(streamtype="data", **headers)

    def write(self, chunk: bytes) -> None:
        """Send to the port."""
        self.wire.write(self.data, chunk)

    def close(self) -> None:
        """Send no more."""
        self.wire.write(self.data, b"", ends=True)

    def read(self) -> bytes:
        """Wait for what the port sends next; `b""` at its end."""
        return self.wire.read(self.data)

    def read_all(self) -> bytes:
        """Wait for all of it."""
        return self.wire.read_all(self.data)

    def error(self) -> bytes:
        """Wait for the end; return what went wrong."""
        return self.wire.read_all(self.errors)


class Forwarding(HungUp):
    """A port-forward, which makes as many connections as are wanted."""

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        self._numbers = count()

    def connect(self, port: int) -> Forwarded:
        """Connect to a port of the pod."""
        return Forwarded(self.wire, port, next(self._numbers))

    def hang_up(self) -> None:
        """Be gone without a word."""
        self.wire.hang_up()


def open(  # noqa: A001  # as a module's name before it, it reads well
    url: str,
    *,
    stdin: bool = False,
    stdout: bool = True,
    stderr: bool = True,
    tty: bool = False,
    protocols: Sequence[str] = COMMANDS,
    method: str = "POST",
    context: ssl.SSLContext | None = None,
) -> Command:
    """Use the URL of an exec or an attachment; the flags are those of its request."""
    wire = Wire.open(url, protocols, method=method, context=context)
    resizes = tty and wire.protocol not in {"channel.k8s.io", "v2.channel.k8s.io"}
    wanted = {
        "error": True,
        "stdin": stdin,
        "stdout": stdout,
        "stderr": stderr and not tty,
        "resize": resizes,
    }
    return Command(wire, [name for name, is_wanted in wanted.items() if is_wanted])


def forward(url: str, *, method: str = "POST", context: ssl.SSLContext | None = None) -> Forwarding:
    """Use the URL of a port-forward."""
    return Forwarding(Wire.open(url, FORWARDS, method=method, context=context))
