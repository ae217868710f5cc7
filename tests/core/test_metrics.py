"""The metrics: what is described is sampled, and as critest and the kubelet want it."""

from collections import Counter
from collections.abc import Iterator, Mapping

import pytest

from fakecri.api import runtime_pb2 as pb
from tests.support import Node

SLEEP = ("sleep", "365d")
BASE = ("pod", "namespace", "container", "id", "image")
DAY_S = 24 * 3600
THREADS_MAX = "container_threads_max"


def expand(prefix: str, words: str, suffix: str = "") -> set[str]:
    return {f"container_{prefix}{word}{suffix}" for word in words.split()}


# critest: `-` marks what need have neither descriptor nor sample, `o` what need have no sample.
OPTIONAL = (
    expand("pressure_cpu_", "stalled waiting", "_seconds_total")
    | expand("pressure_io_", "stalled waiting", "_seconds_total")
    | expand("pressure_memory_", "stalled waiting", "_seconds_total")
    | expand("hugetlb_", "max_usage_bytes usage_bytes")
    | expand("", "spec_cpu_quota spec_memory_reservation_limit_bytes ulimits_soft")
)
MANDATORY = (
    expand("", "blkio_device_usage_total file_descriptors last_seen oom_events_total processes")
    | expand("", "sockets start_time_seconds threads threads_max")
    | expand("cpu_cfs_", "periods_total throttled_periods_total throttled_seconds_total")
    | expand("cpu_", "system usage user", "_seconds_total")
    | expand("fs_", "inodes_free inodes_total limit_bytes usage_bytes")
    | expand("fs_", "reads_bytes reads writes_bytes writes", "_total")
    | expand("memory_", "cache failcnt failures_total kernel_usage mapped_file max_usage_bytes")
    | expand("memory_", "rss swap usage_bytes working_set_bytes")
    | expand("network_receive_", "bytes errors packets_dropped packets", "_total")
    | expand("network_transmit_", "bytes errors packets_dropped packets", "_total")
    | expand("spec_", "cpu_period cpu_shares memory_limit_bytes memory_swap_limit_bytes")
)
CONTAINERDS_OWN = expand("memory_total_", "active_file_bytes inactive_file_bytes")

GAUGES_DESPITE_THEIR_NAMES = expand("", "fs_inodes_total")
COUNTERS_DESPITE_THEIR_NAMES = expand("", "memory_failcnt")


def descriptors(node: Node) -> Mapping[str, pb.MetricDescriptor]:
    answer = node.runtime.ListMetricDescriptors(pb.ListMetricDescriptorsRequest())
    described = {each.name: each for each in answer.descriptors}
    assert len(described) == len(answer.descriptors)
    return described


def pods(node: Node) -> list[pb.PodSandboxMetrics]:
    """Return what the list gives; the stream must give the same pods."""
    listed = list(node.runtime.ListPodSandboxMetrics(pb.ListPodSandboxMetricsRequest()).pod_metrics)
    streamed = [
        each.pod_sandbox_id
        for message in node.runtime.StreamPodSandboxMetrics(pb.StreamPodSandboxMetricsRequest())
        for each in message.pod_sandbox_metrics
    ]
    assert streamed == [each.pod_sandbox_id for each in listed]
    return listed


def samples(pod: pb.PodSandboxMetrics) -> Iterator[pb.Metric]:
    yield from pod.metrics
    for container in pod.container_metrics:
        yield from container.metrics


def values(node: Node) -> dict[tuple[str, ...], int]:
    """Return every sample's value by its name and the values of its labels."""
    return {
        (sample.name, *sample.label_values): sample.value.value
        for pod in pods(node)
        for sample in samples(pod)
    }


def run_limited(node: Node, sandbox: str) -> str:
    """Run a container with the limits of critest's."""
    resources = pb.LinuxContainerResources(
        cpu_period=100_000,
        cpu_quota=20_000,
        cpu_shares=1024,
        memory_limit_in_bytes=64 * 2**20,
        memory_swap_limit_in_bytes=64 * 2**20,
        unified={"memory.low": "1048576", "pids.max": "100"},
    )
    return node.run(sandbox, *SLEEP, linux=pb.LinuxContainerConfig(resources=resources))


@pytest.fixture
def pod(ready: Node) -> pb.PodSandboxMetrics:
    """Return the metrics of a pod with one limited container, after a while."""
    run_limited(ready, ready.run_sandbox())
    ready.cri.advance(60)
    (found,) = pods(ready)
    return found


def test_every_metric_of_critest_and_the_two_of_containerd_are_described(node: Node) -> None:
    assert (len(MANDATORY), len(OPTIONAL)) == (45, 11)
    assert set(descriptors(node)) == MANDATORY | OPTIONAL | CONTAINERDS_OWN


def test_every_descriptor_has_a_help_and_label_keys(node: Node) -> None:
    for described in descriptors(node).values():
        assert described.help
        assert tuple(described.label_keys[:5]) == BASE
        assert len(set(described.label_keys)) == len(described.label_keys)


def test_descriptors_never_change(ready: Node) -> None:
    before = descriptors(ready)
    run_limited(ready, ready.run_sandbox())
    assert descriptors(ready) == before


def test_every_described_metric_is_sampled_with_a_value_for_each_label(
    ready: Node, pod: pb.PodSandboxMetrics
) -> None:
    described = descriptors(ready)
    sampled = {sample.name for sample in samples(pod)}
    assert sampled == set(described)
    for sample in samples(pod):
        assert len(sample.label_values) == len(described[sample.name].label_keys)


def test_every_sample_has_a_value(pod: pb.PodSandboxMetrics) -> None:
    # A kubelet that gets none crashes.
    assert [sample.name for sample in samples(pod) if not sample.HasField("value")] == []


def test_no_two_samples_of_a_name_have_the_same_labels(ready: Node) -> None:
    sandbox = ready.run_sandbox()
    for name in ("one", "two"):
        ready.run(sandbox, *SLEEP, name=name)
    ready.run_sandbox("other")
    seen = Counter(
        (sample.name, *sample.label_values) for each in pods(ready) for sample in samples(each)
    )
    assert [key for key, count in seen.items() if count > 1] == []


def test_types_are_counter_and_gauge(pod: pb.PodSandboxMetrics) -> None:
    for sample in samples(pod):
        grows = sample.name.endswith("_total") and sample.name not in GAUGES_DESPITE_THEIR_NAMES
        counter = grows or sample.name in COUNTERS_DESPITE_THEIR_NAMES
        assert sample.metric_type == (pb.COUNTER if counter else pb.GAUGE), sample.name


def test_traffic_is_the_pods_and_all_else_its_containers(pod: pb.PodSandboxMetrics) -> None:
    assert len(pod.metrics) == 8
    (container,) = pod.container_metrics
    for sample in pod.metrics:
        assert sample.name.startswith("container_network_")
        labels = ["web", "default", "", pod.pod_sandbox_id, "", "eth0"]
        assert list(sample.label_values) == labels
    for sample in container.metrics:
        assert "_network_" not in sample.name
        assert list(sample.label_values[:4]) == ["web", "default", "main", container.container_id]


def test_the_image_is_the_one_the_user_specified(ready: Node) -> None:
    container = ready.create(ready.run_sandbox(), *SLEEP)
    ready.cri.host.world.store.containers.get(
        container
    ).config.image.user_specified_image = "busybox:1"
    ready.start(container)
    (found,) = pods(ready)
    images = {sample.label_values[4] for sample in found.container_metrics[0].metrics}
    assert images == {"busybox:1"}


def test_page_faults_come_in_two_kinds(pod: pb.PodSandboxMetrics) -> None:
    kinds = [
        tuple(sample.label_values[5:])
        for sample in samples(pod)
        if sample.name == "container_memory_failures_total"
    ]
    assert kinds == [("pgfault", "container"), ("pgmajfault", "container")]


def test_limits_are_sampled_as_they_are_set(pod: pb.PodSandboxMetrics) -> None:
    limits = {
        sample.name.removeprefix("container_spec_"): sample.value.value
        for sample in samples(pod)
        if sample.name.startswith("container_spec_")
    }
    assert limits == {
        "cpu_period": 100_000,
        "cpu_quota": 20_000,
        "cpu_shares": 1024,
        "memory_limit_bytes": 64 * 2**20,
        "memory_reservation_limit_bytes": 2**20,
        "memory_swap_limit_bytes": 64 * 2**20,
    }


def test_what_is_not_limited_has_no_sample(ready: Node) -> None:
    ready.run(ready.run_sandbox(), *SLEEP)
    sampled = {key[0] for key in values(ready)}
    missing = set(descriptors(ready)) - sampled
    assert all(name.startswith("container_spec_") for name in missing)
    assert len(missing) == 6


def test_the_limit_of_threads_is_0_where_there_is_none(ready: Node) -> None:
    sandbox = ready.run_sandbox()
    run_limited(ready, sandbox)
    ready.run(sandbox, *SLEEP, name="free")
    limits = {key[3]: value for key, value in values(ready).items() if key[0] == THREADS_MAX}
    assert limits == {"main": 100, "free": 0}


def test_timestamps_are_of_now_and_move_on(ready: Node) -> None:
    ready.run(ready.run_sandbox(), *SLEEP)
    stamps = []
    for _ in range(3):
        (found,) = pods(ready)
        stamps.append({sample.timestamp for sample in samples(found)})
    assert all(len(each) == 1 for each in stamps)
    moments = [each.pop() for each in stamps]
    assert moments == sorted(set(moments))
    assert moments[0] >= ready.cri.now_ns


def test_times_are_in_seconds_since_the_epoch(ready: Node) -> None:
    started_s = ready.cri.now_ns // 10**9
    ready.run(ready.run_sandbox(), *SLEEP)
    ready.cri.advance(60)
    times = {
        key[0]: value
        for key, value in values(ready).items()
        if key[0] in {"container_start_time_seconds", "container_last_seen"}
    }
    assert times == {
        "container_start_time_seconds": started_s,
        "container_last_seen": started_s + 60,
    }


def test_counters_grow_with_time(ready: Node) -> None:
    run_limited(ready, ready.run_sandbox())
    before = values(ready)
    ready.cri.advance(10 * DAY_S)
    after = values(ready)
    assert set(before) == set(after)
    assert {key[0] for key in before if after[key] > before[key]} == (
        expand("cpu_", "usage user system", "_seconds_total")
        | expand("fs_", "reads reads_bytes writes writes_bytes", "_total")
        | expand("pressure_cpu_", "stalled waiting", "_seconds_total")
        | expand("pressure_io_", "stalled waiting", "_seconds_total")
        | expand("pressure_memory_", "stalled waiting", "_seconds_total")
        | expand("network_receive_", "bytes packets", "_total")
        | expand("network_transmit_", "bytes packets", "_total")
        | expand("", "blkio_device_usage_total cpu_cfs_periods_total memory_failures_total")
        | expand("", "last_seen")
    )
    assert [key for key in before if after[key] < before[key]] == []


def test_an_oom_kill_is_an_oom_event(ready: Node) -> None:
    container = ready.run(ready.run_sandbox(), *SLEEP)
    key = ("container_oom_events_total", "web", "default", "main", container, "")
    assert values(ready)[key] == 0
    with ready.cri.host.turn() as world:
        world.store.containers.get(container).oom_events += 1
    assert values(ready)[key] == 1


def test_only_ready_pods_and_running_containers_are_sampled(ready: Node) -> None:
    one, two = (ready.run_sandbox(name) for name in ("one", "two"))
    ready.stop_sandbox(one)
    running = ready.run(two, *SLEEP, pod="two", name="running")
    ready.create(two, *SLEEP, pod="two", name="created")
    ready.stop(ready.run(two, *SLEEP, pod="two", name="exited"))
    (found,) = pods(ready)
    assert found.pod_sandbox_id == two
    assert [each.container_id for each in found.container_metrics] == [running]


def test_a_pod_in_the_nodes_network_has_no_traffic_of_its_own(ready: Node) -> None:
    options = pb.NamespaceOption(network=pb.NODE)
    security = pb.LinuxSandboxSecurityContext(namespace_options=options)
    ready.run_sandbox(linux=pb.LinuxPodSandboxConfig(security_context=security))
    (found,) = pods(ready)
    assert list(found.metrics) == []


def test_a_stream_of_nothing_has_no_message(node: Node) -> None:
    assert list(node.runtime.StreamPodSandboxMetrics(pb.StreamPodSandboxMetricsRequest())) == []
