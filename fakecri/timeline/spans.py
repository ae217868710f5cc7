"""Spans of virtual time as text: `1.5s`, `250ms`, `2m`."""

import re
from collections.abc import Mapping

from fakecri.errors import UsageError

_UNITS_NS: Mapping[str, int] = {
    "h": 3_600_000_000_000,
    "m": 60_000_000_000,
    "s": 1_000_000_000,
    "ms": 1_000_000,
    "us": 1_000,
    "µs": 1_000,
    "ns": 1,
}
_PART = re.compile(r"(?P<number>[0-9]+(?:\.[0-9]+)?)(?P<unit>ns|us|µs|ms|s|m|h)", re.ASCII)
_SECOND_NS = _UNITS_NS["s"]
_LONGEST = 40


def parse_span_ns(text: str) -> int:
    """Return the nanoseconds of `1.5s` or `1m30s`; a number alone is seconds. UsageError."""
    parts = list(_PART.finditer(text))
    if text and len(text) <= _LONGEST:
        if parts and "".join(part[0] for part in parts) == text:
            return sum(_part_ns(part["number"], part["unit"]) for part in parts)
        if re.fullmatch(r"[0-9]+(\.[0-9]+)?", text, re.ASCII):
            return _part_ns(text, "s")
    raise UsageError(f"{text!r} is no time: 1.5s, 250ms and 1m30s are")


def _part_ns(number: str, unit: str) -> int:
    whole, _, fraction = number.partition(".")
    scale = _UNITS_NS[unit]
    return int(whole) * scale + int(fraction or 0) * scale // int(f"1{'0' * len(fraction)}")


def short_span(span_ns: int) -> str:
    """Return a span in one unit, with at most three digits behind the point: `1.005s`."""
    if span_ns < 0:
        return f"-{short_span(-span_ns)}"
    for unit in ("s", "ms", "µs"):
        scale = _UNITS_NS[unit]
        if span_ns >= scale:
            return f"{_decimal(span_ns, scale)}{unit}"
    return f"{span_ns}ns" if span_ns else "0s"


def _decimal(span_ns: int, scale: int) -> str:
    thousandths = span_ns * 1000 // scale
    whole, fraction = divmod(thousandths, 1000)
    return f"{whole}.{fraction:03}".rstrip("0").rstrip(".")


def seconds(at_ns: int) -> str:
    """Return a time in seconds, to the millisecond, as a column shows it: `12.005`."""
    sign = "-" if at_ns < 0 else ""
    whole, rest = divmod(abs(at_ns), _SECOND_NS)
    return f"{sign}{whole}.{rest // _UNITS_NS['ms']:03}"
