"""What `sed` reads: the lines of all its operands, one ahead at most; what `-i` keeps."""

from typing import TYPE_CHECKING

from fakecri.core.processes import Process
from fakecri.core.scheduler import Waits
from fakecri.core.tools.text.streams import Lines, Output, close_operand, open_operand, report

if TYPE_CHECKING:
    from fakecri.core.pipes import Reader


class Input:
    """The lines of all operands, with the last one known as such."""

    def __init__(self, process: Process, paths: list[str], output: Output) -> None:
        self.process = process
        self.output = output
        self.paths = list(paths)
        self.lines: Lines | None = None
        self.reader: Reader | None = None
        self.ahead: bytes | None = None
        self.status = 0

    def next(self) -> Waits[bytes]:
        """Wait for the next line; `b""` where there is none."""
        if self.ahead is not None:
            line, self.ahead = self.ahead, None
            return line
        return (yield from self._read())

    def is_last(self) -> Waits[bool]:
        """Whether no line follows: this has to wait for the next."""
        if self.ahead is None:
            self.ahead = yield from self._read()
        return not self.ahead

    def _read(self) -> Waits[bytes]:
        while True:
            if self.lines is None and not self._open():
                return b""
            try:
                line = (yield from self.lines.next()) if self.lines else b""
            except OSError:  # a directory has no lines
                line = b""
            if line:
                return line
            if self.reader is not None:
                close_operand(self.reader, self.process)
            self.lines = self.reader = None

    def _open(self) -> bool:
        while self.paths:
            path = self.paths.pop(0)
            try:
                self.reader = open_operand(self.process, path)
            except OSError as error:
                report(self.process, f"{path}: {error.strerror}")
                self.status = 1
                continue
            self.lines = Lines(self.reader, self.output)
            return True
        return False


class Kept(Output):
    """Output that is kept for a file."""

    __slots__ = ("kept",)

    def __init__(self, process: Process) -> None:
        super().__init__(process)
        self.kept: list[bytes] = []

    def put(self, output: bytes) -> None:
        """Keep it."""
        self.kept.append(output)
