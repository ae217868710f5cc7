"""Whose turn it is: at any time one request, at most, is with the plugins."""

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

from fakecri.core.scheduler import Future, Scheduler, Waits


class Turns:
    """A lock that is given to those who wait for it in the order of their coming."""

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler
        self._waiting: deque[Future[None]] = deque()
        self.taken = False

    def wait(self) -> Waits[None]:
        """Wait until it is the caller's turn; `end` ends that."""
        if not self.taken:
            self.taken = True
            return
        turn: Future[None] = Future(self._scheduler)
        self._waiting.append(turn)
        try:
            yield from turn
        except BaseException:
            # Whoever is called off while waiting lets the next one have it.
            if turn.done:
                self.end()
            else:
                self._waiting.remove(turn)
            raise

    def end(self) -> None:
        """Let the next one have it."""
        if self._waiting:
            self._waiting.popleft().set_result(None)
        else:
            self.taken = False

    @contextmanager
    def ending(self) -> Iterator[None]:
        """End the turn that was waited for, whatever happens."""
        try:
            yield
        finally:
            self.end()
