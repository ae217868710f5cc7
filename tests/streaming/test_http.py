"""What the HTTP side of a connection answers, to the byte. Source: spec streaming 2.2 and 2.3."""

import re
from collections.abc import Iterator
from typing import NoReturn

import h11
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakecri import CRI
from fakecri.api import runtime_pb2 as pb
from fakecri.core.streaming.sessions import Session
from fakecri.streaming.http import (
    HEAD_LIMIT,
    OUTPUT,
    Front,
    Request,
    Speakers,
    is_websocket,
    negotiate,
)
from tests.support import Node, node

DATE = "Date: Thu, 01 Jan 2026 00:00:00 GMT\r\n"
TEXT = "Content-Type: text/plain; charset=utf-8\r\n"
NO_SNIFFING = "X-Content-Type-Options: nosniff\r\n"
V4 = "X-Stream-Protocol-Version: v4.channel.k8s.io\r\n"
SPDY = "Connection: Upgrade\r\nUpgrade: SPDY/3.1\r\n"
WEBSOCKET = "Connection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\n"
UNKNOWN = (
    f"HTTP/1.1 404 Not Found\r\n{TEXT}{NO_SNIFFING}{DATE}Content-Length: 19\r\n\r\n"
    "404 page not found\n"
)
NO_ROUTE = f"HTTP/1.1 404 Not Found\r\n{DATE}Content-Length: 19\r\n{TEXT}\r\n404: Page Not Found"


class Echo:
    """A conversation that says what it hears."""

    is_forming, waits, cut = True, True, False

    def __init__(self, name: str) -> None:
        self.heard = b""
        self.name = name
        self.full = self.ended = False
        self.reason = ""

    def feed(self, content: bytes) -> None:
        self.heard += content

    def take(self) -> bytes:
        heard, self.heard = self.heard, b""
        return heard

    def hang_up(self, reason: str = "client") -> None:
        self.reason = reason


class Endpoint:
    """Connections to a node, and what was spoken on them."""

    def __init__(self, opened: Node) -> None:
        self.node = opened
        self.pod = opened.run_sandbox()
        self.container = opened.run(self.pod, "sleep", "999")
        self.conversations: list[Echo] = []
        self.pokes = 0

    def _spdy(self, session: Session, protocol: str) -> Echo:
        self.conversations.append(Echo(f"{session.method} {protocol}"))
        return self.conversations[-1]

    def _websocket(self, request: Request, session: Session) -> tuple[bytes, Echo | None]:
        if request.verb != "GET":
            return b"no", None
        self.conversations.append(Echo(f"{session.method} {request.first('x')}"))
        return b"yes", self.conversations[-1]

    def front(self) -> Front:
        with self.node.cri.host.turn() as world:
            return Front(world, Speakers(self._spdy, self._websocket), self._poke)

    def _poke(self) -> None:
        self.pokes += 1

    def path(self, method: str = "exec") -> str:
        """Return where a new token leads."""
        runtime = self.node.runtime
        if method == "exec":
            url = runtime.Exec(pb.ExecRequest(container_id=self.container, stdout=True)).url
        elif method == "attach":
            url = runtime.Attach(pb.AttachRequest(container_id=self.container, stdout=True)).url
        else:
            url = runtime.PortForward(pb.PortForwardRequest(pod_sandbox_id=self.pod)).url
        return "/" + url.split("/", 3)[3]

    def say(self, front: Front, text: str | bytes) -> str:
        """Send it and return what comes back."""
        with self.node.cri.host.turn():
            front.feed(text.encode("latin-1") if isinstance(text, str) else text)
            return front.take().decode("latin-1")

    def ask(self, verb: str, path: str, headers: str = "") -> tuple[str, Front]:
        """Send one request on a connection of its own."""
        front = self.front()
        return self.say(
            front, f"{verb} {path} HTTP/1.1\r\nHost: any.thing:1\r\n{headers}\r\n"
        ), front


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    with node("object", pace="manual") as opened:
        opened.pull("busybox")
        yield Endpoint(opened)


# Routes and tokens.


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/exec",
        "/exec/x/y",
        "/exec/abcdefgh/",
        "/nope/abcdefgh",
        "/EXEC/abcdefgh",
        "*",
        "/a%2F",
    ],
)
@pytest.mark.parametrize("verb", ["GET", "PUT"])
def test_other_paths_are_not_found(endpoint: Endpoint, verb: str, path: str) -> None:
    answer, front = endpoint.ask(verb, path, SPDY + V4)
    assert answer == NO_ROUTE
    assert not front.ended


@pytest.mark.parametrize(
    ("path", "clean"),
    [
        ("//exec/a", "/exec/a"),
        ("/exec//a/?b=c", "/exec/a/?b=c"),
        ("/attach/..", "/"),
        ("http://there//exec/./a", "/exec/a"),
    ],
)
def test_paths_that_are_not_clean_lead_to_those_that_are(
    endpoint: Endpoint, path: str, clean: str
) -> None:
    answer, front = endpoint.ask("POST", path, SPDY + V4)
    head = f"HTTP/1.1 301 Moved Permanently\r\nLocation: {clean}\r\n{DATE}"
    assert answer == f"{head}Content-Length: 0\r\n\r\n"
    assert not front.ended


@pytest.mark.parametrize("verb", ["PUT", "HEAD", "OPTIONS", "DELETE"])
def test_other_verbs_are_not_allowed_and_burn_nothing(endpoint: Endpoint, verb: str) -> None:
    path = endpoint.path()
    answer, _ = endpoint.ask(verb, path)
    assert answer == (
        f"HTTP/1.1 405 Method Not Allowed\r\nAllow: GET, POST\r\n{DATE}Content-Length: 23\r\n{TEXT}"
        "\r\n" + ("" if verb == "HEAD" else "405: Method Not Allowed")
    )
    assert endpoint.ask("GET", path, SPDY + V4)[0].startswith("HTTP/1.1 101 ")


@pytest.mark.parametrize(
    "path", ["/exec/", "/exec/abcdefgh", "/attach/...", "/portforward/%20?a=b"]
)
def test_unknown_tokens_are_not_found(endpoint: Endpoint, path: str) -> None:
    assert endpoint.ask("POST", path, SPDY + V4)[0] == UNKNOWN


def test_a_token_is_good_once(endpoint: Endpoint) -> None:
    path = endpoint.path()
    assert endpoint.ask("POST", path, SPDY + V4)[0].startswith("HTTP/1.1 101 ")
    assert endpoint.ask("POST", path, SPDY + V4)[0] == UNKNOWN


@pytest.mark.parametrize("headers", ["", SPDY, V4, SPDY + "X-Stream-Protocol-Version: x\r\n"])
def test_a_failed_negotiation_burns_the_token(endpoint: Endpoint, headers: str) -> None:
    path = endpoint.path()
    assert endpoint.ask("POST", path, headers)[0][9:12] in {"400", "403"}
    assert endpoint.ask("POST", path, SPDY + V4)[0] == UNKNOWN


def test_a_token_under_the_path_of_another_method_is_burnt(endpoint: Endpoint) -> None:
    path = endpoint.path()
    assert endpoint.ask("GET", path.replace("exec", "attach"), SPDY + V4)[0] == UNKNOWN
    assert endpoint.ask("GET", path, SPDY + V4)[0] == UNKNOWN


def test_a_token_is_too_old_after_a_minute(endpoint: Endpoint) -> None:
    paths = endpoint.path(), endpoint.path()
    endpoint.node.cri.advance("59s")
    assert endpoint.ask("GET", paths[0], SPDY + V4)[0].startswith("HTTP/1.1 101 ")
    endpoint.node.cri.advance("1s")
    assert endpoint.ask("GET", paths[1], SPDY + V4)[0].startswith("HTTP/1.1 404 ")


def test_the_query_and_the_host_are_nobodys_business(endpoint: Endpoint) -> None:
    more = "X-Forwarded-For: 10.0.0.1\r\nUser-Agent: a\r\nUser-Agent: b\r\nX-\xff: \r\n"
    for path in (f"{endpoint.path()}?command=a/b&x", f"http://elsewhere{endpoint.path()}"):
        assert endpoint.ask("GET", path, SPDY + V4 + more.replace("\xff", "y"))[0][9:12] == "101"


# The negotiation of SPDY.


@pytest.mark.parametrize(("verb", "method"), [("GET", "exec"), ("POST", "exec"), ("GET", "attach")])
def test_an_upgrade_to_spdy(endpoint: Endpoint, verb: str, method: str) -> None:
    answer, front = endpoint.ask(verb, endpoint.path(method), SPDY + V4 + "Content-Length: 0\r\n")
    assert answer == (
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n"
        f"{V4}{DATE}\r\n"
    )
    assert [each.name for each in endpoint.conversations] == [f"{method} v4.channel.k8s.io"]
    assert (front.is_forming, front.waits, front.ended, front.full) == (True, True, False, False)


def test_an_upgrade_of_a_port_forward(endpoint: Endpoint) -> None:
    chosen = "X-Stream-Protocol-Version: portforward.k8s.io\r\n"
    answer, _ = endpoint.ask("POST", endpoint.path("portforward"), SPDY + chosen)
    assert chosen in answer
    assert [each.name for each in endpoint.conversations] == ["portforward portforward.k8s.io"]


def test_what_came_with_the_request_is_for_who_goes_on(endpoint: Endpoint) -> None:
    front = endpoint.front()
    request = f"POST {endpoint.path()} HTTP/1.1\r\nHost: h\r\n{SPDY}{V4}\r\n\x80\x03more"
    assert endpoint.say(front, request).startswith("HTTP/1.1 101 ")
    assert endpoint.say(front, "and more") == "\x80\x03moreand more"
    conversation = endpoint.conversations[0]
    conversation.full = conversation.ended = True
    assert (front.full, front.ended) == (True, True)
    front.hang_up("restart")
    assert conversation.reason == "restart"


def test_without_a_list_of_subprotocols(endpoint: Endpoint) -> None:
    for headers, count in ((SPDY, 2), ("", 0), ("A: 1\r\na: 2\r\nB: 3\r\n", 2)):
        body = (
            "unable to upgrade: header X-Stream-Protocol-Version does not exist in request with "
            f"{count} headers\n"
        )
        assert endpoint.ask("POST", endpoint.path(), headers)[0] == (
            f"HTTP/1.1 400 Bad Request\r\n{TEXT}{NO_SNIFFING}{DATE}Content-Length: {len(body)}\r\n"
            f"\r\n{body}"
        )


def test_with_nothing_in_common(endpoint: Endpoint) -> None:
    asked = "X-Stream-Protocol-Version: v5.channel.k8s.io, b\r\nX-Stream-Protocol-Version: c\r\n"
    body = (
        "unable to upgrade: unable to negotiate protocol: client supports [v5.channel.k8s.io b c], "
        "server accepts [v4.channel.k8s.io v3.channel.k8s.io v2.channel.k8s.io channel.k8s.io]\n"
    )
    accepted = "".join(
        f"X-Accepted-Stream-Protocol-Versions: {each}channel.k8s.io\r\n"
        for each in ("v4.", "v3.", "v2.", "")
    )
    assert endpoint.ask("POST", endpoint.path(), asked)[0] == (
        f"HTTP/1.1 403 Forbidden\r\n{TEXT}{accepted}{NO_SNIFFING}{DATE}"
        f"Content-Length: {len(body)}\r\n\r\n{body}"
    )


def test_what_asks_for_the_upgrade_is_looked_at_last(endpoint: Endpoint) -> None:
    headers = 'connection: upgrade\r\nUpgrade: f"o\r\nAbc: 2\r\nABC: 3\r\n' + V4
    shown = (
        '"Abc":[]string{"2", "3"}, "Connection":[]string{"upgrade"}, "Upgrade":[]string{"f\\"o"}, '
        '"X-Stream-Protocol-Version":[]string{"v4.channel.k8s.io"}'
    )
    body = f"unable to upgrade: missing upgrade headers in request: http.Header{{{shown}}}\n"
    assert endpoint.ask("POST", endpoint.path(), headers)[0] == (
        f"HTTP/1.1 400 Bad Request\r\n{TEXT}{NO_SNIFFING}{V4}{DATE}Content-Length: {len(body)}\r\n"
        f"\r\n{body}"
    )


NAMES = st.sampled_from(["v5.channel.k8s.io", "v4.channel.k8s.io", "channel.k8s.io", "x", ""])


@given(st.lists(st.lists(NAMES, min_size=1), min_size=1), st.lists(NAMES, min_size=1, unique=True))
def test_the_clients_order_decides_however_its_list_is_written(
    lines: list[list[str]], offered: list[str]
) -> None:
    written = tuple(("x-stream-protocol-version", " , ".join(line)) for line in lines)
    asked = (*written, ("connection", "x, UpGrade"), ("upgrade", "Spdy/3.1"))
    wanted = [name for line in lines for name in line if name]
    chosen = negotiate(Request("POST", "/", asked), tuple(offered))
    common = [name for name in wanted if name in offered]
    if common:
        assert chosen == common[0]
    else:
        assert isinstance(chosen, tuple)
        assert chosen.status == (403 if wanted else 400)


# WebSockets.


@pytest.mark.parametrize(
    ("connection", "upgrade", "answer"),
    [
        (["Upgrade"], "websocket", True),
        (["keep-alive", "foo, UPGRADE , bar"], "WebSocket", True),
        (["upgrades"], "websocket", False),
        (["Upgrade"], "websocket, x", False),
        (["Upgrade"], "SPDY/3.1", False),
        ([], "websocket", False),
    ],
)
def test_what_is_a_websocket(connection: list[str], upgrade: str, answer: bool) -> None:
    headers = (*(("connection", each) for each in connection), ("upgrade", upgrade))
    assert is_websocket(Request("GET", "/", headers)) is answer


def test_websockets_answer_for_themselves(endpoint: Endpoint) -> None:
    front = endpoint.front()
    request = f"GET {endpoint.path('attach')} HTTP/1.1\r\nHost: h\r\n{WEBSOCKET}X: 1\r\n\r\n"
    assert endpoint.say(front, request + "more") == "yes"
    assert endpoint.say(front, "") == "more"
    assert endpoint.conversations[0].name == "attach 1"
    answer, front = endpoint.ask("POST", endpoint.path(), WEBSOCKET)
    assert (answer, front.ended) == ("no", True)


# The connection.


def test_a_connection_is_kept_until_the_client_asks_to_close_it(endpoint: Endpoint) -> None:
    front = endpoint.front()
    asked = "GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc"
    assert endpoint.say(front, asked + asked) == NO_ROUTE + NO_ROUTE
    closing = "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
    answer = NO_ROUTE.replace(TEXT, f"{TEXT}Connection: close\r\n")
    assert (endpoint.say(front, closing), front.ended) == (answer, True)
    assert endpoint.say(front, asked) == ""


def test_many_requests_are_answered_as_fast_as_the_answers_are_taken(endpoint: Endpoint) -> None:
    front = endpoint.front()
    answers = endpoint.say(front, "GET / HTTP/1.1\r\nHost: h\r\n\r\n" * 1000)
    assert len(answers) < 2 * OUTPUT
    for _ in range(1000):
        answers += endpoint.say(front, "")
    assert answers == NO_ROUTE * 1000


@pytest.mark.parametrize(
    ("sent", "status", "more"),
    [
        ("garbage\r\n\r\n", "400 Bad Request", ""),
        ("GET / HTTP/1.1\r\n\r\n", "400 Bad Request", ": missing required Host header"),
        ("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "400 Bad Request", ""),
        ("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n", "400 Bad Request", ""),
        ("\x16\x03\x01\x02\x00\x01\x00\r\n\r\n", "400 Bad Request", ""),
        (
            "GET / HTTP/1.1\r\nHost: a\r\nA: " + "x" * HEAD_LIMIT,
            "431 Request Header Fields Too Large",
            "",
        ),
    ],
)
def test_what_is_no_request(endpoint: Endpoint, sent: str, status: str, more: str) -> None:
    front = endpoint.front()
    text = status + more
    assert endpoint.say(front, sent) == (
        f"HTTP/1.1 {text}\r\n{TEXT}Connection: close\r\n\r\n{text}"
    )
    assert front.ended
    assert endpoint.say(front, "GET / HTTP/1.1\r\nHost: h\r\n\r\n") == ""


def test_headers_may_be_large(endpoint: Endpoint) -> None:
    assert endpoint.ask("GET", "/", f"A: {'x' * (HEAD_LIMIT - 100)}\r\n")[0] == NO_ROUTE


PIECES = st.sampled_from(
    [
        b"GET /exec/abcdefgh HTTP/1.1\r\nHost: h\r\n",
        b"POST /nope HTTP/1.0\r\n",
        b"Upgrade: websocket\r\nConnection: Upgrade\r\n",
        SPDY.encode(),
        V4.encode(),
        b"Content-Length: 4\r\n",
        b"Transfer-Encoding: chunked\r\n",
        b"Expect: 100-continue\r\n",
        b"\r\n",
        b"4\r\nabcd\r\n0\r\n\r\n",
        b"\xff\x00: \xfe\r\n",
    ]
)


@given(st.lists(PIECES | st.binary(max_size=20), max_size=30), st.data())
def test_whatever_comes_in_whatever_pieces_is_answered_by_http_or_not_at_all(
    parts: list[bytes], data: st.DataObject
) -> None:
    sent = b"".join(parts)
    with CRI(pace="manual") as cri, cri.host.turn() as world:
        whole = Front(world, Speakers(_never, _never), lambda: None)
        whole.feed(sent)
        cut = Front(world, Speakers(_never, _never), lambda: None)
        at = 0
        while at < len(sent):
            size = data.draw(st.integers(1, 50))
            cut.feed(sent[at : at + size])
            at += size
        answer = whole.take()
        assert (cut.take(), cut.ended) == (answer, whole.ended)
    statuses = re.findall(rb"HTTP/1.1 (\d+) ", answer)
    assert set(statuses) <= {b"400", b"404", b"501"}
    assert answer == b"" or answer.startswith(b"HTTP/1.1 ")
    if answer and not whole.ended:
        client = h11.Connection(h11.CLIENT)
        client.receive_data(answer)
        assert isinstance(client.next_event(), h11.Response)


def _never(*_: object) -> NoReturn:
    pytest.fail("no token is known")
