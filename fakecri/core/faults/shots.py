"""A shot: one term of an armed rule that acts on one call."""

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fakecri.core.faults.armed import Armed
    from fakecri.core.faults.rules import Phase, Term
    from fakecri.core.faults.triggers import Turn
    from fakecri.core.pipeline import Call

_BITS = 53
"""Of a float between 0 and 1."""


class Shot:
    """What the engine hands to `actions`: they look at `term`, draw, and tell what they did."""

    __slots__ = ("_draws", "acted", "armed", "call", "hit", "index", "term", "turn")

    def __init__(self, armed: "Armed", turn: "Turn", index: int, call: "Call") -> None:
        self.armed = armed
        self.turn = turn
        """To be released when the call has ended."""
        self.index = index
        """The place of the term in its rule, from 0."""
        self.term: Term = armed.rule.terms[index]
        self.call = call
        self.hit = armed.hits
        """How many calls the rule had matched, with this one."""
        self.acted = False
        self._draws = 0

    def draw(self) -> float:
        """Return the next number, 0 <= x < 1, of this shot: no other rule moves it."""
        self._draws += 1
        return drawn(self.armed.dice, self.hit, f"draw {self._draws}")

    def fired(self, phase: "Phase", effect: str = "") -> None:
        """Count and record that it acted. To be told at each act, before what it does is seen.

        `effect`: "definite" (an error, and nothing happened), "indefinite" (an error or no answer,
        and it happened or may have), or "" (neither).
        """
        self.armed.fired_on(self, phase, effect)


def drawn(dice: str, hit: int, purpose: str) -> float:
    """Return a number, 0 <= x < 1, that follows from its arguments alone."""
    digest = hashlib.sha256(f"{dice}/{hit}/{purpose}".encode()).digest()
    number = int.from_bytes(digest[:8], "big") >> (64 - _BITS)
    return float(number / (1 << _BITS))
