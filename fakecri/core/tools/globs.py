"""Patterns of file names, as fnmatch(3) matches them."""

import re
from functools import lru_cache


def matches_glob(text: str, pattern: str) -> bool:
    """Whether a text fits a pattern of `*`, `?`, `[...]` and backslashes."""
    return _compiled(pattern).fullmatch(text) is not None


@lru_cache(maxsize=256)
def _compiled(pattern: str) -> re.Pattern[str]:
    parts, place = [], 0
    while place < len(pattern):
        part, place = _part(pattern, place)
        parts.append(part)
    return re.compile("".join(parts), re.DOTALL)


def _part(pattern: str, place: int) -> tuple[str, int]:
    """The regular expression of what stands at a place, and where the next one begins."""
    letter = pattern[place]
    if letter == "*":
        return ".*", place + 1
    if letter == "?":
        return ".", place + 1
    if letter == "\\" and place + 1 < len(pattern):
        return re.escape(pattern[place + 1]), place + 2
    if letter == "[":
        first = place + 1 + (pattern[place + 1 : place + 2] in {"!", "^"})
        end = bracket_end(pattern, first)
        if end > 0:
            return bracket(pattern[first:end], inverted=first > place + 1), end + 1
    return re.escape(letter), place + 1


_CLASSES = {
    "alnum": "a-zA-Z0-9",
    "alpha": "a-zA-Z",
    "blank": " \\t",
    "cntrl": "\\x00-\\x1f\\x7f",
    "digit": "0-9",
    "graph": "!-~",
    "lower": "a-z",
    "print": " -~",
    "punct": "!-/:-@\\[-`{-~",
    "space": " \\t-\\r",
    "upper": "A-Z",
    "xdigit": "0-9A-Fa-f",
}
_CLASS = re.compile(r"\[:(\w+):\]|\[[.=](.)[.=]\]")


def bracket_end(text: str, first: int) -> int:
    """Where the `]` is of a bracket expression whose content begins at `first`; 0: nowhere."""
    place = first + (text[first : first + 1] == "]")
    while place < len(text):
        match = _CLASS.match(text, place)
        if match is not None:
            place = match.end()
        elif text[place] == "]":
            return place
        else:
            place += 1
    return 0


def bracket(content: str, *, inverted: bool) -> str:
    """The regular expression of a bracket expression."""
    parts, place = [], 0
    while place < len(content):
        match = _CLASS.match(content, place)
        if match is not None:
            parts.append(_CLASSES.get(match[1] or "", "") or re.escape(match[2] or ""))
            place = match.end()
            continue
        first, last = content[place], content[place + 2 : place + 3]
        if content[place + 1 : place + 2] == "-" and last:
            if first <= last:
                parts.append(f"{re.escape(first)}-{re.escape(last)}")
            place += 3
        else:
            parts.append(re.escape(first))
            place += 1
    inside = "".join(parts)
    if not inside:
        return "[^\\x00-\\U0010ffff]" if not inverted else "[\\x00-\\U0010ffff]"
    return f"[{'^' if inverted else ''}{inside}]"
