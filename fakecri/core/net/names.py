"""From names to addresses: /etc/hosts and the pod's own name; there is no DNS."""

from ipaddress import ip_address
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fakecri.core.processes import Process

HOSTS = "/etc/hosts"


class UnknownNameError(Exception):
    """Nobody knows an address of that name."""


def parse_address(text: str) -> str | None:
    """Return an address as it is written canonically; None where it is none."""
    try:
        return str(ip_address(text.strip("[]")))
    except ValueError:
        return None


def resolve(process: "Process", name: str) -> str:
    """Return the address of a name, or an address as it is. Raises UnknownNameError."""
    address = parse_address(name)
    if address is not None:
        return address
    network = process.system.network
    for known in (_in_hosts(process, name), _own(process, name)):
        if known:
            return known
    if name in network.network.names:
        return network.network.names[name]
    raise UnknownNameError(name)


def own_address(process: "Process") -> str:
    """Return the address that the process's own host name leads to."""
    addresses = process.system.network.addresses
    return addresses[0] if addresses else "127.0.0.1"


def _own(process: "Process", name: str) -> str:
    if name == "localhost":
        return "127.0.0.1"
    return own_address(process) if name == process.hostname else ""


def _in_hosts(process: "Process", name: str) -> str:
    try:
        text = process.files.read(HOSTS).decode(errors="replace")
    except OSError:
        return ""
    for line in text.splitlines():
        address, *names = line.partition("#")[0].split() or [""]
        if name in names:
            return parse_address(address) or ""
    return ""
