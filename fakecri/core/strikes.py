"""What state faults do when they strike, and when that is.

Each is told to the recorder before what it does. One that is due later and finds nothing to happen
to then is recorded as missed, and nothing else comes of it.
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, TypeAlias

from fakecri.core import containers_struck, nodes_struck, runtimes_struck, sandboxes_struck
from fakecri.core.state_faults import StateFault
from fakecri.core.world import World
from fakecri.errors import UsageError

if TYPE_CHECKING:
    from fakecri.core.scheduler import Timer

Strike: TypeAlias = Callable[[World, StateFault], None]

STRIKES: Mapping[str, Strike] = {
    **containers_struck.STRIKES,
    **sandboxes_struck.STRIKES,
    **nodes_struck.STRIKES,
    **runtimes_struck.STRIKES,
}
"""By the name of the form; each tells the recorder, and raises UsageError where it cannot be."""


class Struck:
    """A state fault that was asked for."""

    def __init__(self, fault: StateFault) -> None:
        self.fault = fault
        self.is_done = False
        """Whether it has struck."""
        self.missed = ""
        """Why it could not."""
        self._timer: Timer | None = None

    def cancel(self) -> None:
        """Let it not strike; harmless when it is too late."""
        if self._timer is not None:
            self._timer.cancel()

    def begin(self, world: World) -> None:
        """Strike, now or when it is due."""
        due = self.fault.due
        if due is None:
            STRIKES[self.fault.name](world, self.fault)
            self.is_done = True
            return
        start_ns = world.began_ns if due.word == "at" else world.scheduler.now_ns
        self._timer = world.scheduler.at(start_ns + due.ns, lambda: self._strike(world))

    def _strike(self, world: World) -> None:
        try:
            STRIKES[self.fault.name](world, self.fault)
            self.is_done = True
        except UsageError as error:
            self.missed = str(error)
            world.recorder.struck("missed", fault=str(self.fault), why=self.missed)


def strike(world: World, fault: StateFault) -> Struck:
    """Let a fault strike, now or when it is due. UsageError where that is now, and it cannot."""
    if world.upstream is not None:
        raise UsageError("the state of the node is another runtime's, which is not ours to change")
    struck = Struck(fault)
    struck.begin(world)
    return struck
