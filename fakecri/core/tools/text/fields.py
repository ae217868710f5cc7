"""`cut` and `paste`."""

import re
from collections.abc import Iterator

from fakecri.core.options import Options, UsageError, read_options
from fakecri.core.processes import Process
from fakecri.core.scheduler import Waits
from fakecri.core.tools.text.regex import BadPatternError, compiled
from fakecri.core.tools.text.streams import (
    Complaints,
    Lines,
    Output,
    Refusal,
    next_line,
    number,
    open_all,
    readers,
    to_bytes,
)

_MOST = 2**31 - 1


def _ranges(text: str) -> list[tuple[int, int]]:
    return [_range(each) for each in text.split(",")]


def _range(text: str) -> tuple[int, int]:
    if not text:
        return (0, -1)
    low, dash, high = text.partition("-")
    if not low and not high and dash:
        return (0, _MOST)
    start = number(low, most=_MOST) if low else 1
    start = max(start - 1, -1) if start else 0
    if not dash:
        return (start, start if int(low) else -1)
    end = number(high, most=_MOST) if high else _MOST
    if high and not end:
        return (start, -1)
    if high and end - 1 < start:
        raise Refusal(f"{end}<{start}")
    return (start, end - 1 if high else _MOST)


def cut(process: Process) -> Waits[int]:
    """Show parts of each line."""
    options = read_options(process.spec.argv, "b:c:f:d:O:F:snD")
    letters = options.letters
    lists = [each for each in "bcfF" if each in letters]
    if len(lists) > 1:
        raise UsageError
    if not lists:
        raise Refusal("expected a list of bytes, characters, or fields")
    way = lists[0]
    if way in "bc" and "d" in letters:
        raise Refusal("a delimiter may be specified only when operating on fields")
    if way in "bc" and "s" in letters:
        raise Refusal("suppressing non-delimited lines makes sense only when operating on fields")
    ranges = _ranges(options.values(way)[-1])
    if "D" not in letters:
        ranges.sort()
    return _cut(process, options, _Cutter(options, way, ranges))


class _Cutter:
    def __init__(self, options: Options, way: str, ranges: list[tuple[int, int]]) -> None:
        self.way = way
        self.ranges = ranges
        self.suppress = "s" in options.letters
        self.loose = "D" in options.letters
        given = [to_bytes(each) for each in options.values("d")]
        joined = [to_bytes(each) for each in options.values("O")]
        self.separator = given[-1][:1] or b"\0" if given else b"\t"
        self.regex = self.field_regex(given[-1] if given else b"[[:space:]]+")
        default = b" " if way == "F" else self.separator
        self.joint = joined[-1] if joined else default

    def field_regex(self, text: bytes) -> re.Pattern[bytes]:
        try:
            return compiled(text, extended=True)
        except BadPatternError as error:
            raise Refusal(f"bad regex '{text.decode(errors='replace')}': {error}") from None

    def chosen(self, parts: int) -> Iterator[int]:
        """The wanted positions, each once unless they are shown as they were given."""
        done = -1
        for start, end in self.ranges:
            first = start if self.loose else max(start, done + 1)
            yield from range(first, min(end, parts - 1) + 1)
            done = max(done, end)

    def cut(self, line: bytes) -> bytes | None:
        if self.way in "bc":
            return b"".join(line[each : each + 1] for each in self.chosen(len(line)))
        by_character = self.way == "f"
        fields = line.split(self.separator) if by_character else self.regex.split(line)
        if len(fields) == 1:
            return None if self.suppress else line
        return self.joint.join(fields[each] for each in self.chosen(len(fields)))


def _cut(process: Process, options: Options, cutter: _Cutter) -> Waits[int]:
    complaints = Complaints(process)
    output = Output(process)
    for _, reader in readers(process, options.operands, complaints):
        lines = Lines(reader, output)
        while line := (yield from next_line(lines)):
            shown = cutter.cut(line.removesuffix(b"\n"))
            if shown is not None:
                output.put(shown + b"\n")
    yield from output.flush()
    return complaints.status


def paste(process: Process) -> Waits[int]:
    """Join lines of several files, or those of one."""
    options = read_options(process.spec.argv, "d:s")
    given = options.values("d")
    delimiters = [_joint(each) for each in re.findall(r"\\.|.", given[-1] if given else "\t")]
    serial = "s" in options.letters
    return _paste(process, options.operands, delimiters or [b""], serial=serial)


def _joint(text: str) -> bytes:
    special = {r"\n": b"\n", r"\t": b"\t", r"\\": b"\\", r"\0": b""}
    return special.get(text, to_bytes(text))


def _paste(
    process: Process, paths: list[str], delimiters: list[bytes], *, serial: bool
) -> Waits[int]:
    output = Output(process)
    opened = open_all(process, paths)
    inputs: dict[int, Lines] = {id(each): Lines(each, output) for each in opened}
    files = [inputs[id(each)] for each in opened]
    if serial:
        for lines in files:
            yield from _paste_serially(lines, output, delimiters)
    else:
        yield from _paste_side_by_side(files, output, delimiters)
    yield from output.flush()
    return 0


def _paste_serially(lines: Lines, output: Output, delimiters: list[bytes]) -> Waits[None]:
    count = 0
    line = yield from next_line(lines)
    while line:
        following = yield from next_line(lines)
        if following:
            output.put(line.removesuffix(b"\n") + delimiters[count % len(delimiters)])
            count += 1
        else:
            output.put(line.removesuffix(b"\n") + b"\n")
        line = following


def _paste_side_by_side(files: list[Lines], output: Output, delimiters: list[bytes]) -> Waits[None]:
    """A file that has ended has no place in a row any more, not even an empty one."""
    active = list(enumerate(files))
    while active:
        shown, left = 0, []
        for index, lines in active:
            line = yield from next_line(lines)
            if not line:
                continue
            left.append((index, lines))
            last = index == len(files) - 1
            joint = b"\n" if last else delimiters[shown % len(delimiters)]
            shown += 1
            output.put(line.removesuffix(b"\n") + joint)
        active = left
