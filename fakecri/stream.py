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
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from fakecri.core.streaming.commands import Command
from fakecri.core.streaming.sessions import Session
from fakecri.errors import Missing, UsageError
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


class Stream:
    """An exec or an attachment, as its client has it. As a context manager it hangs up at last."""

    def __init__(self, host: Host, session: Command) -> None:
        """Of a session that has begun: see `open_stream`."""
        self._host = host
        self._session = session
        self._arrived: dict[str, deque[bytes]] = {}
        self._through: set[str] = set()
        host.meet()
        with host.turn():
            session.watcher = host.notify

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.hang_up()

    def write(self, chunk: bytes) -> None:
        """Write to stdin, and wait while the process has enough; what comes meanwhile is kept.

        BrokenPipeError where the stream has ended.
        """
        session = self._session
        for start in range(0, len(chunk), _PIECE):
            while session.full:
                self._pull(lambda: not session.full)
            with self._host.turn():
                if session.ended:
                    raise BrokenPipeError
                session.feed(chunk[start : start + _PIECE])

    def close_stdin(self) -> None:
        """Write no more."""
        with self._host.turn():
            self._session.close_stdin()

    def resize(self, width: int, height: int) -> None:
        """Tell the size of the window, in columns and rows."""
        with self._host.turn():
            self._session.resize(width, height)

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
        texts = {channel: b"".join(chunks) for channel, chunks in self._arrived.items()}
        self._arrived.clear()
        return StreamResult(**texts, cut=self._session.cut)

    def hang_up(self) -> None:
        """Be gone. Harmless when it has ended."""
        with self._host.turn():
            self._session.hang_up()

    @property
    def _is_over(self) -> bool:
        return self._session.ended and not self._session.readable

    def _pull(self, or_: Callable[[], bool] = lambda: False) -> None:
        """Wait until something comes, and keep it; or until the end, or something else."""
        session = self._session
        self._host.wait_until(lambda: session.readable or session.ended or or_(), session)
        with self._host.turn():
            parcel = session.take()
        if parcel is None:
            return
        if parcel.content:
            self._arrived.setdefault(parcel.channel, deque()).append(parcel.content)
        if parcel.ends:
            self._through.add(parcel.channel)


def open_stream(host: Host, url: str, version: int) -> Stream:
    """Use a URL, once. Missing where its token is unknown, used or too old."""
    host.meet()
    with host.turn():
        session = _redeem(host, url)
        if not isinstance(session, Command):
            raise UsageError(f"{url}: it is no exec and no attachment")
        session.version = version
        session.begin(PROTOCOL)
        session.start()
    return Stream(host, session)


def _redeem(host: Host, url: str) -> Session:
    _, _, rest = urlsplit(url).path.partition("/")
    method, _, token = rest.partition("/")
    session = host.world.sessions.redeem(method, token)
    if session is None:
        raise Missing(f"{url}: nothing is behind it: it is none of ours, used, or too old")
    return session


_PIECE = 32768
