"""What rules make of the work of a call: twice, not at all, or later."""

import grpc
import pytest

from fakecri.api import runtime_pb2 as pb
from tests.behaviour.steps import EXITED, NOT_FOUND, READY, RUNNING, containers, sandboxes
from tests.support import Node, raises_status

UNKNOWN = grpc.StatusCode.UNKNOWN


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


def test_what_fails_later_fails_unseen(ready: Node) -> None:
    made = ready.create(ready.run_sandbox(), "sleep", "99")
    with ready.cri.faults("StartContainer = 1* later(10s)"):
        ready.start(made)
    ready.remove(made)
    ready.cri.advance(10)
    with raises_status(NOT_FOUND):
        ready.status(made)


@pytest.mark.parametrize("action", ["twice", "noop", "later(1s)"])
def test_what_was_done_in_another_way_is_recorded_as_such(ready: Node, action: str) -> None:
    made = ready.create(ready.run_sandbox(), "sleep", "99")
    with ready.cri.faults(f"RemoveContainer = {action}") as scope:
        ready.remove(made)
    (call,) = scope.calls
    assert [(each.phase, each.effect) for each in call.faults] == [("before", "")]
    assert (made in containers(ready)) is (action != "twice")
