"""What a comparison found, for people and for programs."""

import json
from collections.abc import Iterator
from itertools import groupby
from typing import Any

from fakecri.replay.comparing import Comparison, Difference
from fakecri.replay.ignoring import Ignored
from fakecri.replay.trees import ABSENT, display, short


def text_report(
    made: Comparison, left: str, right: str, unused: list[Ignored] | None = None
) -> Iterator[str]:
    """Yield the lines of a report, as of `diff -u`: nothing but notes where there is nothing."""
    if made.differences:
        yield f"--- {left}"
        yield f"+++ {right}"
    for (title, places), found in groupby(made.differences, lambda each: (each.title, each.places)):
        yield f"@@ {_place('-', places[0])} {_place('+', places[1])} {title} @@"
        for each in found:
            yield from _sides(each)
    for note in made.notes:
        yield f"note: {note}"
    for ignored in unused or []:
        yield f"note: nothing had to be ignored at {ignored.path}"


def _place(sign: str, number: int | None) -> str:
    return f"{sign}{'none' if number is None else number}"


def _sides(difference: Difference) -> Iterator[str]:
    for sign, side in (("-", difference.left), ("+", difference.right)):
        yield f"{sign}{difference.path}: {short(side)}"


def json_report(
    made: Comparison, left: str, right: str, unused: list[Ignored] | None = None
) -> str:
    """Return the report as one JSON object. A side that has nothing is left out."""
    return json.dumps(
        {
            "left": left,
            "right": right,
            "alike": made.alike,
            "compared": made.pairs,
            "differences": [_plain(each) for each in made.differences],
            "notes": made.notes,
            "unused": [each.path for each in unused or []],
        },
        indent=2,
        sort_keys=True,
    )


def _plain(difference: Difference) -> dict[str, Any]:
    facts: dict[str, Any] = {"path": difference.path, "title": difference.title}
    names = ("left", "right")
    sides = (difference.left, difference.right)
    for name, side, place in zip(names, sides, difference.places, strict=True):
        if side is not ABSENT:
            facts[name] = display(side)
        if place is not None:
            facts[f"{name}_place"] = place
    return facts
