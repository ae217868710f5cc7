"""What clients share whose connection has been upgraded, whatever is spoken on it then."""

from __future__ import annotations

import select
import socket
import ssl
from abc import ABC, abstractmethod
from struct import pack
from typing import TYPE_CHECKING

from fakecri.contexts import UntilLeft
from tests.streaming.http_client import CHUNK, TIMEOUT_S

if TYPE_CHECKING:
    from tests.streaming.http_client import Answer


class RefusalError(Exception):
    """The server has not switched protocols; `answer` says why."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer)
        self.answer = answer


class HungUp(UntilLeft, ABC):
    """A client that is gone when its context is left."""

    @abstractmethod
    def hang_up(self) -> None:
        """Be gone without a word."""

    def _left(self, _error: BaseException | None) -> None:
        self.hang_up()


class Upgraded(HungUp):
    """A connection that has been upgraded."""

    def __init__(self, opened: socket.socket) -> None:
        self.closed = False
        """Whether the server has closed the TCP connection."""
        self._socket = opened

    @abstractmethod
    def receive(self) -> None:
        """Wait for the next bytes, and take them in."""

    def send_raw(self, content: bytes | memoryview) -> None:
        """Send bytes as they are; what comes while the server does not read is kept."""
        if isinstance(self._socket, ssl.SSLSocket):
            self._socket.sendall(content)
            return
        rest = memoryview(content)
        while rest:
            readable, writable, _ = select.select(
                [] if self.closed else [self._socket], [self._socket], [], TIMEOUT_S
            )
            if writable:
                rest = rest[self._socket.send(rest[:CHUNK]) :]
            elif readable:
                self.receive()
            else:
                raise TimeoutError("the server does not read")

    def hang_up(self) -> None:
        """Close the TCP connection, without a word."""
        self._socket.close()

    def abort(self) -> None:
        """Close it such that the server sees a reset."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, pack("ii", 1, 0))
        self._socket.close()
