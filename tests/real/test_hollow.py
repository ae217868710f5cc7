"""`fakecri node`: three kubelets of two versions, and a machine that is left as it was."""

from __future__ import annotations

import json
import os
import signal
import ssl
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.request import urlopen

import pytest

from fakecri.kubelet.machine import LINKS, SYSCTLS, Ledger
from tests.real import install
from tests.real.namespaces import held
from tests.requirements import skip_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.real

PATIENCE_S = 60
PROC_SYS = Path("/proc/sys")
PANIC = "kernel/panic"
OURS = "11"
"""Seconds that no kubelet waits after a panic, but 10."""
POD = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "web", "namespace": "default"},
    "spec": {
        "terminationGracePeriodSeconds": 1,
        "containers": [
            {
                "name": "main",
                "image": "nginx",
                "readinessProbe": {"httpGet": {"port": 80}, "periodSeconds": 1},
            }
        ],
    },
}


@dataclass
class Machine:
    """Mounts and sysctls that nobody else on the real machine has."""

    pid: int
    """Who keeps the mounts when all others have ended."""
    sysctls: Path

    @property
    def inside(self) -> tuple[str, ...]:
        """The words before a command that run it there."""
        return ("nsenter", "--target", str(self.pid), "--mount", "--")

    def panic(self) -> str:
        """What the sysctl is."""
        return (self.sysctls / PANIC).read_text().strip()

    def mounts_below(self, directory: Path) -> list[str]:
        """What is mounted below a directory."""
        table = Path(f"/proc/{self.pid}/mountinfo").read_text().splitlines()
        return [row for row in table if row.split()[4].startswith(f"{directory}/")]


@contextmanager
def machine(sysctls: Path) -> Iterator[Machine]:
    """Copy the sysctls that a kubelet sets into a directory; put them in place, for who is inside.

    The one that is no copy, how many may watch files, is shared with all kubelets of the machine.
    """
    for name in SYSCTLS:
        (sysctls / name).parent.mkdir(parents=True, exist_ok=True)
        (sysctls / name).write_text((PROC_SYS / name).read_text())
    (sysctls / PANIC).write_text(OURS)
    mounts = [f"mount --bind {sysctls / name} {PROC_SYS / name}" for name in SYSCTLS]
    shared = Ledger()
    shared.enter()
    try:
        with held(" && ".join(mounts), "--mount") as pid:
            yield Machine(pid, sysctls)
    finally:
        shared.leave()


@dataclass
class Nodes:
    """A process of `fakecri node`."""

    process: subprocess.Popen[str]
    directory: Path
    machine: Machine
    panic: str
    """What the sysctl was while they lived."""

    def roster(self) -> list[dict[str, Any]]:
        """What it says of its nodes."""
        told: list[dict[str, Any]] = json.loads((self.directory / "nodes.json").read_text())
        return told

    def pod(self, node: dict[str, Any]) -> dict[str, Any]:
        """The pod of a node, as its kubelet has it; {} while it has none."""
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE  # it is self-signed
        address = f"https://127.0.0.1:{node['tls_port']}/pods"
        with urlopen(address, timeout=PATIENCE_S, context=context) as answer:
            pods: list[dict[str, Any]] = json.load(answer)["items"] or [{}]
        return pods[0]

    def is_ready(self, node: dict[str, Any]) -> bool:
        """Whether the pod of a node runs, and its probe has passed."""
        with suppress(OSError):  # its kubelet may be about to come back
            statuses = self.pod(node).get("status", {}).get("containerStatuses") or [{}]
            return bool(statuses[0].get("ready"))
        return False

    def end(self) -> int:
        """Tell it to end; its exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE_S)


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nodes]:
    """Three nodes, each with a pod; the kubelet of the second is older."""
    skip_for(install.missing("kubelet", "kubelet-old"))
    skip_for([] if os.geteuid() == 0 else ["a kubelet needs root"])
    home = tmp_path_factory.mktemp("hollow")
    (home / "manifests").mkdir()
    (home / "manifests" / "web.json").write_text(json.dumps(POD))
    programs = [f"--kubelet={install.find(name).path}" for name in ("kubelet", "kubelet-old")]
    where = (f"--directory={home / 'nodes'}", f"--manifests={home / 'manifests'}")
    chosen = ("--count=3", "--set=readOnlyPort=0", "--restart")
    command = [sys.executable, "-m", "fakecri", "node", *programs, *where, *chosen]
    # Who else has kubelets on this machine notes it elsewhere.
    apart = os.environ | {"TMPDIR": str(home)}
    with (
        machine(home / "sysctls") as inside,
        subprocess.Popen(
            [*inside.inside, *command], stdout=subprocess.PIPE, env=apart, text=True
        ) as process,
    ):
        try:
            assert process.stdout is not None
            said = [process.stdout.readline() for _ in range(5)]
            assert said[-1].startswith("3 nodes are ready: ")
            yield Nodes(process, home / "nodes", inside, inside.panic())
        finally:
            process.terminate()


def until(condition: Callable[[], object], what: str) -> None:
    """Wait until a condition is true."""
    end_s = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < end_s, what
        time.sleep(0.1)


def test_each_node_runs_its_pod_at_an_address_of_its_own(nodes: Nodes) -> None:
    roster = nodes.roster()
    until(lambda: all(map(nodes.is_ready, roster)), "pods to be ready")
    new, old = install.KUBELET_VERSION, install.KUBELET_VERSION_OLD
    assert [each["version"] for each in roster] == [new, old, new]
    for node in roster:
        pod = nodes.pod(node)
        assert pod["metadata"]["name"] == f"web-{node['name']}"
        assert ip_address(pod["status"]["podIP"]) in ip_network(node["pod_subnet"])


def test_a_kubelet_that_is_killed_comes_back_to_its_pod(nodes: Nodes) -> None:
    node = nodes.roster()[2]
    until(lambda: nodes.is_ready(node), "the pod to be ready")
    container_id = nodes.pod(node)["status"]["containerStatuses"][0]["containerID"]
    os.kill(node["pid"], signal.SIGKILL)
    until(lambda: nodes.roster()[2]["pid"] != node["pid"], "the kubelet to come back")
    until(lambda: nodes.is_ready(node), "the pod to be ready again")
    assert nodes.pod(node)["status"]["containerStatuses"][0]["containerID"] == container_id


def test_nothing_is_left_of_them(nodes: Nodes) -> None:
    below = f"{nodes.directory}/"
    assert nodes.machine.mounts_below(nodes.directory)
    assert [each for each in kubelets() if below in each]
    until(lambda: any(each.startswith(below) for each in links()), "links to logs")
    assert nodes.end() == 0
    assert nodes.machine.mounts_below(nodes.directory) == []
    assert not [each for each in kubelets() if below in each]
    assert not [each for each in links() if each.startswith(below)]


def test_sysctls_are_as_they_were(nodes: Nodes) -> None:
    nodes.end()
    assert (nodes.panic, nodes.machine.panic()) == ("10", OURS)


def links() -> list[str]:
    """Where the links to logs lead."""
    places = []
    for each in LINKS.iterdir():
        with suppress(FileNotFoundError):  # it has just gone
            places.append(str(each.readlink()))
    return places


def kubelets() -> list[str]:
    """The command lines of all kubelets that run."""
    lines = []
    for place in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):  # it has just ended
            lines.append(place.read_bytes().replace(b"\0", b" ").decode())
    return sorted(each for each in lines if "--root-dir=" in each)
