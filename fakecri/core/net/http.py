"""HTTP/1.1 over simulated connections: the server's side, and one request of a client."""

from collections.abc import Callable, Generator, Iterable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TypeAlias
from urllib.parse import parse_qsl, unquote, urlsplit

import h11

from fakecri.core.net.connections import Address, Connection
from fakecri.core.scheduler import Waits

Headers: TypeAlias = tuple[tuple[str, str], ...]

CHUNK = 65_536
_HTML_STATUS_FROM = 300


@dataclass(frozen=True, slots=True)
class Request:
    """What a client asks for."""

    method: str
    target: str
    headers: Headers = ()
    """Names in lower case."""
    body: bytes = b""
    peer: Address = ("", 0)
    version: str = "1.1"

    @property
    def path(self) -> str:
        """The target without its query, decoded."""
        return unquote(urlsplit(self.target).path)

    @property
    def query(self) -> dict[str, str]:
        """The query's values; of one that is given twice the last."""
        return dict(parse_qsl(urlsplit(self.target).query, keep_blank_values=True))

    def header(self, name: str) -> str:
        """The value of a header; empty where there is none."""
        return next((value for key, value in self.headers if key == name.lower()), "")


@dataclass(frozen=True, slots=True)
class Response:
    """What a server answers."""

    status: int = 200
    body: bytes = b""
    content_type: str = "text/plain; charset=utf-8"
    headers: Headers = ()
    close: bool = False
    """Whether the server closes the connection after it."""


Answer: TypeAlias = Response | Waits[Response | None] | None
Handler: TypeAlias = Callable[[Request], Answer]
"""From a request to a response, at once or in time; None breaks the connection off."""


def reason(status: int) -> str:
    """The words that go with a status."""
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


@dataclass(slots=True)
class HttpServer:
    """What answers the requests of a connection, one after another."""

    handler: Handler
    headers: Mapping[str, str] = field(default_factory=dict)
    """Sent with each response, before the response's own."""
    bad_request: Response = Response(400, b"400 Bad Request", close=True)
    answered: Callable[[Request, Response], None] | None = None
    """Told of each response: for an access log."""
    date: Callable[[], str] | None = None
    """What the Date header says; it comes after Server."""

    def serve(self, connection: Connection) -> Waits[None]:
        """Serve until either side closes."""
        protocol = h11.Connection(h11.SERVER, max_incomplete_event_size=CHUNK)
        while True:
            try:
                request = yield from _read_request(connection, protocol)
            except h11.RemoteProtocolError:
                if protocol.our_state in {h11.IDLE, h11.SEND_RESPONSE}:
                    yield from self._send(connection, protocol, self.bad_request, "GET")
                return
            if request is None or not (yield from self._answer(connection, protocol, request)):
                return
            if not (protocol.our_state is h11.DONE and protocol.their_state is h11.DONE):
                return
            protocol.start_next_cycle()

    def _answer(
        self, connection: Connection, protocol: h11.Connection, request: Request
    ) -> Waits[bool]:
        answer = self.handler(request)
        response = (yield from answer) if isinstance(answer, Generator) else answer
        if response is None:
            connection.abort()
            return False
        yield from self._send(connection, protocol, response, request.method)
        if self.answered is not None:
            self.answered(request, response)
        return not response.close

    def _send(
        self, connection: Connection, protocol: h11.Connection, response: Response, method: str
    ) -> Waits[None]:
        headers = [*self.headers.items()]
        if self.date is not None:
            headers.append(("Date", self.date()))
        if response.content_type and response.body:
            headers.append(("Content-Type", response.content_type))
        headers += response.headers
        headers.append(("Content-Length", str(len(response.body))))
        if response.close:
            headers.append(("Connection", "close"))
        start = h11.Response(
            status_code=response.status, reason=reason(response.status), headers=headers
        )
        connection.write(protocol.send(start) or b"")
        if method != "HEAD":
            for at in range(0, len(response.body), CHUNK):
                yield from connection.room()
                chunk = h11.Data(data=response.body[at : at + CHUNK])
                connection.write(protocol.send(chunk) or b"")
        connection.write(protocol.send(h11.EndOfMessage()) or b"")


def _decoded(headers: Iterable[tuple[bytes, bytes]]) -> Headers:
    return tuple((key.decode(), value.decode("latin-1")) for key, value in headers)


def _read_request(connection: Connection, protocol: h11.Connection) -> Waits[Request | None]:
    head: h11.Request | None = None
    body = b""
    while True:
        event = protocol.next_event()
        if event is h11.NEED_DATA:
            if protocol.they_are_waiting_for_100_continue:
                going_on = h11.InformationalResponse(status_code=100, headers=[])
                connection.write(protocol.send(going_on) or b"")
            protocol.receive_data((yield from connection.read()))
        elif isinstance(event, h11.Request):
            head = event
        elif isinstance(event, h11.Data):
            body += event.data
        elif isinstance(event, h11.EndOfMessage) and head is not None:
            return Request(
                method=head.method.decode(),
                target=head.target.decode(),
                headers=tuple(
                    (key.decode(), value.decode("latin-1")) for key, value in head.headers
                ),
                body=body,
                peer=connection.remote,
                version=head.http_version.decode(),
            )
        else:
            return None


@dataclass(frozen=True, slots=True)
class Received:
    """What a client got: the status line, the headers and the body."""

    status: int
    reason: str
    version: str
    headers: Headers
    """Names as the server wrote them."""
    body: bytes = b""


def ask(
    connection: Connection, method: str, target: str, headers: Headers, body: bytes = b""
) -> Waits[Received]:
    """Send a request and wait for the response. h11.RemoteProtocolError where it is none."""
    protocol = h11.Connection(h11.CLIENT)
    start = h11.Request(method=method, target=target, headers=list(headers))
    connection.write(protocol.send(start) or b"")
    if body:
        connection.write(protocol.send(h11.Data(data=body)) or b"")
    connection.write(protocol.send(h11.EndOfMessage()) or b"")
    head: h11.Response | None = None
    content: list[bytes] = []
    while True:
        event = protocol.next_event()
        if event is h11.NEED_DATA:
            protocol.receive_data((yield from connection.read()))
        elif isinstance(event, h11.Response):
            head = event
        elif isinstance(event, h11.Data):
            content.append(bytes(event.data))
        elif isinstance(event, h11.EndOfMessage) and head is not None:
            return Received(
                head.status_code,
                head.reason.decode("latin-1"),
                head.http_version.decode(),
                _decoded(head.headers.raw_items()),
                b"".join(content),
            )
        elif not isinstance(event, h11.InformationalResponse):
            raise h11.RemoteProtocolError("the connection was closed")
