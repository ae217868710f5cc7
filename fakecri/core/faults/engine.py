"""The rules that are in force, and which of them act on a call.

Rules are asked in the order of their phases, and within a phase in the order in which they were
armed. The first that ends a call before the runtime sees it hides it from those behind it.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from fakecri.core.faults.armed import Armed, Surroundings
from fakecri.core.faults.grammar import checked, is_switch
from fakecri.core.faults.kinds import KINDS
from fakecri.core.faults.rules import Action, Phase, Rule, Term, When
from fakecri.core.faults.shots import Shot
from fakecri.core.faults.subjects import Lookup, Subject
from fakecri.errors import Code, CRIError, UsageError
from fakecri.rpcs import RPCS

if TYPE_CHECKING:
    from fakecri.core.pipeline import Call
    from fakecri.core.recorder import Recorder
    from fakecri.core.scheduler import Scheduler

_ORDER = {
    phase: place
    for place, phase in enumerate((Phase.WIRE, *(each for each in Phase if each is not Phase.WIRE)))
}


class _Bucket:
    """The rules for one RPC, and how many calls of it came while there were any."""

    def __init__(self) -> None:
        self.rules: list[Armed] = []
        self.count = 0


class Faults:
    """All rules of one runtime."""

    def __init__(
        self, scheduler: "Scheduler", recorder: "Recorder", lookup: Lookup, seed: int
    ) -> None:
        self._scheduler = scheduler
        self._began_ns = scheduler.now_ns
        self.lookup = lookup
        self.armed: list[Armed] = []
        self.switches: set[str] = set()
        """Those that are on: what `while paused` asks for."""
        self._buckets: dict[str, _Bucket] = {}
        self._flying: dict[int, tuple[Call, tuple[Shot, ...]]] = {}
        self._around = Surroundings(
            now_ns=lambda: scheduler.now_ns - self._began_ns,
            seed=seed,
            recorder=recorder,
            counts=self._counts,
            is_on=self.switches.__contains__,
        )

    def _counts(self) -> Mapping[str, int]:
        return {rpc: bucket.count for rpc, bucket in self._buckets.items()}

    def arm(self, rule: Rule, *, fleeting: bool = False) -> Armed:
        """Put a rule in force, behind those that are. A `fleeting` one goes once it is used up.

        Calls under way it does not touch. UsageError where it is none.
        """
        armed = Armed(checked(rule), self._around, fleeting=fleeting)
        self.armed.append(armed)
        for rpc in armed.rpcs:
            self._buckets.setdefault(rpc, _Bucket()).rules.append(armed)
        self._around.recorder.rule(armed, "armed")
        return armed

    def disarm(self, armed: Armed) -> None:
        """Take a rule back; harmless when that is done. What it holds up it still holds up."""
        if armed not in self.armed:
            return
        self.armed.remove(armed)
        for rpc in armed.rpcs:
            self._buckets[rpc].rules.remove(armed)
        armed.disarmed()

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
        """Return what is to be done to a call that has just begun; to be `ended` if anything."""
        bucket = self._buckets.get(call.rpc.name)
        if bucket is None or not bucket.rules:
            return ()
        bucket.count += 1
        subject = Subject(call, self.lookup, bucket.count)
        matching = [armed for armed in bucket.rules if armed.matches(subject)]
        shots = _shots(matching, subject) if matching else ()
        if shots:
            self._flying[id(call.request)] = (call, shots)
        return shots

    def flying(self, request: object) -> "tuple[Call, tuple[Shot, ...]] | None":
        """Return the call with this request, and its shots, if it has any and is under way."""
        return self._flying.get(id(request))

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


def _shots(matching: list[Armed], subject: Subject) -> tuple[Shot, ...]:
    due = [(place, armed) for armed in matching if (place := armed.due(subject.call)) is not None]
    due.sort(key=lambda each: _ORDER[each[1].rule.terms[each[0]].phase])  # it is stable
    shots: list[Shot] = []
    for at, (place, armed) in enumerate(due, 1):
        shot = armed.shot(place, subject)
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
