"""The runtime dies and comes back: what it finds then, and what it has forgotten.

Source: spec lifecycle 21. Containers go on under their shims meanwhile. What is found on return
produces no event.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum

from fakecri.core import duplicates, graceful, lifecycle, pipeline, rooms
from fakecri.core.clock import NO_TIME_NS
from fakecri.core.faults.effects import drop_late
from fakecri.core.net.pods import disconnect
from fakecri.core.outages import Outage, cut_off
from fakecri.core.records import Container, Sandbox
from fakecri.core.states import ContainerState, SandboxState, Told, Trigger
from fakecri.core.world import World
from fakecri.errors import CRIError


class Found(Enum):
    """What recovery finds of a container or a pod sandbox."""

    AS_IT_IS = "as it is"
    UNKNOWN = "unknown"
    """Its task does not answer."""
    UNREADABLE = "unreadable"
    """The file with its status cannot be read."""
    ZEROED = "zeroed"
    """Likewise, and when it was made is not known either."""
    DEAD = "dead"
    """There is no task any more."""
    LOST = "lost"
    """Its metadata cannot be read: it is not loaded."""
    STARTED = "started"
    """Of one that is CREATED: it was started, and the runtime did not live to store that."""


_UNLOADABLE = {Found.UNKNOWN, Found.UNREADABLE, Found.ZEROED}


@dataclass(frozen=True, slots=True)
class Recovery:
    """What is found on return, and how."""

    found: Callable[[Container | Sandbox], Found]
    leak_names: bool = False
    """Whether names stay reserved that nothing has."""
    dead_code: int = lifecycle.LOST_CODE
    """The exit code of what has no task any more."""
    dead_ns: int = 0
    """When that ended, as far as is known; 0: it is not, which is when it is found."""


def go_down(world: World) -> None:
    """Die: calls in flight end as they do when a server dies, and what is in memory is lost."""
    reasons = {each: each.reason for each in world.store.containers}
    was_open = world.absence is None
    world.outage, world.shut = Outage(world.profile.socket, reasons, is_down=True), None
    for call in tuple(world.in_flight):
        pipeline.abandon(world, call, cut_off())
    world.in_flight.clear()
    for container in world.store.containers:
        graceful.forget(container)
    duplicates.forget_all(world)
    drop_late(world)
    world.events.clear()
    world.tokens.clear()
    world.sessions.break_off("restart")
    world.nri.reset()
    for thing in (*world.store.sandboxes, *world.store.containers):
        thing.told = Told.NOTHING
    if was_open:
        world.power.tell(is_up=False)


def come_up(world: World) -> None:
    """Listen again. Not initialized yet: see `recover`, which some do before they listen."""
    if world.profile.listens_late:
        return
    reasons = world.outage.reasons if world.outage else {}
    world.outage = Outage(world.profile.socket, reasons, is_down=False)
    _tell_up(world)


def _tell_up(world: World) -> None:
    world.faults.reconnect()
    world.power.tell(is_up=True)


def recover(world: World, recovery: Recovery) -> None:
    """Load what there is, and serve."""
    held = world.store.sandbox_names.holders(), world.store.container_names.holders()
    for sandbox in world.store.sandboxes:
        _recover_sandbox(world, sandbox, recovery)
    _find_debris(world)
    reasons = world.outage.reasons if world.outage else {}
    for container in world.store.containers:
        container.reason = reasons.get(container, container.reason)
        _recover_container(world, container, recovery)
    _reserve(world, world.debris, *held, leaks=recovery.leak_names)
    world.debris = []
    was_down, world.outage = world.absence is not None, None
    if was_down:
        _tell_up(world)


def _find(world: World, recovery: Recovery, thing: Container | Sandbox) -> Found:
    """Return what is found. Some runtimes delete what they cannot load, and what goes with it."""
    found = recovery.found(thing)
    if not world.profile.deletes_unloadable:
        return found
    gone = thing is not thing.parent and thing.parent not in world.store.sandboxes
    return Found.LOST if gone or found in _UNLOADABLE else found


def _reserve(
    world: World,
    nameless: Iterable[Sandbox],
    sandbox_names: dict[str, str],
    container_names: dict[str, str],
    *,
    leaks: bool,
) -> None:
    """Reserve the names of what was loaded, and of nothing else."""
    store, ids = world.store, {each.id for each in nameless}
    before = sandbox_names if leaks else {}
    named = {each.name: each.id for each in store.sandboxes if each.id not in ids}
    store.sandbox_names.restore({**before, **named})
    before = container_names if leaks else {}
    store.container_names.restore({**before, **{each.name: each.id for each in store.containers}})


# Sandboxes.


def _recover_sandbox(world: World, sandbox: Sandbox, recovery: Recovery) -> None:
    found = _find(world, recovery, sandbox)
    if found is Found.LOST:
        forget_sandbox(world, sandbox)
        return
    if found is Found.DEAD:
        sandbox.pause_exited = True
    is_ready = sandbox.state is SandboxState.READY
    if is_ready and found in {Found.UNKNOWN, Found.UNREADABLE, Found.ZEROED}:
        world.move(sandbox, Trigger.LOSE)
    elif is_ready and sandbox.pause_exited:
        world.move(sandbox, Trigger.FIND_DEAD)
    elif not (is_ready or sandbox.pause_exited):
        world.move(sandbox, Trigger.FIND_RUNNING)


def forget_sandbox(world: World, sandbox: Sandbox) -> None:
    """Have a sandbox that is not known any more; nobody hears of it, and its shim is cleared."""
    disconnect(world, sandbox)
    world.move(sandbox, Trigger.FORGET)
    lifecycle.discard_sandbox(world, sandbox)


def _find_debris(world: World) -> None:
    """What a RunPodSandbox had built when the runtime died is a sandbox without a name."""
    for sandbox in world.debris:
        if world.profile.deletes_unloadable:
            disconnect(world, sandbox)
            rooms.release_pod(world, sandbox)
            continue
        sandbox.created_ns = NO_TIME_NS
        sandbox.pause_exited = True
        world.store.sandboxes.add(sandbox)
        world.move(sandbox, Trigger.LEAVE)


# Containers.


def _recover_container(world: World, container: Container, recovery: Recovery) -> None:
    container.starting = container.removing = container.watched = False
    container.stop_signal_sent = False
    found = _find(world, recovery, container)
    if found is Found.LOST:
        forget_container(world, container)
    elif found in {Found.UNREADABLE, Found.ZEROED}:
        _wipe(world, container, zeroed=found is Found.ZEROED)
    elif found is Found.UNKNOWN:
        lose(world, container)
    elif found is Found.DEAD:
        _bury(world, container, recovery)
    elif found is Found.STARTED and container.state is ContainerState.CREATED:
        _have_started(world, container)
    elif not container.unreadable:
        load(world, container)


def lose(world: World, container: Container) -> None:
    """Not know the state of a container any more; its other fields stay."""
    if container.state is not ContainerState.UNKNOWN:
        world.move(container, Trigger.LOSE)


def _wipe(world: World, container: Container, *, zeroed: bool) -> None:
    lose(world, container)
    container.unreadable = True
    container.exit_code, container.reason = lifecycle.LOST_CODE, "Unknown"
    container.started_ns = container.finished_ns = 0
    if zeroed:
        container.created_ns = 0


def _bury(world: World, container: Container, recovery: Recovery) -> None:
    """Find a container without a task."""
    if container.state is ContainerState.UNKNOWN and container.process is not None:
        world.move(container, Trigger.FIND_RUNNING)
    if container.state is not ContainerState.RUNNING:
        return
    lifecycle.kill_unseen(container)
    container.exit_code, container.finished_ns = recovery.dead_code, recovery.dead_ns
    if not (recovery.dead_ns or world.profile.deletes_unloadable):
        container.reason = "Unknown"
    world.move(container, Trigger.FIND_DEAD)


def _have_started(world: World, container: Container) -> None:
    try:
        lifecycle.find_running(world, container)
    except CRIError:
        return  # it could not have


def load(world: World, container: Container) -> None:
    """Find a container as it is: what became of its process meanwhile is stored now."""
    process = container.process
    if container.state is ContainerState.UNKNOWN:
        was_created = process is None and not container.finished_ns
        world.move(container, Trigger.FIND_CREATED if was_created else Trigger.FIND_RUNNING)
    if container.state is ContainerState.RUNNING and (process is None or process.exited.done):
        lifecycle.see_exit(world, container, Trigger.FIND_DEAD)


def forget_container(world: World, container: Container) -> None:
    """Have a container that is not known any more; nobody hears of it, and its shim is cleared."""
    lifecycle.kill_unseen(container)
    container.exited.set_result(lifecycle.LOST_CODE)
    lifecycle.discard(world, container, Trigger.FORGET)
