"""`ip` as busybox has it: the interfaces, addresses and routes of a network namespace."""

from collections.abc import Iterator
from ipaddress import IPv6Address, ip_address

from fakecri.core.applets import Refusal, Surroundings
from fakecri.core.net.link_changes import REFUSED, change_link, refuse
from fakecri.core.net.links import Link
from fakecri.core.net.namespaces import Namespace
from fakecri.core.options import UsageError
from fakecri.core.processes import Process
from fakecri.core.tools.words import say

_OBJECTS = ("address", "link", "route")
_FOREVER = "       valid_lft forever preferred_lft forever"


def treat_interfaces(process: Process, _: Surroundings) -> int:
    """`ip addr`, `ip link` and `ip route`; of these only links can be changed."""
    words = [word for word in process.spec.argv[1:] if not word.startswith("-")]
    wanted = next((each for each in _OBJECTS if words and each.startswith(words[0])), None)
    if wanted is None:
        raise UsageError
    command, names = words[1] if words[1:] else "show", words[2:]
    if any(each.startswith(command) for each in ("show", "list", "lst")):
        names = [each for each in names if each != "dev"]
        for line in _shown(process.system.network, wanted, names[0] if names else ""):
            say(process, line)
        return 0
    if wanted == "link":
        return change_link(process, command, names)
    return refuse(process)


def _shown(namespace: Namespace, wanted: str, name: str) -> Iterator[str]:
    if name and namespace.links.find(name) is None:
        raise Refusal(f"can't find device '{name}'", REFUSED if wanted == "link" else 1)
    if wanted == "route":
        return _routes(namespace, name)
    return _links(namespace, name, addresses=wanted == "address")


def _links(namespace: Namespace, name: str, *, addresses: bool) -> Iterator[str]:
    for link in namespace.links:
        if name in {"", link.name}:
            yield f"{link.index}: {_first_line(namespace, link)}"
            kind = "loopback" if link.kind == "loopback" else "ether"
            end = "00:00:00:00:00:00" if kind == "loopback" else "ff:ff:ff:ff:ff:ff"
            yield f"    link/{kind} {link.hardware} brd {end}"
            if addresses:
                yield from _addresses(namespace, link)


def _first_line(namespace: Namespace, link: Link) -> str:
    if link.kind == "loopback":
        return "lo: <LOOPBACK,UP,LOWER_UP> mtu 65536 qdisc noqueue qlen 1000"
    if link.is_given:
        peer = "" if namespace.is_node else "@if5"
        return (
            f"{link.name}{peer}: <BROADCAST,MULTICAST,UP,LOWER_UP,M-DOWN> mtu 1500 qdisc noqueue "
        )
    flags = "BROADCAST,MULTICAST,UP,LOWER_UP" if link.is_up else "BROADCAST,MULTICAST"
    master = f" master {link.master.name}" if link.master else ""
    queue = "noqueue" if link.is_up else "noop"
    return f"{link.name}: <{flags}> mtu 1500 qdisc {queue}{master} qlen 1000"


def _addresses(namespace: Namespace, link: Link) -> Iterator[str]:
    if link.kind == "loopback":
        yield "    inet 127.0.0.1/8 scope host lo"
        yield _FOREVER
        yield "    inet6 ::1/128 scope host "
        yield _FOREVER
    if not link.is_given:
        return
    for address, subnet in zip(namespace.addresses, namespace.network.subnets, strict=False):
        if isinstance(ip_address(address), IPv6Address):
            yield f"    inet6 {address}/{subnet.prefixlen} scope global "
        else:
            end = subnet.broadcast_address
            yield f"    inet {address}/{subnet.prefixlen} brd {end} scope global {link.name}"
        yield _FOREVER


def _routes(namespace: Namespace, wanted: str) -> Iterator[str]:
    name = "cni0" if namespace.is_node else "eth0"
    if wanted not in {"", name}:
        return
    network = namespace.network
    pairs = list(zip(namespace.addresses, network.subnets, network.gateways, strict=False))
    for address, subnet, gateway in pairs:
        if subnet.version == 6:  # noqa: PLR2004  # another table
            continue
        if not namespace.is_node:
            yield f"default via {gateway} dev {name} "
        yield f"{subnet} dev {name} scope link  src {address} "
