"""A kubelet that learns of its pods by container events (the gate EventedPLEG)."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from fakecri.api import runtime_pb2 as pb
from tests.real.kubelet_suite.manifests import await_running, box, box_named, pod
from tests.real.kubelet_suite.seen import calls, state

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from fakecri.kubelet import KubeletNode

pytestmark = pytest.mark.real

TELLS_ALL = {"containerd": False, "crio-1.36+events": True}
"""Whether a runtime's PodSandboxStatus has a timestamp, and the statuses of the containers."""

RELISTS = "kubelet_pleg_relist_duration_seconds_count"
CONNECTION = "kubelet_evented_pleg_connection"

PODS = [
    pod("evented-once", box("sleep", "3"), restartPolicy="Never"),
    pod("evented-again", box_named("main", "sh", "-c", "sleep 3; exit 3")),
    pod("evented-deleted", box_named("main")),
]


@pytest.fixture(scope="module", params=TELLS_ALL)
def personality(request: pytest.FixtureRequest) -> str:
    """What the runtime is like."""
    return str(request.param)


@pytest.fixture(scope="module")
def nodes(
    fresh_node: Callable[..., AbstractContextManager[KubeletNode]],
) -> Iterator[dict[str, KubeletNode]]:
    """Nodes with the gate, by what their runtimes are like, whose pods live at the same time."""
    with ExitStack() as stack:
        nodes = {}
        for each in TELLS_ALL:
            opened = fresh_node(gates={"EventedPLEG": True}, personality=each)
            nodes[each] = stack.enter_context(opened)
            nodes[each].put_all(PODS)
        for node in nodes.values():
            await_running(node, "evented-deleted")
            node.remove("evented-deleted")
        yield nodes


@pytest.fixture(scope="module")
def node(nodes: dict[str, KubeletNode], personality: str) -> KubeletNode:
    """A node where a pod has ended, one is restarted and one deleted."""
    node = nodes[personality]
    node.until(lambda: node.kubelet.phase("evented-once") == "Succeeded", "the pod to end")
    node.until(
        lambda: node.kubelet.container("evented-again", "main").get("restartCount"),
        "the container to be restarted",
    )
    return node


def test_a_container_that_ends_is_told_of_by_an_event(node: KubeletNode) -> None:
    ended = state(node, "evented-once", "main", "terminated")
    assert (ended["reason"], ended["exitCode"]) == ("Completed", 0)
    (stream,) = node.cri.history.select("GetContainerEvents")
    told = [
        (each.container_event_type, each.pod_sandbox_status.metadata.name)
        for each in stream.messages
    ]
    assert (pb.CONTAINER_STOPPED_EVENT, f"evented-once-{node.kubelet.name}") in told


def test_pods_are_hardly_listed(node: KubeletNode) -> None:
    # Every second without the gate; now once in 300 s.
    assert node.kubelet.metrics().total(RELISTS) <= 3


def test_the_stream_of_events_does_not_end(node: KubeletNode) -> None:
    (stream,) = node.cri.history.select("GetContainerEvents")
    assert (stream.ended_n, stream.timeout_ns) == (None, None)
    metrics = node.kubelet.metrics()
    assert metrics.total(f"{CONNECTION}_success_count") == 1
    assert metrics.total(f"{CONNECTION}_error_count") == 0
    assert metrics.total(f"{CONNECTION}_latency_seconds_count") >= len(PODS) * 3


def test_the_status_of_a_pod_is_whole_or_that_of_each_container_is_asked_for(
    node: KubeletNode, personality: str
) -> None:
    tells_all = TELLS_ALL[personality]
    answers = [each.response for each in calls(node, "PodSandboxStatus", "evented-once")]
    assert answers
    assert all(bool(each.timestamp) == tells_all for each in answers)
    assert any(each.containers_statuses for each in answers) == tells_all
    assert bool(calls(node, "ContainerStatus", "evented-once")) != tells_all


def test_a_pod_is_deleted(node: KubeletNode) -> None:
    node.until(lambda: calls(node, "StopPodSandbox", "evented-deleted"), "the pod to stop")
    (stop,) = calls(node, "StopContainer", "evented-deleted")
    assert stop.request.timeout == 2  # no less is ever asked for
