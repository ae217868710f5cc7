"""The resources of a pod change in place where the kubelet allows it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from tests.real.install import KUBELET_VERSION, KUBELET_VERSION_OLD
from tests.real.kubelet_suite.cgroups import own_cgroup
from tests.real.kubelet_suite.manifests import await_running, box_named, pod
from tests.real.kubelet_suite.seen import calls, told

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from fakecri.kubelet import KubeletNode

pytestmark = pytest.mark.real

Update = tuple[str, int, int, int]
"""RPC, memory limit in MiB, CPU quota, CPU shares."""

POD, CONTAINER = "UpdatePodSandboxResources", "UpdateContainerResources"

# Memory goes before CPU; what grows, grows in the pod first, and what shrinks, there last. The
# kubelet writes quota and shares of its own group one after the other.
GROWS: list[Update] = [
    (POD, 128, 10_000, 102),
    (CONTAINER, 128, 10_000, 102),
    (POD, 128, 20_000, 102),
    (POD, 128, 20_000, 204),
    (CONTAINER, 128, 20_000, 204),
]
SHRINKS: list[Update] = [
    (CONTAINER, 96, 20_000, 204),
    (POD, 96, 20_000, 204),
    (CONTAINER, 96, 10_000, 102),
    (POD, 96, 20_000, 102),
    (POD, 96, 10_000, 102),
]


@dataclass(frozen=True)
class Outcome:
    """What a version does with static pods whose resources change."""

    updates: tuple[list[Update], list[Update]]
    """When it grows, and when it shrinks."""
    pending: str = ""
    """Why it does nothing."""
    error: str = ""
    """What is told of an update that was refused."""


REFUSAL = 'UpdateContainerResources = 1* error(INTERNAL, "no such group")'

OUTCOMES = {
    KUBELET_VERSION: Outcome(
        (GROWS, SHRINKS), error="rpc error: code = Internal desc = no such group"
    ),
    KUBELET_VERSION_OLD: Outcome(([], []), "In-place resize of static-pods is not supported"),
}


def sized(cpu: str, memory: str) -> dict[str, Any]:
    # With the same UID it is the same pod.
    amounts = {"cpu": cpu, "memory": memory}
    return pod(
        "sized",
        box_named("main", resources={"requests": amounts, "limits": amounts}),
        metadata={"uid": "6f5c1b1e-0f3a-4a53-9a55-3c3f2a0b7a01"},
    )


SMALL, LARGE, LESS = sized("100m", "64Mi"), sized("200m", "128Mi"), sized("100m", "96Mi")


@pytest.fixture(scope="module")
def node(
    fresh_node: Callable[..., AbstractContextManager[KubeletNode]],
) -> Iterator[KubeletNode]:
    """A node with groups for pods, without which a kubelet that resizes crashes."""
    with own_cgroup() as root:
        settings = {"cgroupsPerQOS": True, "enforceNodeAllocatable": ["pods"], "cgroupRoot": root}
        with fresh_node(settings=settings) as node:
            node.put(SMALL)
            await_running(node, "sized")
            yield node


def test_the_group_of_a_pod_is_below_that_of_the_kubelet(node: KubeletNode) -> None:
    (sandbox,) = calls(node, "RunPodSandbox", "sized")
    parent = sandbox.request.config.linux.cgroup_parent
    root = node.kubelet.places.configuration.read_text()
    assert parent.partition("/kubepods/")[0] in root
    assert parent.endswith("/kubepods/pod6f5c1b1e-0f3a-4a53-9a55-3c3f2a0b7a01")


def test_resources_change_in_place_and_in_order(node: KubeletNode, version: str) -> None:
    outcome = OUTCOMES[version]
    for pod_, wanted in zip((LARGE, LESS), outcome.updates, strict=True):
        before = len(updates(node))
        shown = resources(node) if outcome.pending else resources_of(pod_)
        node.put(pod_)
        await_resize(node, pod_, shown, outcome.pending)
        assert updates(node)[before:] == wanted
    assert node.kubelet.container("sized", "main")["restartCount"] == 0
    assert len(calls(node, "CreateContainer", "sized")) == 1


def await_resize(node: KubeletNode, pod_: dict[str, Any], shown: Any, why_not: str) -> None:
    node.until(lambda: is_known(node, pod_), "the manifest to be read")
    node.until(lambda: pending(node) == why_not, "the resize to be decided on")
    node.until(lambda: resources(node) == shown, f"{shown} to be shown")


def test_the_beginning_and_the_end_are_told_of(node: KubeletNode, version: str) -> None:
    expected = 0 if OUTCOMES[version].pending else 2
    assert len(told(node, "ResizeStarted", "sized")) == expected
    node.until(lambda: len(told(node, "ResizeCompleted", "sized")) == expected, "its end")


def test_what_the_runtime_refuses_is_tried_again(node: KubeletNode, version: str) -> None:
    outcome = OUTCOMES[version]
    shown = resources(node) if outcome.pending else resources_of(LARGE)
    with node.cri.faults(REFUSAL, strict=False):
        node.put(LARGE)
        await_resize(node, LARGE, shown, outcome.pending)
    said = [json.loads(each.partition(": ")[2]) for each in told(node, "ResizeError", "sized")]
    assert [each["error"] for each in said] == [outcome.error] * bool(outcome.error)


def updates(node: KubeletNode) -> list[Update]:
    """Return all updates of resources, in their order."""
    both = [*calls(node, POD, "sized"), *calls(node, CONTAINER, "sized")]
    return [_update(each.rpc, each.request) for each in sorted(both, key=lambda each: each.n)]


def _update(rpc: str, request: Any) -> Update:
    chosen = request.resources if rpc == POD else request.linux
    return rpc, chosen.memory_limit_in_bytes >> 20, chosen.cpu_quota, chosen.cpu_shares


def resources(node: KubeletNode) -> Any:
    """Return the resources that a container has, as the kubelet shows them."""
    return node.kubelet.container("sized", "main").get("resources")


def resources_of(pod_: dict[str, Any]) -> Any:
    return pod_["spec"]["containers"][0]["resources"]


def is_known(node: KubeletNode, pod_: dict[str, Any]) -> bool:
    """Return whether the kubelet has read this manifest."""
    return bool(resources_of(node.kubelet.pod("sized") or pod_) == resources_of(pod_))


def pending(node: KubeletNode) -> str:
    """Return why the kubelet does not resize; empty where it does."""
    conditions = (node.kubelet.pod("sized") or {}).get("status", {}).get("conditions", [])
    waits = [each["message"] for each in conditions if each["type"] == "PodResizePending"]
    return str(waits[0]) if waits else ""
