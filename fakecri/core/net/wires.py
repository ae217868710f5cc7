"""What goes through the interface of a network namespace, in bytes and packets."""

from dataclasses import dataclass

SEGMENT_SIZE = 1448
"""Bytes of a TCP segment on Ethernet, whose headers take the rest of 1514."""
TCP_HEADERS = 66
UDP_HEADERS = 42
_SYN_OPTIONS = 8


@dataclass(slots=True)
class Wire:
    """The counters of one interface; they only grow."""

    received_bytes: int = 0
    received_packets: int = 0
    sent_bytes: int = 0
    sent_packets: int = 0

    def count_sent(self, packets: int, size: int) -> None:
        """Count packets of `size` bytes in all, headers included."""
        self.sent_packets += packets
        self.sent_bytes += size

    def count_received(self, packets: int, size: int) -> None:
        """Count packets of `size` bytes in all, headers included."""
        self.received_packets += packets
        self.received_bytes += size


@dataclass(frozen=True, slots=True)
class Path:
    """The way between two interfaces; None is loopback, or the world outside."""

    near: Wire | None = None
    far: Wire | None = None

    @property
    def reversed(self) -> "Path":
        """The way back."""
        return Path(self.far, self.near)

    def send(self, packets: int, size: int) -> None:
        """Send packets from the near end to the far one."""
        if self.near is not None:
            self.near.count_sent(packets, size)
        if self.far is not None:
            self.far.count_received(packets, size)

    def send_segments(self, payload: int) -> None:
        """Send the payload of a TCP stream; each write is acknowledged once."""
        packets = -(-payload // SEGMENT_SIZE)
        self.send(packets, payload + packets * TCP_HEADERS)
        self.reversed.send(1, TCP_HEADERS)

    def shake_hands(self) -> None:
        """Open a connection: SYN, SYN and ACK, ACK."""
        self.send(2, 2 * TCP_HEADERS + _SYN_OPTIONS)
        self.reversed.send(1, TCP_HEADERS + _SYN_OPTIONS)


LOOPBACK = Path()
