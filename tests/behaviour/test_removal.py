"""RemoveContainer. Source: lifecycle 11."""

import pytest

from fakecri.api import runtime_pb2 as pb
from tests.behaviour.steps import (
    CREATED,
    NOT_FOUND,
    UNKNOWN,
    container,
    containers,
    heard,
    held,
    listen,
    lose,
    orphan,
)
from tests.support import LOGS, Node, raises_status


@pytest.mark.parametrize("state", ["created", "exited", "running", "lost", "failed"])
def test_a_container_can_be_removed_in_any_state(ready: Node, state: str) -> None:
    pod = ready.run_sandbox()
    command = {"exited": ["true"], "failed": ["nosuch"]}.get(state, ["sleep", "99"])
    made = ready.create(pod, *command)
    if state in {"exited", "running"}:
        ready.start(made)
    if state == "failed":
        with raises_status(UNKNOWN):
            ready.start(made)
    if state == "lost":
        lose(ready, made)
    events = listen(ready)
    ready.remove(made)
    stopped = [(made, "STOPPED")] if state in {"running", "lost"} else []
    assert heard(events) == [*stopped, (made, "DELETED")]
    assert containers(ready) == []
    assert held(ready)[1] == set()
    with raises_status(
        NOT_FOUND, f'an error occurred when try to find container "{made}": not found'
    ):
        ready.status(made)
    ready.remove(made)
    assert events.drain() == []


def test_a_running_container_is_killed_without_grace_before_it_goes(ready: Node) -> None:
    pod = ready.run_sandbox()
    other = ready.create(pod, name="other")
    running = ready.run(pod, "sleep", "99")
    before_ns = ready.cri.now_ns
    events = listen(ready)
    ready.remove(running)
    stopped, deleted = events.drain()
    last = stopped.containers_statuses[1]
    assert (last.id, last.exit_code, last.reason) == (running, 137, "Error")
    # The one that is gone is no longer among the others (18.2).
    assert [(each.id, each.state) for each in deleted.containers_statuses] == [(other, CREATED)]
    assert (deleted.container_id, deleted.pod_sandbox_status.id) == (running, pod)
    assert deleted.pod_sandbox_status.state == pb.SANDBOX_READY
    assert ready.cri.now_ns == before_ns


@pytest.mark.parametrize(
    ("mark", "text"),
    [
        ("starting", "container is in starting state, can't be removed"),
        ("removing", "container is already in removing state"),
    ],
)
def test_a_container_in_between_is_not_removed(ready: Node, mark: str, text: str) -> None:
    made = ready.create(ready.run_sandbox(), "true")
    setattr(container(ready, made), mark, True)
    with raises_status(UNKNOWN, f'failed to set removing state for container "{made}": {text}'):
        ready.remove(made)
    assert ready.status(made).state == CREATED
    assert held(ready)[1] == {container(ready, made).name}
    setattr(container(ready, made), mark, False)
    ready.remove(made)
    assert containers(ready) == []


def test_the_log_stays(ready: Node) -> None:
    made = ready.run(ready.run_sandbox(), "echo", "hello")
    ready.remove(made)
    with ready.cri.host.turn() as world:
        assert world.files.read(f"{LOGS}/main/0.log").endswith(b" stdout F hello\n")


def test_a_container_of_a_stopped_sandbox_can_be_removed(ready: Node) -> None:
    pod = ready.run_sandbox()
    made = ready.run(pod, "sleep", "99")
    ready.stop_sandbox(pod)
    events = listen(ready)
    ready.remove(made)
    (deleted,) = events.drain()
    assert deleted.pod_sandbox_status.state == pb.SANDBOX_NOTREADY


def test_a_removed_container_leaves_no_program_running(ready: Node) -> None:
    ready.remove(ready.run(ready.run_sandbox(), "sleep", "99"))
    with ready.cri.host.turn() as world:
        assert world.scheduler.next_ns() is None


def test_an_orphan_can_be_removed_and_nothing_else(ready: Node) -> None:
    pod = ready.run_sandbox()
    made = ready.create(pod, "true")
    orphan(ready, pod)
    request = pb.UpdateContainerResourcesRequest(container_id=made)
    with raises_status(NOT_FOUND, "not found"):
        ready.runtime.UpdateContainerResources(request)
    with raises_status(NOT_FOUND, f'sandbox "{pod}" not found: not found'):
        ready.start(made)
    assert ready.status(made).reason == "StartError"
    events = listen(ready)
    ready.remove(made)
    (deleted,) = events.drain()
    assert deleted.container_id == made
    assert not deleted.HasField("pod_sandbox_status")
