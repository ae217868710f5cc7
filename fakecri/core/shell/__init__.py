"""A shell: busybox's ash or bash, as a program of simulated processes in virtual time.

It is written anew, small and pure: what evaluates a script here must be stepped like any other
simulated process, and no library can be.
"""

from collections.abc import Sequence

from fakecri.core.processes import Process, Program
from fakecri.core.scheduler import Waits
from fakecri.core.shell.start import start

__all__ = ["SHELLS", "program"]

SHELLS = frozenset({"ash", "bash", "dash", "sh"})
"""The names by which a shell is called."""


def program(argv: Sequence[str]) -> Program:
    """Return the shell that a command line asks for, be it with a script or without.

    It is a bash where `argv[0]` says so, and busybox's ash otherwise.
    """
    words = tuple(argv)

    def shell(process: Process) -> Waits[int]:
        return start(process, words)

    return shell
