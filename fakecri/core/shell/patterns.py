"""Shell patterns: `*`, `?`, `[...]`, as regular expressions; a backslash quotes."""

import re
from functools import lru_cache

CLASSES = {
    "alnum": "a-zA-Z0-9", "alpha": "a-zA-Z", "blank": " \\t", "cntrl": "\\x00-\\x1f\\x7f",
    "digit": "0-9", "graph": "!-~", "lower": "a-z", "print": " -~",
    "punct": "!-/:-@\\[-`{-~", "space": "\\s", "upper": "A-Z", "xdigit": "0-9a-fA-F",
}  # fmt: skip


def escaped(text: str) -> str:
    """Return a pattern that matches this text alone."""
    return re.sub(r"([\\*?\[\]!^-])", r"\\\1", text)


@lru_cache(maxsize=1024)
def compiled(pattern: str) -> re.Pattern[str]:
    """Return the regular expression of a pattern, for `fullmatch` and `match`."""
    return re.compile(translated(pattern), re.DOTALL)


@lru_cache(maxsize=1024)
def shortest(pattern: str) -> re.Pattern[str]:
    """Return a regular expression that takes as little as it can."""
    return re.compile(translated(pattern, star=".*?"), re.DOTALL)


def translated(pattern: str, *, star: str = ".*") -> str:
    """Return a pattern in the language of regular expressions."""
    pieces: list[str] = []
    position = 0
    while position < len(pattern):
        character = pattern[position]
        position += 1
        if character == "*":
            if not pieces or pieces[-1] != star:
                pieces.append(star)
        elif character == "?":
            pieces.append(".")
        elif character == "[":
            piece, position = _bracket(pattern, position)
            pieces.append(piece)
        elif character == "\\" and position < len(pattern):
            pieces.append(re.escape(pattern[position]))
            position += 1
        else:
            pieces.append(re.escape(character))
    return "".join(pieces)


def _bracket(pattern: str, start: int) -> tuple[str, int]:
    """Translate what stands behind a `[`; where it never closes, that is a `[`."""
    position = start
    negated = pattern[position : position + 1] in {"!", "^"}
    position += negated
    pieces: list[str] = []
    first = True
    while position < len(pattern):
        character = pattern[position]
        if character == "]" and not first:
            inside = "".join(pieces)
            return (
                f"[{'^' if negated else ''}{inside}]" if _compiles(inside) else "(?!)"
            ), position + 1
        first = False
        named = re.compile(r"\[:([a-z]+):\]").match(pattern, position)
        if named and named[1] in CLASSES:
            pieces.append(CLASSES[named[1]])
            position = named.end()
            continue
        if character == "\\" and position + 1 < len(pattern):
            position += 1
            character = "\\" + pattern[position]
            pieces.append(character if not pattern[position].isalnum() else pattern[position])
        elif character == "-":
            pieces.append("-")
        else:
            pieces.append(re.escape(character))
        position += 1
    return re.escape("["), start


def _compiles(inside: str) -> bool:
    try:
        re.compile(f"[{inside}]")
    except re.error:
        return False
    return True
