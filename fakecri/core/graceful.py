"""Stops and removals of a runtime that kills nothing before its stop signal had a chance.

Source: CRI-O 1.36, internal/oci/runtime_oci.go, server/sandbox_stop_linux.go, sandbox_remove.go and
container_remove.go; spec lifecycle 4, 5, 10.4 and 11.
"""

from collections.abc import Iterable
from typing import Any

from fakecri.api import runtime_pb2 as pb
from fakecri.core import lifecycle, signals
from fakecri.core.clock import NO_TIME_NS
from fakecri.core.net.pods import disconnect
from fakecri.core.nri import hooks
from fakecri.core.records import Container, Sandbox
from fakecri.core.scheduler import SECOND_NS, Future, Waits
from fakecri.core.states import ContainerState, SandboxState, Trigger
from fakecri.core.world import World
from fakecri.errors import CRIError, wrapped

GRACE_S = 10
"""How long a stop on the way of another call may take, where its client has no deadline."""
INFRA_S = 1
"""How much of a client's time is kept for the pod itself."""
YEAR_NS = 365 * 86_400 * SECOND_NS


def is_alive(container: Container) -> bool:
    """Whether a container has a first process, if only one that waits to become its program."""
    return container.state in {ContainerState.CREATED, ContainerState.RUNNING}


def stop(
    world: World, container: Container, timeout_s: int, halfway: Iterable[Future[Any]] = ()
) -> Waits[None]:
    """Send the stop signal, at once or before; kill after the shortest time that anybody gave."""
    if is_alive(container):
        _begin(world, container, timeout_s)
        yield from halfway
        yield from container.exited
    else:
        yield from halfway


def _begin(world: World, container: Container, timeout_s: int) -> None:
    if not container.stop_signal_sent:
        container.stop_signal_sent = True
        _signal(world, container, _stop_signal(container))
    if container.killing:
        return
    now_ns = world.scheduler.now_ns
    due_ns = now_ns + min(lifecycle.go_duration_ns(timeout_s), YEAR_NS)
    if container.killer is None or due_ns < container.killer.when_ns:
        forget(container)
        container.killer = world.scheduler.at(due_ns, lambda: _kill(world, container))


def forget(container: Container) -> None:
    """Let nobody kill it any more: the runtime that would have is gone, or there is no need."""
    if container.killer is not None:
        container.killer.cancel()
        container.killer = None


def _kill(world: World, container: Container) -> None:
    container.killing = True
    if is_alive(container):
        _signal(world, container, signals.SIGKILL)


def _stop_signal(container: Container) -> int:
    """Return the stop signal; what cannot be read is SIGTERM."""
    try:
        signal = signals.parse_signal(container.stop_signal or "SIGTERM")
    except ValueError:
        return signals.SIGTERM
    return signal if 0 < signal <= signals.LAST else signals.SIGTERM


def _signal(world: World, container: Container, signal: int) -> None:
    if container.state is ContainerState.RUNNING:
        lifecycle.kill(container, signal)
        return
    # The first process of a PID namespace hears nothing of what it has no handler for.
    options = container.config.linux.security_context.namespace_options
    if signal == signals.SIGKILL or options.pid != pb.CONTAINER:
        _end_unstarted(world, container, signal)


def _end_unstarted(world: World, container: Container, signal: int) -> None:
    """Have the process end that waited for the start."""
    if container.system is not None:
        container.system.kill_all()
    container.log.close()
    container.exit_code = 128 + signal
    container.started_ns = NO_TIME_NS
    container.reaped = True
    world.move(container, Trigger.EXIT)


def remove(world: World, container: Container, halfway: Iterable[Future[Any]] = ()) -> Waits[None]:
    """Stop, unless the pod was stopped, and remove; what still runs then is killed."""
    with wrapped("failed to stop container for removal "):
        yield from _stop_in_pod(world, container)
    yield from halfway
    yield from hooks.remove_container(world, container)
    _discard(world, container, Trigger.REMOVE)


def _stop_in_pod(world: World, container: Container) -> Waits[None]:
    if container.parent.state is SandboxState.READY:
        yield from stop(world, container, _remaining_s(world))


def _discard(world: World, container: Container, trigger: Trigger) -> None:
    if container in world.store.containers:
        forget(container)
        lifecycle.kill_unseen(container)
        lifecycle.discard(world, container, trigger)


def sweep(world: World, container: Container) -> None:
    """Remove a container without a word: its start has failed, or its pod goes."""
    container.exited.set_result(lifecycle.LOST_CODE)
    _discard(world, container, Trigger.SWEEP)


def stop_sandbox(
    world: World, sandbox: Sandbox, halfway: Iterable[Future[Any]] = ()
) -> Waits[None]:
    """Take the network down, and stop all containers at the same time; only the first time."""
    _stop_network(world, sandbox)
    if sandbox.state is not SandboxState.READY:
        return
    total_s = _remaining_s(world)
    grace_s = total_s // 2 if total_s < 2 * INFRA_S else total_s - INFRA_S
    living = [each for each in sandbox.containers.values() if is_alive(each)]
    for container in living:
        _begin(world, container, grace_s)
    for container in living:
        yield from container.exited
    yield from halfway
    yield from hooks.stop_pod_sandbox(world, sandbox)
    lifecycle.end_pause(world, sandbox)


def remove_sandbox(
    world: World, sandbox: Sandbox, halfway: Iterable[Future[Any]] = ()
) -> Waits[None]:
    """Remove containers, network and pod; the pod itself is not stopped before."""
    for container in tuple(sandbox.containers.values()):
        with wrapped("failed to stop container for removal "):
            yield from _stop_in_pod(world, container)
        yield from hooks.remove_container(world, container)
        sweep(world, container)
    yield from halfway
    with wrapped("stop pod network"):
        _stop_network(world, sandbox)
    if sandbox in world.store.sandboxes:
        world.move(sandbox, Trigger.REMOVE)
        lifecycle.discard_sandbox(world, sandbox)
        yield from hooks.remove_pod_sandbox(world, sandbox)


def _stop_network(world: World, sandbox: Sandbox) -> None:
    """Take the network down. A plugin's error is told once: it counts as down all the same."""
    if sandbox.host_network or sandbox.netns_closed:
        return
    disconnect(world, sandbox)
    error = world.node.teardown_error
    if error:
        raise CRIError(
            f"network teardown failed for pod sandbox {sandbox.name}({sandbox.id}): {error}"
        )


def _remaining_s(world: World) -> int:
    """Return how many whole seconds the client of this call has left."""
    left_ns = world.client_ns()
    return GRACE_S if left_ns is None else left_ns // SECOND_NS
