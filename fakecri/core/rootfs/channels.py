"""What a named pipe holds, and who has it open."""

from collections import deque

from fakecri.core.scheduler import Future, Scheduler, Waits


class Channel:
    """What is shared by all who have a FIFO open."""

    __slots__ = ("_changed", "_chunks", "came", "held", "open_ends", "scheduler")

    def __init__(self, scheduler: Scheduler) -> None:
        self.scheduler = scheduler
        self.open_ends = {"r": 0, "w": 0}
        self.came = {"r": 0, "w": 0}
        """How often each end was opened at all."""
        self.held = 0
        self._chunks: deque[bytes] = deque()
        self._changed: Future[None] = Future(scheduler)

    def changed(self) -> Waits[None]:
        """Wait until anything changes."""
        if self._changed.done:
            self._changed = Future(self.scheduler)
        yield from self._changed

    def enter(self, ends: str) -> None:
        """Open ends."""
        for end in ends:
            self.open_ends[end] += 1
            self.came[end] += 1
        self._changed.set_result(None)

    def leave(self, ends: str) -> None:
        """Close ends; what nobody can read any more is lost."""
        for end in ends:
            self.open_ends[end] -= 1
        if not self.open_ends["r"] and self.came["r"]:
            self._chunks.clear()
            self.held = 0
        self._changed.set_result(None)

    def put(self, chunk: bytes, *, first: bool = False) -> None:
        """Add what was written, or was read too much."""
        if not chunk:
            return
        if first:
            self._chunks.appendleft(chunk)
        else:
            self._chunks.append(chunk)
        self.held += len(chunk)
        self._changed.set_result(None)

    def take(self) -> bytes:
        """Return the next chunk; `b""` where there is none."""
        if not self._chunks:
            return b""
        chunk = self._chunks.popleft()
        self.held -= len(chunk)
        self._changed.set_result(None)
        return chunk
