"""Exec and attach over SPDY: a stream for each channel, all of them opened by the client.

Bytes in, bytes out. What is told in which order is as the CRI servers' Go library does it.
Source: spec streaming 2.4 to 2.7 and 2.13.
"""

from typing import TYPE_CHECKING

from fakecri.core.scheduler import SECOND_NS
from fakecri.core.streaming.commands import RESIZE_SINCE, Command
from fakecri.core.streaming.sessions import Parcel
from fakecri.streaming.sizes import Sizes
from fakecri.streaming.spdy import (
    Answer,
    Connection,
    DataReceived,
    Event,
    Headers,
    Move,
    ProtocolError,
    StreamOpened,
    StreamReset,
    WentAway,
    find_header,
)
from fakecri.streaming.spdy_frames import Data

if TYPE_CHECKING:
    from collections.abc import Iterator

CREATION_NS = 30 * SECOND_NS
"""How long the client may take to open its streams."""
OUTPUT = 65_536
"""Bytes that are sent in one go."""
ENOUGH = 50 * 32_768
"""Bytes of input that lie here until all streams are there; it is what the Go peer queues."""

_VERSIONS = {"channel.k8s.io": 1}
_NAMES = frozenset({"error", "stdin", "stdout", "stderr"})


class SpdyCommand:
    """The conversation of a client that has the streams of a process."""

    def __init__(self, session: Command, protocol: str) -> None:
        """Of a session that has begun; `protocol`: the subprotocol, such as `v4.channel.k8s.io`."""
        session.version = _VERSIONS.get(protocol) or int(protocol[1])
        self._session = session
        self._connection = Connection()
        self._events: Iterator[Event] = iter(())
        self._output: list[bytes | memoryview] = []
        self._size = 0
        self._streams: dict[str, int] = {}
        self._missing = len(session.channels)
        self._unfed: list[bytes] = []
        self._unfed_size = 0
        self._stdin_ended = False
        self._sizes = Sizes()
        self._parted = False
        self._given_up = False
        self._timer = session.world.scheduler.after(CREATION_NS, self._give_up, patient=True)

    # What transports use: see `Conversation`.

    def feed(self, content: bytes) -> None:
        """Take bytes of the client; they lie here while the process does not read."""
        self._session.touch()
        self._events = self._connection.receive(content)
        self._proceed()

    def take(self) -> bytes:
        """Return what is to be sent next."""
        session = self._session
        self._proceed()
        while self._size < OUTPUT and (parcel := session.take(OUTPUT)) is not None:
            self._deliver(parcel)
        done = self.cut or self._parted or self._given_up
        if session.ended and not (session.readable or done):
            self._parted = True
            self._say(self._connection.finish())
        if not self._output:
            return b""
        session.touch()
        output = b"".join(self._output)
        self._output.clear()
        self._size = 0
        return output

    def hang_up(self, reason: str = "client") -> None:
        """The connection is gone, and nobody is told."""
        self._parted = True
        self._timer.cancel()
        self._session.hang_up(reason)

    @property
    def full(self) -> bool:
        """Whether no more is to be read for now: also where a client does not read answers."""
        if self._size >= OUTPUT:
            return True
        if self._missing:
            return self._unfed_size >= ENOUGH
        return self._session.full

    @property
    def ended(self) -> bool:
        """Whether nothing comes after what can be taken."""
        return self._session.ended and not self._given_up

    @property
    def cut(self) -> bool:
        """Whether to break off; who was idle for too long is told."""
        return self._session.torn

    @property
    def is_forming(self) -> bool:
        """Whether streams are still to come."""
        return bool(self._missing) and not (self._session.ended or self._given_up)

    @property
    def waits(self) -> bool:
        """Whether the client can do nothing but wait."""
        return self._session.waits and not self._output

    # What comes from the client.

    def _proceed(self) -> None:
        try:
            while not self.full and (event := next(self._events, None)) is not None:
                self._heed(event)
        except ProtocolError:
            self.hang_up("error")

    def _heed(self, event: Event) -> None:
        match event:
            case Answer(content):
                self._say(content)
            case StreamOpened(stream_id, headers, ends):
                self._open(stream_id, headers, ends=ends)
            case DataReceived(stream_id, content, ends):
                self._hear(stream_id, content, ends=ends)
            case StreamReset(stream_id):
                self._hear(stream_id, b"", ends=True)
            case WentAway():
                self.hang_up()

    def _open(self, stream_id: int, headers: Headers, *, ends: bool) -> None:
        if not self.is_forming:
            return  # nobody waits for streams any more, and none is answered
        self._say(self._connection.reply(stream_id))
        name = find_header(headers, "streamtype") or ""
        resizes = name == "resize" and self._session.version >= RESIZE_SINCE
        if not (resizes or name in _NAMES):
            return
        # They are counted, and a second one of a name stands for the first.
        self._streams[name] = stream_id
        self._missing -= 1
        self._hear(stream_id, b"", ends=ends)
        if not self._missing:
            self._start()

    def _start(self) -> None:
        self._timer.cancel()
        if self._session.version == 1:
            self._write("stdin", b"", ends=True)
            if "error" in self._streams:
                self._say(self._connection.reset(self._streams["error"]))
        self._session.start()
        for chunk in self._unfed:
            self._session.feed(chunk)
        self._unfed.clear()
        if self._stdin_ended:
            self._session.close_stdin()

    def _hear(self, stream_id: int, content: bytes, *, ends: bool) -> None:
        """Take data of the client; those of streams that it has to hear are dropped."""
        if stream_id == self._streams.get("resize"):
            for width, height in self._sizes.feed(content):
                self._session.resize(width, height)
        elif stream_id == self._streams.get("stdin"):
            self._hear_stdin(content, ends=ends)

    def _hear_stdin(self, content: bytes, *, ends: bool) -> None:
        self._stdin_ended = self._stdin_ended or ends
        if self._missing:
            self._unfed.append(content)
            self._unfed_size += len(content)
            return
        if content:
            self._session.feed(content)
        if ends:
            self._session.close_stdin()

    def _give_up(self) -> None:
        """Say nothing, and leave the connection open: nothing will ever come of it."""
        self._given_up = True
        self._unfed.clear()
        self._unfed_size = 0
        self._session.finish("incomplete")

    # What goes to the client.

    def _deliver(self, parcel: Parcel) -> None:
        if parcel.content:
            self._write(parcel.channel, parcel.content)
        if parcel.ends:
            self._write(parcel.channel, b"", ends=True)

    def _write(self, name: str, content: bytes, *, ends: bool = False) -> None:
        """Send on a stream; who has reset it, or never opened it, does not want it."""
        stream_id = self._streams.get(name, 0)
        if stream_id and name == "error" and self._session.version == 1:
            # It was reset by ourselves.
            self._say(self._connection.encoder.encode(Data(stream_id, content)))
        elif self._connection.may(Move.SEND_DATA, stream_id):
            self._say(*self._connection.send_data(stream_id, content, ends=ends))

    def _say(self, *parts: bytes | memoryview) -> None:
        self._output += parts
        self._size += sum(map(len, parts))
