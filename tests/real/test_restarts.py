"""A containerd that is killed and started again, and what fakecri does in its place.

The rows of spec lifecycle 21 that a client can bring about, on both.
"""

from __future__ import annotations

import json
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import grpc
import pytest

from fakecri import CRI
from fakecri.api import runtime_pb2 as pb
from fakecri.channel import connect, image_stub, runtime_stub
from tests.real.containerd import mortal_containerd, obstacles
from tests.real.runtimes import BUSYBOX, FAKE, REAL, until
from tests.requirements import skip_for
from tests.support import Node, create_request, sandbox_config

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.real

AWAY_S = 4.0
"""How long the fake one is away."""

NOTED_S = 0.5
"""What the process of a real one has the time to note the end of another."""


class Mortal(NamedTuple):
    """A runtime, what kills it, and what brings it back when a process has ended, and says when."""

    node: Node
    cgroup_parent: str
    kill: Callable[[], None]
    start: Callable[[int], int]


@contextmanager
def _real() -> Iterator[Mortal]:
    with mortal_containerd() as (address, tell), connect(address.endpoint) as channel:
        node = Node(CRI(), runtime_stub(channel), image_stub(channel), "grpc")

        def start(pid: int) -> int:
            until(lambda: not Path(f"/proc/{pid}").exists(), "the end of a process")
            time.sleep(NOTED_S)
            back_ns = time.time_ns()
            tell("start")
            return back_ns

        yield Mortal(node, address.cgroup_parent, lambda: tell("kill"), start)


@contextmanager
def _fake(home: Path) -> Iterator[Mortal]:
    address = f"unix://{home}/cri.sock"
    with CRI(pace="manual") as cri, cri.serve(address), connect(address) as channel:
        node = Node(cri, runtime_stub(channel), image_stub(channel), "grpc")

        def start(_: int) -> int:
            cri.advance(AWAY_S)
            return cri.now_ns

        yield Mortal(node, "/fakecri", lambda: _nothing(cri.restart_runtime(AWAY_S)), start)


def _nothing(_: object) -> None:
    """Take what nobody wants."""


@pytest.fixture(name="mortal", params=[FAKE, REAL])
def _mortal(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Mortal]:
    if request.param == REAL:
        skip_for(obstacles())
    with _real() if request.param == REAL else _fake(tmp_path) as mortal:
        yield mortal


def _refusal(node: Node) -> str:
    with pytest.raises(grpc.RpcError) as refusal:
        node.runtime.Version(pb.VersionRequest())
    assert refusal.value.code() is grpc.StatusCode.UNAVAILABLE
    return refusal.value.details() or ""


def _facts(node: Node, id_: str) -> tuple[Any, ...]:
    status = node.status(id_)
    return status.state, status.exit_code, status.reason


def test_what_a_client_sees_of_a_runtime_that_is_killed_and_comes_back(
    mortal: Mortal, tmp_path: Path
) -> None:
    node = mortal.node
    node.pull(BUSYBOX)
    config = sandbox_config(log_directory=str(tmp_path))
    config.linux.cgroup_parent = mortal.cgroup_parent
    run = pb.RunPodSandboxRequest(config=config)
    pod = node.runtime.RunPodSandbox(run).pod_sandbox_id

    def create(name: str, *command: str) -> str:
        request = create_request(pod, *command, name=name, image=BUSYBOX)
        request.sandbox_config.CopyFrom(config)
        return node.runtime.CreateContainer(request).container_id

    made, runs, ends, ended = (
        create("made", "sleep", "300"),
        create("runs", "sleep", "300"),
        create("ends", "sh", "-c", "sleep 2; exit 7"),
        create("ended", "sh", "-c", "exit 3"),
    )
    for each in (ended, runs, ends):
        node.start(each)
    until(lambda: node.status(ended).state == pb.CONTAINER_EXITED, "an exit")
    verbose = pb.ContainerStatusRequest(container_id=ends, verbose=True)
    pid = json.loads(node.runtime.ContainerStatus(verbose).info["info"])["pid"]
    before = node.status(runs), node.status(ended), node.status(made), node.sandbox_status(pod)
    stop = pb.StopContainerRequest(container_id=runs, timeout=100)
    stopping = node.runtime.StopContainer.future(stop, timeout=200)
    exec_ = pb.ExecSyncRequest(container_id=runs, cmd=["true"])
    assert node.runtime.ExecSync(exec_).exit_code == 0  # so that the stop is under way

    mortal.kill()
    with pytest.raises(grpc.RpcError) as end:
        stopping.result()
    assert end.value.code() is grpc.StatusCode.UNAVAILABLE
    # The channel may take its time to see that its connection has ended.
    until(lambda: "Connection refused" in _refusal(node), "a refused connection")

    back_ns = mortal.start(pid)
    node.runtime.Version(pb.VersionRequest(), wait_for_ready=True)
    after = node.status(runs), node.status(ended), node.status(made), node.sandbox_status(pod)
    assert after == before
    assert _facts(node, ends) == (pb.CONTAINER_EXITED, 7, "Error")
    lasted_s = (node.status(ends).finished_at - node.status(ends).started_at) / 1e9
    assert lasted_s > 1
    assert node.status(ends).finished_at < back_ns  # and not when it was found
    with pytest.raises(grpc.RpcError) as duplicate:
        node.runtime.RunPodSandbox(run)
    assert "is reserved for" in (duplicate.value.details() or "")
    assert node.runtime.ExecSync(exec_).exit_code == 0
    node.start(made)
    node.stop(runs)
    assert _facts(node, runs) == (pb.CONTAINER_EXITED, 137, "Error")
    node.remove_sandbox(pod)
    assert list(node.runtime.ListContainers(pb.ListContainersRequest()).containers) == []
