"""StopPodSandbox and RemovePodSandbox. Source: lifecycle 4 and 5."""

import pytest

from fakecri.api import runtime_pb2 as pb
from fakecri.core.addresses import AddressPool
from tests.behaviour.configs import pod_linux
from tests.behaviour.steps import (
    CREATED,
    EXITED,
    NOT_FOUND,
    NOTREADY,
    UNKNOWN,
    container,
    containers,
    heard,
    held,
    listen,
    sandboxes,
    wait,
)
from tests.support import LOGS, Node, raises_status

HOST_NETWORK = pb.NamespaceOption(network=pb.NODE)


# Stop (4).


def test_stopping_a_sandbox_kills_what_runs_and_leaves_the_rest(ready: Node) -> None:
    pod = ready.run_sandbox(labels={"app": "web"})
    patient = ready.run(pod, "sleep", "99", name="patient")
    done = ready.run(pod, "false", name="done")
    made = ready.create(pod, "sleep", "9", name="made")
    other = ready.run(pod, "sleep", "99", name="other")
    wait(ready, 1)
    finished_ns = ready.status(done).finished_at
    events = listen(ready)
    ready.stop_sandbox(pod)
    killed = [ready.status(each) for each in (patient, other)]
    # SIGKILL at once, no stop signal; in the order of creation (25).
    assert [(each.state, each.exit_code, each.reason) for each in killed] == [
        (EXITED, 137, "Error")
    ] * 2
    assert not container(ready, patient).stop_signal_sent
    assert ready.status(made).state == CREATED
    assert (ready.status(done).exit_code, ready.status(done).finished_at) == (1, finished_ns)
    assert heard(events) == [(patient, "STOPPED"), (other, "STOPPED"), (pod, "STOPPED")]
    assert containers(ready) == [patient, done, made, other]
    status = ready.sandbox_status(pod)
    assert status.state == NOTREADY
    assert status.labels == {"app": "web"}
    assert status.HasField("network")
    assert status.network == pb.PodSandboxNetworkStatus()
    assert held(ready)[2] == []


def test_a_stop_takes_no_time(ready: Node) -> None:
    pod = ready.run_sandbox()
    ready.run(pod, "sleep", "99")
    before_ns = ready.cri.now_ns
    ready.stop_sandbox(pod)
    assert ready.cri.now_ns == before_ns


def test_the_stop_of_a_sandbox_can_be_repeated_and_tells_once(ready: Node) -> None:
    pod = ready.run_sandbox()
    events = listen(ready)
    for _ in range(3):
        ready.stop_sandbox(pod)
    (stopped,) = events.drain()
    # The address is gone by then: the stop was asked for (25).
    assert stopped.pod_sandbox_status.network == pb.PodSandboxNetworkStatus()
    assert sandboxes(ready) == [pod]


def test_a_stopped_sandbox_takes_no_address_from_its_successor(node: Node) -> None:
    with node.cri.host.turn() as world:
        world.addresses = AddressPool("10.88.0.0/30")
    first = node.run_sandbox()
    node.stop_sandbox(first)
    second = node.run_sandbox(attempt=1)
    node.stop_sandbox(first)
    node.remove_sandbox(first)
    assert node.sandbox_status(second).network.ip == "10.88.0.2"
    assert held(node)[2] == ["10.88.0.2"]


def test_the_stop_of_a_host_network_pod_makes_it_not_ready(node: Node) -> None:
    pod = node.run_sandbox(linux=pod_linux(namespace_options=HOST_NETWORK))
    node.stop_sandbox(pod)
    status = node.sandbox_status(pod)
    assert (status.state, status.linux.namespaces.options.network) == (NOTREADY, pb.NODE)


# Remove (5).


def test_a_ready_sandbox_with_running_containers_can_be_removed(ready: Node) -> None:
    pod = ready.run_sandbox()
    running = ready.run(pod, "sleep", "99")
    made = ready.create(pod, name="made")
    events = listen(ready)
    ready.remove_sandbox(pod)
    stopped, pod_stopped, *deleted, pod_deleted = events.drain()
    assert stopped.container_id == running
    assert pod_stopped.container_id == pod
    assert [each.container_id for each in deleted] == [running, made]
    assert {each.container_event_type for each in deleted} == {pb.CONTAINER_DELETED_EVENT}
    # The sandbox can still be read in its own DELETED event, with its true time (25).
    assert pod_deleted.container_event_type == pb.CONTAINER_DELETED_EVENT
    last = pod_deleted.pod_sandbox_status
    assert (last.id, last.state) == (pod, NOTREADY)
    assert last.network == pb.PodSandboxNetworkStatus()
    assert last.created_at > 0
    assert pod_deleted.containers_statuses == []
    assert (sandboxes(ready), containers(ready)) == ([], [])
    assert held(ready) == (set(), set(), [])


def test_a_removed_sandbox_is_gone_and_its_removal_can_be_repeated(node: Node) -> None:
    pod = node.run_sandbox()
    events = listen(node)
    for _ in range(2):
        node.remove_sandbox(pod)
    node.stop_sandbox(pod)
    assert heard(events) == [(pod, "STOPPED"), (pod, "DELETED")]
    with raises_status(NOT_FOUND, "an error occurred when try to find sandbox: not found"):
        node.sandbox_status(pod)


@pytest.mark.parametrize(
    ("mark", "text"),
    [
        ("starting", "container is in starting state, can't be removed"),
        ("removing", "container is already in removing state"),
    ],
)
def test_a_container_in_between_hinders_the_removal_of_its_sandbox(
    ready: Node, mark: str, text: str
) -> None:
    pod = ready.run_sandbox()
    made = ready.create(pod)
    setattr(container(ready, made), mark, True)
    with raises_status(
        UNKNOWN,
        f'failed to remove container "{made}": failed to set removing state for container '
        f'"{made}": {text}',
    ):
        ready.remove_sandbox(pod)
    assert ready.sandbox_status(pod).state == NOTREADY
    setattr(container(ready, made), mark, False)
    ready.remove_sandbox(pod)
    assert (sandboxes(ready), containers(ready)) == ([], [])


def test_logs_stay_when_a_sandbox_is_removed(ready: Node) -> None:
    pod = ready.run_sandbox()
    ready.run(pod, "echo", "hello")
    ready.remove_sandbox(pod)
    with ready.cri.host.turn() as world:
        assert world.files.read(f"{LOGS}/main/0.log").endswith(b" stdout F hello\n")
