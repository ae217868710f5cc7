"""The requests of a recording, made anew of another runtime."""

import io
import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import grpc
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fakecri import CRI, UsageError
from fakecri.api import runtime_pb2 as pb
from fakecri.core.recording import Recording
from fakecri.core.scheduler import SECOND_NS
from fakecri.pace import Pace, Rate
from fakecri.proxy import Proxy
from fakecri.replay import Choices, Driven, Replay, compare, drive
from tests.recording_script import run
from tests.replay.recordings import changed, parse, recording_of
from tests.replay.scripts import Client, Step, scripts
from tests.support import Node


def driven(recording: Recording, **options: Any) -> tuple[Recording, Driven]:
    """Drive a recording against a fakecri; return what that recorded, and what came of it."""
    record = io.StringIO()
    with CRI(record=record, **options) as cri:
        made = drive(recording, cri.host)
    return parse(record.getvalue()), made


def far_away(
    recording: Recording, directory: Path, pace: Pace | str = "rate", **options: Any
) -> tuple[Recording, Driven]:
    """Drive it likewise, but over a socket and in real time."""
    record = io.StringIO()
    address = f"unix://{directory}/cri.sock"
    with CRI(seed=99, pace=pace) as cri, cri.serve(address):
        with Proxy(address, record=record) as proxy:
            made = drive(recording, proxy.host, **options)
        return parse(record.getvalue()), made


def overlapping(node: Node) -> None:
    """Calls that wait while others are made; one whose client goes, and one that is too late."""
    node.pull()
    container = node.run(node.run_sandbox(), "sleep", "1000")
    events = node.runtime.GetContainerEvents(pb.GetEventsRequest())
    slow = pb.ExecSyncRequest(container_id=container, cmd=["sleep", "0.2"])
    never = pb.ExecSyncRequest(container_id=container, cmd=["sleep", "1000"])
    first, second = (node.runtime.ExecSync.future(each) for each in (slow, never))
    late = node.runtime.ExecSync.future(never, timeout=2)
    node.status(container)
    second.cancel()
    first.result()
    with suppress(grpc.RpcError):
        late.result()
    node.stop(container)
    assert [next(events).container_id == container for _ in range(5)] == [False, False, *[True] * 3]
    events.cancel()


def test_a_run_with_everything_is_the_same_again() -> None:
    recording = parse(run(7))
    again, made = driven(recording, seed=8)
    assert compare(recording, again, Choices(sections={"faults": False})).differences == []
    assert made.calls == len(recording.calls)


@settings(max_examples=60, deadline=None)
@given(script=scripts(), seed=st.integers(0, 2**32))
def test_any_script_is_the_same_again_under_any_seed(script: list[Step], seed: int) -> None:
    recording = recording_of(lambda node: Client(node).play(script))
    again, _ = driven(recording, seed=seed)
    assert compare(recording, again, Choices(times="relative")).differences == []
    same, _ = driven(recording, seed=0)
    assert same.lines == recording.lines


def test_calls_overlap_as_they_did() -> None:
    recording = recording_of(overlapping)
    again, made = driven(recording, seed=3)
    assert compare(recording, again, Choices(times="relative")).differences == []
    assert made.notes == []
    assert order(again) == order(recording)


def order(recording: Recording) -> list[tuple[str, int]]:
    return [
        (record.kind, record.facts["call"])
        for record in recording.records
        if record.kind in {"call", "cancel", "reply"}
    ]


def test_calls_overlap_over_a_socket_too(tmp_path: Path) -> None:
    recording = recording_of(overlapping)
    again, made = far_away(recording, tmp_path)
    assert made.notes == []
    assert [each.path for each in compare(recording, again).differences] == []


@settings(
    max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(script=scripts())
def test_scripts_without_pauses_are_the_same_over_a_socket(
    tmp_path: Path, script: list[Step]
) -> None:
    script = [each for each in script if each.what not in {"pass", "stop"}]
    script = [Step(each.what, each.which, 3) if each.what == "create" else each for each in script]
    recording = recording_of(lambda node: Client(node).play(script))
    again, _ = far_away(recording, tmp_path)
    assert compare(recording, again).differences == []


def test_time_may_pass_as_it_did(tmp_path: Path) -> None:
    def script(node: Node) -> None:
        node.pull()
        container = node.run(node.run_sandbox(), "sleep", "200")
        node.cri.advance(2000)
        node.status(container)

    recording = recording_of(script)
    again, _ = far_away(recording, tmp_path, Rate(1000), speed=1000)
    assert compare(recording, again).differences == []


def test_as_much_time_passes_after_a_call_that_takes_longer_than_it_did() -> None:
    def script(node: Node) -> None:
        node.pull()
        node.cri.advance(60)
        node.runtime.Version(pb.VersionRequest())

    record = io.StringIO()
    with CRI(record=record, pace=Rate(1000), rules="PullImage = 1* delay(600s)") as cri:
        drive(recording_of(script), cri.host, speed=1)
    pull, version = parse(record.getvalue()).calls
    assert version.began_ns - (pull.ended_ns or 0) >= 60 * SECOND_NS


def test_what_a_runtime_answers_is_taken_up(tmp_path: Path) -> None:
    recording = recording_of(lambda node: Client(node).play([Step("pull"), Step("run")]))
    path = tmp_path / "run.jsonl"
    path.write_text("".join(recording.lines))
    record = io.StringIO()
    with Replay(path, record=record) as replay:
        drive(recording, replay.host)
        assert (replay.unmatched, replay.unplayed) == ([], [])
    assert compare(recording, parse(record.getvalue())).alike


def test_a_call_that_does_not_end_is_given_up_and_told() -> None:
    def script(node: Node) -> None:
        node.pull()
        container = node.run(node.run_sandbox(), "sleep", "1000")
        request = pb.ExecSyncRequest(container_id=container, cmd=["true"])
        node.runtime.ExecSync(request)

    def slower(line: dict[str, Any]) -> None:
        if line["kind"] == "call" and line["rpc"] == "ExecSync":
            line["request"]["cmd"] = ["sleep", "1000"]

    recording = changed(recording_of(script), slower)
    again, made = driven(recording, pace="manual")
    assert made.notes == ["call 5, ExecSync, did not end in time: it was cancelled"]
    assert again.calls[-1].cancelled == "client"


def test_secrets_are_not_sent() -> None:
    def script(node: Node) -> None:
        auth = pb.AuthConfig(username="me", password="x")
        image = pb.ImageSpec(image="busybox")
        node.images.PullImage(pb.PullImageRequest(image=image, auth=auth))

    recording = recording_of(script)
    again, _ = driven(recording)
    assert "auth" in recording.calls[0].request_fields
    assert "auth" not in again.calls[0].request_fields


def test_what_cannot_be_is_refused() -> None:
    recording = recording_of(lambda node: node.pull())
    with CRI() as cri:
        with pytest.raises(UsageError, match="a speed must be greater than 0, and -1 is not"):
            drive(recording, cri.host, speed=-1)
        with pytest.raises(UsageError, match="a patience is 0 seconds or more, and -1 is not"):
            drive(recording, cri.host, patience_s=-1)


RECORDING = recording_of(overlapping)


@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_a_recording_with_anything_in_it_is_driven_or_refused(data: st.DataObject) -> None:
    lines = [json.loads(line) for line in RECORDING.lines]
    line = data.draw(st.sampled_from(lines))
    key = data.draw(st.sampled_from(sorted(line)))
    line[key] = data.draw(
        st.none() | st.integers(0, 99) | st.text() | st.just({}) | st.just({"a": [1]})
    )
    if data.draw(st.booleans()):
        lines.remove(data.draw(st.sampled_from(lines)))
    with suppress(UsageError), CRI() as cri:
        drive(Recording.parse(map(json.dumps, lines)), cri.host, patience_s=1)
