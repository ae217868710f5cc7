"""Calls that wait, streams, and who leaves before their end."""

import threading
from pathlib import Path

import grpc
import pytest

from fakecri.api import runtime_pb2 as pb
from fakecri.channel import connect, runtime_stub
from fakecri.core.registry import HANDLERS
from fakecri.core.scheduler import SECOND_NS, Waits
from fakecri.core.world import World
from fakecri.errors import Code
from fakecri.opening import open_host
from fakecri.pace import Manual
from fakecri.server import Server
from tests.server.served import (
    CANCELLED,
    PATIENCE_S,
    Runtime,
    Served,
    event,
    stop_request,
    until,
)
from tests.support import raises_status

# Calls that wait


def test_a_call_that_waits_is_answered_when_its_time_has_come(served: Served) -> None:
    call = served.park()
    served.host.advance(SECOND_NS)
    assert call.result(timeout=PATIENCE_S) == pb.StopContainerResponse()


def test_a_hundred_waiting_calls_delay_no_other_and_cost_no_threads(served: Served) -> None:
    calls = [served.park()]
    threads = set(threading.enumerate())
    calls += [served.stub.StopContainer.future(stop_request()) for _ in range(100)]
    for _ in calls[1:]:
        served.runtime.arrived.get(timeout=PATIENCE_S)
    assert served.version() == "v"
    assert set(threading.enumerate()) <= threads
    assert not any(call.done() for call in calls)
    served.host.advance(SECOND_NS)
    assert all(call.result(timeout=PATIENCE_S) is not None for call in calls)


def test_time_leaps_for_a_call_that_waits_where_it_may(runtime: Runtime, directory: Path) -> None:
    host = open_host(pace=Manual(jumps=True))
    with Server(host, f"{directory}/s") as server, connect(server.endpoint) as channel:
        stub = runtime_stub(channel)
        stub.StopContainer(pb.StopContainerRequest(timeout=3600), timeout=7200)
        with raises_status(grpc.StatusCode.DEADLINE_EXCEEDED, "context deadline exceeded"):
            stub.StopContainer(pb.StopContainerRequest(timeout=3600), timeout=1800)
    host.close()


def test_a_call_that_waits_for_another_leaps_on_when_that_comes(
    runtime: Runtime, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = open_host(pace=Manual(jumps=True))
    asleep = host.world.scheduler.sleep(10**18)
    assert asleep.timer is not None
    asleep.timer.cancel()  # a future without a time, until the other call gives it one

    def wait(world: World, request: pb.StopContainerRequest) -> Waits[pb.StopContainerResponse]:
        runtime.arrived.put(request)
        yield from asleep
        return pb.StopContainerResponse()

    def schedule(world: World, request: pb.VersionRequest) -> pb.VersionResponse:
        world.scheduler.after(SECOND_NS, lambda: asleep.set_result(None))
        return pb.VersionResponse()

    monkeypatch.setitem(HANDLERS, "StopContainer", wait)
    monkeypatch.setitem(HANDLERS, "Version", schedule)
    with Server(host, f"{directory}/s") as server, connect(server.endpoint) as channel:
        call = runtime_stub(channel).StopContainer.future(stop_request())
        runtime.arrived.get(timeout=PATIENCE_S)
        runtime_stub(channel).Version(pb.VersionRequest())
        assert call.result(timeout=PATIENCE_S) == pb.StopContainerResponse()
    host.close()


def test_a_client_that_hangs_up_cancels_its_call(served: Served) -> None:
    served.park().cancel()
    assert served.reason() == CANCELLED


def test_a_client_whose_deadline_passes_has_not_just_hung_up(served: Served) -> None:
    call = served.park(timeout=2)  # by when it has to be there
    assert call.exception(timeout=PATIENCE_S).code() is grpc.StatusCode.DEADLINE_EXCEEDED
    assert served.reason() == (Code.DEADLINE_EXCEEDED, "context deadline exceeded")


def test_a_client_that_hangs_up_long_before_its_deadline_has_hung_up(served: Served) -> None:
    served.park(timeout=60).cancel()
    assert served.reason() == CANCELLED


def test_a_deadline_that_passes_in_virtual_time_is_answered(served: Served) -> None:
    call = served.stub.StopContainer.future(pb.StopContainerRequest(timeout=90), timeout=60)
    served.runtime.arrived.get(timeout=PATIENCE_S)
    served.host.advance(60 * SECOND_NS)
    with raises_status(grpc.StatusCode.DEADLINE_EXCEEDED, "context deadline exceeded"):
        call.result(timeout=PATIENCE_S)


def test_a_connection_that_breaks_cancels_its_calls(served: Served) -> None:
    with connect(served.server.endpoint) as channel:
        call = runtime_stub(channel).StopContainer.future(stop_request())
        served.runtime.arrived.get(timeout=PATIENCE_S)
    assert served.reason() == CANCELLED
    until(call.done)


# Streams


def test_a_stream_gives_messages_as_they_come(served: Served) -> None:
    stream, send = served.stream()
    for name in "abc":
        send(event(name))
        assert next(stream).container_id == name


def test_a_stream_ends_after_all_its_messages(served: Served) -> None:
    stream, send = served.stream()
    for name in "abc":
        send(event(name))
    served.host.advance(SECOND_NS)
    assert [message.container_id for message in stream] == ["a", "b", "c"]
    assert stream.code() is grpc.StatusCode.OK


def test_a_client_that_leaves_a_stream_cancels_it(served: Served) -> None:
    stream, send = served.stream()
    send(event("a"))
    next(stream)
    stream.cancel()
    assert served.reason() == CANCELLED


def test_a_stream_keeps_what_its_client_does_not_read(served: Served) -> None:
    big = event("x" * 64 * 1024)
    stream, send = served.stream()
    (call,) = served.host._calls
    for _ in range(300):
        send(big)
    assert next(stream) == big
    assert served.version()
    assert call.messages  # 19 MiB do not fit into what is under way
    served.host.advance(SECOND_NS)
    assert sum(1 for _ in stream) == 299
