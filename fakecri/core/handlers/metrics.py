"""The metrics of pods and containers. Source: spec stats 3.4."""

from collections.abc import Callable, Iterator
from typing import Any

from fakecri.api import runtime_pb2 as pb
from fakecri.core.metrics import (
    ALL_METRICS,
    CONTAINER_METRICS,
    POD_METRICS,
    Labels,
    Metric,
    Reading,
    T,
)
from fakecri.core.profiles import Profile
from fakecri.core.records import Container, Sandbox
from fakecri.core.registry import handles
from fakecri.core.selection import batches, select_sandboxes
from fakecri.core.states import ContainerState, SandboxState
from fakecri.core.world import World


@handles
def list_metric_descriptors(
    world: World,
    request: pb.ListMetricDescriptorsRequest,  # noqa: ARG001  # it is empty
) -> pb.ListMetricDescriptorsResponse:
    """The same for ever: the kubelet asks once, and drops what it was not told of."""
    return pb.ListMetricDescriptorsResponse(
        descriptors=[
            pb.MetricDescriptor(
                name=metric.name, help=metric.help, label_keys=_keys(world.profile, metric)
            )
            for metric in ALL_METRICS
            if metric.name not in world.profile.hidden_metrics
        ]
    )


def _keys(profile: Profile, metric: Metric[Any]) -> Labels:
    return (
        *profile.metric_keys,
        *metric.keys,
        *profile.more_metric_labels.get(metric.name, ())[:1],
    )


@handles
def list_pod_sandbox_metrics(
    world: World,
    request: pb.ListPodSandboxMetricsRequest,  # noqa: ARG001  # it is empty
) -> pb.ListPodSandboxMetricsResponse:
    """Pods that are ready, and in them the containers that run."""
    return pb.ListPodSandboxMetricsResponse(pod_metrics=_items(world))


@handles
def stream_pod_sandbox_metrics(
    world: World,
    request: pb.StreamPodSandboxMetricsRequest,  # noqa: ARG001  # it is empty
    send: Callable[[pb.StreamPodSandboxMetricsResponse], None],
) -> None:
    """Nothing to send, no message."""
    for batch in batches(_items(world), world.profile.stream_batch):
        send(pb.StreamPodSandboxMetricsResponse(pod_sandbox_metrics=batch))


def _items(world: World) -> list[pb.PodSandboxMetrics]:
    stamp_ns = world.clock.stamp_ns()
    return [
        _sandbox_metrics(world, sandbox, stamp_ns)
        for sandbox in select_sandboxes(world.store, state=SandboxState.READY)
    ]


def _sandbox_metrics(world: World, sandbox: Sandbox, stamp_ns: int) -> pb.PodSandboxMetrics:
    return pb.PodSandboxMetrics(
        pod_sandbox_id=sandbox.id,
        metrics=() if sandbox.host_network else _of_pod(world, sandbox, stamp_ns),
        container_metrics=[
            pb.ContainerMetrics(
                container_id=container.id, metrics=_of_container(world, container, stamp_ns)
            )
            for container in sandbox.containers.values()
            if container.state is ContainerState.RUNNING
        ],
    )


def _of_pod(world: World, sandbox: Sandbox, stamp_ns: int) -> Iterator[pb.Metric]:
    pod = sandbox.config.metadata
    base = tuple(
        each.format(pod=pod.name, namespace=pod.namespace, id=sandbox.id)
        for each in world.profile.pod_labels
    )
    traffic = world.meters.read_traffic(sandbox, world.scheduler.now_ns)
    for metric in POD_METRICS:
        yield from _samples(world.profile, metric, traffic, base, stamp_ns)


def _of_container(world: World, container: Container, stamp_ns: int) -> Iterator[pb.Metric]:
    pod, config = container.parent.config.metadata, container.config
    base = tuple(
        each.format(
            pod=pod.name,
            namespace=pod.namespace,
            container=config.metadata.name,
            id=container.id,
            asked=config.image.user_specified_image,
            image=container.image_name,
            name=container.name,
        )
        for each in world.profile.container_labels
    )
    counters, levels = world.meters.read(container, world.scheduler.now_ns)
    reading = Reading(counters, levels, container, world.clock.wall_ns(), world.disk)
    for metric in CONTAINER_METRICS:
        yield from _samples(world.profile, metric, reading, base, stamp_ns)


def _samples(
    profile: Profile,
    metric: Metric[T],
    reading: T,
    base: Labels,
    stamp_ns: int,
) -> Iterator[pb.Metric]:
    if metric.name in profile.hidden_metrics:
        return
    more = profile.more_metric_labels.get(metric.name, ())[1:]
    for labels, value in metric.samples(reading):
        yield pb.Metric(
            name=metric.name,
            # The contract wants 0 for a live value; containerd says when it looked.
            timestamp=stamp_ns,
            metric_type=metric.type,
            label_values=base + labels + more,
            value=pb.UInt64Value(value=value),
        )
