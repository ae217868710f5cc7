"""What was done to a runtime, step by step, so that it can be done again.

A runtime is deterministic: the same seed, and the same steps at the same virtual times, make the
same runtime. A snapshot is no more than that.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias
from weakref import WeakKeyDictionary

from google.protobuf.message import Message

from fakecri.core.pipeline import Call
from fakecri.errors import CancelledError
from fakecri.rpcs import RPCS, Rpc

if TYPE_CHECKING:
    from fakecri.host import Host


@dataclass(frozen=True, slots=True)
class CallStep:
    """A call arrived."""

    virtual_ns: int
    rpc: str
    request: bytes
    rest: dict[str, Any]
    """The other arguments of `Host.start`."""


@dataclass(frozen=True, slots=True)
class CancelStep:
    """The client of a call went."""

    virtual_ns: int
    call: int
    """Which step the call was, from 0."""
    error: CancelledError
    cause: str


@dataclass(frozen=True, slots=True)
class ControlStep:
    """The control service changed something."""

    virtual_ns: int
    method: str
    request: Message


Step: TypeAlias = CallStep | CancelStep | ControlStep

MOST_STEPS = 100_000
"""How many steps are remembered, so that a server that runs for days does not grow without end."""


class Journal:
    """The steps of a runtime so far."""

    def __init__(self) -> None:
        self.steps: list[Step] = []
        self.indexes: WeakKeyDictionary[Call, int] = WeakKeyDictionary()
        """Which step each call was."""
        self.too_long = False
        """Whether there were more than `MOST_STEPS`: then none is remembered."""

    def add(self, step: Step) -> None:
        """Remember a step. Part of the steps is of no use, so one too many lets go of all."""
        if len(self.steps) == MOST_STEPS:
            self.too_long = True
            self.steps.clear()
            self.indexes.clear()
        if not self.too_long:
            self.steps.append(step)

    def drop_last(self) -> None:
        """Forget the last step: nothing has come of it."""
        if not self.too_long:
            self.steps.pop()

    def called(self, call: Call, request: bytes, rest: dict[str, Any]) -> None:
        """A call has begun. One that came too late, to a runtime that is closed, is no step."""
        if call.record is not None and not self.too_long:
            self.indexes[call] = len(self.steps)
            self.add(CallStep(call.record.began_ns, call.rpc.name, request, rest))

    def cancelled(self, call: Call, virtual_ns: int, error: CancelledError, cause: str) -> None:
        """A client has gone."""
        index = self.indexes.get(call)
        if index is not None and not call.done:
            self.add(CancelStep(virtual_ns, index, error, cause))


class HostSlot:
    """A host for a server, which may be replaced by another, and what is asked of it is noted."""

    def __init__(self, host: "Host") -> None:
        self.host = host
        self.journal = Journal()
        self._watchers: list[_Watcher] = []

    def put(self, host: "Host") -> None:
        """Let another host take the place of this one; who watches its power looks away."""
        for watcher in self._watchers:
            watcher.leave()
        self.host, self.journal = host, Journal()

    def follow(self) -> None:
        """Let who watched the power of the last host watch that of this one."""
        for watcher in self._watchers:
            watcher.watch(self.host)

    def on_power(
        self, tell: Callable[[bool], None], settle: Callable[[], None]
    ) -> Callable[[], None]:
        """Have `tell` called when the runtime goes and when it is back; see `Host.on_power`."""
        watcher = _Watcher(tell, settle)
        self._watchers.append(watcher)
        watcher.watch(self.host)

        def end() -> None:
            self._watchers.remove(watcher)
            watcher.leave()

        return end

    def __getattr__(self, name: str) -> Any:
        return getattr(self.host, name)

    def start(self, rpc: Rpc, request: Message, **rest: Any) -> Call:
        """Begin a call."""
        content = request.SerializeToString()  # a handler may keep the message, and change it
        call = self.host.start(rpc, request, **rest)
        rest.pop("content", None)
        self.journal.called(call, content, rest)
        return call

    def cancel(self, call: Call, error: CancelledError, cause: str = "") -> None:
        """Tell a call that its client is gone."""
        self.journal.cancelled(call, self._virtual_ns(), error, cause)
        self.host.cancel(call, error, cause)

    def changed(self, method: str, request: Message) -> None:
        """The control service is about to change something."""
        self.journal.add(ControlStep(self._virtual_ns(), method, request))

    def _virtual_ns(self) -> int:
        with self.host.turn() as world:
            return world.scheduler.now_ns - world.began_ns


class _Watcher:
    """Who serves a runtime, and closes and opens with it, whichever it is."""

    def __init__(self, tell: Callable[[bool], None], settle: Callable[[], None]) -> None:
        self._tell = tell
        self._settle = settle
        self._is_up = True
        self._end: Callable[[], None] | None = None

    def watch(self, host: "Host") -> None:
        """Watch the power of a host, and be told if it is not as the last one's was."""
        with host.turn() as world:
            self._end = host.on_power(self._told, self._settle)
            is_up = world.absence is None
            if is_up != self._is_up:
                self._told(is_up)

    def _told(self, is_up: bool) -> None:  # a callback of one fact
        self._is_up = is_up
        self._tell(is_up)

    def leave(self) -> None:
        """Watch no longer."""
        end, self._end = self._end, None
        if end is not None:
            end()


class Replay:
    """Takes the steps of another journal with a host of its own."""

    def __init__(self, slot: HostSlot) -> None:
        self._slot = slot
        self._calls: dict[int, Call] = {}

    def take(self, index: int, step: CallStep | CancelStep) -> None:
        """Take one step; `index` is its place among all."""
        slot = self._slot
        slot.host.lead(step.virtual_ns)
        if isinstance(step, CallStep):
            rpc = RPCS[step.rpc]
            call = slot.start(rpc, rpc.request.FromString(step.request), **step.rest)
            self._calls[index] = call
        else:
            slot.cancel(self._calls[step.call], step.error, step.cause)

    def hang_up(self) -> None:
        """Tell the calls that are under way that their clients are gone."""
        for call in self._calls.values():
            if not call.done:
                self._slot.cancel(call, CancelledError.by_client())
