"""What a kubelet tells of itself: health, configuration, pods that run, and its own metrics."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from fakecri.api import runtime_pb2 as pb
from tests.real.kubelet_suite.doors import Doors
from tests.real.kubelet_suite.manifests import await_running, box_named, pod

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fakecri.kubelet import KubeletNode

pytestmark = pytest.mark.real

RUNNING = pb.ContainerFilter(state=pb.ContainerStateValue(state=pb.CONTAINER_RUNNING))
OPERATIONS = "kubelet_runtime_operations"
PROBE = {"exec": {"command": ["true"]}, "periodSeconds": 1}
PODS = [pod("told", box_named("main", readinessProbe=PROBE)), pod("told-too", box_named("main"))]


@pytest.fixture(scope="module")
def node(kubelet_node: KubeletNode) -> Iterator[KubeletNode]:
    """The node, with all pods of this module."""
    with kubelet_node.placed(*PODS):
        await_running(kubelet_node, "told", "told-too")
        yield kubelet_node


@pytest.mark.parametrize("path", ["/healthz", "/healthz/ping", "/healthz/log", "/healthz/syncloop"])
def test_it_is_healthy(node: KubeletNode, path: str) -> None:
    assert node.kubelet.get(path) == (200, "ok")
    assert node.kubelet.tls_get(path) == (200, "ok")


def test_it_tells_the_configuration_that_it_was_given(node: KubeletNode) -> None:
    status, text = node.kubelet.tls_get("/configz")
    assert status == 200
    told = json.loads(text)["kubeletconfig"]
    given = json.loads(node.kubelet.places.configuration.read_text())
    # Spans are written in several ways.
    same = {"containerRuntimeEndpoint", "staticPodPath", "podLogsDir", "port", "readOnlyPort"}
    assert {key: told[key] for key in same} == {key: given[key] for key in same}


def test_it_tells_which_pods_run_in_the_runtime(node: KubeletNode) -> None:
    def images(name: str) -> list[str]:
        status, text = node.kubelet.tls_get("/runningpods/")
        assert status == 200
        items = [
            each for each in json.loads(text)["items"] or [] if each["metadata"]["name"] == name
        ]
        return [box["image"] for each in items for box in each["spec"]["containers"]]

    image = node.cri.image_service.image_status(pb.ImageSpec(image="busybox")).image
    name, other = (f"{each}-{node.kubelet.name}" for each in ("told", "told-too"))
    node.until(lambda: images(name) == images(other) == [image.id], "both pods")
    node.remove("told-too")
    node.until(lambda: not images(other), "the other pod to go")
    assert images(name) == [image.id]


def test_it_counts_calls_and_those_that_fail(node: KubeletNode) -> None:
    doors = Doors(node)
    before = [count(node, "exec"), count(node, "exec", "errors_")]
    with node.cri.faults("Exec = 1*error(INTERNAL)"):
        for _ in range(2):
            doors.ask(doors.path("exec", "told", command="true", output=1))
    assert [count(node, "exec"), count(node, "exec", "errors_")] == [before[0] + 2, before[1] + 1]


def test_it_lists_pods_all_the_time(node: KubeletNode) -> None:
    before = count(node, "list_podsandbox")
    node.until(lambda: count(node, "list_podsandbox") > before + 1, "two more lists")


def test_it_counts_what_runs(node: KubeletNode) -> None:
    def running() -> tuple[float, int]:
        metrics = node.kubelet.metrics()
        boxes = metrics.total("kubelet_running_containers", container_state="running")
        return boxes, len(node.cri.runtime_service.list_containers(RUNNING))

    node.until(lambda: len(set(running())) == 1, "the numbers to agree")


def test_it_counts_probes(node: KubeletNode) -> None:
    def passed() -> float:
        return node.kubelet.metrics("/metrics/probes").total(
            "prober_probe_total",
            pod=f"told-{node.kubelet.name}",
            probe_type="Readiness",
            result="successful",
        )

    before = passed()
    node.until(lambda: passed() >= before + 2, "two more probes")


def count(node: KubeletNode, operation: str, kind: str = "") -> float:
    """Return how many calls of an RPC the kubelet has counted."""
    return node.kubelet.metrics().total(f"{OPERATIONS}_{kind}total", operation_type=operation)
