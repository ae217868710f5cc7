"""A recording in place of a runtime, on both faces."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import grpc
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fakecri import CRI, UsageError
from fakecri.api import runtime_pb2 as pb
from fakecri.channel import connect, image_stub, runtime_stub
from fakecri.core.recording import Recording
from fakecri.replay import Replay, compare
from fakecri.replay.files import read_recording
from tests.replay.recordings import changed, recorded, recording_of
from tests.replay.scripts import Client, Step, cycle, scripts
from tests.support import FACES, Node, raises_status

VERSION = pb.VersionRequest(version="0.1.0")


@contextmanager
def replaying(
    face: str, recording: Recording | None, directory: Path, **options: Any
) -> Iterator[tuple[Node, Replay]]:
    """Open a replay behind one of the faces; its file is `run.jsonl`."""
    path = directory / "run.jsonl"
    if recording is not None:
        path.write_text("".join(recording.lines))
    with Replay(path, **options) as replay:
        time = SimpleNamespace(advance=lambda _: None)
        if face == "object":
            yield Node(time, replay.runtime, replay.images, face), replay  # type: ignore[arg-type]  # time is all that is asked of it
            return
        address = f"unix://{directory}/cri.sock"
        with replay.serve(address), connect(address) as channel:
            yield Node(time, runtime_stub(channel), image_stub(channel), face), replay  # type: ignore[arg-type]  # likewise


@pytest.mark.parametrize("face", FACES)
def test_what_was_answered_is_answered_again(face: str, tmp_path: Path) -> None:
    with recorded(seed=5) as (node, so_far):
        answers = cycle(node)
        recording = so_far()
    with replaying(face, recording, tmp_path) as (node, replay):
        assert cycle(node) == answers
        assert (replay.unmatched, replay.unplayed) == ([], [])


@settings(max_examples=60, deadline=None)
@given(script=scripts(), salt=st.integers(0, 2**31), seed=st.integers(0, 2**31))
def test_any_script_is_answered_as_it_was(
    tmp_path_factory: pytest.TempPathFactory, script: list[Step], salt: int, seed: int
) -> None:
    with recorded(seed=seed) as (node, so_far):
        answers = Client(node).play(script)
        recording = so_far()
    with replaying("object", recording, tmp_path_factory.mktemp("replay")) as (node, replay):
        again = Client(node, salt).play(script)
        assert [each.replace(f"{salt:08x}-0000", "00000000-0000") for each in again] == answers
        assert (replay.unmatched, replay.unplayed) == ([], [])


@pytest.mark.parametrize("face", FACES)
def test_what_was_not_recorded_is_refused_and_the_closest_are_told(
    face: str, tmp_path: Path
) -> None:
    recording = recording_of(cycle)
    with replaying(face, recording, tmp_path) as (node, replay):
        with raises_status(grpc.StatusCode.ABORTED, "fakecri replay: no Version was recorded"):
            node.runtime.Version(VERSION)
        sandbox = node.run_sandbox()
        text = (
            "fakecri replay: no recorded CreateContainer is like this one; closest: "
            'call 3 differs in request.config.command[1] ("1000", not "10")'
        )
        with raises_status(grpc.StatusCode.ABORTED, text):
            node.create(sandbox, "sleep", "10")
        with raises_status(
            grpc.StatusCode.ABORTED,
            "fakecri replay: no recorded RunPodSandbox is like this one; closest: "
            "call 2 has been given",
        ):
            node.run_sandbox()
        assert [each.partition(":")[0] for each in replay.unmatched] == [
            *("Version", "CreateContainer", "RunPodSandbox")
        ]
        assert [call.rpc for call in replay.unplayed][:2] == ["PullImage", "CreateContainer"]


def test_an_id_that_was_never_answered_is_no_other(tmp_path: Path) -> None:
    with replaying("object", recording_of(cycle), tmp_path) as (node, _):
        container = node.run(node.run_sandbox(), "sleep", "1000")
        with raises_status(grpc.StatusCode.ABORTED):
            node.status("ab" * 32)
        assert node.status(container).state == pb.CONTAINER_RUNNING


def polled(node: Node) -> list[object]:
    sandbox = node.run_sandbox()
    container = node.run(sandbox, "sleep", "1000")
    states: list[object] = [node.status(container).state]
    node.stop(container)
    states.append(node.status(container).state)
    return states


def test_who_polls_more_often_does_not_see_what_has_not_been_done(tmp_path: Path) -> None:
    recording = recording_of(lambda node: (node.pull(), polled(node)))
    with replaying("object", recording, tmp_path) as (node, _):
        container = node.run(node.run_sandbox(), "sleep", "1000")
        assert [node.status(container).state for _ in range(5)] == [pb.CONTAINER_RUNNING] * 5
        node.stop(container)
        assert [node.status(container).state for _ in range(5)] == [pb.CONTAINER_EXITED] * 5


def test_who_polls_less_often_sees_what_has_been_done(tmp_path: Path) -> None:
    recording = recording_of(lambda node: (node.pull(), polled(node)))
    with replaying("object", recording, tmp_path) as (node, _):
        container = node.run(node.run_sandbox(), "sleep", "1000")
        node.stop(container)
        assert node.status(container).state == pb.CONTAINER_EXITED


def versions(node: Node) -> None:
    for _ in range(2):
        node.runtime.Version(VERSION)
    node.pull()


@pytest.mark.parametrize(
    ("repeat", "reads", "writes"), [("never", 2, 1), ("reads", 9, 1), ("always", 9, 9)]
)
def test_what_may_be_answered_again_can_be_chosen(
    repeat: str, reads: int, writes: int, tmp_path: Path
) -> None:
    with replaying("object", recording_of(versions), tmp_path, repeat=repeat) as (node, _):
        assert answered(lambda: node.runtime.Version(VERSION)) == reads
        assert answered(node.pull) == writes


def answered(call: Callable[[], object]) -> int:
    """Return how many of nine calls were answered before one was refused."""
    for number in range(9):
        try:
            call()
        except grpc.RpcError:
            return number
    return 9


@pytest.mark.parametrize("face", FACES)
def test_events_come_when_what_brought_them_about_is_done(face: str, tmp_path: Path) -> None:
    def script(node: Node) -> list[str]:
        events = node.runtime.GetContainerEvents(pb.GetEventsRequest())
        node.pull()
        sandbox = node.run_sandbox()
        seen = [next(events).container_id]
        container = node.run(sandbox, "sleep", "1000")
        seen += [next(events).container_id for _ in range(3)]
        assert seen[2:] == [container, container]
        events.cancel()
        return seen

    with recorded() as (node, so_far):
        seen = script(node)
        recording = so_far()
    with replaying(face, recording, tmp_path) as (node, replay):
        early = node.runtime.GetContainerEvents(pb.GetEventsRequest())
        early.cancel()
        assert [call.rpc for call in replay.unplayed].count("PullImage") == 1
    with replaying(face, recording, tmp_path) as (node, _):
        assert script(node) == seen


@pytest.mark.parametrize("face", FACES)
def test_errors_have_their_codes_texts_and_details(face: str, tmp_path: Path) -> None:
    def fail(line: dict[str, Any]) -> None:
        if line["kind"] == "reply":
            del line["response"]
            line["error"] = {"code": "UNAVAILABLE", "text": "gone", "details": "CA4="}

    recording = changed(recording_of(lambda node: node.runtime.Version(VERSION)), fail)
    with replaying(face, recording, tmp_path) as (node, replay):
        with raises_status(grpc.StatusCode.UNAVAILABLE, "gone"):
            node.runtime.Version(VERSION)
        (call,) = replay.calls
        assert call.error is not None
        assert call.error.details == b"\x08\x0e"


@pytest.mark.parametrize("face", FACES)
def test_a_call_that_was_never_answered_waits_for_its_client_to_give_up(
    face: str, tmp_path: Path
) -> None:
    def script(node: Node) -> None:
        node.pull()
        container = node.run(node.run_sandbox(), "sleep", "1000")
        request = pb.ExecSyncRequest(container_id=container, cmd=["sleep", "1000"])
        with raises_status(grpc.StatusCode.DEADLINE_EXCEEDED):
            node.runtime.ExecSync(request, timeout=0.3)

    with replaying(face, recording_of(script), tmp_path) as (node, _):
        script(node)


def test_answers_may_take_as_long_as_they_took(tmp_path: Path) -> None:
    recording = recording_of(cycle)
    for delays, seconds in ((False, 0), (True, 2)):
        with replaying("object", recording, tmp_path, delays=delays) as (node, replay):
            cycle(node)
            stop = next(call for call in replay.calls if call.rpc == "StopContainer")
            assert stop.ended_ns is not None
            assert (stop.ended_ns - stop.began_ns) // 10**9 == seconds


def test_what_is_masked_is_like_anything(tmp_path: Path) -> None:
    def script(node: Node, password: str) -> str:
        auth = pb.AuthConfig(username="me", password=password)
        request = pb.PullImageRequest(image=pb.ImageSpec(image="busybox"), auth=auth)
        return node.images.PullImage(request).image_ref

    with recorded() as (node, so_far):
        answer = script(node, "x")
        recording = so_far()
    masked = changed(recording, lambda line: line.get("request", {}).update(image={"image": "***"}))
    for each in (recording, masked):
        with replaying("object", each, tmp_path) as (node, _):
            assert script(node, "y") == answer


# Modes.


def test_once_records_where_there_is_no_file_and_answers_where_there_is(tmp_path: Path) -> None:
    with replaying("object", None, tmp_path, mode="once") as (node, _):
        answers = cycle(node)
        assert not (tmp_path / "run.jsonl").exists()
    with replaying("object", None, tmp_path, mode="once") as (node, _):
        assert cycle(node) == answers
        with raises_status(grpc.StatusCode.ABORTED):
            node.runtime.Version(VERSION)
    assert compare(read_recording(tmp_path / "run.jsonl"), recording_of(cycle)).alike


def test_new_episodes_answer_what_was_recorded_and_keep_the_rest(tmp_path: Path) -> None:
    def more(node: Node) -> None:
        node.pull("nginx")
        node.runtime.Version(VERSION)
        node.run_sandbox("other")

    recording = recording_of(cycle)
    for number in range(3):
        mode = "none" if number == 2 else "new_episodes"
        given = None if number else recording
        with replaying("object", given, tmp_path, mode=mode) as (node, replay):
            cycle(node)
            more(node)
            assert replay.unmatched == []
    after = read_recording(tmp_path / "run.jsonl")
    rpcs = [call.rpc for call in recording.calls]
    assert [call.rpc for call in after.calls] == [*rpcs, "PullImage", "Version", "RunPodSandbox"]
    assert after.lines[: len(recording.lines)] == recording.lines
    kinds = [record.kind for record in after.records[len(recording.records) :]]
    sandbox = ["call", "move", "event", "move", "event", "reply"]
    assert kinds == ["call", "reply", "call", "reply", *sandbox]


def test_new_episodes_go_on_after_a_line_that_was_cut_off(tmp_path: Path) -> None:
    recording = recording_of(versions)
    (tmp_path / "run.jsonl").write_text("".join(recording.lines) + '{"kind":"ca')
    with replaying("object", None, tmp_path, mode="new_episodes") as (node, _):
        node.run_sandbox()
    after = read_recording(tmp_path / "run.jsonl")
    assert (after.torn, after.calls[-1].rpc) == ("", "RunPodSandbox")


def test_all_asks_anew_and_replaces_the_file_when_it_is_done(tmp_path: Path) -> None:
    recording = recording_of(versions)
    with replaying("object", recording, tmp_path, mode="all") as (node, _):
        cycle(node)
        assert read_recording(tmp_path / "run.jsonl").lines == recording.lines
    assert [each.name for each in tmp_path.iterdir()] == ["run.jsonl"]
    assert compare(read_recording(tmp_path / "run.jsonl"), recording_of(cycle)).alike


@pytest.mark.parametrize("mode", ["none", "once", "new_episodes"])
def test_what_is_no_recording_is_refused_and_left_alone(mode: str, tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    path.write_text("{}\n")
    with pytest.raises(UsageError, match=r"run\.jsonl: line 1"):
        Replay(path, mode=mode)
    assert path.read_text() == "{}\n"


@pytest.mark.parametrize("face", FACES)
def test_another_runtime_answers_what_was_not_recorded(face: str, tmp_path: Path) -> None:
    recording = recording_of(versions)
    address = f"unix://{tmp_path}/other.sock"
    with CRI(seed=9, pace="rate") as other, other.serve(address):
        options = {"mode": "new_episodes", "upstream": address}
        with replaying(face, recording, tmp_path, **options) as (node, replay):
            versions(node)
            sandbox = node.run_sandbox()
            assert [call.rpc for call in other.calls] == ["RunPodSandbox"]
            assert sandbox in {each.id for each in other.runtime_service.list_pod_sandbox()}
            with raises_status(grpc.StatusCode.NOT_FOUND):
                node.status("nobody")
            assert replay.unplayed == []
    with replaying(face, None, tmp_path) as (node, _):
        assert node.run_sandbox() == sandbox
        with raises_status(grpc.StatusCode.NOT_FOUND):
            node.status("nobody")


def test_what_cannot_be_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="'some' is no mode: none, once, new_episodes, all"):
        Replay(tmp_path / "x", mode="some")
    with pytest.raises(UsageError, match="in mode none nobody else is asked"):
        Replay(tmp_path / "x", upstream="unix:///run/cri.sock")
    with pytest.raises(UsageError, match="x: No such file"):
        Replay(tmp_path / "x")
    with pytest.raises(UsageError, match="No such file"):
        Replay(tmp_path / "no" / "x", mode="all")
    (tmp_path / "x").write_text("".join(recording_of(versions).lines))
    with pytest.raises(UsageError, match="'often' is not when answers are repeated"):
        Replay(tmp_path / "x", repeat="often")


RECORDING = recording_of(cycle)


@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_a_recording_with_anything_in_it_is_served_or_refused(
    tmp_path: Path, data: st.DataObject
) -> None:
    lines = [json.loads(line) for line in RECORDING.lines]
    line = data.draw(st.sampled_from(lines))
    key = data.draw(st.sampled_from(sorted(line)))
    line[key] = data.draw(
        st.none() | st.integers(0, 99) | st.text() | st.just({}) | st.just({"a": [1]})
    )
    (tmp_path / "run.jsonl").write_text("".join(json.dumps(each) + "\n" for each in lines))
    with suppress(UsageError), Replay(tmp_path / "run.jsonl", mode="new_episodes") as replay:
        Client(Node(SimpleNamespace(), replay.runtime, replay.images, "object")).play(  # type: ignore[arg-type]  # nothing is asked of it
            [Step("pull"), Step("run"), Step("create"), Step("start"), Step("list")]
        )
