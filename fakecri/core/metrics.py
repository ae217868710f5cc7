"""The metrics, as tables: what they are called and mean, their labels, and where values come from.

Names, types and labels are containerd's, and beyond those what CRI-O and the kubelet's own
collector have. Values are whole numbers, so that seconds are cut off. Source: spec stats 3.4.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeAlias, TypeVar

from fakecri.api import runtime_pb2 as pb
from fakecri.core.records import Container
from fakecri.core.scheduler import SECOND_NS
from fakecri.core.usage import Counters, Levels, Traffic

BASE_KEYS = ("pod", "namespace", "container", "id", "image")

FS_BYTES = 100 * 2**30
FS_INODES = 6_553_600
OPEN_FILES_LIMIT = 1_048_576

Labels: TypeAlias = tuple[str, ...]


class Reading(NamedTuple):
    """What a container's metrics are taken from."""

    counters: Counters
    levels: Levels
    container: Container
    wall_ns: int


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
    """Its own labels, after the BASE_KEYS."""

    def samples(self, reading: T) -> Iterator[tuple[Labels, int]]:
        """Return the values of the labels of its own, each with the metric's value."""
        for labels, value_of in self.values.items():
            value = value_of(reading)
            if value is not None:
                yield labels, value


def _metric(
    name: str,
    help_: str,
    value: Callable[[Reading], int | None],
    *labels: tuple[str, str],
) -> Metric[Reading]:
    """Return a row whose own labels have one value each; counters are known by their names."""
    type_ = pb.COUNTER if name.endswith(("_total", "_failcnt")) else pb.GAUGE
    values = {tuple(value for _, value in labels): value}
    return Metric(f"container_{name}", type_, help_, values, tuple(key for key, _ in labels))


def _traffic(name: str, help_: str, value: Callable[[Traffic], int]) -> Metric[Traffic]:
    name = f"container_network_{name}_total"
    return Metric(name, pb.COUNTER, help_, {("eth0",): value}, ("interface",))


def _limit(value: int) -> int | None:
    """Return a limit, or None for what is not limited."""
    return value if value > 0 else None


def _unified(reading: Reading, file: str) -> int | None:
    """Return what a container asks a file of its cgroup to hold, where that is a number."""
    text = reading.container.resources.unified.get(file, "")
    return int(text) if text.isdecimal() else None


_DISK = ("device", "/dev/sda")
_ROOT = ("device", "/")
_BLKIO = (_DISK, ("major", "8"), ("minor", "0"))

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
    _metric(
        "cpu_usage_seconds_total",
        "CPU time used, in seconds.",
        lambda r: r.counters.cpu_ns // SECOND_NS,
    ),
)
