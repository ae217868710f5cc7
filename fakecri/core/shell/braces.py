"""Brace expansion, as bash does it: `{a,b}` and `{1..5}`."""

import re
from itertools import pairwise

from fakecri.core.shell.syntax import Literal, Part, Quoted, Word

MAX_WORDS = 100_000
_RANGE = re.compile(r"(-?[0-9]+|[A-Za-z])\.\.(-?[0-9]+|[A-Za-z])(?:\.\.(-?[0-9]+))?")

_Item = str | Part


def expand_braces(word: Word) -> tuple[Word, ...]:
    """Return the words that a word with braces stands for."""
    if not any(isinstance(part, Literal) and "{" in part.text for part in word.parts):
        return (word,)
    items: list[_Item] = []
    for part in word.parts:
        items.extend(part.text if isinstance(part, Literal) else (part,))
    return tuple(_word(each) for each in _expand(items))


def _word(items: list[_Item]) -> Word:
    parts: list[Part] = []
    for item in items:
        if not isinstance(item, str):
            parts.append(item)
        elif parts and isinstance(last := parts[-1], Literal):
            parts[-1] = Literal(last.text + item)
        else:
            parts.append(Literal(item))
    return Word(tuple(parts) or (Quoted(""),))


def _expand(items: list[_Item]) -> list[list[_Item]]:
    for start, item in enumerate(items):
        if item != "{":
            continue
        found = _alternatives(items, start)
        if found is None:
            continue
        alternatives, end = found
        tails = _expand(items[end:])
        if len(alternatives) * len(tails) > MAX_WORDS:
            return [items]
        head = items[:start]
        return [[*head, *middle, *tail] for middle in alternatives for tail in tails]
    return [items]


def _alternatives(items: list[_Item], start: int) -> tuple[list[list[_Item]], int] | None:
    """What stands in the braces that open at `start`, and where they have closed."""
    depth = 0
    commas: list[int] = []
    for position in range(start, len(items)):
        item = items[position]
        if item == "{":
            depth += 1
        elif item == "}":
            depth -= 1
            if not depth:
                return _pieces(items, start, position, commas)
        elif item == "," and depth == 1:
            commas.append(position)
    return None


def _pieces(
    items: list[_Item], start: int, end: int, commas: list[int]
) -> tuple[list[list[_Item]], int] | None:
    if commas:
        cuts = [start, *commas, end]
        pieces = [items[a + 1 : b] for a, b in pairwise(cuts)]
        return [each for piece in pieces for each in _expand(piece)], end + 1
    inside = items[start + 1 : end]
    match = _RANGE.fullmatch("".join(each if isinstance(each, str) else "\0" for each in inside))
    if match is None:
        return None
    texts = _range(match[1], match[2], int(match[3] or 1))
    return None if texts is None else ([list(text) for text in texts], end + 1)


def _range(first: str, last: str, step: int) -> list[str] | None:
    if first.isalpha() != last.isalpha():
        return None
    step = abs(step) or 1
    low, high = (ord(first), ord(last)) if first.isalpha() else (int(first), int(last))
    if abs(high - low) // step > MAX_WORDS:
        return None
    numbers = range(low, high + 1, step) if low <= high else range(low, high - 1, -step)
    if first.isalpha():
        return [chr(each) for each in numbers]
    padded = any(re.match(r"-?0[0-9]", each) for each in (first, last))
    width = max(len(first), len(last)) if padded else 0
    return [f"{each:0{width}}" for each in numbers]
