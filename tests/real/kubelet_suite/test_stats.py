"""What containers use, as a kubelet tells it: of cadvisor and the runtime, or of that alone."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from fakecri import Load, Process
from tests.real.kubelet_suite.manifests import await_running, box_named, pod

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from fakecri.kubelet import KubeletNode

pytestmark = pytest.mark.real

MIB = 2**20
BUSY_IMAGE = "stats.test/busy"
LOAD = Load(cpu_cores=0.5, memory_bytes=40 * MIB, received_bytes_per_s=1000)
PODS = [
    pod("stats-busy", {"name": "main", "image": BUSY_IMAGE}, box_named("beside")),
    pod("stats-idle", box_named("main")),
]
CONTAINERS = [("stats-busy", "main"), ("stats-busy", "beside"), ("stats-idle", "main")]

LOG_LINES = 2000

BASE = {"container", "id", "image", "namespace", "pod"}
LABELS = {
    "container_cpu_usage_seconds_total": BASE,
    "container_memory_working_set_bytes": BASE,
    "container_memory_rss": BASE,
    "container_start_time_seconds": BASE,
    "container_processes": BASE,
    "container_spec_cpu_shares": BASE,
    "container_fs_usage_bytes": BASE | {"device"},
    "container_memory_failures_total": BASE | {"failure_type", "scope"},
    "container_network_receive_bytes_total": BASE | {"interface"},
    "container_network_transmit_bytes_total": BASE | {"interface"},
}
"""Some that dashboards ask for, with their labels on a node with containerd."""
USAGE = "container_cpu_usage_seconds_total"
WORKING_SET = "container_memory_working_set_bytes"


def busy(process: Process) -> Any:
    """Use a lot."""
    process.use(LOAD)
    process.write(b"busy\n" * LOG_LINES)
    yield from process.forever()


@pytest.fixture(scope="module")
def node(kubelet_node: KubeletNode) -> Iterator[KubeletNode]:
    """The node of all, whose kubelet asks the runtime for stats of containers alone."""
    with populated(kubelet_node):
        yield kubelet_node


@pytest.fixture(scope="module")
def cri_node(
    fresh_node: Callable[..., AbstractContextManager[KubeletNode]],
) -> Iterator[KubeletNode]:
    """A node whose kubelet has all numbers of pods and containers of the runtime."""
    with fresh_node(gates={"PodAndContainerStatsFromCRI": True}) as node, populated(node):
        yield node


@contextmanager
def populated(node: KubeletNode) -> Iterator[None]:
    """Let the pods of this module be there."""
    with ExitStack() as stack:
        stack.callback(node.cri.register(busy, image=BUSY_IMAGE))
        stack.enter_context(node.placed(*PODS))
        await_running(node, "stats-busy", "stats-idle")
        node.until(lambda: all("cpu" in stats(node, *each) for each in CONTAINERS), "stats of all")
        yield


def pod_stats(node: KubeletNode, name: str) -> dict[str, Any]:
    """Return what the summary has of a pod; {} while it has nothing."""
    pods = node.kubelet.summary().get("pods") or []
    named = f"{name}-{node.kubelet.name}"
    return next((each for each in pods if each["podRef"]["name"] == named), {})


def stats(node: KubeletNode, name: str, container: str = "main") -> dict[str, Any]:
    """Return what the summary has of a container."""
    containers = pod_stats(node, name).get("containers", [])
    return next((each for each in containers if each["name"] == container), {})


def core_ns(node: KubeletNode, name: str) -> int:
    """Return the CPU time of a container."""
    return int(stats(node, name)["cpu"]["usageCoreNanoSeconds"])


def assert_tells_the_load(node: KubeletNode) -> None:
    """Require that a load shows, and grows beside one that is idle."""
    before = {name: core_ns(node, name) for name in ("stats-busy", "stats-idle")}
    node.until(
        lambda: core_ns(node, "stats-busy") > before["stats-busy"] + 500_000_000, "half a second"
    )
    assert core_ns(node, "stats-idle") - before["stats-idle"] < 100_000_000
    memory = stats(node, "stats-busy")["memory"]
    assert 40 * MIB < memory["workingSetBytes"] < 50 * MIB
    assert stats(node, "stats-busy", "beside")["memory"]["workingSetBytes"] < 10 * MIB


def test_the_summary_tells_the_load_of_containers(node: KubeletNode) -> None:
    assert_tells_the_load(node)
    assert node.cri.history.select("ListContainerStats")
    assert not node.cri.history.select("ListPodSandboxStats")
    # Pod networks are what cadvisor would know.
    assert "network" not in pod_stats(node, "stats-busy")


def test_the_summary_tells_of_the_file_system_of_images(node: KubeletNode) -> None:
    told = node.kubelet.summary()["node"]["runtime"]["imageFs"]
    (call, *_) = node.cri.history.select("ImageFsInfo")
    assert call.response.image_filesystems[0].fs_id.mountpoint == str(node.directory / "images")
    assert 0 < told["usedBytes"] < told["capacityBytes"]


def test_logs_count_as_storage(node: KubeletNode) -> None:
    told = stats(node, "stats-busy")
    assert told["logs"]["usedBytes"] > LOG_LINES * len("busy\n")
    assert stats(node, "stats-idle")["logs"]["usedBytes"] < LOG_LINES
    assert told["rootfs"]["capacityBytes"] == told["logs"]["capacityBytes"] > 0


def test_the_summary_has_all_of_pods_from_the_runtime(cri_node: KubeletNode) -> None:
    assert_tells_the_load(cri_node)
    assert cri_node.cri.history.select("ListPodSandboxStats")
    assert not cri_node.cri.history.select("ListContainerStats")
    told = pod_stats(cri_node, "stats-busy")
    assert told["network"]["name"] == "eth0"
    assert told["network"]["rxBytes"] > 1000
    assert told["cpu"]["usageCoreNanoSeconds"] >= core_ns(cri_node, "stats-idle")
    assert told["process_stats"]["process_count"] >= 2


def test_metrics_of_containers_are_named_and_labelled_as_on_a_real_node(
    cri_node: KubeletNode,
) -> None:
    metrics = cri_node.kubelet.metrics("/metrics/cadvisor")
    of_pod = {"pod": f"stats-busy-{cri_node.kubelet.name}", "namespace": "default"}
    samples = {name: metrics.select(name, **of_pod) for name in LABELS}
    labels = {name: set(found[0].labels) if found else None for name, found in samples.items()}
    assert labels == LABELS
    (of_main,) = metrics.select(WORKING_SET, **of_pod, container="main")
    container = cri_node.kubelet.container("stats-busy", "main")
    assert of_main.labels["id"] == container["containerID"].partition("://")[2]
    assert of_main.labels["image"] == BUSY_IMAGE
    assert of_main.value > 40 * MIB
    # The descriptors are asked for once by each of the kubelet's two servers.
    assert len(cri_node.cri.history.select("ListMetricDescriptors")) == 2


def test_metrics_of_containers_grow_with_their_load(cri_node: KubeletNode) -> None:
    def used_s(name: str) -> float:
        metrics = cri_node.kubelet.metrics("/metrics/cadvisor")
        return metrics.total(USAGE, pod=f"{name}-{cri_node.kubelet.name}", container="main")

    before_s = used_s("stats-busy")
    cri_node.until(lambda: used_s("stats-busy") > before_s, "another second")
    assert used_s("stats-idle") <= 1


def test_a_runtime_without_stats_of_pods_is_asked_for_those_of_containers(
    cri_node: KubeletNode,
) -> None:
    with cri_node.cri.faults("ListPodSandboxStats = error(UNIMPLEMENTED)"):
        assert stats(cri_node, "stats-busy")["memory"]["workingSetBytes"] > 40 * MIB
    assert cri_node.cri.history.select("ListContainerStats")


def test_stats_of_containers_that_fail_are_an_error_and_no_empty_list(node: KubeletNode) -> None:
    with node.cri.faults('ListContainerStats = error(UNKNOWN, "no numbers")'):
        assert_tells_of_failure(node)


def test_stats_of_pods_that_fail_are_an_error_and_no_empty_list(cri_node: KubeletNode) -> None:
    with cri_node.cri.faults('ListPodSandboxStats = error(UNKNOWN, "no numbers")'):
        assert_tells_of_failure(cri_node)


def assert_tells_of_failure(node: KubeletNode) -> None:
    """Require that nobody takes a failure for a node without pods."""
    status, text = node.kubelet.get("/stats/summary")
    assert status == 500
    assert "rpc error: code = Unknown desc = no numbers" in text
    metrics = node.kubelet.metrics("/metrics/resource")
    assert metrics.total("resource_scrape_error") == 1
    assert not metrics.select(USAGE)


def test_the_metrics_of_resources_are_those_of_the_summary(node: KubeletNode) -> None:
    metrics = node.kubelet.metrics("/metrics/resource")
    assert metrics.total("resource_scrape_error") == 0
    of_main = {"pod": f"stats-busy-{node.kubelet.name}", "container": "main"}
    assert metrics.total(WORKING_SET, **of_main) > 40 * MIB
    assert metrics.total(USAGE, **of_main) > metrics.total(
        USAGE, pod=f"stats-idle-{node.kubelet.name}"
    )
    assert metrics.total("node_cpu_usage_seconds_total") > 0
