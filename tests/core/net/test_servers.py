"""The servers of known images, asked by simulated clients."""

from typing import Any

import pytest

from fakecri.core.net.http import Received, ask
from fakecri.core.processes import Process
from fakecri.core.scheduler import Waits
from tests.core.net.pods import Pods

NGINX = "registry.k8s.io/e2e-test-images/nginx:1.14-2"
HTTPD = "registry.k8s.io/e2e-test-images/httpd:2.4.39-4"
AGNHOST = "registry.k8s.io/e2e-test-images/agnhost:2.53"


def get(
    net: Pods, pod: str, port: int, target: str, method: str = "GET", body: bytes = b""
) -> Received:
    """Ask the server in a pod, from another pod."""
    address = net.address(pod) or "10.88.0.1"

    def work(process: Process) -> Waits[Any]:
        connection = yield from process.connect(address, port)
        headers = [("Host", f"{address}:{port}"), ("User-Agent", "test/1")]
        if body:
            headers.append(("Content-Length", str(len(body))))
        return (yield from ask(connection, method, target, tuple(headers), body))

    net.client = net.client or net.pod("client")
    result = net.result(net.client, work)
    assert isinstance(result, Received), result
    return result


def log(net: Pods, container: str, stream: str) -> list[str]:
    """The lines of one stream of a container's log."""
    lines = [each.split(" ", 3) for each in net.cri.log(container).decode().splitlines()]
    return [line[3] for line in lines if line[1] == stream]


def test_nginx_shows_its_welcome_page_and_logs_who_saw_it(net: Pods) -> None:
    pod = net.pod()
    container = net.start(pod, NGINX)
    answer = get(net, pod, 80, "/")
    headers = dict(answer.headers)
    assert (answer.status, headers["Server"]) == (200, "nginx/1.14.2")
    assert headers["Content-Type"] == "text/html"
    assert b"<title>Welcome to nginx!</title>" in answer.body
    client = net.address(net.client)
    line = f'{client} - - [01/Jan/2026:00:00:00 +0000] "GET / HTTP/1.1" 200 {len(answer.body)}'
    assert log(net, container, "stdout") == [f'{line} "-" "test/1" "-"']


def test_nginx_says_what_is_missing(net: Pods) -> None:
    pod = net.pod()
    container = net.start(pod, NGINX)
    answer = get(net, pod, 80, "/nothing")
    assert answer.status == 404
    assert b"<center>nginx/1.14.2</center>" in answer.body
    assert any("No such file or directory" in line for line in log(net, container, "stderr"))


@pytest.mark.parametrize("image", [NGINX, "nginx", "nginx:alpine"])
def test_nginx_ends_in_good_order(net: Pods, image: str) -> None:
    pod = net.pod()
    container = net.start(pod, image)
    net.node.stop(container, timeout=30)
    status = net.node.status(container)
    assert (status.exit_code, status.finished_at - status.started_at < 10**9) == (0, True)


def test_nginx_has_workers_and_a_title(net: Pods) -> None:
    pod = net.pod()
    container = net.start(pod, NGINX)
    system = net.cri.host.world.store.containers.get(container).system
    assert system is not None
    assert [each.title for _, each in system.pids] == [
        ("nginx: master process nginx -g daemon off;",),
        ("nginx: worker process",),
    ]


def test_a_second_nginx_in_a_pod_gives_up_after_five_tries(net: Pods) -> None:
    pod = net.pod()
    net.start(pod, NGINX)
    second = net.start(pod, NGINX)
    net.cri.advance(60)
    assert net.node.status(second).exit_code == 1
    lines = log(net, second, "stderr")
    assert len(lines) == 6
    assert lines[0].endswith(
        "[emerg] 1#1: bind() to 0.0.0.0:80 failed (98: Address already in use)"
    )
    assert lines[-1].endswith("[emerg] 1#1: still could not bind()")


def test_nginx_of_a_host_network_pod_listens_on_the_port_of_its_image(net: Pods) -> None:
    pod = net.host_pod()
    net.start(pod, "gcr.io/k8s-staging-cri-tools/hostnet-nginx-amd64")
    assert get(net, pod, 12003, "/").status == 200


def test_httpd_works_and_logs_its_command_line(net: Pods) -> None:
    pod = net.pod()
    container = net.start(pod, HTTPD)
    assert get(net, pod, 80, "/").body == b"<html><body><h1>It works!</h1></body></html>\n"
    assert any("httpd -D FOREGROUND" in line for line in log(net, container, "stderr"))
    net.node.stop(container, timeout=30)
    assert net.node.status(container).exit_code == 0


def test_redis_takes_connections(net: Pods) -> None:
    pod = net.pod()
    net.start(pod, "redis")
    connection = net.result(pod, lambda process: process.connect("127.0.0.1", 6379))
    assert connection.remote == ("127.0.0.1", 6379)


def agnhost(net: Pods, *arguments: str) -> tuple[str, str]:
    pod = net.pod(hostname="web-0")
    return pod, net.start(pod, AGNHOST, "/agnhost", *arguments)


def test_netexec_answers_as_agnhost_does(net: Pods) -> None:
    pod, container = agnhost(net, "netexec", "--http-port=80")
    assert get(net, pod, 80, "/hostname").body == b"web-0"
    assert get(net, pod, 80, "/echo?msg=hello%20world").body == b"hello world"
    assert get(net, pod, 80, "/clientip").body.startswith(b"10.88.0.3:")
    assert get(net, pod, 80, "/healthz").status == 200
    assert get(net, pod, 80, "/redirect?location=/x&code=301").status == 301
    assert get(net, pod, 80, "/shell?cmd=ls").status == 501
    assert get(net, pod, 80, "/exit?code=3").status == 200
    assert net.node.status(container).exit_code == 3


def test_netexec_answers_datagrams(net: Pods) -> None:
    pod, _ = agnhost(net, "netexec")

    def talk(process: Process) -> Waits[Any]:
        socket = process.datagrams()
        socket.send(b"echo hello", (net.address(pod), 8081))
        payload, _ = yield from socket.receive()
        return payload

    assert net.result(pod, talk) == b"hello"


def test_liveness_fails_after_ten_seconds(net: Pods) -> None:
    pod, _ = agnhost(net, "liveness")
    assert get(net, pod, 8080, "/healthz").status == 200
    net.cri.advance(11)
    assert get(net, pod, 8080, "/healthz").status == 500


def test_agnhost_connect_tells_refused_from_open(net: Pods) -> None:
    pod, container = agnhost(net, "netexec")
    assert net.exec(container, "/agnhost", "connect", f"{net.address(pod)}:8080") == ("", "", 0)
    refused = net.exec(container, "/agnhost", "connect", f"{net.address(pod)}:1")
    assert refused == ("", "REFUSED\n", 1)


def test_agnhost_without_a_command_of_that_name_is_an_error(net: Pods) -> None:
    _, container = agnhost(net, "pause")
    assert net.exec(container, "/agnhost", "nonsense")[2] == 1
    net.node.stop(container, timeout=5)
    assert net.node.status(container).exit_code == 2
