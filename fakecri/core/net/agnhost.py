"""agnhost, the server of Kubernetes' own tests: its common subcommands.

Source: kubernetes/test/images/agnhost.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from fakecri.core import signals
from fakecri.core.dates import format_date
from fakecri.core.net.crews import Crew
from fakecri.core.net.daemons import serve_http
from fakecri.core.net.grpc_health import ServingStatus, serve_statuses
from fakecri.core.net.http import HttpServer, Request, Response
from fakecri.core.net.names import UnknownNameError, resolve
from fakecri.core.net.sites import Site
from fakecri.core.net.sockets import Datagrams
from fakecri.core.processes import Process
from fakecri.core.scheduler import SECOND_NS, Waits

_GO_CODE = 2
LIVENESS_S = 10
"""How long `liveness` says that all is well."""


def agnhost(process: Process) -> Waits[int] | int:
    """Run a subcommand; without one agnhost pauses, as its image does."""
    words = process.spec.argv[1:] or ("pause",)
    command = _COMMANDS.get(words[0])
    if command is None:
        text = f'Error: unknown command "{words[0]}" for "app"\nRun \'app --help\' for usage.\n'
        process.error(text.encode())
        return 1
    flags, operands = _flags(words[1:])
    return command(process, _Flags(flags, operands))


@dataclass(frozen=True, slots=True)
class _Flags:
    values: dict[str, str]
    operands: list[str]

    def number(self, name: str, default: int) -> int:
        text = self.values.get(name, "")
        return int(text) if text.lstrip("-").isdecimal() else default

    def text(self, name: str, default: str = "") -> str:
        return self.values.get(name, default)


def _flags(words: Sequence[str]) -> tuple[dict[str, str], list[str]]:
    values: dict[str, str] = {}
    operands: list[str] = []
    rest = list(words)
    while rest:
        word = rest.pop(0)
        if not word.startswith("-"):
            operands.append(word)
            continue
        name, equals, value = word.lstrip("-").partition("=")
        if not equals:
            takes = bool(rest) and not rest[0].startswith("-") and name not in _SWITCHES
            value = rest.pop(0) if takes else "true"
        values[name] = value
    return values, operands


_SWITCHES = frozenset({"http", "tcp", "udp", "close"})


def _pause(process: Process, _: _Flags) -> Waits[int]:
    process.write(b"Paused\n")
    for number in (signals.SIGTERM, signals.NUMBERS["INT"]):
        process.handle(
            number, lambda signal: process.exit_now(2 if signal == signals.SIGTERM else 1)
        )
    yield from process.forever()
    return 0


def _netexec(process: Process, flags: _Flags) -> Waits[int]:
    crew = Crew(process)
    port, udp = flags.number("http-port", 8080), flags.number("udp-port", 8081)
    crew.run(_answer_datagrams(process, process.datagrams(udp)))
    process.write(f"Started UDP server on port  {udp}\n".encode())
    process.write(f"Started HTTP server on port {port}\n".encode())
    handler = _Netexec(process)
    return (yield from serve_http(process, HttpServer(handler), [port]))


@dataclass(slots=True)
class _Netexec:
    process: Process

    def __call__(self, request: Request) -> Response:
        return _NETEXEC.get(request.path.lower(), _now)(self, request)


def _now(each: _Netexec, _: Request) -> Response:
    seconds = each.process.wall_ns() // SECOND_NS
    when = format_date(seconds, "%Y-%m-%d %H:%M:%S")
    return Response(200, f"NOW: {when} +0000 UTC".encode())


def _echo(_: _Netexec, request: Request) -> Response:
    code = request.query.get("code", "")
    status = int(code) if code.isdecimal() and 200 <= int(code) <= 599 else 200  # noqa: PLR2004  # HTTP
    return Response(status, request.query.get("msg", "").encode())


def _exit(each: _Netexec, request: Request) -> Response:
    query = request.query
    code = int(query.get("code", "0") or 0) if query.get("code", "0").isdecimal() else 0
    seconds = query.get("timeout", "").removesuffix("s")
    delay_ns = int(seconds) * SECOND_NS if seconds.isdecimal() else 0
    each.process.scheduler.after(
        delay_ns,
        lambda: None if each.process.exited.done else each.process.exit_now(code & 0xFF),
    )
    return Response(200, b"")


def _redirect(_: _Netexec, request: Request) -> Response:
    code = request.query.get("code", "302")
    status = int(code) if code.isdecimal() else 302
    return Response(status, headers=(("Location", request.query.get("location", "")),))


_NETEXEC: dict[str, Callable[[_Netexec, Request], Response]] = {
    "/clientip": lambda _, request: Response(200, _address(request).encode()),
    "/echo": _echo,
    "/exit": _exit,
    "/header": lambda _, request: Response(
        200, request.header(request.query.get("key", "")).encode()
    ),
    "/healthz": lambda _, __: Response(200),
    "/hostname": lambda each, _: Response(200, each.process.hostname.encode()),
    "/redirect": _redirect,
    "/shell": lambda _, __: Response(501, b"fakecri runs no commands for clients\n"),
    "/upload": lambda _, __: Response(501, b"fakecri takes no uploads\n"),
}


def _address(request: Request) -> str:
    host, port = request.peer
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _answer_datagrams(process: Process, socket: Datagrams) -> Waits[None]:
    while True:
        payload, source = yield from socket.receive()
        text = payload.decode(errors="replace").strip()
        word, _, rest = text.partition(" ")
        answers = {
            "hostname": process.hostname,
            "echo": rest,
            "clientip": f"{source[0]}:{source[1]}",
        }
        if word.lower() in answers:
            socket.send(answers[word.lower()].encode(), source)


def _serve_hostname(process: Process, flags: _Flags) -> Waits[int]:
    port = flags.number("port", 9376)
    name = process.hostname.encode()
    if flags.text("udp") == "true":
        socket = process.datagrams(port)
        while True:
            _, source = yield from socket.receive()
            socket.send(name, source)
    if flags.text("tcp") == "true":
        listener = process.listen(port)
        while True:
            connection = yield from listener.accept()
            connection.write(name)
            connection.close()
    return (yield from serve_http(process, HttpServer(lambda _: Response(200, name)), [port]))


def _liveness(process: Process, _: _Flags) -> Waits[int]:
    def answer(request: Request) -> Response:
        seconds = (process.scheduler.now_ns - process.started_ns) / SECOND_NS
        if request.path == "/started":
            return Response(200, f"{seconds}s".encode())
        if request.path == "/redirect":
            location = request.query.get("loc", "")
            return Response(302, headers=(("Location", location),))
        if request.path != "/healthz":
            return Response(404, b"404 page not found\n")
        if seconds > LIVENESS_S:
            return Response(500, f"error: {seconds}".encode())
        return Response(200, b"ok")

    return (
        yield from serve_http(process, HttpServer(answer), [8080], stop_code=_unhandled(process))
    )


def _unhandled(process: Process) -> int:
    """Return how Go ends at a signal without a handler: PID 1 cannot be killed by it."""
    return _GO_CODE if process.is_init else 128 + signals.SIGTERM


def _test_webserver(process: Process, flags: _Flags) -> Waits[int]:
    site = Site(process, "", b"<pre>\n</pre>\n")
    return (yield from serve_http(process, HttpServer(site), [flags.number("port", 80)]))


@dataclass(slots=True)
class _Serving:
    """What `grpc-health-checking` says, which clients of its HTTP port may force."""

    process: Process
    service: str
    delay_s: int
    forced: bool | None = None

    def status(self, service: str) -> ServingStatus | None:
        if service != self.service:
            return None
        is_over = 0 <= self.delay_s <= self._seconds()
        good = not is_over and self.forced is not False
        return ServingStatus.SERVING if good else ServingStatus.NOT_SERVING

    def force(self, request: Request) -> Response:
        forced = {"/make-serving": True, "/make-not-serving": False}.get(request.path)
        if forced is None:
            return Response(404, b"404 page not found\n")
        self.forced = forced
        return Response(200, f"{self._seconds()}s".encode())

    def _seconds(self) -> float:
        return (self.process.scheduler.now_ns - self.process.started_ns) / SECOND_NS


def _grpc(process: Process, flags: _Flags) -> Waits[int]:
    serving = _Serving(process, flags.text("service"), flags.number("delay-unhealthy-sec", -1))
    listener = process.listen(flags.number("port", 5000))
    Crew(process).run(serve_statuses(process, listener, serving.status))
    ports = [flags.number("http-port", 8080)]
    return (
        yield from serve_http(
            process, HttpServer(serving.force), ports, stop_code=_unhandled(process)
        )
    )


def _connect(process: Process, flags: _Flags) -> Waits[int]:
    host, _, port = (flags.operands or [""])[0].rpartition(":")
    try:
        connection = yield from process.connect(resolve(process, host), int(port))
    except UnknownNameError:
        process.error(f"DNS: lookup {host}: no such host\n".encode())
        return 1
    except ConnectionRefusedError:
        process.error(b"REFUSED\n")
        return 1
    except TimeoutError:
        process.error(b"TIMEOUT\n")
        return 1
    except (OSError, ValueError) as error:
        process.error(f"OTHER: {error}\n".encode())
        return 1
    connection.close()
    return 0


def _entrypoint_tester(process: Process, _: _Flags) -> int:
    process.write(f"[{' '.join(process.spec.argv)}]\n".encode())
    return 0


_COMMANDS: dict[str, Callable[[Process, _Flags], Waits[int] | int]] = {
    "connect": _connect,
    "entrypoint-tester": _entrypoint_tester,
    "grpc-health-checking": _grpc,
    "liveness": _liveness,
    "netexec": _netexec,
    "pause": _pause,
    "serve-hostname": _serve_hostname,
    "test-webserver": _test_webserver,
}
