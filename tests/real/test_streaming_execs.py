"""Exec over SPDY, frame by frame: what a real containerd tells, and the fake alike."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.real.wires import (
    ENDS,
    FAREWELL,
    FAREWELL_WITH_STDIN,
    REPLIES,
    REPLIES_WITH_STDIN,
    RESETS,
    SUCCESS,
    exited,
    failure,
    reads,
    shell,
    told_to,
)
from tests.streaming import spdy_client

if TYPE_CHECKING:
    from tests.real.runtimes import Pod
    from tests.real.wires import Doors

pytestmark = pytest.mark.real


def run(doors: Doors, container: str, *command: str, version: str = spdy_client.V4) -> list[str]:
    """Exec a command without stdin; say all that is told."""
    url = doors.exec(container, *command)
    with spdy_client.open(url, protocols=[f"{version}channel.k8s.io"]) as stream:
        return told_to(doors.runtime, stream)


# The life of an exec.


def test_a_success(doors: Doors, running: str) -> None:
    assert run(doors, running, *shell("echo hi; echo err >&2")) == [
        *REPLIES,
        "stdout: hi\n",
        "end of stdout",
        "stderr: err\n",
        "end of stderr",
        SUCCESS,
        *FAREWELL,
    ]


def test_an_exit_code(doors: Doors, running: str) -> None:
    command = shell("exit 3")
    assert run(doors, running, *command) == [
        *REPLIES,
        *ENDS,
        f"error: {exited(3, *command)}",
        *FAREWELL,
    ]


def test_death_by_a_signal(doors: Doors, running: str) -> None:
    command = shell("kill -9 $$")
    told = run(doors, running, *command)
    assert told == [*REPLIES, *ENDS, f"error: {exited(137, *command)}", *FAREWELL]


NO_PROCESS = 'failed to exec in container: failed to start exec "ID": OCI runtime exec failed: '
NO_PROGRAM = NO_PROCESS + "exec failed: unable to start container process: "
UNSTARTABLE = {
    (): NO_PROCESS + "exec failed: args must not be empty: unknown",
    ("",): NO_PROGRAM + 'exec: "": executable file not found in $PATH: unknown',
    ("nosuch",): NO_PROGRAM + 'exec: "nosuch": executable file not found in $PATH: unknown',
    ("/nosuch/a",): NO_PROGRAM
    + 'exec: "/nosuch/a": stat /nosuch/a: no such file or directory: unknown',
    ("/etc/passwd",): NO_PROGRAM + 'exec: "/etc/passwd": permission denied: unknown',
}


@pytest.mark.parametrize("command", UNSTARTABLE)
def test_what_cannot_start(doors: Doors, running: str, command: tuple[str, ...]) -> None:
    text = f"error executing command in container: {UNSTARTABLE[command]}"
    status = failure(f"Internal error occurred: {text}", "InternalError", code=500)
    told = run(doors, running, *command)
    assert told == [*REPLIES, f"error: {status}", *RESETS, "goodbye 5 0", "closed"]


GONE = {
    ("stop", "--timeout", "0"): "container is in CONTAINER_EXITED state",
    ("rm", "--force"): 'failed to find container "ID" in store: not found',
}


@pytest.mark.parametrize("order", GONE)
def test_a_container_that_is_gone_since(doors: Doors, pod: Pod, order: tuple[str, ...]) -> None:
    container = pod.start("gone", "sleep", "300")
    url = doors.exec(container, "true")
    pod.crictl.ok(*order, container)
    with spdy_client.open(url) as stream:
        told = told_to(doors.runtime, stream)
    text = f"error executing command in container: failed to exec in container: {GONE[order]}"
    status = failure(f"Internal error occurred: {text}", "InternalError", code=500)
    assert told == [*REPLIES, f"error: {status}", *RESETS, "goodbye 5 0", "closed"]


def test_a_container_that_is_stopped_in_the_middle(doors: Doors, pod: Pod) -> None:
    container = pod.start("main", "sleep", "300")
    command = shell("echo begun; sleep 300")
    with spdy_client.open(doors.exec(container, *command)) as stream:
        assert stream.read() == b"begun\n"
        doors.stop(container)
        told = told_to(doors.runtime, stream)
    assert told == [
        *REPLIES,
        "stdout: begun\n",
        *ENDS,
        f"error: {exited(137, *command)}",
        *FAREWELL,
    ]


# Versions.


@pytest.mark.parametrize("version", [spdy_client.V2, spdy_client.V3])
def test_a_success_before_version_4(doors: Doors, running: str, version: str) -> None:
    told = run(doors, running, "echo", "hi", version=version)
    assert told == [*REPLIES, "stdout: hi\n", *ENDS, *FAREWELL]


@pytest.mark.parametrize("version", [spdy_client.V2, spdy_client.V3])
def test_an_exit_code_before_version_4(doors: Doors, running: str, version: str) -> None:
    text = (
        "command terminated with non-zero exit code: "
        "error executing command [sh -c exit 3], exit code 3"
    )
    told = run(doors, running, *shell("exit 3"), version=version)
    assert told == [*REPLIES, *ENDS, f"error: {text}", *FAREWELL]


@pytest.mark.parametrize("version", [spdy_client.V2, spdy_client.V3])
def test_what_cannot_start_before_version_4(doors: Doors, running: str, version: str) -> None:
    text = (
        f"Internal error occurred: error executing command in container: {UNSTARTABLE['nosuch',]}"
    )
    told = run(doors, running, "nosuch", version=version)
    assert told == [*REPLIES, f"error: {text}", *RESETS, "goodbye 5 0", "closed"]


def test_version_1_resets_the_error_stream_at_once(doors: Doors, running: str) -> None:
    told = run(doors, running, "echo", "hi", version=spdy_client.V1)
    assert told == [*REPLIES, "reset error 5", "stdout: hi\n", *ENDS, "goodbye 5 0", "closed"]


def test_version_1_speaks_on_the_error_stream_all_the_same(doors: Doors, running: str) -> None:
    text = (
        "command terminated with non-zero exit code: "
        "error executing command [sh -c exit 3], exit code 3"
    )
    told = run(doors, running, *shell("exit 3"), version=spdy_client.V1)
    head = [*REPLIES, "reset error 5", *ENDS]
    assert told == [*head, f"error: {text}", "goodbye 5 0", "closed"]


def test_version_1_ends_stdin_at_once(doors: Doors, running: str) -> None:
    url = doors.exec(running, "cat", stdin=True)
    with spdy_client.open(url, stdin=True, protocols=["channel.k8s.io"]) as stream:
        stream.wire.wait(lambda: stream.channels["stdin"].ended, "the end of stdin")
        stream.write(b"hello")
        stream.close_stdin()
        told = told_to(doors.runtime, stream)
    assert "stdout: hello" in told
    assert "end of stdin" in told


# Which streams there are.


def test_stderr_alone(doors: Doors, running: str) -> None:
    command = shell("echo out; echo err >&2")
    url = doors.exec(running, *command, stdout=False)
    with spdy_client.open(url, stdout=False) as stream:
        told = told_to(doors.runtime, stream)
    head = ["reply error", "reply stderr", "stderr: err\n", "end of stderr"]
    assert told == [*head, SUCCESS, "reset error 5", "goodbye 3 0", "closed"]


def test_stdin_alone(doors: Doors, running: str) -> None:
    url = doors.exec(running, *shell("read line; exit 3"), stdin=True, stdout=False, stderr=False)
    with spdy_client.open(url, stdin=True, stdout=False, stderr=False) as stream:
        stream.write(b"line\n")
        told = told_to(doors.runtime, stream)
    status = exited(3, *shell("read line; exit 3"))
    head = ["reply error", "reply stdin", f"error: {status}"]
    assert told == [*head, "reset error 5", "reset stdin 5", "goodbye 3 0", "closed"]


def test_the_end_of_stdin_leaves_the_outputs_open(doors: Doors, running: str) -> None:
    url = doors.exec(running, *shell("cat; echo done"), stdin=True)
    with spdy_client.open(url, stdin=True) as stream:
        stream.write(b"hello\n")
        assert stream.read() == b"hello\n"
        stream.close_stdin()
        told = told_to(doors.runtime, stream)
    assert told == [
        *REPLIES_WITH_STDIN,
        "stdout: hello\ndone\n",
        *ENDS,
        SUCCESS,
        *FAREWELL_WITH_STDIN,
    ]


def test_a_reset_of_stdin_is_its_end(doors: Doors, running: str) -> None:
    url = doors.exec(running, "cat", stdin=True)
    with spdy_client.open(url, stdin=True) as stream:
        stream.wire.reset(stream.channels["stdin"])
        told = told_to(doors.runtime, stream)
    assert told == [*REPLIES_WITH_STDIN, *ENDS, SUCCESS, "reset error 5", "goodbye 7 0", "closed"]


def test_a_terminal(doors: Doors, running: str) -> None:
    # A size that comes while the process starts takes effect a moment later.
    sized = 'until [ "$(stty size 2>/dev/null)" = "30 100" ]; do sleep 0.1; done'
    command = shell(f"{sized}; echo $TERM")
    url = doors.exec(running, *command, tty=True, stdin=True, stderr=False)
    with spdy_client.open(url, tty=True, stdin=True) as stream:
        stream.resize(100, 30)
        told = told_to(doors.runtime, stream)
    assert told == [
        "reply error",
        "reply stdin",
        "reply stdout",
        "reply resize",
        "stdout: xterm\r\n",
        "end of stdout",
        SUCCESS,
        "reset error 5",
        "reset stdin 5",
        "reset resize 5",
        "goodbye 7 0",
        "closed",
    ]


def test_the_end_of_a_terminals_stdin_ends_its_output(doors: Doors, pod: Pod, running: str) -> None:
    command = shell("echo begun; until [ -e /go ]; do sleep 0.1; done; echo lost; exit 3")
    url = doors.exec(running, *command, tty=True, stdin=True, stderr=False)
    with spdy_client.open(url, tty=True, stdin=True) as stream:
        reads(stream.read, b"begun\r\n")
        stream.close_stdin()
        assert stream.read() == b""
        pod.crictl.ok("exec", "--sync", running, "touch", "/go")
        told = told_to(doors.runtime, stream)
    assert told[4:7] == ["stdout: begun\r\n", "end of stdout", f"error: {exited(3, *command)}"]
