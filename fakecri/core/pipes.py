"""Byte streams between processes: what is read from, what is written to, and pipes."""

from collections import deque
from collections.abc import Callable
from typing import Protocol

from fakecri.core.scheduler import Future, Scheduler, Waits

PIPE_SIZE = 65_536
"""Bytes that a pipe holds before a writer that asks for room has to wait."""


class Reader(Protocol):
    """What a process reads from."""

    def read(self) -> Waits[bytes]:
        """Wait for the next chunk; `b""` at the end."""

    def unread(self, chunk: bytes) -> None:
        """Give back what was read and not used."""


class Sink(Protocol):
    """What a process writes to."""

    def write(self, output: bytes) -> None:
        """Take all of it. Raises BrokenPipeError where nobody will ever read it, or OSError."""

    def room(self) -> Waits[None]:
        """Wait until there is room for more."""


class Nowhere:
    """A sink for what nobody wants."""

    __slots__ = ()

    def write(self, output: bytes) -> None:
        """Drop it."""

    def room(self) -> Waits[None]:
        """There always is."""
        yield from ()


class Outlet:
    """One of two streams that somebody takes at once, however much it is."""

    __slots__ = ("_output", "_stream")

    def __init__(self, output: Callable[[str, bytes], None], stream: str) -> None:
        self._output = output
        self._stream = stream

    def write(self, output: bytes) -> None:
        self._output(self._stream, output)

    def room(self) -> Waits[None]:
        return
        yield


class Stdin:
    """Bytes that a process has not read yet. At the end of input a read gives `b""`."""

    __slots__ = ("_arrived", "_chunks", "_drained", "_scheduler", "closed", "held")

    def __init__(self, scheduler: Scheduler, *, closed: bool) -> None:
        self.closed = closed
        self.held = 0
        """Bytes that nobody has read yet."""
        self._scheduler = scheduler
        self._chunks: deque[bytes] | None = None  # most processes never get any
        self._arrived: Future[None] | None = None
        self._drained: Future[None] | None = None

    @property
    def full(self) -> bool:
        """Whether it is so much that a writer should wait."""
        return self.held >= PIPE_SIZE

    @property
    def awaited(self) -> bool:
        """Whether somebody waits for input."""
        return self._arrived is not None and not self._arrived.done

    def drained(self) -> Future[None]:
        """Return what is done when it is not full any more."""
        if self._drained is None or self._drained.done:
            self._drained = Future(self._scheduler)
        return self._drained

    def feed(self, chunk: bytes) -> None:
        """Add input."""
        if chunk:  # an empty one would read as the end
            self._chunks = self._chunks or deque()
            self._chunks.append(chunk)
            self.held += len(chunk)
            self._wake()

    def close(self) -> None:
        """No more input will come."""
        self.closed = True
        self._wake()

    def _wake(self) -> None:
        if self._arrived is not None:
            self._arrived.set_result(None)

    def read(self) -> Waits[bytes]:
        """Wait for the next chunk; `b""` at the end."""
        while not self._chunks and not self.closed:
            if self._arrived is None or self._arrived.done:
                self._arrived = Future(self._scheduler)
            yield from self._arrived
        return self._taken(self._chunks) if self._chunks else b""

    def _taken(self, chunks: deque[bytes]) -> bytes:
        chunk = chunks.popleft()
        self.held -= len(chunk)
        if self._drained is not None and not self.full:
            self._drained.set_result(None)
        return chunk

    def unread(self, chunk: bytes) -> None:
        """Give back what was read and not used."""
        if chunk:
            self._chunks = self._chunks or deque()
            self._chunks.appendleft(chunk)
            self.held += len(chunk)


class Pipe:
    """A pipe(2): what is written comes out in order; each end may have several holders."""

    __slots__ = ("_stdin", "readers", "writers")

    def __init__(self, scheduler: Scheduler) -> None:
        """The maker holds both ends, once."""
        self.readers = 1
        self.writers = 1
        self._stdin = Stdin(scheduler, closed=False)

    def write(self, output: bytes) -> None:
        """Put it in, however much it is. BrokenPipeError where no reader is left."""
        if not self.readers:
            raise BrokenPipeError
        self._stdin.feed(output)

    def room(self) -> Waits[None]:
        """Wait until the pipe is not full, or nobody reads it any more."""
        while self._stdin.full and self.readers:
            yield from self._stdin.drained()

    def read(self) -> Waits[bytes]:
        """Wait for the next chunk; `b""` when the last writer has closed."""
        return self._stdin.read()

    def unread(self, chunk: bytes) -> None:
        """Give back what was read and not used."""
        self._stdin.unread(chunk)

    def close_reader(self) -> None:
        """One holder of the reading end lets go of it."""
        self.readers -= 1
        if not self.readers:
            self._stdin.drained().set_result(None)

    def close_writer(self) -> None:
        """One holder of the writing end lets go of it."""
        self.writers -= 1
        if not self.writers:
            self._stdin.close()
