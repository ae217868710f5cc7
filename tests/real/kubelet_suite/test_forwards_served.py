"""Ports of pods, as `kubectl port-forward` gets them of a kubelet."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.real import install
from tests.real.kubelet_suite.doors import SPDY, Doors
from tests.real.kubelet_suite.manifests import await_running, box_named, pod
from tests.real.kubelet_suite.seen import calls
from tests.streaming import http_client
from tests.streaming.websocket_client import TUNNEL, offers

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fakecri.kubelet import KubeletNode

pytestmark = pytest.mark.real

PODS = [
    pod("ports", {"name": "main", "image": "nginx", "imagePullPolicy": "IfNotPresent"}),
    pod("ports-none", box_named("main")),
]
REQUEST = b"GET / HTTP/1.0\r\n\r\n"
ANSWER_WITHOUT_PORT = {
    install.KUBELET_VERSION: 101,  # it ends tunnels itself, as API servers did before
    install.KUBELET_VERSION_OLD: 400,
}

over_each_transport = pytest.mark.parametrize("transport", [SPDY, TUNNEL])


@pytest.fixture(scope="module")
def node(kubelet_node: KubeletNode) -> Iterator[KubeletNode]:
    """The node, with all pods of this module."""
    with kubelet_node.placed(*PODS):
        await_running(kubelet_node, "ports", "ports-none")
        yield kubelet_node


@pytest.fixture(scope="module")
def doors(node: KubeletNode) -> Doors:
    """The kubelet's server."""
    return Doors(node)


@over_each_transport
def test_a_port_is_reached_by_several_connections_at_once(
    doors: Doors, node: KubeletNode, transport: str
) -> None:
    with doors.forward("ports", transport) as forwarding:
        first, second = forwarding.connect(80), forwarding.connect(80)
        for each in (second, first):
            each.write(REQUEST)
        for each in (first, second):
            assert each.read_all().startswith(b"HTTP/1.1 200 OK\r\nServer: nginx/")
            assert each.error() == b""
    assert calls(node, "PortForward", "ports")


@over_each_transport
def test_a_port_on_which_nobody_listens_is_told_of_and_the_others_live(
    doors: Doors, transport: str
) -> None:
    with doors.forward("ports", transport) as forwarding:
        refused = forwarding.connect(81)
        assert b"dial tcp4 127.0.0.1:81: connect: connection refused" in refused.error()
        served = forwarding.connect(80)
        served.write(REQUEST)
        assert served.read_all().startswith(b"HTTP/1.1 200 OK\r\n")


@over_each_transport
def test_a_pod_that_listens_nowhere_refuses_each_port(doors: Doors, transport: str) -> None:
    with doors.forward("ports-none", transport) as forwarding:
        for port in (80, 8080):
            assert b"connection refused" in forwarding.connect(port).error()


def test_a_tunnel_that_names_no_port_ends_where_its_kubelet_has_it(
    doors: Doors, version: str
) -> None:
    url = doors.forward_url("ports")
    connection, answer = http_client.ask(url, "GET", offers(TUNNEL), context=doors.tls)
    connection.close()
    assert answer.status == ANSWER_WITHOUT_PORT[version]
