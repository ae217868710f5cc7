"""Pods on the node's network, and ports of the node, with a real kubelet."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.request import urlopen

import pytest

from fakecri.api import runtime_pb2 as pb
from fakecri.core.node import NODE_NAME
from fakecri.kubelet.ports import HeldPorts
from tests.real.kubelet_suite.manifests import await_running, box, pod, run_in

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fakecri.kubelet import KubeletNode

pytestmark = pytest.mark.real

OFTEN = {"periodSeconds": 1, "failureThreshold": 1, "timeoutSeconds": 10}


@pytest.fixture(scope="module")
def ports() -> Iterator[tuple[int, int]]:
    """Two ports of this machine that nobody else gets."""
    held = HeldPorts(2, "127.0.0.1")
    own, given = held.numbers
    yield own, given
    held.give_back()


@pytest.fixture(scope="module")
def node(kubelet_node: KubeletNode, ports: tuple[int, int]) -> Iterator[KubeletNode]:
    """The node, with all pods of this module."""
    own, given = ports
    probe = {"httpGet": {"host": "127.0.0.1", "path": "/passwd", "port": own}, **OFTEN}
    with kubelet_node.placed(
        pod(
            "of-the-node",
            box("httpd", "-f", "-p", str(own), "-h", "/etc", readinessProbe=probe),
            hostNetwork=True,
            hostPID=True,
            hostIPC=True,
        ),
        pod(
            "with-a-port",
            box(
                *("httpd", "-f", "-p", "8080", "-h", "/etc"),
                ports=[{"containerPort": 8080, "hostPort": given}],
            ),
        ),
    ):
        yield kubelet_node


def await_ready(node: KubeletNode) -> None:
    node.until(
        lambda: node.kubelet.container("of-the-node", "main").get("ready"), "the pod to be ready"
    )


def test_a_pod_on_the_nodes_network_is_ready_and_has_no_address_of_its_own(
    node: KubeletNode, ports: tuple[int, int]
) -> None:
    await_ready(node)
    # Without an API server a kubelet does not know the node's address either.
    assert "podIP" not in (node.kubelet.pod("of-the-node") or {})["status"]
    assert answer_of(ports[0]).startswith("root:")


def test_a_pod_on_the_nodes_network_keeps_its_sandbox(node: KubeletNode) -> None:
    # By then the kubelet has looked at it when it ran and when it was ready.
    await_ready(node)
    name = f"of-the-node-{node.kubelet.name}"
    (run,) = node.cri.history.count("RunPodSandbox", pod=name, exactly=1)
    options = run.request.config.linux.security_context.namespace_options
    assert (options.network, options.pid, options.ipc) == (pb.NODE, pb.NODE, pb.NODE)
    status = node.cri.runtime_service.pod_sandbox_status(run.response.pod_sandbox_id).status
    assert status.linux.namespaces.options.network == pb.NODE
    assert status.network.ip == ""
    assert node.kubelet.container("of-the-node", "main")["restartCount"] == 0


def test_a_pod_on_the_nodes_network_has_the_nodes_names(node: KubeletNode) -> None:
    await_ready(node)
    hosts = run_in(node, "of-the-node", ["cat", "/etc/hosts"])
    assert hosts.startswith("# Kubernetes-managed hosts file (host network).\n")
    assert run_in(node, "of-the-node", ["hostname"]).strip() == NODE_NAME


def test_a_port_of_the_node_leads_to_the_pod(node: KubeletNode, ports: tuple[int, int]) -> None:
    await_running(node, "with-a-port")
    assert answer_of(ports[1]).startswith("root:")
    (run,) = node.cri.history.select("RunPodSandbox", pod=f"with-a-port-{node.kubelet.name}")
    (mapping,) = run.request.config.port_mappings
    assert (mapping.container_port, mapping.host_port) == (8080, ports[1])


def answer_of(port: int) -> str:
    with urlopen(f"http://127.0.0.1:{port}/passwd", timeout=60) as answer:
        return str(answer.read().decode())
