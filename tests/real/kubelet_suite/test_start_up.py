"""What a kubelet asks of the runtime when it starts, before any pod does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from google.protobuf.json_format import MessageToDict

if TYPE_CHECKING:
    from fakecri.core.recorder import CallRecord
    from fakecri.kubelet import KubeletNode

pytestmark = pytest.mark.real

Asked = tuple[str, dict[str, Any]]

# The cgroup driver is asked for three times in a row, also where the first answer is good.
IN_ORDER: list[Asked] = [
    ("Version", {}),
    ("ImageFsInfo", {}),
    ("RuntimeConfig", {}),
    ("RuntimeConfig", {}),
    ("RuntimeConfig", {}),
    ("Version", {"version": "0.1.0"}),
]

# From here on loops run side by side, and no order is to be expected.
ALL: dict[str, Asked] = {
    "whether the runtime is ready": ("Status", {}),
    "images": ("ListImages", {}),
    "room for images": ("ImageFsInfo", {}),
    "containers, to collect garbage and to relist": ("ListContainers", {"filter": {}}),
    "sandboxes, to collect garbage and to relist": ("ListPodSandbox", {"filter": {}}),
    "containers, for the map of the container manager": ("ListContainers", {}),
    "sandboxes, for the map of the container manager": ("ListPodSandbox", {}),
    "usage, to evict": ("ListContainerStats", {"filter": {}}),
    "READY sandboxes, to find orphans": ("ListPodSandbox", {"filter": {"state": {}}}),
    "RUNNING containers, to find orphans": (
        "ListContainers",
        {"filter": {"state": {"state": "CONTAINER_RUNNING"}}},
    ),
}


def test_the_first_calls_come_in_order(kubelet_node: KubeletNode) -> None:
    first = kubelet_node.cri.calls[: len(IN_ORDER)]
    assert [asked(each) for each in first] == IN_ORDER
    assert {each.timeout_ns for each in first} == {120 * 10**9}


def test_then_everything_is_asked_that_its_loops_need(kubelet_node: KubeletNode) -> None:
    def missing() -> list[str]:
        seen = [asked(each) for each in kubelet_node.cri.calls[len(IN_ORDER) :]]
        return [what for what, each in ALL.items() if each not in seen]

    kubelet_node.until(lambda: not missing(), "all that a kubelet asks for")


def test_all_that_it_asks_while_it_starts_is_answered(kubelet_node: KubeletNode) -> None:
    metrics = kubelet_node.kubelet.metrics()
    # Not so Version: where a pod goes, the kubelet itself gives up what its sync was asking.
    for operation in ("status", "list_images", "list_containers", "list_podsandbox"):
        name = "kubelet_runtime_operations"
        assert metrics.total(f"{name}_total", operation_type=operation) > 0
        assert metrics.total(f"{name}_errors_total", operation_type=operation) == 0
    assert all(
        each.error is None or each.cancelled
        for each in kubelet_node.cri.calls
        if each.rpc == "Version"
    )
    assert kubelet_node.kubelet.get("/healthz") == (200, "ok")


def asked(call: CallRecord) -> Asked:
    return call.rpc, MessageToDict(call.request, preserving_proto_field_name=True)
