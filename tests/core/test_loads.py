"""Loads as functions of time: pieces, areas, crossings."""

import math
from fractions import Fraction
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakecri import Load, Ramp, Steps
from fakecri.core.loads import Amount, Curve, Piece, crossing_ns
from fakecri.core.scheduler import SECOND_NS

TIMES_NS = st.integers(min_value=0, max_value=10**14)
VALUES = st.integers(min_value=0, max_value=10**12)


def value_at(amount: Amount, age_s: float) -> int:
    at_ns = 5 + round(age_s * SECOND_NS)
    return Curve(amount, 5).piece(at_ns).value(at_ns)


@pytest.mark.parametrize(
    ("amount", "values"),
    [
        (7, [7, 7, 7, 7]),
        (Ramp(10, 20, 10), [10, 15, 20, 20]),
        (Ramp(20, 0, 10), [20, 10, 0, 0]),
        (Ramp(5, 9, 0), [9, 9, 9, 9]),
        (Steps((0, 1), (5, 2), (10.5, 3)), [1, 2, 2, 3]),
        (Steps((5, 2)), [0, 2, 2, 2]),
        (Steps(), [0, 0, 0, 0]),
        (lambda age_s: age_s * 2, [0, 10, 20, 22]),
    ],
)
def test_an_amount_has_its_values_over_time(amount: Amount, values: list[int]) -> None:
    assert [value_at(amount, age_s) for age_s in (0, 5, 10, 11)] == values


def test_a_function_is_asked_at_whole_seconds() -> None:
    asked: list[float] = []

    def function(age_s: float) -> float:
        asked.append(age_s)
        return age_s

    curve = Curve(function, SECOND_NS // 3)
    for at_ns in range(SECOND_NS // 3, 3 * SECOND_NS, SECOND_NS // 10):
        curve.piece(at_ns)
    assert asked == [0, 1, 2]


@pytest.mark.parametrize("wrong", [-1, math.nan, math.inf, 2**54, lambda _: -1.0])
def test_an_amount_that_cannot_be_is_refused(wrong: Amount) -> None:
    with pytest.raises(ValueError, match="between 0 and"):
        Load(memory_bytes=wrong)


@pytest.mark.parametrize("wrong", ["1", None, True, (0, 1), lambda _: "1"])
def test_what_is_no_amount_is_refused(wrong: Any) -> None:
    with pytest.raises(TypeError, match="an amount is a number"):
        Load(cpu_cores=wrong)


@pytest.mark.parametrize("fields", [(-1, 0, 1), (0, math.nan, 1), (0, 1, -1)])
def test_a_ramp_that_cannot_be_is_refused(fields: tuple[float, float, float]) -> None:
    with pytest.raises(ValueError, match="between 0 and"):
        Ramp(*fields)


@pytest.mark.parametrize("steps", [((1, 0), (1, 1)), ((2, 0), (1, 1))])
def test_steps_out_of_order_are_refused(steps: tuple[tuple[float, float], ...]) -> None:
    with pytest.raises(ValueError, match="one after another"):
        Steps(*steps)


@given(VALUES, VALUES, st.integers(1, 10**13), st.lists(TIMES_NS, max_size=10))
def test_an_area_is_the_sum_of_its_parts_wherever_it_is_cut(
    first: int, last: int, span_ns: int, cuts_ns: list[int]
) -> None:
    piece = Piece(7, 7 + span_ns, first, last)
    cuts = sorted(7 + cut % (span_ns + 1) for cut in cuts_ns)
    bounds = [7, *cuts, 7 + span_ns]
    parts = [piece.integral(end) - piece.integral(begin) for begin, end in pairwise(bounds)]
    assert all(part >= 0 for part in parts)
    assert sum(parts) == (first + last) * span_ns // 2


@given(VALUES, VALUES, st.integers(1, 10**13), VALUES)
def test_a_line_crosses_in_the_first_nanosecond_beyond(
    first: int, last: int, span_ns: int, level: int
) -> None:
    piece = Piece(3, 3 + span_ns, first, last)
    crossed_ns = crossing_ns([piece], 3, level)

    def is_above(at_ns: int) -> bool:
        return first + Fraction(last - first, span_ns) * (at_ns - 3) > level

    before = is_above(3)
    if crossed_ns is None:
        assert first == last or before == (last > first)
    else:
        assert is_above(crossed_ns) != before
        assert is_above(crossed_ns - 1) == before
