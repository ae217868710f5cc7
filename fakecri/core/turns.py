"""Whose turn it is, where only so many go on at a time: first come, first served."""

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

from fakecri.core.scheduler import Future, Scheduler, Waits


class Turns:
    """Places that are given to those who wait for one in the order of their coming."""

    def __init__(self, scheduler: Scheduler, places: int = 1) -> None:
        self._scheduler = scheduler
        self._places = places
        self._free = places
        self._waiting: deque[Future[None]] = deque()

    @property
    def taken(self) -> bool:
        """Whether anybody has a place."""
        return self._free < self._places

    @property
    def full(self) -> bool:
        """Whether whoever comes now has to wait."""
        return self._free == 0

    def wait(self) -> Waits[None]:
        """Wait until it is the caller's turn; `end` ends that."""
        if self._free:
            self._free -= 1
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
            self._free += 1

    @contextmanager
    def ending(self) -> Iterator[None]:
        """End the turn that was waited for, whatever happens."""
        try:
            yield
        finally:
            self.end()
