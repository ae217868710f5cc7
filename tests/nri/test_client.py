"""ttrpc's client: the calls it makes, and what becomes of answers, wrong ones, and none."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakecri.api import nri_pb2 as nri
from fakecri.api import ttrpc_pb2 as ttrpc
from fakecri.core.nri.plugins import NRIError, OversizedRequest, PluginGone
from fakecri.core.scheduler import Future, Scheduler
from fakecri.errors import Code
from fakecri.nri.client import Client, Garbled
from fakecri.nri.frames import DATA, LIMIT, REQUEST, RESPONSE, Decoder, Frame

METHOD = "/nri.pkg.api.v1alpha1.Plugin/Configure"


class Calling:
    """A client, and what it has sent."""

    def __init__(self) -> None:
        self.sent: list[Frame] = []
        self._decoder = Decoder(self.sent.append, lambda _: None)
        self.client = Client(Scheduler(1), self._decoder.feed)

    def call(self, config: str = "x") -> Future[Any]:
        request = nri.ConfigureRequest(config=config)
        return self.client.call(METHOD, request, nri.ConfigureResponse, 2_000_000_000)

    def answer(self, stream: int = 1, **fields: Any) -> None:
        content = ttrpc.Response(**fields).SerializeToString()
        self.client.take(Frame(stream, RESPONSE, content))


def error_of(future: Future[Any]) -> NRIError:
    assert future.done
    assert isinstance(future.error, NRIError)
    return future.error


def test_a_call_names_its_service_its_method_and_how_long_it_waits() -> None:
    calling = Calling()
    calling.call("tune")
    (frame,) = calling.sent
    assert (frame.stream, frame.kind, frame.flags) == (1, REQUEST, 0)
    assert ttrpc.Request.FromString(frame.content) == ttrpc.Request(
        service="nri.pkg.api.v1alpha1.Plugin",
        method="Configure",
        payload=nri.ConfigureRequest(config="tune").SerializeToString(),
        timeout_nano=2_000_000_000,
    )


def test_each_call_has_the_next_odd_stream() -> None:
    calling = Calling()
    for _ in range(3):
        calling.call()
    assert [frame.stream for frame in calling.sent] == [1, 3, 5]


def test_answers_may_come_in_any_order() -> None:
    calling = Calling()
    first, second = calling.call(), calling.call()
    calling.answer(3, payload=nri.ConfigureResponse(events=3).SerializeToString())
    assert (first.done, second.done, calling.client.waits) == (False, True, True)
    calling.answer(1)
    assert (first.result(), second.result()) == (
        nri.ConfigureResponse(),
        nri.ConfigureResponse(events=3),
    )
    assert not calling.client.waits


@pytest.mark.parametrize(
    ("status", "text"),
    [
        ((2, "boom"), "rpc error: code = Unknown desc = boom"),
        ((9, "not now"), "rpc error: code = FailedPrecondition desc = not now"),
        ((12, "method X"), "rpc error: code = Unimplemented desc = method X"),
    ],
)
def test_an_answer_may_be_an_error(status: tuple[int, str], text: str) -> None:
    calling = Calling()
    future = calling.call()
    calling.answer(status=ttrpc.Status(code=status[0], message=status[1]))
    error = error_of(future)
    assert (error.code, str(error)) == (Code(status[0]), text)


def test_a_code_that_there_is_not_is_unknown() -> None:
    calling = Calling()
    future = calling.call()
    calling.answer(status=ttrpc.Status(code=99, message="odd"))
    assert error_of(future).code is Code.UNKNOWN


def test_a_request_that_is_too_long_is_not_sent_but_has_had_a_stream() -> None:
    calling = Calling()
    future = calling.call("x" * LIMIT)
    error = error_of(future)
    assert isinstance(error, OversizedRequest)
    length = LIMIT + 56
    assert (error.length, error.limit, calling.sent) == (length, LIMIT, [])
    assert str(error) == (
        f"rpc error: code = ResourceExhausted desc = message length {length} exceed maximum "
        f"message size of {LIMIT}"
    )
    calling.call()
    assert calling.sent[0].stream == 3


def test_an_answer_that_was_too_long_is_an_error_of_its_call() -> None:
    calling = Calling()
    future = calling.call()
    calling.client.take(Frame(1, RESPONSE, excess=LIMIT + 1))
    error = error_of(future)
    assert error.code is Code.RESOURCE_EXHAUSTED
    assert error.text == f"message length {LIMIT + 1} exceed maximum message size of {LIMIT}"


@pytest.mark.parametrize(("kind", "name"), [(REQUEST, "request"), (DATA, "data"), (9, "unknown")])
def test_what_is_no_response_breaks_the_protocol(kind: int, name: str) -> None:
    calling = Calling()
    future = calling.call()
    calling.client.take(Frame(1, kind))
    error = error_of(future)
    assert isinstance(error, PluginGone)
    assert str(error) == f'unexpected "{name}" message received: protocol error'


@pytest.mark.parametrize("content", [b"\xff", ttrpc.Response(payload=b"\xff").SerializeToString()])
def test_bytes_that_are_no_message_are_an_error_that_does_not_end_the_plugin(
    content: bytes,
) -> None:
    calling = Calling()
    future = calling.call()
    calling.client.take(Frame(1, RESPONSE, content))
    error = error_of(future)
    assert isinstance(error, Garbled)
    assert str(error) == "proto: cannot parse invalid wire-format data"


def test_what_nobody_waits_for_is_dropped() -> None:
    calling = Calling()
    calling.answer(1)
    future = calling.call()
    calling.answer(5)
    assert not future.done
    calling.answer(1)
    calling.answer(1, status=ttrpc.Status(code=2))
    assert future.result() == nri.ConfigureResponse()


def test_a_connection_that_ends_ends_the_calls_and_there_are_no_more() -> None:
    calling = Calling()
    waiting = calling.call()
    calling.client.close(PluginGone())
    later = calling.call()
    for future in (waiting, later):
        assert str(error_of(future)) == "ttrpc: closed"
    assert len(calling.sent) == 1
    assert not calling.client.waits


@given(st.integers(0, 5), st.integers(0, 5), st.binary(max_size=40))
def test_any_frame_is_taken(stream: int, kind: int, content: bytes) -> None:
    calling = Calling()
    future = calling.call()
    calling.client.take(Frame(stream, kind, content))
    assert future.done == (stream == 1)
