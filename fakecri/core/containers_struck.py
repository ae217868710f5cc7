"""What happens to containers by itself: they end, are killed for memory, are lost or vanish."""

from collections.abc import Callable, Mapping

from fakecri.core import lifecycle, restarts, signals
from fakecri.core.records import Container
from fakecri.core.scheduler import Task
from fakecri.core.state_faults import StateFault
from fakecri.core.state_targets import find_container
from fakecri.core.states import ContainerState
from fakecri.core.world import World
from fakecri.errors import UsageError

KILLED_CODE = 137


def _tell(world: World, fault: StateFault, container: Container) -> None:
    pod = container.sandbox_config.metadata
    world.recorder.struck(
        fault.form.told,
        fault=str(fault),
        id=container.id,
        name=container.config.metadata.name,
        pod=f"{pod.namespace}/{pod.name}",
        sandbox=container.parent.id,
    )


def _found(world: World, fault: StateFault, *states: ContainerState) -> Container:
    """Return what the fault names; UsageError where that is in no state for it."""
    container = find_container(world, fault.target)
    if states and container.state not in states:
        wanted = " or ".join(each.name for each in states)
        raise UsageError(f'container "{container.id}" is {container.state.name}, not {wanted}')
    return container


def _running(world: World, fault: StateFault) -> Container:
    container = _found(world, fault, ContainerState.RUNNING, ContainerState.UNKNOWN)
    if container.process is None or container.process.exited.done:
        raise UsageError(f'container "{container.id}" has no process any more')
    return container


def _exit(world: World, fault: StateFault) -> None:
    container = _running(world, fault)
    _tell(world, fault, container)
    container.reason = str(fault.get("reason")) or container.reason
    _end(container, fault.get("code"))


def _end(container: Container, code: object) -> None:
    container.stuck = False
    if container.process is not None:
        container.process.exit_now(int(str(code)))


def _signal(world: World, fault: StateFault) -> None:
    try:
        signal = signals.parse_signal(str(fault.get("signal")))
    except ValueError as error:
        raise UsageError(str(error)) from error
    container = _running(world, fault)
    _tell(world, fault, container)
    lifecycle.kill(container, signal)


def _oom(world: World, fault: StateFault) -> None:
    """Kill for memory, or end with another code, or kill a child alone; containerd may miss why."""
    container = _running(world, fault)
    code, reason = fault.get("code"), str(fault.get("reason"))
    _tell(world, fault, container)
    container.oom_events += 1
    container.reason = reason or container.reason
    if not fault.get("child"):
        if container.system is not None and code == KILLED_CODE:
            container.system.kill_all()
        _end(container, code)


def _lose(world: World, fault: StateFault) -> None:
    states = ContainerState.CREATED, ContainerState.RUNNING, ContainerState.EXITED
    container = _found(world, fault, *states)
    _tell(world, fault, container)
    restarts.lose(world, container)


def _recover(world: World, fault: StateFault) -> None:
    container = _found(world, fault, ContainerState.UNKNOWN)
    _tell(world, fault, container)
    container.unreadable = container.watched = False
    restarts.load(world, container)


def _forget(world: World, fault: StateFault) -> None:
    container = _found(world, fault)
    _tell(world, fault, container)
    if fault.get("silent"):
        restarts.forget_container(world, container)
    else:
        Task(world.scheduler, lifecycle.remove(world, container)).step()


def _get_stuck(world: World, fault: StateFault) -> None:
    container = _running(world, fault)
    _tell(world, fault, container)
    container.stuck = True


def _come_loose(world: World, fault: StateFault) -> None:
    container = _found(world, fault)
    _tell(world, fault, container)
    container.stuck = False
    pending, container.pending_signals = container.pending_signals, []
    for signal in pending:
        lifecycle.kill(container, signal)


STRIKES: Mapping[str, Callable[[World, StateFault], None]] = {
    "container exit": _exit,
    "container signal": _signal,
    "container oom": _oom,
    "container lose": _lose,
    "container recover": _recover,
    "container forget": _forget,
    "container unkillable": _get_stuck,
    "container killable": _come_loose,
}
