"""Points in time as RFC 3339 text."""

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakecri.core.timestamps import format_rfc3339_ns, parse_rfc3339_ns

INT64 = st.integers(-(2**63), 2**63 - 1)


@pytest.mark.parametrize(
    ("ns", "text"),
    [
        (0, "1970-01-01T00:00:00Z"),
        (1, "1970-01-01T00:00:00.000000001Z"),
        (-1, "1969-12-31T23:59:59.999999999Z"),
        (1_500_000_000, "1970-01-01T00:00:01.5Z"),
        (-1_500_000_000, "1969-12-31T23:59:58.5Z"),
        (951_782_400_000_000_000, "2000-02-29T00:00:00Z"),
        (1_714_564_800_250_000_000, "2024-05-01T12:00:00.25Z"),
        (-2_203_891_200_000_000_000, "1900-03-01T00:00:00Z"),
        (2**63 - 1, "2262-04-11T23:47:16.854775807Z"),
        (-(2**63), "1677-09-21T00:12:43.145224192Z"),
    ],
)
def test_a_time_is_written_as_go_writes_it(ns: int, text: str) -> None:
    assert format_rfc3339_ns(ns) == text
    assert parse_rfc3339_ns(text) == ns


@given(INT64)
def test_every_int64_survives_writing_and_reading(ns: int) -> None:
    assert parse_rfc3339_ns(format_rfc3339_ns(ns)) == ns


@given(INT64)
def test_the_calendar_agrees_with_the_standard_library(ns: int) -> None:
    epoch = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
    moment = epoch + dt.timedelta(seconds=ns // 10**9)
    assert format_rfc3339_ns(ns // 10**9 * 10**9) == f"{moment:%Y-%m-%dT%H:%M:%SZ}"


@given(st.dates())
def test_every_day_of_the_calendar_is_read(day: dt.date) -> None:
    days = (day - dt.date(1970, 1, 1)).days
    assert parse_rfc3339_ns(f"{day.isoformat()}T00:00:00Z") == days * 86_400 * 10**9


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("2024-05-01T12:00:00+02:00", "2024-05-01T10:00:00Z"),
        ("2024-05-01T00:15:00.5-09:30", "2024-05-01T09:45:00.5Z"),
        ("2024-03-01T00:00:00+00:01", "2024-02-29T23:59:00Z"),
    ],
)
def test_an_offset_is_taken_off(text: str, utc: str) -> None:
    assert format_rfc3339_ns(parse_rfc3339_ns(text)) == utc


def test_digits_after_the_ninth_are_cut_off() -> None:
    assert parse_rfc3339_ns("1970-01-01T00:00:00.0000000019Z") == 1


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "is not an RFC 3339 time"),
        ("2024-05-01", "is not an RFC 3339 time"),
        ("2024-05-01T12:00:00", "is not an RFC 3339 time"),
        ("2024-05-01T12:00:00.Z", "is not an RFC 3339 time"),
        ("2024-05-01t12:00:00z", "is not an RFC 3339 time"),
        ("2024-05-01T12:00:00Z\n", "is not an RFC 3339 time"),
        ("٢٠٢٤-05-01T12:00:00Z", "is not an RFC 3339 time"),
        ("2023-02-29T12:00:00Z", "names no day of the calendar"),
        ("1900-02-29T12:00:00Z", "names no day of the calendar"),
        ("2024-13-01T12:00:00Z", "names no day of the calendar"),
        ("2024-00-01T12:00:00Z", "names no day of the calendar"),
        ("2024-04-31T12:00:00Z", "names no day of the calendar"),
        ("2024-04-00T12:00:00Z", "names no day of the calendar"),
        ("2024-05-01T24:00:00Z", "names no time of day"),
        ("2024-05-01T12:60:00Z", "names no time of day"),
        ("2024-05-01T12:00:60Z", "names no time of day"),
        ("2024-05-01T12:00:00+24:00", r"zone offset \+24:00 is out of range"),
        ("2024-05-01T12:00:00-01:60", "zone offset -01:60 is out of range"),
    ],
)
def test_a_text_that_is_no_time_is_refused_with_the_reason(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        parse_rfc3339_ns(text)
