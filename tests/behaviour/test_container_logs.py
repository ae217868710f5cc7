"""Container logs, in memory and on the disk: what is written, when, where. Source: 16 and 22."""

import errno
from collections.abc import Iterator
from pathlib import Path

import pytest

from fakecri import Process
from fakecri.api import runtime_pb2 as pb
from fakecri.core.files import MemoryFiles
from fakecri.core.output import MAX_LINE, LogRecord, parse_records
from fakecri.core.processes import Program
from fakecri.core.scheduler import Waits
from tests.behaviour.steps import EXITED, RUNNING, UNKNOWN, lose, wait
from tests.support import LOGS, Node, create_request, node, raises_status

LOG = f"{LOGS}/main/0.log"


@pytest.fixture(params=["memory", "disk"])
def logging(face: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Node]:
    """Open a node with busybox whose logs are in memory, or on the disk."""
    log_root = tmp_path / "root" if request.param == "disk" else None
    with node(face, log_root=log_root) as opened:
        opened.pull()
        yield opened


def read(node: Node, path: str = LOG) -> bytes:
    """Return a file of the node."""
    with node.cri.host.turn() as world:
        return world.files.read(path)


def exists(node: Node, path: str = LOG) -> bool:
    """Whether a file of the node is there."""
    with node.cri.host.turn() as world:
        return world.files.exists(path)


def rename(node: Node, old: str, new: str) -> None:
    """Rename a file, as a kubelet does that rotates logs."""
    with node.cri.host.turn() as world:
        world.files.rename(old, new)


def contents(node: Node) -> list[tuple[str, bool, bytes]]:
    """Return stream, whether it is partial, and content of each record."""
    return [(each.stream, each.partial, each.content) for each in parse_records(read(node))]


def reopen(node: Node, id_: str) -> None:
    """Reopen the log of a container."""
    node.runtime.ReopenContainerLog(pb.ReopenContainerLogRequest(container_id=id_))


def writer(*chunks: bytes, every: float = 0, stream: str = "stdout") -> Program:
    """Return a program that writes one chunk after the other."""

    def write(process: Process) -> Waits[int]:
        for chunk in chunks:
            (process.error if stream == "stderr" else process.write)(chunk)
            yield from process.sleep(every)
        return 0

    return write


# Where and when (22).


def test_a_log_is_there_from_the_start_on(logging: Node) -> None:
    made = logging.create(logging.run_sandbox(), "sleep", "9")
    assert not exists(logging, "/var")
    logging.start(made)
    assert read(logging) == b""


def test_a_log_file_and_its_directories_have_containerds_modes(face: str, tmp_path: Path) -> None:
    with node(face, log_root=tmp_path / "root") as opened:
        opened.pull()
        opened.run(opened.run_sandbox(), "sleep", "9")
        log = tmp_path / "root" / LOG.removeprefix("/")
        assert log.stat().st_mode & 0o777 == 0o640
        assert log.parent.stat().st_mode & 0o777 == 0o755


def test_what_was_in_the_file_stays(logging: Node) -> None:
    with logging.cri.host.turn() as world:
        world.files.open_append(LOG).write(b"before\n")
    logging.run(logging.run_sandbox(), "echo", "after")
    before, after = read(logging).splitlines()
    assert (before, after.endswith(b" stdout F after")) == (b"before", True)


def test_without_both_parts_of_a_path_there_is_no_log(logging: Node) -> None:
    pod = logging.run_sandbox()
    no_path = create_request(pod, "echo", "x", name="a", log_path="")
    no_directory = create_request(pod, "echo", "x", name="b")
    no_directory.sandbox_config.log_directory = ""
    for request in (no_path, no_directory):
        made = logging.runtime.CreateContainer(request).container_id
        logging.start(made)
        assert (logging.status(made).state, logging.cri.log(made)) == (EXITED, b"")
    assert not exists(logging, "/var")


def test_two_attempts_have_logs_of_their_own(logging: Node) -> None:
    pod = logging.run_sandbox()
    for attempt in (0, 1):
        logging.run(pod, "echo", str(attempt), attempt=attempt)
    logs = [read(logging, f"{LOGS}/main/{attempt}.log") for attempt in (0, 1)]
    assert [each[-2:] for each in logs] == [b"0\n", b"1\n"]


# Records (22).


def test_a_line_is_a_record_with_the_time_of_its_writing(logging: Node) -> None:
    logging.cri.register(writer(b"one\n", b"two\n", b"three\n", every=0.5), command="app")
    logging.cri.host.advance(1_795_475_948_250_000_000 - logging.cri.now_ns)
    running = logging.run(logging.run_sandbox(), "app")
    wait(logging, 2)
    assert logging.status(running).state == EXITED
    assert read(logging) == (
        b"2026-11-23T23:19:08.25Z stdout F one\n"
        b"2026-11-23T23:19:08.75Z stdout F two\n"
        b"2026-11-23T23:19:09.25Z stdout F three\n"
    )


@pytest.mark.parametrize(
    ("chunks", "records"),
    [
        ([b"a\r\n", b"\n", b"b\r\r\n"], [(False, b"a"), (False, b""), (False, b"b\r")]),
        ([b"split ", b"in ", b"3\nand more\n"], [(False, b"split in 3"), (False, b"and more")]),
        ([b"no end"], [(True, b"no end")]),
        ([b"\xff\x00\n"], [(False, b"\xff\x00")]),
        ([b"x" * MAX_LINE + b"\n"], [(False, b"x" * MAX_LINE)]),
        ([b"x" * MAX_LINE + b"y\n"], [(True, b"x" * MAX_LINE), (False, b"y")]),
        ([b"x" * MAX_LINE * 2], [(True, b"x" * MAX_LINE)] * 2),
    ],
)  # fmt: skip
def test_output_is_cut_into_records(
    logging: Node, chunks: list[bytes], records: list[tuple[bool, bytes]]
) -> None:
    logging.cri.register(writer(*chunks), command="app")
    made = logging.run(logging.run_sandbox(), "app")
    wait(logging)
    # The log is complete when the exit can be seen.
    assert logging.status(made).state == EXITED
    assert contents(logging) == [("stdout", *each) for each in records]


def test_an_unfinished_line_waits_while_the_container_runs(logging: Node) -> None:
    logging.cri.register(writer(b"one\ntw", b"o\nthree", every=2), command="app")
    logging.run(logging.run_sandbox(), "app")
    assert contents(logging) == [("stdout", False, b"one")]
    wait(logging, 2)
    assert contents(logging)[1:] == [("stdout", False, b"two")]
    wait(logging, 2)
    assert contents(logging)[2:] == [("stdout", True, b"three")]


def test_streams_are_told_apart_but_on_a_terminal(logging: Node) -> None:
    def app(process: Process) -> None:
        process.write(b"out\nrest")
        process.error(b"err\n")

    logging.cri.register(app, command="app")
    pod = logging.run_sandbox()
    logging.run(pod, "app")
    assert contents(logging) == [
        ("stdout", False, b"out"),
        ("stderr", False, b"err"),
        ("stdout", True, b"rest"),
    ]
    logging.run(pod, "app", attempt=1, tty=True)
    records = parse_records(read(logging, f"{LOGS}/main/1.log"))
    assert [(each.stream, each.content) for each in records] == [
        ("stdout", b"out"),
        ("stdout", b"resterr"),
    ]


def test_a_killed_container_leaves_what_it_had_written(logging: Node) -> None:
    logging.cri.register(writer(b"half", every=99), command="app")
    running = logging.run(logging.run_sandbox(), "app")
    logging.stop(running)
    assert contents(logging) == [("stdout", True, b"half")]
    (record,) = parse_records(read(logging))
    assert record == LogRecord(logging.cri.now_ns, "stdout", True, b"half")


def test_a_full_disk_loses_output_and_hinders_nobody(ready: Node) -> None:
    ready.cri.register(writer(b"one\n", b"two\n", b"three\n", every=1), command="app")
    running = ready.run(ready.run_sandbox(), "app")
    with ready.cri.host.turn() as world:
        assert isinstance(world.files, MemoryFiles)
        world.files.refuse(LOGS, errno.ENOSPC)
    wait(ready, 1.5)
    with ready.cri.host.turn() as world:
        assert isinstance(world.files, MemoryFiles)
        world.files.refuse(LOGS, None)
    wait(ready, 2)
    assert ready.status(running).exit_code == 0
    assert [content for _, _, content in contents(ready)] == [b"one", b"three"]


# Reopening (16).


def test_a_rotated_log_goes_on_in_a_new_file(logging: Node) -> None:
    logging.cri.register(writer(b"one\ntw", b"o\nthree\n", every=1), command="app")
    running = logging.run(logging.run_sandbox(), "app")
    rename(logging, LOG, f"{LOG}.1")
    assert not exists(logging)
    reopen(logging, running)
    assert read(logging) == b""
    wait(logging, 2)
    old, new = (
        [(each.partial, each.content) for each in parse_records(read(logging, path))]
        for path in (f"{LOG}.1", LOG)
    )
    # What was held of a line goes to the old file.
    assert old == [(False, b"one"), (True, b"tw")]
    assert new == [(False, b"o"), (False, b"three")]


def test_output_goes_to_the_renamed_file_until_the_log_is_reopened(logging: Node) -> None:
    logging.cri.register(writer(b"one\n", b"two\n", every=1), command="app")
    logging.run(logging.run_sandbox(), "app")
    rename(logging, LOG, f"{LOG}.1")
    wait(logging, 2)
    assert read(logging, f"{LOG}.1").count(b"\n") == 2
    assert not exists(logging)


def test_a_missing_directory_is_made_when_a_log_is_reopened(logging: Node) -> None:
    running = logging.run(logging.run_sandbox(), "sleep", "9")
    with logging.cri.host.turn() as world:
        world.files.remove_tree("/var")
    reopen(logging, running)
    assert read(logging) == b""


@pytest.mark.parametrize("state", ["created", "exited", "lost"])
def test_only_a_running_containers_log_is_reopened(logging: Node, state: str) -> None:
    made = logging.create(logging.run_sandbox(), "true")
    if state == "exited":
        logging.start(made)
        rename(logging, LOG, f"{LOG}.1")
    if state == "lost":
        lose(logging, made)
    with raises_status(UNKNOWN, "container is not running"):
        reopen(logging, made)
    assert not exists(logging)


def test_a_log_that_cannot_be_opened_stays_the_old_one(logging: Node) -> None:
    logging.cri.register(writer(b"one\n", b"two\n", every=1), command="app")
    running = logging.run(logging.run_sandbox(), "app")
    rename(logging, f"{LOGS}/main", f"{LOGS}/old")
    with logging.cri.host.turn() as world:
        world.files.write(f"{LOGS}/main", b"")
    text = f"failed to create and open log file: mkdir {LOGS}/main: not a directory"
    with raises_status(UNKNOWN, text):
        reopen(logging, running)
    assert logging.status(running).state == RUNNING
    wait(logging, 2)
    assert read(logging, f"{LOGS}/old/0.log").count(b"\n") == 2
    # A kubelet renames it back: nothing may have come in its place.
    assert read(logging, f"{LOGS}/main") == b""


def test_a_log_that_is_discarded_can_be_reopened(logging: Node) -> None:
    running = logging.run(logging.run_sandbox(), "sleep", "9", log_path="")
    reopen(logging, running)
    assert not exists(logging, "/var")


def test_reopening_tells_nobody(ready: Node) -> None:
    running = ready.run(ready.run_sandbox(), "sleep", "9")
    before = ready.status(running)
    with ready.cri.host.turn() as world:
        events = world.events.subscribe()
        events.drain()
    reopen(ready, running)
    assert ready.status(running) == before
    assert events.drain() == []
