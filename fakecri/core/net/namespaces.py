"""Network namespaces: the addresses, ports and connections that some processes share.

A pod has one of its own. Pods on the host's network share the node's.
"""

import errno
from collections.abc import Iterator
from contextlib import suppress
from ipaddress import ip_address
from typing import TYPE_CHECKING

from fakecri.core.net.connections import Address, Connection
from fakecri.core.net.links import Links
from fakecri.core.net.outside import Row
from fakecri.core.net.sockets import Bound, Datagrams, Listener
from fakecri.core.net.wires import Wire
from fakecri.core.scheduler import Waits

if TYPE_CHECKING:
    from fakecri.core.net.networks import Network
    from fakecri.core.processes import Process

EPHEMERAL = (32_768, 60_999)
PORTS = 65_536
NET_BIND_SERVICE = "CAP_NET_BIND_SERVICE"


class Namespace:
    """One network namespace."""

    __slots__ = (
        "_bound",
        "_connections",
        "_links",
        "_next_port",
        "_owned",
        "_visits",
        "addresses",
        "is_node",
        "network",
        "ping_groups",
        "unprivileged_start",
        "wire",
    )

    def __init__(
        self,
        network: "Network",
        addresses: tuple[str, ...] = (),
        *,
        is_node: bool = False,
        unprivileged_start: int = 0,
        ping_groups: tuple[int, int] = (0, 2**31 - 1),
    ) -> None:
        """`unprivileged_start`: the first port that needs no capability."""
        self.network = network
        self.addresses = addresses
        self.is_node = is_node
        self.unprivileged_start = unprivileged_start
        self.ping_groups = ping_groups
        self.wire = Wire()
        self._bound: dict[tuple[str, int], list[Bound]] = {}
        self._connections: dict[Connection, None] = {}
        self._owned: dict[Process, dict[Bound | Connection, None]] = {}
        self._visits: dict[Connection, None] = {}
        self._next_port = EPHEMERAL[0]
        self._links: Links | None = None

    @property
    def links(self) -> Links:
        """Its interfaces; most pods are never asked for them."""
        if self._links is None:
            hardware = hardware_address(self.addresses[0]) if self.addresses else ""
            name, kind = ("cni0", "bridge") if self.is_node else ("eth0", "ether")
            self._links = Links(name if self.addresses else "", hardware, kind)
        return self._links

    def owns(self, address: str) -> bool:
        """Whether an address is one of its own, loopback among them."""
        return address in self.addresses or (
            ip_address(address).is_loopback and not self.network.is_pod_address(address)
        )

    # What processes ask for.

    def listen(self, process: "Process", port: int, address: str = "") -> Listener:
        """Listen for TCP connections; port 0 is any free one.

        OSError: EADDRINUSE, EADDRNOTAVAIL, EACCES.
        """
        port = self._claim(process, "tcp", address, port)
        listener = Listener(
            self.network.scheduler,
            address,
            port,
            adopt=lambda connection: self.adopt(process, connection),
            gone=lambda: self._unbind(process, listener),
        )
        self._bind(process, listener, exposed=True)
        return listener

    def datagrams(self, process: "Process", port: int = 0, address: str = "") -> Datagrams:
        """Open a UDP socket; errors as with `listen`."""
        exposed = port != 0  # a client's needs nobody who finds it
        port = self._claim(process, "udp", address, port)
        socket = Datagrams(
            self.network.scheduler,
            address,
            port,
            send=self._send,
            gone=lambda: self._unbind(process, socket),
        )
        self._bind(process, socket, exposed=exposed)
        return socket

    def connect(
        self, process: "Process", address: str, port: int, local_port: int = 0
    ) -> Waits[Connection]:
        """Connect over TCP, as fast or slow as Linux finds out what comes of it.

        OSError: ECONNREFUSED, EHOSTUNREACH, ETIMEDOUT, ENETUNREACH.
        """
        connection = yield from self.network.connect(self, address, port, local_port)
        self.adopt(process, connection)
        return connection

    def visit(self, address: str, port: int) -> Waits[Connection]:
        """Connect as somebody who lives elsewhere and has entered the namespace: a runtime.

        The connection is in nobody's hands here, and so outlives the pod for what is left to be
        said; all that it can lead to ends with the pod. Errors as with `connect`.
        """
        connection = yield from self.network.connect(self, address, port)
        self._visits[connection] = None
        connection.on_close = lambda: self._visits.pop(connection, None)
        return connection

    def adopt(self, process: "Process", connection: Connection) -> None:
        """Let a connection end with a process."""
        self._own(process, connection)
        self._connections[connection] = None
        connection.on_close = lambda: self._forget(process, connection)

    # Looking up.

    def find(self, protocol: str, address: str, port: int) -> Bound | None:
        """Return what is bound where packets to an address and a port arrive."""
        bound = self._bound.get((protocol, port), ())
        return next((each for each in bound if each.address in {"", address}), None)

    def bound(self) -> Iterator[Bound]:
        """All sockets that have ports of their own, in the order in which they got them."""
        for sockets in self._bound.values():
            yield from sockets

    def rows(self) -> list[Row]:
        """All its sockets, as netstat shows them; on the node, the machine's too."""
        rows = [_row(each) for each in self.bound()]
        rows += [_connection_row(each) for each in (*self._connections, *self._visits)]
        if self.is_node and self.network.outside is not None:
            shown = {(row.protocol, row.local[1]) for row in rows}
            rows += [
                row
                for row in self.network.outside.rows()
                if (row.protocol, row.local[1]) not in shown
            ]
        return rows

    def source_for(self, address: str) -> str:
        """Return the address from which packets to `address` go."""
        version = ip_address(address).version
        if self.owns(address):
            return address
        return next((each for each in self.addresses if ip_address(each).version == version), "")

    def new_port(self, protocol: str = "tcp") -> int:
        """Return a free ephemeral port."""
        first, last = EPHEMERAL
        for _ in range(first, last + 1):
            port = self._next_port
            self._next_port = first if port == last else port + 1
            if (protocol, port) not in self._bound:
                return port
        raise OSError(errno.EADDRNOTAVAIL, "Cannot assign requested address")

    def close(self) -> None:
        """Close every socket: the end of a pod."""
        for connection in tuple(self._connections):
            connection.abort()
        for socket in tuple(self.bound()):
            socket.close()

    # Ports.

    def _claim(self, process: "Process", protocol: str, address: str, port: int) -> int:
        if address and not self.owns(address):
            raise OSError(errno.EADDRNOTAVAIL, "Address not available")
        if not 0 <= port < PORTS:
            raise OSError(errno.EINVAL, "Invalid argument")
        if 0 < port < self.unprivileged_start and not process.can(NET_BIND_SERVICE):
            raise PermissionError(errno.EACCES, "Permission denied")
        if port == 0:
            return self.new_port(protocol)
        if any(not address or each.address in {"", address} for each in self._at(protocol, port)):
            raise OSError(errno.EADDRINUSE, "Address in use")
        return port

    def _at(self, protocol: str, port: int) -> list[Bound]:
        return self._bound.get((protocol, port), [])

    def _bind(self, process: "Process", socket: Bound, *, exposed: bool) -> None:
        self._bound.setdefault((socket.protocol, socket.port), []).append(socket)
        self._own(process, socket)
        if exposed and self.network.outside is not None:
            try:
                self.network.outside.expose(self, socket)
            except OSError:
                socket.close()
                raise

    def _unbind(self, process: "Process", socket: Bound) -> None:
        key = (socket.protocol, socket.port)
        sockets = self._at(*key)
        with suppress(ValueError):
            sockets.remove(socket)
        if not sockets:
            self._bound.pop(key, None)
        self._disown(process, socket)
        if self.network.outside is not None:
            self.network.outside.withdraw(socket)

    # What ends with a process.

    def _own(self, process: "Process", socket: Bound | Connection) -> None:
        if process not in self._owned:
            self._owned[process] = {}
            process.exited.then(lambda: self._process_ended(process))
        self._owned[process][socket] = None

    def _disown(self, process: "Process", socket: Bound | Connection) -> None:
        self._owned.get(process, {}).pop(socket, None)

    def _forget(self, process: "Process", connection: Connection) -> None:
        self._connections.pop(connection, None)
        self._disown(process, connection)

    def _process_ended(self, process: "Process") -> None:
        for socket in tuple(self._owned.pop(process, ())):
            socket.close()

    def _send(self, socket: Datagrams, payload: bytes, to: Address) -> bool:
        return self.network.send(self, socket, payload, to)


def hardware_address(address: str) -> str:
    """Return a MAC address made of an IP address, as bridges long gave them."""
    packed = ip_address(address).packed[-4:]
    return ":".join(f"{byte:02x}" for byte in b"\x0a\x58" + packed)


def _row(socket: Bound) -> Row:
    state = "LISTEN" if socket.protocol == "tcp" else ""
    remote = ("0.0.0.0", 0)  # noqa: S104  # what is shown, not what is bound
    if isinstance(socket, Datagrams) and socket.remote is not None:
        remote, state = socket.remote, "ESTABLISHED"
    address = socket.address or "0.0.0.0"  # noqa: S104  # likewise
    return Row(_with_version(socket.protocol, address), (address, socket.port), remote, state)


def _connection_row(each: Connection) -> Row:
    sent = each.peer.held if each.peer is not None else 0
    protocol = _with_version("tcp", each.local[0])
    return Row(protocol, each.local, each.remote, each.state, each.held, sent)


def _with_version(protocol: str, address: str) -> str:
    return f"{protocol}6" if ":" in address else protocol
