"""Containers whose first process is made with them, and waits to become their program.

Source: CRI-O 1.36, server/container_create.go, container_start.go and internal/oci/runtime_oci.go;
the texts of what cannot be made are crun's. Spec: lifecycle 8.5 and 9.3.
"""

from collections.abc import Iterable
from typing import Any

from fakecri.core import graceful, lifecycle, rooms
from fakecri.core.executables import MissingExecutableError, crun_text
from fakecri.core.first_processes import make_process
from fakecri.core.nri import hooks
from fakecri.core.processes import Program
from fakecri.core.records import Container
from fakecri.core.rootfs.mounting import MountError
from fakecri.core.scheduler import Future, Waits
from fakecri.core.states import ContainerState
from fakecri.core.world import World
from fakecri.errors import CRIError, wrapped

_WORDS = {ContainerState.RUNNING: "running", ContainerState.EXITED: "stopped"}


def make(world: World, container: Container) -> None:
    """Have the runtime make all that the program needs, and find it; or give the room back."""
    try:
        _make(world, container)
    except Exception:
        rooms.release_container(world, container)
        raise


def _make(world: World, container: Container) -> None:
    try:
        container.log.open()
    except OSError as error:
        raise CRIError(
            "error reading container (probably exited) json message: EOF"
        ) from error  # the monitor has gone without a word
    try:
        with wrapped("container create failed"):
            container.program = _program(world, container)
    except Exception:
        container.log.close()
        raise


def _program(world: World, container: Container) -> Program:
    try:
        return lifecycle.prepare_task(world, container)
    except MissingExecutableError as missing:
        raise CRIError(crun_text(missing, container.spec.argv)) from missing
    except MountError as error:
        raise CRIError(error.strerror or str(error)) from error


def start(world: World, container: Container, halfway: Iterable[Future[Any]] = ()) -> Waits[None]:
    """Let the process become the program; what cannot be started is removed, and nobody told."""
    if container.state is not ContainerState.CREATED:
        word = _WORDS.get(container.state, container.state.name.lower())
        raise CRIError(f"container {container.id} is not in created state: {word}")
    try:
        with wrapped(f"failed to start container {container.id}"):
            yield from halfway
            process = make_process(world, container)
            yield from hooks.start_container(world, container, process.pid)
            if container.state is not ContainerState.CREATED:
                raise CRIError("container process not found")  # noqa: TRY301  # as any other
    except CRIError as error:
        if not error.leaks and container in world.store.containers:
            graceful.sweep(world, container)
        raise
    if container.program is not None:
        lifecycle.run(world, container, process, container.program)
    yield from hooks.post_start_container(world, container)
