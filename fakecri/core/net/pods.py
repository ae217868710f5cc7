"""Connecting a pod to the network and taking it down again, as CNI's bridge and portmap do."""

from ipaddress import ip_address

from fakecri.api import runtime_pb2 as pb
from fakecri.core.net.namespaces import Namespace
from fakecri.core.net.outside import HostPort
from fakecri.core.records import Sandbox
from fakecri.core.world import World
from fakecri.errors import CRIError

_PROTOCOLS = {pb.TCP: "tcp", pb.UDP: "udp", pb.SCTP: "sctp"}


def connect(world: World, sandbox: Sandbox) -> None:
    """Give a pod addresses, a namespace and its host ports. CRIError with the plugin's text."""
    if world.node.network_error:
        raise CRIError(world.node.network_error)
    for pool in (world.addresses, *world.more_addresses):
        sandbox.ips = (*sandbox.ips, pool.allocate(sandbox.id))
    sandbox.network = Namespace(
        world.network,
        sandbox.ips,
        unprivileged_start=_unprivileged_start(sandbox),
        ping_groups=_ping_groups(sandbox),
    )
    world.network.add_pod(sandbox.network)
    for mapping in sandbox.config.port_mappings:
        if mapping.host_port > 0:
            _publish(world, sandbox.network, mapping)


def disconnect(world: World, sandbox: Sandbox) -> None:
    """Free what `connect` took. Harmless when that was done before."""
    if sandbox.network is not None:
        world.network.remove_pod(sandbox.network)
    for pool in (world.addresses, *world.more_addresses):
        for address in (*sandbox.ips, *sandbox.held_ips):
            pool.release(sandbox.id, address)
    sandbox.netns_closed = True


def lose_addresses(world: World, sandbox: Sandbox, *, release: bool) -> None:
    """Let a pod be without addresses, and nobody reach it; `release`: another pod may get them."""
    if sandbox.network is not None:
        world.network.remove_pod(sandbox.network)
    if release:
        for pool in (world.addresses, *world.more_addresses):
            for address in sandbox.ips:
                pool.release(sandbox.id, address)
    else:
        sandbox.held_ips = sandbox.ips
    sandbox.ips = ()


def _publish(world: World, namespace: Namespace, mapping: pb.PortMapping) -> None:
    protocol = _PROTOCOLS.get(mapping.protocol, "tcp")
    failed = 'plugin type="portmap" failed (add)'
    try:
        host_ip = str(ip_address(mapping.host_ip)) if mapping.host_ip else ""
    except ValueError:
        raise CRIError(f"{failed}: Invalid host IP address: {mapping.host_ip}") from None
    host_port = HostPort(protocol, host_ip, mapping.host_port, namespace, mapping.container_port)
    try:
        world.network.publish(host_port)
    except OSError as error:
        raise CRIError(
            f"{failed}: cannot open hostport {mapping.host_port}: listen {protocol}4 "
            f":{mapping.host_port}: bind: {(error.strerror or str(error)).lower()}"
        ) from error


def _unprivileged_start(sandbox: Sandbox) -> int:
    """Containerd opens all ports to everybody (enable_unprivileged_ports) unless told otherwise."""
    value = sandbox.config.linux.sysctls.get("net.ipv4.ip_unprivileged_port_start", "0")
    return int(value) if value.isdecimal() else 0


def _ping_groups(sandbox: Sandbox) -> tuple[int, int]:
    value = sandbox.config.linux.sysctls.get("net.ipv4.ping_group_range", "0 2147483647")
    words = value.split()
    if len(words) == 2 and all(word.isdecimal() for word in words):  # noqa: PLR2004  # first, last
        return int(words[0]), int(words[1])
    return (0, 2**31 - 1)
