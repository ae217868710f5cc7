"""crictl logs, and the files it reads."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.real.runtimes import Pod, Stage, until

if TYPE_CHECKING:
    from tests.real.crictl import Crictl

pytestmark = pytest.mark.real

RECORD = re.compile(
    r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d) (?P<stream>stdout|stderr) "
    r"(?P<tag>[FP]) (?P<content>.*)"
)
LINES = ["NAME=first", "NAME2=second", "NAME3=third"]
FOLLOW_TIMEOUT_S = 60


def test_logs_prints_what_the_container_printed(stage: Stage) -> None:
    pod = stage.pod()
    done = pod.finish("main", "echo", "hello", "there")
    assert stage.runtime.crictl.ok("logs", done).out == "hello there\n"


def test_the_log_file_holds_one_record_for_each_line(stage: Stage) -> None:
    pod = stage.pod()
    path = Path(pod.status(_three_lines(pod))["logPath"])
    assert path == Path(pod.config["log_directory"]) / "main.log"
    records = [RECORD.fullmatch(line) for line in path.read_text().splitlines()]
    found = [record.group("stream", "tag", "content") for record in records if record]
    assert [("stdout", "F", line) for line in LINES] == found[-3:]
    assert len(found) == len(records)
    assert path.stat().st_mode & 0o777 == 0o640


def test_output_without_a_line_end_is_a_partial_record(stage: Stage) -> None:
    pod = stage.pod()
    done = pod.finish("main", "echo", "-n", "unfinished")
    record = RECORD.fullmatch(Path(pod.status(done)["logPath"]).read_text().rstrip("\n"))
    assert record is not None
    assert record.group("tag", "content") == ("P", "unfinished")
    assert stage.runtime.crictl.ok("logs", done).out == "unfinished"


def test_logs_keeps_errors_apart(stage: Stage) -> None:
    done = stage.pod().finish("main", "cat", "/nofile")
    complaint = "cat: can't open '/nofile': No such file or directory\n"
    answer = stage.runtime.crictl.ok("logs", done)
    assert (answer.out, answer.err) == ("", complaint)
    assert stage.runtime.crictl.ok("logs", "--stream", "stderr", done).err == complaint
    assert stage.runtime.crictl.ok("logs", "--stream", "stdout", done).err == ""


def test_logs_prints_the_tail(stage: Stage) -> None:
    done = _three_lines(stage.pod())
    crictl = stage.runtime.crictl
    assert crictl.ok("logs", "--tail", "2", done).out.splitlines() == LINES[1:]
    assert crictl.ok("logs", "--tail", "0", done).out == ""


def test_logs_prints_timestamps_and_filters_by_them(stage: Stage) -> None:
    done = _three_lines(stage.pod())
    crictl = stage.runtime.crictl
    (line,) = crictl.ok("logs", "--timestamps", "--tail", "1", done).out.splitlines()
    stamp, content = line.split(" ", 1)
    assert content == LINES[-1]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT.*", stamp)
    assert crictl.ok("logs", "--since", "1h", "--tail", "3", done).out.splitlines() == LINES
    assert crictl.ok("logs", "--since", "2999-01-01T00:00:00Z", done).out == ""


def test_logs_stops_after_so_many_bytes(stage: Stage) -> None:
    done = stage.pod().finish("main", "echo", "hello")
    assert stage.runtime.crictl.ok("logs", "--limit-bytes", "4", done).out == "hell"


def test_logs_of_a_running_container_without_output_are_empty(stage: Stage) -> None:
    running = stage.pod().start("main", "sleep", "300")
    assert stage.runtime.crictl.ok("logs", running).out == ""


def test_logs_of_a_created_container_fail(stage: Stage) -> None:
    pod = stage.pod()
    created = pod.create("main", "true")
    path = Path(pod.status(created)["logPath"])
    # Not even the directory is there before the start.
    assert stage.runtime.crictl.fails("logs", created) == (
        f'failed to try resolving symlinks in path "{path}": '
        f"lstat {path.parent}: no such file or directory"
    )


def test_logs_of_a_container_without_a_log_path_fail(stage: Stage) -> None:
    pod = stage.pod()
    done = pod.finish("main", "echo", "hello", log_path="")
    assert pod.status(done)["logPath"] == ""
    assert stage.runtime.crictl.fails("logs", done) == "the container has not set log path"


def test_logs_of_an_unknown_container_fail(crictl: Crictl) -> None:
    assert crictl.fails("logs", "deadbeef") == (
        "rpc error: code = NotFound desc = an error occurred when try to find container "
        '"deadbeef": not found'
    )


def test_logs_follow_shows_a_line_and_ends_with_the_container(stage: Stage) -> None:
    pod = stage.pod()
    made = pod.start("main", "echo", "hello")
    with stage.runtime.crictl.started("logs", "--follow", made) as follow:
        out, err = follow.communicate(timeout=FOLLOW_TIMEOUT_S)
    assert (follow.returncode, out, err) == (0, "hello\n", "")


def test_logs_follow_of_a_quiet_container_ends_when_it_is_stopped(stage: Stage) -> None:
    pod = stage.pod()
    running = pod.start("main", "sleep", "300")
    with stage.runtime.crictl.started("logs", "--follow", running) as follow:
        stage.runtime.crictl.ok("stop", running)
        out, _ = follow.communicate(timeout=FOLLOW_TIMEOUT_S)
    assert (follow.returncode, out) == (0, "")


def test_logs_of_the_previous_attempt(stage: Stage) -> None:
    pod = stage.pod()
    first = pod.finish("main", "echo", "before", log_path="0.log")
    second = pod.finish(
        "main", "echo", "after", log_path="1.log", metadata={"name": "main", "attempt": 1}
    )
    crictl = stage.runtime.crictl
    assert crictl.ok("logs", "--previous", second).out == "before\n"
    error = crictl.fails("logs", "--previous", first)
    assert error == "previous terminated container main not found"


def test_reopen_makes_a_new_file_after_rotation(stage: Stage) -> None:
    pod = stage.pod()
    running = pod.start("main", "sleep", "300")
    path = Path(pod.status(running)["logPath"])
    path.rename(path.with_suffix(".rotated"))
    answer = stage.runtime.crictl.ok("logs", "--reopen", running)
    assert "Container logs reopened" in answer.err
    assert path.exists()


def test_reopen_for_a_container_that_does_not_run_fails_and_makes_no_file(stage: Stage) -> None:
    pod = stage.pod()
    done = pod.finish("main", "true")
    path = Path(pod.status(done)["logPath"])
    path.rename(path.with_suffix(".rotated"))
    assert stage.runtime.crictl.fails("logs", "--reopen", done) == (
        "reopen container logs: rpc error: code = Unknown desc = container is not running"
    )
    assert not path.exists()


def test_the_log_is_complete_when_the_exit_is_seen(stage: Stage) -> None:
    pod = stage.pod()
    done = pod.start("main", "echo", "hello")
    path = Path(pod.status(done)["logPath"])
    until(lambda: pod.status(done)["state"] == "CONTAINER_EXITED", "the exit")
    assert path.read_text().endswith("stdout F hello\n")


def _three_lines(pod: Pod) -> str:
    """A container that has printed three lines last; env prints the variables in their order."""
    variables = [line.split("=") for line in LINES]
    envs = [{"key": key, "value": value} for key, value in variables]
    return pod.finish("main", "env", envs=[{"key": "HOME", "value": "/"}, *envs])
