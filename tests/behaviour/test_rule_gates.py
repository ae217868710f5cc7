"""Gates: calls that a test holds and lets go on, and how many of them met."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from fakecri import Stuck, UsageError, gates
from fakecri.api import runtime_pb2 as pb
from tests.behaviour.steps import (
    DEADLINE_EXCEEDED,
    EXITED,
    RUNNING,
    all_ended,
    begin,
    containers,
    still_node,
    until,
)
from tests.support import Node, node, raises_status

VERSION = pb.VersionRequest()
PACES = ("autojump", "manual", "rate")


def pull(image: str) -> pb.PullImageRequest:
    return pb.PullImageRequest(image=pb.ImageSpec(image=image))


@pytest.fixture
def workers() -> Iterator[ThreadPoolExecutor]:
    """Return threads that make calls."""
    with ThreadPoolExecutor(4) as executor:
        yield executor


def test_a_gate_holds_calls_until_they_are_released(still: Node) -> None:
    with still.cri.gate("Version") as gate:
        first, second = (begin(still, "Version", VERSION) for _ in range(2))
        gate.wait_arrived(2)
        assert (gate.waiting, gate.arrived, gate.most) == (2, 2, 2)
        assert gate.release(1) == 1
        first.result()
        assert not second.done()
        assert gate.release() == 1
        second.result()
    assert gate.waiting == 0


@pytest.mark.parametrize("pace", PACES)
def test_a_gate_holds_calls_of_other_threads(
    face: str, pace: str, workers: ThreadPoolExecutor
) -> None:
    with node(face, pace=pace) as opened, opened.cri.gate("Version") as gate:
        calls = [workers.submit(opened.runtime.Version, VERSION) for _ in range(3)]
        gate.wait_arrived(3)
        assert gate.waiting == 3
        gate.release()
        assert {call.result().runtime_name for call in calls} == {"containerd"}


def test_what_a_gate_is_for_is_what_a_rule_says(node: Node, workers: ThreadPoolExecutor) -> None:
    with node.cri.gate("PullImage{image=*nginx*}") as gate:
        held = workers.submit(node.images.PullImage, pull("nginx"))
        gate.wait_arrived()
        assert node.images.PullImage(pull("busybox")).image_ref
        assert not held.done()
        gate.release()
        assert held.result().image_ref


def test_a_call_goes_on_as_time_passes_for_it(node: Node) -> None:
    """A pull takes time, and nobody else makes time leap."""
    with node.cri.gate("PullImage") as gate:
        held = node.images.PullImage.future(pull("busybox"))
        gate.wait_arrived()
        gate.release()
        assert held.result().image_ref


def test_a_call_may_need_time_to_come_to_a_gate(node: Node) -> None:
    with node.cri.faults("Version = delay(5s)"), node.cri.gate("Version") as gate:
        held = node.runtime.Version.future(VERSION)
        gate.wait_arrived()
        gate.release()
        held.result()


def test_one_gate_serves_several_rules(still: Node) -> None:
    rules = ("Version = gate(ready)", "Status = gate(ready)")
    with still.cri.faults(*rules):
        version = begin(still, "Version", VERSION)
        status = begin(still, "Status", pb.StatusRequest())
        gate = still.cri.gates["ready"]
        gate.wait_arrived(2)
        assert list(still.cri.gates) == ["ready"]
        gate.release()
        version.result()
        status.result()


def test_a_gate_that_closes_lets_all_go_on(still: Node) -> None:
    gate = still.cri.gate("Version")
    held = begin(still, "Version", VERSION)
    gate.close()
    gate.close()
    held.result()
    still.runtime.Version(VERSION)


def test_a_call_whose_client_goes_leaves_the_gate(node: Node) -> None:
    with node.cri.gate("Version") as gate:
        with raises_status(DEADLINE_EXCEEDED):
            node.runtime.Version(VERSION, timeout=1)
        until(lambda: all_ended(node))
        assert (gate.arrived, gate.waiting) == (1, 0)


def test_a_gate_after_the_work_holds_the_reply(still: Node) -> None:
    made = still.create(still.run_sandbox(), "sleep", "99")
    with still.cri.gate("StartContainer", phase="after") as gate:
        held = begin(still, "StartContainer", pb.StartContainerRequest(container_id=made))
        gate.wait_arrived()
        assert still.status(made).state == RUNNING
        gate.release()
        held.result()


def test_a_list_between_create_and_start_sees_created(still: Node) -> None:
    sandbox = still.run_sandbox()
    with still.cri.gate("StartContainer") as gate:
        made = still.create(sandbox, "true")
        held = begin(still, "StartContainer", pb.StartContainerRequest(container_id=made))
        gate.wait_arrived()
        assert containers(still, state=pb.ContainerStateValue(state=pb.CONTAINER_CREATED)) == [made]
    held.result()
    assert still.status(made).state == EXITED


def test_who_waits_for_calls_that_do_not_come_is_stuck(
    still: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gates, "PATIENCE_S", 0.01)
    with (
        still.cri.gate("Version") as gate,
        pytest.raises(Stuck, match="only 0 of 1 calls have come to the gate gate_1"),
    ):
        gate.wait_arrived()


def test_a_runtime_that_closes_ends_what_gates_hold(face: str) -> None:
    with still_node(face) as opened:
        opened.cri.gate("Version")
        held = begin(opened, "Version", VERSION)
        opened.cri.close()
        assert held.code().name == "UNAVAILABLE"


def test_a_gate_is_for_calls_that_there_are(node: Node) -> None:
    with pytest.raises(UsageError, match="column 1: expected an RPC"):
        node.cri.gate("Vershun")
    with pytest.raises(UsageError, match="0 calls or more, not -1"):
        node.cri.gates["x"].release(-1)


def test_the_highest_concurrency_is_seen(still: Node) -> None:
    with still.cri.gate("Version") as gate:
        held: list[Any] = [begin(still, "Version", VERSION) for _ in range(3)]
        gate.release()
        for each in held:
            each.result()
    still.runtime.Version(VERSION)
    assert still.cri.max_concurrent("Version") == 3
    assert still.cri.max_concurrent("*") == 3
    assert still.cri.max_concurrent("PullImage") == 0
    with pytest.raises(UsageError, match="neither an RPC nor one of"):
        still.cri.max_concurrent("Vershun")
