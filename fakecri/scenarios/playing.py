"""Plays the steps of a scenario on a stage, and writes down what came of each."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from fakecri.errors import UsageError
from fakecri.scenarios.conditions import Condition, Term, Values
from fakecri.scenarios.files import NOT_REPRODUCED, REPRODUCED
from fakecri.scenarios.steps import Step

INCONCLUSIVE = "inconclusive"
"""Something that the symptom presupposes did not come."""

DONE, SEEN, MISSED, NOT_SEEN, SKIPPED = "done", "seen", "missed", "not seen", "not reached"
"""What comes of a step. `not seen` is what `never` wants, `missed` whatever should not be."""


_SYMPTOM = ("see", "never")
_GOES_ON = (*_SYMPTOM, "recovers")
"""Where these are missed the steps behind them are played all the same."""


class Stage(Protocol):
    """A runtime and a kubelet, to be acted upon and looked at."""

    @property
    def now_ns(self) -> int:
        """The time since the runtime began."""

    def do(self, step: Step) -> str:
        """Do what a step says; return what there is to tell of it. UsageError if it cannot be."""

    def look(self) -> Callable[[Term], Values]:
        """Return what reads facts, all of one moment."""

    def wait(self, happened: Callable[[], bool], span_ns: int) -> bool:
        """Ask from time to time, for so long; return at once when it has happened."""


@dataclass(slots=True)
class Played:
    """A step, and what came of it."""

    step: Step
    result: str = SKIPPED
    began_ns: int = 0
    ended_ns: int = 0
    since_ns: int = 0
    """When the last step before that did something had been done."""
    told: str = ""
    """What a step did, or what its condition was about at its end."""

    @property
    def after_ns(self) -> int:
        """How long after the last step that did something it ended."""
        return self.ended_ns - self.since_ns


class Player:
    """Goes from step to step."""

    def __init__(self, stage: Stage, steps: Sequence[Step]) -> None:
        self.played = [Played(step) for step in steps]
        self._stage = stage
        self._since_ns = stage.now_ns
        self._before: dict[str, float] = {}
        """What there was already when the last step that did something began."""

    def play(self, said: Callable[[Played], None] = lambda _: None) -> None:
        """Play all steps, until one that is waited for does not come. `said` hears of each."""
        for place, each in enumerate(self.played):
            if each.step.verb == "instead" and not self._is_missed():
                continue
            if not each.step.watches:
                self._note_before(place)
            each.began_ns, each.since_ns = self._stage.now_ns, self._since_ns
            self._play(each)
            each.ended_ns = self._stage.now_ns
            if not each.step.watches:
                self._since_ns = each.ended_ns
            said(each)
            if each.result == MISSED and each.step.verb not in _GOES_ON:
                return

    def _play(self, each: Played) -> None:
        if each.step.condition is None:
            try:
                each.told, each.result = self._stage.do(each.step), DONE
            except UsageError as error:
                each.told, each.result = str(error), MISSED
            return
        seen = self._watch(each, each.step.condition)
        if each.step.verb == "never":
            each.result = MISSED if seen else NOT_SEEN
        else:
            each.result = SEEN if seen else MISSED

    def _watch(self, each: Played, condition: Condition) -> bool:
        def holds() -> bool:
            read = self._reader()
            each.told = condition.seen(read)
            return condition.holds(read)

        return self._stage.wait(holds, each.step.span_ns)

    def _reader(self) -> Callable[[Term], Values]:
        look, known = self._stage.look(), dict[str, Values]()

        def read(term: Term) -> Values:
            if term.text not in known:
                known[term.text] = self._counted(term, look(term))
            return known[term.text]

        return read

    def _counted(self, term: Term, values: Values) -> Values:
        if not term.is_new:
            return values
        before = self._before.get(term.text, 0.0)
        return [value - before for value in values if isinstance(value, int | float)]

    def _note_before(self, place: int) -> None:
        terms = [term for step in self._until_next_deed(place) for term in step.terms]
        if new := [term for term in terms if term.is_new]:
            look = self._stage.look()
            self._before = {term.text: _total(look(term)) for term in new}

    def _until_next_deed(self, place: int) -> Iterator[Condition]:
        for each in self.played[place + 1 :]:
            if each.step.condition is None:
                return
            yield each.step.condition

    def _is_missed(self) -> bool:
        return any(each.step.verb in _SYMPTOM and each.result == MISSED for each in self.played)

    @property
    def outcome(self) -> str:
        """What came of it all."""
        if self.stuck is not None:
            return INCONCLUSIVE
        return NOT_REPRODUCED if self._is_missed() else REPRODUCED

    @property
    def stuck(self) -> Played | None:
        """The step that did not come about, though the others needed it."""
        return next(
            (
                each
                for each in self.played
                if each.result == MISSED and each.step.verb not in _GOES_ON
            ),
            None,
        )

    @property
    def recovered_ns(self) -> int | None:
        """How long it took until all was well again; None: it was not asked, or it was not."""
        asked = [each for each in self.played if each.step.verb == "recovers"]
        if not asked or any(each.result != SEEN for each in asked):
            return None
        return max(each.after_ns for each in asked)

    @property
    def has_lasting_harm(self) -> bool:
        """Whether it should have recovered, and did not."""
        return any(each.step.verb == "recovers" and each.result == MISSED for each in self.played)


def _total(values: Values) -> float:
    # What there was not, as of a kubelet that did not run yet, is as good as 0.
    return sum(float(value) for value in values if not math.isnan(float(value)))
