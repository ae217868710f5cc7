"""What is spoken on a connection: bytes that come, and bytes that are to go."""

from typing import Protocol


class Conversation(Protocol):
    """One side of a connection, without a socket. Whoever calls has the world to themselves.

    Whatever is behind it tells of changes through the session's `watcher`, which is whose the
    connection is: then it takes, and looks at the flags again.
    """

    def feed(self, content: bytes) -> None:
        """Take bytes of the client."""

    def take(self) -> bytes:
        """Return what is to be sent next, some 64 KiB; nothing: there is nothing now."""

    def hang_up(self, reason: str = "client") -> None:
        """The connection is gone. Harmless when it has ended."""

    @property
    def full(self) -> bool:
        """Whether no more is to be read for now."""

    @property
    def ended(self) -> bool:
        """Whether nothing comes after what can be taken: then the connection is closed."""

    @property
    def cut(self) -> bool:
        """Whether the connection is to be broken off at once."""

    @property
    def is_forming(self) -> bool:
        """Whether the client is expected to say more in a moment, so that time does not leap."""

    @property
    def waits(self) -> bool:
        """Whether the client can do nothing but wait, so that time may leap."""
