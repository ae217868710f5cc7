"""Spans of time, read and written."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakecri.errors import UsageError
from fakecri.timeline.spans import parse_span_ns, seconds, short_span


@pytest.mark.parametrize(
    ("text", "span_ns"),
    [
        ("0", 0),
        ("2", 2_000_000_000),
        ("1.5s", 1_500_000_000),
        ("250ms", 250_000_000),
        ("1m30s", 90_000_000_000),
        ("2h", 7_200_000_000_000),
        ("0.5us", 500),
        ("7ns", 7),
    ],
)
def test_a_span_has_units(text: str, span_ns: int) -> None:
    assert parse_span_ns(text) == span_ns


@pytest.mark.parametrize("text", ["", "s", "-1s", "1 s", "1x", "1e9", "1s2", "٣s", "9" * 50])
def test_what_is_no_span_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="is no time"):
        parse_span_ns(text)


@given(st.text(max_size=50))
def test_any_text_is_a_span_or_refused(text: str) -> None:
    with suppress(UsageError):
        assert parse_span_ns(text) >= 0


@given(st.integers(-(10**18), 10**18))
def test_a_span_in_one_unit_is_near_and_not_longer(span_ns: int) -> None:
    text = short_span(span_ns)
    shown_ns = parse_span_ns(text.removeprefix("-"))
    assert text.startswith("-") == (span_ns < 0)
    assert shown_ns <= abs(span_ns) <= shown_ns + max(abs(span_ns) // 1000, 1_000_000)


def test_times_in_a_column_are_seconds() -> None:
    assert (seconds(1_005_000_000), seconds(0), seconds(-1_500_000_000)) == (
        "1.005",
        "0.000",
        "-1.500",
    )
