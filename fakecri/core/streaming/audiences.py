"""What a container writes: it goes to its log, and to all who are attached."""

from typing import Protocol

from fakecri.core.records import Container
from fakecri.core.scheduler import Waits


class Listener(Protocol):
    """One who is attached."""

    def hear(self, stream: str, output: bytes) -> None:
        """Take what was written to `stdout` or `stderr`."""

    def room(self) -> Waits[None]:
        """Wait until it has taken enough for more."""


class Audience:
    """One of the outputs of a container: a Sink."""

    __slots__ = ("_container", "_stream")

    def __init__(self, container: Container, stream: str) -> None:
        self._container = container
        self._stream = stream

    def write(self, output: bytes) -> None:
        """Let everybody have it."""
        self._container.log.write(self._stream, output)
        for each in tuple(self._container.listeners):
            each.hear(self._stream, output)

    def room(self) -> Waits[None]:
        """Wait until the slowest has taken enough; one who leaves meanwhile is waited for no more.

        The log always has room.
        """
        for each in tuple(self._container.listeners):
            yield from each.room()
