"""Running a script in a machine: as a process among the others of its container."""

from collections.abc import Sequence
from typing import Any

from tests.core.machine import Finished, Machine, Run, known_image

ENVIRONMENT = {"PATH": "/bin:/usr/bin", "HOME": "/"}
DEBIAN = known_image("docker.io/library/debian")


def start(*argv: str, machine: Machine | None = None, **conditions: Any) -> Run:
    """Start a command line; nothing of it has run yet."""
    machine = machine or Machine()
    settings = {"environment": ENVIRONMENT, "cwd": "/tmp", "is_init": False, **conditions}
    return machine.start(argv, **settings)


def run(script: str, arguments: Sequence[str] = (), **conditions: Any) -> Finished:
    """Run a script as `ash -c` does."""
    return start("ash", "-c", script, *arguments, **conditions).finish()


def run_bash(script: str, arguments: Sequence[str] = (), **conditions: Any) -> Finished:
    """Run a script as `bash -c` does."""
    machine = Machine(image=DEBIAN)
    return start("bash", "-c", script, *arguments, machine=machine, **conditions).finish()
