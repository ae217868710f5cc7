"""ExecSync. Source: lifecycle 17."""

from dataclasses import replace
from typing import Any

import pytest

from fakecri import Process, Signalled
from fakecri.api import runtime_pb2 as pb
from fakecri.core.handlers.execs import go_duration
from fakecri.core.scheduler import SECOND_NS, Waits
from tests.behaviour.configs import linux
from tests.behaviour.steps import (
    CANCELLED,
    DEADLINE_EXCEEDED,
    EXITED,
    RESOURCE_EXHAUSTED,
    RUNNING,
    UNKNOWN,
    all_ended,
    begin,
    begin_stop,
    container,
    exec_sync,
    id_of,
    listen,
    lose,
    still_node,
    until,
    wait,
)
from tests.support import Node, raises_status

FAILED = "failed to exec in container: "
MEBI = 1 << 20


@pytest.fixture
def pod(ready: Node) -> str:
    """Return the sandbox on the node."""
    return ready.run_sandbox()


# Answers.


def test_an_exit_code_is_an_answer_and_no_error(ready: Node, pod: str) -> None:
    running = ready.run(pod, "sleep", "99")
    before = ready.status(running)
    events = listen(ready)
    assert exec_sync(ready, running, "echo", "-n", "hello") == pb.ExecSyncResponse(stdout=b"hello")
    missing = exec_sync(ready, running, "cat", "/nosuch")
    assert (missing.stdout, missing.exit_code) == (b"", 1)
    assert missing.stderr == b"cat: can't open '/nosuch': No such file or directory\n"
    assert exec_sync(ready, running, "false") == pb.ExecSyncResponse(exit_code=1)
    assert ready.status(running) == before
    assert events.drain() == []
    assert ready.cri.log(running) == b""


def test_output_is_bytes_and_streams_are_told_apart(ready: Node, pod: str) -> None:
    def app(process: Process) -> int:
        process.write(b"\xff\x00")
        process.error(b"\x80")
        process.write(b"\n")
        return 200

    ready.cri.register(app, command="app")
    # Never a terminal, even in a container that has one.
    running = ready.run(pod, "sleep", "99", tty=True)
    assert exec_sync(ready, running, "app") == pb.ExecSyncResponse(
        stdout=b"\xff\x00\n", stderr=b"\x80", exit_code=200
    )


@pytest.mark.parametrize(
    ("command", "shown"),
    [
        (("od", "-An", "-N2", "-tx1", "/dev/zero"), b" 00 00\n"),
        (("xxd", "-p", "-s", "3", "-l", "2", "/dev/zero"), b"0000\n"),
        (("hexdump", "-n", "2", "/dev/zero"), b"0000000 0000\n0000002\n"),
    ],
)
def test_a_dump_reads_no_more_than_it_shows(
    ready: Node, pod: str, command: tuple[str, ...], shown: bytes
) -> None:
    running = ready.run(pod, "sleep", "99")
    assert exec_sync(ready, running, *command).stdout.replace(b" " * 35, b"") == shown


def test_an_exec_has_the_environment_the_user_and_the_directory_of_the_container(
    ready: Node, pod: str
) -> None:
    running = ready.run(
        pod,
        "sleep",
        "99",
        envs=[pb.KeyValue(key="COLOUR", value=b"red")],
        working_dir="/tmp",  # of the container
        linux=linux(run_as_user=12),
    )
    assert b"COLOUR=red\n" in exec_sync(ready, running, "env").stdout
    assert exec_sync(ready, running, "pwd").stdout == b"/tmp\n"
    assert exec_sync(ready, running, "id", "-u").stdout == b"12\n"


def test_an_exec_that_is_killed_answers_with_the_signal(face: str) -> None:
    with still_node(face) as node:
        running = node.run(node.run_sandbox(), "sleep", "99")
        request = pb.ExecSyncRequest(container_id=running, cmd=["sleep", "50"])
        pending = begin(node, "ExecSync", request)
        with node.cri.host.turn():
            container(node, running).execs[0].kill(15)
        assert pending.result() == pb.ExecSyncResponse(exit_code=143)
        assert node.status(running).state == RUNNING


def test_an_exec_takes_the_time_of_its_command(ready: Node, pod: str) -> None:
    running = ready.run(pod, "sleep", "99")
    before_ns = ready.cri.now_ns
    assert exec_sync(ready, running, "sleep", "3", timeout=5).exit_code == 0
    assert ready.cri.now_ns == before_ns + 3 * SECOND_NS


# Errors.


@pytest.mark.parametrize(
    ("cmd", "text"),
    [
        (["nosuch", "x"], 'exec: "nosuch": executable file not found in $PATH'),
        (["/nosuch"], 'exec: "/nosuch": stat /nosuch: no such file or directory'),
        (["/etc"], 'exec: "/etc": is a directory'),
        ([""], 'exec: "": executable file not found in $PATH'),
        (["a\r"], 'exec: "a\\r": executable file not found in $PATH'),
    ],
)
def test_a_missing_executable_is_an_error(ready: Node, pod: str, cmd: list[str], text: str) -> None:
    running = ready.run(pod, "sleep", "99")
    with raises_status(
        UNKNOWN,
        f'{FAILED}failed to start exec "{id_of("exec", 1)}": OCI runtime exec failed: exec '
        f"failed: unable to start container process: {text}: unknown",
    ):
        exec_sync(ready, running, *cmd)
    assert container(ready, running).execs == []


def test_no_command_at_all_is_an_error(ready: Node, pod: str) -> None:
    running = ready.run(pod, "sleep", "99")
    with raises_status(
        UNKNOWN,
        f'{FAILED}failed to start exec "{id_of("exec", 1)}": OCI runtime exec failed: exec '
        "failed: args must not be empty: unknown",
    ):
        exec_sync(ready, running)


@pytest.mark.parametrize("state", ["CREATED", "EXITED", "UNKNOWN"])
def test_only_in_a_running_container_something_can_be_run(
    ready: Node, pod: str, state: str
) -> None:
    made = ready.create(pod, "true")
    if state == "EXITED":
        ready.start(made)
    if state == "UNKNOWN":
        lose(ready, made)
    with raises_status(UNKNOWN, f"{FAILED}container is in CONTAINER_{state} state"):
        exec_sync(ready, made, "true")


@pytest.mark.parametrize("cmd", [("sleep", "99"), ("stubborn",)])
def test_an_exec_that_takes_too_long_is_killed(ready: Node, pod: str, cmd: tuple[str, ...]) -> None:
    ready.cri.register(_stubborn, command="stubborn")
    running = ready.run(pod, "sleep", "999")
    before_ns = ready.cri.now_ns
    text = f"{FAILED}timeout 1m5s exceeded: context deadline exceeded"
    with raises_status(DEADLINE_EXCEEDED, text):
        exec_sync(ready, running, *cmd, timeout=65)
    assert ready.cri.now_ns == before_ns + 65 * SECOND_NS
    assert container(ready, running).execs == []
    assert ready.status(running).state == RUNNING


def test_an_exec_lasts_as_long_as_somebody_can_write_to_its_streams(ready: Node, pod: str) -> None:
    running = ready.run(pod, "sleep", "999")
    before_ns = ready.cri.now_ns
    response = exec_sync(ready, running, "sh", "-c", "(sleep 7; echo late) & echo early; exit 3")
    assert (response.stdout, response.exit_code) == (b"early\nlate\n", 3)
    assert ready.cri.now_ns == before_ns + 7 * SECOND_NS
    assert container(ready, running).execs == []


def test_its_timeout_is_told_no_earlier_than_that(ready: Node, pod: str) -> None:
    running = ready.run(pod, "sleep", "999")
    before_ns = ready.cri.now_ns
    with raises_status(
        DEADLINE_EXCEEDED, f"{FAILED}timeout 1s exceeded: context deadline exceeded"
    ):
        exec_sync(ready, running, "sh", "-c", "sleep 7; echo never", timeout=1)
    assert ready.cri.now_ns == before_ns + 7 * SECOND_NS


def test_a_daemon_has_let_go_of_the_streams(ready: Node, pod: str) -> None:
    running = ready.run(pod, "sleep", "999")
    before_ns = ready.cri.now_ns
    assert exec_sync(ready, running, "sh", "-c", "httpd -p 8080; echo on").stdout == b"on\n"
    assert ready.cri.now_ns == before_ns


def _stubborn(process: Process) -> Waits[int]:
    process.trap(15)
    while True:
        try:
            yield from process.forever()
        except Signalled:
            process.write(b"no\n")


@pytest.mark.parametrize(
    ("duration_ns", "text"),
    [
        (SECOND_NS, "1s"),
        (59 * SECOND_NS, "59s"),
        (60 * SECOND_NS, "1m0s"),
        (3600 * SECOND_NS, "1h0m0s"),
        (7205 * SECOND_NS, "2h0m5s"),
        (1_553_255_926_290_448_384, "431459h58m46.290448384s"),
    ],
)
def test_durations_are_shown_as_go_does(duration_ns: int, text: str) -> None:
    assert go_duration(duration_ns) == text


@pytest.mark.parametrize("timeout", [0, -1, -(2**63), 2**63 - 1, 2**62, 10**10])
def test_without_a_timeout_an_exec_may_take_for_ever(ready: Node, pod: str, timeout: int) -> None:
    # The large ones do not fit a Go Duration.
    running = ready.run(pod, "sleep", "99999999")
    assert exec_sync(ready, running, "sleep", "9999999", timeout=timeout).exit_code == 0


# Size (17; images 5.4).


def test_output_beyond_the_limit_is_dropped_in_silence(ready: Node, pod: str) -> None:
    with ready.cri.host.turn() as world:
        assert world.profile.exec_output_limit == 16 * MEBI
        world.profile = replace(world.profile, exec_output_limit=5)

    def app(process: Process) -> int:
        for chunk in (b"abc", b"defg", b"h"):
            process.write(chunk)
        process.error(b"12345")
        return 4

    ready.cri.register(app, command="app")
    running = ready.run(pod, "sleep", "99")
    assert exec_sync(ready, running, "app") == pb.ExecSyncResponse(
        stdout=b"abcde", stderr=b"12345", exit_code=4
    )


def test_an_answer_that_is_larger_than_a_message_may_be_is_refused(ready: Node, pod: str) -> None:
    ready.cri.register(lambda process: process.write(b"x" * 17 * MEBI), command="app")
    running = ready.run(pod, "sleep", "99")
    size = 16 * MEBI + 5
    with raises_status(
        RESOURCE_EXHAUSTED,
        f"grpc: trying to send message larger than max ({size} vs. {16 * MEBI})",
    ):
        exec_sync(ready, running, "app")
    assert exec_sync(ready, running, "true").exit_code == 0


# In between.


def test_an_exec_ends_with_its_container(face: str) -> None:
    with still_node(face) as node:
        running = node.run(node.run_sandbox(), "sleep", "9")
        request = pb.ExecSyncRequest(container_id=running, cmd=["sleep", "50"])
        pending = begin(node, "ExecSync", request)
        wait(node, 9)
        assert pending.result() == pb.ExecSyncResponse(exit_code=137)
        assert (node.status(running).state, container(node, running).execs) == (EXITED, [])


def test_an_exec_is_possible_while_its_container_is_being_stopped(face: str) -> None:
    with still_node(face) as node:
        running = node.run(node.run_sandbox(), "sleep", "99")
        stopping = begin_stop(node, running, grace_s=10)
        assert exec_sync(node, running, "echo", "still here").stdout == b"still here\n"
        wait(node, 10)
        assert stopping.result() == pb.StopContainerResponse()
        with raises_status(UNKNOWN, f"{FAILED}container is in CONTAINER_EXITED state"):
            exec_sync(node, running, "true")


@pytest.mark.parametrize("how", ["cancel", "deadline"])
def test_an_exec_whose_client_leaves_is_killed(face: str, how: str) -> None:
    with still_node(face) as node:
        running = node.run(node.run_sandbox(), "sleep", "99")
        request = pb.ExecSyncRequest(container_id=running, cmd=["sleep", "90"])
        pending = begin(node, "ExecSync", request, timeout=60)
        process = container(node, running).execs[0]
        if how == "cancel":
            pending.cancel()
            until(lambda: all_ended(node))
        else:
            wait(node, 60)
        assert pending.code() is (CANCELLED if how == "cancel" else DEADLINE_EXCEEDED)
        assert (process.exited.done, container(node, running).execs) == (True, [])
        assert node.status(running).state == RUNNING
        with node.cri.host.turn() as world:
            # Nothing but the container itself is still to come.
            due_ns = world.scheduler.next_ns() or 0
            world.scheduler.advance_to(due_ns)
            assert world.scheduler.next_ns() is None


def many(node: Node, running: str) -> list[Any]:
    """Begin several execs at once."""
    request = pb.ExecSyncRequest(container_id=running, cmd=["sleep", "5"])
    return [begin(node, "ExecSync", request) for _ in range(3)]


def test_execs_run_beside_one_another(face: str) -> None:
    with still_node(face) as node:
        running = node.run(node.run_sandbox(), "sleep", "99")
        pending = many(node, running)
        pids = [each.pid for each in container(node, running).execs]
        assert len(set(pids)) == 3
        wait(node, 5)
        assert [each.result().exit_code for each in pending] == [0, 0, 0]


@pytest.mark.parametrize(
    "script",
    [
        "cat /dev/zero > /dev/null",
        "md5sum < /dev/zero",
        "grep -c x /dev/zero",
        "yes | cat > /dev/null",
        "while :; do :; done",
    ],
)
def test_what_never_ends_by_itself_ends_with_its_time(ready: Node, pod: str, script: str) -> None:
    running = ready.run(pod, "sleep", "99")
    with raises_status(DEADLINE_EXCEEDED):
        exec_sync(ready, running, "sh", "-c", script, timeout=1)


def test_a_reader_takes_what_it_needs_of_what_never_ends(ready: Node, pod: str) -> None:
    running = ready.run(pod, "sleep", "99")
    script = "cat /dev/zero | head -c 3 | od -c; head -c 5000000 /dev/zero | wc -c"
    shown = exec_sync(ready, running, "sh", "-c", script).stdout
    assert shown == b"0000000  \\0  \\0  \\0\n0000003\n5000000\n"
