"""How a shell starts: its command line, and where its commands come from."""

from collections.abc import Sequence

from fakecri.core.processes import Process
from fakecri.core.scheduler import Waits
from fakecri.core.shell.builtins.environment import take_options
from fakecri.core.shell.errors import CommandError, Leave, ShellError
from fakecri.core.shell.foreground import begin_control
from fakecri.core.shell.life import live, read_script, run_text
from fakecri.core.shell.state import Shell, initial_variables
from fakecri.core.shell.text import inner, outer

_LONG_OPTIONS = frozenset({"--login", "--norc", "--noprofile", "--posix", "--noediting"})


def start(process: Process, argv: Sequence[str]) -> Waits[int]:
    """Be a shell."""
    words = [inner(each) for each in argv]
    name = words[0]
    shell = Shell(process, name, bash=name.rpartition("/")[2].removeprefix("-") == "bash")
    initial_variables(shell, process.spec.environment)
    return live(shell, _run(shell, words[1:]))


def _run(shell: Shell, words: list[str]) -> Waits[int]:
    try:
        rest = _options(shell, words)
    except CommandError as error:
        raise ShellError(error.text, error.status) from error
    if "c" in shell.options:
        return (yield from _run_command(shell, rest))
    if rest and "s" not in shell.options:
        return (yield from _run_file(shell, rest))
    shell.arguments = rest
    shell.options.add("s")
    terminals = [shell.descriptors.terminal(number) for number in (0, 2)]
    shell.interactive = "i" in shell.options or None not in terminals
    if shell.interactive:
        begin_control(shell)
    return (yield from read_script(shell))


def _options(shell: Shell, words: list[str]) -> list[str]:
    rest = list(words)
    while rest and len(rest[0]) > 1 and rest[0][0] in "-+":
        word = rest.pop(0)
        if word == "--":
            break
        if word in _LONG_OPTIONS:
            continue
        if word.startswith("--"):
            raise ShellError(f"{word}: invalid option" if shell.bash else "illegal option --")
        try:
            take_options(shell, word, rest, "csil")
        except ShellError as error:
            if "illegal option -o" not in error.text:
                raise
            shell.complain(error.text)
            raise Leave(0) from error  # as ash does
    if rest[:1] == ["-"] and rest == words[-len(rest) :]:
        rest = rest[1:]
    return rest


def _run_command(shell: Shell, rest: list[str]) -> Waits[int]:
    if not rest:
        raise ShellError(
            "-c: option requires an argument" if shell.bash else "-c requires an argument"
        )
    text = rest.pop(0)
    if rest:
        shell.arg0 = rest.pop(0)
    shell.arguments = rest
    return (yield from run_text(shell, text, line=1 if shell.bash else 0, to_the_end=True))


def _run_file(shell: Shell, rest: list[str]) -> Waits[int]:
    name = rest.pop(0)
    shell.arguments = rest
    try:
        content = shell.process.files.read(outer(name))
    except OSError as error:
        if shell.bash:
            shell.error(f"{shell.arg0}: {name}: {error.strerror}\n")
            raise Leave(127 if error.errno == 2 else 126) from error  # noqa: PLR2004  # ENOENT
        raise ShellError(f"can't open '{name}': {error.strerror}") from error
    shell.arg0 = name
    if not shell.bash:
        shell.command_name = name
    text = content.replace(b"\0", b"").decode("latin-1")
    return (yield from run_text(shell, text, line=1))
