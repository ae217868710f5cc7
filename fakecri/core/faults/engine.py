"""The rules that are in force, and which of them act on a call.

Rules are asked in the order of their phases, and within a phase in the order in which they were
armed. The first that ends a call before the runtime sees it hides it from those behind it.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from fakecri.core.faults.armed import Armed, Surroundings
from fakecri.core.faults.finders import FINDERS, Found
from fakecri.core.faults.fits import find_misfit
from fakecri.core.faults.grammar import checked, is_switch
from fakecri.core.faults.kinds import KINDS, is_session
from fakecri.core.faults.known import StoreLookup
from fakecri.core.faults.misses import Calls
from fakecri.core.faults.printing import text_of
from fakecri.core.faults.quick import Fetch, Refusal, fetcher
from fakecri.core.faults.rules import Action, Phase, Rule, Term, When
from fakecri.core.faults.shots import Shot
from fakecri.core.faults.subjects import Subject
from fakecri.core.faults.targets import expanded
from fakecri.core.faults.things import Lookup, Opinions, StoreRecords
from fakecri.errors import Code, CRIError, UsageError
from fakecri.rpcs import RPCS, Rpc

if TYPE_CHECKING:
    from collections import deque

    from fakecri.core.pipeline import Call
    from fakecri.core.recorder import CallRecord, Recorder
    from fakecri.core.scheduler import Scheduler

_ORDER = {
    phase: place
    for place, phase in enumerate((Phase.WIRE, *(each for each in Phase if each is not Phase.WIRE)))
}


_FEW = 3
"""Rules that are as soon asked as it is looked up what they have said."""


class _Bucket(Calls):
    """The rules for one RPC, and the calls of it that came while there were any."""

    __slots__ = ("fetch", "find", "is_prepared", "refusals", "rules")

    def __init__(self, rpc: Rpc, past_calls: "deque[CallRecord]") -> None:
        super().__init__(rpc, past_calls)
        self.rules: list[Armed] = []
        self.find = FINDERS[rpc.name]
        self.fetch: Fetch | None = None
        self.refusals: tuple[Refusal, ...] | None = None
        """If none of them is False, no rule matches; None: some rule has no quick one."""
        self.is_prepared = False
        """Whether all that follows from the rules is as they are now."""

    def prepare(self, records: StoreRecords | None) -> None:
        """Make ready for a call after rules have changed. Without records nothing is quick."""
        self.is_prepared, self.refusals = True, None
        keys = {each.key for armed in self.rules for each in armed.rule.selector}
        self.minds_states |= "state" in keys
        if records is not None:
            rpc = self.rpc.name
            self.fetch = fetcher(rpc, records, keys)
            refusals = [each for armed in self.rules if (each := armed.refusal(rpc, records))]
            if len(refusals) == len(self.rules):
                self.refusals = tuple(refusals)


class Faults:
    """All rules of one runtime."""

    def __init__(
        self, scheduler: "Scheduler", recorder: "Recorder", lookup: Lookup, seed: int
    ) -> None:
        self._scheduler = scheduler
        self._began_ns = scheduler.now_ns
        self.lookup = lookup
        self.armed: list[Armed] = []
        self.forwarded = False
        """Whether another runtime does the work, of which nobody here sees the middle."""
        self.switches: set[str] = set()
        """Those that are on: what `while paused` asks for."""
        self._version = object()
        """Another one whenever rules change, so that nobody goes by what he thought of before."""
        self._of_nothing = Opinions()
        """Those of calls that are about no thing."""
        self._buckets: dict[str, _Bucket] = {}
        self._flying: dict[int, tuple[Call, tuple[Shot, ...]]] = {}
        self._around = Surroundings(
            now_ns=lambda: scheduler.now_ns - self._began_ns,
            seed=seed,
            recorder=recorder,
            calls=self._calls,
            lookup=lambda: self.lookup,
            is_on=self.switches.__contains__,
        )

    def _calls(self, rpc: str) -> Calls:
        return self._bucket(rpc)

    def arm(self, rule: Rule, *, fleeting: bool = False) -> Armed:
        """Put a rule in force, behind those that are. A `fleeting` one goes once it is used up.

        Calls under way it does not touch. UsageError where it is none.
        """
        armed = Armed(self.check(rule), self._around, fleeting=fleeting)
        self.armed.append(armed)
        for rpc in armed.rpcs:
            bucket = self._bucket(rpc)
            if not bucket.rules:
                bucket.mark(counted=True)
            bucket.rules.append(armed)
            bucket.is_prepared = False
        self._changed(armed, "armed")
        return armed

    @property
    def _records(self) -> StoreRecords | None:
        return self.lookup if isinstance(self.lookup, StoreLookup) else None

    def check(self, rule: Rule) -> Rule:
        """Return a rule that can be armed. UsageError where it cannot."""
        if self.forwarded:
            check_forwarded(rule)
        return checked(rule)

    def _bucket(self, rpc: str) -> _Bucket:
        bucket = self._buckets.get(rpc)
        if bucket is None:
            bucket = self._buckets[rpc] = _Bucket(RPCS[rpc], self._around.recorder.calls)
        return bucket

    def reset(self, armed: Armed) -> None:
        """Let a rule begin again, with all counts at 0."""
        armed.reset()
        self._changed(armed, "reset")

    def _changed(self, armed: Armed, did: str) -> None:
        self._version = object()
        self._around.recorder.rule(armed, did)

    def disarm(self, armed: Armed) -> None:
        """Take a rule back; harmless when that is done. What it holds up it still holds up."""
        if armed not in self.armed:
            return
        self.armed.remove(armed)
        for rpc in armed.rpcs:
            bucket = self._buckets[rpc]
            bucket.rules.remove(armed)
            bucket.is_prepared = False
            if not bucket.rules:
                bucket.mark(counted=False)
        armed.disarmed()
        self._changed(armed, "disarmed")

    def switch(self, name: str, *, on: bool) -> None:
        """Turn on or off what `while NAME` asks for. UsageError where that is no name."""
        if not is_switch(name):
            raise UsageError(f"{name!r} is no name of a switch: a word that is no state")
        if on:
            self.switches.add(name)
        else:
            self.switches.discard(name)
        self._around.recorder.struck("switch", name=name, on=on)

    def inject_error(self, rpc: str, error: CRIError) -> None:
        """Let the next call of `rpc` fail with `error`, before the runtime sees it."""
        if rpc not in RPCS:
            raise UsageError(f"{rpc!r} is not an RPC of the CRI")
        if error.code is Code.OK:
            raise UsageError("OK is the code of no error")
        action = Action("error", (error.code, error.message))
        term = Term(action, Phase.BEFORE, (When("next", (1,)),))
        self.arm(Rule((rpc,), (term,)), fleeting=True)

    def shots(self, call: "Call") -> tuple[Shot, ...]:
        """Return what is to be done to a call that has just begun; to be `ended` if anything.

        Every call pays for this, so little is called here.
        """
        bucket = self._buckets.get(call.rpc.name)
        if bucket is None or not bucket.rules:
            return ()
        if not bucket.is_prepared:
            bucket.prepare(self._records)
        bucket.count = number = bucket.count + 1
        refusals = bucket.refusals
        if refusals is not None:
            request, fetch = call.request, bucket.fetch
            thing = None if fetch is None else fetch(request)
            for refuses in refusals:
                if not refuses(request, thing):
                    break
            else:
                if bucket.minds_states:
                    bucket.states.append(thing and thing.state)
                return ()
        return self._closely(call, bucket, number)

    def _closely(self, call: "Call", bucket: _Bucket, number: int) -> tuple[Shot, ...]:
        found = container, pod, is_lasting = bucket.find(call.request, self.lookup)
        thing = container or pod
        if bucket.minds_states:
            bucket.states.append(thing and thing.state)
        rules: Sequence[Armed] = bucket.rules
        if is_lasting and len(rules) > _FEW:
            rules = self._candidates(bucket, call, found)
            if not rules:
                return ()
        subject = Subject(call, self.lookup, number, found)
        matching = []
        for armed in rules:
            for test in armed.tests:
                if not test(subject):
                    break
            else:
                matching.append(armed)
        return self._take_off(call, matching, subject) if matching else ()

    def _take_off(
        self, call: "Call", matching: Sequence[Armed], subject: Subject
    ) -> tuple[Shot, ...]:
        shots = _shots(call, matching, subject)
        if shots:
            self._flying[id(call.request)] = (call, shots)
        return shots

    def _candidates(self, bucket: _Bucket, call: "Call", found: Found) -> Sequence[Armed]:
        """Return the rules that may match calls of an RPC about a thing; that is kept with it."""
        thing = found[0] or found[1]
        opinions = self._of_nothing if thing is None else thing.opinions
        rpc = call.rpc.name
        if opinions.version is not self._version:
            opinions.version = self._version
            opinions.by_rpc.clear()
            opinions.by_rule.clear()
        elif rpc in opinions.by_rpc:
            return opinions.by_rpc[rpc]
        subject, by_rule = Subject(call, self.lookup, 0, found), opinions.by_rule
        for armed in bucket.rules:
            if armed not in by_rule:
                by_rule[armed] = armed.may_match(subject)
        candidates = tuple(armed for armed in bucket.rules if by_rule[armed])
        opinions.by_rpc[rpc] = candidates
        return candidates

    def flying(self, request: object) -> "tuple[Call, tuple[Shot, ...]] | None":
        """Return the call with this request, and its shots, if it has any and is under way."""
        return self._flying.get(id(request))

    def session_shots(self, request: object) -> tuple[Shot, ...]:
        """Return those of the call with this request that are for the session behind its URL."""
        _, shots = self.flying(request) or (None, ())
        return tuple(shot for shot in shots if shot.term.phase is Phase.STREAM)

    def ended(self, call: "Call", shots: tuple[Shot, ...]) -> None:
        """A call that had shots has ended."""
        self._flying.pop(id(call.request), None)
        for shot in shots:
            shot.turn.release()
            if shot.armed.fleeting and shot.armed.used_up:
                self.disarm(shot.armed)

    def reconnect(self) -> None:
        """All connections are new from now on: the runtime has restarted."""
        for armed in self.armed:
            armed.reconnect()


def _shots(call: "Call", matching: Sequence[Armed], subject: Subject) -> tuple[Shot, ...]:
    due = [(place, armed) for armed in matching if (place := armed.due(call)) is not None]
    due.sort(key=lambda each: _ORDER[each[1].rule.terms[each[0]].phase])  # it is stable
    shots: list[Shot] = []
    for at, (place, armed) in enumerate(due, 1):
        shot = armed.shot(place, call, subject)
        if shot is None:
            continue
        shots.append(shot)
        if _ends(shot.term):
            for _, hidden in due[at:]:
                hidden.hidden += 1
            break
    return tuple(shots)


def _ends(term: Term) -> bool:
    """Whether a call on which a term acts never comes to the runtime."""
    early = term.phase in (Phase.WIRE, Phase.BEFORE) and "after" not in term.action.arguments
    return early and KINDS[term.action.name].ends


def check_forwarded(rule: Rule) -> Rule:
    """Return a rule that can act on calls that go to another runtime. UsageError for others."""
    if any(term.phase is Phase.DURING for term in rule.terms):
        raise UsageError(
            f"{text_of(rule)}: nobody sees when the work of another runtime is half done, "
            "so that there is no phase during"
        )
    if any(_is_for_sessions(rule, term) for term in rule.terms):
        raise UsageError(
            f"{text_of(rule)}: what is behind the URLs of another runtime does not pass here, "
            "so that no rule can act on it"
        )
    return rule


def _is_for_sessions(rule: Rule, term: Term) -> bool:
    """Whether a term says that it is for sessions, or could be for nothing else."""
    fitting = {
        rpc for rpc in expanded(rule.targets) if not find_misfit(term.action.name, term.phase, rpc)
    }
    sessions = {rpc for rpc in fitting if is_session(term.phase, rpc)}
    return bool(sessions) and (sessions == fitting or not sessions.isdisjoint(rule.targets))
