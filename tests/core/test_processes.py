"""Simulated processes: how they start, wait, are signalled, and end."""

import pytest

from fakecri.core.processes import Process, ProcessSpec, Program, Signalled, Stdin
from fakecri.core.scheduler import SECOND_NS, Scheduler, Waits
from fakecri.core.signals import NUMBERS, SIGKILL, SIGTERM
from tests.core.machine import START_NS, WALL_NS, Machine, Run

SIGINT, SIGUSR1 = NUMBERS["INT"], NUMBERS["USR1"]


@pytest.fixture
def machine() -> Machine:
    return Machine()


def _running(machine: Machine, program: Program, *, is_init: bool = True) -> Run:
    run = machine.start_program(program, is_init=is_init)
    machine.scheduler.run()
    return run


def _sleeper(process: Process) -> Waits[int]:
    yield from process.sleep(1_000)
    return 7


def _trapper(process: Process) -> Waits[int]:
    process.trap(SIGTERM, SIGINT)
    try:
        yield from process.forever()
    except Signalled as signalled:
        process.write(f"got {signalled.signal}\n".encode())
        yield from process.sleep(2)
    return 3


# Starting and ending.


def test_nothing_of_a_program_runs_before_the_next_turn_of_the_queue(machine: Machine) -> None:
    run = machine.start_program(lambda process: process.write(b"ran"))
    assert run.stdout == ""
    assert run.finish() == (0, "ran", "")


@pytest.mark.parametrize(
    ("returned", "code"), [(None, 0), (0, 0), (3, 3), (256, 0), (257, 1), (-1, 255), (True, 1)]
)
def test_what_a_program_returns_is_its_exit_code_in_a_byte(
    machine: Machine, returned: int | None, code: int
) -> None:
    def waiting(process: Process) -> Waits[int]:
        yield from process.sleep(1)
        return returned  # type: ignore[return-value]  # None, as from a program that just ends

    assert machine.start_program(lambda _: returned).finish().code == code
    assert machine.start_program(waiting).finish().code == code


def test_a_process_ends_when_its_sleep_is_over(machine: Machine) -> None:
    run = _running(machine, _sleeper)
    machine.scheduler.advance_to(START_NS + 1_000 * SECOND_NS - 1)
    assert not run.process.exited.done
    machine.scheduler.advance_to(START_NS + 1_000 * SECOND_NS)
    assert run.process.exited.result() == 7


def test_the_exit_is_told_through_the_queue(machine: Machine) -> None:
    seen: list[str] = []
    run = _running(machine, _sleeper)
    run.process.exited.then(lambda: seen.append("exited"))
    run.process.kill(SIGKILL)
    assert (run.process.exited.done, seen) == (True, [])
    machine.scheduler.run()
    assert seen == ["exited"]


def test_a_program_that_crashes_exits_1_with_the_error_on_stderr(machine: Machine) -> None:
    def crash(process: Process) -> Waits[int]:
        yield from process.sleep(1)
        raise ZeroDivisionError("by zero")

    code, stdout, stderr = machine.start_program(crash).finish()
    assert (code, stdout) == (1, "")
    assert stderr.startswith("Traceback (most recent call last):\n")
    assert stderr.endswith("ZeroDivisionError: by zero\n")


def test_a_plain_function_that_crashes_is_a_process_that_crashes(machine: Machine) -> None:
    def crash(_: Process) -> int:
        raise ZeroDivisionError("by zero")

    assert machine.start_program(crash).finish().code == 1


def test_a_process_knows_when_it_started_and_what_the_wall_shows(machine: Machine) -> None:
    shown: list[int] = []

    def look(process: Process) -> Waits[int]:
        shown.append(process.wall_ns())
        yield from process.sleep(0.25)
        shown.append(process.wall_ns())
        return 0

    run = machine.start_program(look)
    run.finish()
    assert run.process.started_ns == START_NS
    assert shown == [WALL_NS, WALL_NS + SECOND_NS // 4]


def test_stderr_of_a_terminal_is_its_stdout(machine: Machine) -> None:
    def write(process: Process) -> None:
        process.write(b"out ")
        process.error(b"err ")

    spec = ProcessSpec(("program",), tty=True)
    assert machine.start_program(write, spec).finish() == (0, "out err ", "")
    assert machine.start_program(write).finish() == (0, "out ", "err ")


# Signals.


@pytest.mark.parametrize(("signal", "code"), [(SIGTERM, 143), (SIGKILL, 137), (SIGINT, 130)])
def test_a_signal_that_is_not_trapped_ends_a_process_that_is_not_pid_1(
    machine: Machine, signal: int, code: int
) -> None:
    run = _running(machine, _sleeper, is_init=False)
    run.process.kill(signal)
    assert run.process.exited.result() == code


def test_pid_1_does_not_notice_a_signal_that_it_does_not_trap(machine: Machine) -> None:
    run = _running(machine, _sleeper)
    for signal in (SIGTERM, SIGINT, SIGUSR1):
        run.process.kill(signal)
    assert run.finish().code == 7


def test_sigkill_ends_pid_1(machine: Machine) -> None:
    run = _running(machine, _sleeper)
    run.process.kill(SIGKILL)
    assert run.process.exited.result() == 137


@pytest.mark.parametrize("name", ["CHLD", "CONT", "URG", "WINCH"])
def test_some_signals_end_nobody(machine: Machine, name: str) -> None:
    run = _running(machine, _sleeper, is_init=False)
    run.process.kill(NUMBERS[name])
    assert run.finish().code == 7


@pytest.mark.parametrize("is_init", [True, False])
def test_a_trapped_signal_is_raised_where_the_program_waits(
    machine: Machine, is_init: bool
) -> None:
    run = _running(machine, _trapper, is_init=is_init)
    run.process.kill(SIGTERM)
    assert run.stdout == ""
    machine.scheduler.run()
    assert (run.stdout, run.process.exited.done) == ("got 15\n", False)
    assert run.finish() == (3, "got 15\n", "")
    assert machine.scheduler.now_ns == START_NS + 2 * SECOND_NS


def test_a_trapped_signal_that_a_program_does_not_catch_ends_it(machine: Machine) -> None:
    def trap(process: Process) -> Waits[int]:
        process.trap(SIGTERM)
        yield from process.forever()
        return 0

    run = _running(machine, trap)
    run.process.kill(SIGTERM)
    assert run.finish() == (143, "", "")


def test_a_program_is_signalled_as_often_as_it_traps(machine: Machine) -> None:
    def count(process: Process) -> Waits[int]:
        process.trap(SIGUSR1)
        for number in range(1, 4):
            try:
                yield from process.forever()
            except Signalled:
                process.write(f"{number} ".encode())
        return 0

    run = _running(machine, count)
    for _ in range(3):
        run.process.kill(SIGUSR1)
    assert run.finish() == (0, "1 2 3 ", "")


def test_a_signal_that_comes_before_the_trap_is_not_trapped(machine: Machine) -> None:
    run = machine.start_program(_trapper)
    run.process.kill(SIGTERM)
    machine.scheduler.run()
    assert (run.stdout, run.process.exited.done) == ("", False)


def test_sigkill_cannot_be_trapped(machine: Machine) -> None:
    def trap(process: Process) -> Waits[int]:
        process.trap(SIGKILL)
        yield from process.forever()
        return 0

    run = _running(machine, trap)
    run.process.kill(SIGKILL)
    assert run.process.exited.result() == 137


def test_a_killed_program_no_longer_gets_a_signal_that_was_on_its_way(machine: Machine) -> None:
    run = _running(machine, _trapper)
    run.process.kill(SIGTERM)
    run.process.kill(SIGKILL)
    machine.scheduler.run()
    assert run.finish() == (137, "", "")


def test_a_killed_program_does_not_go_on(machine: Machine) -> None:
    def write_later(process: Process) -> Waits[int]:
        yield from process.sleep(1)
        process.write(b"still here")
        return 0

    run = _running(machine, write_later)
    run.process.kill(SIGKILL)
    machine.scheduler.advance_to(START_NS + 5 * SECOND_NS)
    assert run.finish() == (137, "", "")


def test_a_signal_to_a_process_that_has_ended_changes_nothing(machine: Machine) -> None:
    run = machine.start_program(lambda _: 5, is_init=False)
    run.finish()
    run.process.kill(SIGTERM)
    run.process.kill(SIGKILL)
    assert run.finish().code == 5


def test_a_process_can_be_ended_with_any_code(machine: Machine) -> None:
    run = _running(machine, _sleeper)
    run.process.exit_now(255)
    machine.scheduler.run()
    assert run.process.exited.result() == 255


def test_a_process_that_is_killed_before_it_ran_never_runs(machine: Machine) -> None:
    def write(process: Process) -> Waits[int]:
        process.write(b"ran")
        yield from process.forever()
        return 0

    run = machine.start_program(write)
    run.process.kill(SIGKILL)
    machine.scheduler.run()
    assert run.finish() == (137, "", "")


def test_a_killed_program_writes_no_last_words(machine: Machine) -> None:
    def tidy(process: Process) -> Waits[int]:
        try:
            yield from process.forever()
        finally:
            process.write(b"bye")
        return 0

    run = _running(machine, tidy)
    run.process.kill(SIGKILL)
    machine.scheduler.run()
    assert run.finish() == (137, "", "")


@pytest.mark.parametrize("signal", [SIGTERM, SIGKILL])
def test_nothing_is_due_any_more_when_a_sleeper_was_killed(machine: Machine, signal: int) -> None:
    run = _running(machine, _sleeper, is_init=False)
    run.process.kill(signal)
    machine.scheduler.run()
    assert machine.scheduler.next_ns() is None


def test_nothing_is_due_any_more_when_a_signal_ended_a_sleep(machine: Machine) -> None:
    def trap(process: Process) -> Waits[int]:
        process.trap(SIGTERM)
        try:
            yield from process.sleep(1_000)
        except Signalled:
            return 0
        return 1

    run = _running(machine, trap)
    run.process.kill(SIGTERM)
    assert run.finish().code == 0
    assert machine.scheduler.next_ns() is None


# Programs with mistakes in them must not take the runtime with them.


def test_a_program_that_calls_sys_exit_exits(machine: Machine) -> None:
    def leave(process: Process) -> Waits[int]:
        yield from process.sleep(1)
        raise SystemExit(3)

    assert machine.start_program(leave).finish().code == 3


def test_a_program_that_returns_no_number_is_one_that_crashes(machine: Machine) -> None:
    code, _, stderr = machine.start_program(lambda _: "0").finish()  # type: ignore[arg-type,return-value]  # the mistake
    assert (code, "TypeError" in stderr) == (1, True)


def test_a_program_that_yields_what_it_should_yield_from_is_one_that_crashes(
    machine: Machine,
) -> None:
    def mistaken(process: Process) -> Waits[int]:
        yield process.sleep(1)  # type: ignore[misc]  # the mistake
        return 0

    code, _, stderr = machine.start_program(mistaken).finish()
    assert (code, "TypeError" in stderr) == (1, True)


# Input.


def _reader(process: Process) -> Waits[int]:
    while chunk := (yield from process.read()):
        process.write(b"<" + chunk + b">")
    return 0


def test_a_process_without_input_is_at_its_end(machine: Machine) -> None:
    assert machine.start_program(_reader).finish() == (0, "", "")


def test_a_process_reads_what_was_there_before_it(machine: Machine) -> None:
    assert machine.start_program(_reader, stdin=b"early").finish() == (0, "<early>", "")


def test_a_process_waits_for_input_until_it_is_closed(machine: Machine) -> None:
    run = machine.start_program(_reader, stdin=None)
    machine.scheduler.run()
    for chunk in (b"one", b"two"):
        run.stdin.feed(chunk)
    machine.scheduler.run()
    assert (run.stdout, run.process.exited.done) == ("<one><two>", False)
    run.stdin.feed(b"three")
    run.stdin.close()
    assert run.finish() == (0, "<one><two><three>", "")


def test_an_empty_chunk_is_not_the_end_of_input(machine: Machine) -> None:
    run = machine.start_program(_reader, stdin=None)
    machine.scheduler.run()
    run.stdin.feed(b"")
    machine.scheduler.run()
    assert not run.process.exited.done


def test_a_read_can_be_interrupted(machine: Machine) -> None:
    def trap(process: Process) -> Waits[int]:
        process.trap(SIGINT)
        try:
            yield from process.read()
        except Signalled:
            process.write(b"interrupted ")
        process.write((yield from process.read()))
        return 0

    run = machine.start_program(trap, stdin=None)
    machine.scheduler.run()
    run.process.kill(SIGINT)
    machine.scheduler.run()
    run.stdin.feed(b"later")
    assert run.finish() == (0, "interrupted later", "")


def test_input_that_nobody_reads_is_kept_for_who_does() -> None:
    scheduler = Scheduler(START_NS)
    stdin = Stdin(scheduler, closed=False)
    machine = Machine(scheduler=scheduler)
    stdin.feed(b"kept")
    stdin.close()
    run = machine.start_program(_reader)
    run.process.stdin = stdin
    assert run.finish() == (0, "<kept>", "")
