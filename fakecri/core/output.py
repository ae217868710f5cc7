r"""What a container writes, as records of a CRI log file (spec, section 22).

    <RFC 3339 time> <stdout|stderr> <F|P> <content>\n

`F` ends a line of the output; `P` is a piece of a line that goes on in the next record.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from fakecri.core.files import AppendFile, Files
from fakecri.core.timestamps import format_rfc3339_ns, parse_rfc3339_ns

MAX_LINE = 16_384  # containerd's max_container_log_line_size, in bytes of content
STREAMS = ("stdout", "stderr")


@dataclass(frozen=True, slots=True)
class LogRecord:
    """One record; `content` has no line end of its own."""

    time_ns: int
    stream: str
    partial: bool
    content: bytes


def parse_records(log: bytes) -> list[LogRecord]:
    """The records of a whole CRI log file, in order.

    As a kubelet does, it takes the first of a `:`-separated list of tags. Raises ValueError with
    the number of the line (from 1) and what is wrong with it.
    """
    lines = log.split(b"\n")
    torn = lines.pop()
    records = [_numbered_record(number, line) for number, line in enumerate(lines, start=1)]
    if torn:
        raise ValueError(f"line {len(lines) + 1}: the record is cut off: it has no newline")
    return records


def _numbered_record(number: int, line: bytes) -> LogRecord:
    try:
        return _parse_record(line)
    except ValueError as error:
        raise ValueError(f"line {number}: {error}") from error


def _parse_record(line: bytes) -> LogRecord:
    fields = line.split(b" ", 3)
    if len(fields) != len(("time", "stream", "tag", "content")):
        raise ValueError("a record is a time, a stream, a tag and a content, with single spaces")
    time, stream, tags, content = fields
    time_ns = parse_rfc3339_ns(time.decode("ascii", "replace"))
    name = stream.decode("ascii", "replace")
    if name not in STREAMS:
        raise ValueError(f"{name!r} is not a stream")
    tag = tags.partition(b":")[0]
    if tag not in {b"F", b"P"}:
        raise ValueError(f"{tag.decode('ascii', 'replace')!r} is not a tag: F or P")
    return LogRecord(time_ns, name, tag == b"P", content)


class ContainerLog:
    """Writes a container's output to its log file, one record a write.

    `path` is a path of the node; "" discards the output. `now_ns` is asked once for all records
    that one call writes: the time of a record is that of its writing. `max_line` is in bytes of
    content; 0 or less is no limit. With `tty` all output is stdout: a terminal is one stream.

    A record that cannot be written is lost: `last_error` keeps the newest error and `error_count`
    how many there were. A container never blocks on its log, nor fails for it.
    """

    def __init__(  # the one place that knows the node, the clock and the limits
        self,
        files: Files,
        path: str,
        now_ns: Callable[[], int],
        max_line: int = MAX_LINE,
        *,
        tty: bool = False,
    ) -> None:
        self.path = path
        self.last_error: OSError | None = None
        self.error_count = 0
        self._files = files
        self._now_ns = now_ns
        self._max_line = max_line
        self._tty = tty
        self._file: AppendFile | None = None
        self._is_open = False
        self._held = {stream: bytearray() for stream in STREAMS}

    @property
    def is_open(self) -> bool:
        """True from `open` to `close`, also when the output is discarded."""
        return self._is_open

    def open(self) -> None:
        """Opens the file for appending, with missing directories. Raises OSError of `Files`."""
        if self._is_open:
            raise ValueError("the log is open already")
        self._file = self._open_file()
        self._is_open = True

    def write(self, stream: str, data: bytes) -> None:
        """Takes output of any size, cut anywhere; an unfinished line waits for its end.

        Raises ValueError for a stream that is none, and when the log is not open.
        """
        self._require_open()
        if stream not in self._held:
            raise ValueError(f"{stream!r} is not a stream")
        if self._file is not None:
            name = STREAMS[0] if self._tty else stream
            self._write_records(self._file, name, _take(self._held[name], data, self._max_line))

    def reopen(self) -> None:
        """Opens the path anew, after a rotation renamed the file (spec, section 16).

        What is held of an unfinished line goes to the old file, tagged P. Where the path cannot
        be opened, it raises the OSError and the old file stays in use, untouched.
        """
        self._require_open()
        new = self._open_file()
        self._finish()
        self._file = new

    def close(self) -> None:
        """Writes what is held of unfinished lines, tagged P, and closes; twice is harmless."""
        self._finish()
        self._is_open = False

    def _require_open(self) -> None:
        if not self._is_open:
            raise ValueError("the log is not open")

    def _open_file(self) -> AppendFile | None:
        return self._files.open_append(self.path) if self.path else None

    def _finish(self) -> None:
        file, self._file = self._file, None
        if file is None:
            return
        for stream, held in self._held.items():
            if held:
                self._write_records(file, stream, _flush(held, self._max_line))
        try:
            file.close()
        except OSError as error:
            self._note(error)

    def _write_records(
        self, file: AppendFile, stream: str, pieces: Iterator[tuple[bytes, bytes]]
    ) -> None:
        header = f"{format_rfc3339_ns(self._now_ns())} {stream} ".encode("ascii")
        for tag, content in pieces:
            try:
                file.write(b"%b%b%b\n" % (header, tag, content))
            except OSError as error:  # each record is lost or written by itself
                self._note(error)

    def _note(self, error: OSError) -> None:
        self.last_error = error
        self.error_count += 1


# A line is cut where the limit says, whatever the chunks it came in. What hides the chunks is a
# trailing CR: until the next byte is known it may belong to the line's end, and does not count.

_FULL = b"F "
_PARTIAL = b"P "


def _take(held: bytearray, data: bytes, max_line: int) -> Iterator[tuple[bytes, bytes]]:
    """Tags and contents that `data` completes; leaves in `held` what waits."""
    first, *others = data.split(b"\n")
    held += first
    if not others:
        yield from _overflow(held, max_line)
        return
    line = bytes(held)
    held[:] = others.pop()
    yield from _line(line, max_line)
    for line in others:
        yield from _line(line, max_line)
    yield from _overflow(held, max_line)


def _line(line: bytes, max_line: int) -> Iterator[tuple[bytes, bytes]]:
    content = line.removesuffix(b"\r")
    if len(content) <= max_line or max_line <= 0:
        yield _FULL, content
        return
    cut = _cut(len(content), max_line)
    yield from _pieces(content, cut, max_line)
    yield _FULL, content[cut:]


def _overflow(held: bytearray, max_line: int) -> Iterator[tuple[bytes, bytes]]:
    cut = _cut(len(held) - held.endswith(b"\r"), max_line)
    if cut:
        line = bytes(held[:cut])
        del held[:cut]
        yield from _pieces(line, cut, max_line)


def _flush(held: bytearray, max_line: int) -> Iterator[tuple[bytes, bytes]]:
    line = bytes(held)
    held.clear()
    cut = _cut(len(line), max_line)
    yield from _pieces(line, cut, max_line)
    yield _PARTIAL, line[cut:]


def _pieces(line: bytes, cut: int, max_line: int) -> Iterator[tuple[bytes, bytes]]:
    return ((_PARTIAL, line[at : at + max_line]) for at in range(0, cut, max_line or 1))


def _cut(length: int, max_line: int) -> int:
    """Where a line's last piece begins: the last piece is never empty, unless the line is."""
    if max_line <= 0 or length <= max_line:
        return 0
    return (length - 1) // max_line * max_line
