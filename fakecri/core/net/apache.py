"""Apache's httpd: its logs, its page, and its signals."""

from dataclasses import dataclass, field, replace

from fakecri.core import signals
from fakecri.core.dates import format_date
from fakecri.core.net.connections import Connection
from fakecri.core.net.crews import Crew
from fakecri.core.net.daemons import http_date
from fakecri.core.net.http import HttpServer, Request, Response, reason
from fakecri.core.net.names import own_address
from fakecri.core.net.sites import Site, log_line
from fakecri.core.processes import Process, Program
from fakecri.core.scheduler import SECOND_NS, Future, Waits

ROOT = "/usr/local/apache2/htdocs"
VERSION = "2.4.62"
WELCOME = b"<html><body><h1>It works!</h1></body></html>\n"

_WINCH = signals.NUMBERS["WINCH"]
_THREAD = 140_000_000_000_000


def httpd(ports: tuple[int, ...]) -> Program:
    """Return Apache in the foreground."""

    def run(process: Process) -> Waits[int] | int:
        if "-v" in process.spec.argv[1:]:
            process.write(f"Server version: Apache/{VERSION} (Unix)\n".encode())
            return 0
        if "-t" in process.spec.argv[1:]:
            process.error(b"Syntax OK\n")
            return 0
        return _Apache(process).run(ports)

    return run


@dataclass(slots=True)
class _Apache:
    process: Process
    site: Site = field(init=False)
    ended: Future[int] = field(init=False)

    def __post_init__(self) -> None:
        self.site = Site(self.process, ROOT, WELCOME, "")
        self.ended = Future(self.process.scheduler)

    def run(self, ports: tuple[int, ...]) -> Waits[int]:
        process = self.process
        process.title = ("httpd", "-DFOREGROUND")
        process.error(
            "AH00558: httpd: Could not reliably determine the server's fully qualified domain "
            f"name, using {own_address(process)}. Set the 'ServerName' directive globally to "
            "suppress this message\n".encode()
        )
        crew = Crew(process)
        for port in ports:
            try:
                listener = process.listen(port)
            except OSError as error:
                text = f"({error.errno}){error.strerror}: AH00072: make_sock: could not bind to "
                process.error(f"{text}address 0.0.0.0:{port}\n".encode())
                process.error(b"no listening sockets available, shutting down\nAH00015: ")
                process.error(b"Unable to open logs\n")
                return 1
            crew.run(crew.serve(listener, self.serve))
        self.note(
            "mpm_event",
            f"AH00489: Apache/{VERSION} (Unix) configured -- resuming normal operations",
        )
        self.note("core", "AH00094: Command line: 'httpd -D FOREGROUND'")
        process.handle(
            signals.SIGTERM, lambda _: self.end("AH00491: caught SIGTERM, shutting down")
        )
        process.handle(
            _WINCH, lambda _: self.end("AH00492: caught SIGWINCH, shutting down gracefully")
        )
        return (yield from self.ended)

    def serve(self, connection: Connection) -> Waits[None]:
        server = HttpServer(self.answer, {"Server": f"Apache/{VERSION} (Unix)"})
        server.answered = self.log
        server.date = lambda: http_date(self.process)
        yield from server.serve(connection)

    def answer(self, request: Request) -> Response:
        response = self.site(request)
        if response.status == 200:  # noqa: PLR2004  # OK
            return response
        title = reason(response.status)
        body = f"<html><head>\n<title>{response.status} {title}</title>\n</head><body>\n<h1>{title}"
        return replace(
            response,
            body=f"{body}</h1>\n</body></html>\n".encode(),
            content_type="text/html; charset=iso-8859-1",
        )

    def log(self, request: Request, response: Response) -> None:
        self.process.write(f"{log_line(self.process, request, response)}\n".encode())

    def note(self, module: str, text: str) -> None:
        wall_ns = self.process.wall_ns()
        micros = wall_ns % SECOND_NS // 1000
        day = format_date(wall_ns // SECOND_NS, "%a %b %d %H:%M:%S")
        year = format_date(wall_ns // SECOND_NS, "%Y")
        number = self.process.system.pids.number_of(self.process)
        where = f"[{module}:notice] [pid {number}:tid {_THREAD + number}]"
        self.process.error(f"[{day}.{micros:06} {year}] {where} {text}\n".encode())

    def end(self, text: str) -> None:
        self.note("mpm_event", text)
        self.ended.set_result(0)
