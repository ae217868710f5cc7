"""`wget` as busybox has it, for HTTP alone; it follows no redirects."""

from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

import h11

from fakecri.core.applets import Surroundings, complain
from fakecri.core.net.http import Headers, Received, ask
from fakecri.core.net.names import UnknownNameError, resolve
from fakecri.core.net.waiting import parse_seconds, within
from fakecri.core.options import Options, UsageError, read_options
from fakecri.core.processes import Process
from fakecri.core.scheduler import Waits

_LONG = {
    "continue": "c",
    "quiet": "q",
    "server-response": "S",
    "output-document": "O",
    "timeout": "T",
    "header": "H",
    "post-data": "D",
    "spider": "s",
    "no-check-certificate": "n",
    "user-agent": "U",
}


class _Failure(Exception):  # noqa: N818  # it is a complaint, and an exit code of 1
    pass


def fetch_pages(process: Process, _: Surroundings) -> Waits[int]:
    """`wget`."""
    options = read_options(process.spec.argv, "cqSO:o:P:T:U:Y:H:D:sn", _LONG)
    if not options.operands:
        raise UsageError
    for url in options.operands:
        try:
            yield from _Fetch(process, options, _split(url)).run()
        except _Failure as failure:
            return complain(process, "wget", str(failure))
    return 0


def _split(url: str) -> SplitResult:
    parts = urlsplit(url if "://" in url else f"http://{url}")
    try:
        parts.port  # noqa: B018  # it is checked when it is read
    except ValueError:
        raise _Failure(f"bad port spec '{parts.netloc}'") from None
    if parts.scheme != "http":
        raise _Failure(f"not an http or ftp url: {url}")
    return parts


@dataclass(slots=True)
class _Fetch:
    process: Process
    options: Options
    url: SplitResult

    def last(self, letter: str, default: str = "") -> str:
        return (self.options.values(letter) or [default])[-1]

    def say(self, text: str) -> None:
        if "q" not in self.options.letters:
            self.process.error(text.encode())

    def run(self) -> Waits[None]:
        port = self.url.port or 80
        try:
            address = resolve(self.process, self.url.hostname or "")
        except UnknownNameError as error:
            raise _Failure(f"bad address '{error}'") from None
        self.say(f"Connecting to {self.url.netloc} ({address}:{port})\n")
        try:
            work = self.ask(address, port)
            received = yield from within(self.process, parse_seconds(self.last("T")), work)
        except h11.RemoteProtocolError:
            raise _Failure("error getting response") from None
        except OSError as error:
            raise _Failure(_why(address, error)) from None
        self.show(received)
        self.keep(received)

    def ask(self, address: str, port: int) -> Waits[Received]:
        body = self.last("D").encode()
        target = (self.url.path or "/") + (f"?{self.url.query}" if self.url.query else "")
        connection = yield from self.process.connect(address, port)
        try:
            method = "POST" if body else "GET"
            return (yield from ask(connection, method, target, self.headers(body), body))
        finally:
            connection.close()

    def headers(self, body: bytes) -> Headers:
        headers = [("Host", self.url.netloc), ("User-Agent", self.last("U", "Wget"))]
        headers.append(("Connection", "close"))
        for text in self.options.values("H"):
            name, _, value = text.partition(":")
            headers.append((name.strip(), value.strip()))
        if body:
            headers.append(("Content-Type", "application/x-www-form-urlencoded"))
            headers.append(("Content-Length", str(len(body))))
        return tuple(headers)

    def show(self, received: Received) -> None:
        line = f"HTTP/{received.version} {received.status} {received.reason}"
        if "S" in self.options.letters:
            lines = [line, *(f"{name}: {value}" for name, value in received.headers)]
            self.process.error("".join(f"  {each}\n" for each in lines).encode())
        if received.status >= 300:  # noqa: PLR2004  # redirects too
            raise _Failure(f"server returned error: {line}")

    def keep(self, received: Received) -> None:
        name = self.last("O") or self.url.path.rpartition("/")[2] or "index.html"
        if "s" in self.options.letters:
            self.say("remote file exists\n")
        elif name == "-":
            self.say("writing to stdout\n")
            self.process.write(received.body)
            self.say("written to stdout\n")
        else:
            try:
                self.process.files.write(name, received.body)
            except OSError as error:
                raise _Failure(f"can't open '{name}': {error.strerror}") from None
            self.say(f"saving to '{name}'\n'{name}' saved\n")


def _why(address: str, error: OSError) -> str:
    if isinstance(error, TimeoutError) and error.errno is None:
        return "download timed out"
    if isinstance(error, ConnectionResetError):
        return "error getting response: Connection reset by peer"
    return f"can't connect to remote host ({address}): {error.strerror}"
