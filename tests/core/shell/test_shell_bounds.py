"""What a script cannot do to the runtime, whatever it does to its container."""

import pytest

from fakecri.core.scheduler import SECOND_NS
from fakecri.core.shell.launching import MAX_PROCESSES
from tests.core.shell.scripts import run, start


def test_shells_that_start_each_other_without_end_cannot_fork() -> None:
    script = "echo 'sh /tmp/again' > /tmp/again; sh /tmp/again; echo $?"
    finished = run(script)
    assert (finished.code, finished.stdout) == (0, "2\n")
    assert finished.stderr.endswith("can't fork: Resource temporarily unavailable\n")


def test_subshells_within_each_other_without_end_cannot_fork() -> None:
    finished = run("f() { (f); }; f; echo $?")
    assert finished.stderr == "ash: can't fork: Resource temporarily unavailable\n"


def test_a_bomb_of_processes_fills_its_container_and_lets_time_pass() -> None:
    bomb = start("ash", "-c", "f() { f | f & }; f")
    bomb.scheduler.advance_to(bomb.scheduler.now_ns + SECOND_NS // 10)
    assert len(bomb.process.system.processes) <= MAX_PROCESSES


@pytest.mark.parametrize(
    "loop",
    [
        "while :; do x=$(echo 1); done",
        "while :; do (:) & done",
        "while :; do nosuch; done 2>/dev/null",
        "while :; do true | true; done",
    ],
)
def test_a_loop_of_processes_lets_time_pass(loop: str) -> None:
    began = start("ash", "-c", f"{loop} & sleep 3600; kill $!; echo over")
    finished = began.finish()
    assert finished.stdout == "over\n"
    assert began.scheduler.now_ns >= began.process.started_ns + 3600 * SECOND_NS


def test_a_trap_that_sends_its_own_signal_ends_as_a_stack_does() -> None:
    assert run("trap 'kill -USR1 $$' USR1; kill -USR1 $$; echo no").code == 139


def test_a_busy_loop_notices_a_signal_at_once() -> None:
    busy = start("ash", "-c", "trap 'exit 3' TERM; while :; do :; done")
    busy.scheduler.advance_to(busy.scheduler.now_ns + 86_400 * SECOND_NS)
    killed_ns = busy.scheduler.now_ns
    busy.process.kill(15)
    busy.scheduler.run()
    assert (busy.process.exited.result(), busy.scheduler.now_ns) == (3, killed_ns)


@pytest.mark.parametrize(
    "script",
    [
        "x=a; while :; do x=$x$x; done",
        "x=$(while :; do echo aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa; done)",
        "x=$(printf %99999s a); x=$x$x$x; echo ${x// /$x}",
        "cat /dev/zero | { read x; exit $?; }",
    ],
)
def test_a_value_without_end_is_too_much_memory(script: str) -> None:
    finished = run(script)
    assert finished.code == 1
    assert finished.stderr.endswith("out of memory\n")


def test_a_reader_that_leaves_ends_a_writer_that_never_waits() -> None:
    assert run("cat /dev/zero | read -n 1 x; echo $?").code == 0
