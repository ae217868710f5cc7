"""The HTTP side of a connection: routes, tokens, and what becomes of a request to upgrade.

Source: spec streaming 2.2 to 2.3. Texts and the order of headers are those of Go's server.
"""

import re
from collections.abc import Callable, Iterable
from functools import partial
from html import escape
from http import HTTPStatus
from http.client import responses
from operator import itemgetter
from posixpath import normpath
from typing import NamedTuple, TypeAlias

import h11

from fakecri.core.dates import format_date
from fakecri.core.executables import quoted
from fakecri.core.profiles import CONTAINERD, Profile
from fakecri.core.scheduler import SECOND_NS
from fakecri.core.streaming.admissions import RETRY_AFTER_S, Refusal
from fakecri.core.streaming.commands import Exec
from fakecri.core.streaming.forwards import Forward
from fakecri.core.streaming.sessions import Session
from fakecri.core.world import World
from fakecri.streaming.conversations import Conversation

HEAD_LIMIT = (1 << 20) + 4096
"""Bytes that the headers of a request may have."""

OUTPUT = 16_384
"""Bytes of answers that lie here, from which on no more requests are looked at."""

COMMANDS = ("v4.channel.k8s.io", "v3.channel.k8s.io", "v2.channel.k8s.io", "channel.k8s.io")
"""The subprotocols of exec and attach over SPDY."""
FORWARDS = ("portforward.k8s.io",)

_PATH = re.compile(r"/(exec|attach|portforward)/([^/]*)")
_TEXT = ("Content-Type", "text/plain; charset=utf-8")
_NO_SNIFFING = ("X-Content-Type-Options", "nosniff")
_VERSION = "X-Stream-Protocol-Version"
_UPGRADES = re.compile(r"(^|.*,\s*)upgrade($|\s*,)")

Headers: TypeAlias = tuple[tuple[str, str], ...]


class Request(NamedTuple):
    """What a client asks for; it has no body that anybody reads."""

    verb: str
    target: str
    headers: Headers = ()
    """Names in lower case. A name stands once for each line that has it."""

    @property
    def path(self) -> str:
        """Where to, without host and query."""
        path = self.target.partition("?")[0]
        scheme, _, rest = path.partition("://")
        return f"/{rest.partition('/')[2]}" if scheme in {"http", "https"} else path

    def values(self, name: str) -> list[str]:
        """Return the values of a header, given in lower case: one for each line."""
        return [value for key, value in self.headers if key == name]

    def first(self, name: str) -> str:
        """Return the first of them; empty where there is none."""
        return next(iter(self.values(name)), "")


class Response(NamedTuple):
    """An answer that upgrades nothing."""

    status: int
    body: bytes
    headers: Headers = ()
    """Those before Date and Content-Length."""
    trailers: Headers = ()
    """Those after them."""


class Speakers(NamedTuple):
    """What goes on after the handshake."""

    spdy: Callable[[Session, str], Conversation]
    """From a session that has begun, and its subprotocol."""
    websocket: Callable[[Request, Session], tuple[bytes, Conversation | None]]
    """From a request and a session that has not begun: the bytes of the whole answer, and what
    goes on; None where it is refused, and the connection closes."""


class Front:
    """A connection from its first byte to its last: HTTP, until something else takes over."""

    def __init__(self, world: World, speakers: Speakers, watcher: Callable[[], None]) -> None:
        """`watcher` is for the session that it will have."""
        self._world = world
        self._speakers = speakers
        self._watcher = watcher
        self._protocol = h11.Connection(h11.SERVER, max_incomplete_event_size=HEAD_LIMIT)
        self._request: Request | None = None
        self._output = bytearray()
        self._closing = False
        self._session: Session | None = None
        """Of a client that is not let in yet."""
        self._next: Conversation | None = None

    def feed(self, content: bytes) -> None:
        """Take bytes of the client."""
        if self._next is not None:
            self._next.feed(content)
        elif content and not self._closing:
            self._protocol.receive_data(content)
            self._read()

    def take(self) -> bytes:
        """Return what is to be sent next."""
        if self._next is None:
            self._read()  # what lies here since there were enough answers
        if self._output:
            output, self._output = bytes(self._output), bytearray()
            return output
        return self._next.take() if self._next is not None else b""

    def hang_up(self, reason: str = "client") -> None:
        """The connection is gone."""
        self._closing = True
        if self._session is not None:
            self._session.hang_up(reason)
        if self._next is not None:
            self._next.hang_up(reason)

    @property
    def full(self) -> bool:
        """Whether no more is to be read for now: also where a client does not read answers."""
        return len(self._output) >= OUTPUT or (self._next is not None and self._next.full)

    @property
    def ended(self) -> bool:
        """Whether nothing comes after what can be taken."""
        return self._next.ended if self._next is not None else self._closing

    @property
    def cut(self) -> bool:
        """Whether to break off."""
        if self._session is not None:
            return self._session.cut
        return self._next is not None and self._next.cut

    @property
    def is_forming(self) -> bool:
        """Whether the client is expected to say more in a moment."""
        return self._next is not None and self._next.is_forming

    @property
    def waits(self) -> bool:
        """Whether the client can do nothing but wait."""
        if self._session is not None:
            return True
        return self._next is not None and self._next.waits

    # Requests.

    def _read(self) -> None:
        try:
            while not (self._closing or self._session or self._next or self.full):
                event = self._protocol.next_event()
                if event is h11.NEED_DATA or event is h11.PAUSED:
                    return
                if isinstance(event, h11.Request):
                    self._request = _request(event)
                elif isinstance(event, h11.EndOfMessage) and self._request is not None:
                    self._answer(self._request)
        except h11.RemoteProtocolError as error:
            self._output += _complaint(error)
            self._closing = True

    def _answer(self, request: Request) -> None:
        session = self._find_session(request)
        if isinstance(session, Response):
            self._respond(session)
            return
        session.watcher = self._watcher
        self._session = session
        session.knock(partial(self._admit, request, session))

    def _admit(self, request: Request, session: Session, refusal: Refusal | None) -> None:
        """Let a client in, or tell why not; rules may have made it wait."""
        self._session = None
        asked = "websocket" if is_websocket(request) else "spdy"
        if refusal is not None:
            self._respond(_refused(*refusal))
            self._read()
        elif session.troubles.transport(asked) == "websocket":
            self._greet(request, session)
        else:
            self._upgrade(request, session)
        self._watcher()

    def _find_session(self, request: Request) -> Session | Response:
        clean = _cleaned(request.path)
        if clean != request.path:
            return _moved(request, clean)
        route = _PATH.fullmatch(request.path)
        if route is None:
            return Response(404, b"404: Page Not Found", trailers=(_TEXT,))
        if request.verb not in {"GET", "POST"}:
            allowed = (("Allow", "GET, POST"),)
            return Response(405, b"405: Method Not Allowed", allowed, trailers=(_TEXT,))
        # Whatever comes of it, the token is used.
        session = self._world.sessions.redeem(*route.groups())
        return session or _failure(404, "404 page not found")

    def _greet(self, request: Request, session: Session) -> None:
        answer, conversation = self._speakers.websocket(request, session)
        self._output += answer
        self._hand_over(conversation)

    def _upgrade(self, request: Request, session: Session) -> None:
        known = FORWARDS if session.method == Forward.method else COMMANDS
        offered = session.troubles.protocols(known, _wanted(request))
        chosen = negotiate(request, offered, self._world.profile, session.method)
        if isinstance(chosen, Response):
            self._respond(chosen)
            return
        headers = [("Connection", "Upgrade"), ("Upgrade", "SPDY/3.1"), (_VERSION, chosen)]
        if self._world.profile.dates_upgrades:
            headers.append(self._date())
        answer = h11.InformationalResponse(
            status_code=101, reason=b"Switching Protocols", headers=headers
        )
        self._output += self._protocol.send(answer) or b""
        session.begin(f"SPDY/3.1 {chosen}")
        self._hand_over(self._speakers.spdy(session, chosen))

    def _hand_over(self, conversation: Conversation | None) -> None:
        self._closing = conversation is None
        self._next = conversation
        rest, _ = self._protocol.trailing_data
        if conversation is not None and rest:
            conversation.feed(rest)

    # Answers.

    def _respond(self, response: Response) -> None:
        protocol, verb = self._protocol, self._request.verb if self._request else ""
        length = ("Content-Length", str(len(response.body)))
        headers = [*response.headers, self._date(), length, *response.trailers]
        status = response.status
        reason = responses.get(status, f"status code {status}").encode()
        start = h11.Response(status_code=status, reason=reason, headers=headers)
        self._output += protocol.send(start) or b""
        if verb != "HEAD":
            self._output += protocol.send(h11.Data(data=response.body)) or b""
        self._output += protocol.send(h11.EndOfMessage()) or b""
        self._request = None
        if protocol.our_state is h11.DONE and protocol.their_state is h11.DONE:
            protocol.start_next_cycle()
        else:
            self._closing = True

    def _date(self) -> tuple[str, str]:
        now_ns = self._world.clock.wall_ns()
        return "Date", format_date(now_ns // SECOND_NS, "%a, %d %b %Y %H:%M:%S GMT")


def is_websocket(request: Request) -> bool:
    """Whether a request is for a WebSocket; all others are for SPDY."""
    return request.first("upgrade").lower() == "websocket" and any(
        _UPGRADES.match(value.lower()) for value in request.values("connection")
    )


def negotiate(
    request: Request,
    offered: tuple[str, ...],
    profile: Profile = CONTAINERD,
    method: str = Exec.method,
) -> str | Response:
    """Return the subprotocol to speak: the client's first that is `offered`; or why there is none.

    The headers that ask for an upgrade are looked at last.
    """
    wanted = _wanted(request)
    if not wanted:
        if profile.answers_twice and method == Forward.method:
            return Response(200, b"")
        count = len({name for name, _ in request.headers} - {"host"})
        text = profile.version_missing.format(header=_VERSION, count=count)
        return _failure(400, f"unable to upgrade: {text}")
    chosen = next((each for each in wanted if each in offered), None)
    if chosen is None:
        text = (
            "unable to upgrade: unable to negotiate protocol: client supports "
            f"[{' '.join(wanted)}], server accepts [{' '.join(offered)}]"
        )
        is_twice = profile.answers_twice and method != Forward.method
        return _failure(
            403,
            f"{text}\n{text}" if is_twice else text,
            *(("X-Accepted-Stream-Protocol-Versions", each) for each in offered),
        )
    upgrades = "upgrade" in request.first("connection").lower()
    if not upgrades or "spdy/3.1" not in request.first("upgrade").lower():
        return _failure(
            400,
            f"unable to upgrade: missing upgrade headers in request: {_shown(request.headers)}",
            (_VERSION, chosen),
        )
    return chosen


def _wanted(request: Request) -> list[str]:
    """Return the subprotocols that a client of SPDY offers."""
    return listed(request.values(_VERSION.lower()))


def listed(values: Iterable[str]) -> list[str]:
    """Return the members of a list that may be written in one header or in several."""
    members = (member.strip(" ") for value in values for member in value.split(","))
    return [member for member in members if member]


def _refused(status: int, text: str) -> Response:
    again = (("Retry-After", str(RETRY_AFTER_S)),) if status == HTTPStatus.TOO_MANY_REQUESTS else ()
    return _failure(status, text, *again)


def _cleaned(path: str) -> str:
    """Return the path that Go's server sends a client to."""
    if not path.startswith("/"):
        return path
    clean = normpath(f"/{path.lstrip('/')}")
    return f"{clean}/" if path.endswith("/") and clean != "/" else clean


def _moved(request: Request, path: str) -> Response:
    _, mark, query = request.target.partition("?")
    location = path + mark + query
    headers = (("Location", location),)
    if request.verb not in {"GET", "HEAD"}:
        return Response(301, b"", headers)
    shown = escape(location).replace("&quot;", "&#34;").replace("&#x27;", "&#39;")
    body = f'<a href="{shown}">Moved Permanently</a>.\n\n'
    return Response(301, body.encode(), (("Content-Type", "text/html; charset=utf-8"), *headers))


def _failure(status: int, text: str, *headers: tuple[str, str]) -> Response:
    ordered = sorted((_TEXT, *headers, _NO_SNIFFING), key=itemgetter(0))
    return Response(status, f"{text}\n".encode(), tuple(ordered))


def _request(event: h11.Request) -> Request:
    headers = tuple((name.decode(), _text(value)) for name, value in event.headers)
    return Request(event.method.decode(), _text(event.target), headers)


def _text(content: bytes) -> str:
    return content.decode(errors="replace")


def _complaint(error: h11.RemoteProtocolError) -> bytes:
    """Return what Go's server says of bytes that are no request; it closes the connection then."""
    status = HTTPStatus(error.error_status_hint)
    text = f"{status.value} {status.phrase}"
    if "Missing mandatory Host" in str(error):
        text += ": missing required Host header"
    return f"HTTP/1.1 {text}\r\n{': '.join(_TEXT)}\r\nConnection: close\r\n\r\n{text}".encode()


def _shown(headers: Headers) -> str:
    """Return headers as Go's %#v writes them."""
    lines: dict[str, list[str]] = {}
    for name, value in headers:
        if name != "host":
            lines.setdefault(_canonical(name), []).append(quoted(value))
    shown = (f"{quoted(name)}:[]string{{{', '.join(lines[name])}}}" for name in sorted(lines))
    return f"http.Header{{{', '.join(shown)}}}"


def _canonical(name: str) -> str:
    return "-".join(part.capitalize() for part in name.split("-"))
