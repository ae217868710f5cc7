"""From bytes to the frames of SPDY/3.1.

Where the Go peer (moby/spdystream) refuses a frame, so does the decoder: it is what clients are
made for. And frames of a wrong size are refused, with which the Go peer falls out of step.
"""

from collections.abc import Callable
from typing import NamedTuple

from fakecri.streaming.spdy_frames import (
    CONTROL,
    ONE_WORD,
    SYN_STREAM,
    TWO_WORDS,
    Control,
    Data,
    Frame,
    GoAway,
    MoreHeaders,
    Ping,
    ProtocolError,
    RstStream,
    Settings,
    SynReply,
    SynStream,
    Type,
    WindowUpdate,
)
from fakecri.streaming.spdy_headers import HeaderError, Headers, Inflater

_ANSWER_BANS = frozenset({"connection", "keep-alive", "proxy-connection", "transfer-encoding"})
_REQUEST_BANS = _ANSWER_BANS | {"host"}
_PLAIN_SIZES = {Type.RST_STREAM: 8, Type.PING: 4, Type.GOAWAY: 8, Type.WINDOW_UPDATE: 8}
_FIXED_SIZES = {Type.SYN_STREAM: 10, Type.SYN_REPLY: 4, Type.HEADERS: 4, Type.SETTINGS: 4}
_WITHOUT_FLAGS = {Type.PING, Type.GOAWAY, Type.WINDOW_UPDATE}


class _Head(NamedTuple):
    kind: Type | None
    """None: it is data."""
    stream_id: int
    """Of data."""
    flags: int
    length: int


class Decoder:
    """Makes bytes into frames, however they are cut. It holds one control frame at most."""

    def __init__(self) -> None:
        self._inflater = Inflater()
        self._chunk = b""
        self._at = 0
        self._held = bytearray()
        self._head: _Head | None = None
        self._error: ProtocolError | None = None

    def feed(self, chunk: bytes) -> None:
        """Add bytes; the frames in them are taken with `next`."""
        self._chunk = self._chunk[self._at :] + chunk
        self._at = 0

    def next(self) -> Frame | None:
        """Return the next frame, None when more bytes are needed. Once it raises it always does."""
        if self._error is not None:
            raise self._error
        try:
            return self._next()
        except ProtocolError as error:
            self._error = error
            self._chunk = b""
            raise

    def _next(self) -> Frame | None:
        if self._head is None:
            raw = self._gather(TWO_WORDS.size)
            if raw is None:
                return None
            self._head = _parse_head(raw)
        head = self._head
        if head.kind is None:
            return self._next_data(head)
        payload = self._gather(head.length)
        if payload is None:
            return None
        self._head = None
        return self._parse(head.kind, head.flags, payload)

    def _next_data(self, head: _Head) -> Data | None:
        content = self._chunk[self._at : self._at + head.length]
        if head.length and not content:
            return None
        self._at += len(content)
        rest = head.length - len(content)
        self._head = head._replace(length=rest) if rest else None
        if not head.stream_id and not rest:
            raise _zero()
        return Data(head.stream_id, content, head.flags, rest)

    def _gather(self, size: int) -> bytes | None:
        """Take that many bytes; None when there are less, which are kept."""
        missing = size - len(self._held)
        part = self._chunk[self._at : self._at + missing]
        self._at += len(part)
        if len(part) == size:
            return part
        self._held += part
        if len(self._held) < size:
            return None
        gathered = bytes(self._held)
        self._held.clear()
        return gathered

    def _parse(self, kind: Type, flags: int, payload: bytes) -> Control:
        if kind in _PLAIN:
            return _PLAIN[kind](payload)
        if kind is Type.SYN_STREAM:
            stream_id, associated_id, priority, slot = SYN_STREAM.unpack_from(payload)
            headers = self._headers(stream_id, payload[SYN_STREAM.size :], _REQUEST_BANS)
            return SynStream(stream_id, headers, flags, associated_id, priority >> 5, slot)
        (stream_id,) = ONE_WORD.unpack_from(payload)
        block = payload[ONE_WORD.size :]
        if kind is Type.SYN_REPLY:
            return SynReply(stream_id, self._headers(stream_id, block, _ANSWER_BANS), flags)
        banned = _ANSWER_BANS if stream_id % 2 else _REQUEST_BANS
        return MoreHeaders(stream_id, self._headers(stream_id, block, banned), flags)

    def _headers(self, stream_id: int, block: bytes, banned: frozenset[str]) -> Headers:
        try:
            headers = self._inflater.inflate(block)
        except HeaderError as error:
            raise ProtocolError(str(error)) from error
        found = banned.intersection(name for name, _ in headers)
        if found:
            raise ProtocolError(f"frame contained invalid header: {min(found)}")
        if not stream_id:
            raise _zero()
        return headers


def _parse_head(raw: bytes) -> _Head:
    word, rest = TWO_WORDS.unpack(raw)
    flags, length = rest >> 24, rest & 0xFFFFFF
    if not word & CONTROL:
        return _Head(None, word, flags, length)
    try:
        kind = Type(word & 0xFFFF)
    except ValueError:
        raise _invalid(f"of type {word & 0xFFFF}") from None
    if length != _PLAIN_SIZES.get(kind, length) or length < _FIXED_SIZES.get(kind, 0):
        raise _invalid(f"{kind.name} of {length} bytes")
    if flags and kind in _WITHOUT_FLAGS:
        raise _invalid(f"{kind.name} with flags {flags}")
    return _Head(kind, 0, flags, length)


def _parse_settings(payload: bytes) -> Settings:
    (count,) = ONE_WORD.unpack_from(payload)
    if count > (len(payload) - ONE_WORD.size) // TWO_WORDS.size:
        raise _invalid(f"SETTINGS that is too short for {count} of them")
    rows = payload[ONE_WORD.size : ONE_WORD.size + count * TWO_WORDS.size]
    return Settings(
        tuple((word >> 24, word & 0xFFFFFF, value) for word, value in TWO_WORDS.iter_unpack(rows))
    )


def _parse_reset(payload: bytes) -> RstStream:
    stream_id, status = TWO_WORDS.unpack(payload)
    if not status:
        raise _invalid("RST_STREAM with status 0")
    if not stream_id:
        raise _zero()
    return RstStream(stream_id, status)


def _parse_ping(payload: bytes) -> Ping:
    (number,) = ONE_WORD.unpack(payload)
    if not number:
        raise _zero()
    return Ping(number)


_PLAIN: dict[Type, Callable[[bytes], Control]] = {
    Type.SETTINGS: _parse_settings,
    Type.RST_STREAM: _parse_reset,
    Type.PING: _parse_ping,
    Type.GOAWAY: lambda payload: GoAway(*TWO_WORDS.unpack(payload)),
    Type.WINDOW_UPDATE: lambda payload: WindowUpdate(*TWO_WORDS.unpack(payload)),
}


def _invalid(what: str) -> ProtocolError:
    return ProtocolError(f"invalid control frame: {what}")


def _zero() -> ProtocolError:
    return ProtocolError("stream id zero is disallowed")
