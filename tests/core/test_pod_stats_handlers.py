"""PodSandboxStats, and its list and stream."""

from collections.abc import Iterable

import grpc

from fakecri.api import runtime_pb2 as pb
from tests.support import Node, raises_status

SLEEP = ("sleep", "1d")


def ids(stats: Iterable[pb.ContainerStats | pb.PodSandboxStats]) -> list[str]:
    return [each.attributes.id for each in stats]


def pod_stats(node: Node, pod_sandbox_id: str) -> pb.PodSandboxStats:
    request = pb.PodSandboxStatsRequest(pod_sandbox_id=pod_sandbox_id)
    return node.runtime.PodSandboxStats(request).stats


def listed_pods(node: Node, filter_: pb.PodSandboxStatsFilter | None = None) -> list[str]:
    """Return the ids that the list gives; the stream must give the same."""
    stats = node.runtime.ListPodSandboxStats(pb.ListPodSandboxStatsRequest(filter=filter_)).stats
    streamed = [
        each
        for message in node.runtime.StreamPodSandboxStats(
            pb.StreamPodSandboxStatsRequest(filter=filter_)
        )
        for each in message.pod_sandbox_stats
    ]
    assert ids(streamed) == ids(stats)
    return ids(stats)


def test_pod_stats_are_complete(ready: Node) -> None:
    labels, annotations = {"app": "web"}, {"why": "test"}
    sandbox = ready.run_sandbox(labels=labels, annotations=annotations)
    container = ready.run(sandbox, *SLEEP)
    stats = pod_stats(ready, sandbox)
    assert stats.attributes == pb.PodSandboxAttributes(
        id=sandbox,
        metadata=pb.PodSandboxMetadata(name="web", uid="uid-web", namespace="default"),
        labels=labels,
        annotations=annotations,
    )
    filled = {field.name for field, _ in stats.linux.ListFields()}
    assert filled == {"cpu", "memory", "network", "process", "containers"}
    assert stats.linux.process.process_count.value == 1
    assert stats.linux.memory.HasField("available_bytes")
    assert stats.linux.memory.available_bytes.value == 0
    assert ids(stats.linux.containers) == [container]


def test_a_pods_figures_have_one_timestamp_and_its_containers_their_own(ready: Node) -> None:
    sandbox = ready.run_sandbox()
    ready.run(sandbox, *SLEEP)
    linux = pod_stats(ready, sandbox).linux
    stamps = {each.timestamp for each in (linux.cpu, linux.memory, linux.network, linux.process)}
    assert len(stamps) == 1
    assert linux.containers[0].cpu.timestamp not in stamps


def test_a_pods_timestamps_move_on_though_time_stands_still(ready: Node) -> None:
    sandbox = ready.run_sandbox()
    stamps = [pod_stats(ready, sandbox).linux.cpu.timestamp for _ in range(3)]
    assert stamps == sorted(set(stamps))


def test_a_pod_without_containers_uses_memory(ready: Node) -> None:
    # crictl statsp hides a pod that has neither CPU time nor memory.
    linux = pod_stats(ready, ready.run_sandbox()).linux
    assert linux.memory.working_set_bytes.value > 0
    assert linux.process.process_count.value == 0


def test_a_pods_traffic_is_on_eth0_which_is_among_the_interfaces(ready: Node) -> None:
    sandbox = ready.run_sandbox()
    ready.cri.advance(10)
    network = pod_stats(ready, sandbox).linux.network
    assert network.default_interface.name == "eth0"
    assert list(network.interfaces) == [network.default_interface]
    assert network.default_interface.rx_bytes.value == 1280
    assert network.default_interface.tx_bytes.value == 960
    assert network.default_interface.HasField("rx_errors")
    assert network.default_interface.HasField("tx_errors")


def test_a_pod_in_the_nodes_network_has_no_network_figures(ready: Node) -> None:
    options = pb.NamespaceOption(network=pb.NODE)
    security = pb.LinuxSandboxSecurityContext(namespace_options=options)
    linux = pb.LinuxPodSandboxConfig(security_context=security)
    assert not pod_stats(ready, ready.run_sandbox(linux=linux)).linux.HasField("network")


def test_pod_stats_list_exited_containers_too(ready: Node) -> None:
    sandbox = ready.run_sandbox()
    running = ready.run(sandbox, *SLEEP, name="running")
    exited = ready.run(sandbox, *SLEEP, name="exited")
    ready.stop(exited)
    linux = pod_stats(ready, sandbox).linux
    assert [(each.attributes.id, each.HasField("cpu")) for each in linux.containers] == [
        (running, True),
        (exited, False),
    ]
    assert linux.process.process_count.value == 1


def test_a_pods_rate_comes_with_the_second_answer(ready: Node) -> None:
    sandbox = ready.run_sandbox()
    ready.run(sandbox, *SLEEP)
    assert not pod_stats(ready, sandbox).linux.cpu.HasField("usage_nano_cores")
    ready.cri.advance(10)
    linux = pod_stats(ready, sandbox).linux
    assert linux.cpu.usage_nano_cores.value == 2_000_000
    assert linux.containers[0].cpu.usage_nano_cores.value == 2_000_000


def test_stats_of_an_unknown_pod_are_not_found(node: Node) -> None:
    text = "an error occurred when trying to find sandbox deadbeef: not found"
    with raises_status(grpc.StatusCode.NOT_FOUND, text):
        pod_stats(node, "deadbeef")


def test_stats_of_no_pod_are_an_error(node: Node) -> None:
    text = "an error occurred when trying to find sandbox : prefix can't be empty"
    with raises_status(grpc.StatusCode.UNKNOWN, text):
        pod_stats(node, "")


def test_stats_of_a_pod_that_is_not_ready_are_unavailable(ready: Node) -> None:
    sandbox = ready.run_sandbox()
    ready.stop_sandbox(sandbox)
    text = (
        f"failed to decode pod sandbox metrics {sandbox}: failed to get pod sandbox stats since "
        f'sandbox container "{sandbox}" is not in ready state: unavailable'
    )
    with raises_status(grpc.StatusCode.UNAVAILABLE, text):
        pod_stats(ready, sandbox)


def test_lists_of_pods_leave_out_those_that_are_not_ready(ready: Node) -> None:
    one, two = (ready.run_sandbox(name) for name in ("one", "two"))
    ready.stop_sandbox(one)
    assert listed_pods(ready) == [two]
    assert listed_pods(ready, pb.PodSandboxStatsFilter()) == [two]
    assert listed_pods(ready, pb.PodSandboxStatsFilter(id=one)) == []


def test_lists_of_pods_take_prefixes_and_labels(ready: Node) -> None:
    one, two = (ready.run_sandbox(name, labels={"side": name}) for name in ("one", "two"))
    assert listed_pods(ready) == [one, two]
    assert listed_pods(ready, pb.PodSandboxStatsFilter(id=two[:20])) == [two]
    assert listed_pods(ready, pb.PodSandboxStatsFilter(label_selector={"side": "one"})) == [one]
    assert listed_pods(ready, pb.PodSandboxStatsFilter(id="deadbeef")) == []
