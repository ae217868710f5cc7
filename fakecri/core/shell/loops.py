"""Loops, and how `break` and `continue` leave them."""

from fakecri.core.scheduler import Waits
from fakecri.core.shell import execution
from fakecri.core.shell.errors import Jump, ShellError
from fakecri.core.shell.expansion import evaluate_word, expand_words
from fakecri.core.shell.pacing import STEPS, breathe
from fakecri.core.shell.state import Shell
from fakecri.core.shell.syntax import For, ForArithmetic, Node, While


def _again(jump: Jump) -> bool:
    """Whether the loop goes on; raises it again where it is for an outer loop."""
    if jump.levels > 1:
        jump.levels -= 1
        raise jump
    return jump.again


def _body(shell: Shell, node: Node) -> Waits[int]:
    shell.pace.steps += 1
    if shell.pace.steps > STEPS:
        yield from breathe(shell)
    return (yield from execution.run(shell, node))


def run_while(shell: Shell, node: While) -> Waits[int]:
    """`while` and `until`."""
    status = 0
    shell.loops += 1
    try:
        while True:
            try:
                shell.unchecked += 1
                try:
                    failed = yield from execution.run(shell, node.condition)
                finally:
                    shell.unchecked -= 1
                if bool(failed) != node.until:
                    shell.status = status
                    return status
                status = yield from _body(shell, node.body)
            except Jump as jump:
                status = 0
                if not _again(jump):
                    shell.status = 0
                    return 0
    finally:
        shell.loops -= 1


def run_for(shell: Shell, node: For) -> Waits[int]:
    """`for name in words`, and bash's `select`."""
    if node.words is None:
        values = list(shell.arguments)
    else:
        values = yield from expand_words(shell, node.words)
    if node.is_menu:
        return (yield from _select(shell, node, values))
    status = shell.status = 0
    shell.loops += 1
    try:
        for value in values:
            shell.variables.set(node.name, value)
            try:
                status = yield from _body(shell, node.body)
            except Jump as jump:
                status = shell.status = 0
                if not _again(jump):
                    return 0
    finally:
        shell.loops -= 1
    return status


def run_for_arithmetic(shell: Shell, node: ForArithmetic) -> Waits[int]:
    """`for ((start; condition; step))`."""
    status = 0
    shell.loops += 1
    try:
        yield from evaluate_word(shell, node.start)
        while not node.condition.parts or (yield from evaluate_word(shell, node.condition)):
            try:
                status = yield from _body(shell, node.body)
            except Jump as jump:
                status = shell.status = 0
                if not _again(jump):
                    return 0
            yield from evaluate_word(shell, node.step)
    except ShellError as error:
        shell.complain(f"((: {error.text}")
        status = shell.status = 1
    finally:
        shell.loops -= 1
    return status


def _select(shell: Shell, node: For, values: list[str]) -> Waits[int]:
    from fakecri.core.shell.reading import read_line  # noqa: PLC0415  # which needs a Shell

    menu = "".join(f"{number}) {value}\n" for number, value in enumerate(values, start=1))
    status = 0
    shell.loops += 1
    try:
        while True:
            shell.error(menu + (shell.variables.get("PS3") or "#? "))
            line = yield from read_line(shell)
            if line is None:
                return status
            shell.variables.set("REPLY", line)
            place = int(line) if line.isdecimal() and len(line) < 9 else 0  # noqa: PLR2004
            chosen = values[place - 1] if 0 < place <= len(values) else ""
            shell.variables.set(node.name, chosen)
            try:
                status = yield from _body(shell, node.body)
            except Jump as jump:
                status = 0
                if not _again(jump):
                    return 0
    finally:
        shell.loops -= 1
