"""Attach over SPDY, frame by frame: what a real containerd tells, and the fake alike."""

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
    failure,
    reads,
    shell,
    told_to,
)
from tests.streaming import spdy_client

if TYPE_CHECKING:
    from tests.real.runtimes import Pod
    from tests.real.wires import Doors
    from tests.streaming.spdy_client import Command

pytestmark = pytest.mark.real

READING = 'while read line; do echo got $line; [ "$line" != bye ] || exit 3; done; echo eof; exit 4'


def open_stdin(doors: Doors, container: str) -> Command:
    """Attach with all streams."""
    return spdy_client.open(doors.attach(container, stdin=True), stdin=True)


def test_attach_ends_with_success_whatever_the_exit_code(doors: Doors, pod: Pod) -> None:
    container = pod.start("main", *shell(f"{READING}"), stdin=True)
    with open_stdin(doors, container) as stream:
        stream.write(b"bye\n")
        told = told_to(doors.runtime, stream)
    head = [*REPLIES_WITH_STDIN, "stdout: got bye\n", *ENDS]
    assert told == [*head, SUCCESS, *FAREWELL_WITH_STDIN]


def test_attach_to_a_container_that_is_stopped(doors: Doors, pod: Pod) -> None:
    container = pod.start("main", *shell("while echo here; do sleep 0.1; done"))
    with spdy_client.open(doors.attach(container)) as stream:
        assert stream.read()  # it is attached by now
        doors.stop(container)
        told = told_to(doors.runtime, stream)
    said = told.pop(len(REPLIES))
    assert set(said.split()) == {"stdout:", "here"}
    assert told == [*REPLIES, *ENDS, SUCCESS, *FAREWELL]


def test_the_end_of_stdin_reaches_a_container_that_reads_once(doors: Doors, pod: Pod) -> None:
    container = pod.start("main", *shell(READING), stdin=True, stdin_once=True)
    with open_stdin(doors, container) as stream:
        stream.write(b"one\n")
        assert stream.read() == b"got one\n"
        stream.close_stdin()
        told = told_to(doors.runtime, stream)
    head = [*REPLIES_WITH_STDIN, "stdout: got one\neof\n", *ENDS]
    assert told == [*head, SUCCESS, *FAREWELL_WITH_STDIN]


def test_a_client_that_is_gone_ends_the_stdin_that_is_read_once(doors: Doors, pod: Pod) -> None:
    container = pod.start("main", *shell(READING), stdin=True, stdin_once=True)
    with open_stdin(doors, container) as stream:
        stream.write(b"one\n")
        assert stream.read() == b"got one\n"
    assert pod.wait_for_exit(container)["exitCode"] == 4


def test_the_end_of_stdin_ends_another_attachment(doors: Doors, pod: Pod) -> None:
    container = pod.start("main", *shell(READING), stdin=True)
    with open_stdin(doors, container) as stream:
        stream.write(b"one\n")
        assert stream.read() == b"got one\n"
        stream.close_stdin()
        told = told_to(doors.runtime, stream)
    head = [*REPLIES_WITH_STDIN, "stdout: got one\n", *ENDS]
    assert told == [*head, SUCCESS, *FAREWELL_WITH_STDIN]
    with open_stdin(doors, container) as stream:
        stream.write(b"two\n")
        assert stream.read() == b"got two\n"


def test_all_who_are_attached_hear_and_speak(doors: Doors, pod: Pod) -> None:
    container = pod.start("main", *shell(READING), stdin=True)
    with open_stdin(doors, container) as one:
        one.write(b"one\n")
        assert one.read() == b"got one\n"  # it is attached by now
        with open_stdin(doors, container) as other:
            other.write(b"two\n")
            assert (one.read(), other.read()) == (b"got two\n", b"got two\n")
            one.hang_up()
            other.write(b"three\n")  # what is written at its very end a real one may lose
            assert other.read() == b"got three\n"


def test_stdin_of_a_container_that_has_none_is_lost(doors: Doors, pod: Pod) -> None:
    container = pod.start("main", *shell("until [ -e /go ]; do sleep 0.1; done; echo done"))
    with open_stdin(doors, container) as stream:
        stream.write(b"lost\n")
        stream.close_stdin()
        stream.wire.ping()
        pod.crictl.ok("exec", "--sync", container, "touch", "/go")
        told = told_to(doors.runtime, stream)
    head = [*REPLIES_WITH_STDIN, "stdout: done\n", *ENDS]
    assert told == [*head, SUCCESS, *FAREWELL_WITH_STDIN]


def test_attach_to_a_terminal(doors: Doors, pod: Pod) -> None:
    container = pod.start("main", *shell(READING), stdin=True, tty=True)
    url = doors.attach(container, stdin=True, tty=True, stderr=False)
    with spdy_client.open(url, stdin=True, tty=True) as stream:
        stream.write(b"one\n")
        reads(stream.read, b"got one\r\n")
        stream.write(b"bye\n")
        told = told_to(doors.runtime, stream)
    assert told == [
        "reply error",
        "reply stdin",
        "reply stdout",
        "reply resize",
        "stdout: one\r\ngot one\r\nbye\r\ngot bye\r\n",
        "end of stdout",
        SUCCESS,
        "reset error 5",
        "reset stdin 5",
        "reset resize 5",
        "goodbye 7 0",
        "closed",
    ]


def test_the_end_of_stdin_ends_an_attachment_to_a_terminal(doors: Doors, pod: Pod) -> None:
    container = pod.start("main", *shell(READING), stdin=True, stdin_once=True, tty=True)
    url = doors.attach(container, stdin=True, tty=True, stderr=False)
    with spdy_client.open(url, stdin=True, tty=True) as stream:
        stream.write(b"one\n")
        reads(stream.read, b"got one\r\n")  # it is attached by now
        stream.close_stdin()
        told = told_to(doors.runtime, stream)
    assert told[5:7] == ["end of stdout", SUCCESS]
    assert pod.status(container)["state"] == "CONTAINER_RUNNING"


def test_attach_does_not_look_whether_a_container_has_a_terminal(doors: Doors, pod: Pod) -> None:
    container = pod.start("main", *shell(READING), stdin=True, tty=True)
    with open_stdin(doors, container) as stream:
        stream.write(b"bye\n")
        told = told_to(doors.runtime, stream)
    head = [*REPLIES_WITH_STDIN, "stdout: bye\r\ngot bye\r\n", *ENDS]
    assert told == [*head, SUCCESS, *FAREWELL_WITH_STDIN]


def test_attach_of_stdin_alone_outlives_the_container(doors: Doors, pod: Pod) -> None:
    container = pod.start("main", *shell(READING), stdin=True)
    url = doors.attach(container, stdin=True, stdout=False, stderr=False)
    with spdy_client.open(url, stdin=True, stdout=False, stderr=False) as stream:
        stream.write(b"bye\n")
        pod.wait_for_exit(container)
        stream.wire.ping()
        stream.close_stdin()
        told = told_to(doors.runtime, stream)
    head = ["reply error", "reply stdin", SUCCESS]
    assert told == [*head, "reset error 5", "reset stdin 5", "goodbye 3 0", "closed"]


def test_attach_to_what_has_exited_since(doors: Doors, pod: Pod) -> None:
    container = pod.start("gone", "sleep", "300")
    url = doors.attach(container)
    doors.stop(container)
    text = (
        "Internal error occurred: error attaching to container: "
        "container is in CONTAINER_EXITED state"
    )
    with spdy_client.open(url) as stream:
        told = told_to(doors.runtime, stream)
    status = failure(text, "InternalError", code=500)
    assert told == [*REPLIES, f"error: {status}", *RESETS, "goodbye 5 0", "closed"]


def test_attach_to_what_was_removed_since(doors: Doors, pod: Pod) -> None:
    container = pod.start("gone", "sleep", "300")
    url = doors.attach(container)
    pod.crictl.ok("rm", "--force", container)
    text = (
        "Internal error occurred: error attaching to container: "
        'failed to find container "ID" in store: not found'
    )
    with spdy_client.open(url, protocols=["v3.channel.k8s.io"]) as stream:
        told = told_to(doors.runtime, stream)
    assert told == [*REPLIES, f"error: {text}", *RESETS, "goodbye 5 0", "closed"]
