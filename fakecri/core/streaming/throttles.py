"""What a session sends, at so many bytes of output a second."""

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

from fakecri.core.scheduler import SECOND_NS, Scheduler, Timer

if TYPE_CHECKING:
    from fakecri.core.streaming.stages import Way

_STEPS = 10
"""How often a second something comes, where that is not less than a byte."""


class Throttle:
    """Lets parcels pass in pieces, a piece at a time. The first piece waits for its time too."""

    def __init__(
        self, scheduler: Scheduler, rate: int, rest: "Way", weigh: Callable[[int], None]
    ) -> None:
        """`weigh` is told how many bytes more, or less, wait here."""
        self._scheduler = scheduler
        self._rate = rate
        self._piece = max(1, rate // _STEPS)
        self._rest = rest
        self._weigh = weigh
        self._waiting: deque[tuple[str, bytes, bool]] = deque()
        self._reason: str | None = None
        self._timer: Timer | None = None

    def put(self, channel: str, content: bytes, *, ends: bool) -> None:
        """Take a parcel."""
        piece = len(content) or 1 if _is_free(channel) else self._piece
        for start in range(0, len(content), piece):
            self._waiting.append((channel, content[start : start + piece], False))
        if ends:
            self._waiting.append((channel, b"", True))
        self._weigh(len(content))
        self._go_on()

    def finish(self, reason: str) -> None:
        """Nothing comes behind what was put."""
        self._reason = reason
        self._go_on()

    @property
    def owes(self) -> bool:
        """Whether there is something that waits for its time."""
        return bool(self._waiting)

    def close(self) -> None:
        """Nobody wants it any more."""
        self._waiting.clear()
        self._reason = None
        if self._timer is not None:
            self._timer.cancel()

    def _go_on(self) -> None:
        """Let pass what costs no time, and wait for the next piece."""
        if self._timer is not None:
            return
        while self._waiting and not self._span_ns():
            self._pass()
        if self._waiting:
            self._timer = self._scheduler.after(self._span_ns(), self._due)
        elif self._reason is not None:
            reason, self._reason = self._reason, None
            self._rest.finish(reason)

    def _span_ns(self) -> int:
        """How long the next piece takes."""
        channel, content, _ = self._waiting[0]
        return 0 if _is_free(channel) else len(content) * SECOND_NS // self._rate

    def _due(self) -> None:
        self._timer = None
        self._pass()
        self._go_on()

    def _pass(self) -> None:
        channel, content, ends = self._waiting.popleft()
        self._weigh(-len(content))
        self._rest.put(channel, content, ends=ends)


def _is_free(channel: str) -> bool:
    """Whether it carries no output, but how that ends."""
    return channel.startswith("error")
