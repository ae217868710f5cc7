"""Simulated sockets on this machine: pods that have addresses of the loopback block."""

from collections.abc import Sequence

from fakecri.core.addresses import SUBNET, require_loopback
from fakecri.errors import UsageError
from fakecri.host import Host
from fakecri.network.loopback import Loopback

__all__ = ["LOOPBACK_SUBNET", "NETWORKS", "choose_subnets", "open_network"]

LOOPBACK_SUBNET = "127.88.0.0/16"
"""Where pods get their addresses, by default, on loopback."""

NETWORKS = ("memory", "loopback")


def choose_subnets(network: str, subnets: Sequence[str]) -> Sequence[str]:
    """Return the subnets of pods; none given: the default. UsageError where they cannot be."""
    if network not in NETWORKS:
        raise UsageError(f"{network!r} is not a network: {' or '.join(NETWORKS)}")
    if network == "memory":
        return subnets or (SUBNET,)
    subnets = subnets or (LOOPBACK_SUBNET,)
    require_loopback(subnets)
    return subnets


def open_network(host: Host, network: str) -> None:
    """Let real clients reach the pods of a host, if the network is the loopback one."""
    if network == "loopback":
        Loopback(host).open()
