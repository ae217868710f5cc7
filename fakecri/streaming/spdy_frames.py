"""The frames of SPDY/3.1, and their bytes; what they mean to a connection is not known here."""

import struct
from enum import IntEnum
from typing import NamedTuple

from fakecri.streaming.spdy_headers import Deflater, Headers

PIECE = 32 * 1024
"""Bytes of data in a frame that we write, at most."""
FIN = 1
"""The flag of a sender's last frame on a stream; of data and of control frames alike."""

ONE_WORD = struct.Struct(">I")
TWO_WORDS = struct.Struct(">II")
SYN_STREAM = struct.Struct(">IIBB")
"""Stream, associated stream, priority in the upper three bits, slot."""
CONTROL = 1 << 31

_VERSION = 3 << 16


class Type(IntEnum):
    """The control frames. Number 5 was one of an older version, and is refused as any other is."""

    SYN_STREAM = 1
    SYN_REPLY = 2
    RST_STREAM = 3
    SETTINGS = 4
    PING = 6
    GOAWAY = 7
    HEADERS = 8
    WINDOW_UPDATE = 9


class Reset(IntEnum):
    """Why a stream is reset."""

    PROTOCOL_ERROR = 1
    INVALID_STREAM = 2
    REFUSED_STREAM = 3
    UNSUPPORTED_VERSION = 4
    CANCEL = 5
    INTERNAL_ERROR = 6
    FLOW_CONTROL_ERROR = 7
    STREAM_IN_USE = 8
    STREAM_ALREADY_CLOSED = 9
    INVALID_CREDENTIALS = 10
    FRAME_TOO_LARGE = 11


class Leave(IntEnum):
    """Why a connection goes away."""

    OK = 0
    PROTOCOL_ERROR = 1
    INTERNAL_ERROR = 2


class ProtocolError(Exception):
    """What is wrong, whether the peer did it or our own side was about to.

    `status` is that of the GOAWAY that it deserves; or, with a `stream_id` other than 0, that of
    the RST_STREAM. The Go peer sends neither: from then on it reads and writes nothing, and closes.
    """

    def __init__(
        self, reason: str, *, status: Leave | Reset = Leave.PROTOCOL_ERROR, stream_id: int = 0
    ) -> None:
        super().__init__(reason)
        self.status = status
        self.stream_id = stream_id


class SynStream(NamedTuple):
    """Opens a stream."""

    stream_id: int
    headers: Headers = ()
    flags: int = 0
    associated_id: int = 0
    priority: int = 0
    """0 is the most urgent, 7 the least."""
    slot: int = 0


class SynReply(NamedTuple):
    """Accepts a stream."""

    stream_id: int
    headers: Headers = ()
    flags: int = 0


class RstStream(NamedTuple):
    """Ends both directions of a stream at once."""

    stream_id: int
    status: int


class Settings(NamedTuple):
    """Whatever it says, nobody here heeds it."""

    settings: tuple[tuple[int, int, int], ...] = ()
    """Flags, number and value of each."""


class Ping(NamedTuple):
    """Is sent back by the one who did not begin it: clients count in odd numbers, servers even."""

    number: int


class GoAway(NamedTuple):
    """The sender takes no streams behind this one."""

    last_stream_id: int
    status: int = Leave.OK


class MoreHeaders(NamedTuple):
    """A HEADERS frame: they belong to a stream that is open."""

    stream_id: int
    headers: Headers = ()
    flags: int = 0


class WindowUpdate(NamedTuple):
    """Flow control, which this dialect has not."""

    stream_id: int
    delta: int


class Data(NamedTuple):
    """A frame of data, or as much of one as has come."""

    stream_id: int
    content: bytes
    flags: int = 0
    rest: int = 0
    """How many bytes of the same frame are still to come; a FIN counts where there are none."""


Control = SynStream | SynReply | RstStream | Settings | Ping | GoAway | MoreHeaders | WindowUpdate
Frame = Control | Data


def encode_data(
    stream_id: int, content: bytes | memoryview, *, fin: bool
) -> list[bytes | memoryview]:
    """Return frames of PIECE at most, as heads and views of the content, which is not copied."""
    view = memoryview(content)
    parts: list[bytes | memoryview] = []
    for at in range(0, len(view) or 1, PIECE):
        piece = view[at : at + PIECE]
        flags = FIN if fin and at + PIECE >= len(view) else 0
        parts.append(TWO_WORDS.pack(stream_id, flags << 24 | len(piece)))
        if piece:
            parts.append(piece)
    return parts


class Encoder:
    """Makes frames into bytes, in the order in which they are to be sent."""

    def __init__(self) -> None:
        self._deflater = Deflater()

    def encode(self, frame: Frame) -> bytes:
        """Return the bytes of any frame; whether it may be sent is the caller's business."""
        if isinstance(frame, Data):
            head = TWO_WORDS.pack(frame.stream_id, frame.flags << 24 | len(frame.content))
            return head + frame.content
        kind, flags, payload = self._payload(frame)
        return TWO_WORDS.pack(CONTROL | _VERSION | kind, flags << 24 | len(payload)) + payload

    def _payload(self, frame: Control) -> tuple[Type, int, bytes]:
        match frame:
            case SynStream(stream_id, headers, flags, associated_id, priority, slot):
                fixed = SYN_STREAM.pack(stream_id, associated_id, priority << 5, slot)
                return Type.SYN_STREAM, flags, fixed + self._deflater.deflate(headers)
            case SynReply(stream_id, headers, flags):
                block = self._deflater.deflate(headers)
                return Type.SYN_REPLY, flags, ONE_WORD.pack(stream_id) + block
            case MoreHeaders(stream_id, headers, flags):
                block = self._deflater.deflate(headers)
                return Type.HEADERS, flags, ONE_WORD.pack(stream_id) + block
            case _:
                return _plain_payload(frame)


def _plain_payload(
    frame: RstStream | Settings | Ping | GoAway | WindowUpdate,
) -> tuple[Type, int, bytes]:
    match frame:
        case RstStream(stream_id, status):
            return Type.RST_STREAM, 0, TWO_WORDS.pack(stream_id, status)
        case Ping(number):
            return Type.PING, 0, ONE_WORD.pack(number)
        case GoAway(last_stream_id, status):
            return Type.GOAWAY, 0, TWO_WORDS.pack(last_stream_id, status)
        case WindowUpdate(stream_id, delta):
            return Type.WINDOW_UPDATE, 0, TWO_WORDS.pack(stream_id, delta)
        case Settings(settings):
            rows = [
                TWO_WORDS.pack(flags << 24 | number, value) for flags, number, value in settings
            ]
            return Type.SETTINGS, 0, ONE_WORD.pack(len(rows)) + b"".join(rows)
