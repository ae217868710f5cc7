"""The runtime restarts, or the node reboots: faults that take the runtime away for a while."""

from collections.abc import Callable, Iterable, Mapping

from fakecri.core import lifecycle, restarts
from fakecri.core.net.pods import disconnect
from fakecri.core.records import Container, Sandbox
from fakecri.core.restarts import Found, Recovery
from fakecri.core.state_faults import StateFault
from fakecri.core.state_targets import matches
from fakecri.core.states import ContainerState
from fakecri.core.timestamps import parse_rfc3339_ns
from fakecri.core.world import World
from fakecri.errors import UsageError

_NAMED = tuple(each for each in Found if each is not Found.AS_IT_IS)


def _begin(world: World, fault: StateFault) -> None:
    if world.outage is not None:
        raise UsageError("the runtime is away already")
    world.recorder.struck(fault.form.told, fault=str(fault))


def _cycle(
    world: World, fault: StateFault, recovery: Recovery, on_return: Callable[[], None]
) -> None:
    """Be away, come back, not be initialized, recover."""
    down_ns, init_ns = int(str(fault.get("down"))), int(str(fault.get("init")))
    restarts.go_down(world)

    def come_up() -> None:
        on_return()
        restarts.come_up(world)
        if init_ns:
            world.scheduler.after(init_ns, recover)
        else:
            recover()

    def recover() -> None:
        world.recorder.struck(f"{fault.form.told}ed", fault=str(fault))
        restarts.recover(world, recovery)

    world.scheduler.after(down_ns, come_up)


# A restart.


def _restart(world: World, fault: StateFault) -> None:
    named = dict(_named(world, fault))
    keep = str(fault.get("keep"))

    def found(thing: Container | Sandbox) -> Found:
        return named.get(thing.id) or _kept(keep, thing)

    _begin(world, fault)
    recovery = Recovery(found, leak_names=bool(fault.get("leak-names")))
    _cycle(world, fault, recovery, lambda: None)


def _named(world: World, fault: StateFault) -> Iterable[tuple[str, Found]]:
    """Return the ids of what the fault names; UsageError for what is not there."""
    things: list[Container | Sandbox] = [*world.store.sandboxes, *world.store.containers]
    for found in _NAMED:
        names = fault.get(found.value)
        for name in names if isinstance(names, tuple) else ():
            ids = [each.id for each in things if matches(each, name)]
            if not ids:
                raise UsageError(f'there is no container and no pod sandbox "{name}"')
            yield from ((id_, found) for id_ in ids)


def _kept(keep: str, thing: Container | Sandbox) -> Found:
    if keep == "none":
        return Found.LOST
    if keep == "dead":
        return Found.DEAD
    is_running = isinstance(thing, Container) and thing.state is ContainerState.RUNNING
    return Found.UNKNOWN if keep == "unknown" and is_running else Found.AS_IT_IS


# A reboot.


def _reboot(world: World, fault: StateFault) -> None:
    _begin(world, fault)
    code = int(str(fault.get("exit")))
    # What a shutdown has ended, the runtime saw; what the power cut off is found without a trace.
    orderly = code != Recovery(lambda _: Found.DEAD).dead_code
    ended_ns = world.clock.wall_ns() if orderly else 0
    found = Found.LOST if world.profile.wipes_on_boot else Found.DEAD
    recovery = Recovery(lambda _: found, dead_code=code, dead_ns=ended_ns)
    _cycle(world, fault, recovery, lambda: _falsify_clock(world, fault))
    for container in world.store.containers:
        if container.process is not None and not container.process.exited.done:
            lifecycle.kill_unseen(container)
    for sandbox in world.store.sandboxes:
        sandbox.pause_exited = True
        disconnect(world, sandbox)
    world.boot()


def _falsify_clock(world: World, fault: StateFault) -> None:
    """Have the wall wrong until it is set, which somebody does after a while."""
    clock, wall_ns = fault.get("clock"), world.clock.wall_ns()
    by_ns = parse_rfc3339_ns(clock) - wall_ns if isinstance(clock, str) else int(str(clock))
    for_ns = int(str(fault.get("clock-for")))
    if not by_ns:
        return
    _jump(world, by_ns)
    if for_ns:
        world.scheduler.after(for_ns, lambda: _jump(world, -by_ns))


def _jump(world: World, by_ns: int) -> None:
    world.clock.set_wall(max(0, world.clock.wall_ns() + by_ns))
    world.recorder.turned("jump", by_ns=by_ns, wall_ns=world.clock.wall_ns())


STRIKES: Mapping[str, Callable[[World, StateFault], None]] = {
    "runtime restart": _restart,
    "node reboot": _reboot,
}
