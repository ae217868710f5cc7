"""The network of a node: who has which address, and how packets get there."""

import errno
from ipaddress import IPv4Network, IPv6Network, ip_address
from typing import NoReturn

from fakecri.core.addresses import SUBNET
from fakecri.core.net.connections import Address, Connection, pair
from fakecri.core.net.namespaces import Namespace
from fakecri.core.net.outside import HostPort, Outside
from fakecri.core.net.sockets import Datagrams, Listener
from fakecri.core.net.wires import LOOPBACK, UDP_HEADERS, Path
from fakecri.core.scheduler import SECOND_NS, Scheduler, Waits

NEIGHBOUR_NS = 3_072_000_000
"""How long Linux asks for a neighbour that does not answer: EHOSTUNREACH after three ARPs."""
SYN_NS = 127 * SECOND_NS
"""How long it repeats a SYN that nobody answers, six times."""


class Network:
    """All network namespaces of a node."""

    def __init__(self, scheduler: Scheduler, subnets: tuple[str, ...] = (SUBNET,)) -> None:
        """`subnets`: those of the pods, one of each IP version at most."""
        self.scheduler = scheduler
        self.subnets = tuple(_subnet(each) for each in subnets)
        self.gateways = tuple(str(each[1]) for each in self.subnets)
        """The node's own addresses in the subnets of the pods."""
        self.names: dict[str, str] = {}
        """Addresses of names that no file of a container knows, as a DNS server would."""
        self.outside: Outside | None = None
        self._pods: dict[str, Namespace] = {}
        self._host_ports: list[HostPort] = []
        self.node = Namespace(
            self, self.gateways, is_node=True, unprivileged_start=1024, ping_groups=(1, 0)
        )

    def add_pod(self, namespace: Namespace) -> None:
        """Let a namespace be reached at its addresses."""
        for address in namespace.addresses:
            self._pods[address] = namespace

    def remove_pod(self, namespace: Namespace) -> None:
        """Close a namespace and forget its addresses and host ports."""
        namespace.close()
        for address in namespace.addresses:
            if self._pods.get(address) is namespace:
                del self._pods[address]
        for each in [each for each in self._host_ports if each.namespace is namespace]:
            self._host_ports.remove(each)
            if self.outside is not None:
                self.outside.unpublish(each)

    def publish(self, host_port: HostPort) -> None:
        """Let a port of the node lead into a pod. OSError where the machine has no such port."""
        if self.outside is not None:
            self.outside.publish(host_port)
        self._host_ports.append(host_port)  # nobody listens there yet

    def is_pod_address(self, address: str) -> bool:
        """Whether an address is in a subnet of pods, and not the node's own in it."""
        at = ip_address(address)
        return address not in self.gateways and any(at in each for each in self.subnets)

    # Packets.

    def connect(
        self, namespace: Namespace, address: str, port: int, local_port: int = 0
    ) -> Waits[Connection]:
        """Connect from a namespace; see `Namespace.connect`."""
        target = self._route(namespace, address) or (yield from self._wait_in_vain(address))
        source = (namespace.source_for(address), local_port or namespace.new_port())
        target, at = self._forwarded(namespace, target, "tcp", (address, port))
        is_local = target.is_node and namespace.is_node
        if is_local and self.outside is not None and target.find("tcp", *at) is None:
            return (yield from self.outside.dial(address, port))
        return self.arrive(target, at, source, near=namespace)

    def arrive(
        self,
        target: Namespace,
        at: Address,
        source: Address,
        *,
        near: Namespace | None = None,
        shown: Address | None = None,
    ) -> Connection:
        """Connect to a namespace; return the client's end. ConnectionRefusedError.

        `near` is None where the client is outside; `shown` is what it thinks it is connected to.
        """
        listener = target.find("tcp", *at)
        if not isinstance(listener, Listener) or listener.full:
            raise ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused")
        path = LOOPBACK if near is target else Path(near.wire if near else None, target.wire)
        client, server = pair(self.scheduler, source, at, path)
        client.remote = shown or at
        listener.arrive(server)
        return client

    def find_host_port(self, protocol: str, address: str, port: int) -> HostPort | None:
        """Return where a port of the node leads; of several the first one."""
        return next(
            (
                each
                for each in self._host_ports
                if (each.protocol, each.host_port) == (protocol, port)
                and each.host_ip in {"", "0.0.0.0", "::", address}  # noqa: S104  # all of them
            ),
            None,
        )

    def send(self, namespace: Namespace, socket: Datagrams, payload: bytes, to: Address) -> bool:
        """Carry a datagram; return whether it did not come back as undeliverable."""
        target = self._route(namespace, to[0])
        if target is None:
            return True  # lost, and nobody says so
        source = (socket.address or namespace.source_for(to[0]), socket.port)
        target, at = self._forwarded(namespace, target, "udp", to)
        path = LOOPBACK if target is namespace else Path(namespace.wire, target.wire)
        path.send(1, len(payload) + UDP_HEADERS)
        receiver = target.find("udp", *at)
        if not isinstance(receiver, Datagrams):
            return False
        receiver.arrive(payload, source)
        return True

    def reaches(self, namespace: Namespace, address: str) -> bool:
        """Whether somebody has an address, as seen from a namespace."""
        return self._route(namespace, address) is not None

    def _route(self, namespace: Namespace, address: str) -> Namespace | None:
        if namespace.owns(address):
            return namespace
        return self._pods.get(address) or (self.node if address in self.gateways else None)

    def _forwarded(
        self, namespace: Namespace, target: Namespace, protocol: str, to: Address
    ) -> tuple[Namespace, Address]:
        """A host port leads into a pod, wherever the packet comes from."""
        mapping = self.find_host_port(protocol, *to) if target.is_node else None
        if mapping is None:
            return target, to
        version = ip_address(to[0]).version
        pod = mapping.namespace
        addresses = [each for each in pod.addresses if ip_address(each).version == version]
        return pod, ((addresses or [*pod.addresses, namespace.source_for(to[0])])[0], mapping.port)

    def _wait_in_vain(self, address: str) -> Waits[NoReturn]:
        at = ip_address(address)
        if self.is_pod_address(address):
            yield from self.scheduler.sleep(NEIGHBOUR_NS)
            raise OSError(errno.EHOSTUNREACH, "No route to host")
        if all(each.version != at.version for each in self.subnets):
            raise OSError(errno.ENETUNREACH, "Network unreachable")
        yield from self.scheduler.sleep(SYN_NS)
        raise TimeoutError(errno.ETIMEDOUT, "Operation timed out")


def _subnet(text: str) -> IPv4Network | IPv6Network:
    return IPv6Network(text) if ":" in text else IPv4Network(text)
