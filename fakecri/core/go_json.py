"""JSON as Go's encoding/json writes it, messages of the contract included.

A message becomes what Go makes of its generated struct: the proto's field names, nothing that is
zero or empty, enums as numbers, bytes in base64, maps in the order of their keys.
"""

import json
from base64 import b64encode
from collections.abc import Mapping, Sequence
from typing import Any

from google.protobuf.message import Message

_ESCAPES: dict[int, str] = {
    # So that it is safe inside of HTML and JavaScript.
    **{ord(each): f"\\u{ord(each):04x}" for each in "<>&\N{LINE SEPARATOR}\N{PARAGRAPH SEPARATOR}"},
    # A byte that is no UTF-8, as `surrogateescape` decodes it.
    **dict.fromkeys(range(0xDC80, 0xDD00), "\\ufffd"),
}


def go_json(value: object) -> str:
    """Return the JSON of plain values and messages, in any nesting, on one line."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False, default=_plain)
    return text.translate(_ESCAPES)


def _plain(value: object) -> object:
    if isinstance(value, Message):
        fields = sorted(value.ListFields(), key=lambda each: each[0].index)
        return {field.name: content for field, content in fields}
    if isinstance(value, bytes):
        return b64encode(value).decode()
    if isinstance(value, Mapping):
        return {key: value[key] for key in sorted(value)}
    if isinstance(value, Sequence):
        return list(value)
    raise TypeError(f"{type(value).__name__} is nothing that Go's JSON has")


def omit_empty(**fields: Any) -> dict[str, Any]:
    """Return the fields as `omitempty` leaves them: without None, False, `""` and empty lists.

    Numbers and objects stay: those here are pointers in Go.
    """
    return {
        name: value
        for name, value in fields.items()
        if value is not None and value is not False and value not in ("", [], ())
    }
