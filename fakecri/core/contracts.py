"""A contract of old: the newest one less what is younger.

Methods and fields that are not known are left out, and so are the messages and enums that nothing
speaks of any more.
"""

from collections.abc import Callable, Container, Mapping, MutableSequence
from functools import cached_property
from typing import Protocol, TypeAlias, TypeVar

from google.protobuf import message_factory
from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
)
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import Message

from fakecri.api import runtime_pb2 as pb
from fakecri.errors import Code, CRIError
from fakecri.rpcs import Rpc

Known: TypeAlias = Callable[[str], bool]
"""Whether a method, a field or a value is known: `ImageService.ListImages`, `Protocol.TCP`."""


class Contract:
    """What a runtime knows of one package."""

    def __init__(self, package: str, known: Known, texts: Container[str] = ()) -> None:
        """`texts`: the fields that were texts and are bytes now, which the wire does not show."""
        self.package = package
        self._texts = texts
        self.file = _less(known)
        """As a proto file, of `runtime.v1` whatever the package is called."""
        self.methods = frozenset(
            method.name for service in self.file.service for method in service.method
        )

    @property
    def described(self) -> FileDescriptorProto:
        """The file as it was written then."""
        file = FileDescriptorProto.FromString(self.file.SerializeToString())
        for message in file.message_type:
            for field in message.field:
                if f"{message.name}.{field.name}" in self._texts:
                    field.type = FieldDescriptorProto.TYPE_STRING
        return file

    def cut(self, message: Message) -> Message:
        """Return a message without the fields that are not known; the message stays as it is."""
        theirs = self._classes.get(message.DESCRIPTOR.name)
        if theirs is None:
            return message
        known = theirs.FromString(message.SerializeToString())
        known.DiscardUnknownFields()
        return type(message).FromString(known.SerializeToString())

    def understood(self, rpc: Rpc, request: Message) -> Message:
        """Return what is understood of a request: nothing, where the method is not known."""
        return self.cut(request) if rpc.name in self.methods else rpc.request()

    def require(self, rpc: Rpc) -> None:
        """Raise what grpc-go answers where the service has no such method."""
        if rpc.name not in self.methods:
            text = f"unknown method {rpc.name} for service {self.package}.{rpc.service}"
            raise CRIError(text, Code.UNIMPLEMENTED)

    @cached_property
    def _classes(self) -> Mapping[str, type[Message]]:
        """The messages in which something is not known, at whatever depth."""
        file = DescriptorPool().AddSerializedFile(self.file.SerializeToString())
        lacking = _lacking(self.file)
        return {
            name: message_factory.GetMessageClass(file.message_types_by_name[name])
            for name in lacking
        }


class _Named(Protocol):
    @property
    def name(self) -> str: ...


_Item = TypeVar("_Item", bound=_Named)


def _keep(items: MutableSequence[_Item], keeps: Callable[[_Item], bool]) -> None:
    kept = [each for each in items if keeps(each)]
    del items[:]
    items.extend(kept)


def _newest() -> FileDescriptorProto:
    file = FileDescriptorProto()
    pb.DESCRIPTOR.CopyToProto(file)
    return file


def _less(known: Known) -> FileDescriptorProto:
    file = _newest()
    for service in file.service:
        _keep(service.method, _within(service.name, known))
    for message in file.message_type:
        _keep(message.field, _within(message.name, known))
        maps = {_short(field.type_name) for field in message.field}
        _keep(message.nested_type, _within(message.name, maps.__contains__))
        for enum in message.enum_type:
            _lessen(enum, f"{message.name}.{enum.name}", known)
    for enum in file.enum_type:
        _lessen(enum, enum.name, known)
    spoken_of = _spoken_of(file)
    _keep(file.message_type, lambda each: each.name in spoken_of)
    _keep(file.enum_type, lambda each: each.name in spoken_of)
    return file


def _within(outer: str, known: Known) -> Callable[[_Named], bool]:
    return lambda each: known(f"{outer}.{each.name}")


def _lessen(enum: EnumDescriptorProto, name: str, known: Known) -> None:
    """Leave out the values that are not known.

    Where none is, all of them have got other names since, with a prefix: the numbers are the same.
    """
    is_known = _within(name, known)
    if any(map(is_known, enum.value)):
        _keep(enum.value, is_known)
        return
    for value in enum.value:
        value.name = value.name.removeprefix(f"{enum.name.upper()}_")


def _short(type_name: str) -> str:
    """Return a name as it is within its package: `Mount` of `.runtime.v1.Mount`."""
    return type_name.removeprefix(f".{pb.DESCRIPTOR.package}.")


def _spoken_of(file: FileDescriptorProto) -> set[str]:
    """Name the messages and enums that can come over the wire."""
    messages = {message.name: message for message in file.message_type}
    waiting = [
        _short(name)
        for service in file.service
        for method in service.method
        for name in (method.input_type, method.output_type)
    ]
    found: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += _types(messages[name]) if name in messages else ()
    return found


def _types(message: DescriptorProto) -> list[str]:
    """Name the types of a message's fields, and of the values of its maps."""
    parts = [message, *message.nested_type]
    return [_short(field.type_name) for part in parts for field in part.field if field.type_name]


def _lacking(file: FileDescriptorProto) -> set[str]:
    newest = {message.name: message for message in _newest().message_type}
    here = {message.name: message for message in file.message_type}
    lacking = {name for name, each in here.items() if len(each.field) < len(newest[name].field)}
    count = -1
    while count < len(lacking):
        count = len(lacking)
        lacking |= {name for name, each in here.items() if not lacking.isdisjoint(_types(each))}
    return lacking
