"""A kubelet, a runtime and a node that restart find again what was kept, and make the rest anew."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from fakecri.api import runtime_pb2 as pb
from fakecri.channel import connect, runtime_stub
from fakecri.kubelet import Kubelet
from tests.real.kubelet_suite.conftest import SOON
from tests.real.kubelet_suite.manifests import await_running, box_named, is_running, pod
from tests.real.kubelet_suite.seen import created

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    from fakecri.kubelet import KubeletNode

pytestmark = pytest.mark.real


def stays(name: str) -> dict[str, Any]:
    """Return a pod that runs until somebody ends it."""
    return pod(name, box_named("main"), box_named("side"))


@pytest.fixture(scope="module")
def fresh(
    fresh_node: Callable[..., AbstractContextManager[KubeletNode]],
) -> Iterator[KubeletNode]:
    """A node of this module, which nothing else is to be restarted with."""
    with fresh_node() as node:
        yield node


class Pod:
    """A pod that runs, and what of it did before."""

    def __init__(self, node: KubeletNode, name: str) -> None:
        self.node, self.name = node, name
        self.sandboxes, self.containers = self.running()

    def running(self) -> tuple[set[str], set[str]]:
        """Return the ids of its sandboxes and containers that run, as the runtime knows."""
        labels = {"io.kubernetes.pod.name": f"{self.name}-node"}
        ready = pb.PodSandboxStateValue(state=pb.SANDBOX_READY)
        running = pb.ContainerStateValue(state=pb.CONTAINER_RUNNING)
        services = self.node.cri.runtime_service
        sandboxes = services.list_pod_sandbox(
            pb.PodSandboxFilter(state=ready, label_selector=labels)
        )
        containers = services.list_containers(
            pb.ContainerFilter(state=running, label_selector=labels)
        )
        return {each.id for each in sandboxes}, {each.id for each in containers}

    def restarts(self) -> list[int]:
        """Return how often the kubelet has restarted each container."""
        kubelet = self.node.kubelet
        return [int(kubelet.container(self.name, each)["restartCount"]) for each in BOTH]

    def await_anew(self) -> None:
        """Wait for other containers, each of which was made once."""
        self.node.until(self._is_anew, "other containers")
        await_relists(self.node)
        sandboxes, containers = self.running()
        assert (len(sandboxes), len(containers)) == (1, 2)
        assert created(self.node, self.name) == [*BOTH, *BOTH]

    def _is_anew(self) -> bool:
        containers = self.running()[1]
        anew = len(containers) == len(BOTH) and not containers & self.containers
        return anew and is_running(self.node, self.name) and min(self.restarts()) > 0


BOTH = ("main", "side")


@pytest.fixture
def stayer(fresh: KubeletNode, request: pytest.FixtureRequest) -> Iterator[Pod]:
    """A pod of the test's own that runs: the kubelet has no back-off for it yet."""
    name = re.sub(r"[^a-z0-9]+", "-", request.node.name.removeprefix("test_"))[:50].strip("-")
    with fresh.placed(stays(name)):
        await_running(fresh, name)
        yield Pod(fresh, name)


def await_relists(node: KubeletNode, count: int = 3) -> None:
    """Wait until the kubelet has looked at all containers some times more."""
    seen = len(good_lists(node))
    node.until(lambda: len(good_lists(node)) >= seen + count, "the kubelet to look again")


def good_lists(node: KubeletNode) -> list[object]:
    """Return the lists of containers that the kubelet got."""
    return list(node.cri.history.select("ListContainers", error=False))


def test_a_kubelet_that_restarts_finds_its_pods_again(stayer: Pod) -> None:
    node, before = stayer.node, stayer.running()
    with node.placed(pod("ends", box_named("main"), restartPolicy="Never")):
        await_running(node, "ends")
        node.kubelet.stop()
        node.cri.state.container("ends-node/main").exit(3)
        node.kubelet.start()
        node.until(lambda: is_running(node, stayer.name), "the kubelet to see what runs")
        node.until(lambda: node.kubelet.phase("ends") == "Failed", "it to see what has ended")
        ended = node.kubelet.container("ends", "main")
        await_relists(node)
    assert ended["state"]["terminated"]["exitCode"] == 3  # its exit
    assert (stayer.running(), stayer.restarts()) == (before, [0, 0])


def test_nothing_is_made_anew_after_a_runtime_that_kept_all(stayer: Pod) -> None:
    node, before = stayer.node, stayer.running()
    node.cri.restart_runtime(down="3s", keep="all")
    await_relists(node)
    assert (stayer.running(), stayer.restarts()) == (before, [0, 0])
    assert node.kubelet.lines("connection refused")


@pytest.mark.parametrize(
    ("keep", "keeps_sandbox"), [("unknown", True), ("dead", False), ("none", False)]
)
def test_what_a_runtime_lost_is_made_anew_once(stayer: Pod, keep: str, keeps_sandbox: bool) -> None:
    stayer.node.cri.restart_runtime(down="1s", keep=keep)
    await_relists(stayer.node)
    stayer.await_anew()
    assert (stayer.running()[0] == stayer.sandboxes) is keeps_sandbox


def test_pods_are_made_anew_once_after_a_reboot(stayer: Pod) -> None:
    stayer.node.cri.reboot_node(down="1s")
    await_relists(stayer.node)
    stayer.await_anew()
    assert stayer.running()[0] != stayer.sandboxes


def test_an_empty_runtime_in_the_place_of_one_that_was_killed_gets_its_pods(
    program: Path, tmp_path: Path
) -> None:
    endpoint = f"unix://{tmp_path}/cri.sock"
    with (
        serving(endpoint, tmp_path) as first,
        Kubelet(program, endpoint, tmp_path / "k", settings=SOON) as kubelet,
    ):
        kubelet.manifests.put(stays("stays"))
        kubelet.until(lambda: len(running_ids(endpoint)) == len(BOTH), "containers")
        before = running_ids(endpoint)
        first.send_signal(signal.SIGKILL)
        first.wait()
        with serving(endpoint, tmp_path, "--seed", "1"):
            kubelet.until(lambda: len(running_ids(endpoint)) == len(BOTH), "other containers")
            assert not running_ids(endpoint) & before
            # The runtime has forgotten the first ones, but their log files are there.
            kubelet.until(
                lambda: kubelet.container("stays", "main").get("restartCount") == 1,
                "the kubelet to count its log files",
            )
            kubelet.stop()  # before the runtime


def running_ids(endpoint: str) -> set[str]:
    """Return the ids of the containers that run."""
    running = pb.ContainerStateValue(state=pb.CONTAINER_RUNNING)
    request = pb.ListContainersRequest(filter=pb.ContainerFilter(state=running))
    with connect(endpoint) as channel:
        return {each.id for each in runtime_stub(channel).ListContainers(request).containers}


@contextmanager
def serving(endpoint: str, home: Path, *options: str) -> Iterator[subprocess.Popen[bytes]]:
    """Serve a runtime from a process of its own."""
    command = [sys.executable, "-m", "fakecri", "serve", "--listen", endpoint]
    places = ["--host-mounts", str(home), "--image-fs", str(home)]
    server = subprocess.Popen([*command, *places, *options], stdout=subprocess.PIPE)
    try:
        assert server.stdout is not None
        with server.stdout:
            assert b"ready" in server.stdout.readline()
        yield server
    finally:
        server.terminate()
        server.wait()
