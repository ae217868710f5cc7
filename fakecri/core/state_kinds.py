"""What can stand in the text of a state fault: names, texts, numbers, spans of time, words."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from fakecri.core.behaviours.kinds import LAST_CODE, MAX_NUMBER
from fakecri.core.durations import EXAMPLES, MAX_NS, parse_duration, render_duration
from fakecri.core.timestamps import parse_rfc3339_ns

Value: TypeAlias = str | int | bool | tuple[str, ...]

_PLAIN = re.compile(r"[A-Za-z0-9_./:@*+,-]+", re.ASCII)
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_NUMBER = re.compile(r"[0-9]{1,19}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Kind:
    """What a value is: `name` is for error texts, `parse` gives None for what is none."""

    name: str
    parse: Callable[[str], Value | None]
    render: Callable[[Value], str]
    accepts: Callable[[object], bool]
    """Whether a value that was not parsed is one."""


def quoted(text: Value) -> str:
    """Return a text as it is written: in quotes where it has to be."""
    text = str(text)
    return text if _PLAIN.fullmatch(text) else json.dumps(text, ensure_ascii=False)


def unquoted(text: str) -> str | None:
    """Return what is written; None where quotes are not as JSON has them."""
    if not text.startswith('"'):
        return None if '"' in text else text
    try:
        read = json.loads(text, strict=False)
    except ValueError:
        return None
    return read if isinstance(read, str) else None


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _parse_name(text: str) -> Value | None:
    return unquoted(text) or None


def _number(last: int) -> Callable[[str], Value | None]:
    def parse(text: str) -> Value | None:
        return int(text) if _NUMBER.fullmatch(text) and int(text) <= last else None

    return parse


def _is_number(last: int) -> Callable[[object], bool]:
    return lambda value: type(value) is int and 0 <= value <= last


def _parse_names(text: str) -> Value | None:
    whole = unquoted(text)
    names = tuple(whole.split(",")) if whole else ()
    return names if names and all(names) else None


def _render_names(names: Value) -> str:
    return quoted(",".join(names) if isinstance(names, tuple) else str(names))


def _are_names(value: object) -> bool:
    return isinstance(value, tuple) and all(
        isinstance(each, str) and each and "," not in each for each in value
    )


def _parse_clock(text: str) -> Value | None:
    if _DATE.fullmatch(text):
        text += "T00:00:00Z"
    if _is_time(text):
        return text
    span_ns = parse_duration(text, signed=True)
    return span_ns or None


def _is_time(text: str) -> bool:
    try:
        parse_rfc3339_ns(text)
    except ValueError:
        return False
    return True


def _render_clock(value: Value) -> str:
    return value if isinstance(value, str) else render_duration(int(str(value)))


def _is_clock(value: object) -> bool:
    if isinstance(value, str):
        return _is_time(value)
    return type(value) is int and 0 < abs(value) <= MAX_NS


def words(*known: str) -> Kind:
    """Return the kind of what is one of a few words."""
    name = " or ".join(known)
    return Kind(name, lambda text: text if text in known else None, str, known.__contains__)


def _render_span(value: Value) -> str:
    return render_duration(int(str(value)))


NAME = Kind("a name", _parse_name, quoted, lambda value: _is_text(value) and value != "")
TEXT = Kind("a text", unquoted, quoted, _is_text)
CODE = Kind("an exit code from 0 to 255", _number(LAST_CODE), str, _is_number(LAST_CODE))
NUMBER = Kind("a whole number", _number(MAX_NUMBER), str, _is_number(MAX_NUMBER))
SPAN = Kind(f"a span of time such as {EXAMPLES}", parse_duration, _render_span, _is_number(MAX_NS))
CLOCK = Kind("a span such as -320d or a time as RFC 3339", _parse_clock, _render_clock, _is_clock)
NAMES = Kind("names with commas between", _parse_names, _render_names, _are_names)
FLAG = Kind("nothing", lambda _: None, lambda _: "", lambda value: isinstance(value, bool))
