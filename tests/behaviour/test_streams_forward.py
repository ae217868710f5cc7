"""What a port-forward does behind its URL. Source: spec streaming 2.8."""

from http.client import HTTPResponse
from io import BytesIO
from typing import Any

import pytest

from fakecri.api import runtime_pb2 as pb
from fakecri.errors import UsageError
from fakecri.stream import Connection, Stream
from tests.support import Node

REQUEST = b"GET %b HTTP/1.1\r\nHost: web\r\nConnection: close\r\n\r\n"


def open_forward(node: Node, pod: str) -> Stream:
    """Forward ports of a pod, as a client of the URL."""
    return node.cri.stream(node.runtime.PortForward(pb.PortForwardRequest(pod_sandbox_id=pod)).url)


def start(node: Node, pod: str, image: str, *command: str, **fields: Any) -> str:
    node.pull(image)
    return node.run(pod, *command, image=image, **fields)


def read_all(connection: Connection) -> bytes:
    return b"".join(iter(connection.read, b""))


class _Answer:
    """What http.client reads from in place of a socket."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def makefile(self, _mode: str) -> BytesIO:
        return BytesIO(self._content)


def ask(connection: Connection, target: bytes = b"/") -> tuple[int, bytes]:
    """Ask a web server; return the status and the body."""
    connection.write(REQUEST % target)
    response = HTTPResponse(_Answer(read_all(connection)))  # type: ignore[arg-type]  # see there
    response.begin()
    return response.status, response.read()


def test_a_web_server_answers_through_a_port_forward(ready: Node) -> None:
    pod = ready.run_sandbox()
    start(ready, pod, "nginx")
    with open_forward(ready, pod) as stream:
        connection = stream.connect(80)
        status, body = ask(connection)
        assert (status, b"Welcome to nginx!" in body, connection.error()) == (200, True, b"")
        assert ask(stream.connect(80), b"/missing")[0] == 404


@pytest.mark.parametrize(("image", "port"), [("httpd", 80), ("nginx", 80)])
def test_many_connections_go_on_at_once(ready: Node, image: str, port: int) -> None:
    pod = ready.run_sandbox()
    start(ready, pod, image)
    with open_forward(ready, pod) as stream:
        connections = [stream.connect(port) for _ in range(100)]
        assert {ask(each)[0] for each in reversed(connections)} == {200}
        assert {each.error() for each in connections} == {b""}


def test_each_connection_has_the_port_that_it_asks_for(ready: Node) -> None:
    pod = ready.run_sandbox()
    start(ready, pod, "nginx", name="web")
    start(
        ready, pod, "registry.k8s.io/e2e-test-images/agnhost:2.53", name="agnhost", args=["netexec"]
    )
    with open_forward(ready, pod) as stream:
        web, agnhost, nobody = (stream.connect(port) for port in (80, 8080, 81))
        assert ask(agnhost, b"/echo?msg=hi") == (200, b"hi")
        assert ask(web)[0] == 200
        assert read_all(nobody) == b""
        assert b"connect: connection refused" in nobody.error()


def test_nc_gets_what_is_sent_and_answers(ready: Node) -> None:
    pod = ready.run_sandbox()
    container = ready.run(pod, "sh", "-c", "echo hello | nc -l -p 7000", name="nc")
    with open_forward(ready, pod) as stream:
        connection = stream.connect(7000)
        connection.write(b"bye\n")
        connection.close()
        assert (read_all(connection), connection.error()) == (b"hello\n", b"")
    assert ready.cri.log(container).endswith(b" stdout F bye\n")


def test_an_exec_and_a_port_forward_have_each_their_own(ready: Node) -> None:
    pod = ready.run_sandbox()
    container = ready.run(pod, "sleep", "99999")
    request = pb.ExecRequest(container_id=container, cmd=["cat"], stdin=True, stdout=True)
    with (
        ready.cri.stream(ready.runtime.Exec(request).url) as stream,
        pytest.raises(UsageError, match="leads to no ports"),
    ):
        stream.connect(80)
    with open_forward(ready, pod) as stream, pytest.raises(UsageError, match="connect to a port"):
        stream.write(b"x")


def test_writing_to_a_stream_that_was_hung_up_is_a_broken_pipe(ready: Node) -> None:
    with open_forward(ready, ready.run_sandbox()) as stream:
        connection = stream.connect(80)
    with pytest.raises(BrokenPipeError):
        connection.write(b"x")
    assert (connection.read(), connection.error()) == (b"", b"")
