"""The metrics, as tables: what they are called and mean, their labels, and where values come from.

Names, types and labels are containerd's, and beyond those what CRI-O and the kubelet's own
collector have. Values are whole numbers, so that seconds are cut off. Source: spec stats 3.4.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Generic, NamedTuple, TypeAlias, TypeVar

from fakecri.api import runtime_pb2 as pb
from fakecri.core.disk import Disk
from fakecri.core.records import Container
from fakecri.core.scheduler import SECOND_NS
from fakecri.core.usage import Counters, Levels, Traffic

OPEN_FILES_LIMIT = 1_048_576

Labels: TypeAlias = tuple[str, ...]


class Reading(NamedTuple):
    """What a container's metrics are taken from."""

    counters: Counters
    levels: Levels
    container: Container
    wall_ns: int
    disk: Disk


T = TypeVar("T", Reading, Traffic)


@dataclass(frozen=True, slots=True)
class Metric(Generic[T]):
    """One metric, with a value for each combination of its own labels."""

    name: str
    type: "pb.MetricType.ValueType"
    help: str
    values: dict[Labels, Callable[[T], int | None]]
    """By the values of `keys`; None: not sampled."""
    keys: Labels = ()
    """Its own labels, after those that all of a runtime's have."""

    def samples(self, reading: T) -> Iterator[tuple[Labels, int]]:
        """Return the values of the labels of its own, each with the metric's value."""
        for labels, value_of in self.values.items():
            value = value_of(reading)
            if value is not None:
                yield labels, value


def _counter(
    name: str, help_: str, value: Callable[[Reading], int], *labels: tuple[str, str]
) -> Metric[Reading]:
    return _row(pb.COUNTER, name, help_, value, labels)


def _gauge(
    name: str, help_: str, value: Callable[[Reading], int | None], *labels: tuple[str, str]
) -> Metric[Reading]:
    return _row(pb.GAUGE, name, help_, value, labels)


def _row(
    type_: "pb.MetricType.ValueType",
    name: str,
    help_: str,
    value: Callable[[Reading], int | None],
    labels: tuple[tuple[str, str], ...],
) -> Metric[Reading]:
    keys = tuple(key for key, _ in labels)
    return Metric(f"container_{name}", type_, help_, {tuple(v for _, v in labels): value}, keys)


def _traffic(name: str, help_: str, value: Callable[[Traffic], int]) -> Metric[Traffic]:
    name = f"container_network_{name}_total"
    return Metric(name, pb.COUNTER, help_, {("eth0",): value}, ("interface",))


def _limit(value: int) -> int | None:
    """Return a limit, or None for what is not limited."""
    return value if value > 0 else None


def _unified(reading: Reading, file: str) -> int | None:
    """Return what a container asks a file of its cgroup to hold, where that is a number."""
    text = reading.container.resources.unified.get(file, "")
    return min(int(text), 2**64 - 1) if text.isdecimal() else None


_DISK = ("device", "/dev/sda")
_ROOT = ("device", "/")
_HUGE_PAGES = (("2MB",), ("1GB",))

POD_METRICS: tuple[Metric[Traffic], ...] = (
    _traffic("receive_bytes", "Bytes that came in.", lambda t: t.received_bytes),
    _traffic("receive_packets", "Packets that came in.", lambda t: t.received_packets),
    _traffic("receive_packets_dropped", "Arrived packets thrown away.", lambda t: t.receive_drops),
    _traffic("receive_errors", "Packets that came in broken.", lambda t: t.receive_errors),
    _traffic("transmit_bytes", "Bytes that went out.", lambda t: t.sent_bytes),
    _traffic("transmit_packets", "Packets that went out.", lambda t: t.sent_packets),
    _traffic("transmit_packets_dropped", "Packets thrown away unsent.", lambda t: t.send_drops),
    _traffic("transmit_errors", "Packets that failed to go out.", lambda t: t.send_errors),
)
"""What is counted for a pod as a whole; not where it lives in the node's network."""

CONTAINER_METRICS: tuple[Metric[Reading], ...] = (
    # CPU.
    _counter(
        "cpu_usage_seconds_total",
        "CPU time used, in seconds.",
        lambda r: r.counters.cpu_ns // SECOND_NS,
    ),
    _counter(
        "cpu_user_seconds_total",
        "CPU time used by programs themselves, in seconds.",
        lambda r: r.counters.user_ns // SECOND_NS,
    ),
    _counter(
        "cpu_system_seconds_total",
        "CPU time used by the kernel on behalf of programs, in seconds.",
        lambda r: r.counters.system_ns // SECOND_NS,
    ),
    _counter(
        "cpu_cfs_periods_total",
        "Scheduling periods under a CPU quota.",
        lambda r: r.counters.cfs_periods,
    ),
    _counter(
        "cpu_cfs_throttled_periods_total",
        "Scheduling periods in which the quota ran out.",
        lambda r: r.counters.throttled_periods,
    ),
    _counter(
        "cpu_cfs_throttled_seconds_total",
        "Time spent held back by the CPU quota, in seconds.",
        lambda r: r.counters.throttled_ns // SECOND_NS,
    ),
    # Memory.
    _gauge(
        "memory_usage_bytes",
        "All memory in use, page cache included.",
        lambda r: r.levels.memory_bytes,
    ),
    _gauge(
        "memory_working_set_bytes",
        "Memory in use that could not be reclaimed with ease.",
        lambda r: r.levels.working_set_bytes,
    ),
    _gauge("memory_rss", "Anonymous memory, in bytes.", lambda r: r.levels.rss_bytes),
    _gauge("memory_cache", "Page cache, in bytes.", lambda r: r.levels.cache_bytes),
    _gauge("memory_mapped_file", "Mapped files, in bytes.", lambda r: r.levels.mapped_file_bytes),
    _gauge(
        "memory_total_active_file_bytes",
        "Page cache in recent use.",
        lambda r: r.levels.active_file_bytes,
    ),
    _gauge(
        "memory_total_inactive_file_bytes",
        "Page cache that was not used for long.",
        lambda r: r.levels.inactive_file_bytes,
    ),
    _gauge(
        "memory_kernel_usage", "Memory of the kernel, in bytes.", lambda r: r.levels.kernel_bytes
    ),
    _gauge("memory_swap", "Swap in use, in bytes.", lambda r: r.levels.swap_bytes),
    _gauge(
        "memory_max_usage_bytes",
        "The most memory that was ever in use.",
        lambda r: r.levels.peak_bytes,
    ),
    _counter(
        "memory_failcnt",
        "How often the memory limit was hit; cgroup v2 does not count it.",
        lambda _: 0,
    ),
    Metric(
        "container_memory_failures_total",
        pb.COUNTER,
        "Failed look-ups of memory pages.",
        {
            ("pgfault", "container"): lambda r: r.counters.page_faults,
            ("pgmajfault", "container"): lambda r: r.counters.major_page_faults,
        },
        ("failure_type", "scope"),
    ),
    _counter(
        "oom_events_total", "Processes killed for want of memory.", lambda r: r.container.oom_events
    ),
    Metric(
        "container_hugetlb_usage_bytes",
        pb.GAUGE,
        "Huge pages in use.",
        dict.fromkeys(_HUGE_PAGES, lambda _: 0),
        ("pagesize",),
    ),
    Metric(
        "container_hugetlb_max_usage_bytes",
        pb.GAUGE,
        "The most huge pages that were ever in use.",
        dict.fromkeys(_HUGE_PAGES, lambda _: 0),
        ("pagesize",),
    ),
    # Disks.
    _counter("fs_reads_total", "Reads from the disk.", lambda r: r.counters.reads, _DISK),
    _counter(
        "fs_reads_bytes_total", "Bytes read from the disk.", lambda r: r.counters.read_bytes, _DISK
    ),
    _counter("fs_writes_total", "Writes to the disk.", lambda r: r.counters.writes, _DISK),
    _counter(
        "fs_writes_bytes_total",
        "Bytes written to the disk.",
        lambda r: r.counters.written_bytes,
        _DISK,
    ),
    Metric(
        "container_blkio_device_usage_total",
        pb.COUNTER,
        "Bytes moved by block devices.",
        {
            ("/dev/sda", "8", "0", "Read"): lambda r: r.counters.read_bytes,
            ("/dev/sda", "8", "0", "Write"): lambda r: r.counters.written_bytes,
        },
        ("device", "major", "minor", "operation"),
    ),
    _gauge(
        "fs_usage_bytes",
        "Bytes that the writable layer takes.",
        lambda r: r.levels.layer_bytes,
        _ROOT,
    ),
    _gauge(
        "fs_limit_bytes",
        "Bytes that the file system has room for.",
        lambda r: r.disk.capacity_bytes,
        _ROOT,
    ),
    _gauge(
        "fs_inodes_total", "Inodes of the file system.", lambda r: r.disk.capacity_inodes, _ROOT
    ),
    _gauge(
        "fs_inodes_free",
        "Inodes that nothing takes.",
        lambda r: r.disk.free_inodes,
        _ROOT,
    ),
    # Pressure.
    _counter(
        "pressure_cpu_waiting_seconds_total",
        "Time in which some task waited for a CPU, in seconds.",
        lambda r: r.counters.cpu_waiting_ns // SECOND_NS,
    ),
    _counter(
        "pressure_cpu_stalled_seconds_total",
        "Time in which all tasks waited for a CPU, in seconds.",
        lambda r: r.counters.cpu_stalled_ns // SECOND_NS,
    ),
    _counter(
        "pressure_io_waiting_seconds_total",
        "Time in which some task waited for a disk, in seconds.",
        lambda r: r.counters.io_waiting_ns // SECOND_NS,
    ),
    _counter(
        "pressure_io_stalled_seconds_total",
        "Time in which all tasks waited for a disk, in seconds.",
        lambda r: r.counters.io_stalled_ns // SECOND_NS,
    ),
    _counter(
        "pressure_memory_waiting_seconds_total",
        "Time in which some task waited for memory, in seconds.",
        lambda r: r.counters.memory_waiting_ns // SECOND_NS,
    ),
    _counter(
        "pressure_memory_stalled_seconds_total",
        "Time in which all tasks waited for memory, in seconds.",
        lambda r: r.counters.memory_stalled_ns // SECOND_NS,
    ),
    # Processes.
    _gauge("processes", "Processes that run.", lambda r: r.levels.processes),
    _gauge("threads", "Threads that run.", lambda r: r.levels.threads),
    _gauge(
        "threads_max",
        "How many threads there may be; 0 is any number.",
        lambda r: _unified(r, "pids.max") or 0,
    ),
    _gauge("file_descriptors", "Open file descriptors.", lambda r: r.levels.file_descriptors),
    _gauge("sockets", "Open sockets.", lambda r: r.levels.sockets),
    _gauge(
        "ulimits_soft",
        "Soft limits of the first process.",
        lambda _: OPEN_FILES_LIMIT,
        ("ulimit", "max_open_files"),
    ),
    _gauge(
        "start_time_seconds",
        "When it started, in seconds since the epoch.",
        lambda r: r.container.started_ns // SECOND_NS,
    ),
    _gauge(
        "last_seen",
        "When it was last seen running, in seconds since the epoch.",
        lambda r: r.wall_ns // SECOND_NS,
    ),
    # What it is limited to.
    _gauge(
        "spec_cpu_period",
        "Length of a scheduling period, in microseconds.",
        lambda r: _limit(r.container.resources.cpu_period),
    ),
    _gauge(
        "spec_cpu_quota",
        "CPU time allowed in a scheduling period, in microseconds.",
        lambda r: _limit(r.container.resources.cpu_quota),
    ),
    _gauge(
        "spec_cpu_shares",
        "Its weight against others that want CPU time.",
        lambda r: _limit(r.container.resources.cpu_shares),
    ),
    _gauge(
        "spec_memory_limit_bytes",
        "Memory that it may use.",
        lambda r: _limit(r.container.resources.memory_limit_in_bytes),
    ),
    _gauge(
        "spec_memory_reservation_limit_bytes",
        "Memory that the kernel leaves it if it can.",
        lambda r: _unified(r, "memory.low"),
    ),
    _gauge(
        "spec_memory_swap_limit_bytes",
        "Memory and swap that it may use together.",
        lambda r: _limit(r.container.resources.memory_swap_limit_in_bytes),
    ),
)
"""What is counted for each container that runs."""

ALL_METRICS: tuple[Metric[Any], ...] = (*CONTAINER_METRICS, *POD_METRICS)
"""What is described: each of them is sampled, but for limits that a container does not have."""
