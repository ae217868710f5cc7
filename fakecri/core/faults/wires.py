"""What rules do to the connection under a call.

The face that has a connection does it there. Here is what comes of it for the call: the error that
a client of grpc-go sees, as the object face gives it.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from fakecri.core.faults.rules import Duration, Phase
from fakecri.core.faults.shots import Shot
from fakecri.core.outages import Outage, cut_off
from fakecri.core.scheduler import Future, Waits
from fakecri.errors import CancelledError, Code, CRIError

if TYPE_CHECKING:
    from fakecri.core.pipeline import Call
    from fakecri.core.world import World

_RST_CODES: Mapping[str, Code] = {
    "CANCEL": Code.CANCELLED,
    "ENHANCE_YOUR_CALM": Code.RESOURCE_EXHAUSTED,
}
"""The statuses that grpc-go makes of codes of HTTP/2; INTERNAL of all others here."""


def strike(world: "World", call: "Call", shots: Sequence[Shot], *, done: bool) -> Waits[None]:
    """Do what wire shots want before the runtime sees a call, or when the work is `done`."""
    for shot in shots:
        action = shot.term.action
        if shot.term.phase is Phase.WIRE and (action.arguments[:1] == ("after",)) is done:
            yield from _strike(world, call, shot, done=done)


def _strike(world: "World", call: "Call", shot: Shot, *, done: bool) -> Waits[None]:
    action = shot.term.action
    call.wire = action
    if action.name in {"slow", "slice"}:
        shot.fired(Phase.WIRE)
        return
    shot.fired(Phase.WIRE, "indefinite" if done else "definite")
    if action.name == "half_open":
        call.stir()
        yield from Future[None](world.scheduler)
    if action.name == "refuse":
        (span,) = action.arguments
        _shut(world, call, span.ns if isinstance(span, Duration) else 0)
    raise _seen(shot)


def _seen(shot: Shot) -> CRIError:
    """Return what a client of grpc-go says."""
    action = shot.term.action
    if action.name == "rst":
        code = str(action.arguments[0])
        text = f"stream terminated by RST_STREAM with error code: {code}"
        return CRIError(text, _RST_CODES.get(code, Code.INTERNAL))
    if action.name == "goaway":
        return CRIError(
            'closing transport due to: connection error: desc = "error reading from server: EOF", '
            "received prior goaway: code: NO_ERROR",
            Code.UNAVAILABLE,
        )
    return cut_off()


def _shut(world: "World", call: "Call", span_ns: int) -> None:
    """Let nobody in for a while. The runtime lives on, and for it all clients have hung up."""
    was_open = world.absence is None
    shut = world.shut = Outage(world.profile.socket, {}, is_down=True)
    for each in tuple(world.in_flight):
        if each is not call and each.task is not None:
            each.end(None, cut_off())
            world.scheduler.soon(lambda task=each.task: task.throw(CancelledError.by_client()))  # type: ignore[misc]  # a default, so that each has its own
    if was_open:
        world.power.tell(is_up=False)

    def reopen() -> None:
        if world.shut is shut:  # and no restart has opened it before
            world.shut = None
            world.faults.reconnect()
            world.power.tell(is_up=True)

    world.scheduler.after(span_ns, reopen)
