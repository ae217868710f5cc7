"""Calls through the proxy: bytes, metadata, deadlines, cancellation and statuses, both ways."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from fakecri.api import runtime_pb2 as pb
from fakecri.channel import connect, runtime_stub
from fakecri.proxy import Proxy
from tests.proxy.elsewhere import CROWD, PATIENCE_S, Arrival, Elsewhere

VERSION = "/runtime.v1.RuntimeService/Version"
EVENTS = "/runtime.v1.RuntimeService/GetContainerEvents"
PULL = "/runtime.v1.ImageService/PullImage"
UNKNOWN_FIELD = b"\xfa\x7f\x03new"
"""Field 2047, which no contract has, before all others: no library would write it there."""
STATUS_DETAILS = b"\x08\x09\x12\x02no"


def forever(arrival: Arrival) -> Iterator[bytes]:
    """Answer nothing until the client goes."""
    assert arrival.ended.wait(PATIENCE_S)
    return iter(())


def abort(arrival: Arrival) -> Iterator[bytes]:
    """Refuse, with all that can come with it."""
    arrival.context.set_trailing_metadata(
        (("grpc-status-details-bin", STATUS_DETAILS), ("x-trailing", "t"))
    )
    arrival.context.abort(grpc.StatusCode.FAILED_PRECONDITION, "nö: not\nnow")
    yield b""


def test_what_no_contract_knows_passes_byte_for_byte(channel: Any, elsewhere: Elsewhere) -> None:
    request = UNKNOWN_FIELD + pb.VersionRequest(version="v").SerializeToString()
    answer = UNKNOWN_FIELD + pb.VersionResponse(version="0").SerializeToString()
    elsewhere.answer = lambda _: iter([answer])
    assert channel.unary_unary(VERSION)(request, timeout=PATIENCE_S) == answer
    assert elsewhere.arrived().contents == [request]


def test_what_cannot_be_parsed_passes_all_the_same(
    channel: Any, elsewhere: Elsewhere, proxy: Proxy
) -> None:
    garbage = b"\x0a\xff\xff"
    elsewhere.answer = lambda _: iter([garbage])
    assert channel.unary_unary(VERSION)(garbage, timeout=PATIENCE_S) == garbage
    assert elsewhere.arrived().contents == [garbage]
    assert proxy.calls[0].response == pb.VersionResponse()


def test_metadata_goes_there(channel: Any, elsewhere: Elsewhere) -> None:
    metadata = (
        ("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
        ("baggage", "a=b"),
        ("x-bytes-bin", b"\x00\xff"),
    )
    channel.unary_unary(VERSION)(b"", metadata=metadata, timeout=PATIENCE_S)
    assert elsewhere.arrived().metadata.items() >= set(metadata)


def test_metadata_comes_back(channel: Any, elsewhere: Elsewhere) -> None:
    def answer(arrival: Arrival) -> Iterator[bytes]:
        arrival.context.send_initial_metadata((("x-initial", "i"),))
        arrival.context.set_trailing_metadata((("x-trailing", "t"),))
        yield b""

    elsewhere.answer = answer
    _, call = channel.unary_unary(VERSION).with_call(b"", timeout=PATIENCE_S)
    assert ("x-initial", "i") in call.initial_metadata()
    assert ("x-trailing", "t") in call.trailing_metadata()


@pytest.mark.parametrize("path", [VERSION, EVENTS])
def test_an_error_comes_back_with_its_details(
    path: str, channel: Any, elsewhere: Elsewhere
) -> None:
    elsewhere.answer = abort
    with pytest.raises(grpc.RpcError) as refusal:
        list(channel.unary_stream(path)(b"", timeout=PATIENCE_S))
    error: Any = refusal.value
    assert (error.code(), error.details()) == (
        grpc.StatusCode.FAILED_PRECONDITION,
        "nö: not\nnow",
    )
    assert error.trailing_metadata() == (
        ("x-trailing", "t"),
        ("grpc-status-details-bin", STATUS_DETAILS),
    )


def test_the_object_face_sees_the_same_error(proxy: Proxy, elsewhere: Elsewhere) -> None:
    elsewhere.answer = abort
    with pytest.raises(grpc.RpcError) as refusal:
        proxy.runtime.Version(pb.VersionRequest())
    assert refusal.value.code() is grpc.StatusCode.FAILED_PRECONDITION
    assert refusal.value.details() == "nö: not\nnow"


@pytest.mark.parametrize("timeout_s", [120.0, 240.0])
def test_a_deadline_is_the_same_there(timeout_s: float, channel: Any, elsewhere: Elsewhere) -> None:
    channel.unary_unary(VERSION)(b"", timeout=timeout_s)
    remaining_s = elsewhere.arrived().remaining_s
    assert remaining_s is not None
    # gRPC's core rounds up, to three digits, and once more on the way on.
    assert timeout_s - PATIENCE_S < remaining_s <= timeout_s * 1.02 + 0.2


def test_no_deadline_is_none_there(channel: Any, elsewhere: Elsewhere) -> None:
    channel.unary_unary(VERSION)(b"")
    assert elsewhere.arrived().remaining_s is None


def test_a_deadline_that_passes_ends_the_call_there(
    proxy: Proxy, channel: Any, elsewhere: Elsewhere
) -> None:
    elsewhere.answer = forever
    with pytest.raises(grpc.RpcError) as late:
        channel.unary_unary(VERSION)(b"", timeout=2.0)  # by when it has to be there
    assert late.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    assert elsewhere.arrived().ended.wait(PATIENCE_S)


@pytest.mark.parametrize("path", [VERSION, EVENTS])
def test_a_cancellation_reaches_the_runtime(path: str, channel: Any, elsewhere: Elsewhere) -> None:
    elsewhere.answer = forever
    call = channel.unary_stream(path)(b"")
    arrival = elsewhere.arrived()
    assert not arrival.ended.is_set()
    call.cancel()
    assert arrival.ended.wait(PATIENCE_S)


def test_a_cancellation_on_the_object_face_reaches_the_runtime(
    proxy: Proxy, elsewhere: Elsewhere
) -> None:
    elsewhere.answer = forever
    call = proxy.runtime.Version.future(pb.VersionRequest())
    arrival = elsewhere.arrived()
    call.cancel()
    assert arrival.ended.wait(PATIENCE_S)


def test_calls_in_flight_end_with_the_proxy(elsewhere: Elsewhere, proxy: Proxy) -> None:
    elsewhere.answer = forever
    call = proxy.runtime.Version.future(pb.VersionRequest())
    arrival = elsewhere.arrived()
    proxy.close()
    assert call.code() is grpc.StatusCode.UNAVAILABLE
    assert arrival.ended.wait(PATIENCE_S)


@pytest.mark.parametrize("size", [17 << 20])
def test_a_message_may_be_larger_than_a_runtime_of_ours_takes(
    size: int, channel: Any, elsewhere: Elsewhere
) -> None:
    elsewhere.answer = lambda arrival: iter(arrival.contents)
    request = pb.PullImageRequest(image=pb.ImageSpec(image="x" * size)).SerializeToString()
    with pytest.raises(grpc.RpcError) as refusal:  # by the client's own limit, which is 16 MiB
        channel.unary_unary(PULL)(request, timeout=PATIENCE_S)
    assert refusal.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert len(elsewhere.arrived().contents[0]) == len(request)


def test_a_message_of_15_mib_passes_both_ways(channel: Any, elsewhere: Elsewhere) -> None:
    elsewhere.answer = lambda arrival: iter(arrival.contents)
    content = pb.VersionRequest(version="x" * (15 << 20)).SerializeToString()
    assert channel.unary_unary(VERSION)(content, timeout=PATIENCE_S) == content


# Streams


def test_headers_come_before_the_first_message(channel: Any, elsewhere: Elsewhere) -> None:
    def answer(arrival: Arrival) -> Iterator[bytes]:
        arrival.context.send_initial_metadata((("x-initial", "i"),))
        yield from forever(arrival)

    elsewhere.answer = answer
    call = channel.unary_stream(EVENTS)(b"")
    assert ("x-initial", "i") in call.initial_metadata()
    call.cancel()


def test_messages_pass_as_they_come(channel: Any, elsewhere: Elsewhere) -> None:
    more = threading.Event()

    def answer(arrival: Arrival) -> Iterator[bytes]:
        yield UNKNOWN_FIELD
        assert more.wait(PATIENCE_S)
        yield pb.ContainerEventResponse(container_id="2").SerializeToString()

    elsewhere.answer = answer
    call = channel.unary_stream(EVENTS)(b"", timeout=PATIENCE_S)
    assert next(call) == UNKNOWN_FIELD
    more.set()
    assert [pb.ContainerEventResponse.FromString(each).container_id for each in call] == ["2"]


def test_200_streams_are_open_at_once(channel: Any, elsewhere: Elsewhere) -> None:
    everybody = threading.Barrier(CROWD)

    def answer(arrival: Arrival) -> Iterator[bytes]:
        everybody.wait(PATIENCE_S)
        yield from arrival.contents

    elsewhere.answer = answer
    stub = runtime_stub(channel)
    streams = [
        stub.GetContainerEvents(pb.GetEventsRequest(), timeout=PATIENCE_S) for _ in range(CROWD)
    ]
    assert [len(list(stream)) for stream in streams] == [1] * CROWD


def test_a_client_that_is_behind_holds_up_the_reading(proxy: Proxy, elsewhere: Elsewhere) -> None:
    """On the object face, where no connection buffers anything."""
    total = 5000

    def answer(_: Arrival) -> Iterator[bytes]:
        for number in range(total):
            yield pb.ContainerEventResponse(container_id=str(number)).SerializeToString()

    elsewhere.answer = answer
    stream = proxy.runtime.GetContainerEvents(pb.GetEventsRequest())
    first = next(stream)
    with proxy.host.turn():
        waiting = len(stream._call.messages)  # type: ignore[attr-defined]  # it looks behind
    rest = [each.container_id for each in stream]
    assert waiting <= 64
    assert [first.container_id, *rest] == [str(number) for number in range(total)]


# What is none of the CRI's


def test_an_unknown_method_is_refused_by_the_runtime(
    channel: Any, elsewhere: Elsewhere, proxy: Proxy
) -> None:
    path = "/runtime.v1.RuntimeService/Levitate"
    elsewhere.refused = frozenset({path})
    with pytest.raises(grpc.RpcError) as refusal:
        channel.unary_unary(path)(b"", timeout=PATIENCE_S)
    assert refusal.value.code() is grpc.StatusCode.UNIMPLEMENTED
    assert refusal.value.details() == "Method not found!"
    assert not proxy.calls


def test_a_method_of_another_service_passes(channel: Any, elsewhere: Elsewhere) -> None:
    def answer(arrival: Arrival) -> Iterator[bytes]:
        arrival.context.set_trailing_metadata((("x-trailing", "t"),))
        yield b"answer"

    elsewhere.answer = answer
    method = channel.unary_unary("/containerd.services.version.v1.Version/Version")
    content, call = method.with_call(b"request", metadata=(("x-key", "v"),), timeout=PATIENCE_S)
    arrival = elsewhere.arrived()
    assert (content, arrival.contents, arrival.metadata["x-key"]) == (b"answer", [b"request"], "v")
    assert arrival.remaining_s is not None
    assert ("x-trailing", "t") in call.trailing_metadata()


@pytest.mark.parametrize("path", [VERSION, "/other.Service/Do"])
def test_the_runtime_does_not_see_how_connections_are_broken(
    path: str, proxy: Proxy, elsewhere: Elsewhere, directory: Path
) -> None:
    with (
        proxy.serve(f"{directory}/breakable.sock", wire_faults=True) as server,
        connect(server.endpoint) as channel,
    ):
        method: Any = channel.unary_unary(path)
        method(b"", metadata=(("x-key", "v"),), timeout=PATIENCE_S)
    assert set(elsewhere.arrived().metadata) == {"user-agent", "x-key"}


def test_a_conversation_of_another_service_passes(channel: Any, elsewhere: Elsewhere) -> None:
    elsewhere.answer = lambda arrival: iter(arrival.contents)
    method = channel.stream_stream("/other.Service/Talk")
    assert list(method(iter([b"1", b"", b"3"]), timeout=PATIENCE_S)) == [b"1", b"", b"3"]


def test_an_error_of_another_service_comes_back_with_its_details(
    channel: Any, elsewhere: Elsewhere
) -> None:
    elsewhere.answer = abort
    with pytest.raises(grpc.RpcError) as refusal:
        channel.unary_unary("/other.Service/Do")(b"", timeout=PATIENCE_S)
    error: Any = refusal.value
    assert error.details() == "nö: not\nnow"
    assert ("grpc-status-details-bin", STATUS_DETAILS) in error.trailing_metadata()


def test_the_old_contract_goes_on_under_its_name(
    channel: Any, elsewhere: Elsewhere, proxy: Proxy
) -> None:
    path = "/runtime.v1alpha2.RuntimeService/Version"
    channel.unary_unary(path)(b"", timeout=PATIENCE_S)
    assert elsewhere.arrived().path == path
    assert [call.rpc for call in proxy.calls] == ["Version"]
