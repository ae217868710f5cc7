"""`nc` as Alpine's busybox has it."""

from fakecri.core.applets import Surroundings, complain
from fakecri.core.net.connections import Connection
from fakecri.core.net.crews import Crew
from fakecri.core.net.names import UnknownNameError, resolve
from fakecri.core.net.waiting import parse_seconds, within
from fakecri.core.options import UsageError, read_options
from fakecri.core.processes import Process
from fakecri.core.scheduler import Waits


def connect_streams(process: Process, _: Surroundings) -> Waits[int]:
    """`nc`."""
    options = read_options(process.spec.argv, "lp:w:zuvne:i:")
    letters = options.letters
    if "e" in letters:
        return complain(process, "nc", "fakecri runs no programs for clients (-e)")
    timeout_s = parse_seconds((options.values("w") or [""])[-1])
    try:
        if "l" in letters:
            port = int((options.values("p") or ["0"])[-1])
            return (yield from _nc_listen(process, port, udp="u" in letters))
        host, port = options.operands[0], int(options.operands[1])
        address = resolve(process, host)
    except (IndexError, ValueError):
        raise UsageError from None
    except UnknownNameError as error:
        return complain(process, "nc", f"bad address '{error}'")
    except OSError as error:
        return complain(process, "nc", f"bind: {error.strerror}")
    if "u" in letters:
        return (yield from _nc_datagrams(process, address, port, timeout_s))
    return (yield from _nc_stream(process, host, (address, port), timeout_s, letters))


def _nc_stream(
    process: Process, host: str, at: tuple[str, int], timeout_s: float | None, letters: set[str]
) -> Waits[int]:
    address, port = at
    try:
        connection = yield from within(process, timeout_s, process.connect(address, port))
    except OSError as error:
        text = error.strerror or "Operation timed out"
        if "v" in letters:
            return complain(process, "nc", f"{host} ({address}:{port}): {text}")
        if "z" in letters:
            return 1
        return complain(process, "nc", f"can't connect to remote host ({address}): {text}")
    if "v" in letters:
        process.error(f"{host} ({address}:{port}) open\n".encode())
    if "z" in letters:
        connection.close()
        return 0
    return (yield from _pump(process, connection))


def _nc_listen(process: Process, port: int, *, udp: bool) -> Waits[int]:
    if udp:
        socket = process.datagrams(port)
        while True:
            payload, _ = yield from socket.receive()
            process.write(payload)
    listener = process.listen(port)
    connection = yield from listener.accept()
    listener.close()
    return (yield from _pump(process, connection))


def _nc_datagrams(process: Process, address: str, port: int, timeout_s: float | None) -> Waits[int]:
    socket = process.datagrams()
    socket.connect(address, port)
    crew = Crew(process)

    def send() -> Waits[None]:
        while chunk := (yield from process.stdin.read()):
            socket.send(chunk)

    crew.run(send())
    try:
        while True:
            payload, _ = yield from within(process, timeout_s, socket.receive())
            process.write(payload)
    except OSError:
        return 0


def _pump(process: Process, connection: Connection) -> Waits[int]:
    def send() -> Waits[None]:
        while chunk := (yield from process.stdin.read()):
            connection.write(chunk)
            yield from connection.room()
        connection.shutdown()

    Crew(process).run(send())
    try:
        while chunk := (yield from connection.read()):
            process.write(chunk)
            yield from process.drain()
    except ConnectionResetError:
        return complain(process, "nc", "read error: Connection reset by peer")
    connection.close()
    return 0
