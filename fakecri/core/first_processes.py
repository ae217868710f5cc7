"""The first processes of containers, before they run."""

from dataclasses import replace

from fakecri.api import runtime_pb2 as pb
from fakecri.core.processes import Process, ProcessSpec
from fakecri.core.records import Container
from fakecri.core.streaming.audiences import Audience
from fakecri.core.system import System
from fakecri.core.world import World


def completed(container: Container) -> ProcessSpec:
    """Return the spec as runc completes it: HOME is the user's, where nobody said otherwise."""
    spec = container.spec
    if "HOME" in spec.environment:
        return spec
    user = container.image.userland.find_uid(spec.user.uid)
    home = user.home if user else "/"
    return replace(spec, environment={**spec.environment, "HOME": home})


def make_process(world: World, container: Container) -> Process:
    """Return what will be the first process of a container that is prepared."""
    options = container.config.linux.security_context.namespace_options
    stdout = Audience(container, "stdout")
    return Process(
        world.scheduler,
        completed(container),
        pid=world.new_pid(),
        is_init=options.pid == pb.CONTAINER,
        stdin=container.stdin,
        stdout=stdout,
        stderr=stdout if container.spec.tty else Audience(container, "stderr"),
        wall_ns=world.clock.wall_ns,
        system=system_of(container),
    )


def system_of(container: Container) -> System:
    """Return what a container that is prepared puts its processes in."""
    if container.system is None:
        raise RuntimeError("a container is prepared before it runs")
    return container.system
