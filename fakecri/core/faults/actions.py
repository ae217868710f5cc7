"""What shots do to a call: before the runtime sees it, and when the work is done."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from google.protobuf.message import Message

from fakecri.core.faults.rules import Phase
from fakecri.core.faults.shots import Shot
from fakecri.core.scheduler import Waits
from fakecri.errors import Code, CRIError

if TYPE_CHECKING:
    from fakecri.core.pipeline import Call
    from fakecri.core.world import World


def before(world: "World", call: "Call", shots: Sequence[Shot]) -> Waits[None]:  # noqa: ARG001  # each phase is handed the same
    """Do what is to happen before the handler, or instead of it; an error is raised."""
    for shot in shots:
        if shot.term.phase is Phase.BEFORE and shot.term.action.name == "error":
            shot.fired(Phase.BEFORE, "definite")
            raise _error(shot)
    yield from ()


def after(
    world: "World",  # noqa: ARG001  # each phase is handed the same
    call: "Call",  # noqa: ARG001  # likewise
    shots: Sequence[Shot],
    response: Message | None,
) -> Waits[Message | None]:
    """Return the answer, or raise an error although the work is done. None: of a stream."""
    for shot in shots:
        if shot.term.phase is Phase.AFTER and shot.term.action.name == "error":
            shot.fired(Phase.AFTER, "indefinite")
            raise _error(shot)
    yield from ()
    return response


def during(
    world: "World",  # noqa: ARG001  # each phase is handed the same
    call: "Call",  # noqa: ARG001  # likewise
    shots: Sequence[Shot],
) -> Waits[None]:
    """Do what is to happen while the work is half done."""
    for shot in shots:
        if shot.term.phase is Phase.DURING and shot.term.action.name == "error":
            shot.fired(Phase.DURING, "indefinite")
            raise _error(shot)
    yield from ()


def _error(shot: Shot) -> CRIError:
    code, text, *_ = (*shot.term.action.arguments, "")
    # Not the test's own object, which may be used again and would gather tracebacks.
    return CRIError(str(text), Code(code))  # type: ignore[arg-type]  # the table of kinds says so
