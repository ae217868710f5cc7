"""Random messages of the contract, for Hypothesis: valid protobuf, and anything else goes."""

from functools import cache
from typing import Any

from google.protobuf import message_factory
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from hypothesis import strategies as st

INT32 = st.sampled_from([0, 1, -1, 3, 2**31 - 1, -(2**31)]) | st.integers(-(2**31), 2**31 - 1)
INT64 = st.sampled_from([0, 1, -1, 30, 2**63 - 1, -(2**63)]) | st.integers(-(2**63), 2**63 - 1)
WORDS = st.sampled_from(
    [
        "",
        "main",
        "busybox",
        "docker.io/library/busybox:latest",
        "registry.k8s.io/pause:3.10.2",
        "/var/log/pods/x",
        "/checkpoint",
        "0.log",
        "sleep",
        "1",
        "true",
        "nosuch",
        "/bin/cat",
        "runc",
        "10.88.0.0/16",
        "..",
        "/",
        "\x00",
        "ü\u2028%s{}",
    ]
)
ABSENT = object()


def scalar(field: FieldDescriptor, ids: st.SearchStrategy[str]) -> st.SearchStrategy[Any]:
    """Return values of a field that is no message."""
    if field.enum_type is not None:
        return st.sampled_from([value.number for value in field.enum_type.values]) | INT32
    by_type: dict[int, st.SearchStrategy[Any]] = {
        FieldDescriptor.TYPE_BOOL: st.booleans(),
        FieldDescriptor.TYPE_BYTES: st.binary(max_size=8),
        FieldDescriptor.TYPE_DOUBLE: st.floats(),
        FieldDescriptor.TYPE_INT32: INT32,
        FieldDescriptor.TYPE_INT64: INT64,
        FieldDescriptor.TYPE_UINT32: st.integers(0, 2**32 - 1),
        FieldDescriptor.TYPE_UINT64: st.integers(0, 2**64 - 1),
    }
    if field.type == FieldDescriptor.TYPE_STRING:
        return ids if field.name.endswith("id") else WORDS | ids | st.text(max_size=6)
    return by_type[field.type]


def value(field: FieldDescriptor, ids: st.SearchStrategy[str]) -> st.SearchStrategy[Any]:
    """Return values of a field."""
    message = field.message_type
    if message and message.GetOptions().map_entry:
        key, item = (message.fields_by_name[name] for name in ("key", "value"))
        return st.dictionaries(scalar(key, ids), single(item, ids), max_size=2)
    one = single(field, ids)
    return st.lists(one, max_size=2) if field.is_repeated else one


def single(field: FieldDescriptor, ids: st.SearchStrategy[str]) -> st.SearchStrategy[Any]:
    """Return values of a field, or of one of its items."""
    return messages(field.message_type, ids) if field.message_type else scalar(field, ids)


@cache
def messages(descriptor: Descriptor, ids: st.SearchStrategy[str]) -> st.SearchStrategy[Message]:
    """Return messages of a type; about half of their fields are set."""
    make = message_factory.GetMessageClass(descriptor)
    fields = {field.name: st.just(ABSENT) | value(field, ids) for field in descriptor.fields}
    return st.fixed_dictionaries(fields).map(
        lambda chosen: make(**{name: each for name, each in chosen.items() if each is not ABSENT})
    )
