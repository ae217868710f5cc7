"""Starting other programs, beside the shell or in its place."""

import errno
from collections.abc import Mapping, Sequence

from fakecri.core.executables import DEFAULT_PATH, MissingExecutableError
from fakecri.core.processes import Process, Program
from fakecri.core.shell.descriptors import Descriptors
from fakecri.core.shell.errors import Become, ShellError
from fakecri.core.shell.state import Shell
from fakecri.core.shell.text import outer

MAX_PROCESSES = 4096
"""So many may live in a container before a shell there cannot fork."""

_NOT_EXECUTABLE, _NOT_FOUND = 126, 127


def launch(
    shell: Shell,
    argv: Sequence[str],
    environment: Mapping[str, str],
    descriptors: Descriptors,
) -> Process:
    """Start an external command. Raises MissingExecutableError."""
    require_room(shell)
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


def require_room(shell: Shell) -> None:
    """Raise ShellError where no process can be added."""
    if len(shell.process.system.processes) >= MAX_PROCESSES:
        raise ShellError("can't fork: Resource temporarily unavailable")


def become(shell: Shell, words: Sequence[str], environment: dict[str, str]) -> None:
    """Go on as another program. Raises MissingExecutableError."""
    argv = tuple(outer(each) for each in words)
    program = _program(shell, argv, environment)
    if shell.bash and environment.get("SHLVL", "").isdecimal():
        environment = environment | {"SHLVL": str(max(int(environment["SHLVL"]) - 1, 0))}
    raise Become(program, argv, environment)


def refuse(shell: Shell, name: str, missing: MissingExecutableError) -> int:
    """Say why something cannot be run; return the status for it."""
    absent = missing.code in {errno.ENOENT, errno.ENOTDIR}
    if not absent:
        text = "Is a directory" if shell.bash and missing.code == errno.EISDIR else missing.strerror
        shell.complain(f"{name}: {text}")
        return _NOT_EXECUTABLE
    if shell.bash and "/" in name:
        shell.complain(f"{name}: No such file or directory")
    else:
        said = "command not found" if shell.bash else "not found"
        shell.complain(f"{name}: {said}{missing.why}")
    return _NOT_FOUND
