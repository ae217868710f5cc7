"""The resources of a pod change in place where the kubelet allows it."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPException
from typing import TYPE_CHECKING, Any

import pytest

from tests.real.install import KUBELET_VERSION, KUBELET_VERSION_OLD
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
RIGID_GROWS: list[Update] = [
    (POD, 64, 20_000, 102),
    (POD, 64, 20_000, 204),
    (CONTAINER, 64, 20_000, 204),
]
RIGID_RESTARTS: list[Update] = [(POD, 128, 20_000, 204)]


@dataclass(frozen=True)
class Outcome:
    """What a version does with static pods whose resources change."""

    updates: tuple[list[Update], list[Update]]
    """When it grows, and when it shrinks."""
    rigid: tuple[list[Update], list[Update]] = ([], [])
    """Where a container restarts for memory: when its CPU grows, and then its memory."""
    pending: str = ""
    """Why it does nothing."""
    error: str = ""
    """What is told of an update that was refused."""
    crash: int | None = None
    """How it ends where there are no groups of pods."""


REFUSAL = 'UpdateContainerResources = 1* error(INTERNAL, "no such group")'

OUTCOMES = {
    KUBELET_VERSION: Outcome(
        (GROWS, SHRINKS),
        (RIGID_GROWS, RIGID_RESTARTS),
        error="rpc error: code = Internal desc = no such group",
        crash=2,
    ),
    KUBELET_VERSION_OLD: Outcome(
        ([], []), pending="In-place resize of static-pods is not supported"
    ),
}


# With the same UID it is the same pod.
UIDS = {
    "sized": "6f5c1b1e-0f3a-4a53-9a55-3c3f2a0b7a01",
    "rigid": "6f5c1b1e-0f3a-4a53-9a55-3c3f2a0b7a02",
}
RESTARTED_FOR_MEMORY = [
    {"resourceName": "cpu", "restartPolicy": "NotRequired"},
    {"resourceName": "memory", "restartPolicy": "RestartContainer"},
]


def sized(cpu: str, memory: str, name: str = "sized", **fields: Any) -> dict[str, Any]:
    amounts = {"cpu": cpu, "memory": memory}
    box = box_named("main", resources={"requests": amounts, "limits": amounts}, **fields)
    return pod(name, box, metadata={"uid": UIDS[name]})


def rigid(cpu: str, memory: str) -> dict[str, Any]:
    return sized(cpu, memory, "rigid", resizePolicy=RESTARTED_FOR_MEMORY)


SMALL, LARGE, LESS = sized("100m", "64Mi"), sized("200m", "128Mi"), sized("100m", "96Mi")


@pytest.fixture(scope="module")
def node(
    fresh_node: Callable[..., AbstractContextManager[KubeletNode]],
) -> Iterator[KubeletNode]:
    """A node with groups for pods, without which a kubelet that resizes crashes."""
    with fresh_node(settings={"cgroupsPerQOS": True}) as node:
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
    assert (resize(node, LARGE, outcome), resize(node, LESS, outcome)) == outcome.updates
    assert node.kubelet.container("sized", "main")["restartCount"] == 0
    assert len(calls(node, "CreateContainer", "sized")) == 1


def test_what_the_runtime_refuses_is_tried_again(node: KubeletNode, version: str) -> None:
    outcome = OUTCOMES[version]
    with node.cri.faults(REFUSAL, strict=False):
        resize(node, LARGE, outcome)
    errors = [each["error"] for each in said(node, "ResizeError", "sized")]
    assert errors == [outcome.error] * bool(outcome.error)


def test_a_container_is_started_again_where_its_policy_asks_for_that(
    node: KubeletNode, version: str
) -> None:
    outcome = OUTCOMES[version]
    with node.placed(rigid("100m", "64Mi")):
        await_running(node, "rigid")
        in_place = resize(node, rigid("200m", "64Mi"), outcome)
        assert in_place == outcome.rigid[0]
        assert made_with(node) == [64]
        again = resize(node, rigid("200m", "128Mi"), outcome)
        assert again == outcome.rigid[1]
        restarts = int(not outcome.pending)
        assert made_with(node) == [64, *[128] * restarts]
        node.until(lambda: restart_count(node) == restarts, f"{restarts} restarts to be shown")
        reason = "Container main resize requires restart"
        assert told(node, "Killing", "rigid") == [reason] * restarts


def made_with(node: KubeletNode) -> list[int]:
    """Return the memory limit of each container of the pod, in MiB."""
    made = [each.request.config.linux.resources for each in calls(node, "CreateContainer", "rigid")]
    return [each.memory_limit_in_bytes >> 20 for each in made]


def restart_count(node: KubeletNode) -> int:
    return int(node.kubelet.container("rigid", "main")["restartCount"])


def test_where_there_are_no_groups_of_pods_a_resize_is_the_end_of_the_kubelet(
    fresh_node: Callable[..., AbstractContextManager[KubeletNode]], version: str
) -> None:
    outcome = OUTCOMES[version]
    with fresh_node() as node, node.placed(SMALL):
        await_running(node, "sized")
        node.put(LARGE)
        kubelet = node.kubelet
        node.until(lambda: has_ended_or_refused(node), "it to end, or to refuse")
        assert kubelet.status == outcome.crash
        assert bool(kubelet.lines("nil pointer dereference")) == (outcome.crash is not None)


def has_ended_or_refused(node: KubeletNode) -> bool:
    with suppress(OSError, HTTPException):  # it does not answer any more
        return bool(pending(node, "sized"))
    return node.kubelet.status is not None


def resize(node: KubeletNode, pod_: dict[str, Any], outcome: Outcome) -> list[Update]:
    """Change the manifest; return the updates that the runtime got when the kubelet is done."""
    name = pod_["metadata"]["name"]
    before = len(updates(node, name))
    ends = len(told(node, "ResizeCompleted", name))
    shown = resources(node, name) if outcome.pending else resources_of(pod_)
    node.put(pod_)
    node.until(lambda: is_known(node, pod_), "the manifest to be read")
    node.until(lambda: pending(node, name) == outcome.pending, "the resize to be decided on")
    node.until(lambda: resources(node, name) == shown, f"{shown} to be shown")
    if not outcome.pending:
        # What is shown changes before the kubelet is done. It may tell of an end too many: that
        # of a sync which began before.
        node.until(lambda: shown in completed(node, name)[ends:], "the end of the resize")
    return updates(node, name)[before:]


def completed(node: KubeletNode, name: str) -> list[Any]:
    """Return the resources of each resize that is told of as completed."""
    return [each["containers"][0]["resources"] for each in said(node, "ResizeCompleted", name)]


def said(node: KubeletNode, reason: str, name: str) -> list[dict[str, Any]]:
    """Return what kubelet events of a reason say beside words."""
    return [json.loads(each.partition(": ")[2]) for each in told(node, reason, name)]


def updates(node: KubeletNode, name: str) -> list[Update]:
    """Return all updates of resources, in their order."""
    both = [*calls(node, POD, name), *calls(node, CONTAINER, name)]
    return [_update(each.rpc, each.request) for each in sorted(both, key=lambda each: each.n)]


def _update(rpc: str, request: Any) -> Update:
    chosen = request.resources if rpc == POD else request.linux
    return rpc, chosen.memory_limit_in_bytes >> 20, chosen.cpu_quota, chosen.cpu_shares


def resources(node: KubeletNode, name: str) -> Any:
    """Return the resources that a container has, as the kubelet shows them."""
    return node.kubelet.container(name, "main").get("resources")


def resources_of(pod_: dict[str, Any]) -> Any:
    return pod_["spec"]["containers"][0]["resources"]


def is_known(node: KubeletNode, pod_: dict[str, Any]) -> bool:
    """Return whether the kubelet has read this manifest."""
    return bool(
        resources_of(node.kubelet.pod(pod_["metadata"]["name"]) or pod_) == resources_of(pod_)
    )


def pending(node: KubeletNode, name: str) -> str:
    """Return why the kubelet does not resize; empty where it does."""
    conditions = (node.kubelet.pod(name) or {}).get("status", {}).get("conditions", [])
    waits = [each["message"] for each in conditions if each["type"] == "PodResizePending"]
    return str(waits[0]) if waits else ""
