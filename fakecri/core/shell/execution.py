"""Running commands: lists, pipelines and everything of reserved words."""

from collections.abc import Callable
from functools import partial
from typing import Any

from fakecri.core.pipes import Pipe
from fakecri.core.scheduler import Waits
from fakecri.core.shell import conditions, loops, simple
from fakecri.core.shell.arithmetic import ArithmeticFailure
from fakecri.core.shell.descriptors import NOTHING, Descriptor, ends_of
from fakecri.core.shell.errors import CommandError, Leave, ShellError
from fakecri.core.shell.expansion import evaluate_word, expand_pattern, expand_text
from fakecri.core.shell.foreground import set_apart, wait_for_job
from fakecri.core.shell.jobs import add_job, keep_jobs, report_death
from fakecri.core.shell.launching import make_room
from fakecri.core.shell.patterns import compiled
from fakecri.core.shell.printing import command_text
from fakecri.core.shell.redirections import redirect, restore
from fakecri.core.shell.state import Shell
from fakecri.core.shell.substitution import fork
from fakecri.core.shell.syntax import (
    AndOr,
    Background,
    Calculation,
    Case,
    Condition,
    For,
    ForArithmetic,
    Function,
    Group,
    If,
    Node,
    Pipeline,
    Redirected,
    Sequence,
    Simple,
    Subshell,
    While,
)
from fakecri.core.shell.traps import run_action, run_pending
from fakecri.core.signals import NUMBERS


def run(shell: Shell, node: Node) -> Waits[int]:
    """Run a command; return its status, which is also that of the shell."""
    return _RUNNERS[type(node)](shell, node)


def tails(node: Node) -> tuple[Simple, ...]:  # noqa: PLR0911  # a case for each kind of node
    """Return the commands of a node behind which nothing comes."""
    if isinstance(node, Simple):
        return (node,)
    if isinstance(node, Sequence):
        return tails(node.commands[-1])
    if isinstance(node, AndOr):
        return tails(node.rest[-1][1])
    if isinstance(node, Group):
        return tails(node.body)
    if isinstance(node, If):
        bodies = [body for _, body in node.branches] + [node.otherwise or Group(Simple((), (), ()))]
        return tuple(each for body in bodies for each in tails(body))
    if isinstance(node, Case):
        bodies = [arm.body for arm in node.arms if arm.body is not None and arm.end == ";;"]
        return tuple(each for body in bodies for each in tails(body))
    return ()


def checked(shell: Shell, status: int) -> Waits[int]:
    """A command has ended: traps that wait run, and with `set -e` a failure ends the shell."""
    shell.status = status
    if shell.pending:
        yield from run_pending(shell)
    if status and not shell.unchecked:
        action = shell.traps.get("ERR")
        if action and (not shell.sourced or "errtrace" in shell.options):
            yield from run_action(shell, action)
        if "e" in shell.options:
            raise Leave(status)
    return status


def _simple(shell: Shell, node: Simple) -> Waits[int]:
    status = yield from simple.run_simple(shell, node)
    shell.status = status
    if status or shell.pending:
        yield from checked(shell, status)
    return status


def _sequence(shell: Shell, node: Sequence) -> Waits[int]:
    status = 0
    for command in node.commands:
        status = yield from _RUNNERS[type(command)](shell, command)
        if "n" in shell.options and not shell.interactive:
            break
    return status


def _and_or(shell: Shell, node: AndOr) -> Waits[int]:
    last = node.rest[-1][1]
    shell.unchecked += 1
    try:
        status = yield from run(shell, node.first)
        for operator, command in node.rest:
            if (status == 0) != (operator == "&&"):
                continue
            if command is last:
                break
            status = yield from run(shell, command)
        else:
            return status
    finally:
        shell.unchecked -= 1
    return (yield from run(shell, last))


def _group(shell: Shell, node: Group) -> Waits[int]:
    return run(shell, node.body)


def _run_child(shell: Shell, node: Node) -> Waits[int]:
    """What a subshell does."""
    if isinstance(node, Group):
        node = node.body
    shell.tails = tails(node)
    return run(shell, node)


def _subshell(shell: Shell, node: Subshell) -> Waits[int]:
    yield from make_room(shell)
    process = fork(shell, shell.fork(), lambda child: _run_child(child, node.body))
    (status,) = yield from wait_for_job(shell, [process])
    report_death(shell, process)
    return (yield from checked(shell, status))


def _background(shell: Shell, node: Background) -> Waits[int]:
    command = node.command

    def body(child: Shell) -> Waits[int]:
        return _run_child(child, command.body if isinstance(command, Subshell) else command)

    yield from make_room(shell, _size(command))
    child = shell.fork()
    child.descriptors.put(0, Descriptor(reader=NOTHING))
    if isinstance(command, Pipeline) and not (command.negated or command.timed):
        processes = _start_pipeline(shell, command, Descriptor(reader=NOTHING))
        child.descriptors.close()
    else:
        processes = [fork(shell, child, body)]
    set_apart(shell, processes)
    add_job(shell, processes, command_text(command, bash=shell.bash))
    for process in processes:
        for name in ("INT", "QUIT"):
            process.ignore(NUMBERS[name])
        process.exited.then(lambda: _child_ended(shell))
    shell.status = 0
    return 0


def _size(node: Node) -> int:
    """How many processes a command is at first."""
    return len(node.commands) if isinstance(node, Pipeline) else 1


def _child_ended(shell: Shell) -> None:
    if shell.traps.get("CHLD"):
        shell.pending.append(NUMBERS["CHLD"])
        if shell.wake is not None:
            shell.wake.set_result(None)


def _start_pipeline(shell: Shell, node: Pipeline, stdin: Descriptor | None = None) -> list[Any]:
    processes = []
    reading = stdin
    if reading is not None:
        reading.hold()
    for position, command in enumerate(node.commands):
        child = shell.fork()
        keep_jobs(shell, child, command)
        if reading is not None:
            child.descriptors.put(0, reading)
            reading.release()
            reading = None
        if position < len(node.commands) - 1:
            reading, writing = ends_of(Pipe(shell.process.scheduler))
            reading.hold()
            child.descriptors.put(1, writing)
        body = command.body if isinstance(command, Subshell) else command
        processes.append(fork(shell, child, partial(_run_child, node=body)))
    return processes


def _pipeline(shell: Shell, node: Pipeline) -> Waits[int]:
    started_ns = shell.process.scheduler.now_ns
    if len(node.commands) == 1:
        shell.unchecked += node.negated
        try:
            status = yield from run(shell, node.commands[0])
        finally:
            shell.unchecked -= node.negated
    else:
        status = yield from _run_stages(shell, node)
    if node.timed:
        shell.error(_times(shell.process.scheduler.now_ns - started_ns))
    if node.negated:
        shell.status = int(not status)
        return shell.status
    return (yield from checked(shell, status))


def _run_stages(shell: Shell, node: Pipeline) -> Waits[int]:
    yield from make_room(shell, len(node.commands))
    processes = _start_pipeline(shell, node)
    statuses = yield from wait_for_job(shell, processes)
    for process in processes:
        report_death(shell, process)
    if "pipefail" in shell.options:
        return next((each for each in reversed(statuses) if each), 0)
    return statuses[-1]


def _times(elapsed_ns: int) -> str:
    minutes, milliseconds = divmod(elapsed_ns // 1_000_000, 60_000)
    real = f"{minutes}m{milliseconds // 1000}.{milliseconds % 1000:03}s"
    return f"\nreal\t{real}\nuser\t0m0.000s\nsys\t0m0.000s\n"


def _if(shell: Shell, node: If) -> Waits[int]:
    for condition, body in node.branches:
        shell.unchecked += 1
        try:
            status = yield from run(shell, condition)
        finally:
            shell.unchecked -= 1
        if not status:
            return (yield from run(shell, body))
    if node.otherwise is not None:
        return (yield from run(shell, node.otherwise))
    shell.status = 0
    return 0


def _case(shell: Shell, node: Case) -> Waits[int]:
    text = yield from expand_text(shell, node.word)
    status, falls = 0, False
    for arm in node.arms:
        if not falls:
            for word in arm.patterns:
                pattern = yield from expand_pattern(shell, word)
                if compiled(pattern).fullmatch(text):
                    break
            else:
                continue
        shell.status = status = 0
        if arm.body is not None:
            status = yield from run(shell, arm.body)
        if arm.end == ";;":
            return status
        falls = arm.end == ";&"
    shell.status = status
    return status


def _function(shell: Shell, node: Function) -> Waits[int]:
    shell.functions[node.name] = node
    shell.status = 0
    yield from ()
    return 0


def _condition(shell: Shell, node: Condition) -> Waits[int]:
    shell.line = node.line
    try:
        status = int(not (yield from conditions.evaluate(shell, node.words)))
    except (ShellError, CommandError) as error:
        shell.complain(error.text)
        status = 2
    return (yield from checked(shell, status))


def _calculation(shell: Shell, node: Calculation) -> Waits[int]:
    try:
        status = int(not (yield from evaluate_word(shell, node.expression)))
    except ArithmeticFailure as error:
        shell.complain(f"((: {error.text}")
        status = 1
    return (yield from checked(shell, status))


def _redirected(shell: Shell, node: Redirected) -> Waits[int]:
    try:
        saved = yield from redirect(shell, node.redirections)
    except ShellError as error:
        shell.complain(error.text)
        return (yield from checked(shell, error.status))
    try:
        return (yield from run(shell, node.command))
    finally:
        restore(shell, saved)


_RUNNERS: dict[type[Any], Callable[[Shell, Any], Waits[int]]] = {
    Simple: _simple,
    Sequence: _sequence,
    AndOr: _and_or,
    Pipeline: _pipeline,
    Background: _background,
    Group: _group,
    Subshell: _subshell,
    If: _if,
    While: loops.run_while,
    For: loops.run_for,
    ForArithmetic: loops.run_for_arithmetic,
    Case: _case,
    Function: _function,
    Condition: _condition,
    Calculation: _calculation,
    Redirected: _redirected,
}
