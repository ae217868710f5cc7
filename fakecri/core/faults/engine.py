"""The rules that are in force: which of them acts on a call, and the count of what they did.

Rules are asked in the order of their phases, and within a phase in the order in which they were
armed. The first that ends a call before the runtime sees it hides it from those behind it.
"""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from fakecri.core.faults.kinds import KINDS
from fakecri.core.faults.printing import text_of
from fakecri.core.faults.rules import Action, Phase, Rule, Term, When
from fakecri.core.faults.shots import Shot
from fakecri.core.faults.subjects import Lookup, Subject
from fakecri.core.faults.targets import expanded
from fakecri.core.faults.triggers import Moment, Turn
from fakecri.errors import Code, CRIError, UsageError
from fakecri.rpcs import RPCS

if TYPE_CHECKING:
    from fakecri.core.pipeline import Call
    from fakecri.core.recorder import CallRecord, Recorder
    from fakecri.core.scheduler import Scheduler

_ORDER = {phase: place for place, phase in enumerate(Phase)}


class Armed:
    """A rule in force, with its counts."""

    def __init__(self, rule: Rule, faults: "Faults") -> None:
        self.rule = rule
        self.text = text_of(rule)
        self.dice = f"{faults.seed}/{self.text}"
        """What its random numbers follow from, with the hit."""
        self._faults = faults
        self.fleeting = False
        """Whether it is disarmed when it is used up."""
        self._start()

    def _start(self) -> None:
        self.hits = 0
        """How many calls it has matched."""
        self.fired = 0
        """How many calls it has acted on."""
        self.calls: list[CallRecord] = []
        """Those calls."""
        self._turns = [Turn(term.when) for term in self.rule.terms]
        self._place = 0
        self._turns[0].begin(self._faults.now_ns)

    def reset(self) -> None:
        """Begin again, with all counts at 0."""
        self._start()
        self._faults.recorder.rule(self, "reset")

    def term_at(self, now_ns: int) -> int | None:
        """Return the place of the term whose turn it is; None: all are used up."""
        while self._place < len(self._turns):
            over_ns = self._turns[self._place].used_up_ns(now_ns)
            if over_ns is None:
                return self._place
            self._place += 1
            if self._place < len(self._turns):
                self._turns[self._place].begin(over_ns)
        return None

    def shot(self, index: int, subject: Subject, hit: int) -> Shot | None:
        """Return the shot of a term on a call, unless its triggers are against it."""
        faults = self._faults
        moment = Moment(faults.now_ns, subject, hit, self.dice, index, faults.switches.__contains__)
        if not self._turns[index].passes(moment) or self.rule.terms[index].action.name == "off":
            return None
        return Shot(self, index, subject.call, hit)

    def fired_on(self, shot: Shot, phase: Phase, effect: str) -> None:
        """Count and record an act of a shot of this rule."""
        record = shot.call.record
        if record is None:
            raise UsageError("a rule acts on calls that have begun")
        if not shot.acted:
            shot.acted = True
            self.fired += 1
            self.calls.append(record)
        self._faults.recorder.fired(record, shot, phase, effect)

    def reconnect(self) -> None:
        """All connections are new from now on."""
        for turn in self._turns:
            turn.reconnect()

    def over(self, shot: Shot) -> None:
        """The call of a shot has ended."""
        self._turns[shot.index].release()


@dataclass(slots=True)
class _Bucket:
    """The rules for one RPC, and how many calls of it there were since the first of them."""

    rules: list[Armed] = field(default_factory=list)
    count: int = 0


class Faults:
    """All rules of one runtime."""

    def __init__(
        self, scheduler: "Scheduler", recorder: "Recorder", lookup: Lookup, seed: int
    ) -> None:
        self._scheduler = scheduler
        self._began_ns = scheduler.now_ns
        self.recorder = recorder
        self.lookup = lookup
        self.seed = seed
        self.armed: list[Armed] = []
        self.switches: set[str] = set()
        """Those that are on: what `while paused` asks for."""
        self._buckets: dict[str, _Bucket] = {}
        self._flying: dict[int, tuple[Call, tuple[Shot, ...]]] = {}

    @property
    def now_ns(self) -> int:
        """Virtual time since the runtime began."""
        return self._scheduler.now_ns - self._began_ns

    def arm(self, rule: Rule, *, fleeting: bool = False) -> Armed:
        """Put a rule in force, behind those that are. A `fleeting` one goes once it is used up."""
        armed = Armed(rule, self)
        armed.fleeting = fleeting
        self.armed.append(armed)
        for rpc in expanded(rule.targets):
            self._buckets.setdefault(rpc, _Bucket()).rules.append(armed)
        self.recorder.rule(armed, "armed")
        return armed

    def disarm(self, armed: Armed) -> None:
        """Take a rule back; harmless when that is done. What it holds up it still holds up."""
        if armed not in self.armed:
            return
        self.armed.remove(armed)
        for bucket in self._buckets.values():
            if armed in bucket.rules:
                bucket.rules.remove(armed)
        self.recorder.rule(armed, "disarmed")

    def inject_error(self, rpc: str, error: CRIError) -> None:
        """Let the next call of `rpc` fail with `error`, before the runtime sees it."""
        if rpc not in RPCS:
            raise UsageError(f"{rpc!r} is not an RPC of the CRI")
        if error.code is Code.OK:
            raise UsageError("OK is the code of no error")
        action = Action("error", (error.code, error.message))
        self.arm(Rule((rpc,), (Term(action, Phase.BEFORE, (When("next", (1,)),)),)), fleeting=True)

    def shots(self, call: "Call") -> tuple[Shot, ...]:
        """Return what is to be done to a call that has just begun; to be `ended` if anything."""
        bucket = self._buckets.get(call.rpc.name)
        if not bucket or not bucket.rules:
            return ()
        bucket.count += 1
        subject = Subject(call, self.lookup, bucket.count)
        matching = list(bucket.rules)
        shots = self._taken(matching, subject) if matching else ()
        if shots:
            self._flying[id(call.request)] = (call, shots)
        return shots

    def _taken(self, matching: list[Armed], subject: Subject) -> tuple[Shot, ...]:
        asked = []
        for armed in matching:
            armed.hits += 1
            index = armed.term_at(self.now_ns)
            if index is not None:
                asked.append((_ORDER[armed.rule.terms[index].phase], armed, index))
        shots: list[Shot] = []
        for _, armed, index in sorted(asked, key=lambda each: each[0]):
            shot = armed.shot(index, subject, armed.hits)
            if shot is not None:
                shots.append(shot)
                if shot.term.phase is Phase.BEFORE and KINDS[shot.term.action.name].ends:
                    break
        return tuple(shots)

    def reconnect(self) -> None:
        """All connections are new from now on: the runtime has restarted."""
        for armed in self.armed:
            armed.reconnect()

    def flying(self, request: object) -> "tuple[Call, tuple[Shot, ...]] | None":
        """Return the call with this request, and its shots, if it has any and is under way."""
        return self._flying.get(id(request))

    def ended(self, call: "Call", shots: tuple[Shot, ...]) -> None:
        """A call that had shots has ended."""
        self._flying.pop(id(call.request), None)
        for shot in shots:
            shot.armed.over(shot)
            if shot.armed.fleeting and shot.armed.term_at(self.now_ns) is None:
                self.disarm(shot.armed)
