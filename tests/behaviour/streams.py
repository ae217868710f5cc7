"""What tests of streams share: a node, and each way to use the URLs that it gives."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

from fakecri import CRI
from fakecri.api import runtime_pb2 as pb
from fakecri.core.streaming.commands import Command
from fakecri.core.streaming.sessions import Session
from fakecri.endpoints import ANY_PORT
from fakecri.stream import Stream
from tests.behaviour.steps import put_image
from tests.streaming import spdy_client, websocket_client
from tests.support import Node

SPOKEN = {"object": (1, 2, 3, 4, 5), "spdy": (1, 2, 3, 4), "websocket": (1, 4, 5)}
"""The versions of the subprotocol that can be chosen on each way to use a URL."""

WIRES = tuple(SPOKEN)
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
    asked: dict[str, dict[str, bool]] = field(default_factory=dict)
    """What streams each URL was asked for with."""

    @property
    def cri(self) -> CRI:
        """What is behind it all."""
        return self.node.cri

    def run(self, *command: str, **fields: Any) -> str:
        """Run a container in a pod of its own; return its id."""
        name = f"pod-{sum(1 for _ in self.cri.host.world.store.sandboxes)}"
        return self.node.run(self.node.run_sandbox(name), *command, pod=name, **fields)

    def use(self, url: str, version: int | None = None) -> Any:
        """Use a URL; `version`: of the subprotocol, if it is not the newest."""
        version = version or SPOKEN[self.wire][-1]
        return self.opened.enter_context(self.open_(url, version, **self.asked[url]))

    def exec(self, id_: str, *command: str, version: int | None = None, **flags: bool) -> Any:
        """Execute a command in a container, with both outputs unless told otherwise."""
        return self.use(self.exec_url(id_, *command, **flags), version)

    def exec_url(self, id_: str, *command: str, **flags: bool) -> str:
        """Ask for an exec."""
        flags = {"stdout": True, "stderr": not flags.get("tty"), **flags}
        request = pb.ExecRequest(container_id=id_, cmd=command, **flags)
        return self._noted(self.node.runtime.Exec(request).url, flags)

    def attach(self, id_: str, *, version: int | None = None, **flags: bool) -> Any:
        """Attach to a container, with both outputs unless told otherwise."""
        return self.use(self.attach_url(id_, **flags), version)

    def attach_url(self, id_: str, **flags: bool) -> str:
        """Ask to be attached."""
        flags = {"stdout": True, "stderr": not flags.get("tty"), **flags}
        request = pb.AttachRequest(container_id=id_, **flags)
        return self._noted(self.node.runtime.Attach(request).url, flags)

    def _noted(self, url: str, flags: dict[str, bool]) -> str:
        self.asked[url] = flags
        return url

    def forward(self, pod: str) -> Any:
        """Forward ports of a pod."""
        return self.use_forward(self.forward_url(pod))

    def use_forward(self, url: str) -> Any:
        """Use the URL of a port-forward."""
        return self.opened.enter_context(FORWARDS.get(self.wire, self.cri.stream)(url))

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


def fill(session: Command) -> int:
    """Write to a process that does not read, as long as it takes any; return how much that was."""
    fed = 0
    while not (session.full or session.ended):
        session.feed(b"x" * 1000)
        fed += 1000
    assert session.full
    return fed


@contextmanager
def open_streams(wire: str, **options: Any) -> Iterator[Streams]:
    """Open a node with busybox on it, and a way to use its URLs."""
    if wire in FORWARDS:
        options["streaming_address"] = ANY_PORT
    with CRI(**options) as cri, ExitStack() as opened:
        node = Node(cri, cri.runtime, cri.images, "object")
        put_image(node, "busybox")
        yield Streams(node, wire, _opener(cri, wire), opened)


def _opener(cri: CRI, wire: str) -> Callable[..., Any]:
    """Return what uses a URL over a wire: (url, version, **flags)."""

    def over_nothing(url: str, version: int, **_: bool) -> Stream:
        return cri.stream(url, version=version)

    def over_spdy(url: str, version: int, **flags: Any) -> spdy_client.Command:
        return spdy_client.open(url, protocols=[_subprotocol(version)], **flags)

    def over_websocket(url: str, version: int, **_: bool) -> websocket_client.Command:
        return websocket_client.open(url, _subprotocol(version))

    return {"object": over_nothing, "spdy": over_spdy, "websocket": over_websocket}[wire]


def _subprotocol(version: int) -> str:
    return "channel.k8s.io" if version == 1 else f"v{version}.channel.k8s.io"
