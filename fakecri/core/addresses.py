"""Pod addresses: what a CNI plugin with host-local address management would hand out."""

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from fakecri.errors import CRIError

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

    def allocate(self, holder: str) -> str:
        """Return a free address, the next after the last one given, and hold it for `holder`.

        CRIError with host-local's text where none is free.
        """
        for step in range(min(self._count, len(self._taken) + 1)):
            at = (self._next + step) % self._count
            address = str(self._address(at))
            if address not in self._taken:
                self._taken[address] = holder
                self._next = at + 1
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

    def taken(self) -> list[str]:
        """Return the addresses that are held, in the order in which they were given."""
        return list(self._taken)


def require_loopback(subnet: str) -> str:
    """Return a subnet that pods may have on loopback. ValueError where it is none."""
    network = ip_network(subnet)
    if network.version == 6:  # noqa: PLR2004  # IPv6
        raise ValueError(f"{subnet}: IPv6 has one loopback address, ::1, and pods need more")
    if not network.is_loopback or ip_address("127.0.0.1") in network:
        raise ValueError(f"{subnet} is no part of 127.0.0.0/8 without 127.0.0.1")
    return subnet
