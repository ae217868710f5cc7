"""nginx: its command line, its processes, its logs, and the files that it serves."""

import errno
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from fakecri.core import signals
from fakecri.core.dates import format_date
from fakecri.core.net.connections import Connection
from fakecri.core.net.crews import Crew
from fakecri.core.net.daemons import http_date
from fakecri.core.net.http import HttpServer, Request, Response, reason
from fakecri.core.net.sites import Site, log_line
from fakecri.core.net.sockets import Listener
from fakecri.core.processes import Process, Program
from fakecri.core.scheduler import SECOND_NS, Future, Waits

PID_FILE = "/var/run/nginx.pid"
ROOT = "/usr/share/nginx/html"
CONFIG = "/etc/nginx/nginx.conf"
SITES = "/etc/nginx/conf.d"

WELCOME = b"""\
<!DOCTYPE html>
<html>
<head>
<title>Welcome to nginx!</title>
</head>
<body>
<h1>Welcome to nginx!</h1>
<p>This page is here because the server works and has no pages of its own yet.</p>
</body>
</html>
"""
"""In words of our own; the title is what clients look for."""

_QUIT, _HUP, _INT = (signals.NUMBERS[name] for name in ("QUIT", "HUP", "INT"))
_SIGNALS = {"stop": signals.SIGTERM, "quit": _QUIT, "reload": _HUP}
_LISTEN = re.compile(r"^\s*listen\s+(?:\S+:)?(\d+)\b[^;]*;", re.MULTILINE)
_BIND_TRIES = 5
_BIND_PAUSE_S = 0.5
_CAUSES = {
    errno.EADDRINUSE: "Address already in use",
    errno.EACCES: "Permission denied",
    errno.EADDRNOTAVAIL: "Cannot assign requested address",
}


def nginx(version: str, ports: Sequence[int], *, notices: bool) -> Program:
    """Return nginx. `ports` are those it listens on unless its configuration says otherwise.

    `notices`: whether its error log shows them, as that of recent images does.
    """

    def run(process: Process) -> Waits[int] | int:
        words = process.spec.argv[1:]
        if "-v" in words or "-V" in words:
            process.error(f"nginx version: nginx/{version}\n".encode())
            return 0
        if "-t" in words:
            process.error(
                f"nginx: the configuration file {CONFIG} syntax is ok\n"
                f"nginx: configuration file {CONFIG} test is successful\n".encode()
            )
            return 0
        if "-s" in words[:-1]:
            return _signal(process, words[words.index("-s") + 1])
        return _Master(process, version, ports, notices=notices).run()

    return run


def _signal(process: Process, word: str) -> int:
    if word not in _SIGNALS:
        process.error(f'nginx: invalid option: "-s {word}"\n'.encode())
        return 1
    try:
        number = int(process.files.read(PID_FILE))
    except (OSError, ValueError):
        text = f'nginx: [error] open() "{PID_FILE}" failed (2: No such file or directory)\n'
        process.error(text.encode())
        return 1
    master = process.system.pids.find(number)
    if master is None:
        process.error(f"nginx: [alert] kill({number}, 1) failed (3: No such process)\n".encode())
        return 1
    master.kill(_SIGNALS[word])
    return 0


@dataclass(slots=True)
class _Master:
    process: Process
    version: str
    ports: Sequence[int]
    notices: bool
    crew: Crew = field(init=False)
    site: Site = field(init=False)
    ended: Future[int] = field(init=False)
    open: dict[Connection, None] = field(default_factory=dict)
    workers: list[Process] = field(default_factory=list)
    listeners: list[Listener] = field(default_factory=list)
    leaving: bool = False
    served: int = 0

    def __post_init__(self) -> None:
        self.crew = Crew(self.process)
        self.site = Site(self.process, ROOT, WELCOME)
        self.ended = Future(self.process.scheduler)

    def run(self) -> Waits[int]:
        process = self.process
        words = " ".join(process.spec.argv)
        process.title = (f"nginx: master process {words}",)
        for port in _configured_ports(process) or self.ports:
            listener = yield from self.bind(port)
            if listener is None:
                return 1
            self.crew.run(self.crew.serve(listener, self.serve))
        self.write_pid()
        self.notice('using the "epoll" event method')
        self.notice(f"nginx/{self.version}")
        self.notice("start worker processes")
        self.start_worker()
        process.handle(_QUIT, self.quit)
        process.handle(_HUP, self.reload)
        for number in (signals.SIGTERM, _INT):
            process.handle(number, self.end)
        code = yield from self.ended
        self.notice("exit")
        return code

    def bind(self, port: int) -> Waits[Listener | None]:
        """As nginx does, five times before it gives up."""
        for _ in range(_BIND_TRIES):
            try:
                listener = self.process.listen(port)
            except OSError as error:
                cause = _CAUSES.get(error.errno or 0, error.strerror)
                text = f"bind() to 0.0.0.0:{port} failed ({error.errno}: {cause})"
                self.complain("emerg", text)
                if error.errno != errno.EADDRINUSE:
                    return None
                yield from self.process.sleep(_BIND_PAUSE_S)
            else:
                self.listeners.append(listener)
                return listener
        self.complain("emerg", "still could not bind()")
        return None

    def write_pid(self) -> None:
        number = self.process.system.pids.number_of(self.process)
        try:
            self.process.files.write(PID_FILE, f"{number}\n".encode(), 0o644)
        except OSError as error:
            self.complain("emerg", f'open() "{PID_FILE}" failed ({error})')

    def start_worker(self) -> None:
        worker = self.process.spawn(self.process.spec.argv, program=_work)
        self.workers.append(worker)
        number = self.process.system.pids.number_of(worker)
        self.notice(f"start worker process {number}")

    def serve(self, connection: Connection) -> Waits[None]:
        headers = {"Server": f"nginx/{self.version}"}
        bad_request = self.page(Response(400, close=True))
        server = HttpServer(self.answer, headers, bad_request, self.log)
        server.date = lambda: http_date(self.process)
        self.open[connection] = None
        try:
            yield from server.serve(connection)
        finally:
            self.open.pop(connection, None)
            if self.leaving and not self.open:
                self.ended.set_result(0)

    def answer(self, request: Request) -> Response:
        self.served += 1
        response = self.site(request)
        if response.status == 404:  # noqa: PLR2004  # Not Found
            self.missed(request)
        if response.status != 200:  # noqa: PLR2004  # OK
            response = self.page(response)
        else:
            response = replace(response, headers=(*response.headers, ("Accept-Ranges", "bytes")))
        keeps = not self.leaving and request.header("connection").lower() != "close"
        if not keeps or request.version == "1.0":
            return replace(response, close=True)
        return replace(response, headers=(*response.headers, ("Connection", "keep-alive")))

    def page(self, response: Response) -> Response:
        """Nginx's own page for a status."""
        title = f"{response.status} {_REASONS.get(response.status) or reason(response.status)}"
        body = (
            f"<html>\r\n<head><title>{title}</title></head>\r\n<body>\r\n"
            f"<center><h1>{title}</h1></center>\r\n<hr><center>nginx/{self.version}</center>\r\n"
            "</body>\r\n</html>\r\n"
        )
        return replace(response, body=body.encode(), content_type="text/html")

    def log(self, request: Request, response: Response) -> None:
        words = [request.header(name) or "-" for name in ("referer", "user-agent")]
        forwarded = request.header("x-forwarded-for") or "-"
        quoted = " ".join(f'"{word}"' for word in (*words, forwarded))
        self.process.write(f"{log_line(self.process, request, response)} {quoted}\n".encode())

    def missed(self, request: Request) -> None:
        host = request.header("host")
        self.complain(
            "error",
            f'*{self.served} open() "{ROOT}{request.path}" failed (2: No such file or directory), '
            f'client: {request.peer[0]}, server: localhost, request: "{request.method} '
            f'{request.target} HTTP/{request.version}", host: "{host}"',
        )

    def notice(self, text: str) -> None:
        if self.notices:
            self.complain("notice", text)

    def complain(self, level: str, text: str) -> None:
        number = self.process.system.pids.number_of(self.process)
        when = format_date(self.process.wall_ns() // SECOND_NS, "%Y/%m/%d %H:%M:%S")
        self.process.error(f"{when} [{level}] {number}#{number}: {text}\n".encode())

    def quit(self, _signal: int) -> None:
        """Finish what was begun, and end."""
        self.notice("signal 3 (SIGQUIT) received, shutting down")
        self.leaving = True
        for listener in self.listeners:
            listener.close()
        for connection in tuple(self.open):
            connection.close()  # they are idle: an answer takes no time
        for worker in self.workers:
            worker.kill(_QUIT)
        if not self.open:
            self.ended.set_result(0)

    def end(self, number: int) -> None:
        self.notice(
            f"signal {number} ({'SIGTERM' if number == signals.SIGTERM else 'SIGINT'}) "
            "received, exiting"
        )
        for worker in self.workers:
            worker.kill(signals.SIGTERM)
        self.ended.set_result(0)

    def reload(self, _signal: int) -> None:
        self.notice("signal 1 (SIGHUP) received, reconfiguring")
        old, self.workers = self.workers, []
        self.start_worker()
        for worker in old:
            worker.kill(_QUIT)


_REASONS = {405: "Not Allowed", 302: "Found"}


def _work(process: Process) -> Waits[int]:
    process.title = ("nginx: worker process",)
    for number in (signals.SIGTERM, _QUIT, _INT):
        process.handle(number, lambda _: process.exit_now(0))
    yield from process.forever()
    return 0


def _configured_ports(process: Process) -> list[int]:
    """The ports of the `listen` directives of its configuration; none where it has none."""
    texts = []
    try:
        texts.append(process.files.read(CONFIG))
        names = process.files.list(SITES)
        texts += [process.files.read(f"{SITES}/{each}") for each in names if each.endswith(".conf")]
    except OSError:
        pass
    found = (int(port) for text in texts for port in _LISTEN.findall(text.decode(errors="replace")))
    return list(dict.fromkeys(found))
