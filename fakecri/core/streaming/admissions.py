"""What rules do before a client is let in: it waits, or is turned away."""

from typing import TYPE_CHECKING, NamedTuple

from fakecri.core.faults.delays import delay_ns
from fakecri.core.faults.kinds import named_arguments
from fakecri.core.faults.rules import Phase
from fakecri.core.scheduler import Future, Waits
from fakecri.errors import Code

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fakecri.core.faults.shots import Shot
    from fakecri.core.streaming.sessions import Session

_STATUSES = {Code.NOT_FOUND: 404, Code.RESOURCE_EXHAUSTED: 429}
"""Those of HTTP that stand for codes; 500 for all others. Source: spec streaming 2.14.2."""

RETRY_AFTER_S = 60
"""What goes with a 429."""


class Refusal(NamedTuple):
    """What is answered instead of the upgrade."""

    status: int
    """Of HTTP."""
    text: str


def admit(session: "Session", shots: "Sequence[Shot]") -> Waits[Refusal | None]:
    """Do what rules want before the upgrade; return why there is none, if so."""
    for shot in shots:
        if session.ended:
            break
        name = shot.term.action.name
        if name == "error":
            shot.fired(Phase.STREAM, "definite")
            return _refusal(shot)
        if name == "reset" and shot.term.action.arguments in {(), ("before",)}:
            shot.fired(Phase.STREAM, "definite")
            session.break_off("reset")
        elif name in {"delay", "hang", "gate"}:
            yield from _hold_up(session, shot)
    return None


def _hold_up(session: "Session", shot: "Shot") -> Waits[None]:
    world, name = session.world, shot.term.action.name
    shot.fired(Phase.STREAM, "definite" if name == "hang" else "")
    if name == "delay":
        yield from world.scheduler.sleep(delay_ns(shot))
    elif name == "gate":
        yield from world.gates[str(shot.term.action.arguments[0])].hold(shot.call)
    else:
        yield from Future[None](world.scheduler)


def _refusal(shot: "Shot") -> Refusal:
    named = named_arguments(shot.term.action)
    status, code = named.get("http_status"), named.get("code")
    if not isinstance(status, int):
        status = _STATUSES.get(code, 500) if isinstance(code, Code) else 500
    return Refusal(status, str(named["text"]))
