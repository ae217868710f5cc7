"""From a container's configs to what its processes live in."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fakecri.api import runtime_pb2 as pb
from fakecri.core.cgroup import Cgroup
from fakecri.core.limits import limits_of
from fakecri.core.processes import Program
from fakecri.core.records import Container
from fakecri.core.rootfs.mounting import SetUp
from fakecri.core.rootfs.tree import Rootfs
from fakecri.core.security import security_of
from fakecri.core.system import PidNamespace, System
from fakecri.core.world import World


@dataclass(frozen=True, slots=True)
class _Find:
    world: World
    container: Container

    def __call__(self, argv: Sequence[str], environment: Mapping[str, str], cwd: str) -> Program:
        return self.world.programs.find(
            self.container.image,
            argv,
            environment,
            cwd=cwd,
            image_names=self.container.image_names,
            is_exec=True,
        )


def build_system(world: World, container: Container) -> System:
    """Return what a container that is about to start puts its processes in."""
    return System(
        scheduler=world.scheduler,
        wall_ns=world.clock.wall_ns,
        new_pid=world.new_pid,
        find=_Find(world, container),
        pids=_pids(world, container),
        rootfs=Rootfs(world.scheduler, SetUp(world, container), f"{world.seed}/{container.id}"),
        processes={},
        network=container.parent.network or world.network.node,
        security=security_of(container.config.linux.security_context),
        new_cgroup=lambda: _new_cgroup(world, container),
    )


def _new_cgroup(world: World, container: Container) -> Cgroup:
    if container.process is None:
        raise RuntimeError("a container that was not started has no cgroup")
    return Cgroup(
        world.scheduler,
        limits_of(container.resources, world.node),
        container.process.started_ns,
        lambda: None,
    )


def _pids(world: World, container: Container) -> PidNamespace:
    options = container.config.linux.security_context.namespace_options
    if options.pid == pb.POD:
        return container.parent.pids
    if options.pid == pb.NODE:
        return world.pids
    target = world.store.containers.find(options.target_id) if options.pid == pb.TARGET else None
    if target is not None and target.system is not None:
        return target.system.pids
    return PidNamespace()
