"""The CRI messages, in a descriptor pool of their own.

A process may hold only one `runtime.v1` in protobuf's default pool, and that place belongs to the
program under test. This module stands where protoc's would: `runtime_pb2.pyi` says what is in it.
"""

from importlib.resources import files

from google.protobuf import message_factory
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.internal.enum_type_wrapper import EnumTypeWrapper

POOL = DescriptorPool()
DESCRIPTOR = POOL.AddSerializedFile(files(__package__).joinpath("runtime.binpb").read_bytes())

for _name, _message in DESCRIPTOR.message_types_by_name.items():
    globals()[_name] = message_factory.GetMessageClass(_message)
for _name, _enum in DESCRIPTOR.enum_types_by_name.items():
    globals()[_name] = EnumTypeWrapper(_enum)
    globals().update({value.name: value.number for value in _enum.values})
