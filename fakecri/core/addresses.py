"""Pod addresses: what a CNI plugin with host-local address management would hand out."""

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from fakecri.errors import CRIError, UsageError

SUBNET = "10.88.0.0/16"


class AddressPool:
    """The addresses of one subnet, handed out in turn; the first one is the gateway's."""

    def __init__(self, subnet: str = SUBNET, index: int = 0) -> None:
        """`index`: which of the plugin's range sets it is. ValueError where it is no subnet."""
        network = ip_network(subnet)
        broadcast = 1 if network.version == 4 else 0  # noqa: PLR2004  # IPv6 has none
        self._network = network
        self._index = index
        self._count = network.num_addresses - 2 - broadcast
        self._next = 0
        self._taken: dict[str, str] = {}
        self.spare: int | None = None
        """How many more can be given; None: all there are."""

    def allocate(self, holder: str) -> str:
        """Return a free address, the next after the last one given, and hold it for `holder`.

        CRIError with host-local's text where none is free.
        """
        left = self._count if self.spare is None else self.spare
        for step in range(min(self._count, len(self._taken) + 1) if left else 0):
            at = (self._next + step) % self._count
            address = str(self._address(at))
            if address not in self._taken:
                self._taken[address] = holder
                self._next = at + 1
                self.spare = None if self.spare is None else self.spare - 1
                return address
        raise CRIError(
            f'plugin type="bridge" failed (add): failed to allocate for range {self._index}: '
            "no IP addresses available in range set: "
            f"{self._address(-1)}-{self._address(self._count - 1)}"
        )

    def _address(self, at: int) -> IPv4Address | IPv6Address:
        return self._network.network_address + 2 + at

    def release(self, holder: str, address: str) -> None:
        """Free an address; harmless when `holder` does not hold it."""
        if self._taken.get(address) == holder:
            del self._taken[address]
            self.spare = None if self.spare is None else self.spare + 1

    def taken(self) -> list[str]:
        """Return the addresses that are held, in the order in which they were given."""
        return list(self._taken)


def parse_subnets(subnets: Sequence[str]) -> tuple[str, ...]:
    """Return subnets as they are written canonically: one of IPv4, or of IPv6, or of each.

    UsageError for anything else, and for one that has no address for a pod.
    """
    try:
        networks = [ip_network(each) for each in subnets]
    except ValueError as error:
        raise UsageError(f"pod subnets: {error}") from error
    versions = {each.version for each in networks}
    if not networks or len(versions) < len(networks):
        raise UsageError("pods have one subnet of IPv4, or of IPv6, or one of each")
    for each in networks:
        if each.num_addresses < 4:  # noqa: PLR2004  # network, gateway, pod, broadcast
            raise UsageError(f"pod subnet {each} has no address for a pod")
    return tuple(map(str, networks))


def require_loopback(subnets: Sequence[str]) -> None:
    """Raise UsageError where pods cannot have such addresses on the loopback of a machine."""
    for each in map(ip_network, parse_subnets(subnets)):
        if each.version == 6:  # noqa: PLR2004  # IPv6
            raise UsageError(f"pod subnet {each}: IPv6 has but one loopback address, ::1")
        if not each.is_loopback or ip_address("127.0.0.1") in each:
            raise UsageError(f"pod subnet {each} is no part of 127.0.0.0/8 without 127.0.0.1")
