"""Web servers whose health is scripted."""

from collections.abc import Sequence

import pytest

from fakecri.core.net.daemons import Health, Routes, http_server
from fakecri.core.net.http import Request, Response
from tests.core.net.pods import Pods
from tests.core.net.test_servers import get


@pytest.mark.parametrize(
    ("health", "expected"),
    [
        (Health(), [200, 200, 200, 200]),
        (Health(fails_from=3), [200, 200, 500, 500]),
        (Health(fails_until=2, status=503), [503, 503, 200, 200]),
        (Health(fails_after_s=15), [200, 200, 500, 500]),
        (Health(ready_after_s=15), [500, 500, 200, 200]),
        (Health(flips_s=10), [200, 500, 200, 500]),
    ],
)
def test_health_follows_the_script(net: Pods, health: Health, expected: Sequence[int]) -> None:
    pod = net.pod()
    net.run(pod, http_server(8080, health=health))
    seen = []
    for _ in expected:
        seen.append(get(net, pod, 8080, "/healthz").status)
        net.cri.advance(10)
    assert seen == expected


def test_routes_are_contents_responses_and_functions(net: Pods) -> None:
    pod = net.pod()

    def shout(request: Request) -> Response:
        return Response(201, request.body.upper())

    routes: Routes = {"/text": "hello", "/teapot": Response(418), "/shout": shout}
    net.run(pod, http_server(80, routes=routes, server="mine"))
    assert get(net, pod, 80, "/text").body == b"hello"
    assert dict(get(net, pod, 80, "/text").headers)["Server"] == "mine"
    assert get(net, pod, 80, "/teapot").status == 418
    assert get(net, pod, 80, "/shout", "POST", b"loud").body == b"LOUD"
    assert get(net, pod, 80, "/other").status == 404
    assert get(net, pod, 80, "/text", "HEAD").body == b""


def test_an_answer_takes_its_time(net: Pods) -> None:
    pod = net.pod()
    net.run(pod, http_server(80, delay_s=30))
    before_ns = net.cri.now_ns
    get(net, pod, 80, "/healthz")
    assert net.cri.now_ns - before_ns >= 30 * 10**9


def test_a_port_that_is_taken_is_the_end(net: Pods) -> None:
    pod = net.pod()
    net.run(pod, http_server(80))
    second = net.run(pod, http_server(80))
    assert net.node.status(second).exit_code == 1
    assert b"listen tcp :80: bind: address in use" in net.cri.log(second)
