"""Real sockets that are bound to an address of this machine's loopback, and to no other."""

import asyncio
import errno
import socket
import struct
from collections.abc import Callable
from contextlib import suppress
from ipaddress import ip_address

from fakecri.core.net.connections import Address
from fakecri.errors import UsageError

BACKLOG = 1024
AT_ONCE = 64
"""How many connections or datagrams are taken before others have their turn."""
DATAGRAM_SIZE = 65_535

RESET = struct.pack("ii", 1, 0)
"""To linger for no time: close(2) sends a reset."""


def bind(kind: socket.SocketKind, address: str, port: int) -> socket.socket:
    """Return a socket bound to a loopback address: the only place where one is bound.

    UsageError for any other address; OSError where the machine does not give it.
    """
    if not ip_address(address).is_loopback:
        raise UsageError(f"{address} is no loopback address: nothing listens there")
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    bound = socket.socket(family, kind)
    try:
        bound.setblocking(False)
        if kind is socket.SOCK_STREAM:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((address, port))
    except OSError:
        bound.close()
        raise
    return bound


def reset(connection: socket.socket) -> None:
    """Close a connection such that its client sees a reset."""
    with suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    connection.close()


class TcpDoor:
    """A TCP port: while it is shut, who connects is refused."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        address: str,
        port: int,
        welcome: Callable[[socket.socket, Address], None],
    ) -> None:
        """`welcome` gets each connection, and where it is from, on the loop."""
        self.address = address
        self.port = port
        self.listening = False
        self._socket = bind(socket.SOCK_STREAM, address, port)
        self._loop = loop
        self._welcome = welcome

    def listen(self) -> None:
        """Take connections, from now on."""
        if not self.listening:
            self._socket.listen(BACKLOG)
            self.listening = True
            _soon(self._loop, self._watch)

    def shut(self) -> None:
        """Refuse connections, at once; the port stays ours."""
        if self.listening:
            self.listening = False
            with suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)
            _soon(self._loop, self._unwatch)

    def close(self) -> None:
        """Give the port back."""
        self.shut()
        _soon(self._loop, self._close)

    def _watch(self) -> None:
        if self.listening:
            self._loop.add_reader(self._socket.fileno(), self._accept)

    def _unwatch(self) -> None:
        if not self.listening and self._socket.fileno() >= 0:
            self._loop.remove_reader(self._socket.fileno())

    def _close(self) -> None:
        self._unwatch()
        self._socket.close()

    def _accept(self) -> None:
        for _ in range(AT_ONCE):
            try:
                connection, peer = self._socket.accept()
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno == errno.EINVAL:  # it was shut
                    self._unwatch()
                return
            connection.setblocking(False)
            self._welcome(connection, (peer[0], peer[1]))


class UdpDoor:
    """A UDP port."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        address: str,
        port: int,
        received: "Callable[[UdpDoor, bytes, Address], None]",
    ) -> None:
        """`received` gets each datagram, and where it is from, on the loop."""
        self.address = address
        self.port = port
        self._socket = bind(socket.SOCK_DGRAM, address, port)
        self._loop = loop
        self._received = received
        _soon(loop, self._watch)

    def send(self, payload: bytes, to: Address) -> None:
        """Send a datagram; one for which there is no room is lost."""
        with suppress(OSError):
            self._socket.sendto(payload, to)

    def close(self) -> None:
        """Give the port back."""
        _soon(self._loop, self._close)

    def _watch(self) -> None:
        if self._socket.fileno() >= 0:
            self._loop.add_reader(self._socket.fileno(), self._receive)

    def _close(self) -> None:
        if self._socket.fileno() >= 0:
            self._loop.remove_reader(self._socket.fileno())
            self._socket.close()

    def _receive(self) -> None:
        for _ in range(AT_ONCE):
            try:
                payload, peer = self._socket.recvfrom(DATAGRAM_SIZE)
            except BlockingIOError:
                return
            except OSError:  # an answer of ours came back
                continue
            self._received(self, payload, (peer[0], peer[1]))


def _soon(loop: asyncio.AbstractEventLoop, callback: Callable[[], None]) -> None:
    with suppress(RuntimeError):  # the loop is closed, and all doors with it
        loop.call_soon_threadsafe(callback)
