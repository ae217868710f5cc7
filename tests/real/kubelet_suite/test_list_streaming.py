"""A kubelet that lists by streams (the gate CRIListStreaming, of 1.36)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.real import install
from tests.real.kubelet_suite.manifests import await_running, box_named, pod

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from fakecri.kubelet import KubeletNode

# An older kubelet knows no such gate, and does not start with it.
pytestmark = [
    pytest.mark.real,
    pytest.mark.parametrize("version", [install.KUBELET_VERSION], indirect=True, scope="package"),
]

STREAMS = {
    "StreamPodSandboxes": "ListPodSandbox",
    "StreamContainers": "ListContainers",
    "StreamContainerStats": "ListContainerStats",
    "StreamImages": "ListImages",
    "StreamPodSandboxStats": "ListPodSandboxStats",
    "StreamPodSandboxMetrics": "ListPodSandboxMetrics",
}
WITH_STATS_FROM_CRI = {"StreamPodSandboxStats", "StreamPodSandboxMetrics"}
WITHOUT = {"StreamContainerStats"}
POD_NAMES = ["streamed-1", "streamed-2"]


@pytest.fixture(scope="module", params=[False, True], ids=["stats of both", "stats of the CRI"])
def from_cri(request: pytest.FixtureRequest) -> bool:
    """Whether all stats are those of the runtime."""
    return bool(request.param)


@pytest.fixture(scope="module")
def node(
    fresh_node: Callable[..., AbstractContextManager[KubeletNode]], from_cri: bool
) -> Iterator[KubeletNode]:
    """A node with the gate, with two pods and all that lists."""
    gates = {"CRIListStreaming": True, "PodAndContainerStatsFromCRI": from_cri}
    with fresh_node(gates=gates) as node:
        node.put_all([pod(name, box_named("main")) for name in POD_NAMES])
        await_running(node, *POD_NAMES)
        yield node


def seen(node: KubeletNode) -> set[str]:
    """Return what the runtime was called for."""
    return {each.rpc for each in node.cri.calls}


def test_lists_come_as_streams_alone(node: KubeletNode, from_cri: bool) -> None:
    expected = STREAMS.keys() - (WITHOUT if from_cri else WITH_STATS_FROM_CRI)
    node.until(
        lambda: len(node.kubelet.summary().get("pods") or []) == len(POD_NAMES), "stats of the pods"
    )
    node.kubelet.metrics("/metrics/cadvisor")
    node.until(lambda: expected <= seen(node), "all lists")
    assert not seen(node) & set(STREAMS.values())
    for each in node.cri.history.select("StreamPodSandboxes"):
        assert each.error is None
