"""Why a rule did not act: how many calls came, which was the closest, and what was against it."""

import math
from collections.abc import Callable, Mapping, Sequence
from difflib import SequenceMatcher

from fakecri.core.faults.conditions import NUMERIC
from fakecri.core.faults.printing import condition_text
from fakecri.core.faults.rules import Condition
from fakecri.core.faults.subjects import Subject

_KEPT = 16
"""Calls that are remembered, of those that came equally close."""


class Misses:
    """The calls that failed at the furthest of a rule's conditions."""

    def __init__(self, conditions: Sequence[Condition]) -> None:
        self._conditions = conditions
        self._depth = -1
        self._closest: list[tuple[int, tuple[str, ...]]] = []

    def add(
        self, depth: int, subject: Subject, values: Callable[[Subject], tuple[str, ...]]
    ) -> None:
        """Note that a call failed at the condition at `depth`, given the values it has there."""
        if depth < self._depth or (depth == self._depth and len(self._closest) >= _KEPT):
            return
        if depth > self._depth:
            self._depth, self._closest = depth, []
        record = subject.call.record
        self._closest.append((record.serial if record else 0, values(subject)))

    def report(self, seen: Mapping[str, int]) -> str:
        """Return `12 PullImage calls, none with image=*nginx*; closest: call 7, image=redis`."""
        calls = ", ".join(counted(count, f"{rpc} call") for rpc, count in seen.items())
        if self._depth < 0:
            return calls
        wanted = ", ".join(condition_text(each) for each in self._conditions[: self._depth + 1])
        condition = self._conditions[self._depth]
        serial, values = max(self._closest, key=lambda each: _likeness(condition, each[1]))
        shown = (
            f"{condition.key}={_nearest(condition, values)}"
            if values
            else (f"which has no {condition.key}")
        )
        return f"{calls}, none with {wanted}; closest: call {serial}, {shown}"


def counted(number: int, noun: str) -> str:
    """Return `no call`, `1 call`, `2 calls`."""
    return f"{number or 'no'} {noun}{'s' * (number > 1)}"


def _likeness(condition: Condition, values: Sequence[str]) -> float:
    """Return how near the nearest of some values is to what a condition wants."""
    return max((_nearness(condition, each) for each in values), default=-math.inf)


def _nearness(condition: Condition, value: str) -> float:
    if condition.operator in NUMERIC:
        try:
            return -abs(float(value) - float(condition.value))
        except ValueError:
            return -math.inf
    return SequenceMatcher(None, condition.value, value).ratio()


def _nearest(condition: Condition, values: Sequence[str]) -> str:
    return max(values, key=lambda each: _nearness(condition, each))
