"""What goes over the wire at an API level."""

from collections.abc import Iterator
from contextlib import contextmanager

import grpc
import pytest
from google.protobuf.descriptor_pool import DescriptorPool
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import (  # type: ignore[import-untyped]  # no types
    ProtoReflectionDescriptorDatabase,
)

from fakecri import CRI
from fakecri.api import runtime_pb2 as pb
from fakecri.channel import connect
from fakecri.core.levels import LEVELS, level_of
from tests.server.served import method
from tests.support import raises_status

V1 = "runtime.v1"
OLD = "runtime.v1alpha2"
GARBAGE = b"\xff\xff"


@contextmanager
def dialled(level: str) -> Iterator[grpc.Channel]:
    """Serve a runtime of a level; return a client's channel."""
    with (
        CRI(api_level=level) as cri,
        cri.serve("127.0.0.1:0") as server,
        connect(server.endpoint) as channel,
    ):
        yield channel


@pytest.mark.parametrize("level", LEVELS)
def test_reflection_describes_what_the_level_had(level: str) -> None:
    known = level_of(level)
    with dialled(level) as channel:
        database = ProtoReflectionDescriptorDatabase(channel)
        services = [each for each in database.get_services() if each.startswith("runtime.")]
        pool = DescriptorPool(database)
        for package, contract in ((V1, known.v1), (OLD, known.v1alpha2)):
            mine = [f"{package}.{name}" for name in ("ImageService", "RuntimeService")]
            assert set(services) & set(mine) == set(mine if contract else ())
            if contract is None:
                continue
            methods = {each.name for name in mine for each in pool.FindServiceByName(name).methods}
            assert methods == contract.methods
            for message in contract.file.message_type:
                described = pool.FindMessageTypeByName(f"{package}.{message.name}")
                assert {each.name for each in described.fields} == {
                    each.name for each in message.field
                }


@pytest.mark.parametrize("level", ["1.25", "1.26"])
def test_v1alpha2_is_served_until_its_end(level: str) -> None:
    with dialled(level) as channel:
        call = method(channel, f"/{OLD}.RuntimeService/Version")
        if level == "1.25":
            answer = pb.VersionResponse.FromString(call(b""))
            assert (answer.runtime_name, answer.runtime_api_version) == ("containerd", "v1alpha2")
        else:
            with raises_status(
                grpc.StatusCode.UNIMPLEMENTED, f"unknown service {OLD}.RuntimeService"
            ):
                call(b"")


@pytest.mark.parametrize(
    ("level", "package", "name"),
    [
        ("1.24", V1, "GetContainerEvents"),
        ("1.24", OLD, "GetContainerEvents"),
        ("1.25", OLD, "CheckpointContainer"),
        ("1.22", V1, "ListPodSandboxStats"),
        ("1.22", OLD, "ListPodSandboxStats"),
        ("1.35", V1, "StreamContainers"),
        ("1.27", V1, "RuntimeConfig"),
    ],
)
@pytest.mark.parametrize("content", [b"", GARBAGE])
def test_a_younger_method_is_unknown_whatever_is_sent(
    level: str, package: str, name: str, content: bytes
) -> None:
    text = f"unknown method {name} for service {package}.RuntimeService"
    with dialled(level) as channel, raises_status(grpc.StatusCode.UNIMPLEMENTED, text):
        method(channel, f"/{package}.RuntimeService/{name}")(content)


def test_v1alpha2_does_not_tell_what_it_never_had() -> None:
    """The resources of a container were the last field that it got."""
    with dialled("1.25") as channel:
        pull = pb.PullImageRequest(image=pb.ImageSpec(image="busybox"))
        method(channel, f"/{OLD}.ImageService/PullImage")(pull.SerializeToString())
        listed = {
            package: pb.ImageFsInfoResponse.FromString(
                method(channel, f"/{package}.ImageService/ImageFsInfo")(b"")
            )
            for package in (V1, OLD)
        }
        assert listed[OLD].image_filesystems
        assert listed[OLD].image_filesystems[0].fs_id == listed[V1].image_filesystems[0].fs_id
        assert not listed[V1].container_filesystems
        status = pb.StatusResponse.FromString(method(channel, f"/{OLD}.RuntimeService/Status")(b""))
        assert status.status.conditions
        assert not status.runtime_handlers
