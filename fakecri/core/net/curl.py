"""`curl`, as far as tests of HTTP servers need it."""

from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

import h11

from fakecri.core.applets import Surroundings
from fakecri.core.net.http import Headers, Received, ask
from fakecri.core.net.names import UnknownNameError, resolve
from fakecri.core.net.waiting import parse_seconds, within
from fakecri.core.options import Options, UsageError, read_options
from fakecri.core.processes import Process
from fakecri.core.scheduler import SECOND_NS, Waits

_LONG = {
    "silent": "s",
    "show-error": "S",
    "output": "o",
    "write-out": "w",
    "fail": "f",
    "include": "i",
    "head": "I",
    "max-time": "m",
    "request": "X",
    "data": "d",
    "header": "H",
    "user-agent": "A",
    "connect-timeout": "c",
    "location": "L",
    "verbose": "v",
    "insecure": "k",
}
_VERSION = "7.88.1"
_UNSUPPORTED, _BAD_URL, _NO_HOST, _NO_CONNECTION = 1, 3, 6, 7
_FAILED, _WRITE_FAILED, _TIMED_OUT, _EMPTY, _RECEIVE_FAILED = 22, 23, 28, 52, 56


class _Failure(Exception):  # noqa: N818  # a text, and an exit code
    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code


def transfer(process: Process, _: Surroundings) -> Waits[int]:
    """`curl`."""
    options = read_options(process.spec.argv, "sSo:w:fiIm:X:d:H:A:c:Lvk", _LONG)
    if not options.operands:
        process.error(b"curl: try 'curl --help' for more information\n")
        return 2
    code = 0
    for url in options.operands:
        try:
            yield from _Transfer(process, options).run(url)
        except _Failure as failure:
            code = failure.code
            if "s" not in options.letters or "S" in options.letters:
                process.error(f"curl: ({code}) {failure}\n".encode())
    return code


@dataclass(slots=True)
class _Transfer:
    process: Process
    options: Options

    def last(self, letter: str, default: str = "") -> str:
        return (self.options.values(letter) or [default])[-1]

    def run(self, url: str) -> Waits[None]:
        parts, port = _split(url)
        try:
            address = resolve(self.process, parts.hostname or "")
        except UnknownNameError as error:
            raise _Failure(_NO_HOST, f"Could not resolve host: {error}") from None
        began_ns = self.process.scheduler.now_ns
        try:
            limit = parse_seconds(self.last("m")) or parse_seconds(self.last("c"))
        except UsageError:
            raise _Failure(2, "expected a proper numerical parameter") from None
        try:
            received = yield from within(self.process, limit, self.ask(address, port, parts))
        except (OSError, h11.RemoteProtocolError) as error:
            passed_ms = (self.process.scheduler.now_ns - began_ns) * 1000 // SECOND_NS
            self.written_out(None)
            raise _failure(error, f"{parts.hostname} port {port}", passed_ms) from None
        if received.status >= 400 and "f" in self.options.letters:  # noqa: PLR2004  # errors
            self.written_out(received)
            text = f"The requested URL returned error: {received.status}"
            raise _Failure(_FAILED, text)
        self.keep(received)
        self.written_out(received)

    def ask(self, address: str, port: int, parts: SplitResult) -> Waits[Received]:
        body = "&".join(self.options.values("d")).encode()
        method = self.last("X") or ("HEAD" if "I" in self.options.letters else "")
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        connection = yield from self.process.connect(address, port)
        try:
            method = method or ("POST" if body else "GET")
            return (yield from ask(connection, method, target, self.headers(parts, body), body))
        finally:
            connection.close()

    def headers(self, parts: SplitResult, body: bytes) -> Headers:
        given = [text.partition(":") for text in self.options.values("H")]
        chosen = {name.strip().lower(): (name.strip(), value.strip()) for name, _, value in given}
        headers = {
            "host": ("Host", parts.netloc),
            "user-agent": ("User-Agent", self.last("A", f"curl/{_VERSION}")),
            "accept": ("Accept", "*/*"),
        }
        if body:
            form = "application/x-www-form-urlencoded"
            headers["content-length"] = ("Content-Length", str(len(body)))
            headers["content-type"] = ("Content-Type", form)
        return tuple((headers | chosen).values())

    def keep(self, received: Received) -> None:
        content = received.body
        if self.options.letters & {"i", "I"}:
            lines = [f"HTTP/{received.version} {received.status} {received.reason}"]
            lines += [f"{name}: {value}" for name, value in received.headers]
            content = "".join(f"{line}\r\n" for line in (*lines, "")).encode() + content
        name = self.last("o", "-")
        if name == "-":
            self.process.write(content)
            return
        try:
            if name != "/dev/null":
                self.process.files.write(name, content)
        except OSError:
            raise _Failure(_WRITE_FAILED, f"Failure writing output to {name}") from None

    def written_out(self, received: Received | None) -> None:
        text = self.last("w").replace("\\n", "\n")
        code = f"{received.status:03}" if received else "000"
        size = str(len(received.body)) if received else "0"
        text = text.replace("%{http_code}", code).replace("%{response_code}", code)
        self.process.write(text.replace("%{size_download}", size).encode())


def _split(url: str) -> tuple[SplitResult, int]:
    try:
        parts = urlsplit(url if "://" in url else f"http://{url}")
        port = parts.port or 80
    except ValueError:
        raise _Failure(_BAD_URL, "URL using bad/illegal format or missing URL") from None
    if parts.scheme != "http":
        text = f'Protocol "{parts.scheme}" not supported or disabled in libcurl'
        raise _Failure(_UNSUPPORTED, text)
    return parts, port


def _failure(error: Exception, where: str, passed_ms: int) -> _Failure:
    if isinstance(error, TimeoutError) and error.errno is None:
        return _Failure(_TIMED_OUT, f"Operation timed out after {passed_ms} milliseconds")
    if isinstance(error, ConnectionResetError):
        return _Failure(_RECEIVE_FAILED, "Recv failure: Connection reset by peer")
    if isinstance(error, OSError):
        text = f"Failed to connect to {where} after {passed_ms} ms: Couldn't connect to server"
        return _Failure(_NO_CONNECTION, text)
    return _Failure(_EMPTY, "Empty reply from server")
