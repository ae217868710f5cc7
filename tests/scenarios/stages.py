"""A stage without a kubelet: what its facts are follows from how long it has played."""

from collections.abc import Callable, Mapping, Sequence

from fakecri.core.scheduler import SECOND_NS
from fakecri.errors import UsageError
from fakecri.scenarios.conditions import Term, Values
from fakecri.scenarios.playing import Played, Player
from fakecri.scenarios.steps import Step, parse_steps

PODS: Mapping[str, Sequence[str]] = {"web": ["app", "side"], "db-0": ["app"], "db-1": ["app"]}


class Told:
    """Facts come from a function of the seconds that have passed; time passes by looking."""

    def __init__(self, facts: Callable[[Term, int], Values], cannot: str = "") -> None:
        self.now_ns = 0
        self.done: list[str] = []
        self._facts = facts
        self._cannot = cannot

    def do(self, step: Step) -> str:
        if step.verb == self._cannot:
            raise UsageError("it cannot be done")
        self.done.append(step.text)
        self.now_ns += SECOND_NS
        return "done"

    def look(self) -> Callable[[Term], Values]:
        return lambda term: self._facts(term, self.now_ns // SECOND_NS)

    def wait(self, happened: Callable[[], bool], span_ns: int) -> bool:
        end_ns = self.now_ns + span_ns
        while not happened():
            if self.now_ns >= end_ns:
                return False
            self.now_ns += SECOND_NS
        return True


def played(
    steps: str, facts: Callable[[Term, int], Values] = lambda _, now: [float(now)], cannot: str = ""
) -> tuple[Player, list[Played]]:
    """Play steps; return the player, and the steps with what came of them."""
    player = Player(Told(facts, cannot), parse_steps(steps, PODS))
    player.play()
    return player, player.played
