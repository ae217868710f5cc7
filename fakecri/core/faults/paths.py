"""Paths of fields in messages of the contract: `status.network.ip`, `items[*].labels.app`.

    path = name { "." name | "[" index "]" | "[*]" | "[" "key" "]" }

An index counts from 0, and `[*]` is every item of a list. Behind a map of texts all that follows a
dot is the key, dots and slashes too: `labels.io.kubernetes.pod.name`, as well as
`labels["io.kubernetes.pod.name"]`. A path belongs to one type of message and is checked against it.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

from fakecri.core.faults.values import converted, limits, wrapped_field
from fakecri.errors import UsageError

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_INDEX = re.compile(r"\d{1,9}(?=\])", re.ASCII)
_KEY = re.compile(r'"(?:[^"\\]|\\.)*"(?=\])')


class PathError(UsageError):
    """A path that leads nowhere: what is wrong, and at which character of it."""

    def __init__(self, complaint: str, offset: int = 0) -> None:
        super().__init__(complaint)
        self.complaint = complaint
        self.offset = offset
        """From 0."""


@dataclass(frozen=True, slots=True)
class Step:
    """One field on the way, and which of its items is meant."""

    field: FieldDescriptor
    index: int | None = None
    every: bool = False
    key: str | int | bool | None = None

    @property
    def is_map(self) -> bool:
        """Whether the field is a map."""
        return _is_map(self.field)

    @property
    def is_whole(self) -> bool:
        """Whether all of a list or of a map is meant, and not its items."""
        return self.index is None and self.key is None and not self.every

    @property
    def item(self) -> FieldDescriptor:
        """What the value is: that of the items where an item is meant."""
        return _entry(self.field).fields_by_name["value"] if self.is_map else self.field


class FieldPath:
    """A path that was checked against a type of message."""

    def __init__(self, text: str, steps: tuple[Step, ...]) -> None:
        self.text = text
        self._way = steps[:-1]
        self._last = steps[-1]

    @property
    def has_number(self) -> bool:
        """Whether it leads to whole numbers that can be shifted."""
        last = self._last
        is_list = last.is_whole and last.field.is_repeated
        return not is_list and limits(wrapped_field(last.item) or last.item) is not None

    def value(self, value: object) -> Any:
        """Return `value` as its field takes it. PathError where it does not."""
        last = self._last
        if last.is_whole and last.field.is_repeated:
            what = 'a map: name a key, as in labels["app"]' if last.is_map else _LIST
            raise PathError(f"{last.field.name} is {what}", len(self.text))
        try:
            return converted(last.item, value)
        except UsageError as error:
            raise PathError(str(error), len(self.text)) from None

    def set(self, message: Message, value: object) -> bool:
        """Set the field, and make what is missing on the way; return whether there was a place."""
        content, last, done = self.value(value), self._last, False
        for parent in self._parents(message, create=True):
            held = getattr(parent, last.field.name)
            if last.is_map:
                held[last.key] = content
            elif last.field.is_repeated:
                for index in self._indexes(held):
                    held[index] = content
                    done = True
                continue
            elif wrapped_field(last.field):
                held.value = content
                held.SetInParent()
            else:
                setattr(parent, last.field.name, content)
            done = True
        return done

    def unset(self, message: Message) -> bool:
        """Clear the field, or remove an item or a key; return whether anything was there."""
        last, done = self._last, False
        for parent in self._parents(message):
            held = getattr(parent, last.field.name)
            if last.key is not None:
                if last.key in held:
                    del held[last.key]
                    done = True
            elif last.index is not None:
                for index in self._indexes(held):
                    del held[index]
                    done = True
            else:
                done = any(each is last.field for each, _ in parent.ListFields()) or done
                parent.ClearField(last.field.name)
        return done

    def shift(self, message: Message, by: int) -> bool:
        """Add `by` to numbers that are not 0; return whether there was one.

        What would not fit the field becomes its least or its greatest number.
        """
        done = False
        inner = wrapped_field(self._last.item)
        least, most = limits(inner or self._last.item) or (0, 0)
        for parent, name, index in self._numbers(message):
            held = getattr(parent, name)
            number = held if index is None else held[index]
            if number == 0:
                continue
            moved = min(most, max(least, number + by))
            if index is None:
                setattr(parent, name, moved)
            else:
                held[index] = moved
            done = True
        return done

    def _numbers(self, message: Message) -> Iterator[tuple[Any, str, Any]]:
        """Yield where numbers are: a message, the name of its field, and an index or a key."""
        last = self._last
        name = last.field.name
        for parent in self._parents(message):
            held = getattr(parent, name)
            if last.is_map:
                yield from ((parent, name, last.key) for _ in (1,) if last.key in held)
            elif last.field.is_repeated:
                yield from ((parent, name, index) for index in self._indexes(held))
            elif wrapped_field(last.field):
                yield from ((held, "value", None) for _ in (1,) if parent.HasField(name))
            else:
                yield parent, name, None

    def _indexes(self, held: Any) -> range:
        if self._last.every:
            return range(len(held))
        index = self._last.index or 0
        return range(index, min(index + 1, len(held)))

    def _parents(self, message: Message, *, create: bool = False) -> Iterator[Any]:
        """Yield the messages that hold the last field."""
        found: list[Any] = [message]
        for step in self._way:
            found = [child for each in found for child in _children(each, step, create=create)]
        yield from found


_LIST = "a list: write [*] for all items, or [0] for the first one"


def _children(message: Any, step: Step, *, create: bool) -> Iterator[Any]:
    held = getattr(message, step.field.name)
    if step.is_map:
        if create or step.key in held:
            yield held[step.key]
    elif step.field.is_repeated:
        yield from held if step.every else held[step.index : (step.index or 0) + 1]
    elif create:
        held.SetInParent()
        yield held
    elif message.HasField(step.field.name):
        yield held


def parse_path(text: str, message: Descriptor) -> FieldPath:
    """Return the path that `text` writes in a type of message; PathError where it has none."""
    steps: list[Step] = []
    at, within = 0, message
    while True:
        step, end = _step(text, at, within)
        steps.append(step)
        if end == len(text):
            return FieldPath(text, tuple(steps))
        if text[end] != ".":
            raise PathError(f"expected . or the end of the path, not {text[end]}", end)
        inner = step.item.message_type
        if step.field.is_repeated and step.is_whole:
            raise PathError(f"{step.field.name} is {_LIST}", end)
        if inner is None:
            raise PathError(f"{step.field.name} has no fields", end)
        at, within = end + 1, inner


def _step(text: str, at: int, within: Descriptor) -> tuple[Step, int]:
    name = _NAME.match(text, at)
    if name is None:
        raise PathError(f"expected a field of {within.name}", at)
    field = within.fields_by_name.get(name[0])
    if field is None:
        raise PathError(f"{within.name} has no field {name[0]}{_meant(name[0], within)}", at)
    end = name.end()
    if text.startswith("[", end):
        return _subscript(text, end, field)
    if _is_map(field) and text.startswith(".", end):
        return _rest(text, end, field)
    return Step(field), end


def _rest(text: str, at: int, field: FieldDescriptor) -> tuple[Step, int]:
    """Read the key of a map behind a dot: all that follows, or a name where values have fields."""
    entry = _entry(field)
    if entry.fields_by_name["value"].message_type is None:
        end = len(text)
    else:
        end = min(each for each in (text.find(".", at + 1), len(text)) if each > 0)
    if end == at + 1:
        raise PathError("expected a key", end)
    return Step(field, key=_key(text[at + 1 : end], entry, at + 1)), end


def _subscript(text: str, at: int, field: FieldDescriptor) -> tuple[Step, int]:
    inside = at + 1
    if _is_map(field):
        found = _KEY.match(text, inside)
        if found is None:
            raise PathError('expected a key in quotes and ], as in ["app"]', inside)
        try:
            key: str = json.loads(found[0], strict=False)
        except ValueError as error:
            raise PathError(f"escapes are those of JSON: {error}", inside) from None
        return Step(field, key=_key(key, _entry(field), inside)), found.end() + 1
    if not field.is_repeated:
        raise PathError(f"{field.name} is neither a list nor a map", at)
    if text.startswith("*]", inside):
        return Step(field, every=True), inside + 2
    number = _INDEX.match(text, inside)
    if number is None:
        raise PathError("expected * or an index from 0 on, and ]", inside)
    return Step(field, index=int(number[0])), number.end() + 1


def _key(text: str, entry: Descriptor, at: int) -> Any:
    field = entry.fields_by_name["key"]
    if limits(field) is None:
        return text
    try:
        return converted(field, int(text))
    except (ValueError, UsageError):
        raise PathError(f"{text} is no key of this map: its keys are numbers", at) from None


def _entry(field: FieldDescriptor) -> Descriptor:
    """Return what the entries of a map are."""
    entry = field.message_type
    if entry is None:
        raise TypeError(f"{field.name} is no map")
    return entry


def _is_map(field: FieldDescriptor) -> bool:
    return field.message_type is not None and bool(field.message_type.GetOptions().map_entry)


def _meant(name: str, within: Descriptor) -> str:
    inner = [
        f"{field.name}{'[*]' if field.is_repeated else ''}.{name}"
        for field in within.fields
        if field.message_type and not _is_map(field) and name in field.message_type.fields_by_name
    ]
    close = inner or get_close_matches(name, list(within.fields_by_name), n=1)
    return f"; did you mean {close[0]}?" if close else ""
