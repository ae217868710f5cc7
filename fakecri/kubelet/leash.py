"""A program that becomes another one, which the kernel ends with the thread that started it.

    python -I -S leash.py PID PROGRAM ARGUMENT...

`PID` is the process whose thread that is. It is run by its path, so that it starts soon.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1

if __name__ == "__main__":
    parent, *command = sys.argv[1:]
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    # Python ignores them, and the other program would do so too.
    for number in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(number, signal.SIG_DFL)
    if os.getppid() == int(parent):  # otherwise that has ended before it could be asked about
        os.execv(command[0], command)  # noqa: S606  # the program that was asked for
