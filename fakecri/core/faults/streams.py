"""What shots do to the messages of a stream: each is a stage that messages pass, one after another.

    handler -> stage -> stage -> the client

`at k` chooses the k-th message that reaches a stage. What ends or stalls a stream stands in the
place of the k-th message: it comes as soon as k - 1 have passed.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from google.protobuf.message import Message

from fakecri.api import runtime_pb2 as pb
from fakecri.core.faults.actions import error_of
from fakecri.core.faults.delays import delay_ns
from fakecri.core.faults.edits import EDITS, edited, shuffled
from fakecri.core.faults.items import lists_of
from fakecri.core.faults.kinds import named_arguments
from fakecri.core.faults.rules import Duration, Phase
from fakecri.core.faults.shots import Shot
from fakecri.core.scheduler import Future, Timer, Waits
from fakecri.errors import Code, CRIError

if TYPE_CHECKING:
    from fakecri.core.pipeline import Call
    from fakecri.core.world import World

Send: TypeAlias = Callable[[Message], None]


class StreamEnd(Exception):  # noqa: N818  # it reads as what happens
    """The stream ends here; raised where its handler sends, or waits."""

    def __init__(self, error: CRIError | None) -> None:
        super().__init__()
        self.error = error


class Stage:
    """Passes messages on to `next`. Without more it changes nothing."""

    def __init__(self, world: "World", call: "Call", shot: Shot) -> None:
        self.world = world
        self.call = call
        self.shot = shot
        self.named = named_arguments(shot.term.action)
        self.seen = 0
        """How many messages have come."""
        self.next: Send = _nowhere
        self._places = [
            int(str(value)) for when in shot.term.when if when.kind == "at" for value in when.values
        ]
        self._chosen = 0

    @property
    def place(self) -> int:
        """Where it stands in the stream, from 1."""
        return self._places[0] if self._places else 1

    def open(self) -> None:
        """The stream opens."""

    def put(self, message: Message) -> None:
        """Take a message."""
        self.seen += 1
        if self.is_meant(message):
            self.act(message)
        else:
            self.next(message)

    def act(self, message: Message) -> None:
        """Do something to a message that is meant."""
        self.next(message)

    def finish(self) -> Waits[None]:
        """The handler is through: let go of what is held back."""
        yield from ()

    def close(self) -> None:
        """The stream is over, and nobody takes any more."""

    def fired(self, effect: str = "") -> None:
        """Tell that it acted."""
        self.shot.fired(Phase.STREAM, effect)

    def is_meant(self, message: Message) -> bool:
        """Whether the term is about this message: by its place, its kind, or its number."""
        if self._places and self.seen not in self._places:
            return False
        kind, number = self.named.get("kind"), self.named.get("n")
        if kind not in {None, "ANY"} and kind != _kind_of(message):
            return False
        self._chosen += 1
        return number is None or self._chosen <= int(str(number))


def _nowhere(message: Message) -> None:
    """What a stage leads to before it is put in its place."""


def _kind_of(message: Message) -> str:
    if not isinstance(message, pb.ContainerEventResponse):
        return ""
    name = pb.ContainerEventType.Name(message.container_event_type)
    return name.removeprefix("CONTAINER_").removesuffix("_EVENT")


class _Edit(Stage):
    def act(self, message: Message) -> None:
        self.next(edited(self.world, self.shot, message))


class _End(Stage):
    """Ends the stream in the place of a message."""

    def open(self) -> None:
        self._end_before(1)

    def put(self, message: Message) -> None:
        self.seen += 1
        self.next(message)
        self._end_before(self.seen + 1)

    def _end_before(self, place: int) -> None:
        if place == self.place:
            self.fired("definite" if self.error is not None else "")
            raise StreamEnd(self.error)

    @property
    def error(self) -> CRIError | None:
        code = self.named["code"] or Code.OK
        return None if code is Code.OK else error_of(self.shot)


class _Stall(Stage):
    def open(self) -> None:
        self._stalls = False
        self._stall_before(1)

    def put(self, message: Message) -> None:
        self.seen += 1
        if not self._stalls:
            self.next(message)
            self._stall_before(self.seen + 1)

    def _stall_before(self, place: int) -> None:
        if place == self.place:
            self._stalls = True
            self.fired()

    def finish(self) -> Waits[None]:
        if self._stalls:
            yield from Future[None](self.world.scheduler)


class _Drop(Stage):
    def act(self, message: Message) -> None:  # noqa: ARG002  # it is lost
        self.fired()


class _Dup(Stage):
    def act(self, message: Message) -> None:
        self.fired()
        self.next(message)
        self.next(message)


class _Reorder(Stage):
    """Holds messages back until others have passed."""

    def __init__(self, world: "World", call: "Call", shot: Shot) -> None:
        super().__init__(world, call, shot)
        self._held: list[Message] = []

    def put(self, message: Message) -> None:
        self.seen += 1
        window = int(str(self.named["window"] or 2))
        if self._held or self.is_meant(message):
            self._held.append(message)
        else:
            self.next(message)
        if len(self._held) == window:
            self._mix()

    def _mix(self) -> None:
        held, self._held = self._held, []
        if len(held) > 1:
            self.fired()
            held = shuffled(self.shot, held) if self.named["window"] else held[::-1]
        for each in held:
            self.next(each)

    def finish(self) -> Waits[None]:
        self._mix()
        yield from ()


class _Split(Stage):
    """Sends a message as several, of a few items each."""

    def act(self, message: Message) -> None:
        size = int(str(self.named["items"]))
        items = [each for held in lists_of(message) for each in held]
        if len(items) <= size:
            self.next(message)
            return
        self.fired()
        for at in range(0, len(items), size):
            part = type(message)()
            part.CopyFrom(message)
            for held in lists_of(part):
                del held[:]
                held.extend(items[at : at + size])
            self.next(part)


class _Hold(Stage):
    """Delivers messages later, while others pass."""

    def __init__(self, world: "World", call: "Call", shot: Shot) -> None:
        super().__init__(world, call, shot)
        self._timers: list[Timer] = []
        self._delivered: Future[None] = Future(world.scheduler)

    def span_ns(self) -> int:
        span = self.named["duration"]
        return span.ns if isinstance(span, Duration) else 0

    def act(self, message: Message) -> None:
        self.fired()
        self.deliver(message, self.world.scheduler.now_ns + self.span_ns())

    def deliver(self, message: Message, when_ns: int) -> None:
        def deliver() -> None:
            self._timers.remove(timer)
            self.call.timers -= 1
            try:
                self.next(message)
            except StreamEnd as end:
                if self.call.task is not None:
                    self.call.task.throw(end)
            if not self._timers:
                self._delivered.set_result(None)

        self.call.timers += 1
        timer = self.world.scheduler.at(when_ns, deliver)
        self._timers.append(timer)
        self.call.stir()

    def finish(self) -> Waits[None]:
        while self._timers:
            self._delivered = Future(self.world.scheduler)
            yield from self._delivered

    def close(self) -> None:
        for timer in self._timers:
            timer.cancel()
            self.call.timers -= 1
        self._timers.clear()


class _Delay(_Hold):
    """Delivers each message later, and in order."""

    _last_ns = 0

    def act(self, message: Message) -> None:
        self.fired()
        self._last_ns = max(self._last_ns, self.world.scheduler.now_ns + delay_ns(self.shot))
        self.deliver(message, self._last_ns)


class _Overflow(Stage):
    def act(self, message: Message) -> None:
        if len(self.call.messages) < int(str(self.shot.term.action.arguments[0])):
            self.next(message)
        else:
            self.fired()

    def is_meant(self, message: Message) -> bool:  # noqa: ARG002  # all that come
        return True


class _Starve(Stage):
    """Of all streams of the rule the newest gets what comes, and the others nothing."""

    @property
    def _rivals(self) -> list["Call"]:
        rivals: list[Call] = self.shot.armed.memory.setdefault("rivals", [])
        return rivals

    def open(self) -> None:
        self._rivals.append(self.call)

    def act(self, message: Message) -> None:
        if self._rivals[-1] is self.call:
            self.next(message)
        else:
            self.fired()

    def close(self) -> None:
        if self.call in self._rivals:
            self._rivals.remove(self.call)


_STAGES: Mapping[str, type[Stage]] = {
    "delay": _Delay,
    "drop": _Drop,
    "dup": _Dup,
    "end": _End,
    "error": _End,
    "hold": _Hold,
    "overflow": _Overflow,
    "reorder": _Reorder,
    "split": _Split,
    "stall": _Stall,
    "starve": _Starve,
    **dict.fromkeys(EDITS, _Edit),
}


def stream(
    world: "World",
    call: "Call",
    shots: Sequence[Shot],
    work: "Callable[[Send], Waits[Any]]",
    send: Send,
) -> Waits[None]:
    """Have a stream's handler work, and its messages pass the stages; raises how it ends."""
    stages = [
        _STAGES[shot.term.action.name](world, call, shot)
        for shot in shots
        if shot.term.phase in {Phase.REPLY, Phase.STREAM} and shot.term.action.name in _STAGES
    ]
    first = send
    for stage in reversed(stages):
        stage.next, first = first, stage.put
    try:
        for stage in stages:
            stage.open()
        yield from work(first)
        for stage in stages:
            yield from stage.finish()
    except StreamEnd as end:
        if end.error is not None:
            raise end.error from None
    finally:
        for stage in stages:
            stage.close()
