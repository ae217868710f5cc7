"""A container's cgroup: what its processes want, what they get of it, and how long work takes.

Only containers with a process that has a load have one. What it counts depends on what the
processes do and when, never on when somebody looks: sums are closed where a line bends, and read
in between without a trace.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import NamedTuple

from fakecri.core.limits import Limits
from fakecri.core.loads import NANOCORES, Amount, Curve, Piece
from fakecri.core.processes import Process
from fakecri.core.rootfs.layers import SCAN_NS
from fakecri.core.scheduler import Future, Scheduler, Timer, Waits
from fakecri.core.stretches import Stretch, Totals, Wants, open_stretch

_SCALES = {"cpu_cores": NANOCORES}
_ONE_CORE = Piece(0, None, NANOCORES, NANOCORES)


@dataclass(slots=True, eq=False)
class Demand:
    """What one process wants."""

    curves: dict[str, Curve] = field(default_factory=dict)
    cores: int = 0
    """How many it burns or works on, beside its curve."""


@dataclass(slots=True, eq=False)
class _Job:
    """Work to be done by one process."""

    target: int
    finished: Future[None]


class Periods(NamedTuple):
    """How often a quota was renewed, and how often it had run out by then."""

    all: int = 0
    throttled: int = 0


class Cgroup:
    """What the processes of one container use beyond what any idle container does."""

    def __init__(
        self,
        scheduler: Scheduler,
        limits: Limits,
        *,
        started_ns: int,
        idle_bytes: int,
        check: Callable[[], None],
    ) -> None:
        """`limits` hold since `started_ns`; `idle_bytes` is the memory of an idle container.

        `check` is called when what is wanted of memory changes, or its limit.
        """
        self.limits = limits
        self._scheduler = scheduler
        self._check = check
        self._demands: dict[Process, Demand] = {}
        self._left_layer_bytes = 0
        self._jobs: list[_Job] = []
        self._timer: Timer | None = None
        self._totals = Totals()
        self._periods = Periods()
        self._limited_ns = started_ns
        self._throttled_before_ns = 0
        self._idle_bytes = idle_bytes
        self._peak_bytes = idle_bytes
        self._changed_ns = scheduler.now_ns
        self._scanned_layer_bytes = 0
        self._stretch = self._open(scheduler.now_ns)

    # What processes do.

    def use(self, process: Process, amounts: dict[str, Amount]) -> None:
        """From now on a process wants these amounts; others stay as they are."""
        now_ns = self._scheduler.now_ns
        curves = {
            name: Curve(amount, now_ns, _SCALES.get(name, 1)) for name, amount in amounts.items()
        }
        with self._changing():
            self._demands.setdefault(process, Demand()).curves.update(curves)
        self._check()

    def drop(self, process: Process) -> None:
        """Forget a process that is gone; what it wrote stays."""
        if process not in self._demands:
            return
        with self._changing():
            self._left_layer_bytes += self.value("layer_bytes", self._scheduler.now_ns, process)
            del self._demands[process]
        self._check()

    def burn(self, process: Process, wait: Waits[None]) -> Waits[None]:
        """Want one core more for as long as `wait` lasts."""
        self._want(process, 1)
        try:
            yield from wait
        finally:
            self._want(process, -1)

    def work(self, process: Process, core_ns: int) -> Waits[None]:
        """Want one core more until it was on a CPU for `core_ns`."""
        job = _Job(
            self.totals(self._scheduler.now_ns).work + core_ns * NANOCORES, Future(self._scheduler)
        )
        self._want(process, 1, job)
        try:
            yield from job.finished
        finally:
            self._want(process, -1, job)

    def _want(self, process: Process, cores: int, job: _Job | None = None) -> None:
        with self._changing():
            if cores > 0 and not process.exited.done:
                self._demands.setdefault(process, Demand()).cores += cores
            elif process in self._demands:
                self._demands[process].cores += cores
            if job is not None and cores > 0:
                self._jobs.append(job)
            elif job in self._jobs:
                self._jobs.remove(job)

    def limit(self, limits: Limits) -> None:
        """From now on other limits hold."""
        now_ns = self._scheduler.now_ns
        with self._changing():
            if limits.period_ns != self.limits.period_ns or limits.quota != self.limits.quota:
                self._periods = self.periods(now_ns)
                self._limited_ns = now_ns
                self._throttled_before_ns = self.totals(now_ns).throttled_ns
            self.limits = limits
        self._check()

    # What has come of it.

    def totals(self, now_ns: int) -> Totals:
        """Return the sums until now."""
        self._settle(now_ns)
        return self._totals.plus(self._stretch.gained(now_ns))

    def periods(self, now_ns: int) -> Periods:
        """Return how many periods of the quota have passed."""
        period_ns = self.limits.period_ns
        if not period_ns:
            return self._periods
        throttled_ns = self.totals(now_ns).throttled_ns - self._throttled_before_ns
        return Periods(
            self._periods.all + (now_ns - self._limited_ns) // period_ns,
            self._periods.throttled + throttled_ns // period_ns,
        )

    def pieces(self, quantity: str, at_ns: int) -> list[Piece]:
        """Return what the processes want of a quantity."""
        return [
            demand.curves[quantity].piece(at_ns)
            for demand in self._demands.values()
            if quantity in demand.curves
        ]

    def value(self, quantity: str, at_ns: int, process: Process | None = None) -> int:
        """Return how much the processes want of a quantity, or one of them."""
        if process is None:
            left = self._left_layer_bytes if quantity == "layer_bytes" else 0
            return left + sum(each.value(at_ns) for each in self.pieces(quantity, at_ns))
        demand = self._demands.get(process)
        curve = demand.curves.get(quantity) if demand else None
        return curve.piece(at_ns).value(at_ns) if curve else 0

    def peak_bytes(self, now_ns: int) -> int:
        """Return the most memory that was ever held."""
        self._settle(now_ns)
        return self._peak(now_ns)

    def scanned_layer_bytes(self, scan_ns: int) -> int:
        """Return `layer_bytes` at the time of the latest scan."""
        if scan_ns < self._changed_ns:
            return self._scanned_layer_bytes
        return self.value("layer_bytes", scan_ns)

    # How time is cut into stretches.

    @contextmanager
    def _changing(self) -> Iterator[None]:
        now_ns = self._scheduler.now_ns
        self._settle(now_ns)
        scan_ns = now_ns - now_ns % SCAN_NS
        if self._changed_ns <= scan_ns < now_ns:
            self._scanned_layer_bytes = self.value("layer_bytes", scan_ns)
        yield
        self._changed_ns = now_ns
        self._turn(now_ns)
        self._arm()

    def _settle(self, now_ns: int) -> None:
        while (end_ns := self._stretch.end_ns) is not None and end_ns <= now_ns:
            self._turn(end_ns)

    def _turn(self, at_ns: int) -> None:
        """End the present stretch, and begin the next one."""
        before = self._stretch
        self._peak_bytes = self._peak(at_ns)
        self._totals = self._totals.plus(before.gained(at_ns))
        self._stretch = self._open(at_ns)
        self._totals = self._totals.plus(self._stretch.jumped(before))

    def _open(self, begin_ns: int) -> Stretch:
        cores = sum(each.cores for each in self._demands.values())
        left = Piece(0, None, self._left_layer_bytes, self._left_layer_bytes)
        wants = Wants(
            cpu=[*self.pieces("cpu_cores", begin_ns), *[_ONE_CORE] * cores],
            received=self.pieces("received_bytes_per_s", begin_ns),
            sent=self.pieces("sent_bytes_per_s", begin_ns),
            memory=self.pieces("memory_bytes", begin_ns),
            cache=self.pieces("cache_bytes", begin_ns),
            layer=[*self.pieces("layer_bytes", begin_ns), left],
        )
        return open_stretch(
            begin_ns,
            wants,
            cores=self.limits.cores,
            has_quota=self.limits.has_quota,
            workers=len(self._jobs),
        )

    def _peak(self, at_ns: int) -> int:
        held = max(self._stretch.held(self._stretch.begin_ns), self._stretch.held(at_ns))
        held += self._idle_bytes
        limit = self.limits.memory_bytes
        return max(self._peak_bytes, held if limit is None else min(held, limit))

    def _arm(self) -> None:
        """Wake when the first job is finished."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if not (self._jobs and self._stretch.speed):
            return
        now_ns = self._scheduler.now_ns
        missing = min(each.target for each in self._jobs) - self.totals(now_ns).work
        self._timer = self._scheduler.at(now_ns - -missing // self._stretch.speed, self._finish)

    def _finish(self) -> None:
        done = self.totals(self._scheduler.now_ns).work
        for job in self._jobs:
            if job.target <= done:
                job.finished.set_result(None)
        with self._changing():
            self._jobs = [each for each in self._jobs if not each.finished.done]
