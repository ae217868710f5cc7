"""How text tools read and write: lines as they arrive, output before the next wait, complaints."""

import errno
from collections import deque
from collections.abc import Callable, Iterator

from fakecri.core.applets import Command, Surroundings
from fakecri.core.options import Options, UsageError
from fakecri.core.pipes import Reader
from fakecri.core.processes import Process
from fakecri.core.scheduler import Waits
from fakecri.core.views import OpenFile

NEWLINE = b"\n"
STDIN = "-"


class Refusal(Exception):  # noqa: N818  # what a tool says before it gives up
    """The tool ends with this complaint."""


def to_bytes(text: str) -> bytes:
    """Return an argument as the bytes that it was made of."""
    return text.encode(errors="surrogateescape")


def tool_name(process: Process) -> str:
    """Return what a tool calls itself."""
    return process.spec.argv[0].rpartition("/")[2]


def report(process: Process, text: str) -> None:
    """Write a complaint to stderr."""
    process.error(to_bytes(f"{tool_name(process)}: {text}\n"))


def tool(
    plan: Callable[[Process], Waits[int] | int], failure: int = 1, usage: int | None = None
) -> Command:
    """Return the command of a function that reads the options and returns what does the work.

    `failure` is its status where it gives up, and `usage` that for a wrong command line, if
    they differ.
    """

    def command(process: Process, _: Surroundings) -> Waits[int] | int:
        try:
            work = plan(process)
        except UsageError as error:
            error.status = failure if usage is None else usage
            raise
        except Refusal as refusal:
            report(process, str(refusal))
            return failure
        return work if isinstance(work, int) else _guarded(process, work, failure)

    return command


def _guarded(process: Process, work: Waits[int], failure: int) -> Waits[int]:
    try:
        return (yield from work)
    except Refusal as refusal:
        report(process, str(refusal))
        return failure
    except OSError as error:  # a directory, a full disk: where a tool makes nothing else of it
        way = "write" if error.errno in _WRITING else "read"
        report(process, f"{way} error: {error.strerror}")
        return failure


_WRITING = frozenset({errno.EDQUOT, errno.EFBIG, errno.ENOSPC, errno.EROFS})
_SUFFIXES = {"": 1, "b": 512, "k": 1024, "m": 1024**2}


def number(text: str, *, suffixes: bool = False, least: int = 0, most: int = 2**64 - 1) -> int:
    """Return a decimal number; Refusal as the applets complain."""
    digits = text.rstrip("bkm") if suffixes else text
    factor = _SUFFIXES.get(text[len(digits) :])
    if factor is None or not (digits.isascii() and digits.isdigit()):
        raise Refusal(f"invalid number '{text}'")
    value = int(digits) * factor if len(digits) <= len(str(most)) + 1 else most + 1
    if not least <= value <= most:
        raise Refusal(f"number {text} is not in {least}..{most} range")
    return value


class Output:
    """Output that is written before the tool waits for input."""

    __slots__ = ("_parts", "_process")

    def __init__(self, process: Process) -> None:
        self._process = process
        self._parts: list[bytes] = []

    def put(self, output: bytes) -> None:
        """Write it soon."""
        self._parts.append(output)

    def flush(self) -> Waits[None]:
        """Write what has gathered, and wait until there is room for more."""
        self.write()
        yield from self._process.drain()

    def write(self) -> None:
        """Write what has gathered, now."""
        if self._parts:
            parts, self._parts = self._parts, []
            self._process.write(b"".join(parts))


class Lines:
    """The lines of an input."""

    __slots__ = ("_end", "_lines", "_output", "_reader", "_rest", "ended")

    def __init__(self, reader: Reader, output: Output, end: bytes = NEWLINE) -> None:
        """`end` ends each line; `output` is flushed before the reader is asked for more."""
        self._reader = reader
        self._output = output
        self._end = end
        self._lines: deque[bytes] = deque()
        self._rest: list[bytes] = []
        self.ended = False

    def next(self) -> Waits[bytes]:
        """Wait for a line, with its end unless the last one has none; `b""` where no more come."""
        while not self._lines:
            if self.ended:
                return b""
            yield from self._fill()
        return self._lines.popleft()

    def _fill(self) -> Waits[None]:
        yield from self._output.flush()
        try:
            chunk = yield from self._reader.read()
        except OSError:
            chunk = b""
            self.ended = True
            self._finish()
            raise
        if not chunk:
            self.ended = True
            self._finish()
            return
        first, *others = chunk.split(self._end)
        self._rest.append(first)
        if others:
            last = others.pop()
            self._lines.append(b"".join(self._rest) + self._end)
            self._lines.extend(each + self._end for each in others)
            self._rest = [last] if last else []

    def _finish(self) -> None:
        rest = b"".join(self._rest)
        self._rest = []
        if rest:
            self._lines.append(rest)

    def all(self) -> Waits[list[bytes]]:
        """Wait for all lines."""
        lines: list[bytes] = []
        while line := (yield from self.next()):
            lines.append(line)
        return lines


def open_operand(process: Process, path: str) -> Reader:
    """Open an operand to read; `-` is stdin. Raises OSError."""
    return process.stdin if path == STDIN else process.files.open(path, "r")


def close_operand(reader: Reader, process: Process) -> None:
    """Close what was opened."""
    if reader is not process.stdin:
        close = getattr(reader, "close", None)
        if close is not None:
            close()


def readers(
    process: Process, paths: list[str], complain: Callable[[str, OSError], None]
) -> Iterator[tuple[str, Reader]]:
    """Open operand after operand; those that cannot be opened are complained about."""
    for path in paths or [STDIN]:
        try:
            reader = open_operand(process, path)
        except OSError as error:
            complain(path, error)
            continue
        yield path, reader
        close_operand(reader, process)


class Complaints:
    """What could not be opened or read; the status that comes of it."""

    __slots__ = ("_process", "opening", "status")

    def __init__(self, process: Process, opening: str = "{path}: {error}") -> None:
        self._process = process
        self.opening = opening
        self.status = 0

    def __call__(self, path: str, error: OSError) -> None:
        """Complain."""
        report(self._process, self.opening.format(path=path, error=error.strerror))
        self.status = 1


def read_all(reader: Reader) -> Waits[bytes]:
    """Wait for all of an input."""
    chunks: list[bytes] = []
    while chunk := (yield from reader.read()):
        chunks.append(chunk)
    return b"".join(chunks)


def open_all(process: Process, paths: list[str], text: str = "{path}: {error}") -> list[Reader]:
    """Open all operands, or none: Refusal at the first that cannot be."""
    opened: list[Reader] = []
    for path in paths or [STDIN]:
        try:
            opened.append(open_operand(process, path))
        except OSError as error:
            raise Refusal(text.format(path=path, error=error.strerror)) from None
    return opened


def create(process: Process, path: str) -> OpenFile:
    """Open a file to write it anew. Refusal where that cannot be."""
    try:
        return process.files.open(path, "w")
    except OSError as error:
        raise Refusal(f"can't open '{path}': {error.strerror}") from None


def spin(process: Process) -> Waits[int]:
    """Burn CPU for good, as a loop without end does."""
    yield from process.burn(10**9)
    yield from process.forever()
    return 0


def last_number(options: Options, letter: str, default: int, *, least: int = 0) -> int:
    """Return the number that was given last for an option."""
    values = [number(each, least=least, most=2**31 - 1) for each in options.values(letter)]
    return values[-1] if values else default


def next_line(lines: Lines) -> Waits[bytes]:
    """The next line; what cannot be read, as a directory, has none."""
    try:
        return (yield from lines.next())
    except OSError:
        return b""
