"""Of the dead containers of a pod that restarts, a real kubelet keeps as many as it was told."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from fakecri.api import runtime_pb2 as pb
from tests.real.kubelet_suite.manifests import box_named, pod

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from fakecri.kubelet import KubeletNode

pytestmark = pytest.mark.real

KEPT = 2
EXITS = 3
SOON = {"crashLoopBackOff": {"maxContainerRestartPeriod": "1s"}}
FLAG = f"--maximum-dead-containers-per-container={KEPT}"


def test_the_newest_dead_containers_are_kept_and_the_logs_of_the_others_go(
    fresh_node: Callable[..., AbstractContextManager[KubeletNode]],
) -> None:
    with (
        fresh_node(settings=SOON, flags=(FLAG,)) as node,
        node.placed(pod("exits", box_named("main"))),
    ):
        for attempt in range(EXITS):
            await_attempt(node, attempt)
            node.cri.state.container(f"exits-{node.kubelet.name}/main").exit(3)
        await_attempt(node, EXITS)
        kept = list(range(EXITS - KEPT, EXITS))
        node.until(lambda: dead(node) == kept, "the older ones to be removed")
        assert logs(node) == [f"{attempt}.log" for attempt in (*kept, EXITS)]


def await_attempt(node: KubeletNode, attempt: int) -> None:
    """Wait until the container runs for the n-th time, as the kubelet knows."""

    def runs() -> bool:
        status = node.kubelet.container("exits", "main")
        return "running" in status.get("state", {}) and status["restartCount"] == attempt

    node.until(runs, f"container {attempt} to run")


def dead(node: KubeletNode) -> list[int]:
    """Return the attempts of the containers that have ended."""
    exited = pb.ContainerStateValue(state=pb.CONTAINER_EXITED)
    found = node.cri.runtime_service.list_containers(pb.ContainerFilter(state=exited))
    return sorted(each.metadata.attempt for each in found)


def logs(node: KubeletNode) -> list[str]:
    """Return the names of the log files."""
    return sorted(each.name for each in node.kubelet.places.pod_logs.glob("*/main/*.log"))
