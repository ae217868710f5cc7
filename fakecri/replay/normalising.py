"""Messages with the names of ids in place of the ids, so that those of two runs can be compared."""

import json
from base64 import b64decode
from collections.abc import Mapping
from typing import Any, TypeAlias

from fakecri.replay.names import Names
from fakecri.replay.tokens import Kind, Text, Token, bytes_fields

Tree: TypeAlias = "dict[str, Tree] | list[Tree] | Text | str | int | float | bool | None"
"""JSON's types, and texts with tokens in them as tuples of their parts."""

_TIMES = frozenset({"created_at", "started_at", "finished_at", "timestamp"})
_PIDS = frozenset({"pid", "Pid", "sandboxPid"})
_DEEPEST = 100


def normalise(value: Any, names: Names, key: str = "") -> Tree:
    """Return JSON's types with tokens in them.

    Texts of JSON (verbose `info` is made of them) and bytes that are UTF-8 are opened. A time of 0,
    and a process id of 0, mean never and none: they stay.
    """
    if isinstance(value, Mapping):
        return _object(value, names)
    if isinstance(value, list):
        return [normalise(inner, names, key) for inner in value]
    if isinstance(value, str):
        return _text(value, names, key)
    if key in _PIDS and isinstance(value, int) and value > 0:
        return (Token(Kind.PID, str(value)),)
    return value  # type: ignore[no-any-return]  # a number, true, false or null


def _object(value: Mapping[str, Any], names: Names) -> Tree:
    tree: dict[str, Tree] = {}
    encoded = bytes_fields(value)
    for key, inner in value.items():
        name = str(masked(names.parts(key)))
        while name in tree:
            name += "'"
        if key in encoded and isinstance(inner, str):
            tree[name] = names.parts(_decoded(inner))
        else:
            tree[name] = normalise(inner, names, key)
    return tree


def _text(value: str, names: Names, key: str) -> Tree:
    if key in _TIMES and value.isascii() and value.isdigit() and value.strip("0"):
        return (Token(Kind.TIME, value),)
    if value[:1] in {"{", "["}:
        opened = _opened(value)
        if opened is not None:
            return normalise(opened, names)
    return names.parts(value)


def _decoded(value: str) -> str:
    try:
        return b64decode(value, validate=True).decode()
    except ValueError:
        return value


def _opened(text: str) -> Any:
    """Return what a text of JSON says, or None."""
    depth = deepest = 0
    for each in text:
        depth += (each in "{[") - (each in "}]")
        deepest = max(deepest, depth)
    if deepest > _DEEPEST:
        return None
    try:
        return json.loads(text)
    except ValueError:
        return None


def masked(tree: Tree) -> Tree:
    """Return a tree with what a reader sees in place of tokens: the same for runs alike."""
    if isinstance(tree, dict):
        return {key: masked(each) for key, each in tree.items()}
    if isinstance(tree, list):
        return [masked(each) for each in tree]
    if isinstance(tree, tuple):
        return "".join(each.shown if isinstance(each, Token) else each for each in tree)
    return tree


def key_of(tree: Tree) -> str:
    """Return a text that is the same for trees that look the same."""
    return json.dumps(masked(tree), sort_keys=True)
