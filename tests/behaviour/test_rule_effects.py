"""What rules make of the work of a call: twice, not at all, or later."""

from io import StringIO
from typing import Any

import grpc
import pytest

from fakecri.api import runtime_pb2 as pb
from fakecri.core.recording import Recording
from tests.behaviour.steps import (
    CREATED,
    EXITED,
    NOT_FOUND,
    READY,
    RUNNING,
    containers,
    is_answered,
    sandboxes,
    still_node,
    until,
)
from tests.support import Node, raises_status

UNKNOWN, UNAVAILABLE = grpc.StatusCode.UNKNOWN, grpc.StatusCode.UNAVAILABLE


def test_a_sandbox_that_is_run_twice_is_two_that_are_ready(ready: Node) -> None:
    with ready.cri.faults("RunPodSandbox = 1* twice"):
        answered = ready.run_sandbox()
    first, second = sandboxes(ready)
    assert answered == second
    for each in (first, second):
        status = ready.sandbox_status(each)
        assert (status.state, status.metadata.uid) == (READY, "uid-web")
    for each in (first, second):
        ready.remove_sandbox(each)
    assert ready.run_sandbox()


def test_a_container_that_is_created_twice_is_two(ready: Node) -> None:
    sandbox = ready.run_sandbox()
    with ready.cri.faults("CreateContainer = 1* twice"):
        answered = ready.create(sandbox, "sleep", "99")
    first, second = containers(ready)
    assert answered == second
    for each in (first, second):
        ready.start(each)
        assert ready.status(each).state == RUNNING


def test_the_answer_to_a_second_start_is_that_it_runs(ready: Node) -> None:
    made = ready.create(ready.run_sandbox(), "sleep", "99")
    with ready.cri.faults("StartContainer = twice"), raises_status(UNKNOWN) as _:
        ready.start(made)
    assert ready.status(made).state == RUNNING


def test_what_is_acknowledged_may_never_happen(ready: Node) -> None:
    made = ready.run(ready.run_sandbox(), "sleep", "999")
    with ready.cri.faults("StopContainer,RemoveContainer = noop"):
        ready.stop(made)
        ready.remove(made)
    assert ready.status(made).state == RUNNING


def test_resources_that_are_not_updated_stay(ready: Node) -> None:
    made = ready.run(ready.run_sandbox(), "sleep", "999")
    limits = pb.LinuxContainerResources(cpu_shares=512)
    request = pb.UpdateContainerResourcesRequest(container_id=made, linux=limits)
    with ready.cri.faults("UpdateContainerResources = noop"):
        ready.runtime.UpdateContainerResources(request)
    assert ready.status(made).resources.linux.cpu_shares != 512


def test_the_id_of_a_sandbox_that_was_never_made_leads_nowhere(ready: Node) -> None:
    with ready.cri.faults("RunPodSandbox,CreateContainer = noop"):
        sandbox = ready.run_sandbox()
        made = ready.create(sandbox, "true")
    assert [len(sandbox), len(made)] == [64, 64]
    with raises_status(NOT_FOUND):
        ready.sandbox_status(sandbox)
    with raises_status(NOT_FOUND):
        ready.status(made)


def test_an_image_that_was_never_pulled_has_a_reference(node: Node) -> None:
    with node.cri.faults("PullImage = 1* noop"):
        promised = node.pull()
    assert not node.images.ListImages(pb.ListImagesRequest()).images
    assert node.pull() == promised


def test_an_exec_that_does_nothing_ends_well(ready: Node) -> None:
    made = ready.run(ready.run_sandbox(), "sleep", "999")
    with ready.cri.faults("ExecSync = noop", "Exec = noop"):
        response = ready.runtime.ExecSync(pb.ExecSyncRequest(container_id=made, cmd=["false"]))
        url = ready.runtime.Exec(pb.ExecRequest(container_id=made, cmd=["sh"], stdout=True)).url
    assert (response.exit_code, response.stdout) == (0, b"")
    assert "/exec/" in url


def test_a_stop_may_take_effect_later(ready: Node) -> None:
    made = ready.run(ready.run_sandbox(), "sleep", "999")
    with ready.cri.faults("StopContainer = 1* later(30s)"):
        ready.stop(made)
    assert ready.status(made).state == RUNNING
    ready.cri.advance(29)
    assert ready.status(made).state == RUNNING
    ready.cri.advance(1)
    assert ready.status(made).state == EXITED


def states(record: StringIO) -> list[dict[str, Any]]:
    """Return what the lines of kind `state` tell, without when."""
    recording = Recording.parse(record.getvalue().splitlines())
    return [
        {key: value for key, value in each.facts.items() if key not in {"kind", "n", "t", "v"}}
        for each in recording.records
        if each.kind == "state"
    ]


def test_what_fails_later_is_seen_in_the_recording_alone(face: str) -> None:
    record = StringIO()
    with still_node(face, record=record) as still:
        made = still.create(still.run_sandbox(), "sleep", "99")
        with still.cri.faults("StartContainer = 1* later(10s)") as scope:
            still.start(made)
        still.remove(made)
        still.cri.advance(9)
        assert states(record) == []
        still.cri.advance(1)
        with raises_status(NOT_FOUND):
            still.status(made)
    (call,) = scope.calls
    assert call.error is None
    (told,) = states(record)
    error = told.pop("error")
    assert told == {"what": "late work failed", "call": call.serial, "rpc": "StartContainer"}
    assert error["code"] == "NOT_FOUND"
    assert made in error["text"]


@pytest.mark.parametrize("delay", ["10s", "0s"])
def test_what_succeeds_later_leaves_moves_alone(face: str, delay: str) -> None:
    record = StringIO()
    with still_node(face, record=record) as still:
        made = still.create(still.run_sandbox(), "sleep", "99")
        with still.cri.faults(f"StartContainer = 1* later({delay})"):
            still.start(made)
        still.cri.advance(10)
        assert still.status(made).state == RUNNING
        with still.cri.host.turn() as world:
            assert not world.late
    assert states(record) == []


def test_work_that_is_put_off_is_lost_when_the_runtime_dies(face: str) -> None:
    record = StringIO()
    with still_node(face, record=record) as still:
        made = still.create(still.run_sandbox(), "sleep", "99")
        with still.cri.faults("StartContainer = 1* later(10s)") as scope:
            still.start(made)
        still.cri.restart_runtime("5s")
        still.cri.advance(60)
        until(lambda: is_answered(still.runtime))
        assert still.status(made).state == CREATED
    (call,) = scope.calls
    restart = {"fault": "runtime restart down=5s"}
    assert states(record) == [
        {"what": "restart", **restart},
        {"what": "late work lost", "call": call.serial, "rpc": "StartContainer"},
        {"what": "restarted", **restart},
    ]


def test_work_that_is_half_done_is_lost_likewise(face: str) -> None:
    record = StringIO()
    with still_node(face, record=record) as still:
        made = still.run(still.run_sandbox(), "sh", "-c", "trap '' TERM; sleep 999")
        with still.cri.faults("StopContainer = 1* later(10s)"):
            still.stop(made, 30)
        still.cri.advance(11)
        still.cri.restart_runtime("5s")
        still.cri.advance(60)
        until(lambda: is_answered(still.runtime))
        assert still.status(made).state == RUNNING
    assert "late work lost" in [each["what"] for each in states(record)]


def test_work_that_is_put_off_is_done_while_nobody_can_connect(still: Node) -> None:
    made = still.create(still.run_sandbox(), "sleep", "99")
    with still.cri.faults("StartContainer = 1* later(2s)", "Version = 1* refuse(5s)"):
        still.start(made)
        with raises_status(UNAVAILABLE):
            still.runtime.Version(pb.VersionRequest())
        still.cri.advance(5)
        until(lambda: is_answered(still.runtime))
    assert still.status(made).state == RUNNING


@pytest.mark.parametrize("action", ["twice", "noop", "later(1s)"])
def test_what_was_done_in_another_way_is_recorded_as_such(ready: Node, action: str) -> None:
    made = ready.create(ready.run_sandbox(), "sleep", "99")
    with ready.cri.faults(f"RemoveContainer = {action}") as scope:
        ready.remove(made)
    (call,) = scope.calls
    assert [(each.phase, each.effect) for each in call.faults] == [("before", "")]
    assert (made in containers(ready)) is (action != "twice")
