# ruff: noqa: ARG002  # what a kind of file cannot do it refuses, whatever it is told
"""Open files, at positions of their own: regular ones, and the streams of a process."""

import errno
from collections.abc import Callable

from fakecri.core.paths import path_error
from fakecri.core.pipes import Reader, Sink
from fakecri.core.rootfs.nodes import CHUNK, Handle
from fakecri.core.rootfs.stats import Stat
from fakecri.core.scheduler import Waits


class Opened:
    """An open file. Reading what is open for writing only, or the reverse, is EBADF."""

    __slots__ = ("closed", "path", "stat")

    def __init__(self, path: str, stat: Callable[[], Stat]) -> None:
        self.path = path
        self.stat = stat
        self.closed = False

    def read(self) -> Waits[bytes]:
        """Return the next chunk; `b""` at the end."""
        yield from ()
        raise path_error(errno.EBADF, self.path)

    def unread(self, chunk: bytes) -> None:
        """Give back what was read and not used."""

    def write(self, output: bytes) -> None:
        """Write all of it."""
        raise path_error(errno.EBADF, self.path)

    def room(self) -> Waits[None]:
        """Wait until there is room."""
        yield from ()

    def seek(self, position: int) -> None:
        """Go on from a position."""
        raise path_error(errno.ESPIPE, self.path)

    def truncate(self, size: int) -> None:
        """Cut or extend it."""
        raise path_error(errno.EINVAL, self.path)

    def close(self) -> None:
        """Close; a second time is harmless."""
        if not self.closed:
            self.closed = True
            self._close()

    def _close(self) -> None:
        """Let go of what it held."""


class OpenedFile(Opened):
    """A regular file."""

    __slots__ = ("_handle", "_may", "position")

    def __init__(self, path: str, stat: Callable[[], Stat], handle: Handle, may: str) -> None:
        """`may` is of `r`, `w` and `a`."""
        super().__init__(path, stat)
        self._handle = handle
        self._may = may
        self.position = 0

    def read(self) -> Waits[bytes]:
        """Return the next chunk, at once."""
        yield from ()
        return self.read_now(CHUNK)

    def read_now(self, count: int) -> bytes:
        """Return up to `count` bytes."""
        if self.closed or "r" not in self._may:
            raise path_error(errno.EBADF, self.path)
        try:
            chunk = self._handle.read_at(self.position, count)
        except OSError as error:
            raise path_error(error.errno or errno.EIO, self.path) from None
        self.position += len(chunk)
        return chunk

    def unread(self, chunk: bytes) -> None:
        """Step back."""
        self.position -= len(chunk)

    def write(self, output: bytes) -> None:
        """Write at the position, or at the end if it was opened to append."""
        if self.closed or not set(self._may) & {"w", "a"}:
            raise path_error(errno.EBADF, self.path)
        if "a" in self._may:
            self.position = self._handle.size()
        try:
            self._handle.write_at(self.position, output)
        except OSError as error:
            raise path_error(error.errno or errno.EIO, self.path) from None
        self.position += len(output)

    def seek(self, position: int) -> None:
        """Go on from a position."""
        if position < 0:
            raise path_error(errno.EINVAL, self.path)
        self.position = position

    def truncate(self, size: int) -> None:
        """Cut or extend it."""
        if size < 0 or not set(self._may) & {"w", "a"}:
            raise path_error(errno.EINVAL, self.path)
        self._handle.resize(size)

    def _close(self) -> None:
        self._handle.close()


class OpenedStream(Opened):
    """A stream of a process, opened once more by its name: /dev/stdin, /proc/self/fd/1."""

    __slots__ = ("_reader", "_sink")

    def __init__(
        self, path: str, stat: Callable[[], Stat], reader: Reader | None, sink: Sink | None
    ) -> None:
        super().__init__(path, stat)
        self._reader = reader
        self._sink = sink

    @property
    def behind(self) -> Reader | Sink | None:
        """What it was opened as."""
        return self._reader or self._sink

    def read(self) -> Waits[bytes]:
        """Return the next chunk of the stream."""
        if self._reader is None:
            raise path_error(errno.EBADF, self.path)
        return self._reader.read()

    def unread(self, chunk: bytes) -> None:
        """Give back what was read and not used."""
        if self._reader is not None:
            self._reader.unread(chunk)

    def write(self, output: bytes) -> None:
        """Write to the stream."""
        if self._sink is None:
            raise path_error(errno.EBADF, self.path)
        self._sink.write(output)

    def room(self) -> Waits[None]:
        """Wait until there is room."""
        if self._sink is not None:
            yield from self._sink.room()
