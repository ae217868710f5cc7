"""What /proc/net shows: the sockets of a container's network namespace, and its interfaces."""

from collections.abc import Callable
from ipaddress import ip_address

from fakecri.core.net.outside import Row
from fakecri.core.rootfs.kernel import Kernel
from fakecri.core.rootfs.nodes import Node
from fakecri.core.rootfs.virtual import Folder, folder_of

_HEADER = (
    "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout"
    " inode"
)
_HEADER_6 = (
    "  sl  local_address                         remote_address                        st tx_queue"
    " rx_queue tr tm->when retrnsmt   uid  timeout inode"
)
_STATES = {
    "ESTABLISHED": 1,
    "SYN_SENT": 2,
    "SYN_RECV": 3,
    "FIN_WAIT1": 4,
    "FIN_WAIT2": 5,
    "TIME_WAIT": 6,
    "CLOSE": 7,
    "": 7,
    "CLOSE_WAIT": 8,
    "LAST_ACK": 9,
    "LISTEN": 10,
    "CLOSING": 11,
}
_DEV_HEADER = (
    "Inter-|   Receive                                                |  Transmit\n"
    " face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop"
    " fifo colls carrier compressed\n"
)
_UNUSED = (
    "       0       0    0    0    0     0          0         0"
    "        0       0    0    0    0     0       0          0"
)
_ROUTE_HEADER = (
    "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT"
)


def proc_net(kernel: Kernel) -> Node:
    """Return the directory."""
    texts: dict[str, Callable[[], str]] = {
        protocol: _sockets_of(kernel, protocol) for protocol in ("tcp", "tcp6", "udp", "udp6")
    }
    texts["dev"] = lambda: _dev(kernel)
    texts["route"] = lambda: _route(kernel)
    texts["unix"] = lambda: "Num       RefCount Protocol Flags    Type St Inode Path\n"
    return Folder(folder_of(texts))


def _sockets_of(kernel: Kernel, protocol: str) -> Callable[[], str]:
    return lambda: _sockets(kernel, protocol)


def _sockets(kernel: Kernel, protocol: str) -> str:
    rows = [each for each in kernel.system.network.rows() if each.protocol == protocol]
    header = (_HEADER_6 if protocol.endswith("6") else _HEADER).ljust(149)
    lines = [header, *(_line(index, row) for index, row in enumerate(rows))]
    return "\n".join(lines) + "\n"


def _line(index: int, row: Row) -> str:
    local, remote = (_address(*each, row.protocol) for each in (row.local, row.remote))
    state = _STATES.get(row.state, 7)
    queues = f"{row.sent:08X}:{row.received:08X}"
    inode = 20_000 + index
    text = f"{index:4}: {local} {remote} {state:02X} {queues} 00:00000000 00000000"
    return f"{text} {row.uid:5}        0 {inode} 1 0000000000000000 100 0 0 10 0".ljust(149)


def _address(address: str, port: int, protocol: str) -> str:
    default = "::" if protocol.endswith("6") else "0.0.0.0"  # noqa: S104  # to show, not to bind
    packed = ip_address(address or default).packed
    if protocol.endswith("6") and len(packed) == 4:  # noqa: PLR2004  # an IPv4 address
        packed = bytes(10) + b"\xff\xff" + packed
    words = [packed[start : start + 4][::-1].hex().upper() for start in range(0, len(packed), 4)]
    return f"{''.join(words)}:{port:04X}"


def _dev(kernel: Kernel) -> str:
    traffic = kernel.world.meters.read_traffic(
        kernel.container.parent, kernel.world.scheduler.now_ns
    )
    used = (
        f"{traffic.received_bytes:8} {traffic.received_packets:7} {traffic.receive_errors:4}"
        f" {traffic.receive_drops:4}    0     0          0         0"
        f" {traffic.sent_bytes:8} {traffic.sent_packets:7} {traffic.send_errors:4}"
        f" {traffic.send_drops:4}    0     0       0          0"
    )
    rows = (
        f"{each.name:>6}:{used if each.is_given and each.kind != 'loopback' else _UNUSED}\n"
        for each in kernel.system.network.links
    )
    return _DEV_HEADER + "".join(rows)


def _route(kernel: Kernel) -> str:
    lines = [_ROUTE_HEADER]
    for gateway in kernel.system.network.network.gateways:
        if ":" in gateway or not kernel.system.network.addresses:
            continue
        hexadecimal = _address(gateway, 0, "tcp").partition(":")[0]
        network = f"0000{hexadecimal[4:]}"
        lines.append(f"eth0\t00000000\t{hexadecimal}\t0003\t0\t0\t0\t00000000\t0\t0\t0")
        lines.append(f"eth0\t{network}\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0")
    return "\n".join(each.ljust(127) for each in lines) + "\n"
