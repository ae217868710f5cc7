"""Recordings, read: the lines that `recorder` writes, and the calls that they tell of.

What is no recording gets a RecordingError, whatever its bytes are, and no other exception.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from fakecri.core.history import History
from fakecri.core.recorded import Record, RecordedCall, RecordingError, message_of, shown
from fakecri.core.recorder import FORMAT
from fakecri.core.shapes import EVERYWHERE, SHAPES, Shape

__all__ = ["Record", "RecordedCall", "Recording", "RecordingError", "message_of"]

DEEPEST = 100
"""How deep a line may be nested; the messages of the contract are not half as deep."""


@dataclass(frozen=True)
class Recording:
    """All lines of a recording, checked."""

    header: Record
    records: tuple[Record, ...]
    """The lines after the header."""
    torn: str = ""
    """The beginning of a last line that was never finished, where reading was tolerant."""

    @classmethod
    def parse(cls, lines: Iterable[str | bytes], *, tolerant: bool = False) -> "Recording":
        """Read lines, with or without their ends.

        RecordingError says which line is wrong, and what was expected. A runtime that is killed may
        leave half a last line: `tolerant`, that is left out, and found in `torn`.
        """
        records: list[Record] = []
        torn, torn_number = "", 0
        for number, line in enumerate(_decoded(lines), 1):
            if torn:
                raise _broken(torn_number, torn)
            if not line.strip():
                continue
            fields = _parsed(line)
            if fields is None:
                torn, torn_number = line, number
                continue
            record = _record(number, line, fields)
            _check_order(number, record, records)
            records.append(record)
        if torn and not (tolerant and records):
            raise _broken(torn_number, torn, is_last=True)
        if not records:
            raise RecordingError("a recording begins with a header, and there is no line")
        return cls(records[0], tuple(records[1:]), torn)

    @property
    def lines(self) -> list[str]:
        """The lines, each with its end: of what a recorder has written, the same bytes."""
        return [f"{each.text}\n" for each in (self.header, *self.records)]

    @cached_property
    def history(self) -> History:
        """The calls, to be asserted about: see docs/assertions.md."""
        return History(self.calls)

    @cached_property
    def calls(self) -> tuple[RecordedCall, ...]:
        """Every call that begins in the recording, in the order of their arrival."""
        calls: dict[int, RecordedCall] = {}
        for record in self.records:
            if record.kind == "call":
                calls[record.facts["call"]] = RecordedCall(record)
                continue
            call = calls.get(record.facts.get("call", -1))
            if call is not None:
                _join(call, record)
        return tuple(calls.values())


def _join(call: RecordedCall, record: Record) -> None:
    if record.kind == "reply":
        call.reply = record
    elif record.kind == "cancel":
        call.cancel = record
    elif record.kind == "message":
        call.sent.append(record)
    elif record.kind == "fault":
        call.faulted.append(record)


# Lines.


def _decoded(lines: Iterable[str | bytes]) -> Iterable[str]:
    for number, line in enumerate(lines, 1):
        try:
            yield line.decode() if isinstance(line, bytes) else line
        except UnicodeDecodeError as error:
            raise RecordingError(f"line {number} is not UTF-8: {error.reason}") from None


def _parsed(line: str) -> object:
    """Return what a line says; None: it is no JSON."""
    if _is_too_deep(line):
        return None
    try:
        return json.loads(line, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return None


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")


def _is_too_deep(line: str) -> bool:
    if line.count("{") + line.count("[") <= DEEPEST:
        return False
    depth = deepest = 0
    for each in line:
        depth += (each in "{[") - (each in "}]")
        deepest = max(deepest, depth)
    return deepest > DEEPEST


def _broken(number: int, line: str, *, is_last: bool = False) -> RecordingError:
    why = "; the last line of a runtime that was killed may be cut off" if is_last else ""
    return RecordingError(f"line {number}: expected a JSON object, not {shown(line)}{why}")


def _record(number: int, line: str, fields: object) -> Record:
    if not isinstance(fields, dict):
        raise _broken(number, line)
    if fields.get("kind") == "header":
        _check_format(number, fields)
    _check(number, fields, EVERYWHERE)
    kind = fields["kind"]
    if kind not in SHAPES:
        raise RecordingError(
            f"line {number}: {shown(kind)} is no kind of line: {', '.join(SHAPES)}"
        )
    _check(number, fields, SHAPES[kind])
    if "response" in fields and "error" in fields:
        raise RecordingError(f"line {number}: expected a response or an error, not both")
    facts = {key: value for key, value in fields.items() if key not in EVERYWHERE}
    return Record(fields["n"], kind, fields["t"], fields["v"], facts)


def _check_format(number: int, fields: Mapping[str, object]) -> None:
    found = fields.get("format")
    if type(found) is not int or found != FORMAT:
        raise RecordingError(
            f"line {number}: this is a recording of format {shown(found)}; format {FORMAT} is read"
        )


def _check(number: int, fields: Mapping[str, object], shapes: Mapping[str, Shape]) -> None:
    for key, shape in shapes.items():
        if key not in fields:
            if shape.required:
                raise RecordingError(f'line {number}: expected "{key}", {shape.words}')
        elif not shape.check(fields[key]):
            raise RecordingError(
                f'line {number}: expected "{key}" to be {shape.words}, not {shown(fields[key])}'
            )


def _check_order(number: int, record: Record, before: Sequence[Record]) -> None:
    if (record.kind == "header") != (not before):
        raise RecordingError(
            f"line {number}: a recording has one header, before all else"
            if before
            else f'line {number}: expected the header, not a line of kind "{record.kind}"'
        )
    if before and record.n <= before[-1].n:
        raise RecordingError(
            f'line {number}: expected "n" to be greater than {before[-1].n}, not {record.n}'
        )
    if before and record.v < before[-1].v:
        raise RecordingError(
            f'line {number}: expected "v" to be {before[-1].v} or more, not {record.v}'
        )
