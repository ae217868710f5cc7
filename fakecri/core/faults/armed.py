"""A rule in force, with its counts."""

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fakecri.core.faults.fits import find_misfit, find_mismatch
from fakecri.core.faults.misses import Calls, Requirement, births, closest, counted
from fakecri.core.faults.printing import term_text, text_of
from fakecri.core.faults.quick import Refusal, refusal
from fakecri.core.faults.rules import Condition, Phase, Rule, Term
from fakecri.core.faults.selectors import compiled, is_changing, values_of
from fakecri.core.faults.shots import Shot
from fakecri.core.faults.subjects import Subject
from fakecri.core.faults.targets import expanded
from fakecri.core.faults.things import Lookup, StoreRecords
from fakecri.core.faults.triggers import Moment, Turn
from fakecri.errors import UsageError
from fakecri.rpcs import RPCS

if TYPE_CHECKING:
    from fakecri.core.pipeline import Call
    from fakecri.core.recorder import CallRecord, Recorder


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a rule in force may ask of the runtime."""

    now_ns: Callable[[], int]
    """Virtual time since the runtime began."""
    seed: int
    recorder: "Recorder"
    calls: Callable[[str], Calls]
    """The calls of an RPC while there were rules for it."""
    lookup: Callable[[], Lookup]
    is_on: Callable[[str], bool]
    """Whether a switch is on."""


class Armed:
    """A rule in force, with its counts."""

    def __init__(self, rule: Rule, around: Surroundings, *, fleeting: bool = False) -> None:
        self.rule = rule
        self.text = text_of(rule)
        self.rpcs = expanded(rule.targets)
        self.fleeting = fleeting
        """Whether it is disarmed once it is used up."""
        self.dice = f"{around.seed}/{self.text}"
        """What its random numbers follow from, with the hit."""
        self._around = around
        lasting = [each for each in rule.selector if not is_changing(each.key)]
        changing = [each for each in rule.selector if is_changing(each.key)]
        self._requirements = [self._requirement(each) for each in (*lasting, *changing)]
        self.tests = tuple(each.test for each in self._requirements)
        """All that must be true of a call; first what is so in each call about the same thing."""
        self._lasting = self.tests[: len(lasting)]
        self._fitting = [self._rpcs_of(term) for term in rule.terms]
        self._start()

    def _rpcs_of(self, term: Term) -> frozenset[str]:
        """Return the RPCs, of those that the rule is for, on which a term can act."""
        streams_only = any(when.kind == "at" for when in term.when)
        return frozenset(
            rpc
            for rpc in self.rpcs
            if not find_misfit(term.action.name, term.phase, rpc)
            and not find_mismatch(term.action, term.phase, rpc)
            and (RPCS[rpc].streams or not streams_only)
        )

    def _start(self) -> None:
        self.hits = 0
        """How many calls it has matched."""
        self.aimed = 0
        """On how many of them a term was to act."""
        self.hidden = 0
        """How many of them another rule answered before."""
        self.fired = 0
        """On how many calls it has acted."""
        self.calls: deque[CallRecord] = deque(maxlen=self._around.recorder.calls.maxlen)
        """Those calls; as many as the recorder keeps of all."""
        self.memory: dict[Any, Any] = {}
        """What its actions keep from call to call."""
        self._last: CallRecord | None = None
        self._before = {rpc: self._around.calls(rpc).count for rpc in self.rpcs}
        self._after: Mapping[str, int] | None = None
        self._turns = [Turn(term.when) for term in self.rule.terms]
        self._place = 0
        self._turns[0].begin(self._around.now_ns())

    def _requirement(self, condition: Condition) -> Requirement:
        values = self._numbers if condition.key == "n" else values_of(condition.key)
        return Requirement(condition, values, compiled(condition, values))

    def refusal(self, rpc: str, records: StoreRecords) -> Refusal | None:
        """Return a quick test by which most calls of an RPC are none that match; None: none."""
        for requirement in self._requirements:
            condition = requirement.condition
            if condition.key == "n" and condition.operator == "=" and condition.value.isdecimal():
                return self._by_number(rpc, int(condition.value))
            refuses = refusal(condition, rpc, records)
            if refuses is not None:
                return refuses
        return None

    def _by_number(self, rpc: str, wanted: int) -> Refusal:
        calls = self._around.calls(rpc)
        # The call is counted already, so it is the last one.
        return lambda _request, _thing: calls.count - self._before[rpc] != wanted

    def _numbers(self, subject: Subject) -> tuple[str, ...]:
        return (str(subject.number - self._before.get(subject.call.rpc.name, 0)),)

    def reset(self) -> None:
        """Begin again, with all counts at 0."""
        self._start()

    def disarmed(self) -> None:
        """It is in force no longer: what comes from now on it has not seen."""
        self._after = self._counts()

    def _counts(self) -> Mapping[str, int]:
        return {rpc: self._around.calls(rpc).count for rpc in self.rpcs}

    def may_match(self, subject: Subject) -> bool:
        """Whether the conditions hold that hold for each call about the same thing, or for none."""
        return all(test(subject) for test in self._lasting)

    def due(self, call: "Call") -> int | None:
        """Count a call that matches; return the place of the term whose turn it is, if any."""
        self.hits += 1
        self._last = call.record
        place = self._turn()
        if place is None:
            return None
        return place if call.rpc.name in self._fitting[place] else None

    def _turn(self) -> int | None:
        now_ns = self._around.now_ns()
        while self._place < len(self._turns):
            over_ns = self._turns[self._place].used_up_ns(now_ns)
            if over_ns is None:
                return self._place
            self._place += 1
            if self._place < len(self._turns):
                self._turns[self._place].begin(over_ns)
        return None

    @property
    def used_up(self) -> bool:
        """Whether it will never act again."""
        return self._turn() is None

    def shot(self, place: int, call: "Call", subject: Subject) -> Shot | None:
        """Return the shot of a term on a call, unless its triggers are against it."""
        turn, around = self._turns[place], self._around
        moment = Moment(around.now_ns(), subject, self.hits, self.dice, place, around.is_on)
        if not turn.passes(moment):
            return None
        if self.rule.terms[place].action.name == "off":
            turn.release()
            return None
        self.aimed += 1
        return Shot(self, turn, place, call)

    def fired_on(self, shot: Shot, phase: Phase, effect: str) -> None:
        """Count and record an act of a shot of this rule."""
        record = shot.call.record
        if record is None:
            raise UsageError("a rule acts on calls that have begun")
        if not shot.acted:
            shot.acted = True
            self.fired += 1
            self.calls.append(record)
        self._around.recorder.fired(record, shot, phase, effect)

    def reconnect(self) -> None:
        """All connections are new from now on."""
        for turn in self._turns:
            turn.reconnect()

    @property
    def can_fire(self) -> bool:
        """Whether there is any term in it that does something."""
        return any(term.action.name != "off" for term in self.rule.terms)

    def why_unfired(self) -> str:
        """Return why it has not acted: which call came closest, and what was against it."""
        if not self.hits:
            return self._missed()
        matched = f"{counted(self.hits, 'call')} matched"
        if self._last is not None:
            matched += f", the last one call {self._last.serial}"
        if self.hidden == self.hits:
            return f"{matched}; another rule had answered before"
        if self.aimed:
            return f"{matched}; none came to the phase in which it acts"
        terms = " -> ".join(map(term_text, self.rule.terms))
        return f"{matched}; the triggers let none through: {terms}"

    def _missed(self) -> str:
        """Return how many calls came, and how close the closest did."""
        until = self._counts() if self._after is None else self._after
        seen = {rpc: until[rpc] - self._before[rpc] for rpc in self.rpcs}
        came = {rpc: count for rpc, count in seen.items() if count} or {self.rpcs[0]: 0}
        counts = ", ".join(counted(count, f"{rpc} call") for rpc, count in came.items())
        lookup, born = self._around.lookup(), births(self._around.recorder.calls)
        past = [
            call
            for rpc in self.rpcs
            for call in self._around.calls(rpc).between(self._before[rpc], until[rpc], lookup, born)
        ]
        past.sort(key=lambda call: call.serial)
        wanted, nearest = closest(self._requirements, past, lookup)
        return f"{counts}, none with {wanted}; closest: {nearest}" if nearest else counts
