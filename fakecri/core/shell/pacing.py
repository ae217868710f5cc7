"""What keeps a busy loop from holding up time: after many steps it is a burner of CPU."""

from typing import TYPE_CHECKING

from fakecri.core.processes import Process
from fakecri.core.scheduler import SECOND_NS, Future, Task, Waits, first_of

if TYPE_CHECKING:
    from fakecri.core.shell.state import Shell

STEPS = 10_000
"""So many commands may run in one instant."""

PROCESS_STEPS = 25
"""A command that is a process, or would be, takes so many times as long as a builtin."""

MAX_BURNERS = 64
"""So many shells of a container are counted as burners at a time."""

FIRST_SLICE_NS = SECOND_NS // 100
LAST_SLICE_NS = 3600 * SECOND_NS


class Pace:
    """How much a shell has done since time moved."""

    __slots__ = ("began_ns", "slice_ns", "steps", "taken")

    def __init__(self, now_ns: int) -> None:
        self.steps = 0
        self.began_ns = now_ns
        """Since when the steps are counted."""
        self.taken = 0
        """How much clients had taken then."""
        self.slice_ns = FIRST_SLICE_NS

    def fork(self) -> "Pace":
        """A child goes on from there, but has done nothing yet."""
        child = Pace(self.began_ns)
        child.slice_ns = self.slice_ns
        return child


def breathe(shell: "Shell") -> Waits[None]:
    """Many steps were made: let time pass, unless it, or output, has passed while they were."""
    pace, process = shell.pace, shell.process
    pace.steps = 0
    taken, pace.taken = pace.taken, process.scheduler.taken
    if process.scheduler.now_ns != pace.began_ns or taken != pace.taken:
        pace.slice_ns = FIRST_SLICE_NS
    else:
        yield from interruptible(shell, _burn(process, pace.slice_ns / SECOND_NS))
        pace.slice_ns = min(pace.slice_ns * 2, LAST_SLICE_NS)
    pace.began_ns = process.scheduler.now_ns


def _burn(process: Process, seconds: float) -> Waits[None]:
    """Use a core for so long, unless so many do already that no core is left."""
    system = process.system
    if system.busy_burners >= MAX_BURNERS:
        yield from process.sleep(seconds)
        return
    system.busy_burners += 1
    try:
        yield from process.burn(seconds)
    finally:
        system.busy_burners -= 1


def interruptible(shell: "Shell", waits: Waits[None]) -> Waits[bool]:
    """Wait, but no longer than until a trapped signal comes; whether it came to its end."""
    if not shell.traps:
        yield from waits
        return True
    scheduler = shell.process.scheduler
    task = Task(scheduler, waits)
    task.step()
    shell.wake = Future(scheduler)
    if shell.pending:
        shell.wake.set_result(None)
    try:
        if not task.done:
            yield from first_of(scheduler, task, shell.wake)
    finally:
        shell.wake = None
        finished = task.done
        if not finished:
            task.drop()
    if finished:
        task.result()
    return finished
