"""Answers of the control service as text: tables for people, JSON for programs."""

import json
from collections.abc import Sequence
from typing import Any

from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message

MISSING = "-"


def as_json(message: Message) -> str:
    """Return a message as one line of JSON, with all its fields, under their names in the proto."""
    fields = MessageToDict(
        message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
    )
    return json.dumps(fields, sort_keys=True)


def as_table(rows: Sequence[Message], columns: Sequence[str]) -> str:
    """Return rows under the names of their columns, which are fields; no rows: nothing."""
    if not rows:
        return ""
    cells = [[each.rpartition(".")[2].upper() for each in columns]]
    return aligned([*cells, *([_cell(row, column) for column in columns] for row in rows)])


def aligned(cells: Sequence[Sequence[str]]) -> str:
    """Return lines of cells, each column as wide as its widest cell."""
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = (
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in cells
    )
    return "".join(f"{line}\n" for line in lines)


def as_facts(message: Message) -> str:
    """Return one field of a message a line."""
    fields = [each.name for each in message.DESCRIPTOR.fields]
    width = max(map(len, fields), default=0)
    return "".join(f"{name.ljust(width)}  {_cell(message, name)}\n" for name in fields)


def _cell(row: Message, column: str) -> str:
    value: Any = row
    for name in column.split("."):
        field = value.DESCRIPTOR.fields_by_name[name]
        if field.has_presence and not value.HasField(name):
            return MISSING
        value = getattr(value, name)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str | int | float):
        return " ".join(str(value).split()) or MISSING
    return ",".join(map(str, value)) or MISSING
