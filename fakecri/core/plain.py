"""Messages as JSON texts, under the contract's field names, with what is secret masked.

The form is protobuf's own for JSON: 64-bit integers are strings, bytes are base64, enums are names,
and a field with its default value is left out. Keys are sorted. The writers are made from the
descriptors, once for each type: that is about twice as fast as protobuf's reflection.
"""

import re
from base64 import b64encode
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from json.encoder import encode_basestring_ascii
from math import isfinite
from typing import Any, TypeAlias

from google.protobuf.descriptor import EnumDescriptor, FieldDescriptor
from google.protobuf.message import Message

from fakecri.api import nri_pb2 as nri
from fakecri.api import runtime_pb2 as pb
from fakecri.errors import UsageError

Write: TypeAlias = Callable[[Any], str]

MASK = "***"

_INFO = "info"
_CREDENTIAL = re.compile(
    r'("(?:auth|username|password|identity_?token|registry_?token|authorization)"\s*:\s*)'
    r'(?:"(?:[^"\\]|\\.)+"|\[[^][{}]+\])',
    re.IGNORECASE,
)
"""What of JSON is a credential of a registry: the names of AuthConfig, and of a header."""

SECRET = frozenset({"AuthConfig"})
"""Types of message of which nothing is written; besides what the contract marks `debug_redact`."""

quote: Callable[[str], str] = encode_basestring_ascii


def require_fields(masks: Iterable[str]) -> None:
    """UsageError where one of `masks` is no field of the contract, as `Message.field`."""
    for each in masks:
        message, dot, field = each.partition(".")
        descriptor = pb.DESCRIPTOR.message_types_by_name.get(message)
        if not dot or descriptor is None or field not in descriptor.fields_by_name:
            raise UsageError(f"{each!r} is no field of the CRI, such as KeyValue.value")


@lru_cache(maxsize=16)
def plain(masks: frozenset[str] = frozenset()) -> "Plain":
    """Return what writes messages with some more fields masked than the secret ones.

    `masks`: fields as `Message.field`. UsageError where the contract has no such field.
    """
    require_fields(sorted(masks))
    return Plain(masks)


class Plain:
    """Writes the messages of the contract."""

    def __init__(self, masks: frozenset[str]) -> None:
        self._masks = masks
        self._writers: dict[tuple[str, bool], Write] = {}
        # All at once, so that threads which share it never see a writer that is half made.
        self._tops = {
            descriptor.full_name: self._writer(descriptor, hidden=False)
            for file in (pb.DESCRIPTOR, nri.DESCRIPTOR)
            for descriptor in file.message_types_by_name.values()
        }

    def text(self, message: Message) -> str:
        """Return the JSON text of a message."""
        return self._tops[message.DESCRIPTOR.full_name](message)

    def _writer(self, descriptor: Any, *, hidden: bool) -> Write:
        hidden = hidden or descriptor.name in SECRET
        key = (descriptor.full_name, hidden)
        if key not in self._writers:
            # The empty dictionary first: a message may contain its own type.
            fields: dict[FieldDescriptor, tuple[str, Write]] = {}
            self._writers[key] = _message_writer(fields)
            for field in descriptor.fields:
                value = self._field(field, hidden=hidden or self._is_hidden(field))
                if value is not None:
                    fields[field] = (f"{quote(field.name)}:", value)
        return self._writers[key]

    def _is_hidden(self, field: FieldDescriptor) -> bool:
        marked: bool = field.GetOptions().debug_redact
        return marked or _name_of(field) in self._masks

    def _field(self, field: FieldDescriptor, *, hidden: bool) -> Write | None:
        if field.message_type is not None and field.message_type.GetOptions().map_entry:
            # The key stays: it is what tells one value from another.
            value = self._value(field.message_type.fields_by_name["value"], hidden=hidden)
            if field.name == _INFO and value is quote:
                value = _credentials_masked
            return value and _map_writer(value)
        value = self._value(field, hidden=hidden)
        return _list_writer(value) if value and field.is_repeated else value

    def _value(self, field: FieldDescriptor, *, hidden: bool) -> Write | None:
        """Return what writes one value; None: a hidden number or flag, which no text can mask."""
        if field.message_type is not None:
            return self._writer(field.message_type, hidden=hidden)
        if hidden:
            return _MASKED.get(field.type)
        if field.enum_type is not None:
            return _enum_writer(field.enum_type)
        return _SCALARS.get(field.type, str)


def _name_of(field: FieldDescriptor) -> str:
    """Return `Message.field`, without the package."""
    owner = field.containing_type
    return field.full_name.removeprefix(f"{owner.file.package}.") if owner else field.full_name


def _message_writer(fields: Mapping[FieldDescriptor, tuple[str, Write]]) -> Write:
    def write(message: Any) -> str:
        # A quotation mark sorts before all that names are made of, so the texts sort as they do.
        parts = []
        for field, value in message.ListFields():
            writer = fields.get(field)
            if writer is not None:
                parts.append(writer[0] + writer[1](value))
        parts.sort()
        return "{" + ",".join(parts) + "}"

    return write


def _list_writer(value: Write) -> Write:
    return lambda values: "[" + ",".join(map(value, values)) + "]"


def _map_writer(value: Write) -> Write:
    def write(values: Any) -> str:
        return (
            "{" + ",".join([f"{quote(key)}:{value(values[key])}" for key in sorted(values)]) + "}"
        )

    return write


def _credentials_masked(text: str) -> str:
    """Write a text of a verbose answer, which may be a configuration with registries' credentials.

    containerd's Status tells its own, with the passwords in it.
    """
    return quote(_CREDENTIAL.sub(rf'\1"{MASK}"', text) if _CREDENTIAL.search(text) else text)


def _enum_writer(enum: EnumDescriptor) -> Write:
    names = {number: quote(value.name) for number, value in enum.values_by_number.items()}
    return lambda number: names.get(number) or str(number)


def _long(value: int) -> str:
    return f'"{value}"'


def _float(value: float) -> str:
    if isfinite(value):
        return repr(value)
    return {"inf": '"Infinity"', "-inf": '"-Infinity"'}.get(str(value), '"NaN"')


def _bytes(value: bytes) -> str:
    return f'"{b64encode(value).decode()}"'


_SCALARS: Mapping[int, Write] = {
    FieldDescriptor.TYPE_BOOL: lambda value: "true" if value else "false",
    FieldDescriptor.TYPE_BYTES: _bytes,
    FieldDescriptor.TYPE_DOUBLE: _float,
    FieldDescriptor.TYPE_INT64: _long,
    FieldDescriptor.TYPE_STRING: quote,
    FieldDescriptor.TYPE_UINT64: _long,
}

_MASKED: Mapping[int, Write] = {
    FieldDescriptor.TYPE_BYTES: lambda _: _bytes(MASK.encode()),
    FieldDescriptor.TYPE_STRING: lambda _: quote(MASK),
}
