"""Permission bits: as `ls` shows them, and as `chmod` reads them."""

import re
from collections.abc import Mapping

from fakecri.core.views import Stat

ALL_BITS = 0o7777
_SETUID, _SETGID, _STICKY = 0o4000, 0o2000, 0o1000

LETTERS: Mapping[str, str] = {
    "file": "-",
    "dir": "d",
    "link": "l",
    "char": "c",
    "block": "b",
    "fifo": "p",
    "socket": "s",
}
"""The first letter of a mode, by kind."""

TYPE_BITS: Mapping[str, int] = {
    "file": 0o100000,
    "dir": 0o040000,
    "link": 0o120000,
    "char": 0o020000,
    "block": 0o060000,
    "fifo": 0o010000,
    "socket": 0o140000,
}
"""S_IFMT of stat(2), by kind."""


def shown(stat: Stat) -> str:
    """A mode as in `drwxr-xr-x`."""
    bits = "".join(
        letter if stat.mode >> (8 - place) & 1 else "-" for place, letter in enumerate("rwx" * 3)
    )
    marks = list(bits)
    for place, bit, letter in ((2, _SETUID, "s"), (5, _SETGID, "s"), (8, _STICKY, "t")):
        if stat.mode & bit:
            marks[place] = letter if marks[place] == "x" else letter.upper()
    return LETTERS[stat.kind] + "".join(marks)


_CLAUSE = re.compile(r"([ugoa]*)((?:[-+=](?:[rwxXst]*|[ugo]))+)")
_ACTION = re.compile(r"([-+=])([rwxXst]*|[ugo])(?=[-+=]|$)")
_WHO = {"u": 0o4700, "g": 0o2070, "o": 0o1007, "a": ALL_BITS}
_PERMISSIONS = {"r": 0o444, "w": 0o222, "x": 0o111, "s": _SETUID | _SETGID, "t": _STICKY}


def parse_mode(text: str, current: int, *, is_dir: bool = False, umask: int = 0o022) -> int | None:
    """The mode that `text` makes of a mode, in octal or as in `u+x,go-w`; None: it is wrong."""
    if re.fullmatch(r"[0-7]+", text, re.ASCII):
        number = int(text, 8)
        return number if number <= ALL_BITS else None
    if text[:1].isdigit():
        return None
    mode = current & ALL_BITS
    for clause in text.split(","):
        match = _CLAUSE.fullmatch(clause)
        if match is None:
            return None
        mode = _applied(mode, match[1], match[2], is_dir=is_dir, umask=umask)
    return mode


def _applied(mode: int, who: str, actions: str, *, is_dir: bool, umask: int) -> int:
    for sign, letters in _ACTION.findall(actions):
        mask = 0
        for letter in who:
            mask |= _WHO[letter]
        mask = mask or ALL_BITS & ~umask
        bits = _bits(letters, mode, is_dir=is_dir) & mask
        if sign == "+":
            mode |= bits
        elif sign == "-":
            mode &= ~bits
        else:
            cleared = mask if who else ALL_BITS
            kept = mode & (_SETUID | _SETGID | _STICKY) if not who and is_dir else 0
            mode = mode & ~cleared | bits | kept
    return mode


def _bits(letters: str, mode: int, *, is_dir: bool) -> int:
    if letters in {"u", "g", "o"} and letters:
        own = mode >> {"u": 6, "g": 3, "o": 0}[letters] & 7
        return own * 0o111
    bits = 0
    for letter in letters:
        if letter == "X":
            bits |= 0o111 if is_dir or mode & 0o111 else 0
        else:
            bits |= _PERMISSIONS[letter]
    return bits
