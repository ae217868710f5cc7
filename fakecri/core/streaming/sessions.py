"""Sessions: what a client gets who comes back with the token of a URL.

A transport moves the bytes and knows nothing of processes; a session is bound to those and knows
of no wire. What is for the client lies here as parcels until a transport takes them. It is little:
beyond `ROOM` bytes whoever writes has to wait.
"""

from collections import deque
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from fakecri.core.pipes import PIPE_SIZE
from fakecri.core.scheduler import SECOND_NS, Future, Task, Timer, Waits
from fakecri.core.streaming.admissions import Refusal, admit
from fakecri.core.streaming.troubles import Troubles, asked_for, has_expired
from fakecri.core.tokens import Ticket

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from google.protobuf.message import Message

    from fakecri.core.world import World

ROOM = PIPE_SIZE
"""Bytes that wait for the client, from which on a writer has to wait."""

PIECE = 32_768
"""Bytes that go to the client at a time, as the buffers of Go's io.Copy have."""

IDLE_NS = 4 * 60 * 60 * SECOND_NS
"""How long nothing has to come or go before a session is given up."""


class Parcel(NamedTuple):
    """What goes to the client, in the one order in which it is to be sent."""

    channel: str
    """`stdout`, `stderr`, `error`; of a forward `data.N` and `error.N` of its connection N."""
    content: bytes
    ends: bool = False
    """Whether the channel ends behind it."""


class Session:
    """One use of a URL. All of it is for whoever has the world to themselves."""

    method: ClassVar[str] = ""
    """As in the path of the URL."""
    is_patient: ClassVar[bool] = False
    """Whether its client waits by nature, as one of events does."""

    def __init__(self, world: "World", ticket: Ticket, number: int) -> None:
        self.number = number
        """From 1, in the order of use."""
        self.request: Message = asked_for(world, ticket)
        self.call = ticket.call
        """The number of the call that gave the URL."""
        self.ended = False
        """Whether nothing will come after what can be taken: the transport closes then."""
        self.cut = False
        """Whether the transport is to break off at once, without a status."""
        self.reason = ""
        """Why it has ended."""
        self.watcher: Callable[[], None] | None = None
        """Called on any change, in whatever thread: be quick, do not touch the simulation."""
        self.world = world
        self.troubles = Troubles(self, ticket.shots, _End(self))
        """What rules do to it."""
        self._shots = ticket.shots
        self._admission: Task[Refusal | None] | None = None
        self._opened = False
        self._finished = False
        self._parcels: deque[Parcel] = deque()
        self.held = 0
        """Bytes that wait for the client."""
        self._roomy: Future[None] = Future(world.scheduler)
        self._bytes: dict[str, int] = {}
        self._touched_ns: int | None = None
        self._patience: Timer | None = None

    @property
    def name(self) -> str:
        """What it is called in messages."""
        return f"the stream of {type(self).__name__}"

    @property
    def torn(self) -> bool:
        """Whether the connection itself is broken off; who was idle for too long is told."""
        return self.cut and self.reason != "idle"

    @property
    def lasts(self) -> bool:
        """Whether its client waits by nature, and not for what a rule holds up."""
        enters = self._admission is not None and not self._admission.done
        return self.is_patient and not (enters or self.troubles.owes)

    # What transports use.

    def knock(self, then: "Callable[[Refusal | None], None]") -> None:
        """Tell `then` why the client is not let in, or None; at once, unless a rule holds it up.

        It is told nothing where the client hangs up before, or the session ends: see `cut`.
        """
        if not self._shots:
            then(None)
            return
        self.world.sessions.add(self)
        task = self._admission = Task(self.world.scheduler, admit(self, self._shots))
        task.step()

        def admitted() -> None:
            self.world.sessions.remove(self)
            if not self.ended:
                then(task.result())

        if task.done:
            admitted()
        else:
            task.then(admitted)

    def begin(self, protocol: str) -> None:
        """Open it: `SPDY/3.1 v4.channel.k8s.io`, `websocket v5.channel.k8s.io`, `object`."""
        self._opened = True
        self.world.sessions.add(self)
        self.record("opened", method=self.method, protocol=protocol)
        self.touch()

    @property
    def waits(self) -> bool:
        """Whether its client can do nothing but wait, so that time may leap for it."""
        return False

    @property
    def readable(self) -> bool:
        """Whether there is something to take."""
        return bool(self._parcels)

    def take(self, limit: int = PIECE) -> Parcel | None:
        """Return what is to be sent next, of one channel; None: nothing, now.

        It has `limit` bytes at most. There is room for more then, and the process goes on.
        """
        if not self._parcels:
            return None
        parcel = self._taken(self.troubles.limit(limit))
        self.world.scheduler.taken += 1
        self.weigh(-len(parcel.content))
        self.troubles.taken(parcel.channel, len(parcel.content))
        return parcel

    def weigh(self, size: int) -> None:
        """So many bytes more, or less, wait for the client."""
        before, self.held = self.held, self.held + size
        if self.held < ROOM <= before:
            self._roomy.set_result(None)

    def _taken(self, limit: int) -> Parcel:
        parcels = self._parcels
        channel, content, ends = parcels.popleft()
        if len(content) > limit:
            parcels.appendleft(Parcel(channel, content[limit:], ends))
            return Parcel(channel, content[:limit])
        chunks, size = [content], len(content)
        while not ends and parcels and parcels[0].channel == channel and not parcels[0].ends:
            size += len(parcels[0].content)
            if size > limit:
                break
            chunks.append(parcels.popleft().content)
        return Parcel(channel, b"".join(chunks) if len(chunks) > 1 else content, ends)

    def hang_up(self, reason: str = "client") -> None:
        """The connection is gone. Harmless when it has ended."""
        for parcel in self._parcels:
            if parcel.content:
                self._bytes[parcel.channel] -= len(parcel.content)
        self._parcels.clear()
        self.held = 0
        if not self.ended:
            self._let_go(reason)
            self._close(reason)

    def touch(self) -> None:
        """A frame came or went: the idle time-out is put off."""
        if self._touched_ns is None:
            self._expect(self._idle_ns)
        self._touched_ns = self.world.scheduler.now_ns

    # What sessions do.

    def put(self, channel: str, content: bytes, *, ends: bool = False) -> None:
        """Have something sent to the client; who has gone gets nothing."""
        if not self._finished and (content or ends):
            self.troubles.way.put(channel, bytes(content), ends=ends)

    def deliver(self, parcel: Parcel) -> None:
        """Have it where the client can take it."""
        channel, content, ends = parcel
        for start in range(0, len(content), PIECE):  # else one of many would be cut many times
            self._parcels.append(Parcel(channel, content[start : start + PIECE]))
        if ends:
            self._parcels.append(Parcel(channel, b"", ends))
        if content:
            self.held += len(content)
            self.count(channel, content)
        self.stir()

    def count(self, channel: str, content: bytes) -> None:
        """Take note of what went over a channel, either way."""
        self._bytes[channel] = self._bytes.get(channel, 0) + len(content)

    def record(self, what: str, **facts: Any) -> None:
        """Write down what became of it."""
        self.world.recorder.session(what, session=self.number, call=self.call, **facts)

    def room(self) -> Waits[None]:
        """Wait until the client has taken enough for more to be put, or is gone."""
        while self.held >= ROOM and not self.ended:
            if self._roomy.done:
                self._roomy = Future(self.world.scheduler)
            yield from self._roomy

    def finish(self, reason: str) -> None:
        """Nothing comes any more: what was put is sent, and the transport closes."""
        if not self._finished:
            self._finished = True
            self.troubles.way.finish(reason)

    def end(self, reason: str) -> None:
        """Let the transport close when all has been taken."""
        if not self.ended:
            self._close(reason)

    def break_off(self, reason: str) -> None:
        """Let the transport break off at once: the client gets no status."""
        if not self.ended:
            self.cut = True
            self.hang_up(reason)

    def stir(self) -> None:
        """Let the transport look again."""
        if self.watcher is not None:
            self.watcher()

    def _let_go(self, reason: str) -> None:
        """Leave what it is bound to; `restart`: the runtime, not the client, has gone."""

    def _close(self, reason: str) -> None:
        self.ended = self._finished = True
        self.reason = reason
        self.troubles.close()
        if self._admission is not None:
            self._admission.drop()
        if self._patience is not None:
            self._patience.cancel()
        self.world.sessions.remove(self)
        if self._opened:
            counts = dict(sorted(self._bytes.items()))
            self.record("closed", bytes=counts, reason=reason)
        self._roomy.set_result(None)
        self.stir()

    def _expect(self, in_ns: int) -> None:
        self._patience = self.world.scheduler.after(in_ns, self._look_for_life, patient=True)

    def _look_for_life(self) -> None:
        quiet_ns = self.world.scheduler.now_ns - (self._touched_ns or 0)
        if quiet_ns >= self._idle_ns:
            self.troubles.idled()
            self.break_off("idle")
        elif not self.ended:
            self._expect(self._idle_ns - quiet_ns)

    @property
    def _idle_ns(self) -> int:
        return self.troubles.idle_ns or IDLE_NS


class _End:
    """Where what a session sends comes to, when rules have done with it."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def put(self, channel: str, content: bytes, *, ends: bool) -> None:
        self._session.deliver(Parcel(channel, content, ends))

    def finish(self, reason: str) -> None:
        self._session.end(reason)


class Sessions:
    """The sessions of a world."""

    def __init__(self, world: "World") -> None:
        self._world = world
        self._open: dict[Session, None] = {}
        self.used = 0
        """How many tokens have been used."""

    def redeem(self, method: str, token: str) -> Session | None:
        """Burn a token and return what it opens.

        None where it is unknown, too old, used, or for another method.
        """
        ticket = self._world.tokens.consume(token)
        if ticket is None or ticket.kind.method != method:
            return None
        if has_expired(ticket, self._world.scheduler.now_ns):
            return None
        self.used += 1
        return ticket.kind(self._world, ticket, self.used)

    def __iter__(self) -> "Iterator[Session]":
        """Those that are open, in the order of their opening."""
        return iter(tuple(self._open))

    def add(self, session: Session) -> None:
        """Know one that has begun."""
        self._open[session] = None

    def remove(self, session: Session) -> None:
        """Know it no more."""
        self._open.pop(session, None)

    def break_off(self, reason: str) -> None:
        """End all, as a runtime that dies does."""
        for session in self:
            session.break_off(reason)
