"""How fast data moves: what never waits for anybody else still takes time."""

from fakecri.core.processes import Process
from fakecri.core.scheduler import SECOND_NS, Waits

_BYTES_PER_S = 1_000_000_000
_STEADY = 256
"""After so many chunks that nobody held up, each one takes longer than the one before."""
_SLOWEST_NS = SECOND_NS


class Pace:
    """Lets time pass as data moves, so that an endless copy is no endless loop.

    A gigabyte takes a second. What goes on for long becomes slower, up to a chunk a second: nobody
    looks at how much of /dev/zero went into /dev/null. Where a client takes what comes of it, that
    is what it waits for.
    """

    def __init__(self, process: Process) -> None:
        self.process = process
        self.taken = process.scheduler.taken
        self.free = 0
        self._begin()

    def _begin(self) -> None:
        self.chunks = 0
        self.least_ns = 1000

    def moved(self, count: int) -> Waits[None]:
        """Wait as long as it takes to move some bytes."""
        if self.taken != self.process.scheduler.taken:
            self.taken, self.free = self.process.scheduler.taken, _STEADY
            self._begin()
        if self.free:
            self.free -= 1
            return
        self.chunks += 1
        if self.chunks > _STEADY:
            self.least_ns = min(self.least_ns + self.least_ns // 16, _SLOWEST_NS)
        spent_ns = max(count * SECOND_NS // _BYTES_PER_S, self.least_ns)
        yield from self.process.burn(spent_ns / SECOND_NS)
