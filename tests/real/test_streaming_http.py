"""What the streaming endpoint answers to requests: a real containerd, and the fake alike."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from tests.real.runtimes import Difference
from tests.streaming.http_client import Answer, refusal
from tests.streaming.spdy_client import COMMANDS, FORWARDS, UPGRADE, offers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.real.runtimes import Pod
    from tests.real.wires import Doors

pytestmark = pytest.mark.real

SUPPORTED = ["v4.channel.k8s.io", "v3.channel.k8s.io", "v2.channel.k8s.io", "channel.k8s.io"]
VERSION = "X-Stream-Protocol-Version"
DATED = Difference(real=False, fake=True, why="1.6 was built with a Go that leaves the date out")


@pytest.fixture
def url(doors: Doors, running: str) -> str:
    """The URL of an exec."""
    return doors.exec(running, "true")


def ask(
    url: str, protocols: Sequence[str] = ("v4.channel.k8s.io",), *, method: str = "POST"
) -> Answer:
    """Ask for an upgrade to SPDY."""
    return refusal(url, method, offers(*protocols))


def shown(answer: Answer) -> tuple[int, dict[str, str], bytes]:
    """What a response says, but for when."""
    headers = {name: value for name, value in answer.lines if name != "Date"}
    return answer.status, headers, answer.body


def plain(body: str) -> dict[str, str]:
    """The headers of Go's http.Error."""
    return {
        "Content-Type": "text/plain; charset=utf-8",
        "X-Content-Type-Options": "nosniff",
        "Content-Length": str(len(body)),
    }


GONE = (404, plain("404 page not found\n"), b"404 page not found\n")


@pytest.mark.parametrize("method", ["POST", "GET"])
def test_an_upgrade(doors: Doors, url: str, method: str) -> None:
    answer = ask(url, method=method)
    headers = {"Connection": "Upgrade", "Upgrade": "SPDY/3.1", VERSION: "v4.channel.k8s.io"}
    assert shown(answer) == (101, headers, b"")
    assert (answer.find("Date") is not None) == doors.runtime.expects(DATED)


@pytest.mark.parametrize(
    ("offered", "chosen"),
    [
        (COMMANDS, "v4.channel.k8s.io"),
        (["v2.channel.k8s.io", "v4.channel.k8s.io"], "v2.channel.k8s.io"),
        (["v9.channel.k8s.io, v3.channel.k8s.io,v4.channel.k8s.io"], "v3.channel.k8s.io"),
        (["channel.k8s.io"], "channel.k8s.io"),
    ],
)
def test_the_clients_order_decides(url: str, offered: Sequence[str], chosen: str) -> None:
    answer = ask(url, offered)
    assert (answer.status, answer.find(VERSION)) == (101, chosen)


def test_upgrades_are_asked_for_in_any_case(url: str) -> None:
    lines = [
        (VERSION.lower(), "v4.channel.k8s.io"),
        ("connection", "keep-alive, UPGRADE"),
        ("upgrade", "spdy/3.1"),
    ]
    assert refusal(url, "POST", lines).status == 101


def test_the_host_is_not_looked_at(url: str) -> None:
    lines = [("Host", "elsewhere.example"), *offers("v4.channel.k8s.io")]
    assert refusal(url, "POST", lines).status == 101


def test_a_query_does_no_harm(url: str) -> None:
    assert ask(f"{url}?a=b").status == 101


UNVERSIONED = Difference(
    real="unable to upgrade: X-Stream-Protocol-Version is required\n",
    fake="unable to upgrade: header X-Stream-Protocol-Version does not exist "
    "in request with 2 headers\n",
    why="main counts the headers that there are",
)


def test_a_version_has_to_be_offered(doors: Doors, url: str) -> None:
    answer = refusal(url, "POST", UPGRADE[:2])
    text = doors.runtime.expects(UNVERSIONED)
    assert shown(answer) == (400, plain(text), text.encode())


REPEATED = Difference(real=2, fake=1, why="1.6 says it twice")


@pytest.mark.parametrize("offered", [["v5.channel.k8s.io"], ["V4.channel.k8s.io", "foo"]])
def test_a_version_has_to_be_known(doors: Doors, url: str, offered: list[str]) -> None:
    answer = ask(url, offered)
    line = (
        f"unable to upgrade: unable to negotiate protocol: client supports [{' '.join(offered)}], "
        f"server accepts [{' '.join(SUPPORTED)}]\n"
    )
    text = line * doors.runtime.expects(REPEATED)
    accepted = "X-Accepted-Stream-Protocol-Versions"
    status, headers, body = shown(answer)
    assert headers.pop(accepted) in SUPPORTED
    assert (status, headers, body) == (403, plain(text), text.encode())
    assert answer.all(accepted) == SUPPORTED


@pytest.mark.parametrize(
    "lines",
    [
        (),
        (("Connection", "upgrade"), ("Upgrade", "h2c")),
        (("Upgrade", "SPDY/3.1"),),
        (("Connection", "Upgrade"),),
    ],
)
def test_an_upgrade_has_to_be_asked_for(url: str, lines: tuple[tuple[str, str], ...]) -> None:
    answer = refusal(url, "POST", [*lines, (VERSION, "v4.channel.k8s.io")])
    members = sorted((*lines, (VERSION, "v4.channel.k8s.io")))
    headers = ", ".join(f'"{name}":[]string{{"{value}"}}' for name, value in members)
    text = f"unable to upgrade: missing upgrade headers in request: http.Header{{{headers}}}\n"
    expected = plain(text) | {VERSION: "v4.channel.k8s.io"}
    assert shown(answer) == (400, expected, text.encode())


# Tokens.


def test_a_token_is_used_once(url: str) -> None:
    assert ask(url).status == 101
    assert shown(ask(url)) == GONE


def test_a_failed_handshake_uses_a_token_up(url: str) -> None:
    assert refusal(url).status == 400
    assert shown(ask(url)) == GONE


def test_the_path_of_another_method_uses_a_token_up(url: str) -> None:
    assert shown(ask(url.replace("/exec/", "/attach/"))) == GONE
    assert shown(ask(url)) == GONE


@pytest.mark.parametrize("method", ["PUT", "DELETE", "OPTIONS", "PATCH"])
def test_another_verb_leaves_a_token_alone(url: str, method: str) -> None:
    headers = {
        "Allow": "GET, POST",
        "Content-Length": "23",
        "Content-Type": "text/plain; charset=utf-8",
    }
    assert shown(ask(url, method=method)) == (405, headers, b"405: Method Not Allowed")
    assert ask(url).status == 101


@pytest.mark.parametrize("method", ["exec", "attach", "portforward"])
def test_an_unknown_token(url: str, method: str) -> None:
    assert shown(ask(_at(url, f"/{method}/unknown1"))) == GONE
    assert shown(ask(_at(url, f"/{method}/"))) == GONE


# Other paths.


@pytest.mark.parametrize(
    "path", ["/", "/exec", "/exec/a/b", "/exec/a/", "/Exec/a", "/cri/exec/a", "/healthz"]
)
@pytest.mark.parametrize("method", ["GET", "PUT"])
def test_other_paths_are_not_found(url: str, path: str, method: str) -> None:
    headers = {"Content-Length": "19", "Content-Type": "text/plain; charset=utf-8"}
    answer = ask(_at(url, path), method=method)
    assert shown(answer) == (404, headers, b"404: Page Not Found")


@pytest.mark.parametrize("path", ["//exec/a", "/exec//a", "/foo/../exec/a", "/exec/./a"])
@pytest.mark.parametrize("query", ["", "?a=<'b'>&c"])
def test_paths_that_are_not_clean_lead_to_those_that_are(url: str, path: str, query: str) -> None:
    answer = ask(_at(url, path + query), method="GET")
    link = "/exec/a" + query.replace("&", "&amp;").replace("'", "&#39;")
    body = f'<a href="{link.replace("<", "&lt;").replace(">", "&gt;")}">Moved Permanently</a>.\n\n'
    headers = {
        "Content-Type": "text/html; charset=utf-8",
        "Location": f"/exec/a{query}",
        "Content-Length": str(len(body)),
    }
    assert shown(answer) == (301, headers, body.encode())


def test_nothing_but_where_to_go_is_told_to_who_posts(url: str) -> None:
    answer = ask(_at(url, "/exec//a/"))
    assert shown(answer) == (301, {"Location": "/exec/a/", "Content-Length": "0"}, b"")


def _at(url: str, path: str) -> str:
    return f"http://{urlsplit(url).netloc}{path}"


# Port-forward.


def test_a_forward_has_a_protocol_of_its_own(doors: Doors, pod: Pod) -> None:
    answer = ask(doors.forward(pod.id), ["v4.channel.k8s.io"])
    text = (
        "unable to upgrade: unable to negotiate protocol: client supports [v4.channel.k8s.io], "
        "server accepts [portforward.k8s.io]\n"
    )
    expected = plain(text) | {"X-Accepted-Stream-Protocol-Versions": "portforward.k8s.io"}
    assert shown(answer) == (403, expected, text.encode())
    assert ask(doors.forward(pod.id), FORWARDS, method="GET").status == 101
