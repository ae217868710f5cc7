"""What it is to be attached to a container. Source: spec streaming 2.7."""

import json

import pytest

from fakecri.api import runtime_pb2 as pb
from fakecri.core.streaming.commands import Attach
from fakecri.core.streaming.sessions import ROOM
from fakecri.errors import Stuck
from tests.behaviour.steps import until
from tests.behaviour.streams import Streams, fill

READING = "echo early; while read line; do echo got $line; done; exit 4"
SUCCESS = b'{"status":"Success"}'


def reader(streams: Streams, **fields: bool) -> str:
    """Run a container that tells what it reads."""
    return streams.run("sh", "-c", READING, **{"stdin": True, **fields})


# Output.


def test_output_is_heard_from_now_on_and_logged_all_along(streams: Streams) -> None:
    container = reader(streams)
    stream = streams.attach(container, stdin=True)
    stream.write(b"late\n")
    assert stream.read() == b"got late\n"
    assert streams.log(container) == ["early", "got late"]


def test_outputs_are_kept_apart(streams: Streams) -> None:
    container = streams.run("sh", "-c", "sleep 1; echo out; echo err >&2; sleep 1")
    stream = streams.attach(container)
    streams.cri.advance(2)
    result = stream.result()
    assert (result.stdout, result.stderr) == (b"out\n", b"err\n")


def test_who_asks_for_one_output_gets_that(streams: Streams) -> None:
    container = streams.run("sh", "-c", "sleep 1; echo out; echo err >&2; sleep 1")
    stream = streams.attach(container, stdout=False)
    streams.cri.advance(2)
    result = stream.result()
    assert (result.stdout, result.stderr) == (b"", b"err\n")


def test_all_who_are_attached_get_the_same_and_are_heard_alike(streams: Streams) -> None:
    container = reader(streams)
    several = [streams.attach(container, stdin=True) for _ in range(3)]
    for number, stream in enumerate(several):
        stream.write(b"%d\n" % number)
        for each in several:
            assert each.read() == b"got %d\n" % number


def test_a_slow_client_makes_the_container_wait_until_it_is_gone(streams: Streams) -> None:
    size = 30_000_000  # which is more than what sockets hold
    writing = f"sleep 1; head -c {size} /dev/zero; echo; echo done; sleep 9999"
    container = streams.run("sh", "-c", writing)
    slow, quick = streams.attach(container), streams.attach(container)
    sessions = streams.sessions()
    streams.cri.advance(1)
    heard = 0
    while heard < ROOM:
        heard += len(quick.read())
    assert all(session.held <= 2 * ROOM for session in sessions)
    assert "done" not in streams.log(container)
    slow.hang_up()
    while heard < size + len("\ndone\n"):
        heard += len(quick.read())
    assert streams.log(container)[-1] == "done"


# Ends.


@pytest.mark.parametrize("code", [0, 2])
def test_the_end_of_the_container_is_a_success_whatever_its_exit_code(
    streams: Streams, code: int
) -> None:
    container = streams.run("sh", "-c", f"sleep 1; echo bye; exit {code}")
    stream = streams.attach(container)
    streams.cri.advance(1)
    result = stream.result()
    assert (result.stdout, result.error, result.exit_code) == (b"bye\n", SUCCESS, 0)
    assert streams.node.status(container).exit_code == code


def test_a_container_outlives_who_is_attached_and_is_attached_to_again(streams: Streams) -> None:
    container = reader(streams)
    for line in (b"a", b"b"):
        stream = streams.attach(container, stdin=True)
        stream.write(line + b"\n")
        assert stream.read() == b"got " + line + b"\n"
        stream.hang_up()
    until(lambda: streams.sessions() == [])
    assert streams.log(container) == ["early", "got a", "got b"]


def test_a_container_that_has_ended_since_is_an_error(streams: Streams) -> None:
    container = reader(streams)
    url = streams.attach_url(container)
    streams.node.stop(container)
    message = (
        "Internal error occurred: error attaching to container: "
        "container is in CONTAINER_EXITED state"
    )
    assert json.loads(streams.use(url).result().error)["message"] == message
    url = streams.attach_url(other := reader(streams))
    streams.node.stop(other)
    streams.node.remove(other)
    message = (
        "Internal error occurred: error attaching to container: "
        f'failed to find container "{other}" in store: not found'
    )
    assert json.loads(streams.use(url).result().error)["message"] == message


def test_a_runtime_that_dies_breaks_attachments_off_and_the_container_goes_on(
    streams: Streams,
) -> None:
    container = reader(streams, stdin_once=True)
    stream = streams.attach(container, stdin=True)
    streams.cri.restart_runtime()
    result = stream.result()
    assert (result.cut, result.error) == (True, b"")
    again = streams.attach(container, stdin=True)
    again.write(b"more\n")
    assert again.read() == b"got more\n"


# Input.


def test_the_end_of_input_is_the_end_for_a_container_that_reads_once(streams: Streams) -> None:
    container = reader(streams, stdin_once=True)
    stream = streams.attach(container, stdin=True)
    stream.write(b"a\n")
    stream.close_stdin()
    result = stream.result()
    assert (result.stdout, result.error) == (b"got a\n", SUCCESS)
    assert streams.node.status(container).exit_code == 4


def test_the_end_of_input_ends_the_session_and_not_the_container_that_reads_on(
    streams: Streams,
) -> None:
    container = reader(streams)
    for line in (b"a", b"b"):
        stream = streams.attach(container, stdin=True)
        stream.write(line + b"\n")
        assert stream.read() == b"got " + line + b"\n"
        stream.close_stdin()
        assert stream.result().error == SUCCESS
    assert streams.log(container) == ["early", "got a", "got b"]


def test_one_who_is_gone_ends_the_input_of_a_container_that_reads_once(streams: Streams) -> None:
    container = reader(streams, stdin_once=True)
    watcher = streams.attach(container)
    streams.attach(container, stdin=True).hang_up()
    assert watcher.result().error == SUCCESS
    assert streams.node.status(container).exit_code == 4


def test_a_container_without_input_reads_nothing_of_what_is_written(streams: Streams) -> None:
    container = streams.run("sh", "-c", "sleep 5; cat; echo through")
    with streams.cri.clock.hold():
        stream = streams.attach(container, stdin=True)
        stream.write(b"x" * (3 * ROOM))
        stream.close_stdin()
    result = stream.result()
    assert (result.stdout, result.error) == (b"through\n", SUCCESS)


def test_input_that_nobody_reads_is_not_taken_without_bound(streams: Streams) -> None:
    container = streams.run("sh", "-c", "sleep 5; wc -c", stdin=True, stdin_once=True)
    with streams.cri.clock.hold():
        stream = streams.attach(container, stdin=True)
        (session,) = streams.sessions()
        with streams.cri.host.turn() as world:
            assert isinstance(session, Attach)
            assert fill(session) == world.store.containers.get(container).stdin.held < 2 * ROOM
    stream.write(b"x" * ROOM)  # waits until it is read
    stream.close_stdin()
    assert int(stream.result().stdout) >= 2 * ROOM


ONLY_INPUT = {"stdin": True, "stdout": False, "stderr": False}


@pytest.mark.parametrize("once", [False, True])
def test_who_only_writes_is_through_with_the_end_of_that(streams: Streams, once: bool) -> None:
    container = reader(streams, stdin_once=once)
    stream = streams.attach(container, **ONLY_INPUT)
    stream.write(b"a\n")
    stream.close_stdin()
    assert stream.result().error == SUCCESS
    until(lambda: streams.log(container) == ["early", "got a"])
    until(lambda: (streams.node.status(container).state == pb.CONTAINER_EXITED) == once)


def test_who_only_writes_learns_of_the_end_of_the_container_by_writing(streams: Streams) -> None:
    container = reader(streams)
    stream = streams.attach(container, **ONLY_INPUT)
    streams.node.stop(container)
    assert len(streams.sessions()) == 1
    stream.write(b"late\n")
    assert stream.result().error == SUCCESS


def test_who_only_writes_to_a_container_without_input_has_nothing_to_do(streams: Streams) -> None:
    container = streams.run("sleep", "9999")
    assert streams.attach(container, **ONLY_INPUT).result().error == SUCCESS
    assert streams.node.status(container).state == pb.CONTAINER_RUNNING


# The object face alone.


@pytest.mark.parametrize("wire", ["object"], indirect=True)
def test_a_silent_container_lets_its_client_wait_for_ever(streams: Streams) -> None:
    stream = streams.attach(reader(streams))
    with pytest.raises(Stuck, match="the stream of Attach waits for ever: nothing is scheduled"):
        stream.read()
