"""Spans of time as text: `250ms`, `10m`, `1h30m`, `-40s`, `320d`; whole nanoseconds, exactly."""

import re

MAX_NS = 2**63 - 1
"""No span is longer: the contract's times are int64."""

EXAMPLES = "250ms, 40s, 10m, 1h30m or 320d"

_UNITS_NS = {
    "d": 86_400_000_000_000,
    "h": 3_600_000_000_000,
    "m": 60_000_000_000,
    "s": 1_000_000_000,
    "ms": 1_000_000,
    "us": 1_000,
    "ns": 1,
}
_PART = r"(?=\.?[0-9])([0-9]{0,19})(?:\.([0-9]{0,9}))?(d|h|ms|m|s|us|ns)"
_DURATION = re.compile(rf"(?:{_PART})+", re.IGNORECASE | re.ASCII)
_PARTS = re.compile(_PART, re.IGNORECASE | re.ASCII)


def parse_duration(text: str, *, signed: bool = False) -> int | None:
    """Return the nanoseconds of a span; None for what is none, or is no whole number of them.

    Only a `signed` one may begin with a sign.
    """
    sign = -1 if signed and text.startswith("-") else 1
    digits = text[1:] if signed and text.startswith(("-", "+")) else text
    if not _DURATION.fullmatch(digits):
        return None
    parts = [
        scaled(whole, fraction, _UNITS_NS[unit.lower()])
        for whole, fraction, unit in _PARTS.findall(digits)
    ]
    total = sum(part or 0 for part in parts)
    return None if None in parts or total > MAX_NS else sign * total


def render_duration(span_ns: int) -> str:
    """Return the shortest text that `parse_duration` reads as this: `90m`, `-40s`."""
    if not span_ns:
        return "0s"
    unit = next(each for each, size in _UNITS_NS.items() if span_ns % size == 0)
    return f"{span_ns // _UNITS_NS[unit]}{unit}"


def scaled(whole: str, fraction: str | None, unit: int) -> int | None:
    """Return a decimal number of units, exactly; None where it is none, or does not fit."""
    digits = fraction or ""
    number, rest = divmod(int(whole + digits) * unit, 10 ** len(digits))
    return None if rest or number > MAX_NS else number
