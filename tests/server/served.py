"""A host on a socket whose handlers do as a test says, and a client of it."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from queue import Queue
from typing import Any

import grpc

from fakecri.api import runtime_pb2 as pb
from fakecri.api.stubs import ImageServiceStub, RuntimeServiceStub
from fakecri.core.scheduler import SECOND_NS, Waits
from fakecri.core.world import World
from fakecri.errors import Code, CRIError
from fakecri.host import Host
from fakecri.server import Server

PATIENCE_S = 30.0
CANCELLED = (Code.CANCELLED, "context canceled")


@dataclass
class Runtime:
    """Handlers that do as the test says, and tell it what reaches them."""

    arrived: "Queue[Any]" = field(default_factory=Queue)
    """A waiting call's request; of an event stream, what it sends with."""
    left: "Queue[CRIError]" = field(default_factory=Queue)
    """Why a waiting call was told to end."""

    def handlers(self) -> dict[str, Callable[..., Any]]:
        """Return a handler that answers at once, two that wait, and one that measures."""

        def version(world: World, request: pb.VersionRequest) -> pb.VersionResponse:
            return pb.VersionResponse(runtime_name=request.version)

        def stop(world: World, request: pb.StopContainerRequest) -> Waits[pb.StopContainerResponse]:
            yield from self._wait(world, request, request.timeout)
            return pb.StopContainerResponse()

        def events(
            world: World, request: pb.GetEventsRequest, send: Callable[[Any], None]
        ) -> Waits[None]:
            yield from self._wait(world, send, 1)

        def pull(world: World, request: pb.PullImageRequest) -> pb.PullImageResponse:
            name = request.image.image
            return pb.PullImageResponse(image_ref="x" * int(name) if name.isdigit() else "")

        return {
            "Version": version,
            "StopContainer": stop,
            "GetContainerEvents": events,
            "PullImage": pull,
        }

    def _wait(self, world: World, arrival: Any, seconds: int) -> Waits[None]:
        self.arrived.put(arrival)
        try:
            yield from world.scheduler.sleep(seconds * SECOND_NS)
        except CRIError as error:
            self.left.put(error)
            raise


def event(container_id: str) -> pb.ContainerEventResponse:
    return pb.ContainerEventResponse(container_id=container_id)


def stop_request(container_id: str = "c") -> pb.StopContainerRequest:
    return pb.StopContainerRequest(container_id=container_id, timeout=1)


@dataclass
class Served:
    """A host on a socket whose time stands still, and a client of it."""

    host: Host
    server: Server
    channel: grpc.Channel
    runtime: Runtime
    stub: RuntimeServiceStub
    images: ImageServiceStub

    def park(self, container_id: str = "c", **options: Any) -> Any:
        """Begin a call that waits, and wait until it does."""
        call = self.stub.StopContainer.future(stop_request(container_id), **options)
        assert self.runtime.arrived.get(timeout=PATIENCE_S).container_id == container_id
        return call

    def stream(self) -> tuple[Any, Callable[[Any], None]]:
        """Begin a stream; return it, and what sends to it."""
        call = self.stub.GetContainerEvents(pb.GetEventsRequest())
        send = self.runtime.arrived.get(timeout=PATIENCE_S)

        def locked(message: Any) -> None:
            with self.host.turn():
                send(message)

        return call, locked

    def reason(self) -> tuple[Code, str]:
        """Why a waiting call was told to end."""
        error = self.runtime.left.get(timeout=PATIENCE_S)
        return error.code, error.message

    def version(self, text: str = "v") -> str:
        """Make a call that answers at once."""
        return self.stub.Version(
            pb.VersionRequest(version=text), timeout=PATIENCE_S, wait_for_ready=True
        ).runtime_name

    def raw(self, path: str, content: bytes = b"") -> Any:
        """Send bytes to a path."""
        return method(self.channel, path)(content, timeout=PATIENCE_S)


def method(channel: Any, path: str) -> Any:
    """Return a method that takes bytes and gives bytes."""
    return channel.unary_unary(path)


def until(condition: Callable[[], bool]) -> None:
    """Wait for something that nobody announces."""
    tick = threading.Event()
    for _ in range(int(PATIENCE_S * 100)):
        if condition():
            return
        tick.wait(0.01)
    raise AssertionError("it did not come to pass")
