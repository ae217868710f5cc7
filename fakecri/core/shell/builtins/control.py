"""Builtins that steer: loops, functions, other scripts, and the end."""

from fakecri.core.executables import MissingExecutableError
from fakecri.core.scheduler import Waits
from fakecri.core.shell import arithmetic
from fakecri.core.shell.builtins.builtin import number
from fakecri.core.shell.errors import CommandError, Jump, Leave, Return, ShellError
from fakecri.core.shell.launching import become, refuse
from fakecri.core.shell.nesting import Nested
from fakecri.core.shell.state import Shell, require_depth
from fakecri.core.shell.text import outer


def true(_shell: Shell, _words: list[str]) -> int:
    """`true` and `:`."""
    return 0


def false(_shell: Shell, _words: list[str]) -> int:
    """`false`."""
    return 1


def _jump(shell: Shell, words: list[str], *, again: bool) -> int:
    levels = number(shell, words[1]) if len(words) > 1 else 1
    if not levels:
        raise ShellError(
            f"{words[1]}: loop count out of range" if shell.bash else f"Illegal number: {words[1]}",
            1 if shell.bash else 2,
        )
    if shell.loops:
        raise Jump(min(levels, shell.loops), again=again)
    return 0


def break_(shell: Shell, words: list[str]) -> int:
    """`break [N]`."""
    return _jump(shell, words, again=False)


def continue_(shell: Shell, words: list[str]) -> int:
    """`continue [N]`."""
    return _jump(shell, words, again=True)


def return_(shell: Shell, words: list[str]) -> int:
    """`return [N]`."""
    status = number(shell, words[1]) & 0xFF if len(words) > 1 else shell.status
    if shell.bash and not shell.sourced:
        raise CommandError("can only `return' from a function or sourced script", 2)
    raise Return(status)


def leave(shell: Shell, words: list[str]) -> int:
    """`exit [N]`."""
    if len(words) > 1 and shell.bash and words[1].lstrip("-").isdecimal():
        raise Leave(int(words[1]) & 0xFF)
    raise Leave(number(shell, words[1]) & 0xFF if len(words) > 1 else shell.status)


def shift(shell: Shell, words: list[str]) -> int:
    """`shift [N]`."""
    count = number(shell, words[1]) if len(words) > 1 else 1
    if count > len(shell.arguments):
        return 1
    del shell.arguments[:count]
    shell.getopts_place = 0
    return 0


def evaluate(shell: Shell, words: list[str]) -> Waits[int]:
    """`eval WORD...`."""
    from fakecri.core.shell.life import run_text  # noqa: PLC0415  # which runs builtins

    text = " ".join(words[1:])
    if not text:
        return 0
    _deeper(shell)
    try:
        body = run_text(shell, text, line=shell.line)
        return (yield from Nested(shell.process.scheduler, body))
    finally:
        shell.depth -= 1


def _deeper(shell: Shell) -> None:
    require_depth(shell)
    shell.depth += 1


def source(shell: Shell, words: list[str]) -> Waits[int]:
    """`. FILE [ARGUMENT]...`."""
    from fakecri.core.shell.life import run_text  # noqa: PLC0415  # which runs builtins

    if len(words) < 2:  # noqa: PLR2004  # itself and a file
        if shell.bash:
            raise CommandError("filename argument required", 2)
        return 0
    text = _read(shell, words[1])
    arguments = shell.arguments
    if len(words) > 2:  # noqa: PLR2004  # itself, a file, and more
        shell.arguments = words[2:]
    _deeper(shell)
    shell.sourced += 1
    name = shell.command_name
    shell.command_name = "" if shell.bash else words[1]
    try:
        body = run_text(shell, text, line=1)
        return (yield from Nested(shell.process.scheduler, body))
    except Return as returned:
        return returned.status
    except ShellError as error:
        if error.text:
            shell.complain(error.text)  # in the name of the file
        raise ShellError("", error.status) from error
    finally:
        shell.depth -= 1
        shell.sourced -= 1
        shell.command_name = name
        if len(words) > 2:  # noqa: PLR2004  # itself, a file, and more
            shell.arguments = arguments


def _read(shell: Shell, name: str) -> str:
    path = name
    if shell.bash:
        shell.command_name = ""
    if "/" not in name:
        path = _in_path(shell, name)
        if not path:
            raise ShellError(
                f"{name}: not found" if not shell.bash else f"{name}: No such file or directory",
                127 if not shell.bash else 1,
            )
    try:
        content = shell.process.files.read(outer(path))
    except OSError as error:
        if shell.bash:
            raise ShellError(f"{name}: {error.strerror}", 1) from error
        raise ShellError(f"can't open '{name}': {error.strerror}") from error
    return content.replace(b"\0", b"").decode("latin-1")


def _in_path(shell: Shell, name: str) -> str:
    files = shell.process.files
    for directory in (shell.variables.get("PATH") or "").split(":"):
        path = f"{directory or '.'}/{name}"
        if files.exists(outer(path)) and not files.is_dir(outer(path)):
            return path
    return name if shell.bash and files.exists(outer(name)) else ""


def execute(shell: Shell, words: list[str]) -> int:
    """`exec COMMAND [ARGUMENT]...`."""
    rest = words[1:]
    if rest[:1] == ["--"]:
        rest = rest[1:]
    if not rest:
        return 0
    environment = shell.variables.environment()
    try:
        become(shell, rest, environment)
    except MissingExecutableError as missing:
        status = refuse(shell, rest[0], missing, says="not found")
        if shell.interactive:
            return status
        raise Leave(status) from missing
    return 0


def let(shell: Shell, words: list[str]) -> int:
    """`let EXPRESSION...`."""
    if len(words) == 1:
        raise ShellError("expression expected")
    value = 0
    for word in words[1:]:
        value = arithmetic.evaluate(word, shell)
    return int(not value)
