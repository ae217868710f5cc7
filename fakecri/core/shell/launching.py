"""Starting other programs, beside the shell or in its place."""

import errno
from collections.abc import Mapping, Sequence

from fakecri.core.executables import DEFAULT_PATH, MissingExecutableError
from fakecri.core.processes import Process, Program
from fakecri.core.scheduler import Waits
from fakecri.core.shell.descriptors import Descriptors
from fakecri.core.shell.errors import Become, ShellError
from fakecri.core.shell.pacing import PROCESS_STEPS, breathe
from fakecri.core.shell.state import Shell
from fakecri.core.shell.text import outer

MAX_PROCESSES = 2048
"""So many may live in a container before a shell there cannot fork."""

MAX_STARTS = 1000
"""So many may be started in one instant in a container before who starts more is a burner."""

_NOT_EXECUTABLE, _NOT_FOUND = 126, 127


def launch(
    shell: Shell,
    argv: Sequence[str],
    environment: Mapping[str, str],
    descriptors: Descriptors,
) -> Process:
    """Start an external command. Raises MissingExecutableError."""
    held = descriptors.copy()
    words = [outer(each) for each in argv]
    try:
        child = shell.process.spawn(
            words,
            program=_program(shell, words, environment),
            environment=environment,
            stdin=held.stdin,
            stdout=held.sink(1),
            stderr=held.sink(2),
        )
    except BaseException:
        held.close()
        raise
    child.exited.then(held.close)
    return child


def _program(shell: Shell, words: Sequence[str], environment: Mapping[str, str]) -> Program:
    """Return what a command runs: a shell, for a file that execve(2) takes for no program."""
    try:
        return shell.process.system.find(words, environment, shell.process.spec.cwd)
    except MissingExecutableError as missing:
        if missing.code != errno.ENOEXEC:
            raise
    from fakecri.core.shell.start import start  # noqa: PLC0415  # which needs this module

    argv = ("sh", _found(shell, words[0], environment), *words[1:])
    return lambda process: start(process, argv)


def _found(shell: Shell, name: str, environment: Mapping[str, str]) -> str:
    if "/" in name:
        return name
    places = environment.get("PATH", DEFAULT_PATH).split(":")
    paths = (f"{place or '.'}/{name}" for place in places)
    return next((path for path in paths if shell.process.files.access(path, "x")), name)


def make_room(shell: Shell, count: int = 1) -> Waits[None]:
    """Before processes are started: let time pass where too many were, in this instant.

    Raises ShellError where no process can be added.
    """
    system, now_ns = shell.process.system, shell.process.scheduler.now_ns
    if system.busy_ns != now_ns:
        system.busy_ns, system.busy_starts = now_ns, 0
    system.busy_starts += count
    shell.pace.steps += PROCESS_STEPS * count
    if system.busy_starts > MAX_STARTS:
        yield from breathe(shell)
    if len(system.processes) + count > MAX_PROCESSES:
        raise ShellError("can't fork: Resource temporarily unavailable")


def become(shell: Shell, words: Sequence[str], environment: dict[str, str]) -> None:
    """Go on as another program. Raises MissingExecutableError."""
    argv = tuple(outer(each) for each in words)
    program = _program(shell, argv, environment)
    if shell.bash and environment.get("SHLVL", "").isdecimal():
        environment = environment | {"SHLVL": str(max(int(environment["SHLVL"]) - 1, 0))}
    raise Become(program, argv, environment)


def refuse(
    shell: Shell, name: str, missing: MissingExecutableError, *, says: str = "command not found"
) -> int:
    """Say why something cannot be run; return the status for it."""
    absent = missing.code in {errno.ENOENT, errno.ENOTDIR}
    if not absent:
        text = "Is a directory" if shell.bash and missing.code == errno.EISDIR else missing.strerror
        shell.complain(f"{name}: {text}")
        return _NOT_EXECUTABLE
    if shell.bash and "/" in name:
        shell.complain(f"{name}: No such file or directory")
    else:
        said = says if shell.bash else "not found"
        shell.complain(f"{name}: {said}{missing.why}")
    return _NOT_FOUND
