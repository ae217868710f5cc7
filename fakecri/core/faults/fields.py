"""Values of fields of a message, as texts, by a path: `config.metadata.name`, `mounts[*].readonly`.

Without an index a path through a list is for each element. What follows the name of a map is a key
of it as a whole, dots and all: `config.labels.io.kubernetes.pod.uid`.
"""

import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any, TypeAlias

from google.protobuf.descriptor import Descriptor, FieldDescriptor

from fakecri.core.faults.reading import similar

Getter: TypeAlias = Callable[[Any], Iterator[str]]

_STEP = re.compile(r"(\.)?([A-Za-z_]\w*)|\[(\d{1,9}|\*)\]", re.ASCII)


class FieldError(ValueError):
    """There is no such field; `at`: from where on the path leads nowhere."""

    def __init__(self, complaint: str, at: int) -> None:
        super().__init__(complaint)
        self.at = at


@lru_cache(maxsize=1024)
def field_getter(descriptor: Descriptor, path: str) -> Getter:
    """Return a function from a message to the texts of the fields that `path` leads to.

    A number is in digits; an enum gives its name and its number; true, false. A message that is
    set gives `set`; one that is not set gives nothing, and neither do the fields in it.
    FieldError where the path leads nowhere.
    """
    return _getter(descriptor, path, 0)


def _getter(descriptor: Descriptor, path: str, at: int) -> Getter:
    step = _STEP.match(path, at)
    if step is None or step[2] is None or bool(step[1]) != (at > 0):
        raise FieldError(f"expected a field of {descriptor.name}", at)
    name, start = step[2], step.start(2)
    known = descriptor.fields_by_name
    if name not in known:
        raise FieldError(f"{descriptor.name} has no field {name}{similar(name, known)}", start)
    field, end = known[name], step.end()
    entry = field.message_type
    if entry is not None and entry.GetOptions().map_entry:
        return _map_getter(name, entry, path, end)
    if field.is_repeated:
        index, end = _index(path, end)
        inner = _rest(field, path, end)
        return _list_getter(name, index, inner)
    return _one_getter(field, _rest(field, path, end))


def _rest(field: FieldDescriptor, path: str, at: int) -> Getter:
    """Return what becomes of one value of `field`, by the rest of the path."""
    if at == len(path):
        return _texts(field)
    if field.message_type is None:
        raise FieldError(f"{field.name} is no message: nothing is in it", at)
    return _getter(field.message_type, path, at)


def _index(path: str, at: int) -> tuple[int | None, int]:
    step = _STEP.match(path, at)
    if step is None or step[3] is None:
        return None, at
    return None if step[3] == "*" else int(step[3]), step.end()


def _map_getter(name: str, entry: Descriptor, path: str, at: int) -> Getter:
    key = path[at + 1 :]
    if not (path.startswith(".", at) and key):
        raise FieldError(f"{name} is a map: expected a . and a key of it", at)
    texts = _texts(entry.fields_by_name["value"])

    def get(message: Any) -> Iterator[str]:
        values = getattr(message, name)
        if key in values:
            yield from texts(values[key])

    return get


def _list_getter(name: str, index: int | None, inner: Getter) -> Getter:
    def get(message: Any) -> Iterator[str]:
        values = getattr(message, name)
        for value in values if index is None else values[index : index + 1]:
            yield from inner(value)

    return get


def _one_getter(field: FieldDescriptor, inner: Getter) -> Getter:
    name, has_presence = field.name, field.has_presence

    def get(message: Any) -> Iterator[str]:
        if not has_presence or message.HasField(name):
            yield from inner(getattr(message, name))

    return get


def _texts(field: FieldDescriptor) -> Getter:
    """Return what a value of `field` is as texts."""
    if field.message_type is not None:
        return lambda _: iter(("set",))
    if field.enum_type is not None:
        names = field.enum_type.values_by_number
        return lambda value: iter((*((names[value].name,) if value in names else ()), str(value)))
    if field.type == FieldDescriptor.TYPE_BOOL:
        return lambda value: iter(("true" if value else "false",))
    if field.type == FieldDescriptor.TYPE_BYTES:
        return lambda value: iter((value.decode(errors="replace"),))
    return lambda value: iter((str(value),))
