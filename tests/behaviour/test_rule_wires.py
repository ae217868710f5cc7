"""What rules do to connections, and what clients see of it on each face."""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import grpc
import pytest

from fakecri import CRI, UsageError
from fakecri.api import runtime_pb2 as pb
from fakecri.channel import connect, image_stub, runtime_stub
from tests.behaviour.steps import DEADLINE_EXCEEDED, RUNNING, begin, is_answered, until
from tests.behaviour.test_rule_errors import effects
from tests.support import Node, raises_status

UNAVAILABLE = grpc.StatusCode.UNAVAILABLE
VERSION = pb.VersionRequest()


@pytest.fixture(name="wired")
def _wired(face: str) -> Iterator[Node]:
    """Open a node whose connections can be broken."""
    with CRI() as cri:
        if face == "object":
            yield Node(cri, cri.runtime, cri.images, face)
            return
        with TemporaryDirectory(prefix="fakecri-") as directory:
            address = f"unix://{Path(directory)}/cri.sock"
            with cri.serve(address, wire_faults=True), connect(address) as channel:
                yield Node(cri, runtime_stub(channel), image_stub(channel), face)


def test_whole_pods_pass_the_pump(wired: Node) -> None:
    wired.pull()
    made = wired.run(wired.run_sandbox(), "sleep", "999")
    assert wired.status(made).state == RUNNING
    stream = wired.runtime.StreamContainers(pb.StreamContainersRequest())
    assert [each.id for response in stream for each in response.containers] == [made]
    (call, *_) = wired.cri.calls
    assert not call.metadata


@pytest.mark.parametrize("action", ["reset", "reset(before)", "goaway"])
def test_a_connection_is_torn_under_a_call(wired: Node, action: str) -> None:
    with wired.cri.faults(f"Version = 1* {action}"):
        with raises_status(UNAVAILABLE):
            wired.runtime.Version(VERSION)
        assert effects(wired) == [(action.partition("(")[0], "wire", "definite")]
        until(lambda: is_answered(wired.runtime))


def test_a_connection_is_torn_when_the_work_is_done(wired: Node) -> None:
    wired.pull()
    made = wired.create(wired.run_sandbox(), "sleep", "99")
    with wired.cri.faults("StartContainer = 1* reset(after)"), raises_status(UNAVAILABLE):
        wired.start(made)
    assert effects(wired) == [("reset", "wire", "indefinite")]
    until(lambda: is_answered(wired.runtime))
    assert wired.status(made).state == RUNNING


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("CANCEL", grpc.StatusCode.CANCELLED),
        ("INTERNAL_ERROR", grpc.StatusCode.INTERNAL),
        ("PROTOCOL_ERROR", grpc.StatusCode.INTERNAL),
        ("ENHANCE_YOUR_CALM", grpc.StatusCode.RESOURCE_EXHAUSTED),
    ],
)
def test_one_stream_is_reset_and_the_others_go_on(
    wired: Node, code: str, status: grpc.StatusCode
) -> None:
    events = wired.runtime.GetContainerEvents(pb.GetEventsRequest())
    until(lambda: any(each.rpc == "GetContainerEvents" for each in wired.cri.calls))
    with wired.cri.faults(f"Version = 1* rst({code})"), raises_status(status):
        wired.runtime.Version(VERSION)
    wired.run_sandbox()
    assert next(events).container_event_type == pb.CONTAINER_CREATED_EVENT
    events.cancel()


def test_a_half_open_connection_never_answers(wired: Node) -> None:
    with wired.cri.faults("Version = 1* half_open"):
        pending = begin(wired, "Version", VERSION)
        assert not pending.done()
        pending.cancel()
        until(lambda: all(each.ended_n for each in wired.cri.calls))


@pytest.mark.parametrize("action", ["slow(100000)", "slice(3)"])
def test_bytes_come_slowly_and_in_pieces_and_are_the_same(wired: Node, action: str) -> None:
    with wired.cri.faults(f"Version = {action}"):
        assert wired.runtime.Version(VERSION).runtime_name == "containerd"
    assert effects(wired)[0][1:] == ("wire", "")


def test_nobody_can_connect_for_a_while(wired: Node) -> None:
    with wired.cri.faults("Version = 1* refuse(5s)"):
        with raises_status(UNAVAILABLE):
            wired.runtime.Version(VERSION)
        with raises_status(UNAVAILABLE):
            wired.runtime.Version(VERSION)
        wired.cri.advance(5)
        until(lambda: is_answered(wired.runtime))


def test_without_a_pump_calls_end_as_if_the_connection_had(node: Node) -> None:
    with (
        node.cri.faults("Version = rst(CANCEL)"),
        raises_status(
            grpc.StatusCode.CANCELLED, "stream terminated by RST_STREAM with error code: CANCEL"
        ),
    ):
        node.runtime.Version(VERSION)


def test_a_half_open_connection_lasts_until_the_deadline(node: Node) -> None:
    with node.cri.faults("Version = half_open"), raises_status(DEADLINE_EXCEEDED):
        node.runtime.Version(VERSION, timeout=1)


def test_one_service_is_up_without_the_other() -> None:
    with CRI() as cri, TemporaryDirectory(prefix="fakecri-") as directory:
        address = f"unix://{Path(directory)}/images.sock"
        with cri.serve(address, service="ImageService"), connect(address) as channel:
            assert not image_stub(channel).ListImages(pb.ListImagesRequest()).images
            with raises_status(
                grpc.StatusCode.UNIMPLEMENTED, "unknown service runtime.v1.RuntimeService"
            ):
                runtime_stub(channel).Version(VERSION)
        with (
            pytest.raises(UsageError, match="no service of the CRI"),
            cri.serve(address, service="x"),
        ):
            pass


def test_a_rule_that_is_there_brings_the_pump_and_a_port_has_one_too() -> None:
    rule = "Version = 1* reset(after)"
    with CRI(rules=rule) as cri, cri.serve("127.0.0.1:0") as server:
        assert server._pump is not None
        with connect(server.endpoint) as channel:
            with raises_status(UNAVAILABLE):
                runtime_stub(channel).Version(VERSION)
            until(lambda: is_answered(runtime_stub(channel)))


def test_headers_of_any_size_pass_the_pump() -> None:
    with CRI() as cri, TemporaryDirectory(prefix="fakecri-") as directory:
        address = f"unix://{Path(directory)}/cri.sock"
        with cri.serve(address, wire_faults=True), connect(address) as channel:
            baggage = (("baggage", "x" * 20_000),)
            for _ in range(3):
                runtime_stub(channel).Version(VERSION, metadata=baggage)
        assert {call.metadata["baggage"] for call in cri.calls} == {("x" * 20_000,)}
