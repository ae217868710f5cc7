"""The CRI as Kubernetes has published it, version by version."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet

from tests.real import install

if TYPE_CHECKING:
    from collections.abc import Iterator

MODULE = "k8s.io/cri-api"
# gogo's options change what Go code is made, and nothing of the contract.
_GOGO = re.compile(r'import (weak )?"github\.com/gogo[^;]*;|option \(gogoproto[^;]*;')
_GOGO_FIELD = re.compile(r"\[\s*\(gogoproto[^\]]*\]")


def obstacles() -> list[str]:
    """What is missing here."""
    protoc = [] if find_spec("grpc_tools") else ["protoc: the dev extra has it"]
    return [*install.missing("go"), *protoc]


def proto(minor: int, package: str) -> Path:
    """Where the published proto file of a minor is: `v1` or `v1alpha2`."""
    module = f"{MODULE}@v0.{minor}.0"
    _go("mod", "download", module)
    root = Path(_go("env", "GOMODCACHE").strip()) / module
    return root / "pkg" / "apis" / "runtime" / package / "api.proto"


def _go(*words: str) -> str:
    go = install.find("go").path
    assert go is not None
    done = subprocess.run([go, *words], check=False, capture_output=True, text=True, cwd="/")
    assert done.returncode == 0, done.stderr
    return done.stdout


def plain(source: Path, directory: Path) -> Path:
    """A copy in a directory that protoc takes without gogo's own proto files."""
    text = source.read_text()
    copy = directory / "api.proto"
    copy.write_text(_GOGO_FIELD.sub("", _GOGO.sub("", text)))
    return copy


def protoc(source: Path, *options: str) -> None:
    """Run protoc, as `grpcio-tools` has it, on a file."""
    command = [sys.executable, "-m", "grpc_tools.protoc", f"--proto_path={source.parent}"]
    done = subprocess.run(
        [*command, *options, source.name], check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


def described(source: Path) -> FileDescriptorProto:
    """What a proto file says."""
    target = source.with_suffix(".binpb")
    protoc(source, f"--descriptor_set_out={target}")
    return FileDescriptorSet.FromString(target.read_bytes()).file[0]


def facts(file: FileDescriptorProto) -> Iterator[tuple[object, ...]]:
    """All that makes up a contract."""
    for service in file.service:
        for method in service.method:
            types = _short(method.input_type), _short(method.output_type)
            yield service.name, method.name, *types, method.server_streaming
    for message in file.message_type:
        yield (message.name,)
        for field in message.field:
            type_ = _short(field.type_name)
            yield message.name, field.name, field.number, field.type, type_, field.label
    enums = [
        *file.enum_type,
        *(enum for message in file.message_type for enum in message.enum_type),
    ]
    for enum in enums:
        for value in enum.value:
            yield enum.name, value.name, value.number


def _short(type_name: str) -> str:
    return type_name.rpartition(".")[2]
