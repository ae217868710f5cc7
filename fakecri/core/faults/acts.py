"""A call on which rules act, from its arrival to its answer: each shot in its phase."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias

from fakecri.core.faults import actions, wires
from fakecri.core.faults.edits import edited
from fakecri.core.faults.effects import carry_out
from fakecri.core.faults.rules import Phase
from fakecri.core.faults.shots import Shot
from fakecri.core.faults.streams import Send, stream

if TYPE_CHECKING:
    from google.protobuf.message import Message

    from fakecri.core.pipeline import Call
    from fakecri.core.scheduler import Waits
    from fakecri.core.world import World

Handle: TypeAlias = "Callable[[World, Call, Send], Waits[Message | None]]"
"""Does the work of the call; what a stream sends goes to its argument."""


def perform(
    world: "World", call: "Call", shots: Sequence[Shot], handle: Handle, send: Send
) -> "Waits[Message | None]":
    """Have a call answered as its shots want it; `send` gives a message to its client."""
    asked = call.request
    try:
        yield from wires.strike(world, call, shots, done=False)
        yield from actions.before(world, call, shots)
        _ignore_filter(call, shots)
        response = yield from _work(world, call, shots, handle, send)
        if call.done:  # finished for nobody: there is no answer to do anything to
            return response
        response = yield from actions.after(world, call, shots, response)
        yield from wires.strike(world, call, shots, done=True)
    finally:
        call.request = asked
        for leave in call.leave:
            leave()
    if response is not None:
        for shot in shots:
            if shot.term.phase is Phase.REPLY:
                response = edited(world, shot, response)
    return response


def _work(
    world: "World", call: "Call", shots: Sequence[Shot], handle: Handle, send: Send
) -> "Waits[Message | None]":
    if call.rpc.streams:
        yield from stream(world, call, shots, partial(handle, world, call), send)
        return None
    with _cancel_policy(call, shots):
        return (yield from carry_out(world, call, shots, partial(handle, world, call, send)))


@contextmanager
def _cancel_policy(call: "Call", shots: Sequence[Shot]) -> Iterator[None]:
    """While there is work to abort, finish or leak, a rule chooses which; then, as ever."""
    policies = [
        shot
        for shot in shots
        if shot.term.action.name == "cancel" and shot.term.phase is Phase.DURING
    ]
    usual = call.on_cancel
    for shot in policies:
        call.on_cancel = type(usual)(shot.term.action.arguments[0])
    try:
        yield
    finally:
        if call.record is not None and call.record.cancelled:
            for shot in policies:
                shot.fired(Phase.DURING, "" if call.on_cancel is usual else "indefinite")
        call.on_cancel = usual


def _ignore_filter(call: "Call", shots: Sequence[Shot]) -> None:
    request: Any = call.request
    for shot in shots:
        if shot.term.action.name == "unfiltered" and request.HasField("filter"):
            shot.fired(Phase.REPLY)
            call.request = type(request)()
            call.content = None
