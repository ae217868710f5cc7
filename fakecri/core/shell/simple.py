"""Simple commands: assignments, builtins, functions and what is started as a process."""

from collections.abc import Generator, Sequence
from typing import TYPE_CHECKING

from fakecri.core.executables import MissingExecutableError
from fakecri.core.scheduler import Waits
from fakecri.core.shell import arrays
from fakecri.core.shell.builtins import BUILTINS, SPECIAL, Builtin
from fakecri.core.shell.errors import Become, CommandError, Leave, Return, ShellError
from fakecri.core.shell.expansion import expand_text, expand_words
from fakecri.core.shell.foreground import wait_for_job
from fakecri.core.shell.jobs import report_death
from fakecri.core.shell.launching import become, launch, make_room, refuse
from fakecri.core.shell.nesting import Nested
from fakecri.core.shell.pacing import STEPS, breathe
from fakecri.core.shell.printing import trace_text
from fakecri.core.shell.redirections import Saved, forget, redirect, restore
from fakecri.core.shell.state import Shell, require_depth
from fakecri.core.shell.syntax import Assignment, Function, Simple
from fakecri.core.shell.text import outer

if TYPE_CHECKING:
    from fakecri.core.shell.variables import Variable


def run_simple(shell: Shell, node: Simple) -> Waits[int]:
    """Run a simple command; return its status."""
    pace = shell.pace
    pace.steps += 1
    if pace.steps > STEPS:
        yield from breathe(shell)
    shell.line = node.line
    shell.substituted = None
    words = yield from expand_words(shell, node.words)
    if not words:
        return (yield from _assign_only(shell, node))
    if "x" in shell.options:
        yield from _trace(shell, node.assignments, words)
    name = words[0]
    builtin = BUILTINS.get(name)
    if builtin is not None and not builtin.is_for(shell):
        builtin = None
    function = shell.functions.get(name) if name not in SPECIAL else None
    if function is None and builtin is not None:
        if not (node.redirections or node.assignments or node.arrays):
            return (yield from run_builtin(shell, builtin, words))
        return (yield from _with_surroundings(shell, node, builtin, words))
    if function is not None:
        return (yield from _with_surroundings(shell, node, function, words))
    return (yield from _external(shell, node, words))


def _trace(shell: Shell, assignments: Sequence[Assignment], words: Sequence[str]) -> Waits[None]:
    shown = []
    for assignment in assignments:
        if not isinstance(assignment.value, tuple):
            value = yield from expand_text(shell, assignment.value)
            shown.append(f"{assignment.name}={trace_text(value, bash=shell.bash)}")
    shown += [trace_text(word, bash=shell.bash) for word in words]
    prefix = shell.variables.get("PS4")
    shell.error(f"{'+ ' if prefix is None else prefix}{' '.join(shown)}\n")


def _assign_only(shell: Shell, node: Simple) -> Waits[int]:
    if node.redirections:
        try:
            saved = yield from redirect(shell, node.redirections)
        except ShellError as error:
            shell.complain(error.text)
            return error.status
        restore(shell, saved)
    for assignment in node.assignments:
        yield from arrays.assign(shell, assignment)
    if "x" in shell.options and node.assignments:
        texts = [
            f"{each.name}={trace_text(shell.variables.get(each.name) or '', bash=shell.bash)}"
            for each in node.assignments
        ]
        shell.error(f"{shell.variables.get('PS4') or '+ '}{' '.join(texts)}\n")
    return shell.substituted or 0


def _with_surroundings(
    shell: Shell, node: Simple, command: Builtin | Function, words: list[str]
) -> Waits[int]:
    """Run a builtin or a function with redirections and assignments of its own."""
    special = words[0] in SPECIAL
    try:
        saved = yield from redirect(shell, node.redirections)
    except ShellError as error:
        shell.complain(error.text)
        if special and not (shell.interactive or shell.bash):
            raise Leave(error.status) from error
        return error.status
    try:
        if special and not shell.bash:
            for assignment in node.assignments:
                yield from arrays.assign(shell, assignment)
            status = yield from _in_surroundings(shell, node, command, words)
        else:
            status = yield from _with_assignments(shell, node, command, words)
        if words[0] == "exec":
            forget(saved)
    except Become:
        forget(saved)
        raise
    else:
        return status
    finally:
        restore(shell, saved)


def _with_assignments(
    shell: Shell, node: Simple, command: Builtin | Function, words: list[str]
) -> Waits[int]:
    """Run it with assignments that count for it alone."""
    before: list[tuple[str, Variable | None]] = []
    try:
        for assignment in node.assignments:
            before.append((assignment.name, shell.variables.save(assignment.name)))
            yield from arrays.assign(shell, assignment)
            shell.variables.mark(assignment.name).exported = True
        return (yield from _in_surroundings(shell, node, command, words))
    finally:
        for name, variable in reversed(before):
            shell.variables.restore(name, variable)


def _in_surroundings(
    shell: Shell, node: Simple, command: Builtin | Function, words: list[str]
) -> Waits[int]:
    if isinstance(command, Function):
        return (yield from call(shell, command, words))
    status = yield from run_builtin(shell, command, words)
    for _, assignment in node.arrays:
        yield from arrays.assign(shell, assignment)
    return status


def run_builtin(shell: Shell, builtin: Builtin, words: list[str]) -> Waits[int]:
    """Run a builtin in place."""
    outer_name, before = shell.command_name, shell.caller_name
    shell.caller_name, shell.command_name = outer_name, builtin.shown(shell, words[0])
    try:
        result = builtin.function(shell, words)
        if isinstance(result, Generator):
            result = yield from result
        elif shell.dirty:
            shell.dirty = False
            yield from shell.descriptors.sink(1).room()
    except CommandError as error:
        shell.complain(error.text)
        return error.status
    except ShellError as error:
        status = shell.report(error)
        if words[0] in SPECIAL and not (shell.interactive or shell.bash):
            raise Leave(status) from error
        return status
    else:
        return result
    finally:
        shell.command_name, shell.caller_name = outer_name, before


def call(shell: Shell, function: Function, words: list[str]) -> Waits[int]:
    """Call a function."""
    require_depth(shell)
    shell.depth += 1
    arguments, shell.arguments = shell.arguments, words[1:]
    loops, shell.loops = shell.loops, 0
    place, shell.getopts_place = shell.getopts_place, 0
    shell.sourced += 1
    shell.variables.enter()
    try:
        return (yield from Nested(shell.process.scheduler, _body(shell, function)))
    except Return as returned:
        return returned.status
    finally:
        shell.variables.leave()
        shell.sourced -= 1
        shell.depth -= 1
        shell.arguments, shell.loops, shell.getopts_place = arguments, loops, place


def _body(shell: Shell, function: Function) -> Waits[int]:
    from fakecri.core.shell.execution import run  # noqa: PLC0415  # which runs this

    return (yield from run(shell, function.body))


def run_unaliased(shell: Shell, words: list[str]) -> Waits[int]:
    """Run a command that is no function: `command NAME`."""
    builtin = BUILTINS.get(words[0])
    if builtin is None or not builtin.is_for(shell):
        shell.command_name = shell.caller_name  # nothing is said of `command`
        return (yield from _external(shell, Simple((), (), ()), words))
    try:
        return (yield from run_builtin(shell, builtin, words))
    except Leave:
        if words[0] in {"exit", "exec"}:
            raise
        return shell.status or 2


# What is started as a process.


def _external(shell: Shell, node: Simple, words: list[str]) -> Waits[int]:
    saved: Saved = []
    try:
        saved = yield from redirect(shell, node.redirections)
        environment = yield from _environment(shell, node.assignments)
    except ShellError as error:
        restore(shell, saved)
        if not node.redirections:
            raise
        shell.complain(error.text)
        return error.status
    if any(each is node for each in shell.tails) and not shell.traps and not shell.interactive:
        try:
            become(shell, words, environment)
        except Become:
            forget(saved)
            raise
        except MissingExecutableError as missing:
            status = refuse(shell, words[0], missing)
            restore(shell, saved)
            return status
    try:
        yield from make_room(shell)
        process = launch(shell, words, environment, shell.descriptors)
    except MissingExecutableError as missing:
        return refuse(shell, words[0], missing)
    finally:
        restore(shell, saved)
    (status,) = yield from wait_for_job(shell, [process])
    if "CHLD" in shell.traps:
        shell.pending.append(17)
    report_death(shell, process, " ".join(words))
    return status


def _environment(shell: Shell, assignments: Sequence[Assignment]) -> Waits[dict[str, str]]:
    environment = shell.variables.environment()
    for assignment in assignments:
        if not isinstance(assignment.value, tuple):
            text = yield from expand_text(shell, assignment.value)
            environment[assignment.name] = outer(text)
    return environment
