"""Gates, which hold calls until they are released, and queues, which let one go on at a time."""

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

from fakecri.core.scheduler import Future, Scheduler, Waits

if TYPE_CHECKING:
    from fakecri.core.pipeline import Call


class Gate:
    """Holds the calls that come to it, first in first out."""

    def __init__(self, name: str, scheduler: Scheduler, on_change: Callable[[], None]) -> None:
        self.name = name
        self.arrived = 0
        """How many calls ever came."""
        self.most = 0
        """How many it ever held at the same time."""
        self.is_open = False
        """Whether calls go through: it was opened for good."""
        self._scheduler = scheduler
        self._on_change = on_change
        self._held: deque[tuple[Call, Future[None]]] = deque()

    @property
    def waiting(self) -> int:
        """How many calls it holds."""
        return len(self._held)

    def hold(self, call: "Call") -> Waits[None]:
        """Wait until the call is released."""
        self.arrived += 1
        if not self.is_open:
            held = (call, Future[None](self._scheduler))
            self._held.append(held)
            self.most = max(self.most, len(self._held))
            self._on_change()
            try:
                yield from held[1]
            finally:
                if held in self._held:  # its client has gone
                    self._held.remove(held)
                    self._on_change()
            call.stir()
        else:
            self._on_change()

    def release(self, number: int | None = None) -> int:
        """Let calls go on, the first `number` or all; return how many those are."""
        count = len(self._held) if number is None else min(number, len(self._held))
        for _ in range(count):
            _, future = self._held.popleft()
            future.set_result(None)
        self._on_change()
        return count

    def open(self) -> None:
        """Let all calls go on, those that are still to come too."""
        self.is_open = True
        self.release()


class Gates:
    """All gates of a runtime, by their names; one is there as soon as it is asked for."""

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler
        self._gates: dict[str, Gate] = {}
        self.on_change: Callable[[], None] = _nobody
        """Told whenever a call arrives or goes on."""

    def __getitem__(self, name: str) -> Gate:
        gate = self._gates.get(name)
        if gate is None:
            gate = Gate(name, self._scheduler, self._changed)
            self._gates[name] = gate
        return gate

    def _changed(self) -> None:
        self.on_change()

    def names(self) -> list[str]:
        """Return the names of the gates so far, in the order in which they came up."""
        return list(self._gates)

    def unused_name(self) -> str:
        """Return a name that no gate has."""
        number = len(self._gates) + 1
        while f"gate_{number}" in self._gates:
            number += 1
        return f"gate_{number}"


def _nobody() -> None:
    """Nobody listens."""
