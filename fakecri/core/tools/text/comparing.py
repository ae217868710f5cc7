"""`cmp` and `diff`: the latter with the algorithm of Hunt and McIlroy, and unified only."""

import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from fakecri.core.options import Options, UsageError, read_options
from fakecri.core.processes import Process
from fakecri.core.scheduler import Waits
from fakecri.core.tools.text.streams import (
    STDIN,
    Refusal,
    close_operand,
    last_number,
    number,
    open_operand,
    read_all,
    to_bytes,
)

_TROUBLE = 2


def _content(process: Process, path: str, text: str) -> Waits[bytes]:
    try:
        reader = open_operand(process, path)
        content = yield from read_all(reader)
    except IsADirectoryError:
        raise Refusal(f"{path}: I/O error") from None
    except OSError as error:
        raise Refusal(text.format(path=path, error=error.strerror)) from None
    close_operand(reader, process)
    return content


def cmp(process: Process) -> Waits[int]:
    """Say where two files differ."""
    options = read_options(process.spec.argv, "n:sl")
    operands = options.operands
    if not 1 <= len(operands) <= 4 or {"s", "l"} <= options.letters:  # noqa: PLR2004  # two files, two offsets
        raise UsageError
    paths = [operands[0], operands[1] if len(operands) > 1 else STDIN]
    skips = [number(each, suffixes=True) for each in operands[2:]]
    most = last_number(options, "n", 2**31 - 1)
    return _cmp(process, options.letters, paths, [*skips, 0, 0][:2], most)


def _cmp(
    process: Process, letters: set[str], paths: list[str], skips: list[int], most: int
) -> Waits[int]:
    contents = []
    for path, skip in zip(paths, skips, strict=True):
        content = yield from _content(process, path, "{path}: {error}")
        contents.append(content[skip:][:most])
    one, other = contents
    shared = min(len(one), len(other))
    status = 0
    for at in range(shared):
        if one[at] == other[at]:
            continue
        status = 1
        if "l" not in letters:
            line = one.count(b"\n", 0, at) + 1
            text = f"{paths[0]} {paths[1]} differ: char {at + 1}, line {line}\n"
            process.write(b"" if "s" in letters else to_bytes(text))
            return 1
        process.write(b"%d %3o %3o\n" % (at + 1, one[at], other[at]))
    if len(one) != len(other):
        status = 1
        ended = paths[0] if len(one) < len(other) else paths[1]
        if "s" not in letters:
            process.error(to_bytes(f"cmp: EOF on {ended}\n"))
    return status


def diff(process: Process) -> Waits[int]:
    """Show how one file becomes another."""
    long = {"ignore-space-change": "b", "ignore-blank-lines": "B", "minimal": "d"}
    long |= {"ignore-case": "i", "new-file": "N", "brief": "q", "recursive": "r", "text": "a"}
    long |= {"report-identical-files": "s", "ignore-all-space": "w", "expand-tabs": "t"}
    long |= {"initial-tab": "T", "label": "L", "starting-file": "S"}
    options = read_options(process.spec.argv, "abdiL:NqrsS:tTU:wupB", long)
    if len(options.operands) != 2:  # noqa: PLR2004  # two files
        raise UsageError
    context = last_number(options, "U", 3)
    return _Comparison(process, options, context).run(*options.operands)


class _Comparison:
    """A run of diff."""

    def __init__(self, process: Process, options: Options, context: int) -> None:
        self.process = process
        self.letters = options.letters
        self.labels = options.values("L")
        self.context = context
        self.status = 0

    def kind(self, path: str) -> str:
        """Return what a path leads to; a file that is not there may be taken as an empty one."""
        if path == STDIN:
            return "file"
        try:
            return self.process.files.stat(path).kind
        except OSError as error:
            if "N" in self.letters:
                return "none"
            raise Refusal(f"can't stat '{path}': {error.strerror}") from None

    def run(self, one: str, other: str) -> Waits[int]:
        kinds = [self.kind(one), self.kind(other)]
        if kinds == ["dir", "dir"]:
            yield from self.directories(one, other)
            return self.status
        if kinds[0] == "dir":
            one = f"{one.rstrip('/')}/{other.rpartition('/')[2]}"
            kinds[0] = self.kind(one)
        elif kinds[1] == "dir":
            other = f"{other.rstrip('/')}/{one.rpartition('/')[2]}"
            kinds[1] = self.kind(other)
        yield from self.files(one, other)
        return self.status

    def directories(self, one: str, other: str) -> Waits[None]:
        files = self.process.files
        names = [set(files.list(one)), set(files.list(other))]
        for name in sorted(names[0] | names[1]):
            paths = [f"{one.rstrip('/')}/{name}", f"{other.rstrip('/')}/{name}"]
            here = [name in each for each in names]
            if not all(here) and "N" not in self.letters:
                where = one if here[0] else other
                if "r" in self.letters and files.is_dir(paths[0 if here[0] else 1]):
                    continue
                self.process.write(to_bytes(f"Only in {where}: {name}\n"))
                self.status = 1
                continue
            kinds = [files.is_dir(each) for each in paths]
            if all(kinds):
                if "r" in self.letters:
                    yield from self.directories(*paths)
                else:
                    text = f"Common subdirectories: {paths[0]} and {paths[1]}\n"
                    self.process.write(to_bytes(text))
            else:
                yield from self.files(*paths)

    def read(self, path: str) -> Waits[list[bytes]]:
        if self.kind(path) == "none":
            return []
        content = yield from _content(self.process, path, "can't open '{path}': {error}")
        lines = content.split(b"\n")
        last = lines.pop()
        return [each + b"\n" for each in lines] + ([last] if last else [])

    def same(self, line: bytes) -> bytes:
        """Return what of a line is compared."""
        if "w" in self.letters:
            line = re.sub(rb"\s+", b"", line)
        elif "b" in self.letters:
            line = re.sub(rb"\s+", b" ", line).rstrip()
        return line.lower() if "i" in self.letters else line

    def is_same(self, one: str, other: str) -> bool:
        """Whether both are one file, of which nothing is said."""
        if STDIN in {one, other}:
            return one == other
        kinds = [self.kind(one), self.kind(other)]
        if "none" in kinds:
            return False
        stats = [self.process.files.stat(each) for each in (one, other)]
        return (stats[0].device, stats[0].inode) == (stats[1].device, stats[1].inode)

    def files(self, one: str, other: str) -> Waits[None]:
        if self.is_same(one, other):
            return
        left = yield from self.read(one)
        right = yield from self.read(other)
        keys = [self.same(each) for each in left], [self.same(each) for each in right]
        changes = [
            each
            for each in _changes(*keys, exact="d" in self.letters)
            if "B" not in self.letters or not _only_blank(each, left, right)
        ]
        if not changes:
            if "s" in self.letters:
                self.process.write(to_bytes(f"Files {one} and {other} are identical\n"))
            return
        self.status = 1
        if "q" in self.letters:
            self.process.write(to_bytes(f"Files {one} and {other} differ\n"))
            return
        names = [*self.labels, *[one, other][len(self.labels) :]][:2]
        self.process.write(to_bytes(f"--- {names[0]}\n+++ {names[1]}\n"))
        for hunk in _hunks(changes, self.context):
            self.process.write(self.shown(hunk, left, right))
        yield from self.process.drain()

    def shown(self, hunk: "list[_Change]", left: list[bytes], right: list[bytes]) -> bytes:
        around = self.context
        start = max(0, hunk[0].start - around)
        end = min(len(left), hunk[-1].end + around)
        other_start = hunk[0].other_start - (hunk[0].start - start)
        other_end = hunk[-1].other_end + (end - hunk[-1].end)
        parts = [b"@@ -%s +%s @@\n" % (_span(start, end), _span(other_start, other_end))]
        at = start
        for each in hunk:
            parts += [self.line(b" ", line) for line in left[at : each.start]]
            parts += [self.line(b"-", line) for line in left[each.start : each.end]]
            parts += [self.line(b"+", line) for line in right[each.other_start : each.other_end]]
            at = each.end
        parts += [self.line(b" ", line) for line in left[at:end]]
        return b"".join(parts)

    def line(self, mark: bytes, line: bytes) -> bytes:
        text = line.removesuffix(b"\n")
        if "t" in self.letters:
            text = text.expandtabs(8)
        mark += b"\t" if "T" in self.letters else b""
        ended = b"\n" if line.endswith(b"\n") else b"\n\\ No newline at end of file\n"
        return mark + text + ended


@dataclass(frozen=True, slots=True)
class _Change:
    """Lines `start:end` of the one become lines `other_start:other_end` of the other."""

    start: int
    end: int
    other_start: int
    other_end: int


def _span(start: int, end: int) -> bytes:
    count = end - start
    if count == 1:
        return b"%d" % end
    return b"%d,%d" % (start + 1 if count else start, count)


def _only_blank(change: _Change, left: list[bytes], right: list[bytes]) -> bool:
    lines = left[change.start : change.end] + right[change.other_start : change.other_end]
    return not any(each.strip(b"\n") for each in lines)


def _hunks(changes: list[_Change], context: int) -> Iterator[list[_Change]]:
    hunk: list[_Change] = []
    for each in changes:
        if hunk and each.start > hunk[-1].end + 2 * context:
            yield hunk
            hunk = []
        hunk.append(each)
    if hunk:
        yield hunk


def _changes(left: Sequence[bytes], right: Sequence[bytes], *, exact: bool) -> Iterator[_Change]:
    at, other = 0, 0
    for line, matched in [*_matches(left, right, exact=exact), (len(left), len(right))]:
        if line > at or matched > other:
            yield _Change(at, line, other, matched)
        at, other = line + 1, matched + 1


def _matches(
    left: Sequence[bytes], right: Sequence[bytes], *, exact: bool
) -> list[tuple[int, int]]:
    """The pairs of lines that stay."""
    shortest = min(len(left), len(right))
    before = 0
    while before < shortest and left[before] == right[before]:
        before += 1
    after = 0
    while after < shortest - before and left[-1 - after] == right[-1 - after]:
        after += 1
    ends = len(left) - after, len(right) - after
    inner = _stone(left[before : ends[0]], right[before : ends[1]], exact=exact)
    return [
        *((each, each) for each in range(before)),
        *((one + before, other + before) for one, other in inner),
        *((ends[0] + each, ends[1] + each) for each in range(after)),
    ]


def _stone(left: Sequence[bytes], right: Sequence[bytes], *, exact: bool) -> list[tuple[int, int]]:
    """The longest common subsequence, as candidates for each length are found."""
    places: dict[bytes, list[int]] = {}
    for index, line in enumerate(right):
        places.setdefault(line, []).append(index)
    bound = 2**31 if exact else max(256, int(len(left) ** 0.5))
    candidates: list[tuple[int, int, object]] = [(-1, -1, None)]
    for index, line in enumerate(left):
        _extend(candidates, index, places.get(line, ()), bound)
    found: list[tuple[int, int]] = []
    each: object = candidates[-1]
    while isinstance(each, tuple) and each[2] is not None:
        found.append((each[0], each[1]))
        each = each[2]
    return found[::-1]


def _extend(
    candidates: list[tuple[int, int, object]], index: int, places: Sequence[int], bound: int
) -> None:
    old_length, old, tries = 0, candidates[0], 0
    for place in places:
        if place <= old[1]:
            continue
        length = bisect_left(candidates, place, key=lambda each: each[1])
        if length != old_length + 1:
            old = candidates[length - 1]
        if length == len(candidates):
            candidates.append((index, place, old))
            return
        if candidates[length][1] <= place:
            continue
        replaced = candidates[length]
        candidates[length] = (index, place, old)
        old, old_length = replaced, length
        tries += 1
        if tries >= bound:
            return
