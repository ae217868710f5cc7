"""Basic regular expressions, as regcomp(3) reads them."""

import re
from functools import lru_cache

from fakecri.core.applets import Refusal
from fakecri.core.tools.globs import bracket, bracket_end

_ESCAPED = {
    "(": "(",
    ")": ")",
    "{": "{",
    "}": "}",
    "|": "|",
    "+": "+",
    "?": "?",
    "<": r"\b(?=\w)",
    ">": r"\b(?<=\w)",
    "w": r"\w",
    "W": r"\W",
    "s": r"\s",
    "S": r"\S",
    "b": r"\b",
    "B": r"\B",
    "`": r"\A",
    "'": r"\Z",
}


@lru_cache(maxsize=256)
def compile_basic(text: str) -> re.Pattern[str]:
    """A basic regular expression. Raises Refusal with regerror(3)'s text."""
    parts: list[str] = []
    place = 0
    while place < len(text):
        part, place = _part(text, place, parts)
        parts.append(part)
    try:
        return re.compile("".join(parts), re.DOTALL)
    except (re.error, OverflowError, RecursionError) as error:
        raise Refusal(f"bad regex '{text}': {_fault(text)}", 2) from error


def _part(text: str, place: int, before: list[str]) -> tuple[str, int]:
    letter = text[place]
    if letter == "\\":
        return _escape(text, place)
    if letter == "[":
        first = place + 1 + (text[place + 1 : place + 2] == "^")
        end = bracket_end(text, first)
        if not end:
            raise Refusal(f"bad regex '{text}': Unmatched [, [^, [:, [., or [=", 2)
        return bracket(text[first:end], inverted=first > place + 1), end + 1
    starts = not before or before[-1] in {"(", "|"}
    special = {
        ".": ".",
        "*": "\\*" if starts or before[-1] == "^" else "*",
        "^": "^" if starts else "\\^",
        "$": r"\Z" if text[place + 1 :][:2] in {"", "\\)", "\\|"} else "\\$",
    }
    return special.get(letter) or re.escape(letter), place + 1


def _escape(text: str, place: int) -> tuple[str, int]:
    if place + 1 == len(text):
        raise Refusal(f"bad regex '{text}': Trailing backslash", 2)
    escaped = text[place + 1]
    if escaped in "123456789":
        return f"(?:\\{escaped})", place + 2
    return _ESCAPED.get(escaped) or re.escape(escaped), place + 2


def _fault(text: str) -> str:
    opened, closed = text.count("\\("), text.count("\\)")
    if opened != closed:
        return "Unmatched ( or \\(" if opened > closed else "Unmatched ) or \\)"
    if text.count("\\{") != text.count("\\}"):
        return "Unmatched \\{"
    return (
        "Invalid preceding regular expression" if "\\{" not in text else "Invalid content of \\{\\}"
    )
