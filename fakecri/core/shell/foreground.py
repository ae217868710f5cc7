"""Which processes a terminal's signals go to, and what ^C does to an interactive shell."""

from collections.abc import Sequence

from fakecri.core.processes import Process, Signalled
from fakecri.core.scheduler import Waits
from fakecri.core.shell.state import Shell
from fakecri.core.signals import NUMBERS

SIGINT = NUMBERS["INT"]
_HELD_OFF = (NUMBERS["QUIT"], NUMBERS["TERM"])


def begin_control(shell: Shell) -> None:
    """Be the shell at a terminal: ^C ends what it does and not the shell."""
    terminal = shell.descriptors.terminal(0)
    if terminal is None or shell.process.terminal is not terminal:
        return
    shell.terminal = terminal
    shell.options.add("m")
    shell.process.group = shell.process.pid
    terminal.foreground = shell.process.group
    for signal in (SIGINT, *_HELD_OFF):
        restore_default(shell, signal)


def restore_default(shell: Shell, signal: int) -> None:
    """Do about a signal what the shell does where no trap is set."""
    if shell.terminal is None or signal not in {SIGINT, *_HELD_OFF}:
        shell.process.handle(signal, None)
    elif signal == SIGINT:
        shell.process.trap(signal)
    else:
        shell.process.handle(signal, lambda _: None)


def set_apart(shell: Shell, processes: Sequence[Process]) -> None:
    """Make a job a group of its own, where the shell controls jobs."""
    if shell.terminal is not None:
        for each in processes:
            each.group = processes[0].pid


def wait_for_job(shell: Shell, processes: Sequence[Process]) -> Waits[list[int]]:
    """Wait for a job in the foreground; return the statuses.

    Where ^C has ended it, it interrupts the shell too, which is what its user has meant.
    """
    terminal = shell.terminal
    set_apart(shell, processes)
    if terminal is not None:
        terminal.foreground = processes[0].group
    try:
        for each in processes:
            yield from each.exited
    finally:
        if terminal is not None:
            terminal.foreground = shell.process.group
    if terminal is not None and processes[-1].died_of == SIGINT:
        interrupt(shell)
    return [each.exited.result() for each in processes]


def interrupt(shell: Shell) -> None:
    """Do what SIGINT does: run its trap, if it is not ignored, or go back to the prompt."""
    action = shell.traps.get("INT")
    if action is None:
        raise Signalled(SIGINT)
    if action:
        shell.pending.append(SIGINT)
