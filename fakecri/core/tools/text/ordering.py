"""`sort`, `uniq`, `comm` and `join`."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cmp_to_key
from itertools import chain
from typing import Any

from fakecri.core.options import Options, UsageError, read_options
from fakecri.core.processes import Process
from fakecri.core.scheduler import Waits
from fakecri.core.tools.text.streams import (
    STDIN,
    Lines,
    Output,
    Refusal,
    create,
    last_number,
    open_all,
    read_all,
)

_SPACES = b" \t\n\v\f\r"
_FIELD = re.compile(rb"[ \t\n\v\f\r]*[^ \t\n\v\f\r]*")
_MONTHS = b"jan feb mar apr may jun jul aug sep oct nov dec".split()
_KEY_LETTERS = "ngMbdfirhV"


@dataclass(frozen=True, slots=True)
class _Key:
    """A `-k`: fields and characters count from 1, 0 is not given."""

    field: int = 1
    character: int = 0
    end_field: int = 0
    end_character: int = 0
    letters: frozenset[str] = frozenset()
    """`B` is the `b` of the end."""

    def of(self, line: bytes, separator: bytes, letters: frozenset[str]) -> bytes:
        start = _field_start(line, self.field, separator)
        end = self.end(line, separator)
        if "b" in letters:
            while start < len(line) and line[start] in _SPACES:
                start += 1
        if "B" in letters:
            while end > start and line[end - 1] in _SPACES:
                end -= 1
        if self.end_character:
            end = min(self.end_character, len(line))
        if self.character:
            start = min(start + self.character - 1, len(line))
        return _folded(line[start : max(start, end)], letters)

    def end(self, line: bytes, separator: bytes) -> int:
        if not self.end_field:
            return len(line)
        end = _field_start(line, self.end_field + 1, separator)
        separated = separator and line.count(separator) >= self.end_field
        return end - 1 if separated else end


def _field_start(line: bytes, field: int, separator: bytes) -> int:
    at = 0
    for _ in range(field - 1):
        if at >= len(line):
            break
        if separator:
            found = line.find(separator, at)
            at = len(line) if found < 0 else found + 1
        else:
            match = _FIELD.match(line, at)
            at = match.end() if match else at
    return at


def _folded(key: bytes, letters: frozenset[str]) -> bytes:
    if "d" in letters:
        key = re.sub(rb"[^ \t\n\v\f\ra-zA-Z0-9]", b"", key)
    if "i" in letters:
        key = re.sub(rb"[^ -~]", b"", key)
    return key.upper() if "f" in letters else key


def _parse_key(text: str) -> _Key:
    match = re.fullmatch(
        r"([0-9]+)(?:\.([0-9]+))?([a-zA-Z]*)(?:,([0-9]+)(?:\.([0-9]+))?([a-zA-Z]*))?", text
    )
    if match is None or max(map(len, text.replace(",", ".").split("."))) > 9:  # noqa: PLR2004  # no int
        raise Refusal("bad field specification")
    field, character, letters, end_field, end_character, end_letters = match.groups()
    if not int(field) or character == "0":
        raise Refusal("bad field specification")
    given = list(letters)
    given += ["B" if each == "b" else each for each in end_letters or ""]
    if set(given) - set(_KEY_LETTERS) - {"B"}:
        raise Refusal("unknown key option")
    return _Key(
        int(field),
        int(character or 0),
        int(end_field or 0),
        int(end_character or 0),
        frozenset(given),
    )


_NUMBER = re.compile(rb"[ \t\n\v\f\r]*([-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?)")


def _numeric(key: bytes) -> float:
    match = _NUMBER.match(key)
    return float(match[1]) if match else 0.0


def _general(key: bytes) -> tuple[int, float]:
    """What is no number comes first."""
    match = _NUMBER.match(key)
    return (1, float(match[1])) if match else (0, 0.0)


def _month(key: bytes) -> int:
    name = key.lstrip(_SPACES)[:3].lower()
    return _MONTHS.index(name) + 1 if name in _MONTHS else 0


_SIZES = b" KMGTPEZY"


def _human(key: bytes) -> tuple[int, float]:
    match = re.match(rb"\s*(-?[0-9]*\.?[0-9]*)([KkMGTPEZY]?)", key)
    value = _numeric(match[1]) if match else 0.0
    size = _SIZES.find(match[2].upper()) if match and match[2] and value else 0
    return ((-size if value < 0 else size), value)


def _version(key: bytes) -> list[tuple[int, int, bytes]]:
    parts = re.findall(rb"([0-9]+)|([^0-9]+)", key)
    return [(0, int(number), number) if number else (1, 0, text) for number, text in parts]


_WAYS: dict[str, Callable[[bytes], object]] = {
    "n": _numeric,
    "g": _general,
    "M": _month,
    "h": _human,
    "V": _version,
}


class _Order:
    """How lines compare."""

    def __init__(self, keys: list[_Key], letters: frozenset[str], separator: bytes) -> None:
        self.keys = keys
        self.letters = letters
        self.separator = separator

    def compare_keys(self, one: bytes, other: bytes) -> int:
        for key in self.keys:
            letters = key.letters or self.letters
            result = self._compared(key, letters, one, other)
            if result:
                return -result if "r" in letters else result
        return 0

    def _compared(self, key: _Key, letters: frozenset[str], one: bytes, other: bytes) -> int:
        way = next((_WAYS[each] for each in "ngMhV" if each in letters), bytes)
        left: object = way(key.of(one, self.separator, letters))
        right: object = way(key.of(other, self.separator, letters))
        return _sign(left, right)

    def compare(self, one: bytes, other: bytes) -> int:
        result = self.compare_keys(one, other)
        if result or "s" in self.letters:
            return result
        result = _sign(one, other)
        return -result if "r" in self.letters else result

    def sort(self, lines: list[bytes]) -> None:
        """Sort; with `-s` lines that tie stay in order, or are turned round where keys are."""
        turned = "s" in self.letters and "r" in (self.keys[-1].letters or self.letters)
        if turned:
            lines.reverse()
        lines.sort(key=cmp_to_key(self.compare))


def _sign(left: Any, right: Any) -> int:
    """Compare two keys that were made in the same way."""
    return int(left > right) - int(left < right)


def sort(process: Process) -> Waits[int]:
    """Sort lines, or check that they are sorted."""
    options = read_options(process.spec.argv, "ngMucszbrdfimS:T:o:k:t:hV")
    separators = options.values("t")
    if separators and len(separators[-1].encode(errors="surrogateescape")) != 1:
        if separators[-1] != "\\0":
            raise Refusal("bad -t parameter")
        separators = ["\0"]
    keys = [_parse_key(each) for each in options.values("k")] or [_Key()]
    separator = separators[-1].encode(errors="surrogateescape") if separators else b""
    order = _Order(keys, frozenset(options.letters), separator)
    return _sort(process, options, order)


def _sort(process: Process, options: Options, order: _Order) -> Waits[int]:
    output = Output(process)
    end = b"\0" if "z" in options.letters else b"\n"
    lines: list[bytes] = []
    for reader in open_all(process, options.operands):
        source = Lines(reader, output, end)
        try:
            gathered = yield from source.all()
        except OSError:  # a directory has no lines
            continue
        lines += [each.removesuffix(end) for each in gathered]
    if "c" in options.letters:
        return _check(process, lines, order)
    order.sort(lines)
    if "u" in options.letters and "s" not in options.letters:  # with -s no two lines are equal
        lines = _distinct(lines, order)
    content = b"".join(chain.from_iterable((each, end) for each in lines))
    paths = options.values("o")
    if paths:
        file = create(process, paths[-1])
        file.write(content)
        file.close()
    else:
        process.write(content)
        yield from process.drain()
    return 0


def _check(process: Process, lines: list[bytes], order: _Order) -> int:
    limit = -1 if "u" in order.letters else 0
    for index in range(1, len(lines)):
        if order.compare_keys(lines[index - 1], lines[index]) > limit:
            process.error(b"Check line %d\n" % index)
            return 1
    return 0


def _distinct(lines: list[bytes], order: _Order) -> list[bytes]:
    kept: list[bytes] = []
    for line in lines:
        if not kept or order.compare_keys(kept[-1], line):
            kept.append(line)
    return kept


def uniq(process: Process) -> Waits[int]:
    """Show what adjacent equal lines have in common, as they end."""
    options = read_options(process.spec.argv, "cduif:s:w:z")
    if len(options.operands) > 2:  # noqa: PLR2004  # input and output
        raise UsageError
    fields = last_number(options, "f", 0)
    characters = last_number(options, "s", 0)
    width = last_number(options, "w", 2**31 - 1)

    def key(line: bytes) -> bytes:
        at = 0
        for _ in range(fields):
            match = _FIELD.match(line, at)
            at = match.end() if match else at
            if at >= len(line):
                break
        text = line[at + characters :][:width]
        return text.lower() if "i" in options.letters else text

    return _uniq(process, options, key)


def _uniq(process: Process, options: Options, key: Callable[[bytes], bytes]) -> Waits[int]:
    output = Output(process)
    source, target = [*options.operands, STDIN, STDIN][:2]
    reader = open_all(process, [source], "can't open '{path}': {error}")[0]
    file = None if target == STDIN else create(process, target)
    end = b"\0" if "z" in options.letters else b"\n"
    put = file.write if file else output.put
    lines = Lines(reader, output, end)
    first, count = b"", 0

    def show() -> None:
        skipped = "d" if count == 1 else "u"
        if count and skipped not in options.letters:
            put((b"%7d " % count if "c" in options.letters else b"") + first + end)

    try:
        while line := (yield from lines.next()):
            text = line.removesuffix(end)
            if count and key(text) == key(first):
                count += 1
                continue
            show()
            first, count = text, 1
    except OSError:
        raise Refusal(f"{source}: I/O error") from None
    show()
    yield from output.flush()
    return 0


def comm(process: Process) -> Waits[int]:
    """Compare two sorted files line by line."""
    options = read_options(process.spec.argv, "123")
    if len(options.operands) != 2:  # noqa: PLR2004  # two files
        raise UsageError
    return _comm(process, options.operands, options.letters)


def _comm(process: Process, paths: list[str], letters: set[str]) -> Waits[int]:
    output = Output(process)
    one, other = (Lines(each, output) for each in open_all(process, paths))

    def show(column: str, line: bytes) -> None:
        if column not in letters:
            tabs = sum(1 for each in "12" if each < column and each not in letters)
            output.put(b"\t" * tabs + line.removesuffix(b"\n") + b"\n")

    left = yield from one.next()
    right = yield from other.next()
    while left or right:
        place = _sign(left.removesuffix(b"\n"), right.removesuffix(b"\n"))
        if not right or (left and place < 0):
            show("1", left)
            left = yield from one.next()
        elif not left or place > 0:
            show("2", right)
            right = yield from other.next()
        else:
            show("3", left)
            left = yield from one.next()
            right = yield from other.next()
    yield from output.flush()
    return 0


def join(process: Process) -> Waits[int]:
    """Join lines of two sorted files on a field, the simple way of GNU's `join`."""
    options = read_options(process.spec.argv, "1:2:t:a:v:j:i")
    if len(options.operands) != 2:  # noqa: PLR2004  # two files
        raise UsageError
    both = last_number(options, "j", 1, least=1)
    fields = [last_number(options, each, both, least=1) - 1 for each in "12"]
    separators = options.values("t")
    separator = separators[-1].encode(errors="surrogateescape") if separators else None
    return _join(process, options, fields, separator)


def _join(
    process: Process, options: Options, fields: list[int], separator: bytes | None
) -> Waits[int]:
    tables = []
    for reader, field in zip(open_all(process, options.operands), fields, strict=True):
        content = yield from read_all(reader)
        rows = [each.split(separator) for each in content.splitlines()]
        tables.append([(each[field : field + 1] or [b""], each) for each in rows])
    only = {int(each) for each in options.values("v") if each in {"1", "2"}}
    also = only | {int(each) for each in options.values("a") if each in {"1", "2"}}
    joint = separator or b" "
    shown: list[bytes] = []
    keys = [{key[0] for key, _ in table} for table in tables]
    for key, row in tables[0]:
        rest = row[: fields[0]] + row[fields[0] + 1 :]
        if key[0] not in keys[1]:
            shown += [joint.join(key + rest)] if 1 in also else []
        elif not only:
            for other, second in tables[1]:
                if other == key:
                    more = second[: fields[1]] + second[fields[1] + 1 :]
                    shown.append(joint.join(key + rest + more))
    for key, row in tables[1]:
        if key[0] not in keys[0] and 2 in also:  # noqa: PLR2004  # the second file
            shown.append(joint.join(key + row[: fields[1]] + row[fields[1] + 1 :]))
    process.write(b"".join(each + b"\n" for each in shown))
    return 0
