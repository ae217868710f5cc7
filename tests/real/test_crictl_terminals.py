"""crictl exec -it and attach -it, by hand: prompt, echo, line editing, window size, ^C."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from tests.real.runtimes import until
from tests.real.terminals import typist
from tests.real.transports import over_each_transport

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.real.runtimes import Stage
    from tests.real.terminals import Typist

pytestmark = [pytest.mark.real, over_each_transport]

PROMPT = "^/ # "
CTRL_C, CTRL_D, BACKSPACE = "\x03", "\x04", "\x7f"


@contextmanager
def typing(
    stage: Stage, transport: str, container: str, *command: str, verb: str = "exec"
) -> Iterator[Typist]:
    interactive = (verb, "-i", "-t", "-r", transport, container, *command)
    with typist([*stage.runtime.crictl.command, *interactive]) as hands:
        yield hands


@contextmanager
def shell(stage: Stage, transport: str) -> Iterator[Typist]:
    running = stage.pod().start("main", "sleep", "300")
    with typing(stage, transport, running, "sh") as hands:
        hands.see(PROMPT)
        yield hands


def wait_for_process(stage: Stage, container: str, command: str) -> None:
    """Wait until a command that was asked for is what a process runs."""
    ps = ("exec", "--sync", container, "ps")
    until(lambda: f" {command}\n" in stage.runtime.crictl.ok(*ps).out, command)


def see_size(hands: Typist, size: str) -> None:
    """Wait until the shell knows its size, which crictl tells while the shell is starting."""
    hands.type(f"until stty size | grep -x '{size}'; do sleep 0.1; done\r")
    hands.see(rf"^{size}\r$")


def test_a_shell_has_a_prompt_and_echoes(stage: Stage, transport: str) -> None:
    with shell(stage, transport) as hands:
        hands.type("echo $((6 * 7))\r")
        hands.see(r"echo \$\(\(6 \* 7\)\)\r\n42\r\n/ # ")


def test_the_exit_code_of_a_shell_is_told(stage: Stage, transport: str) -> None:
    with shell(stage, transport) as hands:
        hands.type("exit 5\r")
        status, shown = hands.end()
    assert status == 1
    assert "command terminated with exit code 5" in shown


def test_the_end_of_typing_ends_a_shell(stage: Stage, transport: str) -> None:
    with shell(stage, transport) as hands:
        hands.type(CTRL_D)
        assert hands.end()[0] == 0


def test_a_shell_knows_the_size_of_the_window(stage: Stage, transport: str) -> None:
    with shell(stage, transport) as hands:
        see_size(hands, "30 100")
        hands.resize(columns=132, rows=50)
        see_size(hands, "50 132")


def test_a_typing_error_is_corrected(stage: Stage, transport: str) -> None:
    with shell(stage, transport) as hands:
        hands.type(f"echp{BACKSPACE}o right\r")
        hands.see(r"^right\r$")


def test_control_c_interrupts_a_command_and_not_the_shell(stage: Stage, transport: str) -> None:
    running = stage.pod().start("main", "sleep", "300")
    with typing(stage, transport, running, "sh") as hands:
        hands.see(PROMPT)
        hands.type("sleep 4321\r")
        wait_for_process(stage, running, "sleep 4321")  # a shell loses a ^C that comes before
        hands.type(CTRL_C)
        hands.see(PROMPT)
        hands.type("echo status $?\r")
        hands.see(r"^status 130\r$")


def test_a_shell_is_told_of_its_terminal(stage: Stage, transport: str) -> None:
    with shell(stage, transport) as hands:
        hands.type("echo $TERM; tty\r")
        hands.see(r"^xterm\r\n/dev/pts/\d\r$")


def test_a_command_reads_whole_lines(stage: Stage, transport: str) -> None:
    running = stage.pod().start("main", "sleep", "300")
    with typing(stage, transport, running, "cat") as hands:
        hands.type(f"lime{BACKSPACE}{BACKSPACE}ne\r")
        hands.see(r"\n")
        assert hands.see(r"\n") == "line\r\n"
        hands.type(CTRL_D)
        assert hands.end()[0] == 0


def test_control_c_ends_a_command(stage: Stage, transport: str) -> None:
    running = stage.pod().start("main", "sleep", "300")
    with typing(stage, transport, running, "cat") as hands:
        wait_for_process(stage, running, "cat")
        hands.type("begun\r")
        hands.see(r"^begun\r\nbegun\r$")
        hands.type(CTRL_C)
        status, shown = hands.end()
    assert status == 1
    assert "command terminated with exit code 130" in shown


def test_attached_to_a_shell_one_types_into_it(stage: Stage, transport: str) -> None:
    pod = stage.pod()
    running = pod.start("main", "sh", stdin=True, tty=True)
    with typing(stage, transport, running, verb="attach") as hands:
        hands.type("\r")
        hands.see(PROMPT)
        see_size(hands, "30 100")
        hands.type("exit 3\r")
        assert hands.end()[0] == 0  # which says nothing of the code
    assert pod.wait_for_exit(running)["exitCode"] == 3
