"""The socket of the control service: who sees it, who may dial it, and what it says of itself."""

import stat
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from grpc_reflection.v1alpha import (  # type: ignore[import-untyped]  # it has no types
    reflection_pb2,
    reflection_pb2_grpc,
)

import fakecri.control.handlers  # noqa: F401  # fills the table
from fakecri.api import control_pb2
from fakecri.api import runtime_pb2 as pb
from fakecri.channel import connect, runtime_stub
from fakecri.cli import main
from fakecri.control import Control, ControlError
from fakecri.control.rpcs import CONTROL_RPCS, HANDLERS
from fakecri.errors import Code, UsageError
from tests.control.served import Controlled
from tests.support import raises_status

PROTO = Path(control_pb2.__file__).with_name("control.proto")


def services(endpoint: str) -> set[str]:
    """Return what a server says that it serves."""
    with connect(endpoint) as channel:
        stub = reflection_pb2_grpc.ServerReflectionStub(channel)
        asked = reflection_pb2.ServerReflectionRequest(list_services="")
        (answer,) = stub.ServerReflectionInfo(iter([asked]))
        return {each.name for each in answer.list_services_response.service}


def test_every_method_has_a_handler() -> None:
    assert set(HANDLERS) == set(CONTROL_RPCS)


def test_only_the_owner_may_dial(served: Controlled) -> None:
    mode = (served.directory / "control.sock").stat().st_mode
    assert (stat.S_ISSOCK(mode), stat.S_IMODE(mode)) == (True, 0o600)


def test_the_runtime_and_its_control_do_not_see_one_another(served: Controlled) -> None:
    there = {f"fakecri.control.v1.{name}" for name in control_pb2.DESCRIPTOR.services_by_name}
    assert there <= services(served.control_endpoint)
    assert not any("runtime" in each for each in services(served.control_endpoint))
    assert not any("control" in each for each in services(served.endpoint))
    with Control(served.endpoint) as control, pytest.raises(ControlError) as refusal:
        control.clock.now()
    assert refusal.value.code is Code.UNIMPLEMENTED
    with (
        connect(served.control_endpoint) as channel,
        raises_status(grpc.StatusCode.UNIMPLEMENTED),
    ):
        runtime_stub(channel).Version(pb.VersionRequest())


def test_it_describes_itself(served: Controlled) -> None:
    with connect(served.control_endpoint) as channel:
        stub = reflection_pb2_grpc.ServerReflectionStub(channel)
        name = "fakecri.control.v1.Clock"
        asked = reflection_pb2.ServerReflectionRequest(file_containing_symbol=name)
        (answer,) = stub.ServerReflectionInfo(iter([asked]))
    (content,) = answer.file_descriptor_response.file_descriptor_proto
    file = FileDescriptorProto.FromString(content)
    assert "Clock" in [each.name for each in file.service]


def test_bytes_that_are_no_request_are_refused(served: Controlled) -> None:
    with connect(served.control_endpoint) as channel:
        call: Any = channel.unary_unary("/fakecri.control.v1.Clock/Advance")
        with raises_status(grpc.StatusCode.INVALID_ARGUMENT, "this is no AdvanceRequest"):
            call(b"\xff\xff")


def test_a_client_knows_its_methods(served: Controlled) -> None:
    assert "advance" in dir(served.control.clock)
    with pytest.raises(AttributeError, match="no method 'retreat'"):
        served.control.clock.retreat()
    with pytest.raises(ValueError, match="spam"):
        served.control.clock.advance(spam="1s")


def test_a_client_must_know_where_to_dial(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FAKECRI_CONTROL", raising=False)
    with pytest.raises(UsageError, match="FAKECRI_CONTROL"):
        Control()


def test_every_service_method_message_and_field_is_explained_or_plain() -> None:
    """Each method has a comment; each service, too."""
    lines = PROTO.read_text().splitlines()
    for number, line in enumerate(lines):
        if line.startswith(("service ", "  rpc ")):
            assert lines[number - 1].lstrip().startswith("//"), line


@pytest.mark.parametrize(
    ("control", "text"),
    [
        ("{}/cri.sock", "the runtime itself is to listen there"),
        ("0.0.0.0:1", "not on the loopback interface"),
        ("{}/none/x.sock", "does not exist"),
    ],
)
def test_a_control_that_cannot_be_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], control: str, text: str
) -> None:
    listen = f"{tmp_path}/cri.sock"
    assert main(["serve", "--listen", listen, "--control", control.format(tmp_path)]) == 2
    said = capsys.readouterr().err
    assert text in said
    assert said.count("\n") == 1
    assert list(tmp_path.iterdir()) == []
