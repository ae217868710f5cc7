"""`ping` and `nslookup` of busybox, in the simulated network; and all the commands of it."""

from collections.abc import Mapping

from fakecri.core.applets import Applet, Surroundings, complain
from fakecri.core.net.bridges import treat_bridges
from fakecri.core.net.busybox_httpd import serve_files
from fakecri.core.net.curl import transfer
from fakecri.core.net.interfaces import treat_interfaces
from fakecri.core.net.names import UnknownNameError, resolve
from fakecri.core.net.nc import connect_streams
from fakecri.core.net.netstat import show_sockets
from fakecri.core.net.waiting import parse_seconds
from fakecri.core.net.wget import fetch_pages
from fakecri.core.options import UsageError, read_options
from fakecri.core.processes import Process
from fakecri.core.scheduler import SECOND_NS, Waits
from fakecri.core.tools.words import whole_number

_RESOLVER_S = 10
_PAYLOAD = 56
_PING_WAIT_S = 10
_PING_MS = 0.05


def send_echoes(process: Process, _: Surroundings) -> Waits[int]:
    """`ping`."""
    options = read_options(process.spec.argv, "46c:s:i:At:I:W:w:qp:")
    if len(options.operands) != 1:
        raise UsageError
    host = options.operands[0]
    try:
        address = resolve(process, host)
    except UnknownNameError:
        return complain(process, "ping", f"bad address '{host}'")
    count = whole_number((options.values("c") or ["0"])[-1])
    size = whole_number((options.values("s") or [str(_PAYLOAD)])[-1])
    pause_s = parse_seconds((options.values("i") or ["1"])[-1]) or 1.0
    deadline_s = parse_seconds((options.values("w") or [""])[-1])
    process.write(f"PING {host} ({address}): {size} data bytes\n".encode())
    if not process.can("CAP_NET_RAW"):
        return complain(process, "ping", "permission denied (are you root?)")
    network = process.system.network
    sent = received = 0
    began_ns = process.scheduler.now_ns
    while not count or sent < count:
        reached = network.network.reaches(network, address)
        if reached and "q" not in options.letters:
            line = f"{size + 8} bytes from {address}: seq={sent} ttl=64 time={_PING_MS:.3f} ms\n"
            process.write(line.encode())
        sent, received = sent + 1, received + reached
        if sent != count:
            yield from process.sleep(pause_s)
        passed_ns = process.scheduler.now_ns - began_ns
        if deadline_s is not None and passed_ns >= deadline_s * SECOND_NS:
            break
    if not received:
        wait_s = parse_seconds((options.values("W") or [str(_PING_WAIT_S)])[-1])
        yield from process.sleep(wait_s or 0)
    lost = 100 * (sent - received) // sent
    process.write(
        f"\n--- {host} ping statistics ---\n{sent} packets transmitted, {received} packets "
        f"received, {lost}% packet loss\n".encode()
    )
    if received:
        times = "/".join([f"{_PING_MS:.3f}"] * 3)
        process.write(f"round-trip min/avg/max = {times} ms\n".encode())
    return 0 if received else 1


def look_up(process: Process, _: Surroundings) -> Waits[int]:
    """`nslookup`: there is no server, but a test can know names."""
    words = [word for word in process.spec.argv[1:] if not word.startswith("-")]
    if not words:
        raise UsageError
    known = process.system.network.network.names.get(words[0])
    if known is None:
        yield from process.sleep(_RESOLVER_S)
        process.write(b";; connection timed out; no servers could be reached\n\n")
        return 1
    server = words[1] if len(words) > 1 else "10.96.0.10"
    process.write(
        f"Server:\t\t{server}\nAddress:\t{server}:53\n\nName:\t{words[0]}\n"
        f"Address: {known}\n\n".encode()
    )
    return 0


COMMANDS: Mapping[str, Applet] = {
    "brctl": Applet(treat_bridges, "COMMAND [BRIDGE [ARGS]]"),
    "curl": Applet(transfer),
    "httpd": Applet(serve_files, "[-f] [-p [IP:]PORT] [-h HOME]"),
    "ip": Applet(treat_interfaces, "[OPTIONS] address|route|link"),
    "nc": Applet(connect_streams, "[-l] [-p PORT] [-w SEC] [-uvz] [IPADDR PORT]"),
    "netstat": Applet(show_sockets, "[-ral] [-tuwx] [-en]"),
    "nslookup": Applet(look_up, "[-type=QUERY_TYPE] [-debug] HOST [DNS_SERVER]"),
    "ping": Applet(send_echoes, "[OPTIONS] HOST"),
    "wget": Applet(fetch_pages, "[-cqS] [--spider] [-O FILE] [-T SEC] [--header STR] URL..."),
}
