"""The sockets of this machine, as /proc/net shows them."""

import socket
import sys
from ipaddress import ip_address
from pathlib import Path

from fakecri.core.net.outside import Row

PROTOCOLS = ("tcp", "tcp6", "udp", "udp6")

_STATES = {
    1: "ESTABLISHED",
    2: "SYN_SENT",
    3: "SYN_RECV",
    4: "FIN_WAIT1",
    5: "FIN_WAIT2",
    6: "TIME_WAIT",
    7: "CLOSE",
    8: "CLOSE_WAIT",
    9: "LAST_ACK",
    10: "LISTEN",
    11: "CLOSING",
}
_FIELDS = 10


def read_rows(directory: Path = Path("/proc/net")) -> list[Row]:
    """Return all sockets of the network namespace that this process is in."""
    rows: list[Row] = []
    for protocol in PROTOCOLS:
        try:
            lines = (directory / protocol).read_text().splitlines()[1:]
        except OSError:
            continue
        rows += [row for line in lines if (row := _row(protocol, line.split())) is not None]
    return rows


def _row(protocol: str, fields: list[str]) -> Row | None:
    if len(fields) < _FIELDS:
        return None
    state = _STATES.get(int(fields[3], 16), "")
    if protocol.startswith("udp") and state == "CLOSE":
        state = ""
    sent, received = (int(each, 16) for each in fields[4].split(":"))
    return Row(
        protocol, _address(fields[1]), _address(fields[2]), state, received, sent, int(fields[7])
    )


def _address(text: str) -> tuple[str, int]:
    """An address in words of 32 bits, each as the machine stores it."""
    words, _, port = text.partition(":")
    packed = b"".join(
        int(words[at : at + 8], 16).to_bytes(4, sys.byteorder) for at in range(0, len(words), 8)
    )
    family = socket.AF_INET if len(packed) == 4 else socket.AF_INET6  # noqa: PLR2004  # bytes
    return str(ip_address(socket.inet_ntop(family, packed))), int(port, 16)
