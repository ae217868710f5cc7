"""What others see of a call that is half done, and what is left when its client goes then.

Source: spec lifecycle 1.5 and 23.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import grpc
import pytest
from google.protobuf.message import Message

from fakecri.api import runtime_pb2 as pb
from fakecri.core.pipeline import OnCancel
from fakecri.core.scheduler import Future
from tests.behaviour.steps import (
    CANCELLED,
    CREATED,
    DEADLINE_EXCEEDED,
    EXITED,
    FAILED_PRECONDITION,
    NOTREADY,
    READY,
    RUNNING,
    UNKNOWN,
    all_ended,
    begin,
    container,
    containers,
    exec_sync,
    heard,
    held,
    id_of,
    listen,
    sandboxes,
    until,
    wait,
)
from tests.support import FACES, Node, create_request, node, raises_status, sandbox_config

pytestmark = pytest.mark.parametrize("face", FACES)

RUN = pb.RunPodSandboxRequest(config=sandbox_config())


class Gate(NamedTuple):
    """Where the calls of an RPC wait half-way."""

    node: Node
    opened: Future[None]

    def open(self) -> None:
        """Let them go on."""
        with self.node.cri.host.turn():
            self.opened.set_result(None)


@contextmanager
def gate(node: Node, rpc: str) -> Iterator[Gate]:
    """Let the calls of an RPC wait half-way."""
    world = node.cri.host.world
    opened = Future[None](world.scheduler)

    def halfway(request: Message) -> Iterator[Any]:
        if type(request).__name__ == f"{rpc}Request":
            yield from opened

    world.halfway = halfway  # type: ignore[method-assign, assignment]  # of this world alone
    try:
        yield Gate(node, opened)
    finally:
        del world.halfway  # what its class has is left


def choose(node: Node, policy: OnCancel) -> None:
    """Choose what becomes of the calls in flight when their clients go."""
    with node.cri.host.turn() as world:
        for call in world.in_flight:
            call.on_cancel = policy


def hang_up(node: Node, pending: Any) -> None:
    """Let the client of a call go; return when the runtime knows."""
    pending.cancel()
    with pytest.raises((grpc.RpcError, grpc.FutureCancelledError)):
        pending.result()
    until(lambda: all_ended(node))


# What others see meanwhile.


def test_a_sandbox_half_done_holds_its_name_and_address_and_is_not_listed(still: Node) -> None:
    with gate(still, "RunPodSandbox") as half:
        pending = begin(still, "RunPodSandbox", RUN)
        id_ = id_of("sandbox", 1)
        assert sandboxes(still) == []
        assert held(still) == ({"web_default_uid-web_0"}, set(), ["10.88.0.2"])
        name = "web_default_uid-web_0"
        with raises_status(
            FAILED_PRECONDITION,
            f'failed to reserve sandbox name "{name}": name "{name}" is reserved for "{id_}"',
        ):
            still.runtime.RunPodSandbox(RUN)
        half.open()
    assert pending.result().pod_sandbox_id == id_
    assert sandboxes(still) == [id_]


def test_a_container_half_done_holds_its_name_and_is_not_listed(still: Node) -> None:
    pod = still.run_sandbox()
    request = create_request(pod, "cat")
    with gate(still, "CreateContainer") as half:
        pending = begin(still, "CreateContainer", request)
        assert containers(still) == []
        with raises_status(FAILED_PRECONDITION):
            still.runtime.CreateContainer(request)
        half.open()
    assert containers(still) == [pending.result().container_id]


def test_a_start_half_done_excludes_a_start_and_a_removal_and_no_stop(still: Node) -> None:
    id_ = still.create(still.run_sandbox(), "cat", stdin=True)
    with gate(still, "StartContainer") as half:
        pending = begin(still, "StartContainer", pb.StartContainerRequest(container_id=id_))
        assert still.status(id_).state == CREATED
        failed = f'failed to set starting state for container "{id_}"'
        with raises_status(UNKNOWN, f"{failed}: container is already in starting state"):
            still.start(id_)
        failed = f'failed to set removing state for container "{id_}"'
        with raises_status(UNKNOWN, f"{failed}: container is in starting state, can't be removed"):
            still.remove(id_)
        with raises_status(UNKNOWN):
            exec_sync(still, id_, "true")
        still.stop(id_, 5)
        half.open()
    pending.result()
    assert still.status(id_).state == RUNNING


def test_a_start_half_done_fails_when_its_sandbox_is_stopped(still: Node) -> None:
    pod = still.run_sandbox()
    id_ = still.create(pod, "cat", stdin=True)
    with gate(still, "StartContainer") as half:
        pending = begin(still, "StartContainer", pb.StartContainerRequest(container_id=id_))
        still.stop_sandbox(pod)
        with raises_status(UNKNOWN):
            still.remove_sandbox(pod)
        half.open()
    with raises_status(UNKNOWN, f'sandbox container "{pod}" is not running'):
        pending.result()
    status = still.status(id_)
    assert (status.state, status.exit_code, status.reason) == (EXITED, 128, "StartError")


def test_a_removal_half_done_excludes_starts_removals_and_updates(still: Node) -> None:
    id_ = still.create(still.run_sandbox(), "cat")
    with gate(still, "RemoveContainer") as half:
        pending = begin(still, "RemoveContainer", pb.RemoveContainerRequest(container_id=id_))
        assert still.status(id_).state == CREATED
        failed = f'failed to set starting state for container "{id_}"'
        with raises_status(UNKNOWN, f"{failed}: container is in removing state, can't be started"):
            still.start(id_)
        failed = f'failed to set removing state for container "{id_}"'
        with raises_status(UNKNOWN, f"{failed}: container is already in removing state"):
            still.remove(id_)
        with raises_status(UNKNOWN):
            still.runtime.UpdateContainerResources(
                pb.UpdateContainerResourcesRequest(container_id=id_)
            )
        still.stop(id_)
        half.open()
    pending.result()
    assert containers(still) == []
    still.remove(id_)


def test_a_pod_that_stops_has_dead_containers_and_is_ready_half_way(still: Node) -> None:
    pod = still.run_sandbox()
    id_ = still.run(pod, "cat", stdin=True)
    with gate(still, "StopPodSandbox") as half:
        pending = begin(still, "StopPodSandbox", pb.StopPodSandboxRequest(pod_sandbox_id=pod))
        until(lambda: still.status(id_).state == EXITED)
        assert still.sandbox_status(pod).state == READY
        other = still.create(pod, "cat", name="late")
        half.open()
    pending.result()
    assert still.sandbox_status(pod).state == NOTREADY
    assert still.status(other).state == CREATED


def test_a_container_made_while_its_pod_is_removed_is_an_orphan(still: Node) -> None:
    pod = still.run_sandbox()
    request = create_request(pod, "cat")
    with gate(still, "CreateContainer") as half:
        pending = begin(still, "CreateContainer", request)
        still.remove_sandbox(pod)
        half.open()
    assert containers(still) == [pending.result().container_id]
    assert sandboxes(still) == []


def test_a_status_waits_for_an_update_of_the_resources(still: Node) -> None:
    pod = still.run_sandbox()
    id_, other = still.create(pod, "cat"), still.create(pod, "cat", name="other")
    limits = pb.LinuxContainerResources(cpu_shares=512)
    request = pb.UpdateContainerResourcesRequest(container_id=id_, linux=limits)
    with gate(still, "UpdateContainerResources") as half:
        update = begin(still, "UpdateContainerResources", request)
        status = begin(still, "ContainerStatus", pb.ContainerStatusRequest(container_id=id_))
        listed = begin(still, "ListContainers", pb.ListContainersRequest())
        assert still.status(other).state == CREATED
        assert not any(each.done() for each in (status, listed, update))
        half.open()
        update.result()
    assert status.result().status.resources.linux.cpu_shares == 512
    assert len(listed.result().containers) == 2


# What is left when the client goes.


def test_a_sandbox_given_up_half_way_leaves_no_trace(still: Node) -> None:
    events = listen(still)
    with gate(still, "RunPodSandbox"):
        pending = begin(still, "RunPodSandbox", RUN, timeout=5)
        wait(still, 5)
        until(lambda: all_ended(still))
    id_ = id_of("sandbox", 1)
    with raises_status(DEADLINE_EXCEEDED):
        pending.result()
    error = still.cri.calls[-1].error
    assert error is not None
    assert error.message == f'failed to start sandbox "{id_}": context deadline exceeded'
    assert (held(still), heard(events), sandboxes(still)) == ((set(), set(), []), [], [])
    still.run_sandbox()


def test_a_container_given_up_half_way_leaves_no_trace(still: Node) -> None:
    request = create_request(still.run_sandbox(), "cat")
    with gate(still, "CreateContainer"):
        hang_up(still, begin(still, "CreateContainer", request))
    assert (held(still)[1], containers(still)) == (set(), [])
    still.runtime.CreateContainer(request)


def test_a_start_given_up_half_way_is_a_failed_start(still: Node) -> None:
    id_ = still.create(still.run_sandbox(), "cat")
    with gate(still, "StartContainer"):
        hang_up(still, begin(still, "StartContainer", pb.StartContainerRequest(container_id=id_)))
    status = still.status(id_)
    assert (status.state, status.exit_code, status.reason) == (EXITED, 128, "StartError")
    assert status.message == "failed to create containerd task: context canceled"


def test_a_removal_given_up_half_way_can_be_repeated(still: Node) -> None:
    pod = still.run_sandbox()
    id_ = still.create(pod, "cat")
    with gate(still, "RemoveContainer"):
        hang_up(still, begin(still, "RemoveContainer", pb.RemoveContainerRequest(container_id=id_)))
    with gate(still, "RemovePodSandbox"):
        request = pb.RemovePodSandboxRequest(pod_sandbox_id=pod)
        hang_up(still, begin(still, "RemovePodSandbox", request))
        assert containers(still) == []
    assert still.sandbox_status(pod).state == NOTREADY
    still.remove_sandbox(pod)


def test_an_update_given_up_half_way_restores_the_old_values(still: Node) -> None:
    id_ = still.create(still.run_sandbox(), "cat")
    limits = pb.LinuxContainerResources(cpu_shares=512)
    request = pb.UpdateContainerResourcesRequest(container_id=id_, linux=limits)
    with gate(still, "UpdateContainerResources"):
        hang_up(still, begin(still, "UpdateContainerResources", request))
    assert still.status(id_).resources.linux.cpu_shares == 0


def test_an_exec_given_up_half_way_is_killed(still: Node) -> None:
    id_ = still.run(still.run_sandbox(), "cat", stdin=True)
    with gate(still, "ExecSync"):
        pending = begin(still, "ExecSync", pb.ExecSyncRequest(container_id=id_, cmd=["sleep", "9"]))
        (process,) = container(still, id_).execs
        hang_up(still, pending)
    assert process.exited.result() == 137
    assert container(still, id_).execs == []


# What a rule may choose instead.


def test_work_that_finishes_for_nobody_is_found_by_the_next_attempt(face: str) -> None:
    with node(face, pace="manual") as opened:
        with gate(opened, "RunPodSandbox") as half:
            pending = begin(opened, "RunPodSandbox", RUN)
            choose(opened, OnCancel.FINISH)
            pending.cancel()
            until(lambda: not opened.cri.host._calls)  # its client has gone
            assert sandboxes(opened) == []
            half.open()
        assert sandboxes(opened) == [id_of("sandbox", 1)]
        with raises_status(FAILED_PRECONDITION):
            opened.runtime.RunPodSandbox(RUN)


def test_a_leaked_name_stays_reserved_for_what_nobody_can_find(still: Node) -> None:
    with gate(still, "RunPodSandbox"):
        pending = begin(still, "RunPodSandbox", RUN)
        choose(still, OnCancel.LEAK)
        hang_up(still, pending)
    assert (sandboxes(still), held(still)[2]) == ([], [])
    still.remove_sandbox(id_of("sandbox", 1))
    with raises_status(FAILED_PRECONDITION):
        still.runtime.RunPodSandbox(RUN)


def test_a_leaked_start_is_starting_for_ever(still: Node) -> None:
    id_ = still.create(still.run_sandbox(), "cat")
    with gate(still, "StartContainer"):
        pending = begin(still, "StartContainer", pb.StartContainerRequest(container_id=id_))
        choose(still, OnCancel.LEAK)
        hang_up(still, pending)
    assert still.status(id_).state == CREATED
    with raises_status(UNKNOWN):
        still.start(id_)
    with raises_status(UNKNOWN):
        still.remove(id_)


@pytest.mark.parametrize("policy", [OnCancel.ABORT, OnCancel.FINISH])
def test_an_image_is_stored_for_nobody_or_not_at_all(face: str, policy: OnCancel) -> None:
    with node(face, pace="manual") as opened:
        request = pb.PullImageRequest(image=pb.ImageSpec(image="busybox"))
        opened.runtime.PullImage = opened.images.PullImage  # type: ignore[attr-defined]  # for begin
        with gate(opened, "PullImage") as half:
            pending = begin(opened, "PullImage", request)
            choose(opened, policy)
            pending.cancel()
            until(lambda: not opened.cri.host._calls)  # its client has gone
            half.open()
        images = opened.images.ListImages(pb.ListImagesRequest()).images
        assert len(images) == (policy is OnCancel.FINISH)


def test_a_cancelled_call_says_so(still: Node) -> None:
    with gate(still, "CreateContainer"):
        pending = begin(still, "CreateContainer", create_request(still.run_sandbox(), "cat"))
        hang_up(still, pending)
    assert pending.code() is CANCELLED
