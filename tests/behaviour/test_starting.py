"""StartContainer. Source: lifecycle 2.1, 2.2 and 9."""

import errno
from collections.abc import Callable
from typing import Any

import grpc
import pytest

from fakecri import Process, Recipe
from fakecri.api import runtime_pb2 as pb
from fakecri.core.files import MemoryFiles
from tests.behaviour.configs import linux, target
from tests.behaviour.steps import (
    CREATED,
    EXITED,
    RUNNING,
    UNKNOWN,
    container,
    crash_sandbox,
    heard,
    held,
    listen,
    lose,
    wait,
)
from tests.support import LOGS, Node, raises_status

TASK = "failed to create containerd task: "
INIT = "unable to start container process: error during container init: "
OF_RUNC = (
    f"{TASK}failed to create shim task: OCI runtime create failed: runc create failed: "
    "unable to start container process: "
)


# Success (9.2).


def test_a_started_container_runs(ready: Node) -> None:
    pod = ready.run_sandbox()
    made = ready.create(pod, "sleep", "99")
    before_ns = ready.status(made).created_at
    events = listen(ready)
    ready.start(made)
    status = ready.status(made)
    assert (status.state, status.finished_at, status.exit_code) == (RUNNING, 0, 0)
    assert (status.reason, status.message) == ("", "")
    assert status.started_at > before_ns
    (started,) = events.drain()
    assert started.container_event_type == pb.CONTAINER_STARTED_EVENT
    assert (started.container_id, started.pod_sandbox_status.id) == (made, pod)
    assert started.pod_sandbox_status.state == pb.SANDBOX_READY
    assert [each.state for each in started.containers_statuses] == [RUNNING]


@pytest.mark.parametrize(
    ("command", "code", "reason"),
    [(("true",), 0, "Completed"), (("false",), 1, "Error"), (("env", "nosuch"), 127, "Error")],
)
def test_the_start_of_what_ends_at_once_succeeds(
    ready: Node, command: tuple[str, ...], code: int, reason: str
) -> None:
    made = ready.create(ready.run_sandbox(), *command)
    events = listen(ready)
    ready.start(made)
    status = ready.status(made)
    assert (status.state, status.exit_code, status.reason) == (EXITED, code, reason)
    # STARTED is told before the exit, and no time passed but forward (25).
    assert heard(events) == [(made, "STARTED"), (made, "STOPPED")]
    assert status.created_at < status.started_at <= status.finished_at


def test_an_exit_is_told_when_it_happens(ready: Node) -> None:
    made = ready.run(ready.run_sandbox(), "sleep", "5")
    started_ns = ready.status(made).started_at
    events = listen(ready)
    wait(ready, 4)
    assert ready.status(made).state == RUNNING
    wait(ready, 1)
    (stopped,) = events.drain()
    (told,) = stopped.containers_statuses
    assert told == ready.status(made)
    assert (told.state, told.exit_code, told.reason) == (EXITED, 0, "Completed")
    # No two stamps are equal (25), which takes a nanosecond here and there.
    assert abs(told.finished_at - started_ns - 5_000_000_000) < 1_000


def test_an_exit_code_is_one_byte(ready: Node) -> None:
    ready.cri.register(lambda _: 300, command="/app")
    made = ready.run(ready.run_sandbox(), "/app")
    assert ready.status(made).exit_code == 44


def test_a_container_is_started_once(ready: Node) -> None:
    made = ready.create(ready.run_sandbox(), "sleep", "3")
    text = f'failed to set starting state for container "{made}": container is in CONTAINER_'
    ready.start(made)
    before = ready.status(made)
    with raises_status(UNKNOWN, f"{text}RUNNING state"):
        ready.start(made)
    assert ready.status(made) == before
    wait(ready, 3)
    before = ready.status(made)
    assert before.state == EXITED
    with raises_status(UNKNOWN, f"{text}EXITED state"):
        ready.start(made)
    assert ready.status(made) == before


def test_a_lost_container_cannot_be_started(ready: Node) -> None:
    made = ready.create(ready.run_sandbox())
    lose(ready, made)
    text = f'failed to set starting state for container "{made}": container is in CONTAINER_'
    with raises_status(UNKNOWN, f"{text}UNKNOWN state"):
        ready.start(made)
    assert ready.status(made).state == pb.CONTAINER_UNKNOWN


@pytest.mark.parametrize(
    ("mark", "text"),
    [
        ("removing", "container is in removing state, can't be started"),
        ("starting", "container is already in starting state"),
    ],
)
def test_a_container_in_between_cannot_be_started(ready: Node, mark: str, text: str) -> None:
    made = ready.create(ready.run_sandbox(), "true")
    setattr(container(ready, made), mark, True)
    with raises_status(UNKNOWN, f'failed to set starting state for container "{made}": {text}'):
        ready.start(made)
    assert ready.status(made).state == CREATED
    setattr(container(ready, made), mark, False)
    ready.start(made)
    assert ready.status(made).state == EXITED


# Failures after the mark (9.1).


def expect_start_error(node: Node, made: str, text: str, code: grpc.StatusCode = UNKNOWN) -> None:
    """Start a container; check what a failed start leaves."""
    events = listen(node)
    before = node.status(made)
    with raises_status(code, text):
        node.start(made)
    status = node.status(made)
    assert (status.state, status.exit_code, status.reason) == (EXITED, 128, "StartError")
    assert (status.message, status.started_at) == (text, 0)
    assert status.finished_at > before.created_at
    assert events.drain() == []
    # It is as good as any that ended.
    stopped = node.status(made)
    node.stop(made, timeout=9)
    assert node.status(made) == stopped
    with raises_status(UNKNOWN):
        node.start(made)
    assert held(node)[1] >= {container(node, made).name}
    node.remove(made)
    assert heard(events) == [(made, "DELETED")]


@pytest.mark.parametrize(
    ("command", "text"),
    [
        (("nosuch",), 'exec: "nosuch": executable file not found in $PATH'),
        (("/nosuch",), 'exec: "/nosuch": stat /nosuch: no such file or directory'),
        (("/etc/passwd",), 'exec: "/etc/passwd": permission denied'),
        (("/etc",), 'exec: "/etc": is a directory'),
        (("",), 'exec: "": executable file not found in $PATH'),
        (("a\n\x01",), 'exec: "a\\n\\x01": executable file not found in $PATH'),
    ],
)
def test_a_missing_executable_is_found_out_at_the_start(
    ready: Node, command: tuple[str, ...], text: str
) -> None:
    made = ready.create(ready.run_sandbox(), *command)
    expect_start_error(ready, made, f"{OF_RUNC}{text}: unknown")
    # The log was opened before.
    with ready.cri.host.turn() as world:
        assert world.files.read(f"{LOGS}/main/0.log") == b""


@pytest.mark.parametrize(
    ("cwd", "text"),
    [
        ("tmp", "Cwd must be an absolute path: unknown"),
        (
            "/etc/passwd/x",
            f"{INIT}mkdir /etc/passwd: not a directory: unknown",
        ),
    ],
)
def test_a_working_directory_that_cannot_be_fails_the_start(
    ready: Node, cwd: str, text: str
) -> None:
    made = ready.create(ready.run_sandbox(), "true", working_dir=cwd)
    expect_start_error(ready, made, OF_RUNC.partition("unable")[0] + text)


def test_a_missing_working_directory_is_made(ready: Node) -> None:
    made = ready.run(ready.run_sandbox(), "pwd", working_dir="/no/such/directory")
    assert ready.cri.log(made).endswith(b" stdout F /no/such/directory\n")


@pytest.mark.parametrize("crash", [False, True])
def test_a_start_in_a_sandbox_that_is_not_ready_fails(ready: Node, crash: bool) -> None:
    pod = ready.run_sandbox()
    made = ready.create(pod, "true")
    if crash:
        crash_sandbox(ready, pod)
    else:
        ready.stop_sandbox(pod)
    expect_start_error(ready, made, f'sandbox container "{pod}" is not running')


def test_a_start_of_what_joins_a_container_that_has_ended_fails(ready: Node) -> None:
    pod = ready.run_sandbox()
    joined = ready.run(pod, "sleep", "9", name="joined")
    options = linux(namespace_options=target(joined[:7]))
    made = ready.create(pod, "true", linux=options)
    ready.stop(joined)
    expect_start_error(
        ready,
        made,
        f'invalid target container: container "{joined[:7]}" is not running - in state '
        "CONTAINER_EXITED",
    )


def test_a_start_of_what_joins_a_container_that_is_gone_fails(ready: Node) -> None:
    pod = ready.run_sandbox()
    joined = ready.run(pod, "sleep", "9", name="joined")
    made = ready.create(pod, "true", linux=linux(namespace_options=target(joined)))
    ready.remove(joined)
    text = f'invalid target container: container "{joined}" does not exist: not found'
    expect_start_error(ready, made, text, grpc.StatusCode.NOT_FOUND)


def _file_above(files: MemoryFiles) -> None:
    files.make_dirs(LOGS)
    files.write(f"{LOGS}/main", b"")


def _directory_there(files: MemoryFiles) -> None:
    files.make_dirs(f"{LOGS}/main/0.log")


def _full_disk(files: MemoryFiles) -> None:
    files.make_dirs(f"{LOGS}/main")
    files.refuse(LOGS, errno.ENOSPC)


def _read_only_disk(files: MemoryFiles) -> None:
    files.refuse("/var", errno.EROFS)


@pytest.mark.parametrize(
    ("spoil", "text"),
    [
        (_file_above, f"mkdir {LOGS}/main: not a directory"),
        (_directory_there, f"open {LOGS}/main/0.log: is a directory"),
        (_full_disk, f"open {LOGS}/main/0.log: no space left on device"),
        (_read_only_disk, "mkdir /var: read-only file system"),
    ],
)
def test_a_log_that_cannot_be_opened_fails_the_start(
    ready: Node, spoil: Callable[[MemoryFiles], None], text: str
) -> None:
    with ready.cri.host.turn() as world:
        assert isinstance(world.files, MemoryFiles)
        spoil(world.files)
    made = ready.create(ready.run_sandbox(), "true")
    prefix = "failed to create container loggers: failed to create and open log file: "
    expect_start_error(ready, made, TASK + prefix + text)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("x" * 300, "open {path}: file name too long"),
        ("x\x00", "open {path}: invalid argument"),
    ],
)
def test_a_log_with_an_impossible_name_fails_the_start(ready: Node, name: str, text: str) -> None:
    made = ready.create(ready.run_sandbox(), "true", log_path=name)
    prefix = "failed to create container loggers: failed to create and open log file: "
    expect_start_error(ready, made, TASK + prefix + text.format(path=f"{LOGS}/{name}"))


def test_a_fault_of_a_test_in_finding_a_program_does_not_spoil_the_container(
    ready: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    def find(*_: Any, **__: Any) -> Any:
        raise ZeroDivisionError

    made = ready.create(ready.run_sandbox(), "sh")
    with monkeypatch.context() as patch:
        patch.setattr(ready.cri.host.world.programs, "find", find)
        with raises_status(grpc.StatusCode.INTERNAL):
            ready.start(made)
    ready.start(made)
    assert ready.status(made).state == EXITED


# How it ends (2.2).


def test_an_oom_kill_is_the_reason_whatever_the_code(ready: Node) -> None:
    killed = ready.run(ready.run_sandbox(), "sleep", "99")
    events = listen(ready)
    ready.cri.oom_kill(killed)
    status = ready.status(killed)
    assert (status.state, status.exit_code, status.reason) == (EXITED, 137, "OOMKilled")
    assert heard(events) == [(killed, "STOPPED")]


def test_an_oom_kill_beside_the_first_process_shows_while_it_runs(ready: Node) -> None:
    # A child or an exec was killed; the reason sticks, even to a good end.
    made = ready.run(ready.run_sandbox(), "sleep", "3")
    container(ready, made).reason = "OOMKilled"
    assert (ready.status(made).state, ready.status(made).reason) == (RUNNING, "OOMKilled")
    wait(ready, 3)
    assert (ready.status(made).exit_code, ready.status(made).reason) == (0, "OOMKilled")


def test_a_program_that_crashes_ends_with_1_and_says_why(ready: Node) -> None:
    def crash(process: Process) -> int:
        raise ValueError(process.spec.argv)

    ready.cri.register(crash, command="app")
    made = ready.run(ready.run_sandbox(), "app")
    assert (ready.status(made).exit_code, ready.status(made).reason) == (1, "Error")
    assert ready.cri.log(made).endswith(b" stderr F ValueError: ('app',)\n")


def test_a_registered_program_needs_no_executable(node: Node) -> None:
    node.cri.add_image("example.com/app", Recipe(base="scratch"))
    node.pull("example.com/app")
    node.cri.register(lambda process: process.write(b"hi"), image="example.com/app")
    made = node.run(node.run_sandbox(), "/anything", image="example.com/app")
    assert node.status(made).state == EXITED
    assert node.cri.log(made).endswith(b" stdout P hi\n")
