"""A runtime under control: on a socket, with the control service on another."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import grpc

from fakecri.api import runtime_pb2 as pb
from fakecri.api.stubs import ImageServiceStub, RuntimeServiceStub
from fakecri.channel import connect, image_stub, runtime_stub
from fakecri.control import Control
from fakecri.control.options import Options
from fakecri.control.server import ControlServer
from fakecri.control.sessions import Session, Sessions
from fakecri.loops import LoopThread
from tests.support import create_request, sandbox_config


@dataclass
class Client:
    """A client of the CRI that has never heard of control."""

    channel: grpc.Channel
    runtime: RuntimeServiceStub
    images: ImageServiceStub

    def run(self, *command: str, pod: str = "web", name: str = "main") -> str:
        """Run a pod with a container; return the container's id."""
        self.images.PullImage(pb.PullImageRequest(image=pb.ImageSpec(image="busybox")))
        request = pb.RunPodSandboxRequest(config=sandbox_config(pod))
        sandbox = self.runtime.RunPodSandbox(request).pod_sandbox_id
        container: str = self.runtime.CreateContainer(
            create_request(sandbox, *command, pod=pod, name=name)
        ).container_id
        self.runtime.StartContainer(pb.StartContainerRequest(container_id=container))
        return container

    def version(self) -> None:
        """Make a call that changes nothing."""
        self.runtime.Version(pb.VersionRequest())

    def status(self, container: str) -> pb.ContainerStatus:
        """Return a container's status."""
        request = pb.ContainerStatusRequest(container_id=container)
        return self.runtime.ContainerStatus(request).status

    def stop(self, container: str, timeout: int = 0) -> None:
        """Stop a container."""
        self.runtime.StopContainer(pb.StopContainerRequest(container_id=container, timeout=timeout))


@contextmanager
def dialled(endpoint: str) -> Iterator[Client]:
    """Dial a runtime."""
    with connect(endpoint) as channel:
        yield Client(channel, runtime_stub(channel), image_stub(channel))


@dataclass
class Controlled:
    """Two sockets: one for the client under test, one for the test."""

    client: Client
    control: Control
    endpoint: str
    """Of the runtime."""
    control_endpoint: str
    directory: Path


@contextmanager
def controlled(record: Path | None = None, **chosen: object) -> Iterator[Controlled]:
    """Serve a runtime with these options, under control."""
    options = Options(**{"pace": "manual", **chosen})  # type: ignore[arg-type]  # they are checked
    with TemporaryDirectory(prefix="fakecri-") as name:
        directory = Path(name)
        session = Session("", options, f"unix://{directory}/cri.sock", record)
        sessions = Sessions(session)
        server = ControlServer(sessions, f"unix://{directory}/control.sock")
        thread = LoopThread()
        try:
            thread.run(session.server.open())
            thread.run(server.open())
            with dialled(session.server.endpoint) as client, Control(server.endpoint) as control:
                yield Controlled(
                    client, control, session.server.endpoint, server.endpoint, directory
                )
        finally:
            thread.run(server.close())
            thread.run(sessions.close_all())
            thread.run(session.server.close())
            session.close()
            thread.close()
