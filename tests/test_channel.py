"""Stubs on a channel."""

from pathlib import Path

import grpc
import pytest

from fakecri.api import runtime_pb2 as pb
from fakecri.api.calls import StreamCall, UnaryCall
from fakecri.api.stubs import ImageServiceStub, RuntimeServiceStub
from fakecri.channel import connect, image_stub, runtime_stub
from fakecri.rpcs import RPCS
from tests.services.scripted import scripted

VERSION = pb.VersionResponse(runtime_name="scripted")


def rpcs_of(service: str) -> set[str]:
    """The names of a service's methods."""
    return {rpc.name for rpc in RPCS.values() if rpc.service == service}


def test_a_stub_has_the_methods_of_its_service() -> None:
    with connect("unix:///nowhere") as channel:
        assert vars(runtime_stub(channel)).keys() == rpcs_of("RuntimeService")
        assert vars(image_stub(channel)).keys() == rpcs_of("ImageService")


def test_the_types_of_the_stubs_have_the_methods_of_the_services() -> None:
    for stub, service in (
        (RuntimeServiceStub, "RuntimeService"),
        (ImageServiceStub, "ImageService"),
    ):
        assert {name for name in vars(stub) if name[0].isupper()} == rpcs_of(service)


def unary(channel: grpc.Channel) -> UnaryCall[pb.VersionRequest, pb.VersionResponse]:
    """A call of gRPC's as a call of a stub; the type checker compares."""
    call: grpc.UnaryUnaryMultiCallable[pb.VersionRequest, pb.VersionResponse]
    call = channel.unary_unary("/x", pb.VersionRequest.SerializeToString)
    return call


def stream(
    channel: grpc.Channel,
) -> StreamCall[pb.GetEventsRequest, pb.ContainerEventResponse]:
    """Likewise, of a stream."""
    call: grpc.UnaryStreamMultiCallable[pb.GetEventsRequest, pb.ContainerEventResponse]
    call = channel.unary_stream("/x", pb.GetEventsRequest.SerializeToString)
    return call


def test_a_stub_is_made_of_what_grpc_makes() -> None:
    with connect("unix:///nowhere") as channel:
        stub = runtime_stub(channel)
        assert type(stub.Version) is type(unary(channel))
        assert type(stub.GetContainerEvents) is type(stream(channel))


@pytest.mark.parametrize("form", ["{}", "unix:{}", "unix://{}"])
def test_a_socket_is_reached_by_each_of_its_names(form: str, tmp_path: Path) -> None:
    socket = tmp_path / "a b%.sock"
    quoted = str(socket).replace("%", "%25").replace(" ", "%20")
    path = str(socket) if form == "{}" else quoted
    with scripted(f"unix:{quoted}") as script, connect(form.format(path)) as channel:
        script.answers["Version"] = VERSION
        assert runtime_stub(channel).Version(pb.VersionRequest(), timeout=30) == VERSION


def test_a_stub_gives_the_call_beside_the_response_or_a_future(tmp_path: Path) -> None:
    endpoint = f"unix://{tmp_path / 'cri.sock'}"
    with scripted(endpoint) as script, connect(endpoint) as channel:
        script.answers["Version"] = VERSION
        stub = runtime_stub(channel)
        response, call = stub.Version.with_call(pb.VersionRequest(), timeout=30)
        assert (response, call.code()) == (VERSION, grpc.StatusCode.OK)
        assert stub.Version.future(pb.VersionRequest(), timeout=30).result() == VERSION


def test_a_message_of_16_mib_is_received(tmp_path: Path) -> None:
    endpoint = f"unix://{tmp_path / 'cri.sock'}"
    big = pb.ExecSyncResponse(stdout=bytes(16 * 1024 * 1024 - 5))
    assert big.ByteSize() == 16 * 1024 * 1024
    with scripted(endpoint) as script, connect(endpoint) as channel:
        script.answers["ExecSync"] = big
        assert runtime_stub(channel).ExecSync(pb.ExecSyncRequest(), timeout=30) == big


def test_a_runtime_that_is_not_there_is_unavailable_at_once(tmp_path: Path) -> None:
    with connect(str(tmp_path / "absent.sock")) as channel:
        with pytest.raises(grpc.RpcError) as caught:
            image_stub(channel).ImageFsInfo(pb.ImageFsInfoRequest(), timeout=30)
        assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
