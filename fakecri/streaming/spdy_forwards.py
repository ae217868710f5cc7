"""Port-forward over SPDY: each pair of streams is a connection into the pod.

Bytes in, bytes out: TCP, TLS or the messages of a WebSocket may carry them. What is told in which
order is as the CRI servers' Go library does it. Source: spec images-streaming-stats 2.8.
"""

import re
from collections import deque
from dataclasses import dataclass, field

from fakecri.core.scheduler import SECOND_NS, Timer
from fakecri.core.streaming.forwards import Forward
from fakecri.core.streaming.sessions import Parcel
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

PAIRING_NS = 30 * SECOND_NS
"""How long half of a pair waits for the other."""
ENOUGH = 50 * 32_768
"""Bytes that pods have no room for, from which on no more is read: what the Go peer queues."""
OUTPUT = 65_536

_PORT = re.compile("0*([0-9]{1,5})")
_PORTS = range(1, 65_536)


@dataclass(eq=False, slots=True)
class Pair:
    """Two streams of a client, and the connection that they are."""

    request_id: str
    timer: Timer
    streams: dict[str, int] = field(default_factory=dict)
    """The ids of `error` and `data`."""
    port: int = 0
    """As the data stream has it."""
    number: int = 0
    """That of the connection, once it is there."""
    unfed: deque[bytes] = field(default_factory=deque)
    """What the pod has no room for."""
    ended: bool = False
    """Whether the client has ended its data."""
    troubled: bool = False
    """Whether it was told of an error: then its streams are reset, by most runtimes."""


class SpdyForward:
    """The conversation of a client that forwards ports."""

    def __init__(self, session: Forward) -> None:
        """Of a session that has begun."""
        self._session = session
        self._connection = Connection()
        self._output = bytearray()
        self._halves: dict[str, Pair] = {}
        self._by_stream: dict[int, Pair] = {}
        self._by_number: dict[int, Pair] = {}
        self._behind: dict[Pair, None] = {}
        self._unfed = 0
        self._parted = False

    # What transports use: see `Conversation`.

    def feed(self, content: bytes) -> None:
        """Take bytes of the client."""
        self._session.touch()
        try:
            for event in self._connection.receive(content):
                self._heed(event)
        except ProtocolError:
            self._session.hang_up("error")
        self._catch_up()

    def take(self) -> bytes:
        """Return what is to be sent next."""
        session = self._session
        self._catch_up()
        while len(self._output) < OUTPUT and (parcel := session.take()) is not None:
            self._send(parcel)
        if session.ended and not (session.readable or self.cut or self._parted):
            self._parted = True
            self._output += self._connection.finish()
        output, self._output = bytes(self._output), bytearray()
        if output:
            session.touch()
        return output

    def hang_up(self, reason: str = "client") -> None:
        """The connection is gone."""
        self._parted = True
        self._session.hang_up(reason)

    @property
    def full(self) -> bool:
        """Whether no more is to be read for now: also where a client does not read answers."""
        much = self._unfed >= ENOUGH or len(self._output) >= OUTPUT
        return much and not self._session.ended

    @property
    def ended(self) -> bool:
        """Whether nothing comes after what can be taken."""
        return self._session.ended

    @property
    def cut(self) -> bool:
        """Whether to break off; who was idle for too long is told."""
        return self._session.torn

    @property
    def is_forming(self) -> bool:
        """Whether half of a pair is still to come."""
        return bool(self._halves)

    @property
    def waits(self) -> bool:
        """Whether the client can do nothing but wait."""
        return self._session.waits and not self._output

    # What comes from the client.

    def _heed(self, event: Event) -> None:
        match event:
            case Answer(content):
                self._output += content
            case StreamOpened(stream_id, headers, ends):
                self._open(stream_id, headers, ends=ends)
            case DataReceived(stream_id, content, ends) if stream_id in self._by_stream:
                self._hear(self._by_stream[stream_id], content, ends=ends)
            case StreamReset(stream_id) if stream_id in self._by_stream:
                self._hear(self._by_stream[stream_id], b"", ends=True)
            case WentAway():
                self.hang_up()

    def _open(self, stream_id: int, headers: Headers, *, ends: bool) -> None:
        kind, port = find_header(headers, "streamtype") or "", _port(headers)
        if kind not in {"error", "data"} or port is None:
            self._output += self._connection.reset(stream_id)
            return
        self._output += self._connection.reply(stream_id)
        pair = self._pair(stream_id, kind, headers)
        if kind in pair.streams:
            self._complain(
                pair,
                f"error processing stream for request {pair.request_id}: "
                f"{kind} stream already assigned",
            )
            return
        pair.streams[kind] = stream_id
        if kind == "data":
            self._by_stream[stream_id] = pair
            pair.port, pair.ended = port, ends
        if len(pair.streams) > 1:
            self._connect(pair)

    def _pair(self, stream_id: int, kind: str, headers: Headers) -> Pair:
        # Old clients do not tell: their data stream comes right behind that of errors.
        pseudo = str(stream_id - 2 if kind == "data" else stream_id)
        request_id = find_header(headers, "requestid") or pseudo
        if request_id not in self._halves:
            scheduler = self._session.world.scheduler
            timer = scheduler.after(PAIRING_NS, lambda: self._give_up(request_id), patient=True)
            self._halves[request_id] = Pair(request_id, timer)
        return self._halves[request_id]

    def _connect(self, pair: Pair) -> None:
        del self._halves[pair.request_id]
        pair.timer.cancel()
        pair.number = self._session.connect(pair.port)
        self._by_number[pair.number] = pair
        self._behind[pair] = None

    def _give_up(self, request_id: str) -> None:
        """The other half did not come. What there is stays open, and leads nowhere."""
        pair = self._halves.pop(request_id)
        self._by_stream.pop(pair.streams.get("data", 0), None)
        self._unfed -= sum(map(len, pair.unfed))
        pointer = f"0xc{self._session.number << 6:09x}"  # of the connection, in Go's memory
        self._complain(
            pair, f"(conn={pointer}, request={request_id}) timed out waiting for streams"
        )
        self._session.stir()

    def _hear(self, pair: Pair, content: bytes, *, ends: bool) -> None:
        pair.ended = ends
        if content:
            pair.unfed.append(content)
            self._unfed += len(content)
        if pair.number:
            self._behind[pair] = None

    def _catch_up(self) -> None:
        """Let pods have what they have room for now."""
        session = self._session
        for pair in tuple(self._behind):
            while pair.unfed and not session.is_full(pair.number):
                chunk = pair.unfed.popleft()
                self._unfed -= len(chunk)
                session.feed(pair.number, chunk)
            if not pair.unfed:
                del self._behind[pair]
                if pair.ended:
                    session.close(pair.number)

    # What goes to the client.

    def _send(self, parcel: Parcel) -> None:
        kind, _, number = parcel.channel.partition(".")
        pair = self._by_number[int(number)]
        pair.troubled = pair.troubled or (kind == "error" and bool(parcel.content))
        if parcel.content:
            self._write(pair.streams[kind], parcel.content)
        if parcel.ends:
            self._end(pair, kind)

    def _end(self, pair: Pair, kind: str) -> None:
        stream_id = pair.streams[kind]
        if pair.troubled and self._session.world.profile.resets_forwards:
            self._output += self._connection.reset(stream_id)
        else:
            self._write(stream_id, b"", ends=True)
        if kind == "error":
            self._forget(pair)

    def _forget(self, pair: Pair) -> None:
        del self._by_number[pair.number], self._by_stream[pair.streams["data"]]
        self._behind.pop(pair, None)
        self._unfed -= sum(map(len, pair.unfed))

    def _complain(self, pair: Pair, text: str) -> None:
        if "error" in pair.streams:
            self._write(pair.streams["error"], text.encode(errors="surrogateescape"))

    def _write(self, stream_id: int, content: bytes, *, ends: bool = False) -> None:
        """Send on a stream; the client wants no more of one that it has reset."""
        if self._connection.may(Move.SEND_DATA, stream_id):
            for part in self._connection.send_data(stream_id, content, ends=ends):
                self._output += part


def _port(headers: Headers) -> int | None:
    """Return the port that a stream is for; None where that is none."""
    found = _PORT.fullmatch(find_header(headers, "port") or "")
    port = int(found[1]) if found else 0
    return port if port in _PORTS else None
