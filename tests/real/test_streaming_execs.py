"""Exec over SPDY, frame by frame: what a real containerd tells, and the fake alike."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from fakecri.streaming.spdy_frames import (
    FIN,
    Data,
    Ping,
    RstStream,
    Settings,
    SynStream,
    WindowUpdate,
)
from tests.real.runtimes import Difference, until
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
    shell,
    told,
    told_to,
)
from tests.streaming import spdy_client
from tests.streaming.spdy_client import COMMANDS, Wire

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.real.runtimes import Pod
    from tests.real.wires import Doors
    from tests.streaming.spdy_client import Command

pytestmark = pytest.mark.real

OUTLIVES = Difference(
    real=True, fake=False, why="1.6 lets a command run on whose client is gone; main kills it"
)


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


def test_a_container_that_has_exited_since(doors: Doors, pod: Pod) -> None:
    container = pod.start("gone", "sleep", "300")
    url = doors.exec(container, "true")
    doors.stop(container)
    text = (
        "Internal error occurred: error executing command in container: "
        "failed to exec in container: container is in CONTAINER_EXITED state"
    )
    with spdy_client.open(url) as stream:
        told = told_to(doors.runtime, stream)
    status = failure(text, "InternalError", code=500)
    assert told == [*REPLIES, f"error: {status}", *RESETS, "goodbye 5 0", "closed"]


def test_a_container_that_was_removed_since(doors: Doors, pod: Pod) -> None:
    container = pod.start("gone", "sleep", "300")
    url = doors.exec(container, "true")
    pod.crictl.ok("rm", "--force", container)
    text = (
        "Internal error occurred: error executing command in container: "
        'failed to exec in container: failed to find container "ID" in store: not found'
    )
    with spdy_client.open(url) as stream:
        told = told_to(doors.runtime, stream)
    status = failure(text, "InternalError", code=500)
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
    url = doors.exec(
        running, *shell("read l; stty size; echo $TERM"), tty=True, stdin=True, stderr=False
    )
    with spdy_client.open(url, tty=True, stdin=True) as stream:
        stream.resize(100, 30)
        stream.wire.ping()
        stream.write(b"\n")
        told = told_to(doors.runtime, stream)
    assert told == [
        "reply error",
        "reply stdin",
        "reply stdout",
        "reply resize",
        "stdout: \r\n30 100\r\nxterm\r\n",
        "end of stdout",
        SUCCESS,
        "reset error 5",
        "reset stdin 5",
        "reset resize 5",
        "goodbye 7 0",
        "closed",
    ]


def test_the_end_of_a_terminals_stdin_ends_its_output(doors: Doors, running: str) -> None:
    command = shell("echo begun; sleep 1; echo lost; exit 3")
    url = doors.exec(running, *command, tty=True, stdin=True, stderr=False)
    with spdy_client.open(url, tty=True, stdin=True) as stream:
        assert stream.read() == b"begun\r\n"
        stream.close_stdin()
        told = told_to(doors.runtime, stream)
    assert told[4:7] == ["stdout: begun\r\n", "end of stdout", f"error: {exited(3, *command)}"]


# What clients do that is not usual.


def test_streams_of_no_known_type_are_accepted_and_not_counted(doors: Doors, running: str) -> None:
    with Wire.open(doors.exec(running, "echo", "hi"), COMMANDS) as wire:
        for kind in ("foo", "stderr", "stdout", "error"):
            wire.open_stream(streamtype=kind)
        wire.wait_for_close()
        names = {1: "foo", 3: "stderr", 5: "stdout", 7: "error"}
        assert told(doors.runtime, wire, names) == [
            "reply foo",
            "reply stderr",
            "reply stdout",
            "reply error",
            "end of stderr",
            "stdout: hi\n",
            "end of stdout",
            SUCCESS,
            "reset foo 5",
            "reset error 5",
            "goodbye 7 0",
            "closed",
        ]


def test_a_second_stream_of_a_type_takes_the_place_of_the_first(doors: Doors, running: str) -> None:
    with Wire.open(doors.exec(running, "echo", "hi"), COMMANDS) as wire:
        for kind in ("error", "stdout", "stdout"):
            wire.open_stream(streamtype=kind)
        wire.wait_for_close()
        names = {1: "error", 3: "first", 5: "second"}
        assert told(doors.runtime, wire, names) == [
            "reply error",
            "reply first",
            "reply second",
            "second: hi\n",
            "end of second",
            SUCCESS,
            "reset error 5",
            "reset first 5",
            "goodbye 5 0",
            "closed",
        ]


@pytest.fixture
def cat(doors: Doors, running: str) -> Iterator[Command]:
    """An exec of cat, with stdin."""
    with spdy_client.open(doors.exec(running, "cat", stdin=True), stdin=True) as stream:
        yield stream


def test_a_repeated_stream_id_is_reset(doors: Doors, cat: Command) -> None:
    cat.wire.send(SynStream(3, (("streamtype", "foo"),)))
    cat.wire.ping()
    cat.wire.wait(lambda: RstStream(3, 1) in cat.wire.frames, "a reset")
    cat.wire.send(Data(3, b"hello", FIN))  # the stream that there was is not touched
    assert "stdout: hello" in told_to(doors.runtime, cat)


def test_pings_are_echoed_but_for_even_ones(cat: Command) -> None:
    cat.wire.send(Ping(2), Ping(7), Ping(5))
    pings = [Ping(7), Ping(5)]
    cat.wire.wait(lambda: cat.wire.frames[-1] in pings and pings[0] in cat.wire.frames, "echoes")
    cat.wire.ping()
    echoed = [frame for frame in cat.wire.frames if isinstance(frame, Ping)]
    assert sorted(echoed) == [Ping(1), Ping(5), Ping(7)]


def test_what_nobody_needs_is_ignored(doors: Doors, cat: Command) -> None:
    cat.wire.send(
        Settings(((0, 1, 2),)), WindowUpdate(1, 5), Data(99, b"stray", FIN), RstStream(99, 5)
    )
    cat.write(b"hello")
    cat.close_stdin()
    told = told_to(doors.runtime, cat)
    assert told[4:] == ["stdout: hello", *ENDS, SUCCESS, *FAREWELL_WITH_STDIN]


SPOILT = {
    "an unknown frame": bytes.fromhex("8003000500000000"),
    "stream 0": bytes.fromhex("0000000000000000"),
    "ping 0": bytes.fromhex("8003000600000004 00000000"),
    "a reset of no reason": bytes.fromhex("8003000300000008 00000001 00000000"),
    "a goodbye": bytes.fromhex("8003000700000008 00000000 00000000"),
}


@pytest.mark.parametrize("content", SPOILT.values(), ids=SPOILT)
def test_nothing_is_told_to_who_spoils_the_connection(
    doors: Doors, cat: Command, content: bytes
) -> None:
    cat.wire.send_raw(content)
    assert told_to(doors.runtime, cat) == [*REPLIES_WITH_STDIN, "closed"]


def test_nothing_is_told_to_who_sends_no_more(doors: Doors, cat: Command) -> None:
    cat.wire.shut()
    assert told_to(doors.runtime, cat) == [*REPLIES_WITH_STDIN, "closed"]


@pytest.mark.parametrize("politely", [False, True])
def test_an_exec_whose_client_is_gone(
    doors: Doors, pod: Pod, running: str, *, politely: bool
) -> None:
    def is_there() -> bool:
        return "sleep 4321" in pod.crictl.ok("exec", "--sync", running, "ps").out

    with spdy_client.open(doors.exec(running, "sleep", "4321")) as stream:
        until(is_there, "the command of the exec")
        if politely:
            stream.wire.leave()
        else:
            stream.wire.abort()
    outlives = doors.runtime.expects(OUTLIVES)
    until(lambda: is_there() == outlives, "what becomes of the command")
