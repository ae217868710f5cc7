"""`grep`, `egrep` and `fgrep`: lines that match, as they arrive."""

import re
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from fakecri.core.options import Options, UsageError, read_options
from fakecri.core.pipes import Reader
from fakecri.core.processes import Process
from fakecri.core.scheduler import Waits
from fakecri.core.tools.text.regex import BadPatternError, compiled
from fakecri.core.tools.text.streams import (
    STDIN,
    Lines,
    Output,
    Refusal,
    close_operand,
    number,
    open_operand,
    read_all,
    report,
    to_bytes,
)

_SHORT = "lnqvscFiHhe:LoEm:A:B:C:f:wxrRz"
_UNLIMITED = 2**31 - 1


@dataclass(slots=True)
class _Pattern:
    """One of the patterns; a wrong one is only noticed when there is a line to try it on."""

    text: bytes
    letters: set[str]

    def regex(self) -> re.Pattern[bytes]:
        text = self.text
        ignore_case = "i" in self.letters
        if "F" in self.letters:
            return re.compile(re.escape(text), re.IGNORECASE if ignore_case else 0)
        try:
            extended = "E" in self.letters
            return compiled(text, extended=extended, ignore_case=ignore_case, lenient=True)
        except BadPatternError:
            shown = text.decode(errors="surrogateescape")
            raise Refusal(f"bad regex '{shown}'") from None

    def matches(self, line: bytes) -> Iterator[re.Match[bytes]]:
        """All matches in a line, of words or of the whole line where that is wanted."""
        regex = self.regex()
        if "x" in self.letters:
            whole = regex.fullmatch(line)
            yield from [whole] if whole else []
            return
        start = 0
        while start <= len(line):
            match = regex.search(line, start)
            if match is None:
                return
            good = "w" not in self.letters or _is_word(line, match)
            if good:
                yield match
            start = match.end() if good and match[0] else match.start() + 1


_WORD = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_")


def _is_word(line: bytes, match: re.Match[bytes]) -> bool:
    start, end = match.span()
    before = line[start - 1] if start else 0
    after = line[end] if end < len(line) else 0
    return before not in _WORD and after not in _WORD


class _Search:
    """A run of grep."""

    def __init__(self, process: Process, options: Options) -> None:
        self.process = process
        self.letters = options.letters
        self.output = Output(process)
        self.end = b"\0" if "z" in self.letters else b"\n"
        around = [number(each, most=_UNLIMITED) for each in options.values("C")]
        self.after = ([number(x, most=_UNLIMITED) for x in options.values("A")] or around or [0])[
            -1
        ]
        self.before = ([number(x, most=_UNLIMITED) for x in options.values("B")] or around or [0])[
            -1
        ]
        if self.letters & set("ocqlL"):
            self.after = self.before = 0
        most = [number(each, most=_UNLIMITED) for each in options.values("m")]
        self.most = most[-1] if most else _UNLIMITED
        self.patterns: list[_Pattern] = []
        self.named = False
        self.found = False
        self.failed = False
        self.last: int | None = None
        """The number of the line that was shown last, in whatever file."""

    def add_patterns(self, text: bytes) -> None:
        self.patterns += [_Pattern(each, self.letters) for each in text.split(b"\n")]

    def complain(self, path: str, error: OSError) -> None:
        self.failed = True
        if "s" not in self.letters:
            report(self.process, f"{path}: {error.strerror}")

    def run(self, paths: list[str], pattern_files: list[str]) -> Waits[int]:
        for path in pattern_files:
            yield from self.read_patterns(path)
        recursive = bool(self.letters & set("rR"))
        self.named = "H" in self.letters or ("h" not in self.letters and len(paths) > 1)
        for path in paths or [STDIN]:
            directory = recursive and path != STDIN and self.process.files.is_dir(path)
            if directory and "h" not in self.letters:
                self.named = True
            for each in self.walk(path, top=True) if directory else [path]:
                if (yield from self.file(each)):
                    return 0
        yield from self.output.flush()
        return 2 if self.failed else int(not self.found)

    def read_patterns(self, path: str) -> Waits[None]:
        try:
            reader = open_operand(self.process, path)
            text = yield from read_all(reader)
            close_operand(reader, self.process)
        except OSError as error:
            raise Refusal(f"{path}: {error.strerror}") from None
        if text:
            self.add_patterns(text.removesuffix(b"\n"))

    def walk(self, path: str, *, top: bool = False) -> Iterator[str]:
        """The files below a directory; links are only followed with -R, or as an operand."""
        files = self.process.files
        try:
            follow = top or "R" in self.letters
            kind = files.stat(path, follow=follow).kind
            if kind == "dir":
                for name in files.list(path):
                    yield from self.walk(f"{path.rstrip('/') or ''}/{name}")
            elif kind == "file":
                yield path
        except OSError as error:
            self.complain(path, error)

    def file(self, path: str) -> Waits[bool]:
        """Search a file; return whether nothing more is to be searched."""
        try:
            reader = open_operand(self.process, path)
        except OSError as error:
            self.complain(path, error)
            return False
        name = "(standard input)" if path == STDIN else path
        count = yield from _File(self, reader, to_bytes(name)).search()
        close_operand(reader, self.process)
        self.found = self.found or bool(count) != ("L" in self.letters)
        if "q" in self.letters:
            return bool(count)
        if "c" in self.letters and not self.letters & set("lL"):
            prefix = to_bytes(f"{name}:") if self.named else b""
            self.output.put(prefix + b"%d\n" % count)
        if ("l" in self.letters and count) or ("L" in self.letters and not count):
            self.output.put(to_bytes(f"{name}\n"))
        return False


class _File:
    """The search of one file."""

    def __init__(self, search: _Search, reader: Reader, name: bytes) -> None:
        self.search_ = search
        self.letters = search.letters
        self.name = name
        self.lines = Lines(reader, search.output, search.end)
        self.earlier: deque[tuple[int, bytes]] = deque(maxlen=search.before)
        self.number = 0

    def search(self) -> Waits[int]:
        count, left = 0, 0
        stop_at_first = bool(self.letters & set("qlL"))
        most = self.search_.most
        while count < most or left:
            line = yield from self.next()
            if not line:
                break
            self.number += 1
            line = line.removesuffix(self.search_.end)
            pattern = self.matching(line)
            if (pattern is None) == ("v" in self.letters):
                if count == most:  # context ends where the next match would be
                    break
                count += 1
                left = self.search_.after
                if stop_at_first:
                    break
                self.show(line, pattern)
            elif left:
                left -= 1
                self.put(self.number, line, b"-")
            else:
                self.earlier.append((self.number, line))
        return count

    def next(self) -> Waits[bytes]:
        try:
            return (yield from self.lines.next())
        except OSError:  # a directory has no lines, and grep does not mention it
            return b""

    def matching(self, line: bytes) -> _Pattern | None:
        for pattern in self.search_.patterns:
            if next(pattern.matches(line), None) is not None:
                return pattern
        return None

    def show(self, line: bytes, pattern: _Pattern | None) -> None:
        if "c" in self.letters:
            return
        if "o" in self.letters:
            for match in pattern.matches(line) if pattern else ():
                if match[0]:
                    self.put(self.number, match[0], b":")
            return
        for earlier, text in self.earlier:
            self.put(earlier, text, b"-")
        self.earlier.clear()
        self.put(self.number, line, b":")

    def put(self, line_number: int, line: bytes, mark: bytes) -> None:
        search = self.search_
        apart = search.last is not None and line_number != search.last + 1
        if apart and (search.before or search.after):
            search.output.put(b"--\n")
        search.last = line_number
        prefix = self.name + mark if search.named else b""
        if "n" in self.letters:
            prefix += b"%d" % line_number + mark
        search.output.put(prefix + line + search.end)


def _with_letters(*implied: str) -> Callable[[Process], Waits[int]]:
    def plan(process: Process) -> Waits[int]:
        options = read_options(process.spec.argv, _SHORT)
        options.given += [(each, "") for each in implied]
        search = _Search(process, options)
        operands = options.operands
        for text in options.values("e"):
            search.add_patterns(to_bytes(text))
        files = options.values("f")
        if not search.patterns and not files:
            if not operands:
                raise UsageError
            search.add_patterns(to_bytes(operands.pop(0)))
        return search.run(operands, files)

    return plan


grep = _with_letters()
egrep = _with_letters("E")
fgrep = _with_letters("F")
