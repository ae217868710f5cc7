"""crictl exec --sync: commands in running containers."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.real.crictl import Crictl
    from tests.real.runtimes import Stage

pytestmark = pytest.mark.real

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def test_exec_prints_what_the_command_prints(stage: Stage) -> None:
    running = stage.pod().start("main", "sleep", "300")
    answer = stage.runtime.crictl.ok("exec", "--sync", running, "echo", "hello", "there")
    assert (
        answer.out == "hello there\n\n\n"
    )  # crictl ends each of the two streams with a line of its own


@pytest.mark.parametrize(
    ("command", "printed"),
    [
        (("hostname",), "stage"),
        (("pwd",), "/"),
        (("id", "-u"), "0"),
        (("id",), "uid=0(root) gid=0(root) groups=0(root),10(wheel)"),
        (("true",), ""),
        (("sleep", "0"), ""),
    ],
)
def test_exec_runs_the_usual_commands(stage: Stage, command: tuple[str, ...], printed: str) -> None:
    running = stage.pod().start("main", "sleep", "300")
    assert stage.runtime.crictl.ok("exec", "--sync", running, *command).out.strip() == printed


def test_exec_has_the_environment_of_the_container(stage: Stage) -> None:
    running = stage.pod().start("main", "sleep", "300", envs=[{"key": "COLOR", "value": "blue"}])
    printed = stage.runtime.crictl.ok("exec", "--sync", running, "env").out.split()
    assert printed == [f"PATH={PATH}", "HOSTNAME=stage", "COLOR=blue", "HOME=/root"]


def test_exec_starts_in_the_working_directory(stage: Stage) -> None:
    running = stage.pod().start("main", "sleep", "300", working_dir="/tmp")
    assert stage.runtime.crictl.ok("exec", "--sync", running, "pwd").out.strip() == "/tmp"


def test_exec_of_date_prints_a_date(stage: Stage) -> None:
    running = stage.pod().start("main", "sleep", "300")
    printed = stage.runtime.crictl.ok("exec", "--sync", running, "date").out.strip()
    assert re.fullmatch(r"\w{3} \w{3} [ \d]\d \d\d:\d\d:\d\d \w+ \d{4}", printed)


def test_exec_of_a_failing_command_tells_its_code_and_its_errors(stage: Stage) -> None:
    running = stage.pod().start("main", "sleep", "300")
    crictl = stage.runtime.crictl
    prefix = f"execing command in container {running} synchronously: command "
    assert crictl.fails("exec", "--sync", running, "false") == f"{prefix}'false' exited with 1: "
    assert crictl.fails("exec", "--sync", running, "cat", "/nofile") == (
        f"{prefix}'cat /nofile' exited with 1: "
        "cat: can't open '/nofile': No such file or directory\n"
    )


def test_exec_beyond_its_timeout_is_killed(stage: Stage) -> None:
    running = stage.pod().start("main", "sleep", "300")
    before = time.monotonic()
    answer = stage.runtime.crictl.run("exec", "--sync", "--timeout", "1", running, "sleep", "3600")
    assert time.monotonic() - before >= 1
    assert answer.status == 1
    assert (
        "code = DeadlineExceeded desc = failed to exec in container: "
        "timeout 1s exceeded: context deadline exceeded"
    ) in answer.err
    assert answer.error == (
        f"execing command in container {running} synchronously: "
        'command timed out: "sleep 3600" timed out after 1s'
    )


@pytest.mark.parametrize(
    ("program", "reason"),
    [
        ("nosuch", 'exec: "nosuch": executable file not found in $PATH'),
        ("/bin/nosuch", 'exec: "/bin/nosuch": stat /bin/nosuch: no such file or directory'),
    ],
)
def test_exec_of_a_missing_program_fails(stage: Stage, program: str, reason: str) -> None:
    pod = stage.pod()
    running = pod.start("main", "sleep", "300")
    error = stage.runtime.crictl.fails("exec", "--sync", running, program)
    expected = (
        f"execing command in container {running} synchronously: rpc error: code = Unknown "
        'desc = failed to exec in container: failed to start exec "ID": OCI runtime exec failed: '
        f"exec failed: unable to start container process: {reason}"
    )
    anonymous = re.sub(r'start exec "[0-9a-f]{64}"', 'start exec "ID"', error)
    assert anonymous.startswith(expected)
    assert pod.status(running)["state"] == "CONTAINER_RUNNING"


@pytest.mark.parametrize("state", ["CREATED", "EXITED"])
def test_exec_needs_a_running_container(stage: Stage, state: str) -> None:
    pod = stage.pod()
    made = pod.create("main", "true") if state == "CREATED" else pod.finish("main", "true")
    assert stage.runtime.crictl.fails("exec", "--sync", made, "true") == (
        f"execing command in container {made} synchronously: rpc error: code = Unknown "
        f"desc = failed to exec in container: container is in CONTAINER_{state} state"
    )


def test_exec_in_an_unknown_container_fails(crictl: Crictl) -> None:
    assert crictl.fails("exec", "--sync", "deadbeef", "true") == (
        "execing command in container deadbeef synchronously: rpc error: code = NotFound desc = "
        'failed to exec in container: failed to find container "deadbeef" in store: not found'
    )


def test_exec_takes_a_prefix_of_the_id(stage: Stage) -> None:
    running = stage.pod().start("main", "sleep", "300")
    assert (
        stage.runtime.crictl.ok("exec", "--sync", running[:20], "hostname").out.strip() == "stage"
    )


def test_exec_in_all_containers_that_a_filter_matches(stage: Stage) -> None:
    pod = stage.pod()
    made = [pod.start(name, "sleep", "300") for name in ("one", "two")]
    answer = stage.runtime.crictl.ok("exec", "--sync", "--pod", pod.id, "hostname")
    assert sorted(answer.out.split()) == sorted([*(f"{one}:" for one in made), "stage", "stage"])


def test_exec_changes_nothing_of_the_container(stage: Stage) -> None:
    pod = stage.pod()
    running = pod.start("main", "sleep", "300")
    before = pod.status(running)
    stage.runtime.crictl.fails("exec", "--sync", running, "false")
    assert pod.status(running) == before


def test_exec_waits_for_all_who_could_still_write(stage: Stage) -> None:
    running = stage.pod().start("main", "sleep", "300")
    began = time.monotonic()
    script = "(sleep 1; echo late) & echo early"
    answer = stage.runtime.crictl.ok("exec", "--sync", running, "sh", "-c", script)
    assert answer.out.split() == ["early", "late"]
    assert time.monotonic() - began >= 1


def test_a_timeout_waits_for_them_too(stage: Stage) -> None:
    running = stage.pod().start("main", "sleep", "300")
    began = time.monotonic()
    answer = stage.runtime.crictl.run(
        "exec", "--sync", "--timeout", "1", running, "sh", "-c", "sleep 3; true"
    )
    assert "timeout 1s exceeded: context deadline exceeded" in answer.err
    assert time.monotonic() - began >= 3
