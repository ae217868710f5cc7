"""An example of a run in which much goes wrong; `python -m tests.timeline.example` writes it.

It is under fixtures/timeline, and its picture is in the docs.
"""

import io
import sys
from contextlib import suppress
from pathlib import Path

import grpc

from fakecri import CRI
from fakecri.api import runtime_pb2 as pb
from tests.support import Node

PATH = Path(__file__).parents[2] / "fixtures" / "timeline" / "example.jsonl"

RULES = (
    "StartContainer{container=nginx} = 1* lost",
    "PullImage{image=*redis*} = 1* delay(4s)",
    'ContainerStatus{container=redis} = after 2 1* error(UNKNOWN, "shim: ttrpc: closed")',
    'RemovePodSandbox{pod=db} = 1* error(UNAVAILABLE, "gone")',
)


def record() -> str:
    """Return the recording of the run."""
    lines = io.StringIO()
    with CRI(seed=1, record=lines, rules=RULES) as cri:
        _play(Node(cri, cri.runtime, cri.images, "object"))
    return lines.getvalue()


def _play(node: Node) -> None:
    cri, runtime = node.cri, node.runtime
    cri.registry.configure("docker.io=latency=3s")
    runtime.Version(pb.VersionRequest())
    watching = runtime.GetContainerEvents(pb.GetEventsRequest())
    for image in ("nginx", "redis"):
        node.pull(image)
    with suppress(grpc.RpcError):  # an impatient client
        node.images.PullImage(pb.PullImageRequest(image=pb.ImageSpec(image="busybox")), timeout=1)
    web, db = node.run_sandbox("web"), node.run_sandbox("db")
    redis = node.run(db, "sleep", "infinity", name="redis", pod="db", image="redis")
    nginx = node.create(web, "sleep", "infinity", name="nginx", pod="web", image="nginx")
    logs = node.run(web, "sleep", "infinity", name="logs", pod="web", image="redis")
    for _ in range(2):  # the first time it is done, and no answer comes
        with suppress(grpc.RpcError):
            runtime.StartContainer(pb.StartContainerRequest(container_id=nginx), timeout=5)
    _relist(node, nginx, redis, times=3)
    cri.state.container(redis).oom()
    _relist(node, nginx, redis, times=2)
    redis = node.create(db, "sleep", "infinity", name="redis", pod="db", image="redis", attempt=1)
    node.start(redis)
    runtime.ExecSync(pb.ExecSyncRequest(container_id=redis, cmd=["sleep", "1"]))
    cri.restart_runtime(2)
    watching.cancel()
    _relist(node, nginx, redis, times=3)
    runtime.GetContainerEvents(pb.GetEventsRequest())
    cri.clock.jump("-30s")
    node.stop(logs, 2)
    _end(node, db)


def _relist(node: Node, *containers: str, times: int) -> None:
    """Look at everything once a second, as a kubelet does."""
    for _ in range(times):
        node.cri.advance(1)
        with suppress(grpc.RpcError):
            node.runtime.ListPodSandbox(pb.ListPodSandboxRequest())
            node.runtime.ListContainers(pb.ListContainersRequest())
        for each in containers:
            with suppress(grpc.RpcError):
                node.status(each)


def _end(node: Node, sandbox: str) -> None:
    node.stop_sandbox(sandbox)
    for _ in range(2):
        with suppress(grpc.RpcError):
            node.remove_sandbox(sandbox)


if __name__ == "__main__":
    PATH.parent.mkdir(exist_ok=True)
    PATH.write_text(record())
    sys.stdout.write(f"wrote: {PATH}\n")
