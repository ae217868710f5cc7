"""`fold`, `expand`, `unexpand`, `nl`, `rev`, `tac` and `wc`."""

import re
from collections.abc import Callable
from typing import TypeAlias

from fakecri.core.options import read_options
from fakecri.core.processes import Process
from fakecri.core.scheduler import Waits
from fakecri.core.tools.text.streams import (
    Complaints,
    Lines,
    Output,
    last_number,
    next_line,
    readers,
    report,
    to_bytes,
)

_Change: TypeAlias = Callable[[bytes], bytes]
_MOST = 2**31 - 1
_TAB = 8
_SOLID = re.compile(rb"[^ \t]*")


def fold(process: Process) -> Waits[int]:
    """Wrap lines."""
    argv = process.spec.argv
    if len(argv) > 1 and re.fullmatch(r"-[0-9]+", argv[1]):
        argv = (argv[0], "-w", argv[1][1:], *argv[2:])
    options = read_options(argv, "bsw:")
    width = last_number(options, "w", 80, least=1)
    folder = _Folder(width, options.letters)
    return _map_lines(process, options.operands, folder.fold)


class _Folder:
    def __init__(self, width: int, letters: set[str]) -> None:
        self.width = width
        self.letters = letters

    def fold(self, line: bytes) -> bytes:
        text = line.removesuffix(b"\n")
        shown: list[bytes] = []
        held, column = bytearray(), 0
        for code in text:
            wider = self.after(column, code)
            while wider > self.width and held:
                kept = self.broken(held)
                shown.append(bytes(held) + b"\n")
                held, column = kept, self.columns(kept)
                wider = self.after(column, code)
            held.append(code)
            column = wider
        return b"".join(shown) + bytes(held) + line[len(text) :]

    def broken(self, held: bytearray) -> bytearray:
        """Take away what follows the last blank, where breaks are at blanks."""
        if "s" not in self.letters:
            return bytearray()
        last = max(held.rfind(b" "), held.rfind(b"\t"))
        if last < 0:
            return bytearray()
        kept = held[last + 1 :]
        del held[last + 1 :]
        return kept

    def columns(self, text: bytearray) -> int:
        column = 0
        for code in text:
            column = self.after(column, code)
        return column

    def after(self, column: int, code: int) -> int:
        if "b" in self.letters:
            return column + 1
        if code == ord("\b"):
            return max(0, column - 1)
        if code == ord("\r"):
            return 0
        if code == ord("\t"):
            return column + _TAB - column % _TAB
        return column + 1


def _map_lines(process: Process, paths: list[str], change: _Change) -> Waits[int]:
    complaints = Complaints(process)
    output = Output(process)
    for path, reader in readers(process, paths, complaints):
        lines = Lines(reader, output)
        try:
            while line := (yield from lines.next()):
                output.put(change(line))
        except OSError:
            report(process, f"{path}: Input/output error")
            complaints.status = 1
        yield from output.flush()
    return complaints.status


def expand(process: Process) -> Waits[int]:
    """Turn tabs into spaces."""
    long = {"initial": "i", "tabs": "t"}
    options = read_options(process.spec.argv, "it:", long)
    width = last_number(options, "t", _TAB, least=1)
    initial = "i" in options.letters

    def change(line: bytes) -> bytes:
        start = len(line) - len(line.lstrip(b" \t")) if initial else len(line)
        return line[:start].expandtabs(width) + line[start:]

    return _map_lines(process, options.operands, change)


def unexpand(process: Process) -> Waits[int]:
    """Turn spaces into tabs."""
    long = {"first-only": "f", "tabs": "t", "all": "a"}
    options = read_options(process.spec.argv, "ft:a", long)
    width = last_number(options, "t", _TAB, least=1)
    everywhere = bool(options.letters & set("at")) and "f" not in options.letters

    def change(line: bytes) -> bytes:
        return _unexpanded(line, width, everywhere=everywhere)

    return _map_lines(process, options.operands, change)


def _unexpanded(line: bytes, width: int, *, everywhere: bool) -> bytes:
    """As the applet does it: a tab is only written once something follows it."""
    shown, at, column = bytearray(), 0, 0
    while at < len(line):
        spaces = len(line) - at - len(line[at:].lstrip(b" "))
        at += spaces
        column += spaces
        if line[at : at + 1] == b"\t":
            column += width - column % width
            at += 1
            continue
        if column >= width:
            shown += b"\t" * (column // width)
            spaces = column = column % width
        shown += b" " * spaces
        if not everywhere and at:
            return bytes(shown + line[at:])
        match = _SOLID.match(line, at)
        text = match[0] if match else b""
        shown += text
        at += len(text)
        column = (column + len(text)) % width
    return bytes(shown)


def nl(process: Process) -> Waits[int]:
    """Number lines."""
    long = {"body-numbering": "b", "line-increment": "i", "number-separator": "s"}
    long |= {"starting-line-number": "v", "number-width": "w"}
    options = read_options(process.spec.argv, "pw:s:v:i:b:l:n:", long)
    width = last_number(options, "w", 6)
    value = last_number(options, "v", 1)
    increment = last_number(options, "i", 1)
    separator = to_bytes([*("\t",), *options.values("s")][-1])
    style = ["t", *options.values("b")][-1][:1]
    blank = b" " * (width + len(separator))

    def change(line: bytes) -> bytes:
        nonlocal value
        text = line.removesuffix(b"\n")
        if style == "a" or (style == "t" and text):
            text = b"%*d" % (width, value) + separator + text
            value += increment
        else:
            text = blank + text
        return text + b"\n"

    return _numbered(process, options.operands, change)


def _numbered(process: Process, paths: list[str], change: _Change) -> Waits[int]:
    complaints = Complaints(process)
    output = Output(process)
    for _, reader in readers(process, paths, complaints):
        lines = Lines(reader, output)
        while line := (yield from next_line(lines)):
            output.put(change(line))
    yield from output.flush()
    return complaints.status


def rev(process: Process) -> Waits[int]:
    """Turn each line around."""
    options = read_options(process.spec.argv, "")

    def change(line: bytes) -> bytes:
        text = line.removesuffix(b"\n")
        return text[::-1] + line[len(text) :]

    return _numbered(process, options.operands, change)


def tac(process: Process) -> Waits[int]:
    """Show the lines from the last to the first."""
    options = read_options(process.spec.argv, "")
    return _tac(process, options.operands)


def _tac(process: Process, paths: list[str]) -> Waits[int]:
    complaints = Complaints(process)
    output = Output(process)
    for path, reader in readers(process, paths, complaints):
        try:
            lines = yield from Lines(reader, output).all()
        except OSError as error:
            complaints(path, error)
            continue
        for line in reversed(lines):
            output.put(line)
        yield from output.flush()
    return complaints.status


_WORD = re.compile(rb"[^ \t\n\r\f\v]+")


class _Counts:
    """What `wc` counts."""

    def __init__(self) -> None:
        self.lines = self.words = self.bytes = self.longest = self.column = 0
        self.in_word = False

    def add(self, chunk: bytes) -> None:
        self.lines += chunk.count(b"\n")
        self.bytes += len(chunk)
        # A control character neither makes a word nor ends one.
        for code in chunk:
            self.character(code)

    def character(self, code: int) -> None:
        if ord("!") <= code <= ord("~"):
            self.column += 1
            self.words += not self.in_word
            self.in_word = True
            return
        if code == ord(" "):
            self.column += 1
        elif code == ord("\t"):
            self.column += _TAB - self.column % _TAB
        elif code in b"\n\r\f":
            self.end_line()
        elif code not in b"\v":
            return
        self.in_word = False

    def end_line(self) -> None:
        self.longest = max(self.longest, self.column)
        self.column = 0

    def shown(self, letters: set[str]) -> list[int]:
        counts = {"l": self.lines, "w": self.words, "m": self.bytes, "c": self.bytes}
        counts["L"] = self.longest
        return [counts[each] for each in "lwmcL" if each in letters]


def wc(process: Process) -> Waits[int]:
    """Count lines, words, bytes."""
    options = read_options(process.spec.argv, "lwmcL")
    return _wc(process, options.operands, options.letters or set("lwc"))


def _wc(process: Process, paths: list[str], letters: set[str]) -> Waits[int]:
    complaints = Complaints(process)
    rows: list[_Counts] = []
    for path, reader in readers(process, paths, complaints):
        counts = _Counts()
        try:
            while chunk := (yield from reader.read()):
                counts.add(chunk)
        except OSError as error:
            complaints(path, error)
        counts.end_line()
        rows.append(counts)
        process.write(_row(counts.shown(letters), path if paths else "", alone=len(paths) < 2))  # noqa: PLR2004  # files
    if len(paths) > 1:
        columns = [each.shown(letters) for each in rows]
        totals = [sum(each) for each in zip(*columns, strict=True)] or [0] * len(letters)
        if "L" in letters and rows:
            totals[-1] = max(each.longest for each in rows)
        process.write(_row(totals, "total", alone=False))
    return complaints.status


def _row(counts: list[int], name: str, *, alone: bool) -> bytes:
    form = "{}" if len(counts) == 1 and alone else "{:9d}"
    text = " ".join(form.format(each) for each in counts)
    return to_bytes(f"{text}{' ' + name if name else ''}\n")
