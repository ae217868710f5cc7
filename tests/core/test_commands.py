"""The built-in commands in their simulated surroundings."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakecri.core.dates import format_date
from fakecri.core.executables import DEFAULT_PATH
from fakecri.core.processes import User
from fakecri.core.scheduler import SECOND_NS
from fakecri.core.signals import NUMBERS, SIGKILL, SIGTERM
from tests.core.machine import START_NS, Machine, known_image, made_image


@pytest.fixture
def machine() -> Machine:
    return Machine()


# sleep, true, false.


@pytest.mark.parametrize(
    ("words", "seconds"),
    [
        ("0", 0),
        ("3", 3),
        ("1.5", 1.5),
        (".25", 0.25),
        ("2.", 2),
        ("2m", 120),
        ("1.5h", 5400),
        ("1d 1h 1m 1s", 90_061),
        ("0.1 0.2 3", 3.3),
    ],
)
def test_sleep_takes_the_sum_of_its_durations(machine: Machine, words: str, seconds: float) -> None:
    assert machine.run("sleep", *words.split()) == (0, "", "")
    assert machine.scheduler.now_ns == START_NS + round(seconds * SECOND_NS)


def test_a_sleep_beyond_the_end_of_time_has_no_end(machine: Machine) -> None:
    assert machine.start(["sleep", "213503982334601d"]).goes_on()
    assert machine.scheduler.next_ns() is None


@pytest.mark.parametrize("word", ["infinity", "inf", "INFINITY"])
def test_sleep_infinity_has_no_end_and_no_timer(machine: Machine, word: str) -> None:
    run = machine.start(["sleep", word])
    assert run.goes_on()
    assert machine.scheduler.next_ns() is None
    run.process.kill(SIGKILL)
    assert run.finish().code == 137


def test_sleep_as_pid_1_ignores_sigterm_and_ends_with_143_otherwise(machine: Machine) -> None:
    first = machine.start(["sleep", "10"])
    other = machine.start(["sleep", "10"], is_init=False)
    machine.scheduler.run()
    first.process.kill(SIGTERM)
    other.process.kill(SIGTERM)
    assert (first.finish().code, other.finish().code) == (0, 143)


def test_a_sleep_that_no_number_can_hold_is_refused(machine: Machine) -> None:
    code, _, stderr = machine.run("sleep", "9" * 400 + ".0")
    assert (code, stderr.splitlines()[-1]) == (1, "Usage: sleep [N]...")


# env.


def test_env_shows_the_environment_in_order(machine: Machine) -> None:
    environment = {"PATH": DEFAULT_PATH, "HOSTNAME": "web-0", "EMPTY": "", "A": "x=y"}
    finished = machine.run("env", environment=environment)
    assert finished == (0, f"PATH={DEFAULT_PATH}\nHOSTNAME=web-0\nEMPTY=\nA=x=y\n", "")


def test_env_runs_a_command_in_another_environment(machine: Machine) -> None:
    environment = {"A": "1", "B": "2"}
    argv = ["env", "-u", "A", "C=3", "env", "-u", "D", "B=4"]
    assert machine.run(*argv, environment=environment) == (0, "B=4\nC=3\n", "")


def test_what_env_runs_waits_and_is_signalled_like_any_program() -> None:
    machine = Machine(made_image(entrypoint=("/server",)))
    run = machine.start(["env", "A=1", "/server"])
    assert run.goes_on()
    run.process.kill(SIGTERM)
    assert run.finish() == (0, "", "")
    assert run.process.spec.argv == ("/server",)
    assert dict(run.process.spec.environment) == {"A": "1"}


def test_env_looks_the_command_up_in_the_path_that_it_sets(machine: Machine) -> None:
    assert machine.run("env", "PATH=/nowhere:/bin", "true").code == 0
    missing = "env: can't execute 'true': No such file or directory\n"
    assert machine.run("env", "PATH=/nowhere", "true") == (127, "", missing)


def test_env_says_so_when_a_command_is_not_simulated(machine: Machine) -> None:
    why = '(fakecri does not simulate "vi"; register a program for it)'
    missing = f"env: can't execute 'vi': No such file or directory {why}\n"
    assert machine.run("env", "vi") == (127, "", missing)


def test_env_calls_what_is_no_executable_by_another_code(machine: Machine) -> None:
    for path, text in {
        "/bin": "Permission denied",
        "/etc/passwd": "Permission denied",
        "/bin/sleep/deep": "Not a directory",
    }.items():
        assert machine.run("env", path) == (126, "", f"env: can't execute '{path}': {text}\n")


# hostname, pwd, id.


@pytest.mark.parametrize(
    ("option", "stdout"),
    [
        ("", "web-0.default.local\n"),
        ("-s", "web-0\n"),
        ("-f", "web-0.default.local\n"),
        ("-d", "default.local\n"),
    ],
)
def test_hostname_shows_the_pods_name(machine: Machine, option: str, stdout: str) -> None:
    argv = ["hostname", *option.split()]
    assert machine.run(*argv, hostname="web-0.default.local") == (0, stdout, "")


def test_a_name_without_a_dot_has_no_domain(machine: Machine) -> None:
    assert machine.run("hostname", "-d") == (0, "", "")


def test_a_container_may_not_set_its_hostname_not_even_as_root(machine: Machine) -> None:
    refusal = "hostname: sethostname: Operation not permitted\n"
    assert machine.run("hostname", "other") == (1, "", refusal)


def test_pwd_shows_the_working_directory(machine: Machine) -> None:
    assert machine.run("pwd", cwd="/var/lib") == (0, "/var/lib\n", "")


@pytest.mark.parametrize(
    ("options", "finished"),
    [
        ("", (0, "uid=0(root) gid=0(root) groups=0(root),10(wheel)\n", "")),
        ("-u", (0, "0\n", "")),
        ("-g", (0, "0\n", "")),
        ("-G", (0, "0 10\n", "")),
        ("-nu", (0, "root\n", "")),
        ("-Gn", (0, "root wheel\n", "")),
        ("root", (0, "uid=0(root) gid=0(root) groups=0(root),10(wheel)\n", "")),
        ("-G daemon", (0, "1\n", "")),
        ("nosuch", (1, "", "id: unknown user nosuch\n")),
    ],
)
def test_id_shows_who_root_is_in_busybox(
    machine: Machine, options: str, finished: tuple[int, str, str]
) -> None:
    assert machine.run("id", *options.split()) == finished


@pytest.mark.parametrize(
    ("options", "finished"),
    [
        ("", (0, "uid=1234 gid=4321 groups=10(wheel),4321\n", "")),
        ("-G", (0, "4321 10\n", "")),
        ("-un", (1, "1234\n", "id: unknown ID 1234\n")),
        ("-Gn", (1, "4321 wheel\n", "id: unknown ID 4321\n")),
    ],
)
def test_id_shows_numbers_where_it_has_no_names(
    machine: Machine, options: str, finished: tuple[int, str, str]
) -> None:
    user = User(1234, 4321, (4321, 10))
    assert machine.run("id", *options.split(), user=user) == finished


def test_id_knows_the_users_of_the_image() -> None:
    machine = Machine(known_image("gcr.io/k8s-staging-cri-tools/test-image-predefined-group"))
    line = "uid=1000(default-user) gid=1000(default-user)"
    groups = "groups=1000(default-user),50000(group-defined-in-image)"
    assert machine.run("id", "default-user").stdout == f"{line} {groups}\n"


# date.


def test_date_shows_the_wall_clock(machine: Machine) -> None:
    assert machine.run("date") == (0, "Mon Nov 23 23:19:08 UTC 2026\n", "")
    machine.run("sleep", "52")
    assert machine.run("date", "+%F %T %s") == (0, "2026-11-23 23:20:00 1795476000\n", "")


def test_date_knows_nanoseconds_in_iso_8601_only(machine: Machine) -> None:
    stdout = "2026-11-23T23:19:08,123456789+00:00\n"
    assert machine.run("date", "-Ins") == (0, stdout, "")
    assert machine.run("date", "+%N") == (0, "%N\n", "")


def test_a_container_may_not_set_the_clock(machine: Machine) -> None:
    refusal = "date: can't set date: Operation not permitted\n"
    assert machine.run("date", "-s", "@5") == (0, "Thu Jan  1 00:00:05 UTC 1970\n", refusal)


@given(st.integers(-62_135_596_800 + 86_400 * 800, 253_402_300_799))
def test_dates_are_those_of_the_standard_library(seconds: int) -> None:
    moment = datetime.fromtimestamp(seconds, UTC)
    form = "%a %A %b %B %d %H %I %j %m %M %p %S %u %U %V %w %W %y %c %x %X %%"
    year = f"{moment.year} {moment.year // 100:02}"
    expected = moment.strftime(form).replace(f" {moment.year:04} ", f" {moment.year} ")
    assert format_date(seconds, form) == expected
    assert format_date(seconds, "%Y %C") == year
    assert format_date(seconds, "%G") == str(moment.isocalendar().year)
    assert format_date(seconds, "%s") == str(seconds)


# cat.


def test_cat_copies_input_as_it_comes(machine: Machine) -> None:
    run = machine.start(["cat"], stdin=None)
    machine.scheduler.run()
    run.stdin.feed(b"one\ntw")
    machine.scheduler.run()
    assert run.stdout == "one\ntw"
    run.stdin.feed(b"o\n")
    run.stdin.close()
    assert run.finish() == (0, "one\ntwo\n", "")


def test_cat_numbers_lines_when_they_are_complete(machine: Machine) -> None:
    run = machine.start(["cat", "-n"], stdin=None)
    machine.scheduler.run()
    run.stdin.feed(b"one\ntw")
    machine.scheduler.run()
    assert run.stdout == "     1\tone\n"
    run.stdin.feed(b"o\n")
    run.stdin.close()
    assert run.finish() == (0, "     1\tone\n     2\ttwo\n", "")


def test_cat_goes_on_after_a_file_that_is_missing(machine: Machine) -> None:
    missing = "cat: can't open 'nosuch': No such file or directory\n"
    assert machine.run("cat", "nosuch", "-", stdin=b"input") == (1, "input", missing)


def test_cat_shows_the_files_of_the_image(machine: Machine) -> None:
    assert machine.run("cat", "/dev/null") == (0, "", "")
    assert machine.run("cat", "/etc/passwd").stdout == machine.image.userland.passwd
    assert machine.run("cat", "/etc/group").stdout == machine.image.userland.group


def test_cat_that_waits_for_input_as_pid_1_is_ended_by_sigkill_only(machine: Machine) -> None:
    run = machine.start(["cat"], stdin=None)
    run.process.kill(SIGTERM)
    assert run.goes_on()
    run.process.kill(SIGKILL)
    assert run.finish().code == 137


# A shell without a script.


@pytest.mark.parametrize(
    "argv", [["sh"], ["/bin/sh"], ["sh", "-l"], ["sh", "-s", "a"], ["ash", "-"]]
)
def test_a_shell_without_a_script_ends_with_its_input(machine: Machine, argv: list[str]) -> None:
    assert machine.run(*argv) == (0, "", "")
    assert machine.run(*argv, stdin=b"\n \n\t\n") == (0, "", "")


def test_a_shell_without_a_script_waits_for_input_that_may_come(machine: Machine) -> None:
    assert machine.start(["sh"], stdin=None, tty=True).goes_on()


def test_a_shell_without_a_script_runs_what_it_is_told(machine: Machine) -> None:
    assert machine.run("sh", stdin=b"\necho hello\nexit 3\n") == (3, "hello\n", "")


# pause.


@pytest.mark.parametrize(("name", "text"), [("TERM", "Terminated"), ("INT", "Interrupt")])
def test_pause_waits_for_a_signal_and_exits_0(name: str, text: str) -> None:
    machine = Machine(known_image("registry.k8s.io/pause"))
    run = machine.start(["/pause"])
    assert run.goes_on()
    run.process.kill(NUMBERS["QUIT"])
    assert run.goes_on()
    run.process.kill(NUMBERS[name])
    assert run.finish() == (0, "", f"Shutting down, got signal: {text}\n")


def test_pause_warns_when_it_is_not_the_first_process() -> None:
    machine = Machine(known_image("registry.k8s.io/pause"))
    run = machine.start(["/pause"], is_init=False)
    assert run.goes_on()
    assert run.stderr == "Warning: pause should be the first process\n"
