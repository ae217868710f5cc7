"""Reading from stdin, no further than asked."""

from fakecri.core.pipes import Reader
from fakecri.core.scheduler import SECOND_NS, Task, Waits, first_of
from fakecri.core.shell.errors import OutOfMemoryError
from fakecri.core.shell.pacing import interruptible
from fakecri.core.shell.state import Shell
from fakecri.core.shell.variables import MAX_LENGTH


class Taking:
    """Bytes that are being read, up to a delimiter or a number of them."""

    __slots__ = ("_count", "_delimiter", "_raw", "escaped", "taken")

    def __init__(self, delimiter: bytes, *, count: int = 0, raw: bool = True) -> None:
        """`count`: no more bytes than that, if it is above 0. Not `raw`: a backslash escapes."""
        self._delimiter = delimiter
        self._count = count
        self._raw = raw
        self.taken = bytearray()
        self.escaped: set[int] = set()
        """Places of bytes that a backslash has quoted."""

    def offer(self, chunk: bytes) -> int | None:
        """Take from a chunk; return how much of it, where that was the end."""
        if len(self.taken) > MAX_LENGTH:
            raise OutOfMemoryError
        escapes = not self._raw and (b"\\" in chunk or self.taken.endswith(b"\\"))
        if not (self._count or escapes):
            end = chunk.find(self._delimiter) if self._delimiter else -1
            self.taken += chunk[:end] if end >= 0 else chunk
            return end + 1 if end >= 0 else None
        position = 0
        while position < len(chunk):
            byte = chunk[position : position + 1]
            position += 1
            if (
                not self._raw
                and self.taken.endswith(b"\\")
                and len(self.taken) - 1 not in self.escaped
            ):
                self.taken.pop()
                if byte != b"\n":
                    self.escaped.add(len(self.taken))
                    self.taken += byte
            elif byte == self._delimiter:
                return position
            else:
                self.taken += byte
            if self._count and len(self.taken) >= self._count:
                return position
        return None


def take(reader: Reader, taking: Taking) -> Waits[bool]:
    """Read until it is done; False where the input ended before."""
    while True:
        chunk = yield from reader.read()
        if not chunk:
            return False
        used = taking.offer(chunk)
        if used is not None:
            reader.unread(chunk[used:])
            return True


def take_within(shell: Shell, reader: Reader, taking: Taking, seconds: float | None) -> Waits[str]:
    """Read as `take` does: `done`, `ended`, `late` or `interrupted`."""
    outcome: list[bool] = []

    def reading() -> Waits[None]:
        outcome.append((yield from take(reader, taking)))

    if seconds is not None:
        scheduler = shell.process.scheduler
        task = Task(scheduler, reading())
        task.step()
        try:
            if not task.done:
                yield from first_of(scheduler, task, scheduler.sleep(round(seconds * SECOND_NS)))
        finally:
            if not task.done:
                task.drop()
        if not task.done:
            return "late"
    elif not (yield from interruptible(shell, reading())):
        return "interrupted"
    return "done" if outcome[0] else "ended"


def read_line(shell: Shell) -> Waits[str | None]:
    """Read a line as it is; None at the end of the input."""
    taking = Taking(b"\n")
    complete = yield from take(shell.descriptors.stdin, taking)
    if not complete and not taking.taken:
        return None
    return taking.taken.decode("latin-1")
