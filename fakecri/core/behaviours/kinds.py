"""What can stand between two slashes of a behaviour's text: times, sizes, rates, codes, texts."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple
from urllib.parse import quote, unquote_to_bytes

from fakecri.core.durations import MAX_NS, parse_duration, render_duration, scaled

LAST_CODE = 255
LAST_PORT = 65_535
MAX_NUMBER = MAX_NS
"""No number is greater: the contract's times and sizes are int64."""

_SIZES = {
    "tb": 10**12,
    "gb": 10**9,
    "mb": 10**6,
    "kb": 1000,
    "tib": 2**40,
    "gib": 2**30,
    "mib": 2**20,
    "kib": 2**10,
    "b": 1,
}
_AMOUNT = re.compile(
    r"([0-9]{1,19})(?:\.([0-9]{1,9}))?(lines|line|[tgmk]i?b|b)", re.IGNORECASE | re.ASCII
)
_RATE = re.compile(r"([0-9.]+)(l|[tgmk]i?b|b)ps", re.IGNORECASE | re.ASCII)
_NUMBER = re.compile(r"[0-9]{1,19}", re.ASCII)
_STRAY_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
_STREAMS = ("stdout", "stderr")


class Amount(NamedTuple):
    """So many bytes, or lines; as a rate it is per second."""

    number: int
    lines: bool = False


@dataclass(frozen=True, slots=True)
class Kind:
    """What an argument is: `name` is for error texts, `parse` gives None for what is none."""

    name: str
    parse: Callable[[str], Any]
    render: Callable[[Any], str]


def _parse_amount(text: str) -> Amount | None:
    match = _AMOUNT.fullmatch(text)
    if match is None:
        return None
    whole, fraction, unit = match[1], match[2], match[3].lower()
    lines = unit.startswith("line")
    count = scaled(whole, fraction, 1 if lines else _SIZES[unit])
    return Amount(count, lines) if count else None


def _render_amount(amount: Amount) -> str:
    if amount.lines:
        return f"{amount.number}{'line' if amount.number == 1 else 'lines'}"
    unit = next(each for each, size in _SIZES.items() if amount.number % size == 0)
    return f"{amount.number // _SIZES[unit]}{unit}"


def _parse_rate(text: str) -> Amount | None:
    match = _RATE.fullmatch(text)
    if match is None:
        return None
    unit = match[2].lower()
    return _parse_amount(match[1] + ("lines" if unit == "l" else unit))


def _render_rate(rate: Amount) -> str:
    return f"{rate.number}lps" if rate.lines else f"{_render_amount(rate)}ps"


def _number(first: int, last: int, suffix: str = "") -> Callable[[str], int | None]:
    def parse(text: str) -> int | None:
        digits = text.lower().removesuffix(suffix) if text.lower().endswith(suffix) else ""
        if not _NUMBER.fullmatch(digits) or not first <= int(digits) <= last:
            return None
        return int(digits)

    return parse


def _parse_bytes(text: str) -> bytes | None:
    if not text or _STRAY_PERCENT.search(text):
        return None
    try:
        return unquote_to_bytes(text)
    except UnicodeEncodeError:  # a lone surrogate
        return None


def _parse_text(text: str) -> str | None:
    raw = _parse_bytes(text)
    try:
        return raw.decode() if raw else None
    except UnicodeDecodeError:
        return None


def escaped(text: str | bytes) -> str:
    """Return a text as one segment."""
    return quote(text, safe="")


def _parse_stream(text: str) -> str | None:
    return text.lower() if text.lower() in _STREAMS else None


TIME = Kind("a time such as 30s", parse_duration, render_duration)
SIZE = Kind("a size such as 10mb or 100lines", _parse_amount, _render_amount)
RATE = Kind("a rate such as 1mbps or 10lps", _parse_rate, _render_rate)
CODE = Kind("an exit code from 0 to 255", _number(0, LAST_CODE), str)
PORT = Kind("a port from 1 to 65535", _number(1, LAST_PORT), str)
TIMES = Kind("a number of attempts such as 3x", _number(1, 2**31, "x"), "{}x".format)
WIDTH = Kind("a length of lines such as 80chars", _number(0, 2**20, "chars"), "{}chars".format)
STREAM = Kind("stdout or stderr", _parse_stream, str)
TEXT = Kind("a text, with %2F for / and the like", _parse_text, escaped)
BYTES = Kind("a text, with %2F for / and the like", _parse_bytes, escaped)
