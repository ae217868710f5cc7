"""What a port-forward does behind its URL. Source: spec streaming 2.8."""

import random
import socket
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPResponse
from io import BytesIO
from typing import Any

import pytest

from fakecri.api import runtime_pb2 as pb
from fakecri.core.net.daemons import echo_server
from fakecri.errors import UsageError
from tests.behaviour.streams import Streams, open_streams

AGNHOST = "registry.k8s.io/e2e-test-images/agnhost:2.53"
REQUEST = b"GET %b HTTP/1.1\r\nHost: web\r\nConnection: close\r\n\r\n"


def read_all(connection: Any) -> bytes:
    return b"".join(iter(connection.read, b""))


class _Answer:
    """What http.client reads from in place of a socket."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def makefile(self, _mode: str) -> BytesIO:
        return BytesIO(self._content)


def answer(connection: Any) -> tuple[int, bytes]:
    """Wait for what a web server answers: the status and the body."""
    response = HTTPResponse(_Answer(read_all(connection)))  # type: ignore[arg-type]  # see there
    response.begin()
    return response.status, response.read()


def ask(connection: Any, target: bytes = b"/") -> tuple[int, bytes]:
    """Ask a web server."""
    connection.write(REQUEST % target)
    return answer(connection)


def test_a_web_server_answers_through_a_port_forward(streams: Streams) -> None:
    pod = streams.node.run_sandbox()
    streams.start(pod, "nginx")
    stream = streams.forward(pod)
    connection = stream.connect(80)
    status, body = ask(connection)
    assert (status, b"Welcome to nginx!" in body, connection.error()) == (200, True, b"")
    assert ask(stream.connect(80), b"/missing")[0] == 404


@pytest.mark.parametrize("image", ["httpd", "nginx"])
def test_a_hundred_connections_go_on_at_once(streams: Streams, image: str) -> None:
    pod = streams.node.run_sandbox()
    streams.start(pod, image)
    stream = streams.forward(pod)
    connections = [stream.connect(80) for _ in range(100)]
    for each in reversed(connections):
        each.write(REQUEST % b"/")
    assert {answer(each)[0] for each in connections} == {200}
    assert {each.error() for each in connections} == {b""}


def test_each_connection_goes_to_the_port_that_it_asks_for(streams: Streams) -> None:
    pod = streams.node.run_sandbox()
    streams.start(pod, "nginx", name="web")
    streams.start(pod, AGNHOST, name="agnhost", args=["netexec"])
    stream = streams.forward(pod)
    web, agnhost, nobody = (stream.connect(port) for port in (80, 8080, 81))
    assert ask(agnhost, b"/echo?msg=hi") == (200, b"hi")
    assert ask(web)[0] == 200
    assert read_all(nobody) == b""
    assert b"connect: connection refused" in nobody.error()


def test_nc_gets_what_is_sent_and_answers(streams: Streams) -> None:
    pod = streams.node.run_sandbox()
    # When its input ends, nc ends the connection's, and then the client has a second.
    script = "(echo hello; sleep 1) | nc -l -p 7000"
    container = streams.node.run(pod, "sh", "-c", script)
    connection = streams.forward(pod).connect(7000)
    connection.write(b"bye\n")
    connection.close()
    assert (read_all(connection), connection.error()) == (b"hello\n", b"")
    assert streams.log(container) == ["bye"]


@pytest.mark.parametrize("size", [1, 70_000, 3_000_000])
def test_all_that_is_sent_comes_back_in_order(streams: Streams, size: int) -> None:
    pod = streams.node.run_sandbox()
    streams.cri.register(echo_server(7), command="echo")
    streams.node.run(pod, "echo")
    connection = streams.forward(pod).connect(7)
    content = random.Random(size).randbytes(size)  # noqa: S311  # no secret
    connection.write(content)
    got = b""
    while len(got) < size:
        chunk = connection.read()
        assert chunk
        got += chunk
    assert got == content


def test_a_pod_that_is_stopped_ends_its_connections(streams: Streams) -> None:
    pod = streams.node.run_sandbox()
    streams.start(pod, "nginx")
    stream = streams.forward(pod)
    connection = stream.connect(80)
    streams.node.stop_sandbox(pod)
    assert (read_all(connection), connection.error()) == (b"", b"")
    late = stream.connect(80)
    assert (read_all(late), late.error()) == (
        b"",
        f"error forwarding port 80 to pod {pod}, uid : "
        f'network namespace for sandbox "{pod}" is closed'.encode(),
    )
    streams.node.remove_sandbox(pod)
    gone = stream.connect(80)
    assert gone.error() == (
        f"error forwarding port 80 to pod {pod}, uid : "
        f'failed to find sandbox "{pod}" in store: not found'.encode()
    )


def test_a_url_may_outlive_its_pod(streams: Streams) -> None:
    pod = streams.node.run_sandbox()
    url = streams.forward_url(pod)
    streams.node.stop_sandbox(pod)
    streams.node.remove_sandbox(pod)
    assert b"not found" in streams.use_forward(url).connect(80).error()


def test_the_node_s_own_listeners_are_reached_through_a_pod_on_its_network(wire: str) -> None:
    with real_echo() as port, open_streams(wire, network="loopback") as streams:
        pod = streams.node.run_sandbox(linux=on_the_node())
        stream = streams.forward(pod)
        connections = [stream.connect(port) for _ in range(10)]
        for number, connection in enumerate(connections):
            connection.write(b"%d" % number)
        assert [each.read() for each in connections] == [b"%d" % each for each in range(10)]
        for connection in connections:
            connection.close()
        assert {(read_all(each), each.error()) for each in connections} == {(b"", b"")}


def test_a_port_of_the_node_that_nobody_listens_on_is_refused(wire: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with open_streams(wire, network="loopback") as streams:
        pod = streams.node.run_sandbox(linux=on_the_node())
        error = streams.forward(pod).connect(port).error()
        assert error.startswith(
            f"error forwarding port {port} to pod {pod}, uid : failed to execute portforward in "
            f'network namespace "host": failed to connect to localhost:{port} inside namespace '
            f'"{pod}", IPv4: dial tcp4 127.0.0.1:{port}: connect: connection refused IPv6 '.encode()
        )


def on_the_node() -> pb.LinuxPodSandboxConfig:
    options = pb.NamespaceOption(network=pb.NODE)
    security = pb.LinuxSandboxSecurityContext(namespace_options=options)
    return pb.LinuxPodSandboxConfig(security_context=security)


class _Echo(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        while chunk := self.request.recv(65_536):
            self.request.sendall(chunk)


class _Server(socketserver.ThreadingTCPServer):
    request_queue_size = 128


@contextmanager
def real_echo() -> Iterator[int]:
    """Echo on a real port of this machine's loopback."""
    with _Server(("127.0.0.1", 0), _Echo) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,)).start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()


def test_what_a_stream_has_not_is_said(streams: Streams) -> None:
    """This and what follows is the object's own face."""
    container = streams.run("sleep", "99999")
    stream = streams.cri.stream(streams.exec_url(container, "true"))
    with pytest.raises(UsageError, match="leads to no ports"):
        stream.connect(80)
    forward = streams.cri.stream(streams.forward_url(streams.node.run_sandbox("other")))
    with pytest.raises(UsageError, match="connect to a port"):
        forward.write(b"x")


def test_writing_to_a_stream_that_was_hung_up_is_a_broken_pipe(streams: Streams) -> None:
    with streams.cri.stream(streams.forward_url(streams.node.run_sandbox())) as stream:
        connection = stream.connect(80)
    with pytest.raises(BrokenPipeError):
        connection.write(b"x")
    assert (connection.read(), connection.error()) == (b"", b"")
