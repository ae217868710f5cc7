"""`tr` and `strings`."""

import re
from string import digits, punctuation

from fakecri.core.options import Options, UsageError, read_options
from fakecri.core.processes import Process
from fakecri.core.scheduler import Waits
from fakecri.core.tools.text.streams import (
    Complaints,
    Output,
    Refusal,
    number,
    readers,
    to_bytes,
)

_LOWER = bytes(range(ord("a"), ord("z") + 1))
_UPPER = _LOWER.upper()
_DIGITS = digits.encode()
_CLASSES = {
    "alpha": _UPPER + _LOWER,
    "alnum": _DIGITS + _UPPER + _LOWER,
    "digit": _DIGITS,
    "lower": _LOWER,
    "upper": _UPPER,
    "space": b"\t\n\v\f\r ",
    "blank": b"\t ",
    "punct": bytes(sorted(punctuation.encode())),
    "cntrl": bytes([*range(32), 127]),
    "xdigit": _DIGITS + b"ABCDEFabcdef",
    "graph": bytes(range(33, 127)),
    "print": bytes(range(32, 127)),
}
_ESCAPES = dict(zip("abefnrtv\\", b"\a\b\x1b\f\n\r\t\v\\", strict=True))
_ESCAPE = re.compile(r"\\([0-3]?[0-7]{1,2}|[abefnrtv\\])")


class _Set:
    """A set of characters as `tr` reads it, in order."""

    def __init__(self, text: bytes) -> None:
        self.text = text.decode("latin-1")
        self.at = 0
        self.found = bytearray()

    def expand(self) -> bytes:
        while self.at < len(self.text):
            if not self.class_() and not self.equivalent():
                self.range()
        return bytes(self.found)

    def class_(self) -> bool:
        match = re.compile(r"\[:([a-z]+):\]").match(self.text, self.at)
        if match is None or match[1] not in _CLASSES:
            return False
        self.found += _CLASSES[match[1]]
        self.at = match.end()
        return True

    def equivalent(self) -> bool:
        match = re.compile(r"\[=(.)=\]", re.DOTALL).match(self.text, self.at)
        if match is None:
            return False
        self.found.append(ord(match[1]))
        self.at = match.end()
        return True

    def range(self) -> None:
        first = self.character()
        if self.text[self.at : self.at + 1] == "-" and self.at + 1 < len(self.text):
            self.at += 1
            self.found += bytes(range(first, self.character() + 1))
        else:
            self.found.append(first)

    def character(self) -> int:
        match = _ESCAPE.match(self.text, self.at)
        if match is None:
            self.at += 1
            return ord(self.text[self.at - 1])
        self.at = match.end()
        if match[1] in _ESCAPES:
            return _ESCAPES[match[1]]
        return int(match[1], 8)


def tr(process: Process) -> Waits[int]:
    """Translate, squeeze or delete characters."""
    options = read_options(process.spec.argv, "Ccds", leading=True)
    sets = options.operands
    if not 1 <= len(sets) <= 2:  # noqa: PLR2004  # STRING1 and STRING2
        raise UsageError
    first = _Set(to_bytes(sets[0])).expand()
    if options.letters & set("cC"):
        first = bytes(each for each in range(256) if each not in first)
    if len(sets) > 1 and not sets[1]:
        raise Refusal("STRING2 cannot be empty")
    second = _Set(to_bytes(sets[1])).expand() if len(sets) > 1 else b""
    table = bytearray(range(256))
    for index, code in enumerate(first):
        if second:
            table[code] = second[min(index, len(second) - 1)]
    return _translate(process, options, bytes(table), first, second)


def _translate(
    process: Process, options: Options, table: bytes, first: bytes, second: bytes
) -> Waits[int]:
    deleted = first if "d" in options.letters else b""
    squeezed: frozenset[int] | None = None
    if "s" in options.letters:
        squeezed = frozenset(second) | frozenset(table[each] for each in first)
    last = -1
    while chunk := (yield from process.read()):
        changed = chunk.translate(table, deleted)
        if squeezed is not None:
            kept = bytearray()
            for code in changed:
                if code != last or code not in squeezed:
                    kept.append(code)
                last = code
            changed = bytes(kept)
        if changed:
            process.write(changed)
            yield from process.drain()
    return 0


def strings(process: Process) -> Waits[int]:
    """Show what is printable in binary files."""
    options = read_options(process.spec.argv, "fon:at:")
    lengths = [number(each, least=1, most=2**31 - 1) for each in options.values("n")]
    radices = ["o"] if "o" in options.letters else []
    radices += options.values("t")
    if radices and radices[-1] not in {"o", "d", "x"}:
        raise UsageError
    form = {"o": "{:7o} ", "d": "{:7d} ", "x": "{:7x} "}[radices[-1]] if radices else ""
    named = "f" in options.letters
    least = lengths[-1] if lengths else 4
    return _strings(process, options.operands, least, form, named=named)


def _strings(
    process: Process, paths: list[str], least: int, form: str, *, named: bool
) -> Waits[int]:
    complaints = Complaints(process)
    output = Output(process)
    for path, reader in readers(process, paths, complaints):
        name = "{standard input}" if path == "-" else path
        prefix = f"{name}: " if named else ""
        offset, held = 0, b""
        try:
            while chunk := (yield from reader.read()):
                offset, held = _show_runs(output, offset, held + chunk, least, prefix + form)
                yield from output.flush()
        except OSError:
            pass
        _show_runs(output, offset, held + b"\0", least, prefix + form)
    yield from output.flush()
    return complaints.status


_RUN = re.compile(rb"[\t -~]+")


def _show_runs(
    output: Output, offset: int, content: bytes, least: int, form: str
) -> tuple[int, bytes]:
    """Show the runs that have ended; return offset and beginning of one that has not."""
    for match in _RUN.finditer(content):
        if match.end() == len(content):
            return offset + match.start(), match[0]
        if len(match[0]) >= least:
            prefix = (
                to_bytes(form.format(offset + match.start())) if "{" in form else to_bytes(form)
            )
            output.put(prefix + match[0] + b"\n")
    return offset + len(content), b""
