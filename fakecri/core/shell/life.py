"""The life of a shell process: its script from the first command to the exit trap."""

from typing import TYPE_CHECKING

from fakecri.core.applets import become
from fakecri.core.scheduler import Waits
from fakecri.core.shell.errors import (
    Become,
    Dead,
    Jump,
    Leave,
    Return,
    ShellError,
    SyntaxFailure,
)
from fakecri.core.shell.execution import run, tails
from fakecri.core.shell.grammar import Parser
from fakecri.core.shell.nesting import drive
from fakecri.core.shell.state import Shell
from fakecri.core.shell.syntax import Node
from fakecri.core.shell.traps import run_exit_trap, run_pending

if TYPE_CHECKING:
    from fakecri.core.processes import Process


def live(shell: Shell, body: Waits[int]) -> Waits[int]:
    """Be a shell from the beginning of `body` to the end of the exit trap."""
    process = shell.process
    process.exited.then(shell.descriptors.close)
    try:
        status = yield from drive(_until_it_ends(shell, body))
    except Become as becoming:
        return (yield from _go_on(shell, becoming))
    except Dead:
        return 0
    return status


def _until_it_ends(shell: Shell, body: Waits[int]) -> Waits[int]:
    status = yield from _status_of(shell, body)
    if shell.pending:
        status = yield from _status_of(shell, _after_pending(shell, status))
    return (yield from _status_of(shell, run_exit_trap(shell, status)))


def _after_pending(shell: Shell, status: int) -> Waits[int]:
    yield from run_pending(shell)
    return status


def _status_of(shell: Shell, body: Waits[int]) -> Waits[int]:
    """Run, up to what ends the shell."""
    try:
        return (yield from body)
    except (Leave, Return) as left:
        return left.status
    except Jump:
        return 0
    except ShellError as error:
        return shell.report(error)


def _go_on(shell: Shell, becoming: Become) -> Waits[int]:
    """Go on as another program, in the same process."""
    process: Process = shell.process
    shell.descriptors.attach(process)
    process.forget_handlers()
    result = become(process, becoming.program, becoming.argv, becoming.environment)
    if result is None or isinstance(result, int):
        return result or 0
    return (yield from result)


def run_text(shell: Shell, text: str, *, line: int = 0, to_the_end: bool = False) -> Waits[int]:
    """Run a script, line by line; `to_the_end`: behind it comes nothing."""
    parser = Parser(text, bash=shell.bash, line=line, aliases=known_aliases(shell))
    status = 0
    while (node := _next_line(shell, parser)) is not None:
        if "n" in shell.options and not shell.interactive:
            continue
        if to_the_end and parser.is_at_end:
            shell.tails = tails(node)
        status = yield from run(shell, node)
    return status


def _next_line(shell: Shell, parser: Parser) -> Node | None:
    try:
        return parser.next_line()
    except SyntaxFailure as failure:
        shell.line = parser.line
        if not shell.bash:
            raise
        _complain_as_bash(shell, parser, failure)
        raise ShellError("") from failure


def _complain_as_bash(shell: Shell, parser: Parser, failure: SyntaxFailure) -> None:
    text = failure.text
    kind = f"{shell.command_name}: " if shell.command_name == "eval" else ""
    if not kind and "c" in shell.options:
        kind = "-c: "
    at_end = text.endswith("end of file")
    place = f"{shell.arg0}: {kind}line {shell.line + at_end}: "
    shell.error(f"{place}{text}\n")
    if "near unexpected token" in text:
        shell.error(f"{place}`{parser.text.splitlines()[failure_line(parser)]}'\n")


def failure_line(parser: Parser) -> int:
    """Return the index of the line in which a parser stands."""
    lines = parser.text.count("\n", 0, parser.position)
    return min(lines, len(parser.text.splitlines()) - 1)


def known_aliases(shell: Shell) -> dict[str, str] | None:
    """Return the aliases that count: a bash that runs a script has none."""
    return None if shell.bash and not shell.interactive else shell.aliases


def read_script(shell: Shell) -> Waits[int]:
    """Run what comes from stdin, each command as soon as it is complete."""
    from fakecri.core.shell.input import Input  # noqa: PLC0415  # which runs commands

    return (yield from Input(shell).run())
