r"""The object face of a stream: what a client of a URL does, without a wire.

    with cri.stream(url) as stream:
        stream.write(b"hello\n")
        stream.close_stdin()
        result = stream.result()

It waits as a call of the object face does: virtual time passes meanwhile, and Stuck is raised where
nothing can end the waiting.
"""

import json
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

from fakecri.contexts import UntilLeft
from fakecri.core.streaming.admissions import Refusal
from fakecri.core.streaming.commands import Command
from fakecri.core.streaming.forwards import Forward
from fakecri.core.streaming.sessions import Session
from fakecri.errors import Missing, Refused, Stuck, UsageError
from fakecri.host import Host

PROTOCOL = "object"


@dataclass(frozen=True, slots=True)
class StreamResult:
    """What came of a stream until its end, and was not read before."""

    stdout: bytes = b""
    stderr: bytes = b""
    error: bytes = b""
    """What the error channel said: a status as JSON, or plain text before version 4."""
    cut: bool = False
    """Whether the connection broke off."""

    @property
    def exit_code(self) -> int | None:
        """The exit code that the status tells; None where it tells none."""
        try:
            status = json.loads(self.error)
        except ValueError:
            return None
        if status.get("status") == "Success":
            return 0
        causes = status.get("details", {}).get("causes", ())
        codes = [each.get("message") for each in causes if each.get("reason") == "ExitCode"]
        return int(codes[0]) if codes else None


class Stream(UntilLeft):
    """A session as its client has it: an exec, an attachment, a port-forward.

    As a context manager it hangs up at last. UsageError where a session has no such thing.
    """

    def __init__(self, host: Host, session: Session) -> None:
        """Of a session that has begun: see `open_stream`."""
        self._host = host
        self._session = session
        self._arrived: dict[str, deque[bytes]] = {}
        self._through: set[str] = set()
        host.meet()
        with host.turn():
            session.watcher = host.notify

    def write(self, chunk: bytes) -> None:
        """Write to stdin, and wait while the process has enough; what comes meanwhile is kept.

        BrokenPipeError where the stream has ended.
        """
        session = self._command
        self.send(chunk, session.feed, lambda: session.full)

    def close_stdin(self) -> None:
        """Write no more."""
        with self._host.turn():
            self._command.close_stdin()

    def resize(self, width: int, height: int) -> None:
        """Tell the size of the window, in columns and rows."""
        with self._host.turn():
            self._command.resize(width, height)

    def connect(self, port: int) -> "Connection":
        """Connect to a port of the pod, through a port-forward."""
        with self._host.turn():
            return Connection(self, self._host, self._forward, self._forward.connect(port))

    def read(self, channel: str = "stdout") -> bytes:
        """Wait for the next chunk of a channel; `b""` at its end."""
        arrived = self._arrived.setdefault(channel, deque())
        while not (arrived or channel in self._through or self._is_over):
            self._pull()
        return arrived.popleft() if arrived else b""

    def result(self) -> StreamResult:
        """Wait for the end; return all that came and was not read."""
        while not self._is_over:
            self._pull()
        out, err, error = (b"".join(self._arrived.pop(each, ())) for each in _CHANNELS)
        return StreamResult(out, err, error, cut=self._session.cut)

    def hang_up(self) -> None:
        """Be gone. Harmless when it has ended."""
        with self._host.turn():
            self._session.hang_up()

    def _left(self, _error: BaseException | None) -> None:
        self.hang_up()

    def send(
        self, chunk: bytes, feed: Callable[[bytes], None], is_full: Callable[[], bool]
    ) -> None:
        """Send in pieces, each of them when there is room."""
        for start in range(0, len(chunk), _PIECE):
            while is_full():
                self._pull(lambda: not is_full())
            with self._host.turn():
                if self._session.ended:
                    raise BrokenPipeError
                self._session.touch()
                feed(chunk[start : start + _PIECE])

    @property
    def _command(self) -> Command:
        if not isinstance(self._session, Command):
            raise UsageError(f"{self._session.name} is that of a port-forward: connect to a port")
        return self._session

    @property
    def _forward(self) -> Forward:
        if not isinstance(self._session, Forward):
            raise UsageError(f"{self._session.name} leads to no ports")
        return self._session

    @property
    def _is_over(self) -> bool:
        return self._session.ended and not self._session.readable

    def _pull(self, or_: Callable[[], bool] = lambda: False) -> None:
        """Wait until something comes, and keep it; or until the end, or something else."""
        session = self._session
        self._host.wait_until(lambda: session.readable or session.ended or or_(), session)
        with self._host.turn():
            session.touch()
            parcel = session.take()
        if parcel is None:
            return
        if parcel.content:
            self._arrived.setdefault(parcel.channel, deque()).append(parcel.content)
        if parcel.ends:
            self._through.add(parcel.channel)


class Connection:
    """One connection of a port-forward."""

    def __init__(self, stream: Stream, host: Host, session: Forward, number: int) -> None:
        """Use `Stream.connect`."""
        self._stream = stream
        self._host = host
        self._session = session
        self._number = number

    def write(self, chunk: bytes) -> None:
        """Send, and wait while the pod has enough; nobody says where nobody is left to read it.

        BrokenPipeError where the whole stream has ended.
        """
        session, number = self._session, self._number
        self._stream.send(
            chunk, lambda piece: session.feed(number, piece), lambda: session.is_full(number)
        )

    def close(self) -> None:
        """Send no more. A second later it is over."""
        with self._host.turn():
            self._session.close(self._number)

    def read(self) -> bytes:
        """Wait for the next chunk; `b""` at the end."""
        return self._stream.read(f"data.{self._number}")

    def error(self) -> bytes:
        """Wait for the end; return what went wrong, if anything did."""
        return b"".join(iter(lambda: self._stream.read(f"error.{self._number}"), b""))


class NotUpgraded(Refused):
    """There was an answer of HTTP instead of a stream."""

    def __init__(self, url: str, status: int, text: str) -> None:
        super().__init__(f"{url}: {status}: {text}")
        self.status = status
        """Of HTTP."""
        self.text = text


def open_stream(
    host: Host, url: str, version: int, window: tuple[int, int] | None = None
) -> Stream:
    """Use a URL, once. Missing where its token is unknown, used or too old.

    NotUpgraded and ConnectionResetError where a rule wants it so.
    """
    host.meet()
    with host.turn():
        session = _redeem(host, url)
    _enter(host, session, url)
    with host.turn():
        if isinstance(session, Command):
            _negotiate(session, url, _COMMANDS[version - 1])
        else:
            _negotiate(session, url, _FORWARDS)
        session.begin(PROTOCOL)
        if isinstance(session, Command):
            session.version = version
            session.resize(*(window or (0, 0)))
            session.start()
    return Stream(host, session)


def _enter(host: Host, session: Session, url: str) -> None:
    """Wait until the client is let in."""
    answers: list[Refusal | None] = []

    def answered(answer: Refusal | None) -> None:
        answers.append(answer)
        host.notify()

    with host.turn():
        session.watcher = host.notify
        session.knock(answered)
    try:
        host.wait_until(lambda: bool(answers) or session.ended, session)
    except Stuck:
        with host.turn():
            session.hang_up()
        raise
    if not answers:
        raise ConnectionResetError(f"{url}: the connection was reset")
    (refusal,) = answers
    if refusal is not None:
        raise NotUpgraded(url, *refusal)


def _negotiate(session: Session, url: str, protocol: str) -> None:
    spoken = session.world.profile.newest_subprotocols or protocol != _COMMANDS[-1]
    if not (spoken and session.troubles.protocols((protocol,), (protocol,))):
        raise NotUpgraded(url, 403, f"unable to negotiate protocol: {protocol}")


def _redeem(host: Host, url: str) -> Session:
    _, _, rest = urlsplit(url).path.partition("/")
    method, _, token = rest.partition("/")
    session = host.world.sessions.redeem(method, token)
    if session is None:
        raise Missing(f"{url}: nothing is behind it: it is none of ours, used, or too old")
    return session


_CHANNELS = ("stdout", "stderr", "error")
_PIECE = 32768
_COMMANDS = ("channel.k8s.io", *(f"v{version}.channel.k8s.io" for version in (2, 3, 4, 5)))
_FORWARDS = "portforward.k8s.io"
