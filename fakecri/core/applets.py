"""What a built-in command is, and how it is run: usage, complaints, becoming another program."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple, TypeAlias

from fakecri.core.options import UsageError
from fakecri.core.processes import Process, Program
from fakecri.core.scheduler import Waits
from fakecri.core.userlands import Userland

BANNER = "BusyBox v1.35.0 (fakecri) multi-call binary."

Find: TypeAlias = Callable[[Sequence[str], Mapping[str, str], str], Program]
"""From argv, environment and working directory to a program; raises MissingExecutableError."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a command sees of its container beside its process."""

    userland: Userland
    find: Find


Command: TypeAlias = Callable[[Process, Surroundings], Waits[int] | int | None]


class Applet(NamedTuple):
    """A command, and the synopsis of its options; where that is None, `--help` is no option."""

    command: Command
    synopsis: str | None = None


def bound(name: str, applet: Applet, surroundings: Surroundings) -> Program:
    """Return the program that an applet is in some surroundings."""
    return partial(_run, name=name, applet=applet, surroundings=surroundings)


def become(
    process: Process,
    program: Program,
    argv: Sequence[str],
    environment: Mapping[str, str] | None = None,
) -> Waits[int] | int | None:
    """Go on as another program, as execve(2) does."""
    if environment is None:
        environment = process.spec.environment
    process.spec = replace(process.spec, argv=tuple(argv), environment=environment)
    process.release()
    return program(process)


def complain(process: Process, name: str, text: str, code: int = 1) -> int:
    """Write a complaint of a command to stderr; return its exit code."""
    process.error(f"{name}: {text}\n".encode())
    return code


def _run(
    process: Process, name: str, applet: Applet, surroundings: Surroundings
) -> Waits[int] | int | None:
    if applet.synopsis is not None and process.spec.argv[1:] == ("--help",):
        return _show_usage(process, name, applet)
    try:
        return applet.command(process, surroundings)
    except UsageError as error:
        process.error(str(error).encode())
        return _show_usage(process, name, applet) or 1


def _show_usage(process: Process, name: str, applet: Applet) -> int:
    synopsis = f"{name} {applet.synopsis or ''}".rstrip()
    process.error(f"{BANNER}\n\nUsage: {synopsis}\n".encode())
    return 0
