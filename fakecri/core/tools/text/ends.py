"""`head` and `tail`; `tail` follows growing files, in virtual time."""

import re
from collections import deque
from dataclasses import dataclass

from fakecri.core.options import Options, UsageError, read_options
from fakecri.core.pipes import Reader
from fakecri.core.processes import Process
from fakecri.core.scheduler import Waits
from fakecri.core.tools.text.streams import (
    STDIN,
    Complaints,
    Lines,
    Output,
    close_operand,
    number,
    open_operand,
    readers,
    report,
    to_bytes,
)

_STDIN_NAME = "standard input"


def _header(path: str, *, first: bool) -> bytes:
    name = _STDIN_NAME if path == STDIN else path
    return to_bytes(f"{'' if first else chr(10)}==> {name} <==\n")


@dataclass(frozen=True, slots=True)
class _Amount:
    """How much is shown."""

    count: int
    in_bytes: bool
    signed: bool
    """All but the last (head), or from there on (tail)."""


def _amount(options: Options, sign: str) -> _Amount:
    for letter, text in reversed(options.given):
        if letter in {"n", "c"}:
            signed = text.startswith(sign)
            digits = text.removeprefix("-") if sign == "-" or not signed else text[1:]
            count = number(digits, suffixes=True, most=2**63 - 1)
            return _Amount(count, letter == "c", signed)
    return _Amount(10, in_bytes=False, signed=False)


def _modern(argv: tuple[str, ...], pattern: str) -> tuple[str, ...]:
    """`-5` and `+5` as first word are what `-n 5` and `-n +5` are."""
    if len(argv) > 1 and re.fullmatch(pattern, argv[1]):
        word = argv[1].removeprefix("-")
        return (argv[0], "-n", word, *argv[2:])
    return argv


def _with_header(letters: set[str], paths: list[str]) -> bool:
    return "v" in letters or (len(paths) > 1 and "q" not in letters)


def head(process: Process) -> Waits[int]:
    """Show the first lines or bytes."""
    argv = _modern(process.spec.argv, r"-[0-9]+[bkm]?")
    options = read_options(argv, "n:c:qv")
    amount = _amount(options, "-")
    return _heads(process, options.operands, amount, options.letters)


def _heads(process: Process, paths: list[str], amount: _Amount, letters: set[str]) -> Waits[int]:
    complaints = Complaints(process)
    output = Output(process)
    show = _first_bytes if amount.in_bytes else _first_lines
    if amount.signed:
        show = _all_but_last
    for path, reader in readers(process, paths, complaints):
        if _with_header(letters, paths):
            output.put(_header(path, first=path is paths[0]))
        try:
            yield from show(reader, output, amount)
        except OSError:
            output.write()
            report(process, f"{path}: Input/output error")
            complaints.status = 1
        yield from output.flush()
    return complaints.status


def _first_lines(reader: Reader, output: Output, amount: _Amount) -> Waits[None]:
    lines = Lines(reader, output)
    for _ in range(amount.count):
        line = yield from lines.next()
        if not line:
            break
        output.put(line)


def _first_bytes(reader: Reader, output: Output, amount: _Amount) -> Waits[None]:
    left = amount.count
    while left and (chunk := (yield from reader.read())):
        output.put(chunk[:left])
        left -= min(left, len(chunk))
        yield from output.flush()


def _all_but_last(reader: Reader, output: Output, amount: _Amount) -> Waits[None]:
    if amount.in_bytes:
        held = b""
        while chunk := (yield from reader.read()):
            held += chunk
            done = max(0, len(held) - amount.count)
            output.put(held[:done])
            held = held[done:]
            yield from output.flush()
        return
    lines = Lines(reader, output)
    waiting: deque[bytes] = deque()
    while line := (yield from lines.next()):
        waiting.append(line)
        if len(waiting) > amount.count:
            output.put(waiting.popleft())


def tail(process: Process) -> Waits[int]:
    """Show the last lines or bytes, and what is added later."""
    argv = _modern(process.spec.argv, r"[-+][0-9]+[bkm]?")
    options = read_options(argv, "fFc:n:s:qv")
    amount = _amount(options, "+")
    pauses = [number(each, most=2**31) for each in options.values("s")]
    return _Tail(process, options, amount, pauses[-1] if pauses else 1).run(options.operands)


@dataclass(slots=True)
class _Followed:
    """A file that is followed."""

    path: str
    reader: Reader | None
    inode: tuple[int, int] | None
    position: int = 0


class _Tail:
    def __init__(self, process: Process, options: Options, amount: _Amount, pause_s: int) -> None:
        self.process = process
        self.letters = options.letters
        self.amount = amount
        self.pause_s = pause_s
        self.output = Output(process)
        self.shown: str | None = None
        """Whose header was written last."""
        self.status = 0

    def run(self, paths: list[str]) -> Waits[int]:
        followed = [self.open(each) for each in paths or [STDIN]]
        kept = [each.path for each in followed if each.reader is not None or "F" in self.letters]
        headed = _with_header(self.letters, kept)
        for each in followed:
            if each.reader is not None:
                if headed:
                    self.output.put(_header(each.path, first=self.shown is None))
                    self.shown = each.path
                yield from self.show(each)
        yield from self.output.flush()
        retrying = "F" in self.letters
        followed = [each for each in followed if each.reader is not None or retrying]
        if not self.letters & set("fF"):
            for each in followed:
                if each.reader is not None:
                    close_operand(each.reader, self.process)
            return self.status
        if not followed:
            report(self.process, "no files")
            return 1
        return (yield from self.follow(followed, headed=headed))

    def open(self, path: str) -> _Followed:
        try:
            reader = open_operand(self.process, path)
        except OSError as error:
            report(self.process, f"can't open '{path}': {error.strerror}")
            self.status = 1
            return _Followed(path, None, None)
        return _Followed(path, reader, self.inode(path))

    def inode(self, path: str) -> tuple[int, int] | None:
        if path == STDIN:
            return None
        try:
            stat = self.process.files.stat(path)
        except OSError:
            return None
        return stat.device, stat.inode

    def show(self, each: _Followed) -> Waits[None]:
        """Show the end of a file as it is now."""
        reader = _Counting(each)
        try:
            yield from (self.bytes if self.amount.in_bytes else self.lines)(reader)
        except OSError as error:
            self.output.write()
            report(self.process, f"read error: {error.strerror}")
            self.status = 1

    def bytes(self, reader: Reader) -> Waits[None]:
        count = self.amount.count
        if self.amount.signed:
            skipped = max(0, count - 1)
            while chunk := (yield from reader.read()):
                self.output.put(chunk[skipped:])
                skipped -= min(skipped, len(chunk))
                yield from self.output.flush()
            return
        held = b""
        while chunk := (yield from reader.read()):
            held = (held + chunk)[-count:] if count else b""
        self.output.put(held)

    def lines(self, reader: Reader) -> Waits[None]:
        lines = Lines(reader, self.output)
        if self.amount.signed:
            for _ in range(self.amount.count - 1):
                if not (yield from lines.next()):
                    return
            while line := (yield from lines.next()):
                self.output.put(line)
            return
        last: deque[bytes] = deque(maxlen=self.amount.count)
        while line := (yield from lines.next()):
            last.append(line)
        for line in last:
            self.output.put(line)

    def follow(self, followed: list[_Followed], *, headed: bool) -> Waits[int]:
        self.shown = None
        while True:
            yield from self.process.sleep(self.pause_s)
            for each in followed:
                if "F" in self.letters and each.path != STDIN:
                    self.reopen(each)
                if each.reader is not None:
                    yield from self.show_new(each, headed=headed)
            yield from self.output.flush()

    def show_new(self, each: _Followed, *, headed: bool) -> Waits[None]:
        self.rewind(each)
        reader = _Counting(each)
        while chunk := (yield from reader.read()):
            if headed and self.shown != each.path:
                self.output.put(_header(each.path, first=False))
                self.shown = each.path
            self.output.put(chunk)
            yield from self.output.flush()

    def rewind(self, each: _Followed) -> None:
        """Start again where the file was cut."""
        if each.path == STDIN or each.reader is None:
            return
        try:
            stat = self.process.files.stat(each.path)
            if (stat.device, stat.inode) != each.inode or stat.size >= each.position:
                return
            reader = open_operand(self.process, each.path)
        except OSError:
            return
        close_operand(each.reader, self.process)
        each.reader, each.position = reader, 0

    def reopen(self, each: _Followed) -> None:
        """Look again at what the path leads to; what is missing is mentioned each time."""
        inode = self.inode(each.path)
        if each.reader is not None and inode == each.inode:
            return
        known = each.inode is not None
        if each.reader is not None:
            close_operand(each.reader, self.process)
            each.reader = None
        try:
            each.reader = open_operand(self.process, each.path)
        except OSError as error:
            if known:
                text = f"{each.path} has been renamed or deleted: {error.strerror}"
                report(self.process, text)
            return
        change = "been replaced" if known else "appeared"
        report(self.process, f"{each.path} has {change}; following end of new file")
        each.inode, each.position = inode, 0


class _Counting:
    """A reader that counts what it reads of a followed file."""

    def __init__(self, each: _Followed) -> None:
        if each.reader is None:
            raise UsageError
        self._each = each
        self._reader = each.reader

    def read(self) -> Waits[bytes]:
        chunk = yield from self._reader.read()
        self._each.position += len(chunk)
        return chunk

    def unread(self, chunk: bytes) -> None:
        self._each.position -= len(chunk)
        self._reader.unread(chunk)
