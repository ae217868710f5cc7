"""Where two normalised messages differ: paths, and what stands there on either side."""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Any, NamedTuple, TypeAlias

from fakecri.replay.alignment import align
from fakecri.replay.normalising import Tree, key_of
from fakecri.replay.tokens import LASTING, Kind, Text, Token

_IDENTITIES = ("id", "name", "key", "type", "mount_path", "container_path", "uid")
"""Fields that tell the elements of a list apart."""
_WITHIN = ("metadata", "attributes", "fs_id")
"""Fields in which such fields are looked for."""
_SPACE = re.compile(r"\s+")
_TIME = re.compile(r"(?P<seconds>[^.Z+]+?)(?:\.(?P<rest>[0-9]+))?(?P<zone>Z|[+-][0-9:]{5})")


class Absent(Enum):
    """What stands where one side has nothing."""

    ABSENT = "absent"


ABSENT = Absent.ABSENT

Value: TypeAlias = "Tree | Absent"


class Spot(NamedTuple):
    """One place in which two trees differ."""

    path: str
    left: Value
    right: Value


@dataclass
class Trees:
    """Compares trees of two runs. What it has seen to be the same thing stays the same thing."""

    starts_ns: tuple[int, int] | None = None
    """When the runs began, where times count as what had passed since; None: times do not count."""
    _theirs: dict[str, str] = field(default_factory=dict)
    _ours: dict[str, str] = field(default_factory=dict)

    def spots(self, left: Value, right: Value, path: str) -> Iterator[Spot]:
        """Yield where two trees differ."""
        if isinstance(left, dict) and isinstance(right, dict):
            for key in sorted({*left, *right}):
                yield from self.spots(
                    left.get(key, ABSENT), right.get(key, ABSENT), f"{path}.{key}"
                )
        elif isinstance(left, list) and isinstance(right, list):
            yield from self._lists(left, right, path)
        elif isinstance(left, tuple) and isinstance(right, tuple):
            if not self._same_text(left, right):
                yield Spot(path, left, right)
        elif type(left) is not type(right) or left != right:
            yield Spot(path, left, right)

    # Lists.

    def _lists(self, left: list[Tree], right: list[Tree], path: str) -> Iterator[Spot]:
        ours, theirs = _identified(left), _identified(right)
        if ours is None or theirs is None:
            yield from self._sequences(left, right, path)
            return
        common = [key for key in ours if key in theirs]
        there = [key for key in theirs if key in ours]
        if common != there:
            yield Spot(f"{path}.order", list(common), list(there))
        for key in (*ours, *(key for key in theirs if key not in ours)):
            yield from self.spots(ours.get(key, ABSENT), theirs.get(key, ABSENT), f"{path}[{key}]")

    def _sequences(self, left: list[Tree], right: list[Tree], path: str) -> Iterator[Spot]:
        pairs = align(list(enumerate(left)), list(enumerate(right)), _content, lambda _: 0)
        for ours, theirs in pairs:
            index = ours[0] if ours else theirs[0] if theirs else 0
            yield from self.spots(
                ours[1] if ours else ABSENT, theirs[1] if theirs else ABSENT, f"{path}[{index}]"
            )

    # Texts.

    def _same_text(self, left: Text, right: Text) -> bool:
        if len(left) != len(right):
            return False
        return all(self._same_part(*parts) for parts in zip(left, right, strict=True))

    def _same_part(self, left: str | Token, right: str | Token) -> bool:
        if isinstance(left, str) or isinstance(right, str):
            return left == right
        if left.kind is not right.kind:
            return False
        if left.kind is Kind.TIME and self.starts_ns:
            ours, theirs = self.starts_ns
            return _since_ns(left.text, ours) == _since_ns(right.text, theirs)
        if left.kind not in LASTING:
            return True
        if left.name and right.name:
            return left.name == right.name
        return (
            self._theirs.setdefault(left.text, right.text) == right.text
            and self._ours.setdefault(right.text, left.text) == left.text
        )


def _content(element: tuple[int, Tree]) -> str:
    return key_of(element[1])


def _identified(elements: Sequence[Tree]) -> dict[str, Tree] | None:
    """Return the elements of a list by what tells them apart; None where nothing does."""
    if not all(isinstance(each, dict) for each in elements):
        return None
    found = {_identity(each): each for each in elements}
    return None if "" in found or len(found) < len(elements) else found


def _identity(element: Any) -> str:
    for key in _IDENTITIES:
        value = element.get(key)
        if isinstance(value, str) and value:
            return _SPACE.sub("_", value)
        if isinstance(value, tuple) and all(isinstance(part, str) or part.name for part in value):
            # Without what it is the id of: that is plain, and paths have no blanks.
            return _SPACE.sub("_", "".join(map(_named, value)))
    for key in _WITHIN:
        if isinstance(element.get(key), dict):
            return _identity(element[key])
    return ""


def _named(part: str | Token) -> str:
    return part if isinstance(part, str) else part.name.partition(" ")[2]


def _since_ns(text: str, start_ns: int) -> int | str:
    """Return how long after a start a time was; the text itself where that cannot be told."""
    match = _TIME.fullmatch(text)
    if match is None:
        return int(text) - start_ns if text.isdigit() else text
    try:
        seconds = datetime.fromisoformat(match["seconds"] + match["zone"]).timestamp()
    except (ValueError, OverflowError):
        return text
    return int(seconds) * 10**9 + int((match["rest"] or "").ljust(9, "0")[:9]) - start_ns


# What a reader sees.


def display(tree: Value) -> Any:
    """Return a tree as JSON's types; names stand for ids."""
    if isinstance(tree, dict):
        return {key: display(each) for key, each in tree.items()}
    if isinstance(tree, list):
        return [display(each) for each in tree]
    if isinstance(tree, tuple):
        return "".join(_shown(each) for each in tree)
    return tree


def _shown(part: str | Token) -> str:
    if isinstance(part, str):
        return part
    if part.name or part.kind is Kind.URL:
        return part.shown
    text = part.text.removeprefix("sha256:")
    return f"<{part.kind.value} {text if part.kind not in LASTING else text[:12]}>"


_LONG = 400


def short(side: Value) -> str:
    """Return what stands on a side in one line, cut where it is long."""
    if side is ABSENT:
        return "nothing"
    text = json.dumps(display(side), ensure_ascii=False, sort_keys=True)
    return text if len(text) <= _LONG else f"{text[:_LONG]}... ({len(text)} characters)"
