"""What containers and pods have used: a model of it, and the meters that read the model.

All numbers follow from virtual time alone, as timers know it: a wall clock that is set back takes
nothing from a counter. What only grows is a counter, and starts at 0; what comes and goes is a
level. The node is one with cgroup v2 and pressure stall information.
"""

from dataclasses import dataclass
from operator import add
from typing import NamedTuple, TypeVar

from fakecri.core.records import Container, Sandbox
from fakecri.core.scheduler import SECOND_NS
from fakecri.core.states import ContainerState, SandboxState

SCAN_NS = 10 * SECOND_NS
"""How often the sizes of writable layers are looked at (spec: stats 3.1.1)."""

_KIB = 1024


class Counters(NamedTuple):
    """What a container has used since its start: nanoseconds, bytes, or how often."""

    user_ns: int = 0
    system_ns: int = 0
    page_faults: int = 0
    major_page_faults: int = 0
    reads: int = 0
    read_bytes: int = 0
    writes: int = 0
    written_bytes: int = 0
    cfs_periods: int = 0
    throttled_periods: int = 0
    throttled_ns: int = 0
    cpu_waiting_ns: int = 0
    cpu_stalled_ns: int = 0
    io_waiting_ns: int = 0
    io_stalled_ns: int = 0
    memory_waiting_ns: int = 0
    memory_stalled_ns: int = 0

    @property
    def cpu_ns(self) -> int:
        """CPU time, in whole microseconds as a cgroup counts it."""
        return (self.user_ns + self.system_ns) // 1000 * 1000


class Levels(NamedTuple):
    """What a container holds at one moment: bytes, or how many."""

    rss_bytes: int = 0
    active_file_bytes: int = 0
    inactive_file_bytes: int = 0
    mapped_file_bytes: int = 0
    """Part of the two before."""
    kernel_bytes: int = 0
    swap_bytes: int = 0
    layer_bytes: int = 0
    layer_inodes: int = 0
    processes: int = 0
    threads: int = 0
    file_descriptors: int = 0
    sockets: int = 0

    @property
    def cache_bytes(self) -> int:
        """The page cache."""
        return self.active_file_bytes + self.inactive_file_bytes

    @property
    def memory_bytes(self) -> int:
        """All memory."""
        return self.rss_bytes + self.cache_bytes + self.kernel_bytes

    @property
    def working_set_bytes(self) -> int:
        """All memory but the file pages that nobody misses."""
        return self.memory_bytes - self.inactive_file_bytes


class Traffic(NamedTuple):
    """What went through a pod's network interface since the pod began."""

    received_bytes: int = 0
    received_packets: int = 0
    receive_errors: int = 0
    receive_drops: int = 0
    sent_bytes: int = 0
    sent_packets: int = 0
    send_errors: int = 0
    send_drops: int = 0


class Usage(NamedTuple):
    """A reading."""

    counters: Counters = Counters()
    levels: Levels = Levels()

    def plus(self, other: "Usage") -> "Usage":
        """Return what both used together."""
        return Usage(
            Counters(*map(add, self.counters, other.counters)),
            Levels(*map(add, self.levels, other.levels)),
        )


@dataclass(frozen=True, slots=True)
class UsageProfile:
    """How much something uses: `rates` are its counters after one second of steady growth."""

    rates: Counters
    levels: Levels


# The averages of so little pressure are 0.00 %, as the kernel rounds them.
_PRESSURE_NS = 40_000

IDLE = UsageProfile(
    rates=Counters(
        user_ns=1_200_000,
        system_ns=800_000,
        page_faults=5,
        reads=1,
        read_bytes=4 * _KIB,
        writes=1,
        written_bytes=4 * _KIB,
        cpu_waiting_ns=_PRESSURE_NS,
        cpu_stalled_ns=_PRESSURE_NS // 2,
        io_waiting_ns=_PRESSURE_NS,
        io_stalled_ns=_PRESSURE_NS // 2,
        memory_waiting_ns=_PRESSURE_NS,
        memory_stalled_ns=_PRESSURE_NS // 2,
    ),
    levels=Levels(
        rss_bytes=1024 * _KIB,
        active_file_bytes=192 * _KIB,
        inactive_file_bytes=192 * _KIB,
        mapped_file_bytes=128 * _KIB,
        kernel_bytes=128 * _KIB,
        layer_bytes=20 * _KIB,
        layer_inodes=8,
        file_descriptors=5,
        sockets=1,
    ),
)
"""A container that does next to nothing, in 0.002 cores and 1.5 MiB; descriptors a process."""

PAUSE = Usage(levels=Levels(rss_bytes=52 * _KIB, kernel_bytes=444 * _KIB))
"""The process that holds a pod's namespaces. It sleeps."""

NOT_STARTED = Usage(levels=Levels(layer_bytes=4 * _KIB, layer_inodes=1))
"""An empty writable layer is one directory."""

CHATTER = Traffic(received_bytes=128, received_packets=2, sent_bytes=96, sent_packets=1)
"""The traffic of a pod in one second."""

N = TypeVar("N", Counters, Traffic)


def usage_of(container: Container, now_ns: int) -> Usage:
    """Return what a container had used at `now_ns` on the clock of timers, while it runs."""
    process = container.process
    if process is None or now_ns < process.started_ns:
        return NOT_STARTED
    lived_ns = now_ns - process.started_ns
    processes = 1 + sum(not each.exited.done for each in container.execs)
    levels = IDLE.levels._replace(
        processes=processes,
        threads=processes,
        file_descriptors=processes * IDLE.levels.file_descriptors,
    )
    counters = _after(IDLE.rates, lived_ns)
    # The quota it was born with: one that is updated would let the count of periods jump back.
    resources = container.config.linux.resources
    if resources.cpu_quota > 0 and resources.cpu_period > 0:
        counters = counters._replace(cfs_periods=lived_ns // (resources.cpu_period * 1000))
    return Usage(counters, levels)


def _after(rates: N, lived_ns: int) -> N:
    return type(rates)(*(rate * lived_ns // SECOND_NS for rate in rates))


def _remains(usage: Usage) -> Usage:
    """Return what is left of a reading when the processes are gone: counters, and the layer."""
    levels = usage.levels
    return Usage(
        usage.counters,
        Levels(layer_bytes=levels.layer_bytes, layer_inodes=levels.layer_inodes),
    )


class Meters:
    """Read the model, through exits and removals; and remember samples, for rates.

    `World.move` tells of every move. All times are on the clock of timers.
    """

    def __init__(self) -> None:
        self._made_ns: dict[str, int] = {}
        self._final: dict[str, Usage] = {}
        """By container, from its exit until it is gone."""
        self._departed: dict[str, Counters] = {}
        """By sandbox: what containers that are gone had used. A cgroup remembers it."""
        self._samples: dict[str, tuple[int, int]] = {}

    def moved(self, thing: Sandbox | Container, now_ns: int) -> None:
        """Note that a sandbox or a container has just got the state that it has."""
        if isinstance(thing, Container) and thing.state is ContainerState.EXITED:
            self._final.setdefault(thing.id, _remains(usage_of(thing, now_ns)))
        if thing.state in {ContainerState.ABSENT, SandboxState.ABSENT}:
            self._forget(thing)
        else:
            self._made_ns.setdefault(thing.id, now_ns)

    def _forget(self, thing: Sandbox | Container) -> None:
        for known in (self._made_ns, self._samples, self._departed):
            known.pop(thing.id, None)
        final = self._final.pop(thing.id, None)
        if final is not None and thing.parent.id in self._made_ns:
            before = self._departed.get(thing.parent.id, Counters())
            self._departed[thing.parent.id] = Counters(*map(add, before, final.counters))

    def read(self, container: Container, now_ns: int) -> Usage:
        """Return what a container has used; what it used at all, once it has exited."""
        final = self._final.get(container.id)
        return final if final is not None else usage_of(container, now_ns)

    def read_pod(self, sandbox: Sandbox, now_ns: int) -> Usage:
        """Return what a pod's cgroup counts: its containers, those of old, and its pause."""
        total = PAUSE.plus(Usage(self._departed.get(sandbox.id, Counters())))
        for container in sandbox.containers.values():
            total = total.plus(self.read(container, now_ns))
        return total

    def read_traffic(self, sandbox: Sandbox, now_ns: int) -> Traffic:
        """Return what went through a pod's interface."""
        return _after(CHATTER, now_ns - self._made_ns.get(sandbox.id, now_ns))

    def find_scan(self, container: Container, now_ns: int) -> tuple[int, Levels] | None:
        """Return when the container's layer was last looked at, and what was seen; None: never."""
        scanned_ns = now_ns - now_ns % SCAN_NS
        if self._made_ns.get(container.id, now_ns) >= scanned_ns:
            return None
        return scanned_ns, self.read(container, scanned_ns).levels

    def sample(self, id_: str, wall_ns: int, cpu_ns: int) -> int | None:
        """Keep a reading of a CPU counter; return the nanocores since the one before.

        None for the first one, and where no time has passed or the wall clock was set back.
        """
        before = self._samples.get(id_)
        self._samples[id_] = (wall_ns, cpu_ns)
        if before is None or wall_ns <= before[0] or cpu_ns < before[1]:
            return None
        return (cpu_ns - before[1]) * SECOND_NS // (wall_ns - before[0])
