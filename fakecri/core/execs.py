"""What runs beside a container's first process: what Exec and ExecSync share."""

from collections.abc import Iterable
from dataclasses import replace
from typing import NamedTuple

from fakecri.core import lifecycle
from fakecri.core.executables import MissingExecutableError, crun_text, runc_text
from fakecri.core.first_processes import completed
from fakecri.core.pipes import Reader, Sink
from fakecri.core.processes import Process, Program
from fakecri.core.records import Container
from fakecri.core.terminals import Terminal
from fakecri.core.world import World
from fakecri.errors import CRIError, wrapped


class Streams(NamedTuple):
    """What a process reads from and writes to; no stdin: it reads an end."""

    stdin: Reader | None
    stdout: Sink
    stderr: Sink


def require_alive(world: World, container: Container) -> None:
    """Raise where nothing can run in a container beside its first process."""
    if container.state not in world.profile.living:
        raise world.profile.not_alive.error(
            id=container.id, state=f"CONTAINER_{container.state.name}"
        )


def start(
    world: World,
    container: Container,
    argv: tuple[str, ...],
    streams: Streams,
    *,
    terminal: Terminal | None = None,
) -> Process:
    """Start a process in a container that runs; CRIError where there is no such program.

    With a `terminal` that is all its streams. It is among the container's `execs` until whoever
    started it has seen its end.
    """
    find = _find_early if world.profile.creates_early else _find
    program = find(world, container, argv)
    process = _new(world, container, argv, streams, terminal)
    container.execs.append(process)
    process.start(program)
    return process


def _find(world: World, container: Container, argv: tuple[str, ...]) -> Program:
    """Return what is to run, as containerd and runc do; CRIError where there is no such program."""
    with wrapped(f'failed to start exec "{world.new_id("exec")}"'):
        if not argv:
            raise CRIError("OCI runtime exec failed: exec failed: args must not be empty: unknown")
        try:
            return lifecycle.find_program(world, container, argv, is_exec=True)
        except MissingExecutableError as missing:
            text = runc_text(missing, knows_directories=world.profile.knows_directories)
            raise CRIError(
                "OCI runtime exec failed: exec failed: unable to start container process: "
                f"{text}: unknown"
            ) from missing


def _find_early(world: World, container: Container, argv: tuple[str, ...]) -> Program:
    """As CRI-O and crun do, which have other texts."""
    if not argv:
        raise CRIError("exec command cannot be empty")
    if container.killing:
        raise _command_error("cannot start exec: container is being killed")
    try:
        return lifecycle.find_program(world, container, argv, is_exec=True)
    except MissingExecutableError as missing:
        raise _command_error(crun_text(missing, argv)) from missing


def _command_error(text: str) -> CRIError:
    return CRIError(f"command error: {text}, stdout: , stderr: , exit code -1")


def find_writer(container: Container | None, sinks: Iterable[Sink]) -> Process | None:
    """Return a process that may still write to them; None: what an exec left behind is through."""
    system = container and container.system
    own = set(sinks)
    for each in system.processes.values() if system else ():
        if not (each.exited.done or own.isdisjoint((each.stdout, each.stderr))):
            return each
    return None


def _new(
    world: World,
    container: Container,
    argv: tuple[str, ...],
    streams: Streams,
    terminal: Terminal | None,
) -> Process:
    """Return a process to run beside the container's first one, as the same user."""
    spec = replace(completed(container), argv=argv, tty=terminal is not None)
    if terminal is not None:
        spec = replace(spec, environment={**spec.environment, "TERM": "xterm"})
    process = Process(
        world.scheduler,
        spec,
        pid=world.new_pid(),
        is_init=False,
        stdin=streams.stdin,
        stdout=streams.stdout,
        stderr=streams.stderr,
        wall_ns=world.clock.wall_ns,
        system=container.system,
    )
    if container.system is not None:
        if terminal is not None:
            container.system.seat(process, terminal)
        container.system.adopt(process)
    return process
