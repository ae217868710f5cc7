"""Keys, out of the bytes that a terminal sends for them, as ash's line editor reads them."""

import re
from typing import NamedTuple

ESCAPE = 27
PATIENCE_NS = 50_000_000
"""How long what begins like a key is waited for."""

_CONTROLS = {
    1: "home", 2: "left", 3: "interrupt", 4: "end of input", 5: "end", 6: "right", 8: "erase",
    9: "complete", 10: "enter", 11: "kill to end", 12: "clear", 13: "enter", 14: "next",
    16: "previous", 21: "kill to start", 23: "kill word", 127: "erase",
}  # fmt: skip
_SEQUENCES = {
    b"[A": "up", b"OA": "up", b"[B": "down", b"OB": "down", b"[C": "right", b"OC": "right",
    b"[D": "left", b"OD": "left", b"[H": "home", b"OH": "home", b"[1~": "home", b"[7~": "home",
    b"[F": "end", b"OF": "end", b"[4~": "end", b"[8~": "end", b"[3~": "delete",
    b"[1;5D": "word left", b"[1;3D": "word left", b"[1;5C": "word right", b"[1;3C": "word right",
    b"b": "word left", b"f": "word right", b"d": "delete word", b"\x7f": "erase word",
}  # fmt: skip
_LONGEST = 16
"""Bytes of a sequence; what is no key after so many is none, and those bytes are gone."""
_SEQUENCE = re.compile(rb"\[[0-9;]{0,13}[@-~]|O.|[bfd\x7f]", re.DOTALL)
_BEGUN = re.compile(rb"\[[0-9;]*|O|")
_POSITION = re.compile(rb"\[[0-9]+;([0-9]+)R")
_SPACE = 32


class Key(NamedTuple):
    """A key, and how many bytes it was."""

    name: str
    """Empty: it means nothing. `text`: a byte that is itself; `at`: where the cursor is."""
    length: int
    value: int = 0
    """The byte, or the column of the cursor from 0."""


def read_key(typed: bytes, *, is_all: bool) -> Key | None:
    """Return the first key; None where more has to come, which `is_all` says it does not."""
    byte = typed[0]
    if byte == ESCAPE:
        return _read_sequence(typed, is_all=is_all)
    if byte >= _SPACE and byte not in _CONTROLS:
        return Key("text", 1, byte)
    return Key(_CONTROLS.get(byte, ""), 1)


def _read_sequence(typed: bytes, *, is_all: bool) -> Key | None:
    match = _SEQUENCE.match(typed, 1)
    if match is None:
        begun = _BEGUN.fullmatch(typed[:_LONGEST], 1) is not None
        if begun and len(typed) >= _LONGEST:
            return Key("", _LONGEST)
        return Key("", 1) if is_all or not begun else None
    length = 1 + len(match[0])
    if position := _POSITION.fullmatch(match[0]):
        return Key("at", length, int(position[1][:5]) - 1)
    return Key(_SEQUENCES.get(match[0], ""), length)
