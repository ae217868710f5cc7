"""`netstat` as busybox has it."""

from collections.abc import Iterator

from fakecri.core.applets import Surroundings
from fakecri.core.net.namespaces import Namespace
from fakecri.core.net.outside import Row
from fakecri.core.options import read_options
from fakecri.core.processes import Process

_WIDTH = 23
_PROTOCOLS = (("t", "tcp"), ("u", "udp"))
_COLUMNS = "Proto Recv-Q Send-Q Local Address           Foreign Address         State       \n"
_UNIX = "Proto RefCnt Flags       Type       State         I-Node Path\n"


def show_sockets(process: Process, _: Surroundings) -> int:
    """`netstat`; addresses are always numbers, as with `-n`."""
    letters = read_options(process.spec.argv, "laentuwxrWp").letters
    listening, connected = "l" in letters, "l" not in letters
    if "a" in letters:
        listening = connected = True
    which = "(servers and established)"
    if not (listening and connected):
        which = "(only servers)" if listening else "(w/o servers)"
    kinds = letters & set("tuwx")
    if not kinds or kinds & set("tuw"):
        process.write(f"Active Internet connections {which}\n{_COLUMNS}".encode())
        for row in _chosen(process.system.network, kinds):
            if (row.remote[1] and connected) or (not row.remote[1] and listening):
                process.write(_line(row).encode())
    if not kinds or "x" in kinds:
        process.write(f"Active UNIX domain sockets {which}\n{_UNIX}".encode())
    return 0


def _chosen(namespace: Namespace, kinds: set[str]) -> Iterator[Row]:
    rows = namespace.rows()
    for letter, protocol in _PROTOCOLS:
        if not kinds or letter in kinds:
            yield from (row for row in rows if row.protocol == protocol)
            yield from (row for row in rows if row.protocol == f"{protocol}6")


def _line(row: Row) -> str:
    local, remote = (_shown(*each)[:_WIDTH].ljust(_WIDTH) for each in (row.local, row.remote))
    protocol = row.protocol.removesuffix("6")
    return f"{protocol}   {row.received:6} {row.sent:6} {local} {remote} {row.state:<12}\n"


def _shown(address: str, port: int) -> str:
    return f"{address}:{port or '*'}"
