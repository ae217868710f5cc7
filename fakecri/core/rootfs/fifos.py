"""Open named pipes: who opens one end waits for the other."""

import errno
from collections.abc import Callable

from fakecri.core.paths import path_error
from fakecri.core.pipes import PIPE_SIZE
from fakecri.core.rootfs.channels import Channel
from fakecri.core.rootfs.opened import Opened
from fakecri.core.rootfs.stats import Stat
from fakecri.core.scheduler import Waits


class OpenedFifo(Opened):
    """One end of a named pipe, or both."""

    __slots__ = ("_channel", "_ends", "_since")

    def __init__(self, path: str, stat: Callable[[], Stat], channel: Channel, ends: str) -> None:
        super().__init__(path, stat)
        self._channel = channel
        self._ends = ends
        channel.enter(ends)
        other = {"r": "w", "w": "r"}.get(ends, "")
        # Who is there already has come, for us.
        self._since = channel.came[other] - channel.open_ends[other] if other else 0

    def met(self) -> Waits[None]:
        """Wait until the other end has been opened, as open(2) does."""
        other = {"r": "w", "w": "r"}.get(self._ends)
        while other and self._channel.came[other] <= self._since:
            yield from self._channel.changed()

    def read(self) -> Waits[bytes]:
        """Return the next chunk; `b""` when the last writer has closed."""
        if "r" not in self._ends:
            raise path_error(errno.EBADF, self.path)
        yield from self.met()
        while not (chunk := self._channel.take()):
            if not self._channel.open_ends["w"]:
                break
            yield from self._channel.changed()
        return chunk

    def unread(self, chunk: bytes) -> None:
        """Put it back."""
        self._channel.put(chunk, first=True)

    def write(self, output: bytes) -> None:
        """Put it in. BrokenPipeError where the readers have left."""
        if "w" not in self._ends:
            raise path_error(errno.EBADF, self.path)
        if not self._channel.open_ends["r"] and self._channel.came["r"] > self._since:
            raise BrokenPipeError
        self._channel.put(output)

    def room(self) -> Waits[None]:
        """Wait for a reader, and until the pipe is not full."""
        yield from self.met()
        while self._channel.held >= PIPE_SIZE and self._channel.open_ends["r"]:
            yield from self._channel.changed()

    def _close(self) -> None:
        self._channel.leave(self._ends)
