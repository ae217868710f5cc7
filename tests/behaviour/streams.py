"""What tests of streams share: a node, and each way to use the URLs that it gives."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

from fakecri import CRI
from fakecri.api import runtime_pb2 as pb
from fakecri.core.streaming.sessions import Session
from fakecri.stream import Stream
from fakecri.streaming.server import ANY_PORT
from tests.behaviour.steps import put_image
from tests.streaming import spdy_client, websocket_client
from tests.support import Node

WIRES = ("object",)
FORWARDS: dict[str, Callable[..., Any]] = {
    "spdy": spdy_client.forward,
    "websocket": websocket_client.forward,
}
"""How ports are forwarded over real wires."""


@dataclass
class Streams:
    """A node, and streams to its containers that are hung up at the end of the test."""

    node: Node
    wire: str
    open_: Callable[..., Any]
    opened: ExitStack = field(default_factory=ExitStack)

    @property
    def cri(self) -> CRI:
        """What is behind it all."""
        return self.node.cri

    def run(self, *command: str, **fields: Any) -> str:
        """Run a container in a pod of its own; return its id."""
        name = f"pod-{sum(1 for _ in self.cri.host.world.store.sandboxes)}"
        return self.node.run(self.node.run_sandbox(name), *command, pod=name, **fields)

    def use(self, url: str, **options: Any) -> Any:
        """Use a URL."""
        return self.opened.enter_context(self.open_(url, **options))

    def exec(self, id_: str, *command: str, version: int = 4, **fields: Any) -> Any:
        """Execute a command in a container, with both outputs unless told otherwise."""
        return self.use(self.exec_url(id_, *command, **fields), version=version)

    def exec_url(self, id_: str, *command: str, **fields: Any) -> str:
        """Ask for an exec."""
        flags = {"stdout": True, "stderr": True, **fields}
        request = pb.ExecRequest(container_id=id_, cmd=command, **flags)
        return self.node.runtime.Exec(request).url

    def attach(self, id_: str, *, version: int = 4, **fields: Any) -> Any:
        """Attach to a container, with both outputs unless told otherwise."""
        return self.use(self.attach_url(id_, **fields), version=version)

    def attach_url(self, id_: str, **fields: Any) -> str:
        """Ask to be attached."""
        request = pb.AttachRequest(container_id=id_, **{"stdout": True, "stderr": True, **fields})
        return self.node.runtime.Attach(request).url

    def forward(self, pod: str) -> Any:
        """Forward ports of a pod."""
        return self.use_forward(self.forward_url(pod))

    def use_forward(self, url: str) -> Any:
        """Use the URL of a port-forward."""
        return self.opened.enter_context(FORWARDS.get(self.wire, self.open_)(url))

    def forward_url(self, pod: str) -> str:
        """Ask for a port-forward."""
        request = pb.PortForwardRequest(pod_sandbox_id=pod)
        return self.node.runtime.PortForward(request).url

    def start(self, pod: str, image: str, *command: str, **fields: Any) -> str:
        """Run a container of an image in a pod; return its id."""
        put_image(self.node, image)
        return self.node.run(pod, *command, image=image, **fields)

    def sync(self, id_: str, *command: str) -> str:
        """Return what a command writes that is executed without a stream."""
        request = pb.ExecSyncRequest(container_id=id_, cmd=command)
        return self.node.runtime.ExecSync(request).stdout.decode()

    def log(self, id_: str) -> list[str]:
        """Return the lines of a container's log, without times."""
        return [line.split(" ", 3)[3] for line in self.cri.log(id_).decode().splitlines()]

    def sessions(self) -> list[Session]:
        """Return the sessions that are open."""
        with self.cri.host.turn() as world:
            return list(world.sessions)


@contextmanager
def open_streams(wire: str, **options: Any) -> Iterator[Streams]:
    """Open a node with busybox on it, and a way to use its URLs."""
    if wire in FORWARDS:
        options["streaming_address"] = ANY_PORT
    with CRI(**options) as cri, ExitStack() as opened:
        node = Node(cri, cri.runtime, cri.images, "object")
        put_image(node, "busybox")
        yield Streams(node, wire, _object_opener(cri), opened)


def _object_opener(cri: CRI) -> Callable[..., Stream]:
    return cri.stream
