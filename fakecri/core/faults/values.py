"""What a field of a message can be set to: types, ranges, and the names of enums."""

from typing import Any

from google.protobuf.descriptor import FieldDescriptor

from fakecri.errors import UsageError

_SIGNED_32 = (-(2**31), 2**31 - 1)
_SIGNED_64 = (-(2**63), 2**63 - 1)
_UNSIGNED_32 = (0, 2**32 - 1)
_UNSIGNED_64 = (0, 2**64 - 1)
_LIMITS = {
    FieldDescriptor.TYPE_INT32: _SIGNED_32,
    FieldDescriptor.TYPE_SINT32: _SIGNED_32,
    FieldDescriptor.TYPE_SFIXED32: _SIGNED_32,
    FieldDescriptor.TYPE_INT64: _SIGNED_64,
    FieldDescriptor.TYPE_SINT64: _SIGNED_64,
    FieldDescriptor.TYPE_SFIXED64: _SIGNED_64,
    FieldDescriptor.TYPE_UINT32: _UNSIGNED_32,
    FieldDescriptor.TYPE_FIXED32: _UNSIGNED_32,
    FieldDescriptor.TYPE_UINT64: _UNSIGNED_64,
    FieldDescriptor.TYPE_FIXED64: _UNSIGNED_64,
}
_TEXTS = frozenset({FieldDescriptor.TYPE_STRING, FieldDescriptor.TYPE_BYTES})
_FLOATS = frozenset({FieldDescriptor.TYPE_FLOAT, FieldDescriptor.TYPE_DOUBLE})


def limits(field: FieldDescriptor) -> tuple[int, int] | None:
    """Return the least and the greatest whole number of a field; None where it has none."""
    return _LIMITS.get(field.type)


def wrapped_field(field: FieldDescriptor) -> FieldDescriptor | None:
    """Return the one field of a message such as UInt64Value, which stands for its value."""
    message = field.message_type
    if message is None or [each.name for each in message.fields] != ["value"]:
        return None
    inner: FieldDescriptor = message.fields[0]
    return inner


def converted(field: FieldDescriptor, value: object) -> Any:
    """Return `value` as `field` takes it. UsageError says what the field takes instead."""
    if field.type == FieldDescriptor.TYPE_MESSAGE:
        inner = wrapped_field(field)
        if inner is None:
            raise UsageError(f"{field.name} is a message: set one of its fields, or unset it")
        return converted(inner, value)
    if field.type == FieldDescriptor.TYPE_ENUM:
        return _number(field, value)
    if isinstance(value, str) and field.type in _TEXTS:
        return value if field.type == FieldDescriptor.TYPE_STRING else value.encode()
    if isinstance(value, bool) is not (field.type == FieldDescriptor.TYPE_BOOL) or not _fits(
        field, value
    ):
        raise UsageError(f"{field.name} takes {_taken(field)}, not {value!r}")
    return float(value) if field.type in _FLOATS else value  # type: ignore[arg-type]  # it fits


def _fits(field: FieldDescriptor, value: object) -> bool:
    """Whether a field of truth or of numbers takes a value of its own sort."""
    if field.type == FieldDescriptor.TYPE_BOOL or field.type in _FLOATS:
        return isinstance(value, int | float)
    ends = limits(field)
    return ends is not None and isinstance(value, int) and ends[0] <= value <= ends[1]


def _number(field: FieldDescriptor, value: object) -> int:
    """Return the number of an enum's value. One without a name is as good: it is of the future."""
    names = field.enum_type.values_by_name if field.enum_type else {}
    if isinstance(value, str) and value in names:
        number: int = names[value].number
        return number
    if isinstance(value, int) and not isinstance(value, bool):
        least, most = _SIGNED_32
        if least <= value <= most:
            return value
    shown = ", ".join(list(names)[:6])
    raise UsageError(f"{field.name} takes {shown} or a number, not {value!r}")


def _taken(field: FieldDescriptor) -> str:
    if field.type == FieldDescriptor.TYPE_BOOL:
        return "true or false"
    if field.type in _FLOATS:
        return "a number"
    ends = limits(field)
    return f"a whole number from {ends[0]} to {ends[1]}" if ends else "a text"
