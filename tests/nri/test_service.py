"""ttrpc's server: the calls it answers, and what it says of wrong ones."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakecri.api import nri_pb2 as nri
from fakecri.api import ttrpc_pb2 as ttrpc
from fakecri.core.nri.plugins import NRIError
from fakecri.core.scheduler import Future, Scheduler
from fakecri.errors import Code
from fakecri.nri.frames import DATA, LIMIT, REQUEST, RESPONSE, Decoder, Frame
from fakecri.nri.service import Service

NAME = "nri.pkg.api.v1alpha1.Runtime"
UNREADABLE = "proto: cannot parse invalid wire-format data"


class Serving:
    """A service of one method, and what it has sent."""

    def __init__(self) -> None:
        self.scheduler = Scheduler(1)
        self.requests: list[nri.RegisterPluginRequest] = []
        self.answers: list[Future[nri.Empty]] = []
        self.sent: list[Frame] = []
        decoder = Decoder(self.sent.append, lambda _: None)
        methods = {"RegisterPlugin": (nri.RegisterPluginRequest, self._register)}
        self.service = Service({NAME: methods}, decoder.feed)

    def _register(self, request: nri.RegisterPluginRequest) -> Future[nri.Empty]:
        self.requests.append(request)
        self.answers.append(Future(self.scheduler))
        return self.answers[-1]

    def ask(self, stream: int = 1, method: str = "RegisterPlugin", **fields: Any) -> None:
        request = ttrpc.Request(**{"service": NAME, "method": method, **fields})
        self.take(Frame(stream, REQUEST, request.SerializeToString()))

    def take(self, frame: Frame) -> None:
        self.service.take(frame)
        self.scheduler.run()

    @property
    def statuses(self) -> list[tuple[int, int, str]]:
        """The stream of each answer, with its code and its text."""
        found = []
        for frame in self.sent:
            assert (frame.kind, frame.flags) == (RESPONSE, 0)
            status = ttrpc.Response.FromString(frame.content).status
            found.append((frame.stream, status.code, status.message))
        return found


def test_a_call_is_answered_on_its_stream_with_nothing_but_a_payload() -> None:
    serving = Serving()
    serving.ask(7, payload=nri.RegisterPluginRequest(plugin_name="tuner").SerializeToString())
    assert serving.requests == [nri.RegisterPluginRequest(plugin_name="tuner")]
    assert serving.sent == []
    serving.answers[0].set_result(nri.Empty())
    serving.scheduler.run()
    assert serving.sent == [Frame(7, RESPONSE)]


def test_calls_are_answered_as_they_end() -> None:
    serving = Serving()
    serving.ask(1)
    serving.ask(3)
    serving.answers[1].set_result(nri.Empty())
    serving.scheduler.run()
    serving.answers[0].set_error(NRIError(Code.NOT_FOUND, "who?"))
    serving.scheduler.run()
    assert serving.statuses == [(3, 0, ""), (1, Code.NOT_FOUND, "who?")]


@pytest.mark.parametrize("flags", [0, 1, 2])
def test_a_request_that_says_there_will_be_data_is_a_request(flags: int) -> None:
    serving = Serving()
    content = ttrpc.Request(service=NAME, method="RegisterPlugin").SerializeToString()
    serving.take(Frame(1, REQUEST, content, flags))
    assert len(serving.requests) == 1


def test_metadata_and_a_timeout_are_allowed() -> None:
    serving = Serving()
    serving.ask(1, timeout_nano=5, metadata=[ttrpc.KeyValue(key="a", value="b")])
    assert len(serving.requests) == 1


@pytest.mark.parametrize(
    ("request_", "code", "text"),
    [
        ({"service": "no.Such"}, Code.UNIMPLEMENTED, "service no.Such"),
        ({"method": "Nothing"}, Code.UNIMPLEMENTED, "method Nothing"),
        (
            {"payload": b"\xff"},
            Code.INTERNAL,
            f"ttrpc: error unmarshalling payload: {UNREADABLE}",
        ),
    ],
)
def test_a_call_that_makes_no_sense_is_refused(
    request_: dict[str, Any], code: Code, text: str
) -> None:
    serving = Serving()
    serving.ask(1, **request_)
    assert serving.statuses == [(1, code, text)]
    assert serving.requests == []


@pytest.mark.parametrize(
    ("frame", "code", "text"),
    [
        (
            Frame(2, REQUEST),
            Code.INVALID_ARGUMENT,
            "StreamID must be odd for client initiated streams",
        ),
        (Frame(9, DATA), Code.INVALID_ARGUMENT, "StreamID is no longer active"),
        (
            Frame(9, REQUEST, b"\xff"),
            Code.INVALID_ARGUMENT,
            f"unmarshal request error: {UNREADABLE}",
        ),
        (
            Frame(9, REQUEST, excess=LIMIT + 1),
            Code.RESOURCE_EXHAUSTED,
            f"message length {LIMIT + 1} exceed maximum message size of {LIMIT}",
        ),
    ],
)
def test_a_frame_that_is_out_of_place_is_answered(frame: Frame, code: Code, text: str) -> None:
    serving = Serving()
    serving.take(frame)
    assert serving.statuses == [(frame.stream, code, text)]
    serving.ask(11)
    assert len(serving.requests) == 1


@pytest.mark.parametrize("stream", [3, 5])
def test_the_number_of_a_stream_must_grow(stream: int) -> None:
    serving = Serving()
    serving.ask(5)
    serving.ask(stream)
    text = "StreamID cannot be re-used and must increment"
    assert serving.statuses == [(stream, Code.INVALID_ARGUMENT, text)]


@pytest.mark.parametrize("kind", [0, RESPONSE, 4, 255])
def test_what_a_later_version_might_send_is_ignored(kind: int) -> None:
    serving = Serving()
    serving.take(Frame(1, kind, b"x"))
    assert serving.sent == []


@given(st.integers(0, 9), st.integers(0, 4), st.binary(max_size=60))
def test_any_frame_is_taken(stream: int, kind: int, content: bytes) -> None:
    serving = Serving()
    serving.take(Frame(stream, kind, content))
    assert len(serving.sent) <= 1
