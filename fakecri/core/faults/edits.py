"""What is done to an answer, or to a message of a stream, on its way to the client."""

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeVar

from google.protobuf.descriptor import Descriptor
from google.protobuf.message import Message

from fakecri.core.faults.items import lists_of, matches
from fakecri.core.faults.kinds import named_arguments
from fakecri.core.faults.paths import FieldPath, PathError, parse_path
from fakecri.core.faults.rules import Duration
from fakecri.core.faults.shots import Shot

if TYPE_CHECKING:
    from fakecri.core.world import World

M = TypeVar("M", bound=Message)
Edit = Callable[["World", Shot, Any], bool]
"""Changes a message; returns whether it found anything to change."""

PADDING_FIELD = 2**29 - 1
"""The last number that a field can have."""


def edited(world: "World", shot: Shot, message: M) -> M:
    """Return a message as a shot leaves it: a copy, or itself where nothing is to be changed."""
    edit = EDITS.get(shot.term.action.name)
    if edit is None:
        return message
    copy = type(message)()
    copy.CopyFrom(message)
    if not edit(world, shot, copy):
        return message
    shot.fired(shot.term.phase)
    return copy


@lru_cache(maxsize=1024)
def path_in(text: str, message: Descriptor) -> FieldPath | None:
    """Return a path, or None in a message that has no such fields: another target's has."""
    try:
        return parse_path(text, message)
    except PathError:
        return None


def _set(_world: "World", shot: Shot, message: Message) -> bool:
    path, value = shot.term.action.arguments
    found = path_in(str(path), message.DESCRIPTOR)
    return found is not None and found.set(message, value)


def _unset(_world: "World", shot: Shot, message: Message) -> bool:
    found = path_in(str(shot.term.action.arguments[0]), message.DESCRIPTOR)
    return found is not None and found.unset(message)


def _shift(_world: "World", shot: Shot, message: Message) -> bool:
    path, by = shot.term.action.arguments
    found = path_in(str(path), message.DESCRIPTOR)
    return found is not None and isinstance(by, Duration) and found.shift(message, by.ns)


def _omit(world: "World", shot: Shot, message: Message) -> bool:
    return _each(world, shot, message, copies=0)


def _repeat(world: "World", shot: Shot, message: Message) -> bool:
    return _each(world, shot, message, copies=2)


def _each(world: "World", shot: Shot, message: Message, *, copies: int) -> bool:
    """Have the items that the shot means `copies` times; all of them without conditions."""
    conditions: Any = named_arguments(shot.term.action)["selector"] or ()
    found = False
    for held in lists_of(message):
        items: list[Any] = []
        for item in held:
            meant = matches(item, conditions, world.faults.lookup)
            items += [item] * (copies if meant else 1)
            found = found or meant
        _replace(held, items)
    return found


def _shuffle(_world: "World", shot: Shot, message: Message) -> bool:
    found = False
    for held in lists_of(message):
        items = list(held)
        if len(items) > 1:
            _replace(held, shuffled(shot, items))
            found = True
    return found


def shuffled(shot: Shot, items: list[Any]) -> list[Any]:
    """Return items in another order than they are in, whatever is drawn."""
    order = list(range(len(items)))
    for last in range(len(order) - 1, 0, -1):
        other = int(shot.draw() * (last + 1))
        order[last], order[other] = order[other], order[last]
    if order == sorted(order):
        order = order[1:] + order[:1]
    return [items[index] for index in order]


def _replace(held: Any, items: list[Any]) -> None:
    copies = [type(each).FromString(each.SerializeToString()) for each in items]
    del held[:]
    held.extend(copies)


def _pad(_world: "World", shot: Shot, message: Message) -> bool:
    (size,) = shot.term.action.arguments
    _add_field(message, PADDING_FIELD, bytes(int(str(size))))
    return True


def _future(_world: "World", shot: Shot, message: Message) -> bool:
    number, text = shot.term.action.arguments
    _add_field(message, int(str(number)), str(text).encode())
    return True


def _empty(_world: "World", _shot: Shot, message: Message) -> bool:
    message.Clear()
    return True


def _add_field(message: Message, number: int, content: bytes) -> None:
    """Add a field that the contract does not know: it travels, and is not read."""
    tag, delimited = number << 3, 2
    message.MergeFromString(_varint(tag | delimited) + _varint(len(content)) + content)


def _varint(number: int) -> bytes:
    digits = bytearray()
    while number > 0x7F:  # noqa: PLR2004  # seven bits at a time, as protobuf writes numbers
        digits.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*digits, number])


EDITS: Mapping[str, Edit] = {
    "set": _set,
    "unset": _unset,
    "shift": _shift,
    "omit": _omit,
    "repeat": _repeat,
    "shuffle": _shuffle,
    "pad": _pad,
    "empty": _empty,
    "future": _future,
}
