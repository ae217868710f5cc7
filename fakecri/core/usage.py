"""What containers and pods have used: a model of it, and the meters that read the model.

All numbers follow from virtual time alone, as timers know it: a wall clock that is set back takes
nothing from a counter. What only grows is a counter, and starts at 0; what comes and goes is a
level. The node is one with cgroup v2 and pressure stall information.
"""

from dataclasses import dataclass
from operator import add
from typing import NamedTuple, TypeVar

from fakecri.core.cgroup import Cgroup
from fakecri.core.limits import period_us_of
from fakecri.core.loads import NANOCORES
from fakecri.core.net.wires import Wire
from fakecri.core.records import Container, Sandbox
from fakecri.core.rootfs.layers import SCAN_NS, LayerCount
from fakecri.core.scheduler import SECOND_NS
from fakecri.core.states import ContainerState, SandboxState

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
    received_bytes: int = 0
    sent_bytes: int = 0

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
    peak_bytes: int = 0
    """The most memory that was ever held."""

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
        peak_bytes=1536 * _KIB,
    ),
)
"""A container that does next to nothing, in 0.002 cores and 1.5 MiB; descriptors a process."""

IDLE_BYTES = IDLE.levels.memory_bytes
IDLE_DEMAND_BYTES = IDLE.levels.rss_bytes + IDLE.levels.kernel_bytes
"""What nothing but swap could take from an idle container."""

PAGE_BYTES = 4 * _KIB

PAUSE = Usage(levels=Levels(rss_bytes=52 * _KIB, kernel_bytes=444 * _KIB))
"""The process that holds a pod's namespaces. It sleeps."""

NOT_STARTED = Usage(levels=Levels(layer_bytes=4 * _KIB, layer_inodes=1))
"""An empty writable layer is one directory."""

CHATTER = Traffic(received_bytes=128, received_packets=2, sent_bytes=96, sent_packets=1)
"""The traffic of a pod in one second."""

SEGMENT_BYTES = 1448
"""What a full packet carries."""

N = TypeVar("N", Counters, Traffic)


def usage_of(container: Container, now_ns: int) -> Usage:
    """Return what a container had used at `now_ns` on the clock of timers, while it runs.

    Present or future: its cgroup remembers no past.
    """
    process, system = container.process, container.system
    if process is None or system is None or now_ns < process.started_ns:
        return NOT_STARTED
    processes = len(system.processes)
    levels = IDLE.levels._replace(
        processes=processes,
        threads=processes,
        file_descriptors=processes * IDLE.levels.file_descriptors,
    )
    lived_ns = now_ns - process.started_ns
    counters = _after(IDLE.rates, lived_ns)
    if system.rootfs.count is not None:
        counters, levels = _with_files(Usage(counters, levels), system.rootfs.count)
    if system.cgroup is not None:
        return _loaded(Usage(counters, levels), system.cgroup, now_ns)
    resources = container.resources
    if resources.cpu_quota > 0:
        period_ns = period_us_of(resources) * 1000
        counters = counters._replace(cfs_periods=lived_ns // period_ns)
    if 0 < resources.memory_limit_in_bytes < levels.peak_bytes:
        levels = _squeezed(levels, resources.memory_limit_in_bytes)
    return Usage(counters, levels)


def _with_files(usage: Usage, count: LayerCount) -> Usage:
    """Return a reading with the files that were written, which are in the page cache too."""
    counters, levels = usage
    bytes_, inodes = count.present
    return Usage(
        counters._replace(
            writes=counters.writes + -(-count.written_bytes // PAGE_BYTES),
            written_bytes=counters.written_bytes + count.written_bytes,
        ),
        levels._replace(
            inactive_file_bytes=levels.inactive_file_bytes + bytes_,
            layer_bytes=levels.layer_bytes + bytes_,
            layer_inodes=levels.layer_inodes + inodes,
            peak_bytes=levels.peak_bytes + count.most_bytes,
        ),
    )


def _loaded(idle: Usage, cgroup: Cgroup, now_ns: int) -> Usage:
    """Return what a container uses whose processes want more than nothing."""
    counters, levels = idle
    totals, periods = cgroup.totals(now_ns), cgroup.periods(now_ns)
    counters = counters._replace(
        user_ns=counters.user_ns + totals.cpu // NANOCORES,
        page_faults=counters.page_faults + totals.touched // PAGE_BYTES,
        writes=counters.writes + totals.written // PAGE_BYTES,
        written_bytes=counters.written_bytes + totals.written,
        cfs_periods=periods.all,
        throttled_periods=periods.throttled,
        throttled_ns=totals.lost // NANOCORES,
        cpu_waiting_ns=counters.cpu_waiting_ns + totals.waiting_ns,
        cpu_stalled_ns=counters.cpu_stalled_ns + totals.stalled_ns,
        received_bytes=totals.received // SECOND_NS,
        sent_bytes=totals.sent // SECOND_NS,
    )
    layer_bytes = cgroup.value("layer_bytes", now_ns)
    levels = levels._replace(
        rss_bytes=levels.rss_bytes + cgroup.value("memory_bytes", now_ns),
        inactive_file_bytes=(
            levels.inactive_file_bytes + layer_bytes + cgroup.value("cache_bytes", now_ns)
        ),
        layer_bytes=levels.layer_bytes + layer_bytes,
        # The most of files and the most of memory may have been at different times.
        peak_bytes=levels.peak_bytes + cgroup.peak_bytes(now_ns) - IDLE_BYTES,
    )
    return Usage(counters, _squeezed(levels, cgroup.limits.memory_bytes))


def _squeezed(levels: Levels, limit_bytes: int | None) -> Levels:
    """Return what is left of levels under a limit: file pages go first, and then there is swap."""
    if limit_bytes is None:
        return levels
    levels = levels._replace(peak_bytes=min(levels.peak_bytes, limit_bytes))
    if levels.memory_bytes <= limit_bytes:
        return levels
    rss_bytes = min(levels.rss_bytes, max(0, limit_bytes - levels.kernel_bytes))
    room_bytes = max(0, limit_bytes - levels.kernel_bytes - rss_bytes)
    active_bytes = min(levels.active_file_bytes, room_bytes)
    return levels._replace(
        rss_bytes=rss_bytes,
        swap_bytes=levels.rss_bytes - rss_bytes,
        active_file_bytes=active_bytes,
        inactive_file_bytes=room_bytes - active_bytes,
        mapped_file_bytes=min(levels.mapped_file_bytes, room_bytes),
    )


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
        """Return what went through a pod's interface: chatter, loads, and its connections."""
        traffic = _after(CHATTER, now_ns - self._made_ns.get(sandbox.id, now_ns))
        received, sent = self._through_loads(sandbox, now_ns)
        wire = sandbox.network.wire if sandbox.network is not None else Wire()
        packets = -(-received // SEGMENT_BYTES) + wire.received_packets
        sent_packets = -(-sent // SEGMENT_BYTES) + wire.sent_packets
        return traffic._replace(
            received_bytes=traffic.received_bytes + received + wire.received_bytes,
            received_packets=traffic.received_packets + packets,
            sent_bytes=traffic.sent_bytes + sent + wire.sent_bytes,
            sent_packets=traffic.sent_packets + sent_packets,
        )

    def _through_loads(self, sandbox: Sandbox, now_ns: int) -> tuple[int, int]:
        departed = self._departed.get(sandbox.id, Counters())
        received, sent = departed.received_bytes, departed.sent_bytes
        for each in sandbox.containers.values():
            if each.system is not None and each.system.cgroup is not None:
                counters = self.read(each, now_ns).counters
                received += counters.received_bytes
                sent += counters.sent_bytes
        return received, sent

    def find_scan(self, container: Container, now_ns: int) -> tuple[int, Levels] | None:
        """Return when the container's layer was last looked at, and what was seen; None: never."""
        scanned_ns = now_ns - now_ns % SCAN_NS
        if self._made_ns.get(container.id, now_ns) >= scanned_ns:
            return None
        return scanned_ns, self._layer_at(container, scanned_ns)

    def _layer_at(self, container: Container, scan_ns: int) -> Levels:
        final, process = self._final.get(container.id), container.process
        if final is not None:
            return final.levels
        if process is None or scan_ns < process.started_ns:
            return NOT_STARTED.levels
        bytes_, inodes = IDLE.levels.layer_bytes, IDLE.levels.layer_inodes
        system = container.system
        if system is not None and system.cgroup is not None:
            bytes_ += system.cgroup.scanned_layer_bytes(scan_ns)
        if system is not None and system.rootfs.count is not None:
            files = system.rootfs.count.scanned(scan_ns)
            bytes_, inodes = bytes_ + files[0], inodes + files[1]
        return Levels(layer_bytes=bytes_, layer_inodes=inodes)

    def sample(self, id_: str, wall_ns: int, cpu_ns: int) -> int | None:
        """Keep a reading of a CPU counter; return the nanocores since the one before.

        None for the first one, and where no time has passed or the wall clock was set back.
        """
        before = self._samples.get(id_)
        self._samples[id_] = (wall_ns, cpu_ns)
        if before is None or wall_ns <= before[0] or cpu_ns < before[1]:
            return None
        return (cpu_ns - before[1]) * SECOND_NS // (wall_ns - before[0])
