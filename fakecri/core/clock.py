"""The wall clock, and the stamps that go into objects. Timers are the scheduler's."""

from fakecri.core.scheduler import END_NS, Scheduler

NO_TIME_NS = -6_795_364_578_871_345_152
"""Go's zero time in nanoseconds, which is no number of them that means anything."""


class WallClock:
    """What the wall shows. It goes with virtual time, unless it is set, or frozen."""

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler
        self.offset_ns = 0
        self._frozen_ns: int | None = None
        self._read_ns = 0
        self._stamped_ns = 0
        self._false: list[FalseStamps] = []

    def wall_ns(self) -> int:
        """What the wall shows: nanoseconds since the epoch. It may be set back."""
        if self._frozen_ns is not None:
            return self._frozen_ns
        return min(self._scheduler.now_ns + self.offset_ns, END_NS)

    def set_wall(self, wall_ns: int) -> None:
        """Put the hands of the wall clock; timers do not notice. A frozen one stays frozen."""
        if self._frozen_ns is not None:
            self._frozen_ns = wall_ns
        self.offset_ns = wall_ns - self._scheduler.now_ns

    @property
    def frozen(self) -> bool:
        """Whether the wall stands still while virtual time passes."""
        return self._frozen_ns is not None

    def freeze(self) -> None:
        """Let the wall stand still from now on; timers do not notice."""
        self._frozen_ns = self.wall_ns()

    def thaw(self) -> None:
        """Let the wall go on, from where it stood."""
        if self._frozen_ns is not None:
            stood_ns, self._frozen_ns = self._frozen_ns, None
            self.set_wall(stood_ns)

    def stamp_ns(self) -> int:
        """Return the wall time, a little late where it must be so that no two stamps are equal.

        A kubelet tells sandboxes and containers apart by created_at (spec: lifecycle 25).
        """
        read_ns = self.wall_ns()
        went_back = read_ns < self._read_ns
        self._read_ns = read_ns
        self._stamped_ns = read_ns if went_back else max(read_ns, self._stamped_ns + 1)
        return self._stamped_ns

    def creation_ns(self) -> int:
        """Return the stamp of an object that is created now, which may be a false one."""
        stamp_ns = self.stamp_ns()
        return self._false[-1].of(stamp_ns) if self._false else stamp_ns

    @property
    def false_stamps(self) -> "FalseStamps | None":
        """What objects that are created get; None: true stamps."""
        return self._false[-1] if self._false else None

    def falsify(self, false: "FalseStamps") -> None:
        """Let objects that are created from now on have false stamps. The last one rules."""
        self._false.append(false)

    def trust(self, false: "FalseStamps") -> bool:
        """Take that back; return whether it was in force."""
        others = [each for each in self._false if each is not false]
        in_force = len(others) < len(self._false)
        self._false = others
        return in_force


class FalseStamps:
    """A `created_at` that is false: a time that stays, or the true one as shifted."""

    def __init__(self, *, at_ns: int | None = None, by_ns: int = 0) -> None:
        self.at_ns = at_ns
        self.by_ns = by_ns

    def of(self, stamp_ns: int) -> int:
        """Return it, for an object that is created at `stamp_ns`."""
        false_ns = stamp_ns + self.by_ns if self.at_ns is None else self.at_ns
        return max(0, min(false_ns, END_NS))
