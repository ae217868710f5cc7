"""crictl port-forward: real clients reach the ports of pods."""

from __future__ import annotations

import re
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from http.client import HTTPException
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING
from urllib.request import urlopen

import pytest

from tests.real.runtimes import WAIT_TIMEOUT_S, Difference
from tests.real.transports import over_each_of_the_fake, over_each_transport

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator
    from pathlib import Path

    from tests.real.crictl import Crictl
    from tests.real.runtimes import Pod, Runtime, Stage

pytestmark = pytest.mark.real

REQUESTS = 100
NODE = 2
"""NamespaceMode: the node's own."""
REFUSED = "connect: connection refused"
NO_IPV6 = "no suitable address found"
"""What is said on a machine whose `localhost` has no address of IPv6."""
PLACE = Difference(
    real=r'network namespace "[^"]+"',
    fake=r'network namespace "/var/run/netns/cni-[0-9a-f-]+"',
    why="the namespaces of the real one lie in a directory of its own here",
)


def web_server(pod: Pod, *ports: int) -> str:
    """A container that serves its host name on each of the ports, and does by now."""
    serving = "".join(f"httpd -p {port} -h /www; " for port in ports)
    script = f"mkdir /www; hostname > /www/index.html; {serving} sleep 300"
    made = pod.start("web", "sh", "-c", script)
    reached = "".join(f"until wget -qO- localhost:{port}; do :; done; " for port in ports)
    pod.crictl.ok("exec", "--sync", made, "sh", "-c", reached)
    return made


@contextmanager
def forwarding(
    crictl: Crictl, transport: str, pod: str, *ports: int
) -> Iterator[tuple[subprocess.Popen[str], list[int]]]:
    """A crictl that forwards ports, and where it listens for each of them."""
    wanted = [f":{port}" for port in ports]
    with crictl.started("port-forward", "-r", transport, pod, *wanted) as client:
        yield client, [_local_port(client, port) for port in ports]


def _local_port(client: subprocess.Popen[str], port: int) -> int:
    assert client.stdout is not None
    for line in client.stdout:
        found = re.fullmatch(r"Forwarding from 127\.0\.0\.1:(\d+) -> (\d+)\n", line)
        if found and int(found[2]) == port:
            return int(found[1])
    raise AssertionError(client.communicate())


def get(port: int) -> bytes:
    with urlopen(f"http://127.0.0.1:{port}/", timeout=WAIT_TIMEOUT_S) as answer:
        content: bytes = answer.read()
    return content


@over_each_transport
def test_a_hundred_requests_at_once_are_answered(stage: Stage, transport: str) -> None:
    pod = stage.pod()
    web_server(pod, 80)
    with (
        forwarding(pod.crictl, transport, pod.id, 80) as (client, [port]),
        ThreadPoolExecutor(REQUESTS) as crowd,
    ):
        answers = list(crowd.map(get, [port] * REQUESTS))
        assert client.poll() is None
    assert answers == [b"stage\n"] * REQUESTS


@over_each_of_the_fake
def test_a_hundred_requests_at_once_reach_an_nginx(
    runtime: Runtime, stage: Stage, transport: str
) -> None:
    pod = stage.pod()
    runtime.crictl.ok("pull", "nginx")
    pod.start("web", image={"image": "nginx"})
    with (
        forwarding(pod.crictl, transport, pod.id, 80) as (client, [port]),
        ThreadPoolExecutor(REQUESTS) as crowd,
    ):
        answers = set(crowd.map(get, [port] * REQUESTS))
        assert client.poll() is None
    assert len(answers) == 1
    assert b"Welcome to nginx!" in answers.pop()


@over_each_transport
def test_several_ports_are_forwarded_at_once(stage: Stage, transport: str) -> None:
    pod = stage.pod()
    web_server(pod, 80, 81)
    with forwarding(pod.crictl, transport, pod.id, 80, 81) as (_, ports):
        assert [get(port) for port in ports for _ in range(3)] == [b"stage\n"] * 6


@over_each_transport
def test_a_refused_port_ends_the_forwarding(stage: Stage, transport: str) -> None:
    pod = stage.pod()
    web_server(pod, 80)
    with forwarding(pod.crictl, transport, pod.id, 80, 82) as (client, [port, refused]):
        assert get(port) == b"stage\n"
        with pytest.raises((HTTPException, OSError)):
            get(refused)
        _, err = client.communicate()
    assert client.returncode == 1
    text = err.replace(r"\"", '"')
    assert re.search(
        f"an error occurred forwarding {refused} -> 82: error forwarding port 82 to pod {pod.id}, "
        f"uid : failed to execute portforward in {stage.runtime.expects(PLACE)}: "
        f'failed to connect to localhost:82 inside namespace "{pod.id}", '
        f"IPv4: dial tcp4 127.0.0.1:82: {REFUSED} "
        rf"IPv6 dial tcp6(: address localhost: {NO_IPV6}| \[::1\]:82: {REFUSED}) ",
        text,
    ), text
    assert "port forward: lost connection to pod" in text


@over_each_transport
def test_the_listeners_of_this_machine_are_reached_through_a_pod_of_the_node(
    stage: Stage, transport: str, tmp_path: Path
) -> None:
    (tmp_path / "index.html").write_text("of this machine")
    options = {"security_context": {"namespace_options": {"network": NODE}}}
    parent = {"cgroup_parent": stage.runtime.cgroup_parent}
    pod = stage.pod(linux=parent | options, hostname="")
    with (
        local_server(tmp_path) as port,
        forwarding(pod.crictl, transport, pod.id, port) as (_, [forwarded]),
    ):
        assert get(forwarded) == b"of this machine"


class Quiet(SimpleHTTPRequestHandler):
    """It serves files and does not tell."""

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the parent's name
        """Nobody reads it."""


@contextmanager
def local_server(directory: Path) -> Iterator[int]:
    handler = partial(Quiet, directory=str(directory))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


@over_each_transport
def test_forwarding_needs_a_pod_that_is_known(stage: Stage, transport: str) -> None:
    error = stage.runtime.crictl.fails("port-forward", "-r", transport, "deadbeef", ":80")
    assert error == (
        "port forward: rpc error: code = NotFound "
        'desc = failed to find sandbox "deadbeef": not found'
    )


@over_each_transport
def test_forwarding_needs_a_pod_that_is_ready(stage: Stage, transport: str) -> None:
    pod = stage.pod()
    pod.crictl.ok("stopp", pod.id)
    assert pod.crictl.fails("port-forward", "-r", transport, pod.id, ":80") == (
        "port forward: rpc error: code = Unknown desc = sandbox container is not running"
    )
