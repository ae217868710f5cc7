"""Calls answered from a tape; those that are not on it go on to another runtime, or are refused."""

import json
from collections.abc import Callable
from typing import Any

from google.protobuf.json_format import ParseDict
from google.protobuf.message import Message

from fakecri.core.pipeline import Call, handle
from fakecri.core.plain import plain
from fakecri.core.recording import RecordedCall
from fakecri.core.scheduler import Future, Waits
from fakecri.core.upstream import Upstream
from fakecri.core.world import World
from fakecri.errors import Code, CRIError
from fakecri.replay.tape import Tape, describe


class Handlers:
    """The handlers of a world as an upstream: a fakecri of its own to fall back on."""

    def __init__(self, world: World) -> None:
        self._world = world

    def forward(self, call: Call, send: Callable[[Message], None]) -> Waits[Message | None]:
        """Have a call handled here."""
        return handle(self._world, call, send)


class Playback:
    """Answers calls from a tape: an `Upstream` of the core."""

    def __init__(
        self,
        world: World,
        tape: Tape | None,
        fallback: Upstream | None = None,
        *,
        asked: Callable[[int], object] | None = None,
        delays: bool = False,
    ) -> None:
        """`fallback` answers what is not on the tape; `asked` gets the numbers of such calls.

        With `delays` answers take as long as they took.
        """
        self.unmatched: list[str] = []
        """What was refused, and why, a sentence each."""
        self._world = world
        self._tape = tape
        self._fallback = fallback
        self._asked = asked or (lambda _: None)
        self._delays = delays
        self._text = plain().text
        self._progress: Future[None] = Future(world.scheduler)

    def forward(self, call: Call, send: Callable[[Message], None]) -> Waits[Message | None]:
        """Have a call answered, from the tape or by the fallback."""
        fields = json.loads(self._text(call.request))
        tape = self._tape
        found = tape.play(call.rpc.name, fields) if tape is not None else None
        if tape is not None and found is not None:
            self._progress.set_result(None)
            return (yield from self._play(found, tape, call, send))
        if self._fallback is None:
            raise self._refusal(call, fields)
        if call.record is not None:
            self._asked(call.record.serial)
        return (yield from self._fallback.forward(call, send))

    def _refusal(self, call: Call, fields: Any) -> CRIError:
        name = call.rpc.name
        why = describe(name, self._tape.nearest(name, fields) if self._tape else ())
        self.unmatched.append(f"{name}: {why}")
        # No runtime answers ABORTED: nobody takes it for something that was recorded.
        return CRIError(f"fakecri replay: {why}", Code.ABORTED)

    def _play(
        self, found: RecordedCall, tape: Tape, call: Call, send: Callable[[Message], None]
    ) -> Waits[Message | None]:
        for record, message in zip(found.sent, found.messages, strict=True):
            yield from self._reach(tape, tape.gate(record.n))
            send(self._answer(tape, message, record.facts["message"]))
        if self._never_ends(found, call):
            yield from Future(self._world.scheduler)
        if found.ended_n is not None:
            if found.rpc == "GetContainerEvents":
                yield from self._reach(tape, tape.gate(found.ended_n))
            if self._delays and found.ended_ns is not None:
                yield from self._world.scheduler.sleep(found.ended_ns - found.began_ns)
        error = found.error
        if error is not None:
            raise CRIError(tape.bindings.text(error.message), error.code, error.details)
        if found.response_fields is not None:
            return self._answer(tape, found.response, found.response_fields)
        if not call.rpc.streams:
            raise CRIError(f"fakecri replay: call {found.serial} has no answer", Code.ABORTED)
        return None

    def _never_ends(self, found: RecordedCall, call: Call) -> bool:
        """Whether the client never got an answer; then it gets none now, until it gives up."""
        if found.cancelled == "deadline":
            return call.deadline_ns is not None
        return bool(found.cancelled) or found.unsent or found.reply is None

    def _reach(self, tape: Tape, place: int) -> Waits[None]:
        """Wait until all that had been done by a place in the recording has been done here."""
        while tape.reached < place:
            if self._progress.done:
                self._progress = Future(self._world.scheduler)
            yield from self._progress

    def _answer(self, tape: Tape, message: Message, fields: Any) -> Message:
        tape.bindings.see(fields)
        live = tape.bindings.to_live(fields)
        if live == fields:
            return message
        return ParseDict(live, type(message)(), ignore_unknown_fields=True)
