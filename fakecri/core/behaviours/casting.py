"""What a container or an exec runs in the end, with what was chosen for it."""

from collections.abc import Callable

from fakecri.core import signals
from fakecri.core.behaviours.playing import Stage, play
from fakecri.core.behaviours.serving import healthy_server
from fakecri.core.behaviours.steps import Http, StartError
from fakecri.core.executables import MissingExecutableError, missing
from fakecri.core.net.images import mute_server
from fakecri.core.processes import Program
from fakecri.core.records import Container
from fakecri.core.world import World

_MESSAGE_PATH = "/dev/termination-log"  # where a kubelet mounts it unless a pod says otherwise
_MESSAGE_PATH_KEY = "io.kubernetes.container.terminationMessagePath"


def cast_main(
    world: World, container: Container, program: Program | None, oom_kill: Callable[[], None]
) -> Program | None:
    """Return what a container runs; `program` is what it would run, None if there is nothing.

    A program that is registered for the command is left alone: nothing could be chosen more
    narrowly. Where there is nothing to run a server stands in, which waits for its end. Raises
    MissingExecutableError where the start is to fail.
    """
    behaviour = world.behaviours.find(container)
    if behaviour is None or (program and world.programs.is_of_command(program)):
        return program
    failure = behaviour.find(StartError)
    if failure is not None:
        raise _start_error(failure, container.spec.argv[0])
    stop_signal = _stop_signal(container)
    stage = Stage(
        attempt=container.config.metadata.attempt,
        stop_signal=stop_signal,
        message_path=container.config.annotations.get(_MESSAGE_PATH_KEY) or _MESSAGE_PATH,
        oom_kill=oom_kill,
    )
    ports = [each.port for each in behaviour.of(Http)]
    if ports:
        program = healthy_server(ports, world.behaviours.find_windows(container))
    return play(behaviour, program or mute_server((), (stop_signal,)), stage)


def cast_exec(
    world: World, container: Container, program: Program | None, argv: tuple[str, ...]
) -> Program | None:
    """Return what an exec runs, likewise."""
    if program and world.programs.is_of_command(program):
        return program
    return world.behaviours.find_exec(container, argv, program) or program


def _start_error(failure: StartError, executable: str) -> MissingExecutableError:
    return MissingExecutableError(failure.text) if failure.text else missing(executable)


def _stop_signal(container: Container) -> int:
    try:
        return signals.parse_signal(container.stop_signal or "SIGTERM")
    except ValueError:  # StopContainer will say so
        return signals.SIGTERM
