"""What is bound to a port: listeners of TCP, and UDP sockets."""

import errno
from collections import deque
from collections.abc import Callable
from typing import Protocol

from fakecri.core.net.connections import Address, Connection
from fakecri.core.scheduler import Future, Scheduler, Waits

BACKLOG = 511
"""Connections that nobody has accepted yet; the next ones are refused."""
DATAGRAMS = 1024
"""Datagrams that nobody has received yet; the next ones are lost."""

Gone = Callable[[], None]


class Bound(Protocol):
    """A socket with a port of its own."""

    protocol: str
    address: str
    port: int
    closed: bool

    def close(self) -> None:
        """Free the port."""


class Listener:
    """A TCP port on which connections arrive."""

    __slots__ = (
        "_adopt",
        "_arrived",
        "_gone",
        "_scheduler",
        "_waiting",
        "address",
        "closed",
        "port",
    )

    protocol = "tcp"

    def __init__(
        self,
        scheduler: Scheduler,
        address: str,
        port: int,
        *,
        adopt: Callable[[Connection], None],
        gone: Gone,
    ) -> None:
        """An empty `address` is every one of the namespace; `adopt` is told what was accepted."""
        self._adopt = adopt
        self.address = address
        self.port = port
        self.closed = False
        self._gone = gone
        self._scheduler = scheduler
        self._waiting: deque[Connection] = deque()
        self._arrived: Future[None] = Future(scheduler)

    def accept(self) -> Waits[Connection]:
        """Wait for the next connection. OSError where the listener is closed."""
        while not self._waiting:
            if self.closed:
                raise OSError(errno.EINVAL, "Invalid argument")
            self._arrived = Future(self._scheduler)
            yield from self._arrived
        connection = self._waiting.popleft()
        self._adopt(connection)
        return connection

    @property
    def full(self) -> bool:
        """Whether too many connections wait to be accepted."""
        return len(self._waiting) >= BACKLOG

    def arrive(self, connection: Connection) -> None:
        """Take the server's end of a new connection."""
        self._waiting.append(connection)
        self._arrived.set_result(None)

    def close(self) -> None:
        """Free the port; who was not accepted gets a reset."""
        if self.closed:
            return
        self.closed = True
        while self._waiting:
            self._waiting.popleft().abort()
        self._arrived.set_result(None)
        self._gone()


class Datagrams:
    """A UDP socket."""

    __slots__ = (
        "_arrived",
        "_gone",
        "_received",
        "_refused",
        "_scheduler",
        "_send",
        "address",
        "closed",
        "outward",
        "port",
        "remote",
    )

    protocol = "udp"

    def __init__(
        self,
        scheduler: Scheduler,
        address: str,
        port: int,
        *,
        send: "Callable[[Datagrams, bytes, Address], bool]",
        gone: Gone,
    ) -> None:
        """`send` returns whether somebody could have got it."""
        self.address = address
        self.port = port
        self.closed = False
        self.remote: Address | None = None
        """Where it is connected to, if it is."""
        self.outward: Callable[[bytes, Address], bool] | None = None
        """Takes what is for a real client, and says whether it was."""
        self._refused = False
        self._send = send
        self._gone = gone
        self._scheduler = scheduler
        self._received: deque[tuple[bytes, Address]] = deque()
        self._arrived: Future[None] = Future(scheduler)

    def connect(self, address: str, port: int) -> None:
        """From now on send there, and hear of it where nobody listens."""
        self.remote = (address, port)

    def send(self, payload: bytes, to: Address | None = None) -> None:
        """Send a datagram to `to`, or to where the socket is connected to.

        ConnectionRefusedError where an earlier one came back as undeliverable.
        """
        self._raise_refusal()
        remote = to or self.remote
        if remote is None:
            raise OSError(errno.EDESTADDRREQ, "Destination address required")
        if self.outward is not None and self.outward(payload, remote):
            return
        if not self._send(self, payload, remote) and self.remote is not None:
            self._refused = True
            self._arrived.set_result(None)

    def receive(self) -> Waits[tuple[bytes, Address]]:
        """Wait for a datagram; return it and where it came from."""
        while not self._received:
            self._raise_refusal()
            if self.closed:
                raise OSError(errno.EBADF, "Bad file descriptor")
            self._arrived = Future(self._scheduler)
            yield from self._arrived
        return self._received.popleft()

    def _raise_refusal(self) -> None:
        refused, self._refused = self._refused, False
        if refused:
            raise ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused")

    def arrive(self, payload: bytes, source: Address) -> None:
        """Take a datagram, unless too many wait already."""
        if len(self._received) < DATAGRAMS:
            self._received.append((payload, source))
            self._arrived.set_result(None)

    def close(self) -> None:
        """Free the port."""
        if self.closed:
            return
        self.closed = True
        self._arrived.set_result(None)
        self._gone()
