"""Two hundred pods on one node, and what is left when they go: the garbage is collected."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.real.kubelet_suite.manifests import box_named, pod

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from fakecri.kubelet import KubeletNode

pytestmark = pytest.mark.real

MANY = 200
PODS = [pod(f"many-{number}", box_named("main")) for number in range(MANY)]
GARBAGE_S = 300
"""The kubelet collects containers and sandboxes once a minute."""


@pytest.fixture(scope="module")
def node(
    fresh_node: Callable[..., AbstractContextManager[KubeletNode]],
) -> Iterator[KubeletNode]:
    """A node on which many pods run."""
    with fresh_node(settings={"maxPods": MANY + 10}, keep_calls=10_000) as node:
        node.put_all(PODS)
        node.until(lambda: len(running(node)) == MANY, "many pods to run", within_s=300)
        yield node


@pytest.fixture(scope="module")
def emptied(node: KubeletNode) -> KubeletNode:
    """The node, when they are gone."""
    for each in PODS:
        node.remove(each["metadata"]["name"])
    services = node.cri.runtime_service
    node.until(lambda: not services.list_containers(), "no container", within_s=GARBAGE_S)
    node.until(lambda: not services.list_pod_sandbox(), "no pod sandbox", within_s=GARBAGE_S)
    return node


def running(node: KubeletNode) -> list[str]:
    """Return the pods that the kubelet shows as running."""
    pods = node.kubelet.pods()
    return [each["metadata"]["name"] for each in pods if each["status"]["phase"] == "Running"]


def test_each_has_an_address_of_its_own_and_one_container(node: KubeletNode) -> None:
    pods = node.kubelet.pods()
    assert len({each["status"]["podIP"] for each in pods}) == MANY
    assert [each["status"]["containerStatuses"][0]["restartCount"] for each in pods] == [0] * MANY
    assert len(node.cri.runtime_service.list_containers()) == MANY
    assert len(node.cri.runtime_service.list_pod_sandbox()) == MANY


def test_the_kubelet_keeps_up_with_them(node: KubeletNode) -> None:
    before = relists(node)
    node.until(lambda: relists(node) >= before + 5, "five relists")  # said there
    metrics = node.kubelet.metrics()
    assert metrics.total("kubelet_pleg_discard_events") == 0
    failed = metrics.select("kubelet_runtime_operations_errors_total")
    # It asks for the containers of links in /var/log/containers that others have left.
    assert {each.labels["operation_type"] for each in failed} <= {"container_status"}
    assert not node.kubelet.lines("PLEG is not healthy: pleg was last seen")


def relists(node: KubeletNode) -> float:
    """Return how often the kubelet has listed all containers."""
    return node.kubelet.metrics().total("kubelet_pleg_relist_duration_seconds_count")


def test_nothing_of_them_is_left(emptied: KubeletNode) -> None:
    logs = emptied.kubelet.places.pod_logs
    emptied.until(lambda: not list(logs.iterdir()), "log directories to be removed", GARBAGE_S)
    history = emptied.cri.history
    assert len(history.select("RemoveContainer", error=False)) >= MANY
    assert len(history.select("RemovePodSandbox", error=False)) >= MANY
    assert emptied.kubelet.pods() == []
