"""StopContainer. Source: lifecycle 2.2 and 10."""

from typing import Any

import pytest

from fakecri import Process, Recipe, Signalled
from fakecri.api import runtime_pb2 as pb
from fakecri.core.processes import Program
from fakecri.core.scheduler import SECOND_NS, Waits
from fakecri.core.signals import NUMBERS
from tests.behaviour.configs import linux
from tests.behaviour.steps import (
    CREATED,
    EXITED,
    RUNNING,
    UNKNOWN,
    all_ended,
    begin_stop,
    container,
    containers,
    heard,
    held,
    listen,
    lose,
    still_node,
    until,
    wait,
)
from tests.support import Node, raises_status

SHARED = linux(namespace_options=pb.NamespaceOption(pid=pb.POD))
INT64_MAX = 2**63 - 1


def graceful(*trapped: int, seconds: float = 0, code: int = 0) -> Program:
    """Return a program that ends `seconds` after one of some signals, and says which one."""

    def run(process: Process) -> Waits[int]:
        process.trap(*trapped)
        try:
            yield from process.forever()
        except Signalled as signalled:
            process.write(f"got {signalled.signal}\n".encode())
            yield from process.sleep(seconds)
        return code

    return run


def outcome(node: Node, id_: str) -> tuple[int, int, str]:
    """Return state, exit code and reason."""
    status = node.status(id_)
    return status.state, status.exit_code, status.reason


def elapsed_s(node: Node, id_: str, timeout: int) -> float:
    """Stop a container; return how long that took."""
    before_ns = node.cri.now_ns
    node.stop(id_, timeout=timeout)
    return (node.cri.now_ns - before_ns) / SECOND_NS


# What is not stopped (10.1).


def test_the_stop_of_what_does_not_run_changes_nothing(ready: Node) -> None:
    pod = ready.run_sandbox()
    made = ready.create(pod, "true", name="made")
    ended = ready.run(pod, "false", name="ended")
    before = [ready.status(each) for each in (made, ended)]
    events = listen(ready)
    for timeout in (0, 10, -1):
        for each in (made, ended):
            ready.stop(each, timeout=timeout)
    assert [ready.status(each) for each in (made, ended)] == before
    assert events.drain() == []
    ready.start(made)
    assert outcome(ready, made) == (EXITED, 0, "Completed")


def test_a_stop_of_what_is_starting_changes_nothing(ready: Node) -> None:
    made = ready.create(ready.run_sandbox(), "true")
    container(ready, made).starting = True
    ready.stop(made)
    assert ready.status(made).state == CREATED
    container(ready, made).starting = False


# Time-outs (10.2).


def test_pid_1_without_a_handler_dies_when_its_grace_is_over(ready: Node) -> None:
    running = ready.run(ready.run_sandbox(), "sleep", "1000")
    assert elapsed_s(ready, running, timeout=10) == 10
    assert outcome(ready, running) == (EXITED, 137, "Error")


def test_a_process_in_a_shared_namespace_dies_of_the_stop_signal_at_once(ready: Node) -> None:
    running = ready.run(ready.run_sandbox(), "sleep", "1000", linux=SHARED)
    assert elapsed_s(ready, running, timeout=10) == 0
    assert outcome(ready, running) == (EXITED, 143, "Error")


def test_a_program_that_heeds_its_signal_ends_as_it_likes(ready: Node) -> None:
    ready.cri.register(graceful(15, seconds=2, code=3), command="app")
    running = ready.run(ready.run_sandbox(), "app")
    assert elapsed_s(ready, running, timeout=10) == 2
    assert outcome(ready, running) == (EXITED, 3, "Error")
    assert ready.cri.log(running).endswith(b" stdout F got 15\n")


def test_a_program_that_takes_too_long_is_killed(ready: Node) -> None:
    ready.cri.register(graceful(15, seconds=30), command="app")
    running = ready.run(ready.run_sandbox(), "app")
    assert elapsed_s(ready, running, timeout=10) == 10
    assert outcome(ready, running) == (EXITED, 137, "Error")


@pytest.mark.parametrize(
    "timeout",
    # The large ones do not fit a Go Duration: they wrap to nothing or less.
    [0, -1, -(2**63), INT64_MAX, 2**62, 10**10],
)
def test_without_grace_a_container_is_killed_at_once(ready: Node, timeout: int) -> None:
    running = ready.run(ready.run_sandbox(), "sleep", "1000", linux=SHARED)
    assert elapsed_s(ready, running, timeout=timeout) == 0
    assert outcome(ready, running) == (EXITED, 137, "Error")
    assert not container(ready, running).stop_signal_sent


def test_a_stop_answers_when_the_exit_can_be_read_and_was_told(ready: Node) -> None:
    running = ready.run(ready.run_sandbox(), "sleep", "1000")
    events = listen(ready)
    ready.stop(running, timeout=1)
    (stopped,) = events.drain()
    status = ready.status(running)
    assert stopped.container_event_type == pb.CONTAINER_STOPPED_EVENT
    assert list(stopped.containers_statuses) == [status]
    assert (status.state, status.finished_at > status.started_at) == (EXITED, True)
    assert containers(ready, state=pb.ContainerStateValue(state=EXITED)) == [running]


# Signals (10.2, 12.2).


@pytest.mark.parametrize(
    ("asked", "of_image", "signal"),
    [
        (pb.SIGNAL_RUNTIME_DEFAULT, "", "TERM"),
        (pb.SIGNAL_RUNTIME_DEFAULT, "SIGQUIT", "QUIT"),
        (pb.SIGNAL_SIGINT, "SIGQUIT", "INT"),
        (pb.SIGNAL_SIGRTMINPLUS3, "", "RTMIN+3"),
        (pb.SIGNAL_SIGRTMAXMINUS2, "", "RTMAX-2"),
        (pb.SIGNAL_SIGRTMIN, "", "RTMIN"),
        (pb.SIGNAL_RUNTIME_DEFAULT, "SIGRTMIN+4", "RTMIN+4"),
        (pb.SIGNAL_RUNTIME_DEFAULT, "quit", "QUIT"),
        (pb.SIGNAL_RUNTIME_DEFAULT, "sigUsr1", "USR1"),
        (pb.SIGNAL_RUNTIME_DEFAULT, "12", "USR2"),
    ],
)
def test_the_stop_signal_is_the_configs_or_else_the_images_or_sigterm(
    node: Node, asked: Any, of_image: str, signal: str
) -> None:
    node.cri.add_image("example.com/app", Recipe(cmd=("app",), stop_signal=of_image))
    node.pull("example.com/app")
    node.cri.register(graceful(NUMBERS[signal]), image="example.com/app")
    made = node.create(node.run_sandbox(), image="example.com/app", stop_signal=asked)
    # The image may be gone by then.
    node.images.RemoveImage(pb.RemoveImageRequest(image=pb.ImageSpec(image="example.com/app")))
    node.start(made)
    assert elapsed_s(node, made, timeout=10) == 0
    assert node.cri.log(made).endswith(f" got {NUMBERS[signal]}\n".encode())


@pytest.mark.parametrize(
    ("asked", "of_image", "shown"),
    [
        (pb.SIGNAL_RUNTIME_DEFAULT, "", pb.SIGNAL_SIGTERM),
        (pb.SIGNAL_RUNTIME_DEFAULT, "SIGQUIT", pb.SIGNAL_SIGQUIT),
        (pb.SIGNAL_RUNTIME_DEFAULT, "SIGRTMIN+4", pb.SIGNAL_SIGRTMINPLUS4),
        (pb.SIGNAL_SIGINT, "SIGQUIT", pb.SIGNAL_SIGINT),
        # Spellings that work, but that no enumerator has.
        (pb.SIGNAL_RUNTIME_DEFAULT, "TERM", pb.SIGNAL_RUNTIME_DEFAULT),
        (pb.SIGNAL_RUNTIME_DEFAULT, "15", pb.SIGNAL_RUNTIME_DEFAULT),
        (pb.SIGNAL_RUNTIME_DEFAULT, "nonsense", pb.SIGNAL_RUNTIME_DEFAULT),
    ],
)
def test_a_status_shows_the_stop_signal_where_the_contract_has_a_name_for_it(
    node: Node, asked: Any, of_image: str, shown: int
) -> None:
    node.cri.add_image("example.com/app", Recipe(cmd=("app",), stop_signal=of_image))
    node.pull("example.com/app")
    made = node.create(node.run_sandbox(), image="example.com/app", stop_signal=asked)
    assert node.status(made).stop_signal == shown


def with_image_signal(node: Node, text: str) -> str:
    """Run a container whose image wants to be stopped by `text`; return its id."""
    node.cri.add_image("example.com/app", Recipe(cmd=("sleep", "1000"), stop_signal=text))
    node.pull("example.com/app")
    return node.run(node.run_sandbox(), image="example.com/app", linux=SHARED)


@pytest.mark.parametrize("text", ["SIGNONSENSE", "0", "-0", "SIG", "TERM ", "1.5", 'a"b'])
def test_a_stop_signal_that_is_none_is_found_out_when_it_is_needed(node: Node, text: str) -> None:
    running = with_image_signal(node, text)
    quoted = text.replace('"', '\\"')
    with raises_status(UNKNOWN, f'failed to parse stop signal "{quoted}": invalid signal: {text}'):
        node.stop(running, timeout=5)
    assert node.status(running).state == RUNNING
    assert not container(node, running).stop_signal_sent
    node.stop(running)
    assert outcome(node, running) == (EXITED, 137, "Error")


@pytest.mark.parametrize("text", ["-9", "65", "300", "9" * 30])
def test_a_number_that_is_no_signal_ends_nobody(node: Node, text: str) -> None:
    running = with_image_signal(node, text)
    with raises_status(UNKNOWN):
        node.stop(running, timeout=5)
    assert node.status(running).state == RUNNING
    node.stop(running)
    assert outcome(node, running) == (EXITED, 137, "Error")


@pytest.mark.parametrize("text", ["SIGSTOP", "SIGWINCH", "SIGCHLD"])
def test_a_signal_that_ends_nobody_leaves_it_to_sigkill(node: Node, text: str) -> None:
    running = with_image_signal(node, text)
    assert elapsed_s(node, running, timeout=7) == 7
    assert outcome(node, running) == (EXITED, 137, "Error")


@pytest.mark.parametrize(
    ("text", "code"), [("SIGHUP", 129), ("SIGINT", 130), ("SIGTERM", 143), ("SIGRTMIN+1", 163)]
)
def test_a_signal_that_ends_a_process_shows_in_its_exit_code(
    node: Node, text: str, code: int
) -> None:
    running = with_image_signal(node, text)
    node.stop(running, timeout=7)
    assert outcome(node, running) == (EXITED, code, "Error")


def test_sigkill_as_the_stop_signal_kills(node: Node) -> None:
    running = with_image_signal(node, "SIGKILL")
    assert elapsed_s(node, running, timeout=7) == 0
    assert outcome(node, running) == (EXITED, 137, "Error")


def test_a_stop_signal_is_sent_once_in_a_containers_life(face: str) -> None:
    def stubborn(process: Process) -> Waits[int]:
        process.trap(15)
        while True:
            try:
                yield from process.forever()
            except Signalled:
                process.write(b"no\n")

    with still_node(face) as node:
        node.cri.register(stubborn, command="app")
        running = node.run(node.run_sandbox(), "app")
        stops = [begin_stop(node, running, grace_s=grace_s) for grace_s in (100, 200)]
        wait(node)
        assert node.cri.log(running).count(b"no\n") == 1
        stops[0].cancel()
        until(lambda: all_ended(node, but=1))
        stops.append(begin_stop(node, running, grace_s=300))
        wait(node)
        assert node.cri.log(running).count(b"no\n") == 1
        wait(node, 200)
        assert [each.result().ByteSize() for each in stops[1:]] == [0, 0]
        assert outcome(node, running) == (EXITED, 137, "Error")


# Lost containers (2.1, 10.1).


def test_a_lost_container_with_a_process_is_stopped_as_any_other(ready: Node) -> None:
    running = ready.run(ready.run_sandbox(), "sleep", "1000", linux=SHARED)
    lose(ready, running)
    status = ready.status(running)
    assert (status.state, status.started_at > 0) == (pb.CONTAINER_UNKNOWN, True)
    assert (status.finished_at, status.exit_code, status.reason) == (0, 0, "")
    events = listen(ready)
    ready.stop(running, timeout=5)
    assert outcome(ready, running) == (EXITED, 143, "Error")
    assert heard(events) == [(running, "STOPPED")]


def test_a_lost_container_without_a_process_has_ended_with_255(ready: Node) -> None:
    made = ready.create(ready.run_sandbox(), "true")
    lose(ready, made)
    assert ready.status(made).state == pb.CONTAINER_UNKNOWN
    events = listen(ready)
    ready.stop(made, timeout=5)
    assert outcome(ready, made) == (EXITED, 255, "Error")
    status = ready.status(made)
    assert (status.started_at, status.finished_at > status.created_at) == (0, True)
    assert heard(events) == [(made, "STOPPED")]


def test_a_lost_container_that_had_ended_keeps_how(ready: Node) -> None:
    ended = ready.run(ready.run_sandbox(), "false")
    before = ready.status(ended)
    lose(ready, ended)
    # Times are shown as stored.
    lost = ready.status(ended)
    assert (lost.state, lost.finished_at) == (pb.CONTAINER_UNKNOWN, before.finished_at)
    ready.stop(ended)
    assert ready.status(ended) == before


def test_stopping_or_removing_a_pod_finds_out_about_its_lost_containers(ready: Node) -> None:
    pod = ready.run_sandbox()
    made = ready.create(pod, "true", name="made")
    running = ready.run(pod, "sleep", "9", name="running")
    for each in (made, running):
        lose(ready, each)
    ready.stop_sandbox(pod)
    assert outcome(ready, made) == (EXITED, 255, "Error")
    assert outcome(ready, running) == (EXITED, 137, "Error")
    ready.remove_sandbox(pod)
    assert held(ready) == (set(), set(), [])
