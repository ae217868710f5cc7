"""What a built-in command is, and how it is run: usage, complaints, becoming another program."""

from collections.abc import Callable, Generator, Mapping, Sequence
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


class Refusal(Exception):  # noqa: N818  # a command's last word, not an error of ours
    """A command gives up, with a complaint and an exit code."""

    def __init__(self, text: str, code: int = 1) -> None:
        super().__init__(text)
        self.code = code


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
    process.error(f"{name}: {text}\n".encode(errors="surrogateescape"))
    return code


def _run(
    process: Process, name: str, applet: Applet, surroundings: Surroundings
) -> Waits[int] | int | None:
    if applet.synopsis is not None and process.spec.argv[1:] == ("--help",):
        return _show_usage(process, name, applet)
    try:
        result = applet.command(process, surroundings)
    except (UsageError, Refusal) as error:
        return _give_up(process, name, applet, error)
    return _guarded(process, name, applet, result) if isinstance(result, Generator) else result


def _guarded(process: Process, name: str, applet: Applet, running: Waits[int]) -> Waits[int]:
    try:
        return (yield from running)
    except (UsageError, Refusal) as error:
        return _give_up(process, name, applet, error)


def _give_up(process: Process, name: str, applet: Applet, error: UsageError | Refusal) -> int:
    if isinstance(error, Refusal):
        return complain(process, name, str(error), error.code)
    process.error(str(error).encode(errors="surrogateescape"))
    return _show_usage(process, name, applet) or error.status


def _show_usage(process: Process, name: str, applet: Applet) -> int:
    synopsis = f"{name} {applet.synopsis or ''}".rstrip()
    process.error(f"{BANNER}\n\nUsage: {synopsis}\n".encode())
    return 0
