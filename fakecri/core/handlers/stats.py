"""What containers and pods use, in figures. Source: spec stats 3.1 and 3.2, lifecycle 24."""

from collections.abc import Callable

from fakecri.api import runtime_pb2 as pb
from fakecri.core import pod_stats
from fakecri.core.containment import pod_limit_bytes
from fakecri.core.lookups import get_container, get_sandbox
from fakecri.core.profiles import Profile
from fakecri.core.records import Container, Sandbox
from fakecri.core.registry import handles
from fakecri.core.selection import batches, select_containers, select_sandboxes
from fakecri.core.states import ContainerState, SandboxState
from fakecri.core.usage import Levels, Traffic, Usage
from fakecri.core.world import World
from fakecri.errors import CRIError

_UNLIMITED_BYTES = 2**62
_INTERFACE = "eth0"
_ALIVE = {ContainerState.CREATED, ContainerState.RUNNING}


@handles
def container_stats(world: World, request: pb.ContainerStatsRequest) -> pb.ContainerStatsResponse:
    """Only of what runs, and never with a rate."""
    container = get_container(world, "ContainerStats", request.container_id)
    if container.state is not ContainerState.RUNNING:
        if not world.profile.refuses_idle_stats:
            alive = container.state is ContainerState.CREATED
            stats = _container_stats(world, container) if alive else None
            return pb.ContainerStatsResponse(stats=stats)
        raise CRIError("unexpected metrics response: []")
    stats = _container_stats(world, container)
    if "one" in world.profile.rated:
        _set_rate(world, container.id, stats.cpu)
    return pb.ContainerStatsResponse(stats=stats)


@handles
def list_container_stats(
    world: World, request: pb.ListContainerStatsRequest
) -> pb.ListContainerStatsResponse:
    """Containers in every state; what does not run has neither CPU nor memory."""
    return pb.ListContainerStatsResponse(stats=_container_items(world, request.filter))


@handles
def stream_container_stats(
    world: World,
    request: pb.StreamContainerStatsRequest,
    send: Callable[[pb.StreamContainerStatsResponse], None],
) -> None:
    """Nothing to send, no message."""
    for batch in batches(_container_items(world, request.filter), world.profile.stream_batch):
        send(pb.StreamContainerStatsResponse(container_stats=batch))


def _container_items(world: World, wanted: pb.ContainerStatsFilter) -> list[pb.ContainerStats]:
    selected = select_containers(
        world.store,
        id_=wanted.id,
        pod_sandbox_id=wanted.pod_sandbox_id,
        labels=wanted.label_selector,
    )
    return [_container_item(world, each) for each in selected if _has_stats(world, each)]


def _has_stats(world: World, container: Container) -> bool:
    return world.profile.stats_of_ended or container.state in _ALIVE


def _container_item(world: World, container: Container) -> pb.ContainerStats:
    stats = _container_stats(world, container)
    if container.state is ContainerState.RUNNING:
        _set_rate(world, container.id, stats.cpu)
    return stats


@handles
def pod_sandbox_stats(
    world: World, request: pb.PodSandboxStatsRequest
) -> pb.PodSandboxStatsResponse:
    """Only of a pod that is ready.

    containerd fails too where the pod has no cgroup_parent; we do not, as critest gives none to
    a runtime that manages cgroups by cgroupfs.
    """
    sandbox = get_sandbox(world, "PodSandboxStats", request.pod_sandbox_id)
    pod_stats.require(world.profile, sandbox, request.pod_sandbox_id)
    return pb.PodSandboxStatsResponse(stats=_sandbox_stats(world, sandbox))


@handles
def list_pod_sandbox_stats(
    world: World, request: pb.ListPodSandboxStatsRequest
) -> pb.ListPodSandboxStatsResponse:
    """Pods that are not ready are left out without a word."""
    return pb.ListPodSandboxStatsResponse(stats=_sandbox_items(world, request))


@handles
def stream_pod_sandbox_stats(
    world: World,
    request: pb.StreamPodSandboxStatsRequest,
    send: Callable[[pb.StreamPodSandboxStatsResponse], None],
) -> None:
    """Nothing to send, no message."""
    for batch in batches(_sandbox_items(world, request), world.profile.stream_batch):
        send(pb.StreamPodSandboxStatsResponse(pod_sandbox_stats=batch))


def _sandbox_items(
    world: World, request: pb.ListPodSandboxStatsRequest | pb.StreamPodSandboxStatsRequest
) -> list[pb.PodSandboxStats]:
    wanted = request.filter
    profile = world.profile
    idle_ones = profile.idle_pods_fail_lists and not request.HasField("filter")
    ready_only = profile.refuses_idle_stats and not idle_ones
    selected = select_sandboxes(
        world.store,
        id_=wanted.id,
        state=SandboxState.READY if ready_only else None,
        labels=wanted.label_selector,
    )
    pod_stats.require_all(profile, selected)
    return [_sandbox_stats(world, sandbox) for sandbox in selected]


# One container, one pod.


def _container_stats(world: World, container: Container) -> pb.ContainerStats:
    config = container.config
    stats = pb.ContainerStats(
        attributes=pb.ContainerAttributes(
            id=container.id,
            metadata=config.metadata,
            labels=config.labels,
            annotations=config.annotations,
        ),
        writable_layer=_writable_layer(world, container),
    )
    if container.state is ContainerState.RUNNING:
        stamp_ns = world.clock.stamp_ns()
        usage = world.meters.read(container, world.scheduler.now_ns)
        stats.cpu.CopyFrom(_cpu(usage, stamp_ns))
        stats.memory.CopyFrom(_memory(usage, stamp_ns, container.resources.memory_limit_in_bytes))
        stats.io.timestamp = stamp_ns
        stats.io.psi.CopyFrom(_psi(usage.counters.io_waiting_ns, usage.counters.io_stalled_ns))
    return stats


def _sandbox_stats(world: World, sandbox: Sandbox) -> pb.PodSandboxStats:
    config, now_ns, stamp_ns = sandbox.config, world.scheduler.now_ns, world.clock.stamp_ns()
    usage = world.meters.read_pod(sandbox, now_ns)
    linux = pb.LinuxPodSandboxStats(
        cpu=_cpu(usage, stamp_ns),
        memory=_memory(usage, stamp_ns, pod_limit_bytes(sandbox) or 0),
        process=pb.ProcessUsage(
            timestamp=stamp_ns, process_count=_value(_processes(world, sandbox))
        ),
        containers=[
            _container_item(world, each)
            for each in sandbox.containers.values()
            if _has_stats(world, each)
        ],
    )
    if "pods" in world.profile.rated:
        _set_rate(world, sandbox.id, linux.cpu)
    if not sandbox.host_network:
        traffic = world.meters.read_traffic(sandbox, now_ns)
        linux.network.CopyFrom(_network(traffic, stamp_ns, world.profile))
    return pb.PodSandboxStats(
        attributes=pb.PodSandboxAttributes(
            id=sandbox.id,
            metadata=config.metadata,
            labels=config.labels,
            annotations=config.annotations,
        ),
        linux=linux,
    )


def _processes(world: World, sandbox: Sandbox) -> int:
    now_ns = world.scheduler.now_ns
    containers = sandbox.containers.values()
    return sum(world.meters.read(each, now_ns).levels.processes for each in containers)


# Their parts.


def _value(value: int) -> pb.UInt64Value:
    return pb.UInt64Value(value=value)


def _cpu(usage: Usage, stamp_ns: int) -> pb.CpuUsage:
    counters = usage.counters
    return pb.CpuUsage(
        timestamp=stamp_ns,
        usage_core_nano_seconds=_value(counters.cpu_ns),
        psi=_psi(counters.cpu_waiting_ns, counters.cpu_stalled_ns),
    )


def _set_rate(world: World, id_: str, cpu: pb.CpuUsage) -> None:
    used_ns = cpu.usage_core_nano_seconds.value
    rate = world.meters.sample(id_, world.clock.wall_ns(), used_ns)
    if rate is None and world.profile.first_rate:
        rate = 0
    if rate is not None:
        cpu.usage_nano_cores.value = rate


def _memory(usage: Usage, stamp_ns: int, limit_bytes: int) -> pb.MemoryUsage:
    counters, levels = usage
    return pb.MemoryUsage(
        timestamp=stamp_ns,
        working_set_bytes=_value(levels.working_set_bytes),
        available_bytes=_value(_available_bytes(limit_bytes, levels)),
        usage_bytes=_value(levels.memory_bytes),
        rss_bytes=_value(levels.rss_bytes),
        page_faults=_value(counters.page_faults),
        major_page_faults=_value(counters.major_page_faults),
        psi=_psi(counters.memory_waiting_ns, counters.memory_stalled_ns),
    )


def _available_bytes(limit_bytes: int, levels: Levels) -> int:
    if not 0 < limit_bytes <= _UNLIMITED_BYTES:
        return 0
    return max(0, limit_bytes - levels.working_set_bytes)


def _psi(waiting_ns: int, stalled_ns: int) -> pb.PsiStats:
    # A cgroup counts whole microseconds.
    return pb.PsiStats(
        Full=pb.PsiData(Total=stalled_ns // 1000 * 1000),
        Some=pb.PsiData(Total=waiting_ns // 1000 * 1000),
    )


def _network(traffic: Traffic, stamp_ns: int, profile: Profile) -> pb.NetworkUsage:
    interface = pb.NetworkInterfaceUsage(
        name=_INTERFACE,
        rx_bytes=_value(traffic.received_bytes),
        rx_errors=_value(traffic.receive_errors),
        tx_bytes=_value(traffic.sent_bytes),
        tx_errors=_value(traffic.send_errors),
    )
    if not profile.lists_interfaces:
        return pb.NetworkUsage(default_interface=interface)
    # Against the contract, the default interface is among the others as well.
    return pb.NetworkUsage(timestamp=stamp_ns, default_interface=interface, interfaces=[interface])


def _writable_layer(world: World, container: Container) -> pb.FilesystemUsage:
    """Return what the last scan saw. Before the first one all is 0, the timestamp too."""
    profile = world.profile
    now_ns = world.scheduler.now_ns
    scan = world.meters.find_scan(container, now_ns)
    scanned_ns, levels = scan or (0, Levels())
    return pb.FilesystemUsage(
        timestamp=world.clock.wall_ns() - (now_ns - scanned_ns) if scan else 0,
        fs_id=pb.FilesystemIdentifier(
            mountpoint=(profile.container_fs or profile.image_fs).format(id=container.id)
        ),
        used_bytes=_value(levels.layer_bytes),
        inodes_used=_value(levels.layer_inodes),
    )
