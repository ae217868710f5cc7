"""Spans of time as text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakecri.core.durations import MAX_NS, parse_duration, render_duration


@pytest.mark.parametrize(
    ("text", "span_ns"),
    [
        ("0s", 0),
        ("250ms", 250_000_000),
        ("10m", 600 * 10**9),
        ("1h30m", 5400 * 10**9),
        ("1.5s", 1_500_000_000),
        ("320d", 320 * 86_400 * 10**9),
        ("7NS", 7),
    ],
)
def test_a_span_is_a_sum_of_units(text: str, span_ns: int) -> None:
    assert parse_duration(text) == span_ns


@pytest.mark.parametrize("text", ["", "10", "s", "1 s", "-1s", "+1s", "1y", "0.5ns", "300000000d"])
def test_what_is_no_span_is_none(text: str) -> None:
    assert parse_duration(text) is None


def test_only_a_signed_span_has_a_sign() -> None:
    assert parse_duration("-40s", signed=True) == -40 * 10**9
    assert parse_duration("+1h", signed=True) == 3600 * 10**9
    assert parse_duration("--40s", signed=True) is None


@given(st.integers(min_value=-MAX_NS, max_value=MAX_NS))
def test_a_rendered_span_is_read_as_itself(span_ns: int) -> None:
    assert parse_duration(render_duration(span_ns), signed=True) == span_ns


@given(st.text(max_size=20))
def test_no_text_makes_the_parser_fail(text: str) -> None:
    span_ns = parse_duration(text, signed=True)
    assert span_ns is None or abs(span_ns) <= MAX_NS
