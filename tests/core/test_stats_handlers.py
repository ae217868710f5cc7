"""ContainerStats, and its list and stream; the batches of all streams of figures."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import grpc
import pytest

from fakecri.api import runtime_pb2 as pb
from tests.support import Node, raises_status

MEMORY = (
    "working_set_bytes",
    "available_bytes",
    "usage_bytes",
    "rss_bytes",
    "page_faults",
    "major_page_faults",
)
SLEEP = ("sleep", "1d")
MIB = 2**20


def container_stats(node: Node, container_id: str) -> pb.ContainerStats:
    request = pb.ContainerStatsRequest(container_id=container_id)
    return node.runtime.ContainerStats(request).stats


def listed(node: Node, **wanted: Any) -> list[pb.ContainerStats]:
    """Return what the list gives; the stream must give the same containers."""
    filter_ = pb.ContainerStatsFilter(**wanted) if wanted else None
    request = pb.ListContainerStatsRequest(filter=filter_)
    stats = list(node.runtime.ListContainerStats(request).stats)
    streamed = [
        each
        for message in node.runtime.StreamContainerStats(
            pb.StreamContainerStatsRequest(filter=filter_)
        )
        for each in message.container_stats
    ]
    assert ids(streamed) == ids(stats)
    return stats


def ids(stats: Iterable[pb.ContainerStats]) -> list[str]:
    return [each.attributes.id for each in stats]


def only(node: Node, container_id: str) -> pb.ContainerStats:
    """Return a container's stats from one call of the list."""
    request = pb.ListContainerStatsRequest(filter=pb.ContainerStatsFilter(id=container_id))
    (stats,) = node.runtime.ListContainerStats(request).stats
    return stats


# One container.


def test_stats_of_a_running_container_are_complete(ready: Node) -> None:
    labels, annotations = {"app": "web"}, {"why": "test"}
    container = ready.run(ready.run_sandbox(), *SLEEP, labels=labels, annotations=annotations)
    stats = container_stats(ready, container)
    assert stats.attributes == pb.ContainerAttributes(
        id=container,
        metadata=pb.ContainerMetadata(name="main"),
        labels=labels,
        annotations=annotations,
    )
    assert stats.cpu.HasField("usage_core_nano_seconds")
    assert [field for field in MEMORY if not stats.memory.HasField(field)] == []  # type: ignore[arg-type]  # they are its fields
    assert stats.memory.usage_bytes.value >= stats.memory.working_set_bytes.value > 0
    assert not stats.HasField("swap")


def test_stats_have_one_timestamp_for_cpu_and_memory(ready: Node) -> None:
    stats = container_stats(ready, ready.run(ready.run_sandbox(), *SLEEP))
    assert stats.cpu.timestamp == stats.memory.timestamp == stats.io.timestamp
    assert stats.cpu.timestamp >= ready.cri.now_ns


def test_stats_show_pressure_as_on_cgroup_v2(ready: Node) -> None:
    container = ready.run(ready.run_sandbox(), *SLEEP)
    ready.cri.advance(1000)
    stats = container_stats(ready, container)
    for psi in (stats.cpu.psi, stats.memory.psi, stats.io.psi):
        assert psi.Some.Total >= psi.Full.Total > 0


def test_memory_available_is_the_room_below_the_limit(ready: Node) -> None:
    sandbox = ready.run_sandbox()
    limit = pb.LinuxContainerResources(memory_limit_in_bytes=64 * MIB)
    limited = ready.run(sandbox, *SLEEP, linux=pb.LinuxContainerConfig(resources=limit))
    memory = container_stats(ready, limited).memory
    assert memory.available_bytes.value == 64 * MIB - memory.working_set_bytes.value
    free = ready.run(sandbox, *SLEEP, name="free")
    assert container_stats(ready, free).memory.available_bytes.value == 0


def test_memory_available_is_0_above_the_limit(ready: Node) -> None:
    limit = pb.LinuxContainerConfig(
        resources=pb.LinuxContainerResources(memory_limit_in_bytes=4096)
    )
    container = ready.run(ready.run_sandbox(), *SLEEP, linux=limit)
    assert container_stats(ready, container).memory.available_bytes.value == 0


def test_stats_of_an_unknown_container_are_not_found(node: Node) -> None:
    with raises_status(grpc.StatusCode.NOT_FOUND, "failed to find container: not found"):
        container_stats(node, "deadbeef")


def test_stats_of_no_container_are_an_error(node: Node) -> None:
    with raises_status(grpc.StatusCode.UNKNOWN, "failed to find container: prefix can't be empty"):
        container_stats(node, "")


def test_stats_take_a_prefix_of_an_id(ready: Node) -> None:
    container = ready.run(ready.run_sandbox(), *SLEEP)
    assert container_stats(ready, container[:12]).attributes.id == container


@pytest.mark.parametrize("state", ["created", "exited"])
def test_stats_of_what_does_not_run_are_an_error(ready: Node, state: str) -> None:
    container = ready.create(ready.run_sandbox(), *SLEEP)
    if state == "exited":
        ready.start(container)
        ready.stop(container)
    with raises_status(grpc.StatusCode.UNKNOWN, "unexpected metrics response: []"):
        container_stats(ready, container)


@pytest.mark.parametrize("state", ["created", "exited"])
def test_lists_have_what_does_not_run_without_cpu_and_memory(ready: Node, state: str) -> None:
    container = ready.create(ready.run_sandbox(), *SLEEP)
    if state == "exited":
        ready.start(container)
        ready.stop(container)
    stats = only(ready, container)
    assert {field.name for field, _ in stats.ListFields()} == {"attributes", "writable_layer"}


def test_a_writable_layer_is_empty_until_it_is_looked_at(ready: Node) -> None:
    container = ready.run(ready.run_sandbox(), *SLEEP)
    layer = container_stats(ready, container).writable_layer
    root = "/var/lib/containerd/io.containerd.snapshotter.v1.overlayfs"
    assert layer.fs_id.mountpoint == root
    assert (layer.timestamp, layer.used_bytes.value, layer.inodes_used.value) == (0, 0, 0)
    assert layer.HasField("used_bytes")
    assert layer.HasField("inodes_used")
    ready.cri.advance(12)
    layer = container_stats(ready, container).writable_layer
    assert 0 < ready.cri.now_ns - layer.timestamp < 10 * 10**9
    assert (layer.used_bytes.value, layer.inodes_used.value) == (20 * 1024, 8)


# Rates.


def test_a_rate_comes_with_the_second_list(ready: Node) -> None:
    container = ready.run(ready.run_sandbox(), *SLEEP)
    assert not only(ready, container).cpu.HasField("usage_nano_cores")
    ready.cri.advance(10)
    assert only(ready, container).cpu.usage_nano_cores.value == 2_000_000


def test_a_rate_needs_time_between_lists(ready: Node) -> None:
    container = ready.run(ready.run_sandbox(), *SLEEP)
    only(ready, container)
    assert not only(ready, container).cpu.HasField("usage_nano_cores")


def test_single_stats_have_no_rate_and_are_no_sample(ready: Node) -> None:
    container = ready.run(ready.run_sandbox(), *SLEEP)
    container_stats(ready, container)
    ready.cri.advance(10)
    assert not container_stats(ready, container).cpu.HasField("usage_nano_cores")
    assert not only(ready, container).cpu.HasField("usage_nano_cores")


def test_the_rate_is_what_the_two_answers_say(ready: Node) -> None:
    container = ready.run(ready.run_sandbox(), *SLEEP)
    ready.cri.advance(3.7)
    first = only(ready, container).cpu
    ready.cri.advance(7.3)
    second = only(ready, container).cpu
    spent_ns = second.usage_core_nano_seconds.value - first.usage_core_nano_seconds.value
    passed_ns = second.timestamp - first.timestamp
    assert second.usage_nano_cores.value == pytest.approx(spent_ns * 10**9 / passed_ns, abs=1)


# Lists.


def test_timestamps_move_on_between_lists_though_time_stands_still(ready: Node) -> None:
    # crictl: "cpu stat is not updated during sample".
    container = ready.run(ready.run_sandbox(), *SLEEP)
    stamps = [only(ready, container).cpu.timestamp for _ in range(3)]
    assert stamps == sorted(set(stamps))


def test_cpu_counts_up_between_lists(ready: Node) -> None:
    container = ready.run(ready.run_sandbox(), *SLEEP)
    used = []
    for _ in range(3):
        ready.cri.advance(1)
        used.append(only(ready, container).cpu.usage_core_nano_seconds.value)
    assert used == [2_000_000, 4_000_000, 6_000_000]


def test_a_running_container_is_not_hidden_by_crictl(ready: Node) -> None:
    # It hides what has neither CPU time nor a working set.
    stats = only(ready, ready.run(ready.run_sandbox(), *SLEEP))
    assert stats.cpu.usage_core_nano_seconds.value or stats.memory.working_set_bytes.value


def test_a_container_that_started_is_listed(ready: Node) -> None:
    container = ready.run(ready.run_sandbox(), *SLEEP, name="container-for-stats-1")
    (stats,) = listed(ready)
    assert stats.attributes.id == container
    assert "container-for-stats-" in stats.attributes.metadata.name
    assert stats.cpu.timestamp
    assert stats.memory.timestamp


def test_a_list_without_filter_has_all_in_the_order_of_their_birth(ready: Node) -> None:
    sandbox = ready.run_sandbox()
    started = [ready.run(sandbox, *SLEEP, name=name) for name in ("c", "a", "b")]
    assert ids(listed(ready)) == started
    assert ids(listed(ready, id="")) == started


def test_a_list_by_id_takes_prefixes_and_knows_no_not_found(ready: Node) -> None:
    sandbox = ready.run_sandbox()
    one, _ = (ready.run(sandbox, *SLEEP, name=name) for name in ("one", "two"))
    assert ids(listed(ready, id=one)) == [one]
    assert ids(listed(ready, id=one[:20])) == [one]
    assert listed(ready, id="deadbeef") == []


def test_a_list_by_pod_takes_prefixes(ready: Node) -> None:
    one, two = (ready.run_sandbox(name) for name in ("one", "two"))
    first = ready.run(one, *SLEEP, pod="one")
    second = ready.run(two, *SLEEP, pod="two")
    assert ids(listed(ready, pod_sandbox_id=one)) == [first]
    assert ids(listed(ready, pod_sandbox_id=two[:20])) == [second]
    assert listed(ready, pod_sandbox_id=one, id=second) == []


def test_a_list_by_labels_wants_every_pair(ready: Node) -> None:
    container = ready.run(ready.run_sandbox(), *SLEEP, labels={"foo": "bar", "a": "b"})
    assert ids(listed(ready, label_selector={"foo": "bar"})) == [container]
    assert listed(ready, label_selector={"foo": "baz"}) == []
    assert listed(ready, label_selector={"foo": "bar", "c": "d"}) == []


def test_streams_of_nothing_have_no_message(node: Node) -> None:
    assert list(node.runtime.StreamContainerStats(pb.StreamContainerStatsRequest())) == []
    assert list(node.runtime.StreamPodSandboxStats(pb.StreamPodSandboxStatsRequest())) == []


def test_counters_of_a_new_container_begin_at_0(ready: Node) -> None:
    sandbox = ready.run_sandbox()
    ready.run(sandbox, *SLEEP)
    ready.cri.advance(100)
    new = ready.run(sandbox, *SLEEP, name="main", attempt=1)
    assert only(ready, new).cpu.usage_core_nano_seconds.value == 0


def test_streams_come_in_batches(ready: Node) -> None:
    world = ready.cri.host.world
    world.profile = replace(world.profile, stream_batch=2)
    for name in ("one", "two", "three"):
        ready.run(ready.run_sandbox(name), *SLEEP, pod=name)
    containers = ready.runtime.StreamContainerStats(pb.StreamContainerStatsRequest())
    assert [len(message.container_stats) for message in containers] == [2, 1]
    sandboxes = ready.runtime.StreamPodSandboxStats(pb.StreamPodSandboxStatsRequest())
    assert [len(message.pod_sandbox_stats) for message in sandboxes] == [2, 1]
    metrics = ready.runtime.StreamPodSandboxMetrics(pb.StreamPodSandboxMetricsRequest())
    assert [len(message.pod_sandbox_metrics) for message in metrics] == [2, 1]
