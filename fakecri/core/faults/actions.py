"""What shots do to a call that is no matter of its answer: errors, and all that makes it wait."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from google.protobuf.message import Message

from fakecri.core.faults.delays import delay_ns
from fakecri.core.faults.details import encoded_details
from fakecri.core.faults.kinds import named_arguments
from fakecri.core.faults.rules import Phase
from fakecri.core.faults.shots import Shot
from fakecri.core.faults.subjects import Subject
from fakecri.core.scheduler import Future, Waits
from fakecri.core.turns import Turns
from fakecri.errors import CancelledError, Code, CRIError

if TYPE_CHECKING:
    from fakecri.core.pipeline import Call
    from fakecri.core.world import World

_ERROR = {
    Phase.BEFORE: "definite",
    Phase.DURING: "indefinite",
    Phase.AFTER: "indefinite",
    Phase.STREAM: "definite",
}
"""What a client that gets no proper answer may know: whether anything can have happened."""


def before(world: "World", call: "Call", shots: Sequence[Shot]) -> Waits[None]:
    """Do what is to happen before the handler, or instead of it; an error is raised."""
    yield from _all(world, call, shots, Phase.BEFORE)


def during(world: "World", call: "Call", shots: Sequence[Shot]) -> Waits[None]:
    """Do what is to happen while the work is half done."""
    yield from _all(world, call, shots, Phase.DURING)


def after(
    world: "World", call: "Call", shots: Sequence[Shot], response: Message | None
) -> Waits[Message | None]:
    """Return the answer, or raise an error although the work is done. None: of a stream."""
    yield from _all(world, call, shots, Phase.AFTER)
    return response


def _all(world: "World", call: "Call", shots: Sequence[Shot], phase: Phase) -> Waits[None]:
    for shot in shots:
        if shot.term.phase is phase:
            yield from _act(world, call, shot)


def _act(world: "World", call: "Call", shot: Shot) -> Waits[None]:
    name, phase = shot.term.action.name, shot.term.phase
    if name == "error":
        shot.fired(phase, _ERROR[phase])
        raise error_of(shot)
    if name == "delay":
        shot.fired(phase)
        yield from sleep(world, call, delay_ns(shot))
    elif name in {"hang", "lost"}:
        shot.fired(phase, _ERROR[phase])
        yield from _hang(world, call, shot)
    elif name == "gate":
        shot.fired(phase)
        yield from world.gates[str(shot.term.action.arguments[0])].hold(call)
    elif name == "serial":
        yield from _take_turn(world, call, shot)


def error_of(shot: Shot) -> CRIError:
    """Return the error that a shot says."""
    named = named_arguments(shot.term.action)
    code, text, details = named["code"], str(named["text"]), named.get("details")
    if not isinstance(code, Code):
        raise TypeError(f"{code!r} is no code")
    # Not the test's own object, which may be used again and would gather tracebacks.
    return CRIError(text, code, encoded_details(code, text, str(details)) if details else b"")


def sleep(world: "World", call: "Call", span_ns: int) -> Waits[None]:
    """Let virtual time pass for a call."""
    with impatient(call):
        yield from world.scheduler.sleep(span_ns)


@contextmanager
def impatient(call: "Call") -> Iterator[None]:
    """Have time leap for a call, also where it is a stream, which waits by nature."""
    call.timers += 1
    call.stir()
    try:
        yield
    finally:
        call.timers -= 1


def _hang(world: "World", call: "Call", shot: Shot) -> Waits[None]:
    """Never answer. What ends it is thrown in: the client's deadline, or that it hung up.

    Where the work is then to be finished for nobody, nothing is thrown in, and it goes on.
    """
    if shot.term.action.arguments and call.timeout_ns is not None:
        raise CancelledError.by_deadline()
    if call.record is not None:
        call.record.lost = shot.term.phase is Phase.AFTER
    gone = Future[None](world.scheduler)
    call.watch(lambda: gone.set_result(None) if call.done else None)
    yield from gone


def _take_turn(world: "World", call: "Call", shot: Shot) -> Waits[None]:
    named = named_arguments(shot.term.action)
    thing = "" if named["scope"] == "all" else Subject(call, world.faults.lookup).identity
    turns = shot.armed.memory.get(thing)
    if not isinstance(turns, Turns):
        turns = shot.armed.memory[thing] = Turns(world.scheduler, int(str(named["workers"])))
    waits = turns.full
    if waits:
        shot.fired(Phase.BEFORE)
    yield from turns.wait()
    if waits:
        call.stir()
    call.leave.append(turns.end)
