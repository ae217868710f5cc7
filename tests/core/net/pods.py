"""Pods whose containers run what a test gives them."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from fakecri import CRI
from fakecri.api import runtime_pb2 as pb
from fakecri.core.net.namespaces import Namespace
from fakecri.core.processes import Process, Program
from fakecri.core.scheduler import Waits
from tests.support import Node, node


@dataclass
class Pods:
    """A node, and programs in its pods."""

    node: Node
    client: str = ""
    """A pod to ask from, once one was needed."""
    _serial: Iterator[int] = field(default_factory=count)

    @property
    def cri(self) -> CRI:
        return self.node.cri

    def pod(self, name: str = "web", **fields: Any) -> str:
        """Run a pod; return its id."""
        return self.node.run_sandbox(name, **fields)

    def host_pod(self, name: str = "host") -> str:
        """Run a pod in the node's network namespace; return its id."""
        options = pb.NamespaceOption(network=pb.NODE)
        security = pb.LinuxSandboxSecurityContext(namespace_options=options)
        return self.pod(name, linux=pb.LinuxPodSandboxConfig(security_context=security))

    def address(self, pod: str) -> str:
        return self.node.sandbox_status(pod).network.ip

    def namespace(self, pod: str) -> Namespace:
        world = self.cri.host.world
        return world.store.sandboxes.get(pod).network or world.network.node

    def run(self, pod: str, program: Program, **fields: Any) -> str:
        """Run a program in a container of its own; return the container's id."""
        name = f"program-{next(self._serial)}"
        self.cri.register(program, command=name)
        return self.node.run(pod, name, name=name, **fields)

    def start(self, pod: str, image: str, *command: str, **fields: Any) -> str:
        """Run a container of an image; return its id."""
        self.node.pull(image)
        name = f"image-{next(self._serial)}"
        return self.node.run(pod, *command, name=name, image=image, **fields)

    def result(self, pod: str, work: Callable[[Process], Waits[Any]], seconds: float = 600) -> Any:
        """Run a generator as a program; return what it returns or raises, within some time."""
        results: list[Any] = []

        def program(process: Process) -> Waits[int]:
            try:
                results.append((yield from work(process)))
            except OSError as error:
                results.append(error)
            return 0

        self.run(pod, program)
        for _ in range(100):
            if results:
                break
            self.cri.advance(seconds / 100)
        assert results, "it goes on"
        return results[0]

    def exec(self, container: str, *argv: str) -> tuple[str, str, int]:
        """Execute a command; return stdout, stderr and the exit code."""
        request = pb.ExecSyncRequest(container_id=container, cmd=argv)
        response = self.node.runtime.ExecSync(request)
        return response.stdout.decode(), response.stderr.decode(), response.exit_code


@contextmanager
def pods(**options: Any) -> Iterator[Pods]:
    with node("object", **options) as opened:
        opened.pull("busybox")
        yield Pods(opened)
