"""The files of containers, as `cat` shows them. Source: conformance 3.4."""

from fakecri.api import runtime_pb2 as pb
from tests.behaviour.steps import exec_sync
from tests.support import Node


def _cat(node: Node, container_id: str, path: str) -> str:
    answer = exec_sync(node, container_id, "cat", path)
    assert (answer.exit_code, answer.stderr) == (0, b"")
    return answer.stdout.decode()


def test_the_dns_config_becomes_resolv_conf(ready: Node) -> None:
    dns = pb.DNSConfig(servers=["10.10.10.10"], searches=["google.com"], options=["ndots:8"])
    pod = ready.run_sandbox(dns_config=dns)
    shown = _cat(ready, ready.run(pod, "top"), "/etc/resolv.conf")
    assert shown == "search google.com\nnameserver 10.10.10.10\noptions ndots:8\n"


def test_a_pod_without_dns_config_has_the_nodes(ready: Node) -> None:
    ready.cri.files.make_dirs("/etc")
    ready.cri.files.write("/etc/resolv.conf", b"nameserver 192.0.2.1\n")
    ready.cri.files.write("/etc/hosts", b"192.0.2.2 registry\n")
    pod = ready.run_sandbox()
    running = ready.run(pod, "top")
    assert _cat(ready, running, "/etc/resolv.conf") == "nameserver 192.0.2.1\n"
    assert _cat(ready, running, "/etc/hosts") == "192.0.2.2 registry\n"


def test_the_hostname_is_the_pods(ready: Node) -> None:
    pod = ready.run_sandbox(hostname="db-0")
    assert _cat(ready, ready.run(pod, "top"), "/etc/hostname") == "db-0\n"
