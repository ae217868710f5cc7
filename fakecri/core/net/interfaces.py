"""`ip` as busybox has it: the interfaces, addresses and routes of a network namespace."""

from collections.abc import Iterator
from ipaddress import IPv6Address, ip_address

from fakecri.core.applets import Surroundings, complain
from fakecri.core.net.namespaces import Namespace
from fakecri.core.processes import Process

_OBJECTS = ("address", "link", "route")
_FOREVER = "       valid_lft forever preferred_lft forever"


def show_addresses(process: Process, _: Surroundings) -> int:
    """`ip addr`, `ip link` and `ip route`; changing any of it is not permitted."""
    words = [word for word in process.spec.argv[1:] if not word.startswith("-")]
    wanted = next((each for each in _OBJECTS if words and each.startswith(words[0])), None)
    if wanted is None:
        return complain(process, "ip", f"invalid argument '{(words or [''])[0]}' to 'ip'")
    if words[1:2] and not any(each.startswith(words[1]) for each in ("show", "list", "lst")):
        return complain(process, "ip", "RTNETLINK answers: Operation not permitted", 2)
    namespace = process.system.network
    lines = _routes(namespace) if wanted == "route" else _links(namespace, wanted == "address")
    process.write("".join(f"{line}\n" for line in lines).encode())
    return 0


def _links(namespace: Namespace, addresses: bool) -> Iterator[str]:
    yield "1: lo: <LOOPBACK,UP,LOWER_UP> mtu 65536 qdisc noqueue qlen 1000"
    yield "    link/loopback 00:00:00:00:00:00 brd 00:00:00:00:00:00"
    if addresses:
        yield "    inet 127.0.0.1/8 scope host lo"
        yield _FOREVER
        yield "    inet6 ::1/128 scope host "
        yield _FOREVER
    if namespace.addresses:
        yield from _link(namespace, addresses)


def _link(namespace: Namespace, addresses: bool) -> Iterator[str]:
    name, peer = ("cni0", "") if namespace.is_node else ("eth0", "@if5")
    yield f"2: {name}{peer}: <BROADCAST,MULTICAST,UP,LOWER_UP,M-DOWN> mtu 1500 qdisc noqueue "
    yield f"    link/ether {hardware_address(namespace)} brd ff:ff:ff:ff:ff:ff"
    for address, subnet in zip(namespace.addresses, namespace.network.subnets, strict=False):
        if not addresses:
            return
        if isinstance(ip_address(address), IPv6Address):
            yield f"    inet6 {address}/{subnet.prefixlen} scope global "
        else:
            end = subnet.broadcast_address
            yield f"    inet {address}/{subnet.prefixlen} brd {end} scope global {name}"
        yield _FOREVER


def hardware_address(namespace: Namespace) -> str:
    """Return a MAC address made of the IP address, as bridges long gave them."""
    packed = ip_address(namespace.addresses[0]).packed[-4:]
    return ":".join(f"{byte:02x}" for byte in b"\x0a\x58" + packed)


def _routes(namespace: Namespace) -> Iterator[str]:
    name = "cni0" if namespace.is_node else "eth0"
    network = namespace.network
    pairs = list(zip(namespace.addresses, network.subnets, network.gateways, strict=False))
    for address, subnet, gateway in pairs:
        if subnet.version == 6:  # noqa: PLR2004  # another table
            continue
        if not namespace.is_node:
            yield f"default via {gateway} dev {name} "
        yield f"{subnet} dev {name} scope link  src {address} "
