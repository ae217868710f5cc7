"""A pod whose manifest goes is ended with grace, in order, and then cleaned up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from fakecri.api import runtime_pb2 as pb
from tests.real.kubelet_suite.manifests import await_running, box_named, pod
from tests.real.kubelet_suite.seen import calls, created

if TYPE_CHECKING:
    from fakecri.kubelet import KubeletNode

pytestmark = pytest.mark.real

GRACE_S = 4
LONG_S = 600
POLITE = ("sh", "-c", "trap 'echo bye; exit 0' TERM; sleep 1d & wait")
# It needs a moment for its goodbye, so that who ends with it is seen to be late.
SLOW = ("sh", "-c", "trap 'sleep 1; exit 0' TERM; sleep 1d & wait")


def sidecar(name: str) -> dict[str, Any]:
    return box_named(name, *POLITE, restartPolicy="Always")


PODS = {
    # sleep is process 1, so that SIGTERM is nothing to it.
    "deaf": pod("deaf", box_named("main"), terminationGracePeriodSeconds=GRACE_S),
    "polite": pod("polite", box_named("main", *POLITE), terminationGracePeriodSeconds=LONG_S),
    "hasty": pod("hasty", box_named("main"), terminationGracePeriodSeconds=0),
    "sidecars": pod(
        "sidecars",
        box_named("main", *SLOW),
        box_named("other", *SLOW),
        initContainers=[sidecar("first"), sidecar("second")],
        terminationGracePeriodSeconds=LONG_S,
    ),
}


@pytest.fixture(scope="module")
def node(kubelet_node: KubeletNode) -> KubeletNode:
    """The node, from which all pods of this module were removed at once."""
    with kubelet_node.placed(*PODS.values()):
        await_running(kubelet_node, *PODS)
    return kubelet_node


def stops(node: KubeletNode, name: str) -> list[tuple[str, int, float]]:
    """Return what was stopped of a pod when it is over: container, grace, and seconds it took."""
    node.until(lambda: calls(node, "StopPodSandbox", name), f"{name} to end")
    names = dict(zip(ids(node, name), created(node, name), strict=True))
    return [
        (
            names[each.request.container_id],
            each.request.timeout,
            ((each.ended_ns or 0) - each.began_ns) / 1e9,
        )
        for each in calls(node, "StopContainer", name)
    ]


def ids(node: KubeletNode, name: str) -> list[str]:
    return [each.response.container_id for each in calls(node, "CreateContainer", name)]


def exits(node: KubeletNode, name: str) -> set[tuple[int, str]]:
    """Return how the containers of a pod have ended, as the kubelet was told."""
    statuses = [each.response.status for each in calls(node, "ContainerStatus", name)]
    ended = [each for each in statuses if each.state == pb.CONTAINER_EXITED]
    return {(each.exit_code, each.reason) for each in ended}


def test_it_goes_at_once_from_what_the_kubelet_shows(node: KubeletNode) -> None:
    node.until(lambda: not any(map(node.kubelet.pod, PODS)), "the pods to go")


def test_who_ends_at_sigterm_is_not_waited_for(node: KubeletNode) -> None:
    ((name, grace_s, took_s),) = stops(node, "polite")
    assert (name, grace_s) == ("main", LONG_S)
    assert took_s < LONG_S / 2
    node.until(lambda: exits(node, "polite"), "its status to be asked for")
    assert exits(node, "polite") == {(0, "Completed")}


def test_who_ignores_sigterm_is_killed_after_the_grace(node: KubeletNode) -> None:
    ((name, grace_s, took_s),) = stops(node, "deaf")
    assert (name, grace_s) == ("main", GRACE_S)
    assert GRACE_S <= took_s < 2 * GRACE_S
    node.until(lambda: exits(node, "deaf"), "its status to be asked for")
    assert exits(node, "deaf") == {(137, "Error")}


def test_no_grace_at_all_is_two_seconds(node: KubeletNode) -> None:
    ((_, grace_s, took_s),) = stops(node, "hasty")
    assert grace_s == 2
    assert 2 <= took_s < 4


def test_restartable_init_containers_end_last_and_in_reverse(node: KubeletNode) -> None:
    order = [name for name, _, _ in stops(node, "sidecars")]
    assert set(order[:2]) == {"main", "other"}
    assert order[2:] == ["second", "first"]
    mains, second, first = (
        calls(node, "StopContainer", "sidecars", name) for name in ("[mo]*", "second", "first")
    )
    assert all((each.ended_n or 0) < second[0].n for each in mains)
    assert (second[0].ended_n or 0) < first[0].n


def test_the_sandbox_is_stopped_when_all_containers_are(node: KubeletNode) -> None:
    for name in PODS:
        stopped = stops(node, name)
        assert len(stopped) == len(created(node, name))
        (sandbox, *_) = calls(node, "StopPodSandbox", name)
        last = max(each.ended_n or 0 for each in calls(node, "StopContainer", name))
        assert last < sandbox.n


def test_its_container_is_removed(node: KubeletNode) -> None:
    # As a rule at once; but if it is seen to be dead before its pod is, in the next minute.
    node.until(
        lambda: calls(node, "RemoveContainer", "deaf"), "its container to be removed", within_s=150
    )
