"""The clock of a runtime: how fast time passes, and what the wall shows.

Timers and the wall are apart. Virtual time fires timers and never goes back. The wall is what goes
into objects, logs and events; it may be set back and forward and stand still: no timer notices.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from fakecri.contexts import UntilLeft
from fakecri.core.clock import FalseStamps
from fakecri.core.durations import EXAMPLES, parse_duration, render_duration
from fakecri.core.scheduler import END_NS, SECOND_NS
from fakecri.core.timestamps import format_rfc3339_ns, parse_rfc3339_ns
from fakecri.core.world import World
from fakecri.errors import Refused, UsageError
from fakecri.host import Host
from fakecri.pace import Pace, Rate, parse_pace

Span: TypeAlias = str | float
"""How long: a text such as `10m`, or seconds."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What the clock shows at one moment."""

    wall_ns: int
    """The wall, since the epoch."""
    virtual_ns: int
    """How much virtual time has passed since the runtime began."""
    pace: str
    rate: float | None
    """How many times as fast as real time; None where the pace is another."""
    holds: int
    frozen: bool
    stamps: str
    """What objects that are created get instead of true stamps; empty: nothing."""


class UntilStopped(UntilLeft):
    """Something that is in force until it is taken back; as a context, until that is left."""

    def __init__(self, take_back: Callable[[], None]) -> None:
        self._take_back: Callable[[], None] | None = take_back

    def stop(self) -> None:
        """Take it back; harmless when done."""
        take_back, self._take_back = self._take_back, None
        if take_back is not None:
            take_back()

    def _left(self, _error: BaseException | None) -> None:
        self.stop()


class Clock:
    """Turns the clock of a host. All that it does is told to the recorder, as `clock`.

    UsageError for a span or a time that is none, and for what the pace refuses: under `system`
    the clock is that of whoever rules `time.time_ns()`.
    """

    def __init__(self, host: Host) -> None:
        self._host = host

    def reading(self) -> Reading:
        """Return what the clock shows."""
        with self._host.turn() as world:
            pace, wall = self._host.pace, world.clock
            return Reading(
                wall_ns=wall.wall_ns(),
                virtual_ns=world.scheduler.now_ns - world.began_ns,
                pace=pace.name,
                rate=pace.rate if isinstance(pace, Rate) else None,
                holds=self._host.holds,
                frozen=wall.frozen,
                stamps="" if wall.false_stamps is None else _render_stamps(wall.false_stamps),
            )

    @property
    def now_ns(self) -> int:
        """What the wall shows, in nanoseconds since the epoch."""
        return self.reading().wall_ns

    # How time passes.

    def advance(self, span: Span) -> None:
        """Let virtual time pass at once; what falls due meanwhile happens at its time."""
        self._host.advance(span_ns(span))

    def switch(self, pace: str) -> None:
        """Go on under another pace: `manual`, `autojump`, or `rate`, which is that of real time."""
        if pace == "system":
            raise Refused("system is a pace from the beginning to the end")
        self._switch(parse_pace(pace), "pace", pace=pace)

    def rate(self, rate: float) -> None:
        """Let time run `rate` times as fast as real time from now on; 0: it stands still."""
        self._switch(Rate(rate), "rate", rate=rate)

    def _switch(self, successor: Pace, what: str, **facts: object) -> None:
        with self._host.turn() as world:
            self._host.switch(successor)
            world.recorder.turned(what, **facts)

    def hold(self) -> UntilStopped:
        """Let time not leap, under `autojump`, until this is stopped.

        Holds are counted: it leaps again when the last one is gone. `advance` goes on working.
        """
        with self._host.turn() as world:
            world.recorder.turned("hold", holds=self._host.hold(1))
        return UntilStopped(self._release)

    def _release(self) -> None:
        # Told first: what it lets happen comes after it.
        with self._host.turn() as world:
            world.recorder.turned("release", holds=self._host.holds - 1)
            self._host.hold(-1)

    # The wall.

    def jump(self, wall: Span) -> None:
        """Set the wall forward by a span, or back by one that begins with a minus sign."""
        by_ns = span_ns(wall, signed=True)
        with self._host.turn() as world:
            self._set_wall(world, world.clock.wall_ns() + by_ns)
            world.recorder.turned("jump", by_ns=by_ns, wall_ns=world.clock.wall_ns())

    def set_wall(self, time: str | int) -> None:
        """Set the wall to a time, as RFC 3339 or in nanoseconds since the epoch."""
        wall_ns = _time_ns(time)
        with self._host.turn() as world:
            by_ns = wall_ns - world.clock.wall_ns()
            self._set_wall(world, wall_ns)
            world.recorder.turned("jump", by_ns=by_ns, wall_ns=wall_ns)

    def freeze(self) -> None:
        """Let the wall stand still while virtual time passes. Harmless when it does."""
        with self._host.turn() as world:
            self._check_wall()
            world.clock.freeze()
            world.recorder.turned("freeze", wall_ns=world.clock.wall_ns())

    def thaw(self) -> None:
        """Let the wall go on, from where it stood. Harmless when it does."""
        with self._host.turn() as world:
            self._check_wall()
            world.clock.thaw()
            world.recorder.turned("thaw", wall_ns=world.clock.wall_ns())

    def stamps(self, stamp: str | int) -> UntilStopped:
        """Let objects that are created get a false `created_at`, until this is stopped.

        `0` or another number of nanoseconds since the epoch, an RFC 3339 time, or how much it is
        off: `+1h`, `-40s`. The last one in force rules.
        """
        false = _stamps(stamp)
        with self._host.turn() as world:
            world.clock.falsify(false)
            world.recorder.turned("stamps", stamps=_render_stamps(false))

        def trust() -> None:
            with self._host.turn() as world:
                if world.clock.trust(false):
                    rest = world.clock.false_stamps
                    world.recorder.turned("stamps", stamps=_render_stamps(rest) if rest else "")

        return UntilStopped(trust)

    def _check_wall(self) -> None:
        if not self._host.pace.ours:
            raise Refused("under the system pace the wall is set by whoever rules time.time_ns()")

    def _set_wall(self, world: World, wall_ns: int) -> None:
        self._check_wall()
        if not 0 <= wall_ns < END_NS:
            raise UsageError("the wall cannot be set to before 1970, nor to after 2262")
        world.clock.set_wall(wall_ns)


def span_ns(span: Span, *, signed: bool = False) -> int:
    """Return the nanoseconds of a span: of a number of seconds, or of a text such as `1h30m`."""
    if not isinstance(span, str):
        if not math.isfinite(span):
            raise UsageError(f"{span} seconds: a span ends")
        return round(span * SECOND_NS)
    span_ns = parse_duration(span, signed=signed)
    if span_ns is None:
        raise UsageError(f"{span!r} is no span of time: write {EXAMPLES}")
    return span_ns


def _time_ns(time: str | int) -> int:
    if isinstance(time, int):
        return time
    try:
        return parse_rfc3339_ns(time)
    except ValueError as error:
        raise UsageError(f"{error}: write 2038-01-19T03:14:07Z") from None


def _stamps(stamp: str | int) -> FalseStamps:
    if isinstance(stamp, str) and stamp.startswith(("+", "-")):
        return FalseStamps(by_ns=span_ns(stamp, signed=True))
    at_ns = 0 if stamp == "0" else _time_ns(stamp)
    if not 0 <= at_ns < END_NS:
        raise UsageError(f"{stamp}: no stamp is before 1970, nor after 2262")
    return FalseStamps(at_ns=at_ns)


def _render_stamps(false: FalseStamps) -> str:
    if false.at_ns is None:
        return ("+" if false.by_ns >= 0 else "") + render_duration(false.by_ns)
    return "0" if false.at_ns == 0 else format_rfc3339_ns(false.at_ns)
