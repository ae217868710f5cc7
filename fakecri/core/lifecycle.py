"""How containers start, end and are removed: what several RPCs share.

Source: spec lifecycle 2, 9, 10 and 11.
"""

from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

from fakecri.api import runtime_pb2 as pb
from fakecri.core import rooms, signals
from fakecri.core.behaviours.casting import cast_exec, cast_main
from fakecri.core.containment import build_system, lookup_of
from fakecri.core.creation import require_ready
from fakecri.core.executables import (
    MissingExecutableError,
    quoted,
    require_directory,
    runc_text,
)
from fakecri.core.first_processes import make_process, system_of
from fakecri.core.namespaces import require_target
from fakecri.core.net.pods import disconnect
from fakecri.core.nri import hooks
from fakecri.core.oom import kill_for_memory
from fakecri.core.paths import go_open_error_text
from fakecri.core.processes import Process, Program
from fakecri.core.records import Container, Sandbox
from fakecri.core.rootfs.mounting import MountError, make_directories
from fakecri.core.scheduler import SECOND_NS, Future, Waits, first_of
from fakecri.core.states import ContainerState, SandboxState, Trigger
from fakecri.core.terminals import Terminal
from fakecri.core.world import World
from fakecri.errors import CRIError, NotFoundError, UsageError, at_stage, wrapped

START_FAILED_CODE = 128
LOST_CODE = 255

Halfway: TypeAlias = Iterable[Future[Any]]
"""What is to be waited for when the work is half done: see `World.halfway`."""


def start(world: World, container: Container, halfway: Halfway = ()) -> Waits[None]:
    """Start a container that is CREATED; where that fails after the mark it is EXITED."""
    with wrapped(f'failed to set starting state for container "{container.id}"'):
        _require_startable(container)
    container.starting, leaks = True, False
    try:
        with at_stage("failed to create containerd task"):
            yield from halfway
        _require_still(container, ContainerState.CREATED)
        program = _prepare(world, container)
        process = make_process(world, container)
        yield from _ask_plugins(world, container, process)
    except CRIError as error:
        leaks = error.leaks
        if not leaks and container.state is ContainerState.CREATED:
            _fail_start(world, container, error)
        raise
    finally:
        container.starting = leaks
    run(world, container, process, program)
    yield from hooks.post_start_container(world, container)


def _ask_plugins(world: World, container: Container, process: Process) -> Waits[None]:
    try:
        yield from hooks.start_container(world, container, process.pid)
        _require_still(container, ContainerState.CREATED)
    except BaseException:
        container.log.close()
        raise


def _require_still(container: Container, state: ContainerState) -> None:
    """Raise where a container is not what it was when the work began: see `state_faults`."""
    if container.state is ContainerState.ABSENT:
        raise NotFoundError(f'container "{container.id}" in namespace "k8s.io": not found')
    if container.state is not state:
        raise CRIError(f"container is in CONTAINER_{container.state.name} state")


def _fail_start(world: World, container: Container, error: CRIError) -> None:
    container.exit_code = START_FAILED_CODE
    container.reason, container.message = "StartError", error.message
    world.move(container, Trigger.START_FAILED)


def _require_startable(container: Container) -> None:
    if container.state is not ContainerState.CREATED:
        raise CRIError(f"container is in CONTAINER_{container.state.name} state")
    if container.removing:
        raise CRIError("container is in removing state, can't be started")
    if container.starting:
        raise CRIError("container is already in starting state")


def _prepare(world: World, container: Container) -> Program:
    sandbox = container.parent
    if sandbox not in world.store.sandboxes:
        raise NotFoundError(f'sandbox "{sandbox.id}" not found: not found')
    require_ready(sandbox)
    options = container.config.linux.security_context.namespace_options
    if options.pid == pb.TARGET:
        require_target(world.store, options.target_id, sandbox)
    with wrapped("failed to create containerd task"):
        with wrapped("failed to create container loggers"):
            open_log(container.log.open, container)
        try:
            return _create_task(world, container)
        except Exception:
            container.log.close()
            raise


def _create_task(world: World, container: Container) -> Program:
    with wrapped("failed to create shim task: OCI runtime create failed: runc create failed"):
        if not container.spec.cwd.startswith("/"):
            raise CRIError("Cwd must be an absolute path: unknown")
        with wrapped("unable to start container process"):
            try:
                return prepare_task(world, container)
            except MissingExecutableError as missing:
                knows = world.profile.knows_directories
                text = runc_text(missing, knows_directories=knows)
                raise CRIError(f"{text}: unknown") from missing
            except MountError as error:
                text = f"error during container init: {error.strerror}: unknown"
                raise CRIError(text) from error


def prepare_task(world: World, container: Container) -> Program:
    """Make what the processes of a container live in; return what its first one is to run.

    MissingExecutableError, MountError.
    """
    container.system = build_system(world, container)
    require_directory(lookup_of(container), container.spec.cwd)
    program = find_program(world, container, container.spec.argv)
    _make_directory(container)
    return program


def _make_directory(container: Container) -> None:
    """Make the working directory where it is missing."""
    system, cwd = container.system, container.spec.cwd
    if system is not None:
        try:
            lookup_of(container).place(cwd, "/")
        except OSError:
            make_directories(system.rootfs.mounts, cwd)


def open_log(open_: Callable[[], None], container: Container) -> None:
    """Open or reopen a container's log; a CRIError says as Go does why that cannot be."""
    try:
        open_()
    except OSError as error:
        text = go_open_error_text(container.log.path, error)
        raise CRIError(f"failed to create and open log file: {text}") from error


def find_program(
    world: World, container: Container, argv: tuple[str, ...], *, is_exec: bool = False
) -> Program:
    """Return what runs for `argv` in a container; raises MissingExecutableError."""
    found, absence = None, None
    try:
        found = world.programs.find(
            container.image,
            argv,
            container.spec.environment,
            cwd=container.spec.cwd,
            image_names=container.image_names,
            is_exec=is_exec,
            lookup=lookup_of(container),
        )
    except MissingExecutableError as missing:
        absence = missing
    if is_exec:
        program = cast_exec(world, container, found, argv)
    else:
        program = cast_main(world, container, found, lambda: oom_kill(container))
    if program is None:
        raise absence or MissingExecutableError("")
    return program


def find_running(world: World, container: Container) -> None:
    """Have a start done that the runtime did not live to store."""
    program = container.program or _prepare(world, container)
    process = make_process(world, container)
    run(world, container, process, program, Trigger.FIND_RUNNING)


def run(
    world: World,
    container: Container,
    process: Process,
    program: Program,
    trigger: Trigger = Trigger.START,
) -> None:
    """Have the first process of a container run."""
    system = system_of(container)
    container.process = process
    if container.spec.tty:
        container.terminal = Terminal(world.scheduler, process.stdout)
        system.seat(process, container.terminal)
    system.adopt(process)
    world.move(container, trigger)
    process.exited.then(lambda: _exit(world, container, process))
    process.start(program)


def _exit(world: World, container: Container, process: Process) -> None:
    """Take note of the end of a container's first process; what else runs in it dies with it."""
    lock = world.locks.find(container)
    if lock is not None:
        lock.then(lambda: _exit(world, container, process))
        return
    if container.system is not None:
        container.system.kill_all()
    container.log.close()
    container.ended_ns = world.clock.stamp_ns()
    if container.state is ContainerState.ABSENT:
        container.exited.set_result(process.exited.result())
    elif not container.reaped and world.outage is None and _is_watched(container):
        see_exit(world, container, Trigger.EXIT)
        hooks.note_exit(world, container, process.pid)


def _is_watched(container: Container) -> bool:
    """Whether the runtime hears of the end: it has no eye on what it does not know."""
    return container.state is ContainerState.RUNNING or container.watched


def see_exit(world: World, container: Container, trigger: Trigger) -> None:
    """Store the end of a container: the first one to be stored stays."""
    process = container.process
    if not container.finished_ns:
        ended = process is not None and process.exited.done and not container.reaped
        container.exit_code = process.exited.result() if ended and process else LOST_CODE
        container.finished_ns = container.ended_ns if ended else 0
    container.reaped = True
    world.move(container, trigger)


def kill_unseen(container: Container) -> None:
    """End the processes of a container; the runtime never hears how."""
    container.reaped, container.stuck = True, False
    if container.process is not None:
        container.process.kill(signals.SIGKILL)


def oom_kill(container: Container) -> None:
    """Let the kernel kill a running container for want of memory."""
    if container.state is not ContainerState.RUNNING or container.process is None:
        raise UsageError(f'container "{container.id}" is {container.state.name}, not RUNNING')
    kill_for_memory(container, container.process)


def stop(world: World, container: Container, timeout_s: int, halfway: Halfway = ()) -> Waits[None]:
    """Stop a container and wait until EXITED is stored; nothing to do unless it runs.

    It is half-way when the stop signal was sent, or would be if it had one.
    """
    process = container.process
    if container.state is ContainerState.UNKNOWN:
        container.watched = True
        if process is None or process.exited.done:
            see_exit(world, container, Trigger.FIND_DEAD)
    if container.state not in {ContainerState.RUNNING, ContainerState.UNKNOWN} or process is None:
        yield from halfway
        return
    grace_ns = go_duration_ns(timeout_s)
    if grace_ns > 0:
        _signal_once(container)
    yield from halfway
    if grace_ns > 0:
        yield from first_of(world.scheduler, container.exited, world.scheduler.sleep(grace_ns))
    if not container.exited.done:
        kill(container, signals.SIGKILL)
        id_ = container.id
        with wrapped(
            f'an error occurs during waiting for container "{id_}" to be killed: '
            f'wait container "{id_}"'
        ):
            yield from container.exited


def _signal_once(container: Container) -> None:
    """Send the stop signal, unless it was sent before: later stops only wait."""
    name = container.stop_signal or "SIGTERM"
    try:
        signal = signals.parse_signal(name)
    except ValueError as error:
        raise CRIError(f"failed to parse stop signal {quoted(name)}: {error}") from error
    if container.stop_signal_sent:
        return
    container.stop_signal_sent = True
    if not 0 < signal <= signals.LAST:
        raise CRIError(
            f'failed to stop container "{container.id}": unknown error after kill: '
            "unable to signal init: invalid argument"
        )
    kill(container, signal)


def kill(container: Container, signal: int) -> None:
    """Send a signal to a container's first process. It stays pending where nothing wakes that."""
    if container.stuck:
        container.pending_signals.append(signal)
    elif container.process is not None:
        container.process.kill(signal)


def go_duration_ns(seconds: int) -> int:
    """Return seconds as Go's Duration, which is 64 bits wide and wraps."""
    return (seconds * SECOND_NS + 2**63) % 2**64 - 2**63


def remove(world: World, container: Container, halfway: Halfway = ()) -> Waits[None]:
    """Remove a container, killing it before where it runs. Half-way it is marked."""
    if container.state in {ContainerState.RUNNING, ContainerState.UNKNOWN}:
        with wrapped(f'failed to forcibly stop container "{container.id}"'):
            yield from stop(world, container, 0)
    with wrapped(f'failed to set removing state for container "{container.id}"'):
        _require_removable(container)
    container.removing = True
    try:
        yield from halfway
        yield from hooks.remove_container(world, container)
    except CRIError as error:
        container.removing = error.leaks
        raise
    if container in world.store.containers:
        discard(world, container, Trigger.REMOVE)


def discard(world: World, container: Container, trigger: Trigger) -> None:
    """Take a container away, and all that it had."""
    world.store.remove_container(container)
    rooms.release_container(world, container)
    world.store.container_names.release(container.name, container.id)
    world.move(container, trigger)


def _require_removable(container: Container) -> None:
    if container.state is ContainerState.RUNNING:
        raise CRIError("container is still running, to stop first")
    if container.state is ContainerState.UNKNOWN:
        raise CRIError("container state is unknown, to stop first")
    if container.starting:
        raise CRIError("container is in starting state, can't be removed")
    if container.removing:
        raise CRIError("container is already in removing state")


def stop_sandbox(world: World, sandbox: Sandbox, halfway: Halfway = ()) -> Waits[None]:
    """Kill a sandbox's containers one after another, then itself, and take its network down.

    It is half-way when the containers are dead.
    """
    for container in tuple(sandbox.containers.values()):
        with wrapped(f'failed to stop container "{container.id}"'):
            yield from stop(world, container, 0)
    yield from halfway
    if world.nri.active:
        end_pause(world, sandbox)  # so that plugins are told of what has ended
    yield from hooks.stop_pod_sandbox(world, sandbox)
    error = world.node.teardown_error
    torn = not error or sandbox.host_network or sandbox.netns_closed
    if torn:
        disconnect(world, sandbox)
    end_pause(world, sandbox)
    if not torn:
        raise CRIError(f'failed to destroy network for sandbox "{sandbox.id}": {error}')


def end_pause(world: World, sandbox: Sandbox) -> None:
    """End the first process of a sandbox, and what shares its PID namespace."""
    sandbox.pause_exited = True
    for container in tuple(sandbox.containers.values()):
        options = container.config.linux.security_context.namespace_options
        if options.pid == pb.POD and container.process is not None:
            container.process.kill(signals.SIGKILL)
    if sandbox.state is SandboxState.READY and world.outage is None:
        world.move(sandbox, Trigger.EXIT)


def discard_sandbox(world: World, sandbox: Sandbox) -> None:
    """Take a sandbox that has moved away out of the store, and what it holds."""
    world.store.sandboxes.remove(sandbox)
    world.subtrees.forget(sandbox.id)
    rooms.release_pod(world, sandbox)
    world.store.sandbox_names.release(sandbox.name, sandbox.id)
