"""From a container's configs to what its processes live in."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fakecri.api import nri_pb2 as nri
from fakecri.api import runtime_pb2 as pb
from fakecri.core.cgroup import Cgroup
from fakecri.core.limits import limits_of
from fakecri.core.nri.adjusted import seccomp_spec
from fakecri.core.nri.ownership import removed
from fakecri.core.oci_parts import seccomp
from fakecri.core.oci_pause import pause_spec
from fakecri.core.oom import MemoryGuard
from fakecri.core.pipes import Nowhere
from fakecri.core.processes import Process, Program
from fakecri.core.records import Container, Sandbox
from fakecri.core.rootfs.access import Who
from fakecri.core.rootfs.lookups import Lookup, image_lookup, looking
from fakecri.core.rootfs.mounting import SetUp
from fakecri.core.rootfs.tree import Rootfs
from fakecri.core.security import Security, security_of
from fakecri.core.system import PidNamespace, System
from fakecri.core.usage import IDLE_BYTES, PAUSE
from fakecri.core.world import World
from fakecri.errors import CRIError, wrapped


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
            is_inside=True,
            lookup=lookup_of(self.container),
        )


def lookup_of(container: Container) -> Lookup:
    """Return where a container's executables are looked up, by its user."""
    user, system = container.spec.user, container.system
    if system is None:
        raise RuntimeError("a container that was not started has no files")
    who = Who(user.uid, user.gid, user.groups, system.security.effective(user.uid))
    security = container.config.linux.security_context
    is_plain = not (container.config.mounts or security.masked_paths or container.adjustment)
    if system.rootfs.is_untouched and is_plain:
        # It still is what the image says; most containers never need more.
        image = container.image
        return looking(image_lookup(image.userland, image.recipe), who)
    return Lookup(system.rootfs.mounts, who, container.process)


def build_system(world: World, container: Container) -> System:
    """Return what a container that is about to start puts its processes in."""
    if container.adjustment is not None:
        container.parent.sysctls.update(_sysctls(container.adjustment))
    return System(
        scheduler=world.scheduler,
        wall_ns=world.clock.wall_ns,
        new_pid=world.new_pid,
        find=_Find(world, container),
        pids=_pids(world, container),
        rootfs=Rootfs(world.scheduler, SetUp(world, container), f"{world.seed}/{container.id}"),
        uts=container.parent.uts,
        processes={},
        network=container.parent.network or world.network.node,
        security=_security(world, container),
        new_cgroup=lambda: _new_cgroup(world, container),
    )


def _sysctls(adjustment: nri.ContainerAdjustment) -> dict[str, str]:
    """Return the settings that runc writes for a container; they are those of its whole pod."""
    asked = adjustment.linux.sysctl
    return {key.replace("/", "."): asked[key] for key in sorted(asked) if removed(key) is None}


def _security(world: World, container: Container) -> Security:
    context, adjustment = container.config.linux.security_context, container.adjustment
    if adjustment is None or not adjustment.linux.HasField("seccomp_policy"):
        return security_of(context, seccomp(world.mounted, context))
    return security_of(context, seccomp_spec(adjustment.linux.seccomp_policy))


def _new_cgroup(world: World, container: Container) -> Cgroup:
    if container.system is None:
        raise RuntimeError("a container that nothing was made of has no cgroup")
    system, process = container.system, container.process

    def limit_bytes() -> int | None:
        return system.cgroup.limits.demand_bytes if system.cgroup else None

    guard = MemoryGuard(world.scheduler, lambda: (container,), limit_bytes)

    def check() -> None:
        guard.check()
        check_pod_memory(world, container.parent)

    return Cgroup(
        world.scheduler,
        limits_of(container.resources, world.node),
        started_ns=process.started_ns if process else world.scheduler.now_ns,
        idle_bytes=IDLE_BYTES,
        check=check,
    )


def check_pod_memory(world: World, sandbox: Sandbox) -> None:
    """Kill in a pod whose containers together hold more than its limit, if it has one."""
    if sandbox.memory_guard is None:
        if pod_limit_bytes(sandbox) is None:
            return
        sandbox.memory_guard = MemoryGuard(
            world.scheduler,
            sandbox.containers.values,
            lambda: pod_limit_bytes(sandbox),
            PAUSE.levels.memory_bytes,
        )
    sandbox.memory_guard.check()


def pod_limit_bytes(sandbox: Sandbox) -> int | None:
    """Return the memory limit of a pod, as a kubelet gives it to the cgroup of the pod."""
    linux = sandbox.config.linux
    resources = sandbox.resources or linux.resources
    overhead = sandbox.overhead or linux.overhead
    if resources.memory_limit_in_bytes <= 0:
        return None
    return resources.memory_limit_in_bytes + max(0, overhead.memory_limit_in_bytes)


def require_update(world: World, container: Container, asked: pb.LinuxContainerResources) -> None:
    """Raise where CRI-O would not update: server/container_update_resources.go."""
    if container.state not in world.profile.living:
        raise CRIError(f"container {container.id} is not running or created state: stopped")
    limit = asked.memory_limit_in_bytes
    used = world.meters.read(container, world.scheduler.now_ns).levels.memory_bytes
    with wrapped("memory validation failed"):
        if limit < 0:
            raise CRIError(f"invalid memory limit: {limit} bytes (cannot be negative)")
        if 0 < limit < used:
            raise CRIError(
                f"cannot decrease memory limit to {limit} bytes: current usage is {used} bytes"
            )


def set_resources(
    world: World, container: Container, resources: pb.LinuxContainerResources
) -> None:
    """Let other limits hold for a container from now on, also for what runs in it."""
    before, after = (limits_of(each, world.node) for each in (container.resources, resources))
    process, system = container.process, container.system
    running = process is not None and system is not None and not process.exited.done
    # It begins under the limits that held so far.
    cgroup = system.get_cgroup() if running and system and before != after else None
    container.resources, container.reported = resources, None
    if cgroup is not None:
        cgroup.limit(after)


def _pids_of_pod(world: World, sandbox: Sandbox) -> PidNamespace:
    """Return the namespace of a pod, where its pause process is seen: one that does nothing."""
    sandbox.pids.begin_with(
        lambda: Process(
            world.scheduler,
            pause_spec(world, sandbox),
            pid=sandbox.pid,
            is_init=True,
            stdout=Nowhere(),
            stderr=Nowhere(),
            wall_ns=world.clock.wall_ns,
        )
    )
    return sandbox.pids


def _pids(world: World, container: Container) -> PidNamespace:
    options = container.config.linux.security_context.namespace_options
    if options.pid == pb.POD:
        return _pids_of_pod(world, container.parent)
    if options.pid == pb.NODE:
        return world.pids
    target = world.store.containers.find(options.target_id) if options.pid == pb.TARGET else None
    if target is not None and target.system is not None:
        return target.system.pids
    return PidNamespace()
