"""Points in time as RFC 3339 text, in whole nanoseconds.

The integers are nanoseconds since 1970-01-01T00:00:00Z, as everywhere in CRI. The text is what Go's
RFC3339Nano layout writes: up to nine fractional digits, trailing zeros dropped. Calendar arithmetic
is done here on integers, because a float or a microsecond clock would lose digits.
"""

import re

NANOS_PER_SECOND = 1_000_000_000
_SECONDS_PER_DAY = 86_400
_DAYS_PER_ERA = 146_097  # 400 Gregorian years, after which the calendar repeats
_EPOCH_DAY = 719_468  # from 0000-03-01 to 1970-01-01
_MONTH_LENGTHS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)

_RFC3339 = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d+))?(?:Z|([+-])(\d\d):(\d\d))",
    re.ASCII,
)


def format_rfc3339_ns(ns: int) -> str:
    """The UTC time `ns`, such as `2024-05-01T12:00:00.25Z`; exact for every int64."""
    seconds, nanos = divmod(ns, NANOS_PER_SECOND)
    days, second = divmod(seconds, _SECONDS_PER_DAY)
    year, month, day = _civil_date(days)
    minutes, second = divmod(second, 60)
    hour, minute = divmod(minutes, 60)
    fraction = f".{nanos:09}".rstrip("0") if nanos else ""
    return f"{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{fraction}Z"


def parse_rfc3339_ns(text: str) -> int:
    """The nanoseconds since the epoch that RFC 3339 `text` names, in `Z` or at an offset.

    Fractional digits after the ninth are cut off, and second 60 is refused, as Go does.
    Raises ValueError that says what is wrong.
    """
    match = _RFC3339.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not an RFC 3339 time")
    year, month, day, hour, minute, second = (int(match[n]) for n in range(1, 7))
    if not 1 <= month <= len(_MONTH_LENGTHS) or not 1 <= day <= _month_length(year, month):
        raise ValueError(f"{text!r} names no day of the calendar")
    if hour > 23 or minute > 59 or second > 59:  # noqa: PLR2004  # what a clock shows
        raise ValueError(f"{text!r} names no time of day")
    offset_s = _offset_s(match[8], match[9], match[10])
    seconds = _civil_day(year, month, day) * _SECONDS_PER_DAY + hour * 3600 + minute * 60 + second
    return (seconds - offset_s) * NANOS_PER_SECOND + int((match[7] or "")[:9].ljust(9, "0"))


def _offset_s(sign: str | None, hours: str | None, minutes: str | None) -> int:
    if hours is None or minutes is None:
        return 0
    if int(hours) > 23 or int(minutes) > 59:  # noqa: PLR2004  # what a clock shows
        raise ValueError(f"zone offset {sign}{hours}:{minutes} is out of range")
    east_s = int(hours) * 3600 + int(minutes) * 60
    return -east_s if sign == "-" else east_s


def _month_length(year: int, month: int) -> int:
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    february = 2
    return 29 if month == february and leap else _MONTH_LENGTHS[month - 1]


# Both directions count years from 1 March, so that a leap day is a year's last day and months
# follow each other at 153 days in five; floor division makes that hold before the epoch too.


def _civil_date(days: int) -> tuple[int, int, int]:
    """Year, month and day of the day `days` after 1970-01-01."""
    era, era_day = divmod(days + _EPOCH_DAY, _DAYS_PER_ERA)
    era_year = (era_day - era_day // 1460 + era_day // 36_524 - era_day // 146_096) // 365
    year_day = era_day - (365 * era_year + era_year // 4 - era_year // 100)
    march_month = (5 * year_day + 2) // 153
    day = year_day - (153 * march_month + 2) // 5 + 1
    month = (march_month + 2) % 12 + 1
    january_follows = march_month // 10
    return era * 400 + era_year + january_follows, month, day


def _civil_day(year: int, month: int, day: int) -> int:
    """How many days after 1970-01-01 a calendar day is."""
    march_month = (month - 3) % 12
    era, era_year = divmod(year - march_month // 10, 400)
    year_day = (153 * march_month + 2) // 5 + day - 1
    era_day = era_year * 365 + era_year // 4 - era_year // 100 + year_day
    return era * _DAYS_PER_ERA + era_day - _EPOCH_DAY
