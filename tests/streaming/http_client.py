"""Requests to a streaming endpoint, and what is answered, to the byte."""

from __future__ import annotations

import socket
import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Sequence

TIMEOUT_S = 60.0
CHUNK = 65_536

Lines = tuple[tuple[str, str], ...]
"""Header lines, in their order."""


@dataclass(frozen=True)
class Answer:
    """A response. `rest`: what came behind the header of an upgrade."""

    status_line: str
    lines: Lines
    body: bytes = b""
    rest: bytes = b""

    @property
    def status(self) -> int:
        """The status code."""
        return int(self.status_line.split()[1])

    def all(self, name: str) -> list[str]:
        """All lines of a header, whatever the case of its name."""
        return [value for each, value in self.lines if each.lower() == name.lower()]

    def find(self, name: str) -> str | None:
        """The first of them."""
        return next(iter(self.all(name)), None)


def connect(url: str, context: ssl.SSLContext | None = None) -> socket.socket:
    """Open a connection to where a URL points."""
    parts = urlsplit(url)
    assert parts.hostname is not None
    assert parts.port is not None
    opened = socket.create_connection((parts.hostname, parts.port), TIMEOUT_S)
    opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # as Go does
    if parts.scheme == "https":
        context = context or ssl.create_default_context()
        return context.wrap_socket(opened, server_hostname=parts.hostname)
    return opened


def ask(
    url: str,
    method: str = "POST",
    lines: Sequence[tuple[str, str]] = (),
    *,
    context: ssl.SSLContext | None = None,
) -> tuple[socket.socket, Answer]:
    """Make a request, with a Host line; return its connection and the answer."""
    parts = urlsplit(url)
    target = parts.path + (f"?{parts.query}" if parts.query else "")
    named = any(name.lower() == "host" for name, _ in lines)
    head = [] if named else [f"Host: {parts.netloc}"]
    head += [f"{name}: {value}" for name, value in lines]
    connection = connect(url, context)
    text = "".join(f"{line}\r\n" for line in [f"{method} {target} HTTP/1.1", *head, ""])
    try:
        connection.sendall(text.encode())
        return connection, read_answer(connection)
    except OSError:
        connection.close()
        raise


def refusal(url: str, method: str = "POST", lines: Sequence[tuple[str, str]] = ()) -> Answer:
    """Make a request that leads to nothing more than its answer."""
    connection, answer = ask(url, method, lines)
    connection.close()
    return answer


def read_answer(connection: socket.socket) -> Answer:
    """Read a response to its end: as long as it says, or all that comes."""
    received = b""
    while b"\r\n\r\n" not in received:
        chunk = connection.recv(CHUNK)
        assert chunk, received
        received += chunk
    head, _, rest = received.partition(b"\r\n\r\n")
    status_line, *lines = head.decode("latin-1").split("\r\n")
    pairs = tuple(
        (name, value.strip()) for name, _, value in (each.partition(":") for each in lines)
    )
    answer = Answer(status_line, pairs, rest=rest)
    if answer.status == 101:
        return answer
    return Answer(status_line, pairs, _read_body(connection, answer))


def _read_body(connection: socket.socket, answer: Answer) -> bytes:
    length = answer.find("Content-Length")
    body = answer.rest
    while length is None or len(body) < int(length):
        chunk = connection.recv(CHUNK)
        if not chunk:
            break
        body += chunk
    return body
