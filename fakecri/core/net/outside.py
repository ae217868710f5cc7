"""What a simulated network may ask of the machine that it runs on."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol

from fakecri.core.net.connections import Connection
from fakecri.core.scheduler import Future

if TYPE_CHECKING:
    from fakecri.core.net.namespaces import Namespace
    from fakecri.core.net.sockets import Bound


class Row(NamedTuple):
    """A socket, as /proc/net/tcp and the like show it."""

    protocol: str
    """`tcp`, `tcp6`, `udp` or `udp6`."""
    local: tuple[str, int]
    remote: tuple[str, int]
    state: str
    """netstat's word; empty for UDP that is not connected."""
    received: int = 0
    """Bytes that wait to be read."""
    sent: int = 0
    uid: int = 0


@dataclass(frozen=True, slots=True)
class HostPort:
    """A port of the node that leads into a pod."""

    protocol: str
    host_ip: str
    host_port: int
    namespace: "Namespace"
    port: int

    @property
    def address(self) -> str:
        """The pod's primary address, at which it is reached."""
        return self.namespace.addresses[0]


class Outside(Protocol):
    """The machine, where it is to be reached. All may raise OSError."""

    def expose(self, namespace: "Namespace", socket: "Bound") -> None:
        """Let real clients reach a simulated socket, until it is withdrawn."""

    def withdraw(self, socket: "Bound") -> None:
        """Take that back; harmless where there is nothing to take back."""

    def publish(self, host_port: HostPort) -> None:
        """Let real clients reach a pod through a port of the machine."""

    def unpublish(self, host_port: HostPort) -> None:
        """Take that back."""

    def dial(self, address: str, port: int) -> Future[Connection]:
        """Connect to a real listener of this machine, on loopback."""

    def rows(self) -> list[Row]:
        """The machine's own sockets."""
