"""What an exec does behind its URL. Source: spec streaming 2.6, 2.12."""

import hashlib
import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from fakecri.api import runtime_pb2 as pb
from fakecri.core.streaming.commands import Exec
from fakecri.core.streaming.sessions import ROOM
from fakecri.core.streaming.statuses import JSON_SINCE
from fakecri.errors import Missing, Stuck
from tests.behaviour.steps import until
from tests.behaviour.streams import SPOKEN, WIRES, Streams, fill

JSON = [(wire, version) for wire in WIRES for version in SPOKEN[wire] if version >= JSON_SINCE]
TEXT = [(wire, version) for wire in WIRES for version in SPOKEN[wire] if version < JSON_SINCE]

FOR_EVER = ("tail", "-f", "/dev/null")
"""What no leap of time ends."""


@pytest.fixture
def running(streams: Streams) -> str:
    """Return a container that runs."""
    return streams.run("sleep", "9999999")


def failure(text: str) -> dict[str, object]:
    """Return the status of what went wrong before anything ran."""
    message = f"Internal error occurred: error executing command in container: {text}"
    return {"status": "Failure", "message": message, "reason": "InternalError", "code": 500}


# Outputs and status.


def test_outputs_are_complete_and_the_status_tells_success(streams: Streams, running: str) -> None:
    result = streams.exec(running, "sh", "-c", "echo hi; echo err >&2").result()
    assert (result.stdout, result.stderr) == (b"hi\n", b"err\n")
    assert result.error == b'{"status":"Success"}'
    assert result.exit_code == 0


@pytest.mark.parametrize(("wire", "version"), JSON, indirect=["wire"])
def test_an_exit_code_is_told_as_containerd_does(
    streams: Streams, running: str, version: int
) -> None:
    result = streams.exec(running, "sh", "-c", "exit 3 && true", version=version).result()
    message = (
        "command terminated with non-zero exit code: "
        r"error executing command [sh -c exit 3 \u0026\u0026 true], exit code 3"
    )
    assert result.error.decode() == (
        f'{{"status":"Failure","message":"{message}","reason":"NonZeroExitCode",'
        '"details":{"causes":[{"reason":"ExitCode","message":"3"}]}}'
    )
    assert result.exit_code == 3


@pytest.mark.parametrize(("wire", "version"), TEXT, indirect=["wire"])
def test_old_versions_tell_a_failure_as_text_and_a_success_as_nothing(
    streams: Streams, running: str, version: int
) -> None:
    text = (
        b"command terminated with non-zero exit code: "
        b"error executing command [sh -c exit 3], exit code 3"
    )
    if (streams.wire, version) == ("spdy", 1):
        text = b""  # the server has reset that stream at the beginning
    assert streams.exec(running, "true", version=version).result().error == b""
    assert streams.exec(running, "sh", "-c", "exit 3", version=version).result().error == text


def test_what_is_not_asked_for_is_dropped(streams: Streams, running: str) -> None:
    result = streams.exec(running, "sh", "-c", "echo hi; echo err >&2", stdout=False).result()
    assert (result.stdout, result.stderr, result.exit_code) == (b"", b"err\n", 0)


def test_a_missing_program_is_found_out_by_the_client_of_the_url(
    streams: Streams, running: str
) -> None:
    result = streams.exec(running, "nosuch").result()
    serial = hashlib.sha256(b"0/exec/1").hexdigest()
    assert json.loads(result.error) == failure(
        f'failed to exec in container: failed to start exec "{serial}": OCI runtime exec failed: '
        "exec failed: unable to start container process: "
        'exec: "nosuch": executable file not found in $PATH: unknown'
    )
    assert (result.stdout, result.stderr, result.exit_code) == (b"", b"", None)


def test_the_container_is_looked_up_when_the_url_is_used(streams: Streams, running: str) -> None:
    urls = [streams.exec_url(running, "true") for _ in range(2)]
    streams.node.stop(running)
    assert json.loads(streams.use(urls[0]).result().error) == failure(
        "failed to exec in container: container is in CONTAINER_EXITED state"
    )
    streams.node.remove(running)
    assert json.loads(streams.use(urls[1]).result().error) == failure(
        f'failed to exec in container: failed to find container "{running}" in store: not found'
    )


def test_a_prefix_of_the_id_is_enough(streams: Streams, running: str) -> None:
    assert streams.exec(running[:8], "true").result().exit_code == 0


def test_nothing_runs_before_the_url_is_used(streams: Streams, running: str) -> None:
    url = streams.exec_url(running, "touch", "/made")
    assert streams.sync(running, "sh", "-c", "ls /made 2>/dev/null") == ""
    assert streams.use(url).result().exit_code == 0
    assert streams.sync(running, "ls", "/made") == "/made\n"


# Input.


def test_what_is_written_is_read_and_its_end_too(streams: Streams, running: str) -> None:
    stream = streams.exec(running, "cat", stdin=True)
    stream.write(b"hello")
    assert stream.read() == b"hello"
    stream.close_stdin()
    assert stream.read() == b""
    assert stream.result().exit_code == 0


def test_without_input_the_process_reads_its_end(streams: Streams, running: str) -> None:
    assert streams.exec(running, "cat").result().exit_code == 0


def test_fifty_megabytes_go_through_a_command_whole(streams: Streams, running: str) -> None:
    stream = streams.exec(running, "cat", stdin=True)
    piece = bytes(range(256)) * 2000
    for _ in range(100):
        stream.write(piece)
    stream.close_stdin()
    assert hashlib.sha256(stream.result().stdout).digest() == hashlib.sha256(piece * 100).digest()


def test_who_does_not_read_gets_no_more_than_fits(streams: Streams, running: str) -> None:
    stream = streams.exec(running, *FOR_EVER, stdin=True)
    (session,) = streams.sessions()
    with streams.cri.host.turn():
        assert isinstance(session, Exec)
        fed = fill(session)
        assert ROOM <= fed < 2 * ROOM
    stream.hang_up()


def test_input_may_come_before_the_process_starts(streams: Streams, running: str) -> None:
    url = streams.exec_url(running, "cat", stdin=True)
    with streams.cri.host.turn() as world:
        session = world.sessions.redeem("exec", url.rpartition("/")[2])
        assert isinstance(session, Exec)
        session.begin("object")
        session.feed(b"early")
        session.close_stdin()
        session.start()
    with streams.cri.host.turn():
        assert session.take() == ("stdout", b"early", False)


def test_who_hangs_up_before_the_start_starts_nothing(streams: Streams, running: str) -> None:
    url = streams.exec_url(running, "touch", "/made")
    with streams.cri.host.turn() as world:
        session = world.sessions.redeem("exec", url.rpartition("/")[2])
        assert isinstance(session, Exec)
        session.begin("object")
        session.hang_up()
        session.start()
    assert streams.sync(running, "sh", "-c", "ls /made 2>/dev/null") == ""
    assert (session.ended, session.readable) == (True, False)


def test_what_a_process_leaves_unread_goes_with_it(streams: Streams, running: str) -> None:
    # What it has started keeps the stream open, until that is killed.
    script = "tail -f /dev/null >&2 & echo $! >/tmp/pid; sleep 1"
    stream = streams.exec(running, "sh", "-c", script, stdin=True)
    for _ in range(10):
        stream.write(b"x" * ROOM)
    streams.sync(running, "sh", "-c", "kill $(cat /tmp/pid)")
    assert stream.result().exit_code == 0


# Flow.


@pytest.mark.parametrize(
    "script",
    [
        "yes",
        "cat /dev/zero",
        "head -c 100000000 /dev/zero",
        "dd if=/dev/zero bs=64K count=1000 2>/dev/null",
        "seq 1 1000000",
        "yes $(seq 1 1000) | cat | sed s/1/x/",
        "while true; do echo one and two and three; done",
    ],
)
def test_a_writer_waits_for_its_client(streams: Streams, running: str, script: str) -> None:
    stream = streams.exec(running, "sh", "-c", script)
    (session,) = streams.sessions()
    taken = 0
    while taken < 1_000_000:
        taken += len(stream.read())
        assert session.held <= 3 * ROOM
    stream.hang_up()


@pytest.mark.parametrize("script", ["yes | head -c 10000000", "cat /dev/zero | head -c 50000000"])
def test_much_output_takes_little_virtual_time(streams: Streams, running: str, script: str) -> None:
    before_ns = streams.cri.now_ns
    assert streams.exec(running, "sh", "-c", script).result().exit_code == 0
    assert streams.cri.now_ns - before_ns < 1_000_000_000


def test_output_comes_in_order_and_before_the_status(streams: Streams, running: str) -> None:
    stream = streams.exec(running, "sh", "-c", "seq 1 50000; exit 3")
    numbers = b"".join(iter(stream.read, b"")).split()
    assert numbers == [b"%d" % number for number in range(1, 50_001)]
    assert stream.result().exit_code == 3


def test_two_hundred_execs_finish_together(streams: Streams, running: str) -> None:
    several = [
        streams.exec(running, "sh", "-c", f"read line; sleep 1; echo $line {number}", stdin=True)
        for number in range(200)
    ]
    for stream in reversed(several):
        stream.write(b"line\n")
    assert [stream.result().stdout for stream in several] == [
        b"line %d\n" % number for number in range(200)
    ]


def test_streams_are_used_from_many_threads(streams: Streams, running: str) -> None:
    def use(number: int) -> bytes:
        with streams.exec(running, "sh", "-c", f"sleep 0.{number:02}; cat", stdin=True) as stream:
            stream.write(b"%d" % number)
            stream.close_stdin()
            return bytes(stream.result().stdout)

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(use, range(24))) == [b"%d" % number for number in range(24)]


# Ends.


def test_who_hangs_up_kills_the_process_and_not_what_it_has_started(
    streams: Streams, running: str
) -> None:
    stream = streams.exec(running, "sh", "-c", "tail -f /dev/null & echo begun; wait")
    assert stream.read() == b"begun\n"
    stream.hang_up()
    until(lambda: "sh -c" not in streams.sync(running, "ps"))
    assert "tail -f" in streams.sync(running, "ps")
    until(lambda: streams.sessions() == [])


def test_a_stopped_container_takes_its_execs_with_it(streams: Streams, running: str) -> None:
    stream = streams.exec(running, "sh", "-c", "echo begun; tail -f /dev/null")
    assert stream.read() == b"begun\n"
    streams.node.stop(running)
    assert stream.result().exit_code == 137


def test_what_a_command_leaves_behind_holds_its_stream_open(streams: Streams, running: str) -> None:
    before_ns = streams.cri.now_ns
    result = streams.exec(running, "sh", "-c", "(sleep 5; echo late) & echo early").result()
    assert (result.stdout, result.exit_code) == (b"early\nlate\n", 0)
    assert streams.cri.now_ns - before_ns >= 5_000_000_000


def test_a_runtime_that_dies_breaks_its_streams_off(streams: Streams, running: str) -> None:
    stream = streams.exec(running, "sh", "-c", "echo begun; tail -f /dev/null")
    assert stream.read() == b"begun\n"
    streams.cri.restart_runtime()
    result = stream.result()
    assert (result.cut, result.error) == (True, b"")
    # The process is the shim's business.
    assert "tail -f" in streams.sync(running, "ps")


def test_no_session_is_left_when_the_work_is_done(streams: Streams, running: str) -> None:
    streams.exec(running, "true").result()
    until(lambda: streams.sessions() == [])
    with streams.cri.host.turn() as world:
        assert world.store.containers.get(running).execs == []


def test_who_waits_for_a_runtime_that_is_closed_waits_no_more(
    streams: Streams, running: str
) -> None:
    with ThreadPoolExecutor(1) as pool:
        stream = streams.exec(running, "cat", stdin=True)
        waiting = pool.submit(stream.result)
        streams.cri.close()
        assert waiting.result().cut


# The object face alone.


@pytest.mark.parametrize("wire", ["object"], indirect=True)
def test_a_url_is_good_for_one_use(streams: Streams, running: str) -> None:
    url = streams.exec_url(running, "true")
    assert streams.use(url).result().exit_code == 0
    attach = pb.AttachRequest(container_id=running, stdout=True)
    other = streams.node.runtime.Attach(attach).url.replace("/attach/", "/exec/")
    for bad in (url, other, "http://127.0.0.1/healthz", "exec"):
        with pytest.raises(Missing, match="nothing is behind it"):
            streams.cri.stream(bad)


@pytest.mark.parametrize("wire", ["object"], indirect=True)
def test_a_read_that_nothing_can_end_is_stuck(streams: Streams) -> None:
    waiting = streams.run("cat", stdin=True)
    stream = streams.exec(waiting, "cat", stdin=True)
    with pytest.raises(Stuck, match="the stream of Exec waits for ever"):
        stream.read()
    stream.write(b"still there")
    assert stream.read() == b"still there"


@pytest.mark.parametrize("wire", ["object"], indirect=True)
def test_who_writes_into_a_stream_that_has_ended_breaks_a_pipe(
    streams: Streams, running: str
) -> None:
    stream = streams.exec(running, "true", stdin=True)
    stream.result()
    with pytest.raises(BrokenPipeError):
        stream.write(b"late")
