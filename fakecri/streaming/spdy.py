"""A connection of SPDY/3.1 without a socket: bytes in, events and bytes out, in both roles.

It does as the Go peer (moby/spdystream) does: what it answers is answered, what it drops without a
word is dropped, and what it refuses raises ProtocolError. Flow control does not exist there.
Source: spec images-streaming-stats 2.15.
"""

from collections.abc import Iterator, Mapping
from enum import Enum
from typing import NamedTuple

from fakecri.streaming.spdy_decoding import Decoder
from fakecri.streaming.spdy_frames import (
    FIN,
    Data,
    Encoder,
    Frame,
    GoAway,
    Leave,
    MoreHeaders,
    Ping,
    ProtocolError,
    Reset,
    RstStream,
    Settings,
    SynReply,
    SynStream,
    WindowUpdate,
    encode_data,
)
from fakecri.streaming.spdy_headers import Headers, find_header

__all__ = [
    "Answer",
    "Connection",
    "DataReceived",
    "Event",
    "Headers",
    "HeadersReceived",
    "Leave",
    "PingAnswered",
    "ProtocolError",
    "Reset",
    "StreamOpened",
    "StreamReplied",
    "StreamReset",
    "WentAway",
    "find_header",
]

_MAX_ID = (1 << 31) - 1


class Stage(Enum):
    """How far a stream has come, from our side."""

    ASKED = "opened by us, not yet accepted"
    ASKED_AND_DONE = "likewise, and we have sent our FIN"
    HEARD = "opened by the peer, not yet accepted"
    HEARD_AND_DONE = "likewise, and the peer has sent its FIN"
    OPEN = "both may send"
    DONE = "we have sent our FIN"
    PEER_DONE = "the peer has sent its FIN"
    CLOSED = "over, and forgotten"


class Move(Enum):
    """What is sent and what is taken in on a stream."""

    SEND_REPLY = "send SYN_REPLY"
    SEND_DATA = "send data"
    SEND_FIN = "send FIN"
    SEND_RESET = "send RST_STREAM"
    TAKE_REPLY = "take SYN_REPLY"
    TAKE_DATA = "take data"
    TAKE_FIN = "take FIN"
    TAKE_RESET = "take RST_STREAM"


_S, _M = Stage, Move

MOVES: Mapping[tuple[Stage, Move], Stage] = {
    # One who opens a stream may send before it is accepted; the peer drops that, if it is early.
    (_S.ASKED, _M.SEND_DATA): _S.ASKED,
    (_S.ASKED, _M.SEND_FIN): _S.ASKED_AND_DONE,
    (_S.ASKED, _M.TAKE_REPLY): _S.OPEN,
    (_S.ASKED_AND_DONE, _M.TAKE_REPLY): _S.DONE,
    (_S.HEARD, _M.SEND_REPLY): _S.OPEN,
    (_S.HEARD_AND_DONE, _M.SEND_REPLY): _S.PEER_DONE,
    (_S.OPEN, _M.SEND_DATA): _S.OPEN,
    (_S.OPEN, _M.TAKE_DATA): _S.OPEN,
    (_S.OPEN, _M.SEND_FIN): _S.DONE,
    (_S.OPEN, _M.TAKE_FIN): _S.PEER_DONE,
    (_S.DONE, _M.TAKE_DATA): _S.DONE,
    (_S.DONE, _M.TAKE_FIN): _S.CLOSED,
    (_S.PEER_DONE, _M.SEND_DATA): _S.PEER_DONE,
    (_S.PEER_DONE, _M.SEND_FIN): _S.CLOSED,
    **{(stage, _M.SEND_RESET): _S.CLOSED for stage in Stage if stage is not _S.CLOSED},
    **{(stage, _M.TAKE_RESET): _S.CLOSED for stage in Stage if stage is not _S.CLOSED},
}
"""Where each legal move leads. To send what does not stand here is an error; to take it is not:
it is dropped, for the sender may not have known yet."""


class Answer(NamedTuple):
    """Bytes that are to be sent now, before others."""

    content: bytes


class StreamOpened(NamedTuple):
    """The peer opens a stream, which is to be accepted with `reply` or refused with `reset`."""

    stream_id: int
    headers: Headers
    ends: bool
    """It will send nothing on it."""


class StreamReplied(NamedTuple):
    """The peer has accepted a stream."""

    stream_id: int
    headers: Headers
    ends: bool


class DataReceived(NamedTuple):
    """Data, in pieces as they came; `ends`: behind these (there may be none) the peer is done."""

    stream_id: int
    content: bytes
    ends: bool


class HeadersReceived(NamedTuple):
    """More headers of a stream that is open."""

    stream_id: int
    headers: Headers
    ends: bool


class StreamReset(NamedTuple):
    """The peer has broken a stream off."""

    stream_id: int
    status: int


class PingAnswered(NamedTuple):
    """The peer has sent our ping back."""

    number: int


class WentAway(NamedTuple):
    """The peer leaves the connection; no event follows. To close it is all that is left to do."""

    last_stream_id: int
    status: int


Event = (
    Answer
    | StreamOpened
    | StreamReplied
    | DataReceived
    | HeadersReceived
    | StreamReset
    | PingAnswered
    | WentAway
)


class Connection:
    """One side of a connection. What its methods return is to be sent, in the order of calls."""

    def __init__(self, *, client: bool = False) -> None:
        self.encoder = Encoder()
        """For frames outside all rules; the compression of headers is that of the connection."""
        self._decoder = Decoder()
        self._streams: dict[int, Stage] = {}
        self._next_id = 1 if client else 2
        self._next_heard = 2 if client else 1
        self._last_heard = 0
        self._next_ping = 1 if client else 2
        self._left = False
        self._forsaken = False

    # What comes in.

    def receive(self, chunk: bytes) -> Iterator[Event]:
        """Yield what has happened. What is not iterated over comes with the next call.

        A ProtocolError is raised behind the events before it, and from then on always.
        """
        self._decoder.feed(chunk)
        return self._events()

    def stage(self, stream_id: int) -> Stage:
        """Say how far a stream has come; one that never was counts as closed."""
        return self._streams.get(stream_id, Stage.CLOSED)

    @property
    def streams(self) -> tuple[int, ...]:
        """Those that are not closed, in the order of their opening."""
        return tuple(self._streams)

    def may(self, move: Move, stream_id: int) -> bool:
        """Whether a move is legal now, such as to send data."""
        return (self.stage(stream_id), move) in MOVES

    def _events(self) -> Iterator[Event]:
        while not self._forsaken and (frame := self._decoder.next()) is not None:
            event = self._heed(frame)
            if event is not None:
                yield event

    def _heed(self, frame: Frame) -> Event | None:
        match frame:
            case SynStream():
                return self._heed_opening(frame)
            case Ping(number):
                ours = number % 2 == self._next_ping % 2
                return PingAnswered(number) if ours else Answer(self.encoder.encode(frame))
            case GoAway(last_stream_id, status):
                self._forsaken = True
                return WentAway(last_stream_id, status)
            case Settings() | WindowUpdate():
                return None
            case _:
                return self._heed_on_stream(frame)

    def _heed_on_stream(self, frame: Data | SynReply | MoreHeaders | RstStream) -> Event | None:
        stream_id = frame.stream_id
        if isinstance(frame, RstStream):
            taken = self._take(Move.TAKE_RESET, stream_id, ends=False)
            return StreamReset(stream_id, frame.status) if taken else None
        move = Move.TAKE_REPLY if isinstance(frame, SynReply) else Move.TAKE_DATA
        ends = bool(frame.flags & FIN) and not (isinstance(frame, Data) and frame.rest)
        if not self._take(move, stream_id, ends=ends):
            return None
        if isinstance(frame, Data):
            return DataReceived(stream_id, frame.content, ends)
        kind = StreamReplied if isinstance(frame, SynReply) else HeadersReceived
        return kind(stream_id, frame.headers, ends)

    def _heed_opening(self, frame: SynStream) -> Event | None:
        stream_id = frame.stream_id
        if self._left:
            return None
        # The Go peer does not look at the parity.
        if not self._next_heard <= stream_id <= _MAX_ID:
            return Answer(self.encoder.encode(RstStream(stream_id, Reset.PROTOCOL_ERROR)))
        self._next_heard, self._last_heard = stream_id + 2, stream_id
        ends = bool(frame.flags & FIN)
        self._streams[stream_id] = Stage.HEARD_AND_DONE if ends else Stage.HEARD
        return StreamOpened(stream_id, frame.headers, ends)

    def _take(self, move: Move, stream_id: int, *, ends: bool) -> bool:
        if not self.may(move, stream_id):
            return False
        self._move(move, stream_id)
        if ends:
            self._move(Move.TAKE_FIN, stream_id)
        return True

    # What goes out.

    def open_stream(self, headers: Headers, *, ends: bool = False) -> tuple[int, bytes]:
        """Return the id of a new stream, and what opens it."""
        stream_id, self._next_id = self._next_id, self._next_id + 2
        self._streams[stream_id] = Stage.ASKED_AND_DONE if ends else Stage.ASKED
        frame = SynStream(stream_id, headers, FIN if ends else 0)
        return stream_id, self.encoder.encode(frame)

    def reply(self, stream_id: int, headers: Headers = (), *, ends: bool = False) -> bytes:
        """Accept a stream that the peer has opened. Until then its data are dropped."""
        self._send(Move.SEND_REPLY, stream_id, ends=ends)
        return self.encoder.encode(SynReply(stream_id, headers, FIN if ends else 0))

    def send_data(
        self, stream_id: int, content: bytes | memoryview, *, ends: bool = False
    ) -> list[bytes | memoryview]:
        """Return frames, as heads and views of the content; nothing at all is one empty frame."""
        self._send(Move.SEND_DATA, stream_id, ends=ends)
        return encode_data(stream_id, content, fin=ends)

    def send_headers(self, stream_id: int, headers: Headers, *, ends: bool = False) -> bytes:
        """Add headers to a stream that is open."""
        self._send(Move.SEND_DATA, stream_id, ends=ends)
        return self.encoder.encode(MoreHeaders(stream_id, headers, FIN if ends else 0))

    def reset(self, stream_id: int, status: Reset = Reset.CANCEL) -> bytes:
        """Break a stream off; where we are done with it, nothing is sent."""
        stage = self.stage(stream_id)
        if stage is not Stage.CLOSED:
            self._move(Move.SEND_RESET, stream_id)
        if stage in {Stage.CLOSED, Stage.DONE, Stage.ASKED_AND_DONE}:
            return b""
        return self.encoder.encode(RstStream(stream_id, status))

    def ping(self) -> tuple[int, bytes]:
        """Return the number of a new ping, and the ping."""
        number, self._next_ping = self._next_ping, self._next_ping + 2
        return number, self.encoder.encode(Ping(number))

    def go_away(self, status: Leave = Leave.OK) -> bytes:
        """Take no more streams; those that there are go on. Said once."""
        if self._left:
            return b""
        self._left = True
        return self.encoder.encode(GoAway(self._last_heard, status))

    def finish(self) -> bytes:
        """Break off all streams and go away: what comes before the end of the TCP connection.

        Nothing is said about streams that were never accepted.
        """
        unaccepted = {Stage.HEARD, Stage.HEARD_AND_DONE}
        known = [each for each in self.streams if self.stage(each) not in unaccepted]
        resets = [self.reset(stream_id) for stream_id in known]
        return b"".join((*resets, self.go_away()))

    def _send(self, move: Move, stream_id: int, *, ends: bool) -> None:
        if not self.may(move, stream_id):
            raise ProtocolError(
                f"cannot {move.value} on stream {stream_id}: {self.stage(stream_id).value}",
                status=Reset.STREAM_ALREADY_CLOSED,
                stream_id=stream_id,
            )
        self._move(move, stream_id)
        if ends:
            self._move(Move.SEND_FIN, stream_id)

    def _move(self, move: Move, stream_id: int) -> None:
        stage = MOVES[self.stage(stream_id), move]
        if stage is Stage.CLOSED:
            del self._streams[stream_id]
        else:
            self._streams[stream_id] = stage
