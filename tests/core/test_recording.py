"""Reading recordings: what a recorder wrote comes back to the byte, and nothing crashes."""

import io
import json
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
from google.protobuf.message import Message
from hypothesis import example, given
from hypothesis import strategies as st

from fakecri import CRI, Code
from fakecri.api import runtime_pb2 as pb
from fakecri.core.recording import RecordedCall, Recording, RecordingError
from fakecri.core.shapes import SHAPES
from tests.recording_script import run
from tests.support import Node

if TYPE_CHECKING:
    from fakecri.core.recorder import CallRecord

TEXT = run(7)
LINES = TEXT.splitlines(keepends=True)
HEADER = LINES[0]

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)


def line(**fields: Any) -> str:
    return json.dumps({"n": 1, "t": 0, "v": 0, **fields})


def call(**fields: Any) -> str:
    begun = {"kind": "call", "call": 1, "rpc": "Version", "peer": "x", "request": {}}
    return line(**{**begun, "timeout_ns": None, **fields})


def test_what_a_recorder_wrote_is_printed_as_it_was() -> None:
    assert "".join(Recording.parse(LINES).lines) == TEXT


@pytest.mark.parametrize(
    "lines",
    [TEXT.splitlines(), TEXT.encode().splitlines(keepends=True), io.StringIO(TEXT)],
    ids=["without ends", "bytes", "a file"],
)
def test_lines_of_all_sorts_are_read(lines: Any) -> None:
    assert Recording.parse(lines) == Recording.parse(LINES)


def test_a_header_says_what_the_run_depends_on() -> None:
    facts = Recording.parse(LINES).header.facts
    assert (facts["seed"], facts["profile"], facts["pace"]) == (7, "containerd", "autojump")


def both(seed: int = 0) -> "tuple[list[CallRecord], tuple[RecordedCall, ...]]":
    """Return the calls of one run as they were, and as they are read."""
    record = io.StringIO()
    with CRI(record=record, seed=seed) as cri:
        node = Node(cri, cri.runtime, cri.images, "object")
        node.pull()
        container = node.run(node.run_sandbox(), "sleep", "infinity")
        stream = cri.runtime.GetContainerEvents(pb.GetEventsRequest())
        request = pb.ExecSyncRequest(container_id=container, cmd=["sleep", "9"])
        for timeout in (2, None):
            cri.runtime.ExecSync.future(request, timeout, (("x-trace", "1"),)).exception()
        node.remove(container)
        next(stream)
        live = cri.calls
        stream.cancel()
    return live, Recording.parse(record.getvalue().splitlines()).calls


def test_a_call_that_is_read_has_what_a_live_one_has() -> None:
    names = [
        *("serial", "rpc", "request", "peer", "timeout_ns", "n", "began_ns", "ended_n", "ended_ns"),
        *("response", "messages", "cancelled", "cancelled_ns", "faults", "touched", "unsent"),
    ]
    live, read = both()
    assert len(live) == len(read) == 8
    for name in names:
        assert [getattr(each, name) for each in read] == [getattr(each, name) for each in live]
    assert [str(each.error) for each in read] == [str(each.error) for each in live]
    assert [{key: tuple(values) for key, values in each.metadata.items()} for each in read] == [
        each.metadata for each in live
    ]


def test_a_call_has_its_messages_as_fields_too() -> None:
    _, read = both()
    assert read[0].request_fields == {"image": {"image": "busybox"}}
    assert read[0].response_fields == {"image_ref": read[0].response.image_ref}
    assert read[4].message_fields[0]["container_id"] == read[4].messages[0].container_id


def test_a_call_that_never_ended_has_no_end() -> None:
    (begun,) = Recording.parse([HEADER, call()]).calls
    assert (begun.ended_ns, begun.ended_n, begun.response, begun.error) == (None, None, None, None)
    assert (begun.cancelled, begun.cancelled_ns, begun.touched, begun.unsent) == (
        "",
        None,
        (),
        False,
    )


def test_what_is_said_of_a_call_that_began_before_the_recording_makes_no_call() -> None:
    reply = line(kind="reply", call=7, rpc="Version", response={})
    recording = Recording.parse([HEADER, reply])
    assert (len(recording.records), recording.calls) == (1, ())


def test_an_error_is_read_with_its_code_and_details() -> None:
    error = {"code": "UNAVAILABLE", "text": "gone", "details": "eA=="}
    reply = line(n=2, kind="reply", call=1, rpc="Version", error=error)
    found = Recording.parse([HEADER, call(), reply]).calls[0].error
    assert found is not None
    assert (found.code, found.message, found.details) == (Code.UNAVAILABLE, "gone", b"x")


# A runtime that is killed.


def test_a_last_line_that_is_cut_off_is_an_error() -> None:
    with pytest.raises(RecordingError, match=r"line 3: expected a JSON object.*may be cut off"):
        Recording.parse([*LINES[:2], LINES[2][:-9]])


def test_a_last_line_that_is_cut_off_is_left_out_on_demand() -> None:
    recording = Recording.parse([*LINES[:2], LINES[2][:-9]], tolerant=True)
    assert "".join(recording.lines) == "".join(LINES[:2])
    assert recording.torn == LINES[2][:-9]


def test_a_line_in_the_middle_is_never_left_out() -> None:
    with pytest.raises(RecordingError, match="line 2: expected a JSON object"):
        Recording.parse([LINES[0], LINES[1][:-9], LINES[2]], tolerant=True)


@given(st.integers(0, len(TEXT)))
def test_a_recording_cut_off_anywhere_is_read_up_to_its_last_whole_line(end: int) -> None:
    cut = TEXT[:end]
    whole = cut.count("\n") + (cut != TEXT and TEXT[end : end + 1] == "\n")
    if not whole:
        with pytest.raises(RecordingError):
            Recording.parse(cut.splitlines(keepends=True), tolerant=True)
    else:
        recording = Recording.parse(cut.splitlines(keepends=True), tolerant=True)
        assert recording.lines == LINES[:whole]


# What is no recording.


@pytest.mark.parametrize(
    ("lines", "complaint"),
    [
        ([], "a recording begins with a header, and there is no line"),
        (["{"], "line 1: expected a JSON object, not '{'"),
        (["[]", "{}"], "line 1: expected a JSON object, not '[]'"),
        ([b"\xff\n"], "line 1 is not UTF-8: invalid start byte"),
        (["{}"], 'line 1: expected "n", a whole number, 0 or more'),
        (['{"kind":"header","format":1,"t":1}'], "a recording of format '1'; format 2 is read"),
        (['{"kind":"header"}'], "line 1: this is a recording of format 'null'; format 2 is read"),
        ([call()], 'line 1: expected the header, not a line of kind "call"'),
        ([HEADER, HEADER], "line 2: a recording has one header, before all else"),
        ([HEADER, line(kind="dance")], "line 2: 'dance' is no kind of line: header, call, cancel"),
        ([HEADER, call(n="1")], "\"n\" to be a whole number, 0 or more, not '1'"),
        ([HEADER, call(n=True)], "expected \"n\" to be a whole number, 0 or more, not 'true'"),
        ([HEADER, call(t=2**70)], 'expected "t" to be a whole number of 64 bits'),
        ([HEADER, call(peer=None)], "line 2: expected \"peer\" to be a text, not 'null'"),
        ([HEADER, line(kind="event")], 'line 2: expected "event", an object'),
        ([HEADER, call(), call()], 'line 3: expected "n" to be greater than 1, not 1'),
        ([HEADER, call(v=2), call(n=2)], 'line 3: expected "v" to be 2 or more, not 0'),
        (
            [HEADER, line(kind="cancel", call=1, rpc="Version", cause="rain")],
            '"cause" to be "deadline" or "client" or "closed", not \'rain\'',
        ),
        (
            [HEADER, line(kind="reply", call=1, rpc="V", response={}, error={})],
            'expected "error" to be an object with the name of a status code and a text',
        ),
        (
            [
                HEADER,
                line(kind="reply", call=1, rpc="V", response={}, error={"code": "OK", "text": ""}),
            ],
            "line 2: expected a response or an error, not both",
        ),
        ([HEADER, call(request=[])], 'line 2: expected "request" to be an object'),
        ([HEADER, '{"n":NaN}', HEADER], "line 2: expected a JSON object, not"),
        ([HEADER, "[" * 100_000, HEADER], "line 2: expected a JSON object, not"),
        ([HEADER, "1" * 5000, HEADER], "line 2: expected a JSON object, not"),
    ],
)
def test_what_is_no_recording_is_refused_with_a_reason(lines: list[Any], complaint: str) -> None:
    with pytest.raises(RecordingError) as refusal:
        Recording.parse(lines)
    assert complaint in str(refusal.value)


def test_a_request_that_is_none_of_its_rpc_is_refused_when_it_is_asked_for() -> None:
    wrong = Recording.parse([HEADER, call(request={"version": 7}), call(n=2, call=2, rpc="Dance")])
    assert wrong.calls[0].request_fields == {"version": 7}
    with pytest.raises(RecordingError, match="record 1 has no VersionRequest"):
        _ = wrong.calls[0].request
    with pytest.raises(RecordingError, match="record 2: 'Dance' is not an RPC of the CRI"):
        _ = wrong.calls[1].request


def read_all(lines: list[Any]) -> None:
    """Read everything that there is; RecordingError is the only way out."""
    with suppress(RecordingError):
        recording = Recording.parse(lines, tolerant=True)
        for each in recording.calls:
            _ = (each.error, each.touched, each.faults, each.metadata, each.unsent)
            _ = (each.request, each.response, each.messages)
        assert Recording.parse(recording.lines) == Recording(recording.header, recording.records)


@given(st.lists(st.binary(max_size=40) | st.text(max_size=40), max_size=4), st.booleans())
def test_no_bytes_crash_the_reader(lines: list[Any], headed: bool) -> None:
    read_all([HEADER, *lines] if headed else lines)


@given(
    st.sampled_from(sorted(SHAPES)),
    st.dictionaries(
        st.sampled_from(sorted({key for shapes in SHAPES.values() for key in shapes})), JSON
    ),
)
@example("reply", {"error": {"code": [], "text": ""}})
@example("reply", {"call": 1, "rpc": "V", "error": {"code": "OK", "text": "", "details": "\u00fc"}})
def test_no_values_crash_the_reader(kind: str, fields: dict[str, Any]) -> None:
    read_all([HEADER, call(), json.dumps({"n": 2, "kind": kind, "t": 1, "v": 2, **fields})])


@given(st.sampled_from(["Version", "CreateContainer", "ContainerStatus"]), JSON)
def test_no_request_crashes_the_reader(rpc: str, request: Any) -> None:
    read_all([HEADER, call(rpc=rpc, request={"config": request, "version": request, "id": 1})])


@given(st.data())
def test_a_recording_with_a_change_anywhere_does_not_crash_the_reader(data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(TEXT) - 1))
    changed = TEXT[:at] + data.draw(st.characters()) + TEXT[at + 1 :]
    read_all(list(changed.splitlines(keepends=True)))


def test_messages_are_read_as_the_types_of_their_rpc() -> None:
    for each in Recording.parse(LINES).calls:
        assert isinstance(each.request, Message)
        assert each.error is not None or isinstance(each.response, Message)
