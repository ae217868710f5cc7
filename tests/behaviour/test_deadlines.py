"""Deadlines and clients that hang up: what is told, and what is left. Source: lifecycle 1.5, 10.3.

A deadline passes in virtual time. Over gRPC the client has one of its own, in real time, which is
so far away here that the runtime's is the one that is met.
"""

from collections.abc import Iterator

import grpc
import pytest

from fakecri.api import runtime_pb2 as pb
from tests.behaviour.configs import linux
from tests.behaviour.steps import (
    CANCELLED,
    DEADLINE_EXCEEDED,
    RUNNING,
    all_ended,
    begin,
    begin_stop,
    container,
    listen,
    still_node,
    until,
    wait,
)
from tests.support import Node, node, raises_status

BARE = "context deadline exceeded"


@pytest.fixture
def still(face: str) -> Iterator[Node]:
    """Open a node whose time stands still."""
    with still_node(face) as opened:
        yield opened


@pytest.fixture
def running(still: Node) -> str:
    """Return a container that ends when it is killed, and not before."""
    return still.run(still.run_sandbox(), "sleep", "1000")


def test_a_deadline_in_the_grace_period_leaves_the_container_running(
    still: Node, running: str
) -> None:
    events = listen(still)
    stopping = begin_stop(still, running, grace_s=60, timeout=30)
    wait(still, 29)
    assert not stopping.done()
    wait(still, 1)
    assert (stopping.code(), stopping.details()) == (DEADLINE_EXCEEDED, BARE)
    # It has had its signal, and no SIGKILL comes.
    assert container(still, running).stop_signal_sent
    wait(still, 100)
    assert still.status(running).state == RUNNING
    assert events.drain() == []


def test_a_later_stop_waits_for_its_own_grace_and_kills(still: Node, running: str) -> None:
    begin_stop(still, running, grace_s=60, timeout=30)
    wait(still, 30)
    stopping = begin_stop(still, running, grace_s=5)
    wait(still, 4)
    assert still.status(running).state == RUNNING
    wait(still, 1)
    assert stopping.result() == pb.StopContainerResponse()
    assert still.status(running).exit_code == 137


def test_a_deadline_after_the_grace_period_comes_too_late(still: Node, running: str) -> None:
    stopping = begin_stop(still, running, grace_s=30, timeout=40)
    wait(still, 40)
    assert stopping.result() == pb.StopContainerResponse()


def test_a_deadline_together_with_the_grace_period_is_the_first(still: Node, running: str) -> None:
    # It was there first: the client had set it before the runtime saw the call.
    stopping = begin_stop(still, running, grace_s=30, timeout=30)
    wait(still, 30)
    assert stopping.code() is DEADLINE_EXCEEDED
    assert still.status(running).state == RUNNING


def test_a_client_that_hangs_up_in_the_grace_period_leaves_the_same(
    still: Node, running: str
) -> None:
    stopping = begin_stop(still, running, grace_s=60)
    stopping.cancel()
    until(lambda: all_ended(still))
    assert (stopping.code(), stopping.cancelled()) == (CANCELLED, True)
    record = still.cri.calls[-1]
    assert record.error is not None
    assert (record.error.code.name, record.error.message) == ("CANCELLED", "context canceled")
    wait(still, 100)
    assert still.status(running).state == RUNNING


def test_a_deadline_that_is_not_met_changes_nothing(still: Node, running: str) -> None:
    request = pb.StopContainerRequest(container_id=running)
    assert still.runtime.StopContainer(request, timeout=50) == pb.StopContainerResponse()
    wait(still, 100)
    assert all_ended(still)
    with still.cri.host.turn() as world:
        assert world.scheduler.next_ns() is None


def test_an_exec_has_a_deadline_beside_its_timeout(still: Node, running: str) -> None:
    request = pb.ExecSyncRequest(container_id=running, cmd=["sleep", "90"], timeout=60)
    early = begin(still, "ExecSync", request, timeout=30)
    late = begin(still, "ExecSync", request, timeout=70)
    wait(still, 30)
    assert (early.code(), early.details()) == (
        DEADLINE_EXCEEDED,
        f"failed to exec in container: {BARE}",
    )
    assert not late.done()
    wait(still, 30)
    assert (late.code(), late.details()) == (
        DEADLINE_EXCEEDED,
        f"failed to exec in container: timeout 1m0s exceeded: {BARE}",
    )


def test_time_leaps_to_a_deadline_too(face: str) -> None:
    with node(face) as leaping:
        leaping.pull()
        running = leaping.run(leaping.run_sandbox(), "sleep", "1000")
        before_ns = leaping.cri.now_ns
        request = pb.StopContainerRequest(container_id=running, timeout=60)
        with raises_status(DEADLINE_EXCEEDED):
            leaping.runtime.StopContainer(request, timeout=30)
        timeout_ns = leaping.cri.calls[-1].timeout_ns
        assert timeout_ns is not None
        assert leaping.cri.now_ns == before_ns + timeout_ns
        assert leaping.status(running).state == RUNNING


def test_what_is_too_late_already_never_reaches_the_runtime(still: Node, running: str) -> None:
    # gRPC rounds up, so that 0 may be enough for a call.
    timeout = -1 if still.face == "grpc" else 0
    seen = len(still.cri.calls)
    with raises_status(DEADLINE_EXCEEDED):
        still.runtime.RemoveContainer(
            pb.RemoveContainerRequest(container_id=running), timeout=timeout
        )
    stream = still.runtime.GetContainerEvents(pb.GetEventsRequest(), timeout=timeout)
    with raises_status(DEADLINE_EXCEEDED):
        next(stream)
    assert still.status(running).state == RUNNING
    assert len(still.cri.calls) == seen + 1


def test_a_call_shows_what_is_left_of_its_time(still: Node, running: str) -> None:
    stopping = begin_stop(still, running, grace_s=60, timeout=30)
    assert stopping.time_remaining() <= 30
    assert stopping.is_active()
    wait(still, 30)
    with pytest.raises(grpc.RpcError):
        stopping.result()
    assert not stopping.is_active()


def test_a_signal_that_was_heeded_is_the_end_whatever_the_client_does(still: Node) -> None:
    shared = linux(namespace_options=pb.NamespaceOption(pid=pb.POD))
    running = still.run(still.run_sandbox(), "sleep", "1000", linux=shared)
    stopping = begin_stop(still, running, grace_s=60, timeout=30)
    assert stopping.result() == pb.StopContainerResponse()
    assert still.status(running).exit_code == 143


def test_deadlines_that_were_not_met_do_not_pile_up(still: Node, running: str) -> None:
    for _ in range(200):
        still.runtime.ContainerStatus(pb.ContainerStatusRequest(container_id=running), timeout=120)
    with still.cri.host.turn() as world:
        assert len(world.scheduler._timers) < 100
