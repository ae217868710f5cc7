"""How virtual time meets the clock on the wall.

manual     Time stands still until `advance`.
autojump   Time stands still while anything can happen; when a call waits, it leaps to the next
           thing that is due.
rate       Time runs with the monotonic clock, `rate` times as fast.
system     Time is `time.time_ns()`, so that freezegun rules it. Timers go by its steps forward;
           a wall that is set back leaves them where they are.
"""

import time
from fractions import Fraction
from typing import Protocol

from fakecri.core.scheduler import SECOND_NS
from fakecri.core.world import World
from fakecri.errors import UsageError

EPOCH_NS = 1_767_225_600 * SECOND_NS
"""When virtual time begins: 2026-01-01T00:00:00Z. In CRI, 0 means never."""

BLINK_S = 0.01
LONGEST_PAUSE_S = 3600.0  # what a thread can wait for has a limit


class Pace(Protocol):
    """How time passes."""

    start_ns: int
    """What the clock shows at the beginning."""

    @property
    def name(self) -> str:
        """What it is called."""

    jumps: bool
    """Whether time leaps when a call waits."""
    real: bool
    """Whether time passes by itself."""

    def follow(self, world: World) -> None:
        """Bring the world's time up to now."""

    def pause_s(self, now_ns: int, due_ns: int | None) -> float | None:
        """Return how many real seconds may pass before it is time to look; None: any number."""

    def skip(self, world: World, delta_ns: int) -> None:
        """Let `delta_ns` pass at once."""


class Manual:
    """Time stands still until `skip`; with `jumps` it leaps when a call waits."""

    real = False

    def __init__(self, *, jumps: bool, start_ns: int = EPOCH_NS) -> None:
        self.start_ns = start_ns
        self.jumps = jumps

    @property
    def name(self) -> str:
        """`manual` or `autojump`."""
        return "autojump" if self.jumps else "manual"

    def follow(self, world: World) -> None:
        """Nothing: time moves by `skip` alone."""

    def pause_s(self, now_ns: int, due_ns: int | None) -> None:
        """Return None: no wait makes anything due."""

    def skip(self, world: World, delta_ns: int) -> None:
        """Let `delta_ns` pass."""
        world.scheduler.advance_to(world.scheduler.now_ns + delta_ns)


class Rate:
    """Time runs `rate` times as fast as the monotonic clock."""

    name = "rate"
    jumps = False
    real = True

    def __init__(self, rate: float = 1.0, start_ns: int | None = None) -> None:
        """Start at the present by default."""
        if not 0 < rate < float("inf"):
            raise UsageError(f"a rate must be greater than 0, and {rate} is not")
        self.start_ns = time.time_ns() if start_ns is None else start_ns
        self._rate = Fraction(rate)
        self._origin_ns = time.monotonic_ns()
        self._skipped_ns = 0

    def follow(self, world: World) -> None:
        """Advance to what the monotonic clock says."""
        passed_ns = int((time.monotonic_ns() - self._origin_ns) * self._rate)
        world.scheduler.advance_to(self.start_ns + self._skipped_ns + passed_ns)

    def pause_s(self, now_ns: int, due_ns: int | None) -> float | None:
        """Return the real seconds until `due_ns`, an hour at most."""
        if due_ns is None:
            return None
        return min(LONGEST_PAUSE_S, float((due_ns - now_ns) / self._rate) / SECOND_NS)

    def skip(self, world: World, delta_ns: int) -> None:
        """Be `delta_ns` further on from now on."""
        self._skipped_ns += delta_ns
        self.follow(world)


class System:
    """Time is `time.time_ns()`."""

    name = "system"
    jumps = False
    real = True

    def __init__(self) -> None:
        self.start_ns = self._read_ns = _time_ns()

    def follow(self, world: World) -> None:
        """Advance by what the clock went forward; show what it shows."""
        read_ns = _time_ns()
        step_ns, self._read_ns = max(0, read_ns - self._read_ns), read_ns
        world.clock.set_wall(read_ns - step_ns)
        world.scheduler.advance_to(world.scheduler.now_ns + step_ns)

    def pause_s(self, now_ns: int, due_ns: int | None) -> float | None:
        """Return the seconds until `due_ns`, and no more than a blink.

        Whoever rules the system's clock does not tell us when it is turned.
        """
        if due_ns is None:
            return None
        return min(BLINK_S, (due_ns - now_ns) / SECOND_NS)

    def skip(self, world: World, delta_ns: int) -> None:  # noqa: ARG002  # it does nothing
        """Refuse: the system's clock is not ours to turn."""
        raise UsageError("under the system pace time is advanced by whoever rules time.time_ns()")


def _time_ns(depth: int = 6) -> int:
    # freezegun shows the real time to calls from `threading`, and looks five frames up for that;
    # our own thread must see the frozen time as everybody else does.
    return _time_ns(depth - 1) if depth else time.time_ns()


def parse_pace(text: str, rate: float = 1.0) -> Pace:
    """Return the pace called `manual`, `autojump`, `rate` or `system`."""
    if text in {"manual", "autojump"}:
        return Manual(jumps=text == "autojump")
    if text == "rate":
        return Rate(rate)
    if text == "system":
        return System()
    raise UsageError(f"{text!r} is not a pace: manual, autojump, rate or system")
