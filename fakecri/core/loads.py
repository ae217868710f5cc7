"""What programs use, as functions of time: a constant, a ramp, steps, or any function of the age.

All is kept in whole numbers: nanocores, bytes, bytes a second, and nanoseconds. A function of time
is a row of pieces, and each piece is a straight line, so that integrals and crossings are exact.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from fractions import Fraction
from itertools import pairwise
from typing import NamedTuple, TypeAlias

from fakecri.core.scheduler import SECOND_NS

NANOCORES = 10**9
_MOST = 2**53


@dataclass(frozen=True, slots=True)
class Ramp:
    """From `start` to `end` in `duration_s`, in a straight line; after that it stays."""

    start: float
    end: float
    duration_s: float

    def __post_init__(self) -> None:
        for each in (self.start, self.end, self.duration_s):
            _require_amount(each)


@dataclass(frozen=True, slots=True, init=False)
class Steps:
    """`Steps((0, 1), (30, 2))`: 1 from the beginning, 2 from the 30th second on.

    Before the first step it is 0.
    """

    steps: tuple[tuple[float, float], ...]

    def __init__(self, *steps: tuple[float, float]) -> None:
        """Each step is when it begins, in seconds, and the value. ValueError out of order."""
        for at_s, value in steps:
            _require_amount(at_s)
            _require_amount(value)
        if any(before[0] >= after[0] for before, after in pairwise(steps)):
            raise ValueError("steps begin one after another")
        object.__setattr__(self, "steps", steps)


Amount: TypeAlias = float | Ramp | Steps | Callable[[float], float]
"""A number that stays, a Ramp, Steps, or a function of the age in seconds.

A function is asked at each whole second, for the value until the next one. It may be asked late,
so it must depend on nothing but the age.
"""


@dataclass(frozen=True, slots=True)
class Load:
    """What a process uses beside what any idle one does. ValueError for what is less than 0."""

    cpu_cores: Amount = 0
    """How much CPU it wants; a quota may give it less."""
    memory_bytes: Amount = 0
    """Anonymous memory. More than the limit is an OOM kill."""
    cache_bytes: Amount = 0
    """Page cache of what it reads; gives way to memory."""
    layer_bytes: Amount = 0
    """What it has written to the writable layer; it stays when the process is gone."""
    received_bytes_per_s: Amount = 0
    sent_bytes_per_s: Amount = 0

    def __post_init__(self) -> None:
        for each in fields(self):
            check_amount(getattr(self, each.name))


QUANTITIES = tuple(each.name for each in fields(Load))


def named_amounts(load: Load | None, amounts: Mapping[str, Amount]) -> dict[str, Amount]:
    """Return the amounts of a load, if one is given, as `amounts` change it."""
    changes = dict(amounts)
    checked = Load(**changes)
    if load is None:
        return {name: getattr(checked, name) for name in changes}
    return {name: getattr(load, name) for name in QUANTITIES} | changes


def check_amount(amount: Amount) -> None:
    """ValueError or TypeError for what is no amount."""
    if callable(amount):
        _require_amount(amount(0.0))
    elif not isinstance(amount, (Ramp, Steps)):
        _require_amount(amount)


def _require_amount(value: float) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"an amount is a number, a Ramp, Steps or a function, not {value!r}")
    if not (math.isfinite(value) and 0 <= value <= _MOST):
        raise ValueError(f"an amount is between 0 and 2**53, not {value!r}")


class Piece(NamedTuple):
    """A straight line from `first` at `begin_ns` to `last` at `end_ns`; None: it has no end."""

    begin_ns: int
    end_ns: int | None
    first: int
    last: int

    @property
    def slope(self) -> Fraction:
        """Its growth in a nanosecond."""
        if self.end_ns is None or self.first == self.last:
            return Fraction(0)
        return Fraction(self.last - self.first, self.end_ns - self.begin_ns)

    def exact(self, at_ns: int) -> Fraction:
        """Return the value at a time."""
        return self.first + self.slope * (at_ns - self.begin_ns)

    def value(self, at_ns: int) -> int:
        """Return the value at a time, cut to a whole number."""
        if self.end_ns is None or self.first == self.last:
            return self.first
        span_ns = self.end_ns - self.begin_ns
        return self.first + (self.last - self.first) * (at_ns - self.begin_ns) // span_ns

    def integral(self, until_ns: int) -> int:
        """Return the area under it from its beginning on, cut to whole units times nanoseconds.

        Of a difference of two of them nothing is cut twice, however many stand in between.
        """
        lived_ns = until_ns - self.begin_ns
        area = self.first * lived_ns
        if self.end_ns is not None and self.first != self.last:
            span_ns = self.end_ns - self.begin_ns
            area += (self.last - self.first) * lived_ns**2 // (2 * span_ns)
        return area


class Curve:
    """An amount that began at a certain time."""

    __slots__ = ("_amount", "_begin_ns", "_piece", "_scale")

    def __init__(self, amount: Amount, begin_ns: int, scale: int = 1) -> None:
        """`scale` is how many whole units one is."""
        self._amount = amount
        self._begin_ns = begin_ns
        self._scale = scale
        self._piece = self._find(begin_ns)

    def piece(self, at_ns: int) -> Piece:
        """Return the piece that covers a time."""
        known = self._piece
        if at_ns < known.begin_ns or (known.end_ns is not None and known.end_ns <= at_ns):
            known = self._piece = self._find(at_ns)
        return known

    def _find(self, at_ns: int) -> Piece:
        amount = self._amount
        if isinstance(amount, Ramp):
            return self._of_ramp(amount, at_ns)
        if isinstance(amount, Steps):
            return self._of_steps(amount, at_ns)
        if callable(amount):
            return self._of_function(amount, at_ns)
        return self._flat(self._begin_ns, None, amount)

    def _of_ramp(self, ramp: Ramp, at_ns: int) -> Piece:
        end_ns = self._begin_ns + round(ramp.duration_s * SECOND_NS)
        if at_ns >= end_ns:
            return self._flat(end_ns, None, ramp.end)
        first, last = round(ramp.start * self._scale), round(ramp.end * self._scale)
        return Piece(self._begin_ns, end_ns, first, last)

    def _of_steps(self, steps: Steps, at_ns: int) -> Piece:
        begin_ns, value = self._begin_ns, 0.0
        for at_s, next_value in steps.steps:
            next_ns = self._begin_ns + round(at_s * SECOND_NS)
            if next_ns > at_ns:
                return self._flat(begin_ns, next_ns, value)
            begin_ns, value = next_ns, next_value
        return self._flat(begin_ns, None, value)

    def _of_function(self, function: Callable[[float], float], at_ns: int) -> Piece:
        age_s = (at_ns - self._begin_ns) // SECOND_NS
        value = function(float(age_s))
        _require_amount(value)
        begin_ns = self._begin_ns + age_s * SECOND_NS
        return self._flat(begin_ns, begin_ns + SECOND_NS, value)

    def _flat(self, begin_ns: int, end_ns: int | None, value: float) -> Piece:
        whole = round(value * self._scale)
        return Piece(begin_ns, end_ns, whole, whole)


def crossing_ns(pieces: Sequence[Piece], after_ns: int, level: int) -> int | None:
    """Return the first nanosecond after `after_ns` on the other side of `level`; None: never.

    The other side of what is above is what is not above. The pieces are added up, and taken to
    go on for ever.
    """
    value = sum((each.exact(after_ns) for each in pieces), Fraction(0))
    slope = sum((each.slope for each in pieces), Fraction(0))
    if slope == 0 or (value > level) == (slope > 0):
        return None
    distance = (level - value) / slope
    whole = math.floor(distance) + 1 if slope > 0 else math.ceil(distance)
    return after_ns + max(1, whole)
