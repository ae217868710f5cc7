"""Execs and attachments with a terminal. Source: spec streaming 2.6.5, 2.6.8, 2.7 and 2.13."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.behaviour.steps import until
from tests.behaviour.streams import Streams
from tests.support import LOGS

CTRL_C, CTRL_D = b"\x03", b"\x04"


@pytest.fixture
def running(streams: Streams) -> str:
    """Return a container that runs."""
    return streams.run("sleep", "9999999")


def exec_tty(streams: Streams, id_: str, *command: str, **fields: Any) -> Any:
    return streams.exec(id_, *command, **{"stdin": True, "stderr": False, "tty": True, **fields})


def shows(stream: Any, expected: bytes) -> None:
    """Require what comes next."""
    shown = b""
    while len(shown) < len(expected):
        chunk = stream.read()
        assert chunk, f"it has shown {shown!r}"
        shown += chunk
    assert shown == expected


def test_an_exec_with_a_terminal_knows_its_type(streams: Streams) -> None:
    running = streams.run("sleep", "9999999", envs=[{"key": "TERM", "value": b"dumb"}])
    result = exec_tty(streams, running, "sh", "-c", "echo $TERM; tty; test -t 0; echo $?").result()
    assert result.stdout == b"xterm\r\n/dev/pts/0\r\n0\r\n"
    plain = streams.exec(running, "sh", "-c", "echo $TERM; tty").result()
    assert plain.stdout == b"dumb\nnot a tty\n"


def test_all_output_of_a_terminal_is_one_stream(streams: Streams, running: str) -> None:
    result = exec_tty(streams, running, "sh", "-c", "echo a; echo b >&2; echo c").result()
    assert (result.stdout, result.stderr) == (b"a\r\nb\r\nc\r\n", b"")


def test_what_is_typed_is_echoed_and_edited(streams: Streams, running: str) -> None:
    stream = exec_tty(streams, running, "cat")
    stream.write(b"helo\x7flo\r")
    shows(stream, b"helo\b \blo\r\nhello\r\n")
    stream.write(CTRL_D)
    assert stream.result().exit_code == 0


def test_control_c_ends_what_a_terminal_runs(streams: Streams, running: str) -> None:
    stream = exec_tty(streams, running, "cat")
    stream.write(b"x" + CTRL_C)
    result = stream.result()
    assert (result.stdout, result.exit_code) == (b"x^C", 130)


def test_control_c_ends_all_that_is_in_the_foreground(streams: Streams, running: str) -> None:
    stream = exec_tty(streams, running, "sh", "-c", "tail -f /dev/null | cat; echo never")
    comes(streams, lambda: len(processes(streams, running)) == 4)
    stream.write(CTRL_C)
    assert stream.result().exit_code == 130
    comes(streams, lambda: len(processes(streams, running)) == 1)


def comes(streams: Streams, condition: Callable[[], bool]) -> None:
    def is_there() -> bool:
        streams.cri.advance(0.1)
        return condition()

    until(is_there)


def processes(streams: Streams, id_: str) -> list[str]:
    container = streams.cri.host.world.store.containers.get(id_)
    assert container.system is not None
    return [each.spec.argv[0] for each in container.system.processes.values()]


def test_the_size_of_the_window_is_told(streams: Streams, running: str) -> None:
    script = "trap 'stty size' WINCH; echo ready; while :; do sleep 1; done"
    stream = exec_tty(streams, running, "sh", "-c", script)
    shows(stream, b"ready\r\n")
    stream.resize(132, 50)
    shows(stream, b"50 132\r\n")
    stream.resize(0, 50)
    stream.resize(132, 0)
    stream.resize(80, 24)
    shows(stream, b"24 80\r\n")


def test_a_client_that_closes_stdin_of_a_terminal_loses_the_output(
    streams: Streams, running: str
) -> None:
    with streams.cri.clock.hold():
        stream = exec_tty(streams, running, "sh", "-c", "echo before; read x; sleep 1; exit 7")
        shows(stream, b"before\r\n")
        stream.write(b"x\r")
        shows(stream, b"x\r\n")
        stream.close_stdin()
    result = stream.result()
    assert (result.stdout, result.exit_code) == (b"", 7)


def test_a_terminal_that_nobody_types_at_has_no_input(streams: Streams, running: str) -> None:
    script = "read -t 3 x; echo got $?"
    result = exec_tty(streams, running, "sh", "-c", script, stdin=False).result()
    assert result.stdout == b"got 1\r\n"


def test_the_processes_of_a_client_who_is_gone_lose_their_terminal(
    streams: Streams, running: str
) -> None:
    stream = exec_tty(streams, running, "sh", "-c", "tail -f /dev/null | cat; true")
    comes(streams, lambda: len(processes(streams, running)) == 4)
    stream.hang_up()
    comes(streams, lambda: processes(streams, running) == ["sleep"])


def test_terminals_of_a_container_have_numbers(streams: Streams) -> None:
    running = streams.run("sleep", "9999999", tty=True)
    first = exec_tty(streams, running, "cat")
    first.write(b"x\r")
    shows(first, b"x\r\nx\r\n")
    script = "tty; ls /dev/pts; echo /proc/self/fd/0 > /dev/tty; readlink /proc/self/fd/1"
    second = exec_tty(streams, running, "sh", "-c", script).result()
    shown = b"/dev/pts/2\r\n0     1     2     ptmx\r\n/proc/self/fd/0\r\n/dev/pts/2\r\n"
    assert second.stdout == shown
    exec_tty(streams, running, "sh", "-c", "echo hello > /dev/pts/1").result()
    shows(first, b"hello\r\n")
    gone = exec_tty(streams, running, "sh", "-c", "ls /dev/pts/").result().stdout
    assert gone == b"0     1     2     ptmx\r\n"


def test_output_of_a_container_with_a_terminal_is_in_its_log(streams: Streams) -> None:
    running = streams.run("sh", "-c", "echo out; echo err >&2; cat", tty=True, stdin=True)
    stream = streams.attach(running, stdin=True, stderr=False, tty=True)
    stream.write(b"typed\r")
    shows(stream, b"typed\r\ntyped\r\n")
    log = streams.cri.files.read(f"{LOGS}/main/0.log").decode()
    lines = [line.split(" ", 1)[1] for line in log.splitlines()]
    assert lines == [
        "stdout F out",
        "stdout F err",
        "stdout F typed",
        "stdout F typed",
    ]


def test_an_attachment_sets_the_size_of_a_container_s_terminal(streams: Streams) -> None:
    script = "while read x; do stty size; done"
    running = streams.run("sh", "-c", script, tty=True, stdin=True)
    stream = streams.attach(running, stdin=True, stderr=False, tty=True)
    stream.resize(100, 30)
    stream.write(b"\r")
    shows(stream, b"\r\n30 100\r\n")


def test_a_terminal_that_is_not_read_makes_its_client_wait(streams: Streams, running: str) -> None:
    stream = exec_tty(streams, running, "sh", "-c", "stty -echo; echo ready; sleep 5; wc -c")
    shows(stream, b"ready\r\n")
    for _ in range(10):
        stream.write(b"x" * 999 + b"\r")
    stream.write(CTRL_D)
    assert stream.result().stdout == b"10000\r\n"
