"""The kernel's OOM killer: who dies when a container or a pod wants more memory than it may have.

What file pages hold is reclaimed and never counts. A death comes in the very nanosecond in which a
limit is crossed; nothing is scheduled for loads that do not grow.
"""

from collections.abc import Callable, Iterable, Iterator
from fractions import Fraction

from fakecri.core import signals
from fakecri.core.loads import Piece, crossing_ns
from fakecri.core.processes import Process
from fakecri.core.records import Container
from fakecri.core.scheduler import Scheduler, Timer
from fakecri.core.usage import IDLE_DEMAND_BYTES

_UNKILLABLE = -1000


class MemoryGuard:
    """Watches a limit of some containers together."""

    def __init__(
        self,
        scheduler: Scheduler,
        members: Callable[[], Iterable[Container]],
        limit_bytes: Callable[[], int | None],
        base_bytes: int = 0,
    ) -> None:
        """`base_bytes` is in use beside what the members hold."""
        self._scheduler = scheduler
        self._members = members
        self._limit_bytes = limit_bytes
        self._base_bytes = base_bytes
        self._timer: Timer | None = None
        self._killing = False

    def check(self) -> None:
        """Kill for as long as there is too little; then see when that would be the next time."""
        if self._killing:
            return
        self._killing = True
        try:
            limit = self._limit()
            while limit is not None and self._wanted() > limit and self._kill(limit):
                pass
        finally:
            self._killing = False
        self._arm(limit)

    def _limit(self) -> int | None:
        """What is idle is spared, however low the limit."""
        limit = self._limit_bytes()
        return None if limit is None else max(limit, self._idle())

    def _running(self) -> list[Container]:
        return [
            each
            for each in self._members()
            if each.process is not None and not each.process.exited.done
        ]

    def _pieces(self) -> list[Piece]:
        now_ns = self._scheduler.now_ns
        return [
            piece
            for each in self._running()
            if each.system is not None and each.system.cgroup is not None
            for piece in each.system.cgroup.pieces("memory_bytes", now_ns)
        ]

    def _idle(self) -> int:
        return self._base_bytes + IDLE_DEMAND_BYTES * len(self._running())

    def _wanted(self) -> Fraction:
        now_ns = self._scheduler.now_ns
        return self._idle() + sum((each.exact(now_ns) for each in self._pieces()), Fraction(0))

    def _kill(self, limit: int) -> bool:
        """Kill who holds most, as its oom_score_adj has it; return whether there was anybody."""
        victims = list(self._candidates(limit))
        if not victims:
            return False
        # The kernel takes the later one of two equals.
        _, container, process = max(reversed(victims), key=lambda each: each[0])
        kill_for_memory(container, process)
        return True

    def _candidates(self, limit: int) -> Iterator[tuple[int, Container, Process]]:
        now_ns = self._scheduler.now_ns
        for container in self._running():
            adjustment = container.resources.oom_score_adj
            if container.system is None or adjustment <= _UNKILLABLE:
                continue
            cgroup = container.system.cgroup
            for process in container.system.processes.values():
                held = cgroup.value("memory_bytes", now_ns, process) if cgroup else 0
                held += IDLE_DEMAND_BYTES * (process is container.process)
                if not process.exited.done:
                    yield held + adjustment * limit // 1000, container, process

    def _arm(self, limit: int | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if limit is None:
            return
        now_ns, pieces = self._scheduler.now_ns, self._pieces()
        dues = [each.end_ns for each in pieces]
        dues.append(crossing_ns(pieces, now_ns, limit - self._idle()))
        due_ns = min((each for each in dues if each is not None), default=None)
        if due_ns is not None:
            self._timer = self._scheduler.at(due_ns, self.check)


def kill_for_memory(container: Container, process: Process) -> None:
    """Kill a process for want of memory, or with it all of its container that wants it so."""
    system = container.system
    if system is None or container.process is None:
        return
    group = system.cgroup is not None and system.cgroup.limits.kills_all
    for each in tuple(system.processes.values()) if group else (process,):
        if each.exited.done:
            continue
        container.oom_events += 1
        container.reason = "OOMKilled"
        each.kill(signals.SIGKILL)
        if system.cgroup is not None:
            system.cgroup.drop(each)
