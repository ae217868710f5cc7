"""The contract is the table."""

import csv
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from google.protobuf import descriptor_pb2
from google.protobuf.descriptor import EnumDescriptor, FieldDescriptor

from fakecri.api import runtime_pb2 as pb
from fakecri.rpcs import RPCS, VERSION

TABLE = Path(__file__).parents[1] / "fixtures" / "cri-v1.tsv"
ROWS = list(csv.DictReader(TABLE.read_text().splitlines(), delimiter="\t"))
SCALARS = {
    FieldDescriptor.TYPE_BOOL: "bool",
    FieldDescriptor.TYPE_BYTES: "bytes",
    FieldDescriptor.TYPE_DOUBLE: "double",
    FieldDescriptor.TYPE_INT32: "int32",
    FieldDescriptor.TYPE_INT64: "int64",
    FieldDescriptor.TYPE_STRING: "string",
    FieldDescriptor.TYPE_UINT32: "uint32",
    FieldDescriptor.TYPE_UINT64: "uint64",
}


def short(full_name: str) -> str:
    return full_name.removeprefix("runtime.v1.")


def type_of(field: FieldDescriptor) -> str:
    message = field.message_type
    if message and message.GetOptions().map_entry:
        key, value = (message.fields_by_name[name] for name in ("key", "value"))
        return f"map<{type_of(key)},{type_of(value)}>"
    named = message or field.enum_type
    return short(named.full_name) if named else SCALARS[field.type]


def label_of(field: FieldDescriptor) -> str:
    is_map = field.message_type and field.message_type.GetOptions().map_entry
    return "repeated" if field.is_repeated and not is_map else ""


def described_fields() -> Iterator[tuple[str, ...]]:
    for message in pb.DESCRIPTOR.message_types_by_name.values():
        for field in message.fields:
            yield (
                message.name,
                field.name,
                str(field.number),
                type_of(field),
                label_of(field),
                "deprecated" if field.GetOptions().deprecated else "",
            )


def described_enums() -> Iterator[tuple[str, ...]]:
    enums: list[EnumDescriptor] = [*pb.DESCRIPTOR.enum_types_by_name.values()]
    for message in pb.DESCRIPTOR.message_types_by_name.values():
        enums.extend(message.enum_types)
    for enum in enums:
        for value in enum.values:
            yield short(enum.full_name), value.name, str(value.number)


def rows(kind: str, *columns: str) -> set[tuple[str, ...]]:
    return {tuple(row[column] for column in columns) for row in ROWS if row["kind"] == kind}


def test_every_rpc_is_the_tables() -> None:
    described = {
        (
            rpc.service,
            rpc.name,
            rpc.request.DESCRIPTOR.name,
            "stream" if rpc.streams else "",
            rpc.response.DESCRIPTOR.name,
            "yes" if rpc.in_v1alpha2 else "",
        )
        for rpc in RPCS.values()
    }
    assert described == rows("rpc", "name", "member", "type", "label", "result", "v1alpha2")
    assert len(described) == 43


def test_every_field_is_the_tables() -> None:
    described = set(described_fields())
    assert described == rows("field", "name", "member", "number", "type", "label", "note")
    assert len(described) == 478


def test_every_enum_is_the_tables() -> None:
    assert set(described_enums()) == rows("enum", "name", "member", "number")


def test_every_message_is_the_tables() -> None:
    empty = {name for (name,) in rows("message", "name")}
    messages = pb.DESCRIPTOR.message_types_by_name
    assert {name for name, each in messages.items() if not each.fields} == empty
    assert set(messages) == empty | {name for (name,) in rows("field", "name")}
    assert len(messages) == 175


COPY = """
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from importlib.resources import files
file = descriptor_pb2.FileDescriptorProto.FromString(
    files("fakecri.api").joinpath("runtime.binpb").read_bytes())
file.name = "k8s.io/cri-api/api.proto"
pool = descriptor_pool.Default()
pool.Add(file)
def theirs(name):
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("runtime.v1." + name))
import fakecri
with fakecri.CRI() as cri:
    Config, Metadata = theirs("PodSandboxConfig"), theirs("PodSandboxMetadata")
    config = Config(metadata=Metadata(name="web", uid="1", namespace="default"))
    ran = cri.runtime.RunPodSandbox(theirs("RunPodSandboxRequest")(config=config))
    listed = cri.runtime.ListPodSandbox(theirs("ListPodSandboxRequest")())
    assert [each.id for each in listed.items] == [ran.pod_sandbox_id]
"""


def test_a_program_with_its_own_copy_of_the_messages_uses_them_on_the_object() -> None:
    ran = subprocess.run([sys.executable, "-c", COPY], capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stderr) == (0, "")


def test_the_messages_are_in_no_default_pool() -> None:
    file = descriptor_pb2.FileDescriptorProto()
    pb.DESCRIPTOR.CopyToProto(file)
    assert file.package == "runtime.v1"
    assert pb.DESCRIPTOR.pool is not _default_pool()


def _default_pool() -> Any:
    return descriptor_pb2.DESCRIPTOR.pool


def test_the_version_of_the_contract_is_that_of_its_newest_row() -> None:
    newest = max(
        (row["since"] for row in ROWS if row["since"]),
        key=lambda each: [*map(int, each.split("."))],
    )
    assert newest == VERSION
