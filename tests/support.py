"""What behaviour tests are made of: a node behind one of the faces, and requests for it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import grpc
import pytest

from fakecri import CRI
from fakecri.api import runtime_pb2 as pb
from fakecri.api.stubs import ImageServiceStub, RuntimeServiceStub
from fakecri.channel import connect, image_stub, runtime_stub

FACES = ("object", "grpc")
LOGS = "/var/log/pods/default_web_uid-1"


@dataclass
class Node:
    """A runtime as its client sees it, and `cri` to look behind it and to turn the clock."""

    cri: CRI
    runtime: RuntimeServiceStub
    images: ImageServiceStub
    face: str
    begun: list[Any] = field(default_factory=list, kw_only=True)
    """Calls that somebody began: gRPC cancels one whose future nobody has any more."""

    def pull(self, image: str = "busybox") -> str:
        """Pull an image; return its id."""
        return self.images.PullImage(pb.PullImageRequest(image=pb.ImageSpec(image=image))).image_ref

    def run_sandbox(self, name: str = "web", **fields: Any) -> str:
        """Run a sandbox; return its id."""
        request = pb.RunPodSandboxRequest(config=sandbox_config(name, **fields))
        return self.runtime.RunPodSandbox(request).pod_sandbox_id

    def create(
        self,
        pod_sandbox_id: str,
        *command: str,
        name: str = "main",
        pod: str = "web",
        **fields: Any,
    ) -> str:
        """Create a container that runs `command`; return its id."""
        request = create_request(pod_sandbox_id, *command, name=name, pod=pod, **fields)
        return self.runtime.CreateContainer(request).container_id

    def start(self, container_id: str) -> None:
        """Start a container."""
        self.runtime.StartContainer(pb.StartContainerRequest(container_id=container_id))

    def run(self, pod_sandbox_id: str, *command: str, **fields: Any) -> str:
        """Create and start a container; return its id."""
        container_id = self.create(pod_sandbox_id, *command, **fields)
        self.start(container_id)
        return container_id

    def status(self, container_id: str) -> pb.ContainerStatus:
        """Return a container's status."""
        request = pb.ContainerStatusRequest(container_id=container_id)
        return self.runtime.ContainerStatus(request).status

    def sandbox_status(self, pod_sandbox_id: str) -> pb.PodSandboxStatus:
        """Return a sandbox's status."""
        request = pb.PodSandboxStatusRequest(pod_sandbox_id=pod_sandbox_id)
        return self.runtime.PodSandboxStatus(request).status

    def stop(self, container_id: str, timeout: int = 0) -> None:
        """Stop a container; `timeout` is its grace period in seconds."""
        self.runtime.StopContainer(
            pb.StopContainerRequest(container_id=container_id, timeout=timeout)
        )

    def remove(self, container_id: str) -> None:
        """Remove a container."""
        self.runtime.RemoveContainer(pb.RemoveContainerRequest(container_id=container_id))

    def stop_sandbox(self, pod_sandbox_id: str) -> None:
        """Stop a sandbox."""
        self.runtime.StopPodSandbox(pb.StopPodSandboxRequest(pod_sandbox_id=pod_sandbox_id))

    def remove_sandbox(self, pod_sandbox_id: str) -> None:
        """Remove a sandbox."""
        self.runtime.RemovePodSandbox(pb.RemovePodSandboxRequest(pod_sandbox_id=pod_sandbox_id))


def sandbox_config(name: str = "web", *, attempt: int = 0, **fields: Any) -> pb.PodSandboxConfig:
    """Return the config of a pod, as complete as a kubelet's where it matters here."""
    metadata = pb.PodSandboxMetadata(
        name=name, uid=f"uid-{name}", namespace="default", attempt=attempt
    )
    return pb.PodSandboxConfig(metadata=metadata, **{"log_directory": LOGS, **fields})


def create_request(
    pod_sandbox_id: str,
    *command: str,
    name: str = "main",
    pod: str = "web",
    image: str = "busybox",
    attempt: int = 0,
    **fields: Any,
) -> pb.CreateContainerRequest:
    """Return a request for a container that runs `command` as PID 1 of its own namespace."""
    config = pb.ContainerConfig(
        metadata=pb.ContainerMetadata(name=name, attempt=attempt),
        image=pb.ImageSpec(image=image),
        command=command,
        **{"log_path": f"{name}/{attempt}.log", "linux": own_pid_namespace(), **fields},
    )
    return pb.CreateContainerRequest(
        pod_sandbox_id=pod_sandbox_id, config=config, sandbox_config=sandbox_config(pod)
    )


def own_pid_namespace() -> pb.LinuxContainerConfig:
    """Return what a kubelet asks for unless a pod shares its PID namespace."""
    options = pb.NamespaceOption(pid=pb.CONTAINER)
    return pb.LinuxContainerConfig(
        security_context=pb.LinuxContainerSecurityContext(namespace_options=options)
    )


@contextmanager
def node(face: str, **options: Any) -> Iterator[Node]:
    """Open a node behind the object face or, on a socket of its own, the gRPC face."""
    with CRI(**options) as cri:
        if face == "object":
            yield Node(cri, cri.runtime, cri.images, face)
            return
        with TemporaryDirectory(prefix="fakecri-") as directory:
            address = f"unix://{Path(directory)}/cri.sock"
            with cri.serve(address), connect(address) as channel:
                yield Node(cri, runtime_stub(channel), image_stub(channel), face)


@contextmanager
def raises_status(code: grpc.StatusCode, text: str | None = None) -> Iterator[None]:
    """Expect a call to fail with this code, and this text."""
    with pytest.raises(grpc.RpcError) as refusal:
        yield
    assert (refusal.value.code(), refusal.value.details() if text is not None else None) == (
        code,
        text,
    )
