"""Messages in a descriptor pool of their own, from what protoc has made of a proto file.

A process may hold only one `runtime.v1` in protobuf's default pool, and that place belongs to the
program under test. A module of messages stands where protoc's would, and its `.pyi` says what is in
it.
"""

from importlib.resources import files
from typing import Any

from google.protobuf import message_factory
from google.protobuf.descriptor import FileDescriptor
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.internal.enum_type_wrapper import EnumTypeWrapper


def load(name: str, names: dict[str, Any]) -> tuple[DescriptorPool, FileDescriptor]:
    """Put the messages and enums of `NAME.binpb` into `names`; return their pool and file."""
    pool = DescriptorPool()
    file = pool.AddSerializedFile(files(__package__).joinpath(f"{name}.binpb").read_bytes())
    for each, message in file.message_types_by_name.items():
        names[each] = message_factory.GetMessageClass(message)
    for each, enum in file.enum_types_by_name.items():
        names[each] = EnumTypeWrapper(enum)
        names.update({value.name: value.number for value in enum.values})
    return pool, file
