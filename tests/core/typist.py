"""A simulated terminal with nobody but a test at its ends."""

from collections.abc import Iterable

from fakecri.core.pipes import Outlet
from fakecri.core.scheduler import Scheduler, Task
from fakecri.core.terminals import Terminal


class Typist:
    """Types at a terminal, sees what is shown, and reads what processes would."""

    def __init__(self, on: Iterable[str] = (), off: Iterable[str] = ()) -> None:
        self.scheduler = Scheduler(0)
        self.terminal = Terminal(self.scheduler, Outlet(self._show, "stdout"))
        self.terminal.configure(self.terminal.settings.having(on, off))
        self._shown = b""

    def _show(self, _: str, output: bytes) -> None:
        self._shown += output

    def type(self, chunk: bytes) -> bytes:
        """Type something; return what is shown."""
        self.terminal.feed(chunk)
        return self.seen()

    def seen(self) -> bytes:
        """Return what is shown since the last time."""
        taken, self._shown = self._shown, b""
        return taken

    def read(self) -> Task[bytes]:
        """Begin to read."""
        task = Task(self.scheduler, self.terminal.read())
        task.step()
        return task

    def lines(self) -> list[bytes]:
        """Return all that reads give before one would wait."""
        found = []
        while self.terminal.has_input and not self.terminal.closed:
            found.append(self.read().result())
        return found
