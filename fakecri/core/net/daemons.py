"""Servers as programs: web servers with scripted health, and echo servers."""

from collections.abc import Generator, Mapping
from dataclasses import dataclass

from fakecri.core import signals
from fakecri.core.dates import format_date
from fakecri.core.net.connections import Connection
from fakecri.core.net.crews import Crew
from fakecri.core.net.http import Answer, Handler, HttpServer, Request, Response
from fakecri.core.net.sockets import Datagrams
from fakecri.core.processes import Process, Program
from fakecri.core.scheduler import SECOND_NS, Waits

_SIGINT = signals.NUMBERS["INT"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """When a health check fails. Each condition alone makes it fail."""

    fails_from: int | None = None
    """From the nth request on, counted from 1."""
    fails_until: int | None = None
    """Up to and with the nth request."""
    fails_after_s: float | None = None
    """From so many seconds after the start on."""
    ready_after_s: float = 0.0
    """Until so many seconds after the start."""
    flips_s: float | None = None
    """Every other period of so many seconds; the first one is good."""
    status: int = 500
    """What a failure answers."""

    def is_good(self, number: int, seconds: float) -> bool:
        """Whether the nth request, so many seconds after the start, succeeds."""
        failing = (
            self.fails_from is not None and number >= self.fails_from,
            self.fails_until is not None and number <= self.fails_until,
            self.fails_after_s is not None and seconds >= self.fails_after_s,
            seconds < self.ready_after_s,
            self.flips_s is not None and int(seconds / self.flips_s) % 2 == 1,
        )
        return not any(failing)


HEALTHY = Health()
Routes = Mapping[str, "Handler | Response | bytes | str"]


def http_server(
    port: int = 8080,
    *,
    health_path: str = "/healthz",
    health: Health = HEALTHY,
    delay_s: float = 0.0,
    routes: Routes | None = None,
    server: str = "",
) -> Program:
    """Return a program that serves HTTP until SIGTERM or SIGINT, and then exits with 0.

    `health_path` answers 200 and `ok`, or what `health` says. `routes` lead from paths to
    contents, responses, or functions of the request; those may be generators, which take their
    time. Each answer takes `delay_s`. A port that is taken is an exit code of 1.
    """

    def serve(process: Process) -> Waits[int]:
        site = _Site(process, health_path, health, delay_s, routes or {})
        headers = {"Server": server} if server else {}
        return serve_http(process, HttpServer(site, headers), [port])

    return serve


@dataclass(slots=True)
class _Site:
    process: Process
    health_path: str
    health: Health
    delay_s: float
    routes: Routes
    checks: int = 0

    def __call__(self, request: Request) -> Waits[Response | None]:
        if self.delay_s:
            yield from self.process.sleep(self.delay_s)
        answer = self._find(request)
        return (yield from answer) if isinstance(answer, Generator) else answer

    def _find(self, request: Request) -> Answer:
        route = self.routes.get(request.path)
        if route is not None:
            return _answer(route, request)
        if request.path == self.health_path:
            return self._check()
        return Response(404, b"not found\n")

    def _check(self) -> Response:
        self.checks += 1
        seconds = (self.process.scheduler.now_ns - self.process.started_ns) / SECOND_NS
        if self.health.is_good(self.checks, seconds):
            return Response(200, b"ok")
        return Response(self.health.status, b"unhealthy")


def _answer(route: Handler | Response | bytes | str, request: Request) -> Answer:
    if isinstance(route, Response):
        return route
    if isinstance(route, str | bytes):
        return Response(200, route.encode() if isinstance(route, str) else route)
    return route(request)


def serve_http(
    process: Process, server: HttpServer, ports: list[int], *, stop_code: int | None = 0
) -> Waits[int]:
    """Serve HTTP on some ports until the process is told to end, which it does with a code.

    Where `stop_code` is None, SIGTERM and SIGINT do what the kernel does with them.
    """
    if stop_code is not None:
        for number in (signals.SIGTERM, _SIGINT):
            process.handle(number, lambda _: process.exit_now(stop_code))
    server.date = server.date or (lambda: http_date(process))
    crew = Crew(process)
    for port in ports:
        try:
            listener = process.listen(port)
        except OSError as error:
            process.error(f"listen tcp :{port}: bind: {(error.strerror or '').lower()}\n".encode())
            return 1
        crew.run(crew.serve(listener, server.serve))
    yield from process.forever()
    return 0


def echo_server(port: int = 7, protocol: str = "tcp") -> Program:
    """Return a program that sends back what it gets; `protocol` is `tcp` or `udp`."""

    def serve(process: Process) -> Waits[int]:
        if protocol == "udp":
            yield from echo_datagrams(process.datagrams(port))
        crew = Crew(process)
        yield from crew.serve(process.listen(port), echo)
        return 0

    return serve


def echo(connection: Connection) -> Waits[None]:
    """Send back what comes, up to the end."""
    while chunk := (yield from connection.read()):
        connection.write(chunk)
        yield from connection.room()


def echo_datagrams(socket: Datagrams) -> Waits[None]:
    """Send back what comes, for ever."""
    while True:
        payload, source = yield from socket.receive()
        socket.send(payload, source)


def http_date(process: Process) -> str:
    """Return what the wall clock shows, as HTTP writes it."""
    return format_date(process.wall_ns() // SECOND_NS, "%a, %d %b %Y %H:%M:%S GMT")
