"""A recording's requests made anew of another runtime, in their order and with their overlaps."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from google.protobuf.json_format import ParseDict
from google.protobuf.message import Message

from fakecri.core.pipeline import Call
from fakecri.core.plain import MASK
from fakecri.core.recording import Record, RecordedCall, Recording
from fakecri.core.scheduler import SECOND_NS
from fakecri.errors import CancelledError, Stuck, UsageError
from fakecri.host import Host
from fakecri.replay.bindings import mapped
from fakecri.replay.comparing import learned
from fakecri.replay.names import Names
from fakecri.replay.plugins import RecordedPlugins
from fakecri.replay.tokens import LASTING, Token
from fakecri.rpcs import RPCS

PATIENCE_S = 60.0

_NOT_DRIVEN = ("rule", "fault", "session", "state", "clock")


@dataclass
class Driven:
    """What came of a drive."""

    calls: int = 0
    notes: list[str] = field(default_factory=list)
    """What was not done as it was recorded, a sentence each."""


@dataclass(eq=False)
class _Going:
    """A call on its way."""

    recorded: RecordedCall
    call: Call
    messages: list[Message] = field(default_factory=list)
    wanted: int = 0
    """How many messages there were in the recording so far."""

    def take(self) -> None:
        """Take the messages that have come, as a client does that reads."""
        while self.call.messages:
            self.messages.append(self.call.take())


class Driver:
    """Makes the calls of a recording on a host: a fakecri, or a proxy before any runtime."""

    def __init__(
        self,
        recording: Recording,
        host: Host,
        *,
        speed: float | None = None,
        patience_s: float = PATIENCE_S,
    ) -> None:
        """`speed` 1 lets as much time pass between calls as did when they were recorded.

        2 half as much; None none at all. Where the host's time is ours it is what was recorded,
        whatever is said. `patience_s`: how long a call may take longer than it did until it is
        given up. UsageError for what cannot be; RecordingError where a message is none of its
        RPC's.
        """
        if speed is not None and not 0 < speed < float("inf"):
            raise UsageError(f"a speed must be greater than 0, and {speed} is not")
        if not 0 <= patience_s < float("inf"):
            raise UsageError(f"a patience is 0 seconds or more, and {patience_s} is not")
        self._recording = recording
        self._host = host
        self._speed = speed
        self._patience_ns = round(patience_s * SECOND_NS)
        self._recorded_names = learned(recording)
        self._names = Names()
        self._calls = {call.serial: call for call in recording.calls}
        self._going: dict[int, _Going] = {}
        self._driven = Driven()
        with host.turn() as world:
            self._start_ns = world.scheduler.now_ns
            self._plugins = RecordedPlugins(world, self._to_live)

    def run(self) -> Driven:
        """Make all calls; return when the last has ended."""
        for record in self._recording.records:
            act = _ACTS.get(record.kind)
            if act is not None:
                self._wait_until(record.v)
                act(self, record)
                self._put_off(record.v)
        for going in list(self._going.values()):
            self._hang_up(going, CancelledError.by_client())
        self._driven.notes += self._left_out()
        return self._driven

    def _left_out(self) -> Iterator[str]:
        for kind in (*_NOT_DRIVEN, *(["nri"] if self._is_elsewhere else [])):
            count = sum(_is_left_out(each) for each in self._recording.records if each.kind == kind)
            if count:
                yield f"{count} lines of kind {kind} were left out: only requests are made anew"

    @property
    def _is_elsewhere(self) -> bool:
        """Whether another runtime answers, whose plugins are its own business."""
        return self._host.world.upstream is not None

    def _wait_until(self, v: int) -> None:
        if not self._host.pace.real:
            with self._host.turn() as world:
                world.scheduler.advance_to(self._start_ns + v)
        elif self._speed is not None:
            self._host.wait_for(lambda: False, max(0, -self._late_ns(v, self._speed)))

    def _put_off(self, v: int) -> None:
        """Let what comes later come as much later as this took longer than it did."""
        if self._host.pace.real and self._speed is not None:
            self._start_ns += max(0, self._late_ns(v, self._speed))

    def _late_ns(self, v: int, speed: float) -> int:
        with self._host.turn() as world:
            return world.scheduler.now_ns - self._start_ns - round(v / speed)

    # Lines.

    def _begin(self, record: Record) -> None:
        recorded = self._calls[record.facts["call"]]
        rpc = RPCS[recorded.rpc]
        fields = self._to_live(recorded.request_fields)
        call = Call(
            rpc,
            ParseDict(fields, rpc.request(), ignore_unknown_fields=True),
            timeout_ns=recorded.timeout_ns,
            metadata=_metadata(recorded),
            peer=recorded.peer,
        )
        going = self._going[recorded.serial] = _Going(recorded, call)
        self._driven.calls += 1
        self._host.begin(call)
        if rpc.streams:
            call.watch(going.take)

    def _message(self, record: Record) -> None:
        going = self._going.get(record.facts["call"])
        if going is not None:
            going.wanted += 1

    def _cancel(self, record: Record) -> None:
        going = self._going.get(record.facts["call"])
        if going is None:
            return
        self._wait_messages(going)
        if record.facts["cause"] != "deadline":
            self._hang_up(going, CancelledError.by_client())
        elif going.recorded.timeout_ns is None:
            self._hang_up(going, CancelledError.by_deadline())

    def _end(self, record: Record) -> None:
        going = self._going.get(record.facts["call"])
        if going is None:
            return
        if not self._is_over(going, self._took_ns(going.recorded)):
            self._driven.notes.append(
                f"call {going.recorded.serial}, {going.recorded.rpc}, did not end in time:"
                " it was cancelled"
            )
        self._hang_up(going, CancelledError.by_client())

    def _clock(self, record: Record) -> None:
        by_ns = record.facts.get("by_ns")
        if record.facts.get("what") == "advance" and not self._host.pace.real:
            self._host.advance(by_ns if isinstance(by_ns, int) else 0)

    def _plugin(self, record: Record) -> None:
        if not self._is_elsewhere:
            with self._host.turn():
                self._plugins.play(record)

    # Waiting.

    def _took_ns(self, recorded: RecordedCall) -> int:
        return (recorded.ended_ns or recorded.began_ns) - recorded.began_ns

    def _is_over(self, going: _Going, took_ns: int) -> bool:
        patience_ns = took_ns + self._patience_ns
        if self._host.pace.real:
            return self._host.wait_for(lambda: going.call.done, patience_ns)
        try:
            return self._host.finish_within(going.call, patience_ns)
        except Stuck:
            return False

    def _wait_messages(self, going: _Going) -> None:
        """Wait until as many messages have come as had been recorded, or patience ends."""
        if self._host.pace.real and len(going.messages) < going.wanted:
            self._host.wait_for(
                lambda: going.call.done or len(going.messages) >= going.wanted, self._patience_ns
            )

    def _hang_up(self, going: _Going, error: CancelledError) -> None:
        self._going.pop(going.recorded.serial, None)
        self._host.cancel(going.call, error)
        with self._host.turn():
            going.take()
            answers = [*going.messages, *([going.call.response] if going.call.response else [])]
            self._names.learn(going.call.request, answers)

    # Ids.

    def _to_live(self, value: Any) -> Any:
        """Return a request with the ids that the runtime has given; secrets are left out."""
        return mapped(_without_masked(value), self._live_text)

    def _live_text(self, text: str) -> str:
        parts = self._recorded_names.parts(text)
        return text if isinstance(parts, str) else "".join(map(self._live, parts))

    def _live(self, part: str | Token) -> str:
        if isinstance(part, str):
            return part
        known = self._names.find_id(part.name) if part.kind in LASTING and part.name else None
        return known or part.text


_ACTS: dict[str, Callable[[Driver, Record], None]] = {
    "call": Driver._begin,  # noqa: SLF001  # the class's own table
    "message": Driver._message,  # noqa: SLF001  # likewise
    "cancel": Driver._cancel,  # noqa: SLF001  # likewise
    "reply": Driver._end,  # noqa: SLF001  # likewise
    "nri": Driver._plugin,  # noqa: SLF001  # likewise
    "clock": Driver._clock,  # noqa: SLF001  # likewise
}


def _is_left_out(record: Record) -> bool:
    return record.kind != "clock" or record.facts.get("what") != "advance"


def _metadata(recorded: RecordedCall) -> tuple[tuple[str, str], ...]:
    """Return what can be sent again: neither secrets nor bytes are."""
    pairs = [(key, value) for key, values in recorded.metadata.items() for value in values]
    return tuple(pair for pair in pairs if pair[1] != MASK and not pair[0].endswith("-bin"))


def _without_masked(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_masked(each) for key, each in value.items() if not _is_masked(each)}
    return [_without_masked(each) for each in value] if isinstance(value, list) else value


def _is_masked(value: Any) -> bool:
    """Whether a value is a secret that nobody knows any more, as a whole."""
    if isinstance(value, dict) and value:
        return all(_is_masked(each) for each in value.values())
    return bool(value == MASK)


def drive(
    recording: Recording,
    host: Host,
    *,
    speed: float | None = None,
    patience_s: float = PATIENCE_S,
) -> Driven:
    """Make the calls of a recording on a host; see Driver."""
    return Driver(recording, host, speed=speed, patience_s=patience_s).run()
