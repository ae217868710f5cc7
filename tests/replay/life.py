"""The life of a pod as a kubelet would have it, with a look at everything on the way."""

from collections.abc import Callable
from contextlib import suppress
from functools import partial

import grpc

from fakecri.api import runtime_pb2 as pb
from tests.support import Node, own_pid_namespace

IMAGE = pb.ImageSpec(image="docker.io/library/busybox:latest")


def live(node: Node, logs: str, cgroup_parent: str) -> None:
    """Live it. `logs`: the pod's log directory on the node."""
    pod = pb.PodSandboxConfig(
        metadata=pb.PodSandboxMetadata(name="driven", namespace="default", uid="d-2", attempt=1),
        hostname="stage",
        log_directory=logs,
        labels={"app": "driven"},
        annotations={"note": "kept"},
        linux=pb.LinuxPodSandboxConfig(cgroup_parent=cgroup_parent),
    )
    node.runtime.Version(pb.VersionRequest(version="0.1.0"))
    node.runtime.Status(pb.StatusRequest())
    node.images.PullImage(pb.PullImageRequest(image=IMAGE))
    node.images.ImageStatus(pb.ImageStatusRequest(image=IMAGE))
    sandbox = node.runtime.RunPodSandbox(pb.RunPodSandboxRequest(config=pod)).pod_sandbox_id
    _look_at_pod(node, sandbox)
    ids = {
        name: _create(node, sandbox, pod, name, *command)
        for name, command in {
            "main": ("sleep", "1000"),
            "short": ("sh", "-c", "echo out; echo err >&2; exit 3"),
            "broken": ("nosuch",),
        }.items()
    }
    for container in ids.values():
        _try(partial(node.start, container))
    node.cri.advance(2)
    _look_at_containers(node, sandbox, ids)
    _execute(node, ids["main"])
    node.runtime.ReopenContainerLog(pb.ReopenContainerLogRequest(container_id=ids["main"]))
    _try(lambda: node.runtime.RunPodSandbox(pb.RunPodSandboxRequest(config=pod)))
    node.stop(ids["main"], 1)
    _look_at_containers(node, sandbox, ids)
    node.remove(ids["short"])
    _try(lambda: node.status(ids["short"]))
    _try(lambda: node.start(ids["short"]))
    _try(lambda: node.start(ids["main"]))
    node.stop_sandbox(sandbox)
    _look_at_pod(node, sandbox)
    node.remove_sandbox(sandbox)
    _try(lambda: node.sandbox_status(sandbox))
    node.remove_sandbox(sandbox)
    _try(lambda: node.stop(ids["main"]))


def _try(call: Callable[[], object]) -> None:
    with suppress(grpc.RpcError):
        call()


def _create(node: Node, sandbox: str, pod: pb.PodSandboxConfig, name: str, *command: str) -> str:
    config = pb.ContainerConfig(
        metadata=pb.ContainerMetadata(name=name),
        image=IMAGE,
        command=command,
        log_path=f"{name}.log",
        labels={"role": name},
        envs=[pb.KeyValue(key="WHO", value=name.encode())],
        linux=own_pid_namespace(),
    )
    request = pb.CreateContainerRequest(pod_sandbox_id=sandbox, config=config, sandbox_config=pod)
    return node.runtime.CreateContainer(request).container_id


def _look_at_pod(node: Node, sandbox: str) -> None:
    node.sandbox_status(sandbox)
    request = pb.ListPodSandboxRequest(filter=pb.PodSandboxFilter(id=sandbox))
    node.runtime.ListPodSandbox(request)


def _look_at_containers(node: Node, sandbox: str, ids: dict[str, str]) -> None:
    for container in ids.values():
        node.status(container)
    request = pb.ListContainersRequest(filter=pb.ContainerFilter(pod_sandbox_id=sandbox))
    node.runtime.ListContainers(request)


def _execute(node: Node, container: str) -> None:
    for command, timeout_s in (
        (["echo", "hello"], 60),
        (["sh", "-c", "echo $WHO; hostname; exit 7"], 60),
        (["nosuch"], 60),
        (["sleep", "100"], 1),
    ):
        request = pb.ExecSyncRequest(container_id=container, cmd=command, timeout=timeout_s)
        _try(partial(node.runtime.ExecSync, request))
