"""Calls that meet: what comes of one while another waits. Source: lifecycle 23.

Here RunPodSandbox, CreateContainer and StartContainer take no time, so that nothing meets them
half-way; what they say of the marks that they leave is in the tests of each call.
"""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from fakecri.api import runtime_pb2 as pb
from tests.behaviour.steps import (
    CANCELLED,
    CREATED,
    EXITED,
    FAILED_PRECONDITION,
    NOTREADY,
    RUNNING,
    UNKNOWN,
    all_ended,
    begin,
    begin_stop,
    container,
    containers,
    exec_sync,
    heard,
    held,
    listen,
    sandboxes,
    still_node,
    until,
    wait,
)
from tests.support import Node, raises_status

DONE = pb.StopContainerResponse()


@pytest.fixture
def still(face: str) -> Iterator[Node]:
    """Open a node whose time stands still."""
    with still_node(face) as opened:
        yield opened


@pytest.fixture
def pod(still: Node) -> str:
    """Return its sandbox."""
    return still.run_sandbox()


@pytest.fixture
def running(still: Node, pod: str) -> str:
    """Return a container in it that ends when it is killed, and not before."""
    return still.run(pod, "sleep", "1000")


# StopContainer meets StopContainer.


def test_each_stop_kills_when_its_own_grace_is_over_and_all_answer_at_the_exit(
    still: Node, running: str
) -> None:
    stops = [begin_stop(still, running, grace_s=grace_s) for grace_s in (30, 10, 20)]
    wait(still, 9)
    assert still.status(running).state == RUNNING
    assert not any(stop.done() for stop in stops)
    wait(still, 1)
    assert [stop.result() for stop in stops] == [DONE] * 3
    assert still.status(running).exit_code == 137


def test_a_stop_that_comes_later_waits_for_its_own_grace(still: Node, running: str) -> None:
    early = begin_stop(still, running, grace_s=30)
    wait(still, 5)
    late = begin_stop(still, running, grace_s=10)
    wait(still, 9)
    assert still.status(running).state == RUNNING
    wait(still, 1)
    assert [stop.result() for stop in (early, late)] == [DONE, DONE]


@pytest.mark.parametrize("how", ["stop", "stop sandbox", "remove", "remove sandbox"])
def test_what_kills_at_once_ends_the_grace_of_others(
    still: Node, pod: str, running: str, how: str
) -> None:
    stopping = begin_stop(still, running, grace_s=30)
    events = listen(still)
    calls: dict[str, Callable[[], None]] = {
        "stop": lambda: still.stop(running),
        "stop sandbox": lambda: still.stop_sandbox(pod),
        "remove": lambda: still.remove(running),
        "remove sandbox": lambda: still.remove_sandbox(pod),
    }
    calls[how]()
    assert stopping.result() == DONE
    told = {
        "stop": [(running, "STOPPED")],
        "stop sandbox": [(running, "STOPPED"), (pod, "STOPPED")],
        "remove": [(running, "STOPPED"), (running, "DELETED")],
        "remove sandbox": [
            (running, "STOPPED"),
            (pod, "STOPPED"),
            (running, "DELETED"),
            (pod, "DELETED"),
        ],
    }
    assert heard(events) == told[how]
    with still.cri.host.turn() as world:
        # No timer of theirs is left.
        assert world.scheduler.next_ns() is None


def test_a_stop_that_waits_answers_when_the_container_ends_by_itself(still: Node, pod: str) -> None:
    ending = still.run(pod, "sleep", "5")
    stopping = begin_stop(still, ending, grace_s=30)
    wait(still, 5)
    assert stopping.result() == DONE
    assert (still.status(ending).state, still.status(ending).exit_code) == (EXITED, 0)


# StopContainer meets others.


def test_nothing_else_waits_for_a_stop(still: Node, pod: str, running: str) -> None:
    stopping = begin_stop(still, running, grace_s=30)
    assert still.status(running).state == RUNNING
    assert containers(still) == [running]
    assert exec_sync(still, running, "echo", "-n", "here").stdout == b"here"
    still.runtime.ReopenContainerLog(pb.ReopenContainerLogRequest(container_id=running))
    still.runtime.UpdateContainerResources(pb.UpdateContainerResourcesRequest(container_id=running))
    still.runtime.Exec(pb.ExecRequest(container_id=running, cmd=["true"], stdout=True))
    text = f'failed to set starting state for container "{running}": container is in '
    with raises_status(UNKNOWN, f"{text}CONTAINER_RUNNING state"):
        still.start(running)
    other = still.run(pod, "sleep", "9", name="other")
    assert still.run_sandbox("db") in sandboxes(still)
    assert still.status(other).state == RUNNING
    assert not stopping.done()
    still.stop(running)
    assert stopping.result() == DONE


def test_names_are_taken_while_others_wait(still: Node, pod: str, running: str) -> None:
    stopping = begin_stop(still, running, grace_s=30)
    with raises_status(FAILED_PRECONDITION):
        still.run_sandbox()
    with raises_status(FAILED_PRECONDITION):
        still.create(pod, "true")
    still.remove(running)
    assert stopping.result() == DONE
    assert still.create(pod, "true") in containers(still)


def test_a_container_made_while_its_pod_stops_goes_with_it_if_it_is_removed(
    still: Node, pod: str, running: str
) -> None:
    stopping = begin_stop(still, running, grace_s=30)
    made = still.create(pod, "true", name="made")
    still.stop_sandbox(pod)
    assert (still.status(made).state, still.sandbox_status(pod).state) == (CREATED, NOTREADY)
    assert stopping.result() == DONE
    still.remove_sandbox(pod)
    assert held(still) == (set(), set(), [])


# Removal meets removal.


def test_a_removal_is_not_held_up_by_another(still: Node, pod: str, running: str) -> None:
    stops = [begin_stop(still, running, grace_s=30) for _ in range(2)]
    request = pb.RemoveContainerRequest(container_id=running)
    removals = [begin(still, "RemoveContainer", request) for _ in range(2)]
    assert [each.result() for each in removals] == [pb.RemoveContainerResponse()] * 2
    assert [each.result() for each in stops] == [DONE] * 2
    pods = pb.RemovePodSandboxRequest(pod_sandbox_id=pod)
    removals = [begin(still, "RemovePodSandbox", pods) for _ in range(2)]
    assert [each.result() for each in removals] == [pb.RemovePodSandboxResponse()] * 2
    assert (sandboxes(still), containers(still)) == ([], [])


def test_a_second_removal_in_the_same_instant_finds_nothing_to_do(
    still: Node, running: str
) -> None:
    events = listen(still)
    request = pb.RemoveContainerRequest(container_id=running)
    with still.cri.host.turn():
        removals = [still.cri.runtime.RemoveContainer.future(request) for _ in range(2)]
    assert [each.result() for each in removals] == [pb.RemoveContainerResponse()] * 2
    assert heard(events) == [(running, "STOPPED"), (running, "DELETED")]


# Execs meet.


def test_the_end_of_a_container_is_told_when_its_execs_are_dead(still: Node, running: str) -> None:
    request = pb.ExecSyncRequest(container_id=running, cmd=["sleep", "500"])
    execs = [begin(still, "ExecSync", request) for _ in range(2)]
    stopping = begin_stop(still, running, grace_s=10)
    wait(still, 10)
    assert stopping.result() == DONE
    assert [each.result().exit_code for each in execs] == [137, 137]
    with still.cri.host.turn() as world:
        assert world.scheduler.next_ns() is None


def test_an_exec_may_outlast_the_removal_of_its_container_by_nothing(
    still: Node, pod: str, running: str
) -> None:
    request = pb.ExecSyncRequest(container_id=running, cmd=["sleep", "500"], timeout=100)
    pending = begin(still, "ExecSync", request)
    still.remove_sandbox(pod)
    assert pending.result() == pb.ExecSyncResponse(exit_code=137)
    with still.cri.host.turn() as world:
        assert world.scheduler.next_ns() is None


# Who gives up (23, second table).


def give_up(still: Node, pending: Any) -> None:
    """Cancel a call; return when the runtime has noticed."""
    pending.cancel()
    until(lambda: all_ended(still))
    assert pending.code() is CANCELLED


def test_a_stop_that_is_given_up_leaves_the_container_running(still: Node, running: str) -> None:
    give_up(still, begin_stop(still, running, grace_s=30))
    wait(still, 100)
    assert still.status(running).state == RUNNING
    assert container(still, running).stop_signal_sent


def test_a_stop_that_is_given_up_takes_nothing_from_another(still: Node, running: str) -> None:
    staying = begin_stop(still, running, grace_s=20)
    leaving = begin_stop(still, running, grace_s=10)
    leaving.cancel()
    until(lambda: all_ended(still, but=1))
    wait(still, 19)
    assert still.status(running).state == RUNNING
    wait(still, 1)
    assert staying.result() == DONE
    assert still.status(running).exit_code == 137


def test_calls_that_were_given_up_leave_nothing_behind(still: Node, running: str) -> None:
    exec_request = pb.ExecSyncRequest(container_id=running, cmd=["sleep", "50"], timeout=60)
    give_up(still, begin(still, "ExecSync", exec_request, timeout=500))
    give_up(still, begin_stop(still, running, grace_s=30, timeout=500))
    parked = container(still, running)
    assert parked.exited._callbacks == []
    assert parked.execs == []
    with still.cri.host.turn() as world:
        due_ns = world.scheduler.next_ns()
        assert due_ns is not None
        # Only the sleep of the container itself is left.
        assert sum(timer.callback is not None for timer in world.scheduler._timers) == 1
