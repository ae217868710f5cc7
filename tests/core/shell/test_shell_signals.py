"""Signals of shells: traps, what is ignored, and what kills."""

from typing import Any

from fakecri.core.scheduler import SECOND_NS
from fakecri.core.signals import NUMBERS
from tests.core.machine import Finished, Machine, Run
from tests.core.shell.scripts import run, start

TERM, KILL, INT = NUMBERS["TERM"], NUMBERS["KILL"], NUMBERS["INT"]


def _started(script: str, **conditions: Any) -> Run:
    """A script that has run for a second."""
    begun = start("ash", "-c", script, **conditions)
    _pass(begun, 1)
    return begun


def _pass(begun: Run, seconds: float) -> None:
    scheduler = begun.scheduler
    scheduler.advance_to(scheduler.now_ns + round(seconds * SECOND_NS))


def test_a_trap_runs_when_the_foreground_command_has_ended() -> None:
    begun = _started("trap 'echo T' TERM; sleep 10; echo $?")
    begun.process.kill(TERM)
    _pass(begun, 8)
    assert begun.stdout == ""
    assert begun.finish() == Finished(0, "T\n0\n", "")


def test_a_trap_runs_at_once_out_of_wait() -> None:
    begun = _started("trap 'echo T' TERM; sleep 10 & wait; echo $?; wait; echo $?")
    begun.process.kill(TERM)
    _pass(begun, 1)
    assert begun.stdout == "T\n143\n"
    assert begun.finish().stdout == "T\n143\n0\n"


def test_a_trap_runs_at_once_out_of_read() -> None:
    begun = _started("trap 'echo T' TERM; read x; echo $?", stdin=None)
    begun.process.kill(TERM)
    _pass(begun, 0)
    assert begun.stdout == "T\n143\n"


def test_a_trap_that_exits_ends_the_shell_with_its_status() -> None:
    begun = _started("trap 'echo bye; exit 7' TERM; sleep 5 & wait; echo no")
    begun.process.kill(TERM)
    assert begun.finish() == Finished(7, "bye\n", "")


def test_the_first_process_ignores_a_signal_without_a_trap() -> None:
    begun = _started("sleep 10; echo end; true", is_init=True)
    begun.process.kill(TERM)
    assert begun.finish() == Finished(0, "end\n", "")


def test_any_other_shell_dies_of_a_signal_without_a_trap() -> None:
    begun = _started("sleep 10; echo end; true")
    begun.process.kill(TERM)
    assert begun.finish() == Finished(128 + TERM, "", "")


def test_the_first_process_dies_of_sigkill_from_outside() -> None:
    begun = _started("trap '' TERM; trap 'echo no' EXIT; sleep 10; true", is_init=True)
    begun.process.kill(KILL)
    assert begun.finish() == Finished(128 + KILL, "", "")


def test_the_first_process_outlives_sigkill_from_inside() -> None:
    assert run("kill -9 $$; echo on", is_init=True) == Finished(0, "on\n", "")


def test_what_a_shell_ignores_its_children_ignore() -> None:
    script = "trap '' TERM; sh -c 'kill $$; echo on'; (kill $$; echo and on)"
    assert run(script).stdout == "on\nand on\n"


def test_a_handler_is_not_inherited() -> None:
    script = "trap 'echo T' TERM; sh -c 'kill $$; echo no'; echo $?"
    assert run(script) == Finished(0, "143\n", "Terminated\n")


def test_an_exit_trap_runs_once_at_the_end() -> None:
    assert run("trap 'echo bye $?' EXIT; (exit 3)") == Finished(3, "bye 3\n", "")
    assert run("trap 'echo bye $?' EXIT; exit 4; echo no") == Finished(4, "bye 4\n", "")
    assert run("trap 'exit 9' EXIT; exit 4").code == 9


def test_an_exit_trap_runs_when_a_trap_of_a_signal_leaves() -> None:
    begun = _started("trap 'echo bye' EXIT; trap 'exit 3' TERM; sleep 60 & wait")
    begun.process.kill(TERM)
    assert begun.finish() == Finished(3, "bye\n", "")


def test_a_signal_that_ends_a_shell_skips_its_exit_trap() -> None:
    begun = _started("trap 'echo bye' EXIT; sleep 10; true")
    begun.process.kill(TERM)
    assert begun.finish() == Finished(128 + TERM, "", "")


def test_a_subshell_has_none_of_the_traps_of_its_parent() -> None:
    assert run("trap 'echo bye' EXIT; (trap; echo in)").stdout == "in\nbye\n"


def test_dollar_dollar_is_the_shell_also_in_a_subshell() -> None:
    shown = run("echo $$; (echo $$); echo $(echo $$)").stdout.split()
    assert len(shown) == 3
    assert len(set(shown)) == 1


def test_signals_that_come_twice_run_a_trap_twice() -> None:
    script = "trap 'i=$((i+1))' USR1; kill -USR1 $$; kill -USR1 $$; echo $i"
    assert run(script).stdout == "2\n"


def test_a_background_job_does_not_die_of_an_interrupt() -> None:
    script = "(sleep 2; echo on) & kill -INT $!; wait $!; echo $?"
    assert run(script) == Finished(0, "on\n0\n", "")


def test_wait_gives_the_status_of_a_killed_job() -> None:
    assert run("sleep 60 & kill $!; wait $!; echo $?") == Finished(0, "143\n", "Terminated\n")


def test_a_loop_that_waits_ends_with_its_container() -> None:
    machine = Machine()
    begun = start("ash", "-c", "while :; do sleep 1; done", machine=machine, is_init=True)
    _pass(begun, 10)
    begun.process.kill(KILL)
    begun.finish()
    machine.scheduler.run()
    assert machine.system.processes == {}
