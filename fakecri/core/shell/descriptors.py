"""Open files by their numbers, shared between shells and what they start."""

import errno
from collections.abc import Callable

from fakecri.core.pipes import Pipe, Reader, Sink
from fakecri.core.processes import Process
from fakecri.core.scheduler import Waits
from fakecri.core.terminals import Terminal, terminal_of
from fakecri.core.views import OpenFile


class Nothing:
    """`/dev/null`."""

    __slots__ = ()

    def read(self) -> Waits[bytes]:
        """Be at the end."""
        yield from ()
        return b""

    def unread(self, chunk: bytes) -> None:
        """Forget it."""

    def write(self, output: bytes) -> None:
        """Forget it."""

    def room(self) -> Waits[None]:
        """There always is."""
        yield from ()


class Closed:
    """What a process has that was given no open file."""

    __slots__ = ()

    def read(self) -> Waits[bytes]:
        """Be at the end."""
        yield from ()
        return b""

    def unread(self, chunk: bytes) -> None:
        """Forget it."""

    def write(self, _output: bytes) -> None:
        """Refuse it."""
        raise OSError(errno.EBADF, "Bad file descriptor")

    def room(self) -> Waits[None]:
        """There always is."""
        yield from ()


class Literal:
    """A file that was never on any disk: a here-document."""

    __slots__ = ("_chunks",)

    def __init__(self, content: bytes) -> None:
        self._chunks = [content] if content else []

    def read(self) -> Waits[bytes]:
        """Return what is left."""
        yield from ()
        return self._chunks.pop() if self._chunks else b""

    def unread(self, chunk: bytes) -> None:
        """Give back what was read and not used."""
        if chunk:
            self._chunks.append(chunk)


NOTHING = Nothing()
CLOSED = Closed()


class Descriptor:
    """An open file; it is closed when its last holder lets go of it."""

    __slots__ = ("_close", "_holders", "reader", "sink")

    def __init__(
        self,
        reader: Reader | None = None,
        sink: Sink | None = None,
        close: Callable[[], None] | None = None,
    ) -> None:
        """Nobody holds it yet."""
        self.reader = reader
        self.sink = sink
        self._close = close
        self._holders = 0

    def hold(self) -> "Descriptor":
        """One more has it open."""
        self._holders += 1
        return self

    def release(self) -> None:
        """One less has it open."""
        self._holders -= 1
        if not self._holders and self._close is not None:
            self._close()


class Descriptors:
    """The table of a process."""

    __slots__ = ("_table",)

    def __init__(self) -> None:
        self._table: dict[int, Descriptor] = {}

    @classmethod
    def of(cls, process: Process) -> "Descriptors":
        """Return what a process was started with."""
        table = cls()
        table.put(0, Descriptor(reader=process.stdin, sink=process.stdout))
        table.put(1, Descriptor(reader=process.stdin, sink=process.stdout))
        table.put(2, Descriptor(reader=process.stdin, sink=process.stderr))
        return table

    def find(self, number: int) -> Descriptor | None:
        """Return what is open at a number."""
        return self._table.get(number)

    def put(self, number: int, descriptor: Descriptor | None) -> None:
        """Open it at a number, in place of what was there; None closes."""
        before = self._table.pop(number, None)
        if descriptor is not None:
            self._table[number] = descriptor.hold()
        if before is not None:
            before.release()

    def copy(self) -> "Descriptors":
        """What a child has."""
        copied = Descriptors()
        for number, descriptor in self._table.items():
            copied.put(number, descriptor)
        return copied

    def close(self) -> None:
        """Close all."""
        table, self._table = self._table, {}
        for descriptor in table.values():
            descriptor.release()

    @property
    def stdin(self) -> Reader:
        """What is read from."""
        found = self._table.get(0)
        return CLOSED if found is None or found.reader is None else found.reader

    def sink(self, number: int) -> Sink:
        """What is written to."""
        found = self._table.get(number)
        return CLOSED if found is None or found.sink is None else found.sink

    def terminal(self, number: int) -> Terminal | None:
        """Return the terminal that is open at a number."""
        found = self._table.get(number)
        return None if found is None else terminal_of(found.sink if number else found.reader)

    def attach(self, process: Process) -> None:
        """Let a process have it as its own."""
        process.stdin = self.stdin
        process.stdout = self.sink(1)
        process.stderr = self.sink(2)


def of_file(file: OpenFile) -> Descriptor:
    """Return a file of a View, opened."""
    return Descriptor(reader=file, sink=file, close=file.close)


def ends_of(pipe: Pipe) -> tuple[Descriptor, Descriptor]:
    """Return what reads from a pipe, and what writes to it."""
    return (
        Descriptor(reader=pipe, close=pipe.close_reader),
        Descriptor(sink=pipe, close=pipe.close_writer),
    )
