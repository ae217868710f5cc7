"""Sessions: runtimes with a socket each that have nothing in common but their process."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Generic, TextIO, TypeVar, cast

from google.protobuf.message import Message

from fakecri.control.journals import MOST_STEPS, ControlStep, HostSlot, Replay, Step
from fakecri.control.options import Options
from fakecri.control.rpcs import HANDLERS
from fakecri.control.tapes import Tape
from fakecri.core.faults import Armed
from fakecri.endpoints import UnixAddress, parse_address
from fakecri.errors import Missing, Refused, Taken, UsageError
from fakecri.pace import Manual, Pace, Rate
from fakecri.server import Server

if TYPE_CHECKING:
    from collections.abc import Callable

    from fakecri.core.strikes import Struck
    from fakecri.cri import CRI
    from fakecri.face import Calls
    from fakecri.scopes import Scope

T = TypeVar("T")

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)


class Numbered(Generic[T]):
    """Things by the ids that clients know them by: `h1`, `h2`, and so on."""

    def __init__(self, letter: str, what: str) -> None:
        self._letter = letter
        self._what = what
        self._count = 0
        self.things: dict[str, T] = {}

    def add(self, thing: T) -> str:
        """Take one in; return its id."""
        self._count += 1
        id_ = f"{self._letter}{self._count}"
        self.things[id_] = thing
        return id_

    def get(self, id_: str) -> T:
        """Return one, which must be there."""
        if id_ not in self.things:
            raise Missing(f"there is no {self._what} {id_!r}")
        return self.things[id_]

    def pop(self, id_: str) -> T:
        """Return one, which must be there, and let go of it."""
        thing = self.get(id_)
        del self.things[id_]
        return thing


class Snapshot:
    """All steps up to a moment, and when that was."""

    def __init__(self, steps: tuple[Step, ...], virtual_ns: int, start_ns: int) -> None:
        self.steps = steps
        self.virtual_ns = virtual_ns
        self.start_ns = start_ns
        """What the wall showed when the runtime began."""


class Session:
    """One runtime, its server, and what its testers hold of it."""

    def __init__(self, name: str, options: Options, listen: str, record: Path | None) -> None:
        """Begin it. The server is the caller's to open, and to close."""
        self.name = name
        self.options = options
        self.generation = 0
        self.snapshots: Numbered[Snapshot] = Numbered("s", "snapshot")
        self._record = record
        self.tape: Tape
        self.cri: CRI
        self.scope: Scope
        """The rules that it began with."""
        self._begin(options.new_pace())
        self.slot = HostSlot(self.cri.host)
        self.server = Server(cast("Calls", self.slot), listen, wire_faults=options.breaks_wires)

    def _begin(self, pace: Pace, *, led: bool = False) -> None:
        self.generation += 1
        self.tape = Tape(self._recording())
        try:
            self.cri, self.scope = self.options.open(cast("TextIO", self.tape), pace, led=led)
        except BaseException:
            self.tape.close()
            raise
        self._rules: Numbered[Armed] = Numbered("r", "rule")
        self.holds: Numbered[Callable[[], None]] = Numbered("h", "hold")
        self.behaviours: Numbered[Callable[[], None]] = Numbered("b", "behaviour")
        self.strikes: Numbered[Struck] = Numbered("x", "state fault")
        self.stamps: Callable[[], None] | None = None

    def armed(self) -> dict[str, Armed]:
        """Return the rules in force, by their ids, in their order."""
        with self.cri.host.turn() as world:
            armed = list(world.faults.armed)
        known = set(self._rules.things.values())
        for each in armed:
            if each not in known:
                self._rules.add(each)
        return {id_: each for id_, each in self._rules.things.items() if each in armed}

    def _recording(self) -> Path | None:
        """Return the file of this generation: no recording overwrites that of the one before."""
        if self._record is None or self.generation == 1:
            return self._record
        return self._record.with_suffix(f".{self.generation}{self._record.suffix}")

    def _end(self) -> None:
        self.cri.close()
        self.tape.end()

    def close(self) -> None:
        """End the runtime: its calls end with UNAVAILABLE."""
        self._end()
        self.tape.close()

    def reset(self) -> None:
        """Begin anew from the options. Calls end with UNAVAILABLE."""
        self._renew(self.options.new_pace())
        self.slot.follow()

    def _renew(self, pace: Pace, *, led: bool = False) -> None:
        ended = self.tape
        self._end()
        self._begin(pace, led=led)
        ended.close()
        self.slot.put(self.cri.host)

    def snapshot(self) -> tuple[str, int]:
        """Remember what was done so far; return the id, and how many steps that are.

        Refused where the same steps would not do the same again.
        """
        if self.options.pace == "system":
            raise Refused("under the system pace time cannot be made to pass again")
        if self.options.on_disk:
            raise Refused("what a runtime has written to a disk cannot be undone: --logs memory")
        if self.options.network != "memory":
            raise Refused("what came over a real network cannot be made to come again")
        if self.options.nri_socket is not None:
            raise Refused("what plugins answer cannot be made to come again")
        if self.slot.journal.too_long:
            raise Refused(f"more was done than the {MOST_STEPS} steps that are remembered: Reset")
        with self.cri.host.turn() as world:
            if world.sessions.used:
                raise Refused("what came over streams cannot be made to come again")
            start_ns, virtual_ns = world.began_ns, world.scheduler.now_ns - world.began_ns
        steps = tuple(self.slot.journal.steps)
        return self.snapshots.add(Snapshot(steps, virtual_ns, start_ns)), len(steps)

    def restore(self, id_: str) -> None:
        """Begin anew, and take all steps of a snapshot again. Calls end with UNAVAILABLE."""
        snapshot = self.snapshots.get(id_)
        self._renew(self._pace_of(snapshot), led=True)
        host, replay = self.cri.host, Replay(self.slot)
        for index, step in enumerate(snapshot.steps):
            if isinstance(step, ControlStep):
                host.lead(step.virtual_ns)
                self.change(step.method, step.request)
            else:
                replay.take(index, step)
        host.lead(snapshot.virtual_ns)
        replay.hang_up()
        host.let_go()
        self.slot.follow()

    def _pace_of(self, snapshot: Snapshot) -> Pace:
        if self.options.pace == "rate":
            rate = 1.0 if self.options.rate is None else self.options.rate
            return Rate(rate, snapshot.start_ns)
        return Manual(jumps=self.options.pace == "autojump", start_ns=snapshot.start_ns)

    def change(self, method: str, request: Message) -> Message:
        """Answer a method that changes something, and note it, unless nothing has come of it."""
        self.slot.changed(method, request)
        try:
            answer: Message = HANDLERS[method].answer(self, request)
        except UsageError:
            self.slot.journal.drop_last()
            raise
        return answer


class Sessions:
    """All sessions of a process. The empty name is that of the first."""

    def __init__(self, first: Session) -> None:
        self._sessions = {first.name: first}

    def get(self, name: str) -> Session:
        """Return a session, which must be there."""
        if name not in self._sessions:
            raise Missing(f"there is no session {name!r}")
        return self._sessions[name]

    def all(self) -> list[Session]:
        """Return all of them, in the order in which they began."""
        return list(self._sessions.values())

    async def create(self, name: str, listen: str, options: Options) -> Session:
        """Begin a session, and serve it."""
        name = name or self._unused_name()
        if not _NAME.fullmatch(name):
            raise UsageError(f"{name!r}: the name of a session has letters, digits, - and _")
        if name in self._sessions:
            raise Taken(f"there is a session {name!r}")
        address = listen or self._address(name)
        parse_address(address).check()
        options.check()
        session = Session(name, options, address, None)
        try:
            await session.server.open()
        except BaseException:
            session.close()
            raise
        self._sessions[name] = session
        return session

    async def close(self, name: str) -> None:
        """End a session, but for the first."""
        session = self.get(name)
        if not name:
            raise Refused("the first session ends with its process")
        del self._sessions[name]
        session.close()
        await session.server.close()

    async def close_all(self) -> None:
        """End all sessions but the first, whose server is its opener's."""
        for name in [each for each in self._sessions if each]:
            await self.close(name)

    def _unused_name(self) -> str:
        number = len(self._sessions)
        while f"session-{number}" in self._sessions:
            number += 1
        return f"session-{number}"

    def _address(self, name: str) -> str:
        """Return where a session is served that did not say so: beside the first one."""
        first = parse_address(self.get("").server.endpoint)
        if isinstance(first, UnixAddress):
            path = Path(first.path)
            return str(path.with_name(f"{path.stem}-{name}{path.suffix}"))
        return f"{first.host}:0" if ":" not in first.host else f"[{first.host}]:0"
