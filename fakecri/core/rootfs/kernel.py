"""What the files that a kernel makes up are computed from: a container, and what it runs on."""

from collections.abc import Iterator
from dataclasses import dataclass

from fakecri.api import runtime_pb2 as pb
from fakecri.core.processes import Process
from fakecri.core.records import Container
from fakecri.core.rootfs.places import Mounts
from fakecri.core.system import System
from fakecri.core.usage import Usage
from fakecri.core.world import World

BOOTED_NS = 1_000 * 10**9
"""How long the node had been up when the world began."""


@dataclass(frozen=True, slots=True, eq=False)
class Kernel:
    """The container whose /proc and /sys are shown, and its world."""

    world: World
    container: Container
    mounts: Mounts

    @property
    def system(self) -> System:
        """What its processes live in. RuntimeError before it has started."""
        system = self.container.system
        if system is None:
            raise RuntimeError("a container that was not started has no /proc")
        return system

    @property
    def security(self) -> pb.LinuxContainerSecurityContext:
        """What the config asks for."""
        return self.container.config.linux.security_context

    @property
    def usage(self) -> Usage:
        """What it has used."""
        return self.world.meters.read(self.container, self.world.scheduler.now_ns)

    @property
    def up_ns(self) -> int:
        """How long the node has been up."""
        return self.world.scheduler.now_ns - self.world.began_ns + BOOTED_NS

    def of_machine(self, path: str) -> bytes | None:
        """Return a file of this machine's /proc, where host paths below it may be read."""
        try:
            return self.world.mounted.read(path)
        except OSError:
            return None

    def processes(self) -> Iterator[tuple[int, Process]]:
        """All processes that it sees, by number; the pause process among those of a pod."""
        return iter(self.system.pids)
