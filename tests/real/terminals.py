"""A program in a pseudo-terminal, and somebody who types."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import termios
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tests.real.runtimes import WAIT_TIMEOUT_S

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
"""What a real shell says to a terminal besides text: where is the cursor, clear to the end."""


class Typist:
    """The keyboard and the screen of a program."""

    def __init__(self, program: subprocess.Popen[bytes], master: int) -> None:
        self._program = program
        self._master = master
        self._screen = ""

    def type(self, keys: str) -> None:
        """Press keys; Enter is a carriage return."""
        os.write(self._master, keys.encode())

    def resize(self, columns: int, rows: int) -> None:
        """Drag the window."""
        size = struct.pack("HHHH", rows, columns, 0, 0)
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, size)

    def see(self, pattern: str) -> str:
        """Wait until it is on the screen; return all of it since the last time, up to there."""
        deadline_s = time.monotonic() + WAIT_TIMEOUT_S
        while not (found := re.search(pattern, ESCAPES.sub("", self._screen), re.MULTILINE)):
            if not self._look(deadline_s - time.monotonic()):
                raise TimeoutError(f"{pattern!r} is not in {self._screen!r}")
        text = ESCAPES.sub("", self._screen)
        self._screen = text[found.end() :]
        return text[: found.end()]

    def end(self) -> tuple[int, str]:
        """Wait until the program ends; return its status, and what else it showed."""
        deadline_s = time.monotonic() + WAIT_TIMEOUT_S
        while self._look(deadline_s - time.monotonic()):
            pass
        return self._program.wait(WAIT_TIMEOUT_S), ESCAPES.sub("", self._screen)

    def _look(self, patience_s: float) -> bool:
        ready, _, _ = select.select([self._master], [], [], max(patience_s, 0))
        try:
            shown = os.read(self._master, 65_536) if ready else b""
        except OSError:  # the program has ended, and nobody has the other side
            shown = b""
        self._screen += shown.decode()
        return bool(shown)


@contextmanager
def typist(command: Sequence[str], columns: int = 100, rows: int = 30) -> Iterator[Typist]:
    """Run a program in a pseudo-terminal; it is killed at the end unless it has ended."""
    master, slave = pty.openpty()
    program = None
    try:
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        program = subprocess.Popen(
            ["setsid", "--ctty", *command],  # a resize is told to whom the terminal controls
            stdin=slave,
            stdout=slave,
            stderr=slave,
        )
        os.close(slave)
        yield Typist(program, master)
    finally:
        if program is not None:
            program.kill()
            program.wait()
        os.close(master)
