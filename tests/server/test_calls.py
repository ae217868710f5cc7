"""What goes over the wire, whatever the runtime answers."""

from collections.abc import Callable
from typing import Any

import grpc
import pytest

from fakecri.api import runtime_pb2 as pb
from fakecri.core.registry import HANDLERS
from fakecri.core.scheduler import SECOND_NS
from fakecri.core.world import World
from fakecri.errors import Code, CRIError
from fakecri.timeouts import set_timeout_ns
from tests.server.served import Served, event
from tests.support import raises_status

MEBI = 1024 * 1024
UNPARSED = "proto: cannot parse invalid wire-format data"


# Unary calls


def test_a_call_is_answered(served: Served) -> None:
    assert served.version("hello") == "hello"


def test_a_call_under_the_old_name_is_answered(served: Served) -> None:
    request = pb.VersionRequest(version="old").SerializeToString()
    answer = served.raw("/runtime.v1alpha2.RuntimeService/Version", request)
    assert pb.VersionResponse.FromString(answer).runtime_name == "old"


def test_a_call_is_recorded_with_its_peer_and_without_a_deadline(served: Served) -> None:
    served.stub.Version(pb.VersionRequest())
    record = served.host.world.recorder.calls[-1]
    assert (record.rpc, record.peer, record.timeout_ns) == ("Version", "grpc", None)


@pytest.mark.parametrize(
    ("left_s", "recorded_s"),
    [
        *((0.3, 0.3), (0.25, 0.3), (0.201, 0.3), (2, 2), (1.901, 2), (1.89, 1.9), (9.95, 10)),
        *((9.2, 10), (10.4, 11), (29.2, 30), (120.3, 121), (119.95, 120), (239.2, 240)),
        *((119, 119), (3599.5, 3600)),
    ],
)
def test_a_deadline_is_told_without_what_the_way_took(left_s: float, recorded_s: float) -> None:
    assert set_timeout_ns(left_s, ()) == round(recorded_s * SECOND_NS)


@pytest.mark.parametrize("timeout_s", [20, 120, 3600])
def test_a_deadline_is_recorded(served: Served, timeout_s: int) -> None:
    served.stub.Version(pb.VersionRequest(), timeout=timeout_s)
    timeout_ns = served.host.world.recorder.calls[-1].timeout_ns
    assert timeout_ns is not None
    assert timeout_s - 10 < timeout_ns / SECOND_NS <= timeout_s


def test_the_host_is_handed_the_metadata(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []
    start = served.host.start

    def spy(*args: Any, **options: Any) -> Any:
        seen.extend(options["metadata"])
        return start(*args, **options)

    monkeypatch.setattr(served.host, "start", spy)
    served.stub.Version(pb.VersionRequest(), metadata=(("a", "1"), ("b-bin", b"\xff")))
    assert {("a", "1"), ("b-bin", b"\xff")} <= {(key, value) for key, value in seen}


@pytest.mark.parametrize("code", [code for code in Code if code is not Code.OK])
def test_an_error_keeps_its_code_and_its_text(
    served: Served, monkeypatch: pytest.MonkeyPatch, code: Code
) -> None:
    text = 'container "é\u2028": 100%\nnot found'

    def refuse(world: World, request: pb.VersionRequest) -> pb.VersionResponse:
        raise CRIError(text, code)

    monkeypatch.setitem(HANDLERS, "Version", refuse)
    with raises_status(grpc.StatusCode[code.name], text):
        served.stub.Version(pb.VersionRequest())


def test_an_error_of_a_stream_comes_after_its_messages(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(world: World, request: pb.GetEventsRequest, send: Callable[[Any], None]) -> None:
        send(event("a"))
        raise CRIError("enough", Code.ABORTED)

    monkeypatch.setitem(HANDLERS, "GetContainerEvents", refuse)
    stream = served.stub.GetContainerEvents(pb.GetEventsRequest())
    assert next(stream).container_id == "a"
    with raises_status(grpc.StatusCode.ABORTED, "enough"):
        next(stream)


def test_a_bug_is_internal_and_shows_no_traceback(
    served: Served, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_args: object, **_options: object) -> None:
        raise ZeroDivisionError("by zero")

    monkeypatch.setattr(served.host, "start", broken)
    with raises_status(grpc.StatusCode.INTERNAL, "ZeroDivisionError: by zero"):
        served.stub.Version(pb.VersionRequest())
    assert [record.message for record in caplog.records] == ["bug in Version"]


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (
            "/runtime.v1.RuntimeService/Bogus",
            "unknown method Bogus for service runtime.v1.RuntimeService",
        ),
        (
            "/runtime.v1alpha2.RuntimeService/GetContainerEvents",
            "unknown method GetContainerEvents for service runtime.v1alpha2.RuntimeService",
        ),
        ("/runtime.v1.RuntimeService/", "unknown method  for service runtime.v1.RuntimeService"),
        ("/grpc.health.v1.Health/Bogus", "unknown method Bogus for service grpc.health.v1.Health"),
        ("/runtime.v2.RuntimeService/Version", "unknown service runtime.v2.RuntimeService"),
        ("/a/b/c", "unknown service a/b"),
        ("/Version", 'malformed method name: "/Version"'),
    ],
)
def test_what_is_not_served_is_unimplemented(served: Served, path: str, text: str) -> None:
    with raises_status(grpc.StatusCode.UNIMPLEMENTED, text):
        served.raw(path)


def test_a_malformed_request_is_internal(served: Served) -> None:
    with raises_status(grpc.StatusCode.INTERNAL, f"grpc: error unmarshalling request: {UNPARSED}"):
        served.raw("/runtime.v1.RuntimeService/Version", b"\xff\xff")
    with raises_status(
        grpc.StatusCode.INTERNAL, f"grpc: failed to unmarshal the received message: {UNPARSED}"
    ):
        served.raw("/runtime.v1.RuntimeService/GetContainerEvents", b"\xff\xff")
    assert served.version()


# Sizes


def test_ten_mebibytes_pass_both_ways(served: Served) -> None:
    size = 10 * MEBI
    image = pb.ImageSpec(image=str(size), annotations={"a": "x" * size})
    assert len(served.images.PullImage(pb.PullImageRequest(image=image)).image_ref) == size


def test_a_request_over_sixteen_mebibytes_is_refused(served: Served) -> None:
    request = pb.PullImageRequest(image=pb.ImageSpec(image="x" * 16 * MEBI))
    text = f"grpc: received message larger than max ({request.ByteSize()} vs. 16777216)"
    with raises_status(grpc.StatusCode.RESOURCE_EXHAUSTED, text):
        served.images.PullImage(request)


def test_a_response_over_sixteen_mebibytes_is_refused(served: Served) -> None:
    size = pb.PullImageResponse(image_ref="x" * 16 * MEBI).ByteSize()
    text = f"grpc: trying to send message larger than max ({size} vs. 16777216)"
    with raises_status(grpc.StatusCode.RESOURCE_EXHAUSTED, text):
        served.images.PullImage(pb.PullImageRequest(image=pb.ImageSpec(image=str(16 * MEBI))))
