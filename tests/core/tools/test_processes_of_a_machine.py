"""Tools that look at processes, tell them something, or run others, in virtual time."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from fakecri.core.executables import DEFAULT_PATH
from fakecri.core.processes import Process, ProcessSpec, Signalled, User
from fakecri.core.scheduler import SECOND_NS, Waits
from fakecri.core.signals import NUMBERS, SIGKILL, SIGTERM
from tests.core.machine import Finished, Machine, Run

NOBODY = User(65534, 65534, (), "nobody")


@dataclass
class Container:
    """A machine with a first process, which knows of all that are started."""

    machine: Machine
    first: Run

    def start(self, *argv: str, user: User | None = None, stdin: bytes | None = b"") -> Run:
        environment = {"PATH": DEFAULT_PATH}
        run = self.machine.start(
            argv, environment=environment, user=user, stdin=stdin, is_init=False
        )
        self.machine.scheduler.run()
        return run

    def run(self, *argv: str, user: User | None = None, stdin: bytes = b"") -> Finished:
        return self.start(*argv, user=user, stdin=stdin).finish()

    def wait(self, seconds: float) -> None:
        scheduler = self.machine.scheduler
        scheduler.advance_to(scheduler.now_ns + round(seconds * SECOND_NS))

    @property
    def now_s(self) -> float:
        return self.machine.scheduler.now_ns / SECOND_NS


@pytest.fixture
def container() -> Iterator[Container]:
    machine = Machine()
    first = machine.start(["sleep", "infinity"])
    machine.scheduler.run()
    yield Container(machine, first)
    first.process.kill(SIGKILL)
    machine.scheduler.run()


# ps, top.


def test_ps_shows_who_there_is_by_number(container: Container) -> None:
    container.start("sleep", "100", user=NOBODY)
    assert container.run("ps").stdout == (
        "PID   USER     TIME  COMMAND\n"
        "    1 root      0:00 sleep infinity\n"
        "    2 nobody    0:00 sleep 100\n"
        "    3 root      0:00 ps\n"
    )


def test_ps_shows_the_columns_that_are_asked_for(container: Container) -> None:
    container.wait(3_700)
    finished = container.run("ps", "-o", "pid,etime,stat,comm=NAME")
    assert finished.stdout == (
        "PID   ELAPSED STAT NAME\n    1  1h01   S    sleep\n    2  0:00   R    ps\n"
    )


@pytest.mark.parametrize("options", ["aux", "-ef", "-A", "ax"])
def test_ps_takes_the_options_of_others_and_ignores_them(
    container: Container, options: str
) -> None:
    plain = container.run("ps", options).stdout.splitlines()
    assert [line.split()[0] for line in plain] == ["PID", "1", "2"]


def test_ps_forgets_those_that_ended(container: Container) -> None:
    container.start("sleep", "5")
    container.wait(6)
    assert "sleep 5" not in container.run("ps").stdout


def test_top_in_a_batch_shows_rounds_and_ends(container: Container) -> None:
    began_s = container.now_s
    code, stdout, _ = container.run("top", "-b", "-n", "2", "-d", "3")
    assert (code, stdout.count("Load average: "), container.now_s - began_s) == (0, 2, 3)
    assert stdout.count("    1     0 root     S") == 2


def test_top_without_options_shows_nothing_until_it_is_stopped(container: Container) -> None:
    top = container.start("top")
    container.wait(1_000)
    assert (top.process.exited.done, top.stdout) == (False, "")


# kill and its kin.


def test_kill_sends_sigterm_unless_told_otherwise(container: Container) -> None:
    runs = [container.start("sleep", "100") for _ in range(3)]
    assert container.run("kill", "2", "3") == (0, "", "")
    assert container.run("kill", "-s", "INT", "4") == (0, "", "")
    assert [run.finish().code for run in runs] == [143, 143, 130]


@pytest.mark.parametrize("signal", ["-9", "-KILL", "-SIGKILL", "-sigkill"])
def test_kill_knows_signals_by_name_and_number(container: Container, signal: str) -> None:
    run = container.start("sleep", "100")
    container.run("kill", signal, "2")
    assert run.finish().code == 137


def test_the_first_process_survives_sigkill_from_inside(container: Container) -> None:
    assert container.run("kill", "-9", "1").code == 0
    assert not container.first.process.exited.done


def test_kill_is_refused_for_the_processes_of_others(container: Container) -> None:
    run = container.start("sleep", "100")
    denied = "kill: can't kill pid 2: Operation not permitted\n"
    assert container.run("kill", "2", user=NOBODY) == (1, "", denied)
    assert not run.process.exited.done


def test_kill_minus_one_reaches_all_but_the_first_and_itself(container: Container) -> None:
    runs = [container.start("sleep", "100") for _ in range(2)]
    assert container.run("kill", "-9", "-1").code == 0
    assert [run.finish().code for run in runs] == [137, 137]
    assert not container.first.process.exited.done


def test_kill_of_a_group_reaches_the_descendants(container: Container) -> None:
    children: list[Process] = []

    def parent(process: Process) -> Waits[int]:
        children.append(process.spawn(["sleep", "100"]))
        yield from process.sleep(100)
        return 0

    run = container.machine.start_program(
        parent, ProcessSpec(("parent",), {"PATH": DEFAULT_PATH}), is_init=False
    )
    container.machine.system.adopt(run.process)
    container.machine.scheduler.run()
    container.run("kill", "--", "-2")
    assert [run.finish().code, children[0].exited.result()] == [143, 143]


def test_pgrep_and_pidof_find_by_name(container: Container) -> None:
    container.start("sleep", "100")
    container.start("/bin/sleep", "200")
    assert container.run("pgrep", "sle").stdout == "1\n2\n3\n"
    assert container.run("pgrep", "-x", "sle") == (1, "", "")
    assert container.run("pgrep", "-f", "200").stdout == "3\n"
    assert container.run("pgrep", "-l", "-f", "200").stdout == "3 /bin/sleep 200\n"
    assert container.run("pgrep", "-lo", "sleep").stdout == "1 sleep\n"
    assert container.run("pgrep", "-n", "sleep").stdout == "3\n"
    assert container.run("pgrep", "-v", "sleep").code == 1
    assert container.run("pidof", "sleep").stdout == "3 2 1\n"
    assert container.run("pidof", "-s", "sleep").stdout == "3\n"
    assert container.run("pidof", "nosuch") == (1, "", "")


def test_pkill_and_killall_end_by_name(container: Container) -> None:
    one = container.start("sleep", "100")
    assert container.run("pkill", "-f", "sleep 100").code == 0
    assert one.finish().code == 143
    two = container.start("tee")
    other = container.start("tee", stdin=None)
    assert two.finish().code == 0
    assert container.run("killall", "-INT", "tee").code == 0
    assert other.finish().code == 130
    assert container.run("killall", "tee") == (1, "", "killall: tee: no process killed\n")
    assert container.run("killall", "-q", "tee") == (1, "", "")


# timeout, time, nohup, nice, watch.


@pytest.mark.parametrize(
    ("options", "code"), [((), 143), (("-s", "KILL"), 137), (("-s", "2"), 130)]
)
def test_timeout_ends_its_program_in_virtual_time(
    container: Container, options: tuple[str, ...], code: int
) -> None:
    began_s = container.now_s
    assert container.run("timeout", *options, "1m", "sleep", "1h").code == code
    assert container.now_s - began_s == 60


def test_timeout_hands_on_the_code_of_what_ends_in_time(container: Container) -> None:
    assert container.run("timeout", "5", "false").code == 1
    began_s = container.now_s
    container.wait(100)
    assert container.now_s - began_s == 100


def test_timeout_kills_what_does_not_listen(container: Container) -> None:
    def deaf(process: Process) -> Waits[int]:
        process.ignore(SIGTERM)
        yield from process.sleep(3_600)
        return 0

    container.machine.programs.register(deaf, command="/bin/deaf")
    began_s = container.now_s
    assert container.run("timeout", "-k", "7", "5", "/bin/deaf").code == 137
    assert container.now_s - began_s == 12


def test_time_measures_virtual_time(container: Container) -> None:
    finished = container.run("time", "sleep", "61.5")
    assert finished == (0, "", "real\t1m 1.50s\nuser\t0m 0.00s\nsys\t0m 0.00s\n")


def test_nohup_makes_deaf_to_sighup(container: Container) -> None:
    run = container.start("nohup", "sleep", "100")
    run.process.kill(NUMBERS["HUP"])
    container.wait(1)
    assert not run.process.exited.done
    run.process.kill(SIGTERM)
    assert run.finish().code == 143


def test_nice_counts(container: Container) -> None:
    assert container.run("nice").stdout == "0\n"
    assert container.run("nice", "nice").stdout == "10\n"
    assert container.run("nice", "-n", "5", "nice", "nice").stdout == "15\n"
    denied = container.run("nice", "-n", "-5", "nice", user=NOBODY)
    assert denied == (1, "", "nice: setpriority(-5): Permission denied\n")


def test_watch_runs_again_and_again(container: Container) -> None:
    def shell(process: Process) -> int:
        process.write(f"ran {process.spec.argv[-1]}\n".encode())
        return 0

    container.machine.programs.register(shell, command="sh")
    run = container.start("watch", "-n", "5", "-t", "date", "-u")
    container.wait(12)
    assert run.stdout == "\x1b[H\x1b[Jran date -u\n" * 3
    run.process.kill(SIGTERM)
    assert run.finish().code == 143


# Streams.


def test_tee_writes_as_it_reads(container: Container) -> None:
    run = container.start("tee", "/tmp/log", stdin=None)
    run.stdin.feed(b"one\n")
    container.machine.scheduler.run()
    assert (run.stdout, container.run("cat", "/tmp/log").stdout) == ("one\n", "one\n")
    run.stdin.close()
    assert run.finish().code == 0


def test_yes_is_no_endless_loop(container: Container) -> None:
    run = container.start("yes", "no")
    container.wait(60)
    assert run.stdout.startswith("no\nno\n")
    assert not run.process.exited.done
    run.process.kill(SIGTERM)
    assert run.finish().code == 143


def test_xargs_runs_one_after_another_and_tells_of_failures(container: Container) -> None:
    began_s = container.now_s
    assert container.run("xargs", "-n1", "sleep", stdin=b"1 2 3").code == 0
    assert container.now_s - began_s == 6
    assert container.run("xargs", "-n1", "false", stdin=b"1 2").code == 123


def test_flock_lets_one_at_a_time_in(container: Container) -> None:
    first = container.start("flock", "/tmp/lock", "sleep", "10")
    second = container.start("flock", "/tmp/lock", "sleep", "5")
    assert container.run("flock", "-n", "/tmp/lock", "true").code == 1
    container.wait(10.5)
    assert (first.process.exited.done, second.process.exited.done) == (True, False)
    container.wait(5)
    assert second.process.exited.done
    assert container.run("flock", "-n", "/tmp/lock", "true").code == 0


def test_a_lock_is_free_again_when_its_holder_is_killed(container: Container) -> None:
    container.start("flock", "/tmp/lock", "sleep", "100").process.kill(SIGKILL)
    assert container.run("flock", "-w", "1", "/tmp/lock", "true").code == 0


def test_a_lock_is_waited_for_as_long_as_said(container: Container) -> None:
    container.start("flock", "/tmp/lock", "sleep", "100")
    began_s = container.now_s
    assert container.run("flock", "-w", "3", "/tmp/lock", "true").code == 1
    assert container.now_s - began_s == 3


def test_a_copy_takes_its_time(container: Container) -> None:
    began_s = container.now_s
    code, _, stderr = container.run("dd", "if=/dev/zero", "of=/dev/null", "bs=1000000", "count=100")
    assert (code, stderr.splitlines()[2]) == (
        0,
        "100000000 bytes (95.4MB) copied, 0.100000 seconds, 953.7MB/s",
    )
    assert round(container.now_s - began_s, 6) == 0.1


# Users.


def test_su_makes_somebody_of_root(container: Container) -> None:
    assert container.run("su", "-s", "/bin/whoami", "nobody").stdout == "nobody\n"
    refused = container.run("su", "-s", "/bin/id", "root", user=NOBODY)
    assert refused == (1, "", "su: must be suid to work properly\n")


def test_setpriv_changes_the_numbers(container: Container) -> None:
    options = ("--reuid=65534", "--regid=65534", "--clear-groups")
    assert container.run("setpriv", *options, "id", "-u").stdout == "65534\n"
    assert container.run("setpriv", "--reuid=0", "id", user=NOBODY).code == 1


def test_a_trapped_signal_ends_no_tool(container: Container) -> None:
    caught = []

    def careful(process: Process) -> Waits[int]:
        process.trap(NUMBERS["USR1"])
        try:
            yield from process.forever()
        except Signalled as signalled:
            caught.append(signalled.signal)
        return 0

    container.machine.programs.register(careful, command="/bin/careful")
    run = container.start("/bin/careful")
    container.run("kill", "-USR1", "2")
    assert (run.finish().code, caught) == (0, [NUMBERS["USR1"]])
