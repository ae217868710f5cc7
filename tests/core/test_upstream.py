"""Calls that go to a runtime somewhere else instead of to our own handlers."""

from collections.abc import Callable
from typing import Any

import pytest

from fakecri.api import runtime_pb2 as pb
from fakecri.core.pipeline import Call
from fakecri.core.scheduler import Future, Waits
from fakecri.errors import CancelledError, Code, CRIError
from fakecri.host import Host
from fakecri.opening import open_host
from fakecri.rpcs import RPCS


class Elsewhere:
    """A runtime that answers when the test says."""

    def __init__(self) -> None:
        self.answers: list[Future[Any]] = []
        self.cancelled: list[str] = []

    def attach(self, host: Host) -> None:
        """Have the calls of a host."""
        self._host = host
        host.world.upstream = self

    def forward(self, call: Call, send: Callable[[Any], None]) -> Waits[Any]:
        """Pass on what the test answers."""
        answer: Future[Any] = Future(self._host.world.scheduler)
        self.answers.append(answer)
        try:
            response = yield from answer
        except CancelledError as error:
            self.cancelled.append(error.message)
            raise
        if not call.rpc.streams:
            return response
        send(response)
        return None


@pytest.fixture
def elsewhere() -> Elsewhere:
    return Elsewhere()


@pytest.fixture
def host(elsewhere: Elsewhere) -> Host:
    host = open_host()
    elsewhere.attach(host)
    return host


def test_a_call_waits_for_the_answer_of_the_other_runtime(host: Host, elsewhere: Elsewhere) -> None:
    call = host.start(RPCS["Version"], pb.VersionRequest())
    assert not call.done
    with host.turn():
        elsewhere.answers[0].set_result(pb.VersionResponse(runtime_name="other"))
    assert call.response == pb.VersionResponse(runtime_name="other")


def test_a_stream_of_the_other_runtime_goes_through_and_is_recorded(
    host: Host, elsewhere: Elsewhere
) -> None:
    call = host.start(RPCS["GetContainerEvents"], pb.GetEventsRequest())
    event = pb.ContainerEventResponse(container_id="c")
    with host.turn() as world:
        elsewhere.answers[0].set_result(event)
    assert list(call.messages) == [event]
    assert world.recorder.calls[0].messages == [event]


def test_an_error_of_the_other_runtime_keeps_its_details(host: Host, elsewhere: Elsewhere) -> None:
    call = host.start(RPCS["Version"], pb.VersionRequest())
    with host.turn():
        elsewhere.answers[0].set_error(CRIError("no", Code.ABORTED, b"\x08\x0a"))
    assert call.error is not None
    assert (call.error.code, call.error.message, call.error.details) == (
        Code.ABORTED,
        "no",
        b"\x08\x0a",
    )


def test_the_other_runtime_learns_that_a_client_has_gone(host: Host, elsewhere: Elsewhere) -> None:
    call = host.start(RPCS["Version"], pb.VersionRequest())
    host.cancel(call, CancelledError.by_client())
    assert elsewhere.cancelled == ["context canceled"]


def test_what_came_over_a_wire_goes_on_as_it_came() -> None:
    call = Call(RPCS["Version"], pb.VersionRequest())
    response = pb.VersionResponse(version="1")
    content = (
        b"\x0a\x01\x30" + response.SerializeToString()
    )  # two versions, of which the last is it
    call.keep(response, content)
    assert call.encoded(response) == content
    assert call.encoded(response) == response.SerializeToString()


def test_what_a_rule_dropped_is_not_kept() -> None:
    call = Call(RPCS["GetContainerEvents"], pb.GetEventsRequest())
    kept, dropped = pb.ContainerEventResponse(), pb.ContainerEventResponse()
    for event in (kept, dropped):
        call.keep(event, b"\x0a\x00")
    call.send(kept)
    for event in (kept, dropped):
        call.forget(event)
    assert (call.encoded(kept), call.encoded(dropped)) == (b"\x0a\x00", b"")
