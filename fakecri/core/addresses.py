"""Pod addresses: what a CNI plugin with host-local address management would hand out."""

from ipaddress import IPv4Network

from fakecri.errors import CRIError


class AddressPool:
    """The addresses of one subnet, handed out in turn; the first one is the gateway's."""

    def __init__(self, subnet: str = "10.88.0.0/16") -> None:
        self._subnet = IPv4Network(subnet)
        self._first = int(self._subnet.network_address) + 2
        self._count = self._subnet.num_addresses - 3
        self._next = 0
        self._taken: dict[str, str] = {}

    def allocate(self, holder: str) -> str:
        """Return a free address, the next after the last one given, and hold it for `holder`.

        CRIError with host-local's text where none is free.
        """
        for step in range(self._count):
            at = (self._next + step) % self._count
            address = str(self._subnet[at + self._first - int(self._subnet.network_address)])
            if address not in self._taken:
                self._taken[address] = holder
                self._next = at + 1
                return address
        first, last = self._subnet[1], self._subnet[-2]
        raise CRIError(
            'plugin type="bridge" failed (add): failed to allocate for range 0: '
            f"no IP addresses available in range set: {first}-{last}"
        )

    def release(self, holder: str, address: str) -> None:
        """Free an address; harmless when `holder` does not hold it."""
        if self._taken.get(address) == holder:
            del self._taken[address]

    def taken(self) -> list[str]:
        """Return the addresses that are held, in the order in which they were given."""
        return list(self._taken)
