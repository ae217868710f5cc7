"""A session of a client that uses most of a runtime, in a fixed order: for recordings.

What a call answers is no matter here, so that the same calls are made whatever comes of them.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import grpc

from fakecri.api import runtime_pb2 as pb

IMAGE = "docker.io/library/busybox:latest"
NOBODY = "0" * 64
TIMEOUT_S = 60.0


@dataclass
class Session:
    """A client, and where it is."""

    runtime: Any
    images: Any
    pause: Callable[[float], None]
    """Let so many seconds pass."""
    logs: str
    """A directory for logs, which the runtime can write to."""
    cgroup_parent: str

    def ask(self, stub: Any, rpc: str, request: Any) -> Any:
        """Make a call; return its answer, or None where there is none."""
        with suppress(grpc.RpcError):
            answer = getattr(stub, rpc)(request, timeout=TIMEOUT_S)
            return list(answer) if rpc.startswith(("Stream", "Get")) else answer
        return None

    def run(self, rpc: str, **fields: Any) -> Any:
        """Ask the RuntimeService."""
        name = "GetEventsRequest" if rpc == "GetContainerEvents" else f"{rpc}Request"
        return self.ask(self.runtime, rpc, getattr(pb, name)(**fields))

    def image(self, rpc: str, **fields: Any) -> Any:
        """Ask the ImageService."""
        return self.ask(self.images, rpc, getattr(pb, f"{rpc}Request")(**fields))

    def play(self) -> None:
        """Make all calls."""
        self.look_around()
        self.pull()
        pod = self.run("RunPodSandbox", config=self.pod("web")).pod_sandbox_id
        self.refused_pods(pod)
        self.containers(pod)
        self.lists(pod)
        self.ends(pod)

    def look_around(self) -> None:
        """Ask what runtime this is, and for what it may not have."""
        self.run("Version", version="0.1.0")
        self.run("Status")
        for rpc in ("RuntimeConfig", "ListMetricDescriptors", "ListPodSandboxMetrics"):
            self.run(rpc)
        for rpc in ("GetContainerEvents", "StreamContainers", "StreamPodSandboxes"):
            self.run(rpc)
        self.image("StreamImages")
        self.run("UpdateRuntimeConfig")
        self.image("ImageFsInfo")

    def pull(self) -> None:
        """Pull an image, and what is none."""
        spec = pb.ImageSpec(image=IMAGE)
        self.image("ListImages")
        self.image("ImageStatus", image=spec)
        self.image("PullImage", image=spec)
        self.image("ImageStatus", image=spec)
        self.image("ListImages")
        self.image("PullImage", image=pb.ImageSpec(image="Not A Reference"))
        self.image("ImageStatus", image=pb.ImageSpec(image="docker.io/library/absent:1"))
        self.image("RemoveImage", image=pb.ImageSpec(image="docker.io/library/absent:1"))

    def refused_pods(self, pod: str) -> None:
        """Ask for pods that cannot be, and for those that are not."""
        self.run("PodSandboxStatus", pod_sandbox_id=pod)
        self.run("RunPodSandbox", config=self.pod("web"))
        self.run("RunPodSandbox", config=self.pod("other"), runtime_handler="absent")
        self.run("PodSandboxStatus", pod_sandbox_id=NOBODY)
        for rpc in ("StopPodSandbox", "RemovePodSandbox", "PodSandboxStats"):
            self.run(rpc, pod_sandbox_id=NOBODY)
        self.run("PortForward", pod_sandbox_id=NOBODY, port=[80])
        self.run("PortForward", pod_sandbox_id=pod, port=[80])

    def containers(self, pod: str) -> None:
        """Let containers live, and do what cannot be done to them."""
        main = self.create(pod, "main", "sleep", "3600")
        self.create(pod, "main", "sleep", "3600")
        self.create(NOBODY, "lost", "true")
        self.create(pod, "bare", "true", image="docker.io/library/absent:1")
        self.run("ContainerStatus", container_id=main)
        self.run("ExecSync", container_id=main, cmd=["true"])
        self.run("StartContainer", container_id=main)
        self.run("StartContainer", container_id=main)
        self.run("ContainerStatus", container_id=main)
        self.execs(main)
        self.run("RemoveContainer", container_id=self.exits(pod))
        absent = self.create(pod, "absent", "/no/such/program")
        self.run("StartContainer", container_id=absent)
        self.run("ContainerStatus", container_id=absent)
        for rpc in ("StartContainer", "StopContainer", "RemoveContainer", "ContainerStatus"):
            self.run(rpc, container_id=NOBODY)
        for rpc in ("ReopenContainerLog", "ContainerStats", "UpdateContainerResources"):
            self.run(rpc, container_id=NOBODY)
        self.run("CheckpointContainer", container_id=NOBODY, location="/absent.tar")
        self.run("ReopenContainerLog", container_id=main)

    def execs(self, container: str) -> None:
        """Execute commands, and ask for streams."""
        for command in (
            ["echo", "out"],
            ["sh", "-c", "echo out; echo err >&2; exit 3"],
            ["cat", "/etc/hostname"],
            ["no-such-program"],
        ):
            self.run("ExecSync", container_id=container, cmd=command, timeout=10)
        self.run("ExecSync", container_id=container, cmd=["sleep", "60"], timeout=1)
        self.run("ExecSync", container_id=NOBODY, cmd=["true"])
        self.run("Exec", container_id=container, cmd=["true"], stdout=True)
        self.run("Exec", container_id=NOBODY, cmd=["true"], stdout=True)
        self.run("Exec", container_id=container, cmd=["true"])
        self.run("Attach", container_id=container, stdout=True)

    def exits(self, pod: str) -> str:
        """Let a container end by itself."""
        id_ = self.create(pod, "short", "sh", "-c", "exit 3")
        self.run("StartContainer", container_id=id_)
        self.pause(2)
        self.run("ContainerStatus", container_id=id_)
        self.run("StartContainer", container_id=id_)
        self.run("ExecSync", container_id=id_, cmd=["true"])
        self.run("ReopenContainerLog", container_id=id_)
        self.run("StopContainer", container_id=id_)
        return id_

    def lists(self, pod: str) -> None:
        """List what there is, with and without filters."""
        self.run("ListPodSandbox")
        self.run("ListPodSandbox", filter=pb.PodSandboxFilter(id=pod))
        self.run("ListPodSandbox", filter=pb.PodSandboxFilter(id=NOBODY))
        self.run("ListContainers")
        for filter_ in (
            pb.ContainerFilter(pod_sandbox_id=pod),
            pb.ContainerFilter(label_selector={"app": "main"}),
            pb.ContainerFilter(state=pb.ContainerStateValue(state=pb.CONTAINER_RUNNING)),
        ):
            self.run("ListContainers", filter=filter_)

    def ends(self, pod: str) -> None:
        """Stop and remove everything, twice."""
        listed = self.run("ListContainers", filter=pb.ContainerFilter(pod_sandbox_id=pod))
        main = next(each.id for each in listed.containers if each.metadata.name == "main")
        self.run("RemovePodSandbox", pod_sandbox_id=NOBODY)
        for _ in range(2):
            self.run("StopContainer", container_id=main, timeout=0)
        self.run("ContainerStatus", container_id=main)
        for _ in range(2):
            self.run("RemoveContainer", container_id=main)
        self.run("ContainerStatus", container_id=main)
        for _ in range(2):
            self.run("StopPodSandbox", pod_sandbox_id=pod)
        self.run("PodSandboxStatus", pod_sandbox_id=pod)
        self.create(pod, "late", "true")
        for _ in range(2):
            self.run("RemovePodSandbox", pod_sandbox_id=pod)
        self.run("ListContainers")
        self.run("ListPodSandbox")
        for _ in range(2):
            self.image("RemoveImage", image=pb.ImageSpec(image=IMAGE))
        self.image("ListImages")

    def pod(self, name: str) -> pb.PodSandboxConfig:
        """Return the config of a pod."""
        return pb.PodSandboxConfig(
            metadata=pb.PodSandboxMetadata(name=name, namespace="session", uid=f"uid-{name}"),
            hostname="stage",
            log_directory=f"{self.logs}/{name}",
            labels={"app": name},
            annotations={"note": "of the session"},
            linux=pb.LinuxPodSandboxConfig(cgroup_parent=self.cgroup_parent),
        )

    def create(self, pod: str, name: str, *command: str, image: str = IMAGE) -> str:
        """Create a container in the pod; return its id, which is empty where there is none."""
        config = pb.ContainerConfig(
            metadata=pb.ContainerMetadata(name=name),
            image=pb.ImageSpec(image=image),
            command=command,
            labels={"app": name},
            log_path=f"{name}.log",
            linux=pb.LinuxContainerConfig(),
        )
        answer = self.run(
            "CreateContainer", pod_sandbox_id=pod, config=config, sandbox_config=self.pod("web")
        )
        return answer.container_id if answer else ""
