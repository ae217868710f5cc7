"""How virtual time meets the clock on the wall.

manual     Time stands still until `advance`.
autojump   Time stands still while anything can happen; when a call waits, it leaps to the next
           thing that is due.
rate       Time runs with the monotonic clock, `rate` times as fast.
system     Time is `time.time_ns()`, so that freezegun rules it. Timers go by its steps forward;
           a wall that is set back leaves them where they are.

All but `system` may take over from one another while a runtime runs.
"""

import time
from fractions import Fraction
from typing import Protocol

from fakecri.core.scheduler import SECOND_NS
from fakecri.core.world import World
from fakecri.errors import Refused, UsageError

EPOCH_NS = 1_767_225_600 * SECOND_NS
"""When virtual time begins: 2026-01-01T00:00:00Z. In CRI, 0 means never."""

BLINK_S = 0.01
FASTEST = 1e9
"""No time runs faster: a second is a nanosecond then."""
STRETCH_NS = SECOND_NS // 2
"""How much real time a turn may take to catch up."""
LONGEST_PAUSE_S = 3600.0  # what a thread can wait for has a limit


class Pace(Protocol):
    """How time passes."""

    start_ns: int
    """What the clock shows at the beginning."""

    @property
    def name(self) -> str:
        """What it is called."""

    @property
    def jumps(self) -> bool:
        """Whether time leaps when a call waits."""

    @property
    def real(self) -> bool:
        """Whether time passes by itself."""

    @property
    def ours(self) -> bool:
        """Whether the clock is ours to turn."""

    def take_over(self, now_ns: int) -> None:
        """Go on from where another pace has left time."""

    def follow(self, world: World) -> None:
        """Bring the world's time up to now."""

    def pause_s(self, now_ns: int, due_ns: int | None) -> float | None:
        """Return how many real seconds may pass before it is time to look; None: any number."""

    def skip(self, world: World, delta_ns: int) -> None:
        """Let `delta_ns` pass at once."""


class Manual:
    """Time stands still until `skip`; with `jumps` it leaps when a call waits."""

    real = False
    ours = True

    def __init__(self, *, jumps: bool, start_ns: int = EPOCH_NS) -> None:
        self.start_ns = start_ns
        self.jumps = jumps

    @property
    def name(self) -> str:
        """`manual` or `autojump`."""
        return "autojump" if self.jumps else "manual"

    def take_over(self, now_ns: int) -> None:
        """Nothing: time is where it is."""

    def follow(self, world: World) -> None:
        """Nothing: time moves by `skip` alone."""

    def pause_s(self, now_ns: int, due_ns: int | None) -> None:
        """Return None: no wait makes anything due."""

    def skip(self, world: World, delta_ns: int) -> None:
        """Let `delta_ns` pass."""
        world.scheduler.advance_to(world.scheduler.now_ns + delta_ns)


class Rate:
    """Time runs `rate` times as fast as the monotonic clock; at 0 it stands still."""

    name = "rate"
    jumps = False
    ours = True

    def __init__(self, rate: float = 1.0, start_ns: int | None = None) -> None:
        """Start at the present by default."""
        self._rate = _checked_rate(rate)
        self.start_ns = time.time_ns() if start_ns is None else start_ns
        self._origin_ns = time.monotonic_ns()
        self._lags = False

    @property
    def rate(self) -> float:
        """How many times as fast as the monotonic clock."""
        return float(self._rate)

    @property
    def real(self) -> bool:
        """Whether time passes at all."""
        return self._rate > 0

    def take_over(self, now_ns: int) -> None:
        """Run from there."""
        self.start_ns, self._origin_ns = now_ns, time.monotonic_ns()

    def follow(self, world: World) -> None:
        """Advance to what the monotonic clock says, or as far as half a second allows.

        Where more happens than the machine can do, time lags behind, as processes on a real node
        do, and calls are answered between.
        """
        end_ns = time.monotonic_ns() + STRETCH_NS
        self._lags = not world.scheduler.advance_to(
            self._target_ns(), lambda: time.monotonic_ns() > end_ns
        )

    def _target_ns(self) -> int:
        return self.start_ns + int((time.monotonic_ns() - self._origin_ns) * self._rate)

    def pause_s(self, now_ns: int, due_ns: int | None) -> float | None:
        """Return the real seconds until `due_ns`, an hour at most; a blink where time lags."""
        if self._lags:
            return BLINK_S
        if due_ns is None or not self._rate:
            return None
        pause_s = (due_ns - now_ns) / self._rate / SECOND_NS
        return LONGEST_PAUSE_S if pause_s > LONGEST_PAUSE_S else float(pause_s)

    def skip(self, world: World, delta_ns: int) -> None:
        """Be `delta_ns` further on from now on."""
        self.start_ns += delta_ns
        world.scheduler.advance_to(self._target_ns())


def _checked_rate(rate: float) -> Fraction:
    if not 0 <= rate <= FASTEST:
        raise UsageError(f"a rate is a number from 0 to {FASTEST:g}, and {rate} is not")
    return Fraction(rate)


class System:
    """Time is `time.time_ns()`."""

    name = "system"
    jumps = False
    real = True
    ours = False

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
        raise Refused("under the system pace time is advanced by whoever rules time.time_ns()")

    def take_over(self, now_ns: int) -> None:  # noqa: ARG002  # likewise
        """Refuse: two clocks that nobody has set alike would be one."""
        raise Refused("system is a pace from the beginning to the end")


def stands_still(pace: Pace) -> bool:
    """Return whether time passes by nothing but `skip`."""
    return isinstance(pace, Manual) and not pace.jumps


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
