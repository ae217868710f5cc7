"""What tests of usage share: containers that use something, and readings of them."""

from typing import Any

from fakecri import Load, Process, Program
from fakecri.api import runtime_pb2 as pb
from fakecri.core.scheduler import SECOND_NS, Waits
from tests.behaviour.steps import EXITED, container
from tests.support import Node

MIB = 2**20
TENTH: dict[str, Any] = {"cpu_quota": 10_000, "cpu_period": 100_000}
OOM = "OOMKilled"


def forever(process: Process) -> Waits[int]:
    """Do nothing until killed."""
    return process.forever()


def run(
    node: Node, program: Program = forever, *, usage: Load | None = None, **resources: Any
) -> str:
    """Run a program in a container of a pod of its own, under these resources."""
    return run_in(node, node.run_sandbox(), program, usage=usage, **resources)


def run_in(
    node: Node,
    sandbox: str,
    program: Program = forever,
    *,
    name: str = "main",
    usage: Load | None = None,
    **resources: Any,
) -> str:
    """Likewise, in this pod."""
    node.cri.register(program, command=name, usage=usage)
    linux = pb.LinuxContainerConfig(resources=pb.LinuxContainerResources(**resources))
    return node.run(sandbox, name, name=name, linux=linux)


def stats(node: Node, id_: str) -> pb.ContainerStats:
    """Return the stats of a container that runs."""
    return node.runtime.ContainerStats(pb.ContainerStatsRequest(container_id=id_)).stats


def metric(node: Node, id_: str, name: str) -> int:
    """Return a metric that has one value."""
    answer = node.runtime.ListPodSandboxMetrics(pb.ListPodSandboxMetricsRequest())
    (value,) = (
        each.value.value
        for pod in answer.pod_metrics
        for of in pod.container_metrics
        for each in of.metrics
        if of.container_id == id_ and each.name == f"container_{name}"
    )
    return value


def cores_s(node: Node, id_: str) -> float:
    """Return the CPU time that a container used beside what an idle one does, in seconds."""
    used_ns = stats(node, id_).cpu.usage_core_nano_seconds.value
    record = container(node, id_)
    assert record.process is not None
    lived_ns = node.cri.host.world.scheduler.now_ns - record.process.started_ns
    return (used_ns - lived_ns * 2 // 1000) / SECOND_NS


def update(node: Node, id_: str, **resources: Any) -> None:
    """Update the resources of a container."""
    node.runtime.UpdateContainerResources(
        pb.UpdateContainerResourcesRequest(
            container_id=id_, linux=pb.LinuxContainerResources(**resources)
        )
    )


def died(node: Node, id_: str) -> tuple[int, str]:
    """Return the exit code and the reason of a container that has ended."""
    status = node.status(id_)
    assert status.state == EXITED
    return status.exit_code, status.reason
