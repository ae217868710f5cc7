"""A container's output as records of its log file."""

import errno
import re
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fakecri.core.files import Files, MemoryFiles
from fakecri.core.output import MAX_LINE, ContainerLog, LogRecord, parse_records
from fakecri.logs import DiskFiles

LOG = "/var/log/pods/default_web_1/app/0.log"
NOW_NS = 1_714_564_800_250_000_000
STAMP = b"2024-05-01T12:00:00.25Z"


@pytest.fixture(params=["memory", "disk"])
def files(request: pytest.FixtureRequest, tmp_path: Path) -> Files:
    return MemoryFiles() if request.param == "memory" else DiskFiles(tmp_path)


def _opened(files: Files, path: str = LOG, max_line: int = MAX_LINE) -> ContainerLog:
    log = ContainerLog(files, path, lambda: NOW_NS, max_line)
    log.open()
    return log


def _records(
    chunks: list[bytes], max_line: int = MAX_LINE, *, close: bool = True
) -> list[tuple[str, bytes]]:
    """Tags and contents that chunks of stdout become."""
    files = MemoryFiles()
    log = _opened(files, max_line=max_line)
    for chunk in chunks:
        log.write("stdout", chunk)
    if close:
        log.close()
    return [("P" if r.partial else "F", r.content) for r in parse_records(files.read(LOG))]


# The form of a record


def test_a_record_is_time_stream_tag_and_content(files: Files) -> None:
    log = _opened(files)
    log.write("stdout", b"hello world\n")
    log.write("stderr", b"oh\nno")
    log.close()
    assert files.read(LOG) == (
        STAMP + b" stdout F hello world\n" + STAMP + b" stderr F oh\n" + STAMP + b" stderr P no\n"
    )


def test_an_empty_line_ends_with_the_space_after_its_tag(files: Files) -> None:
    _opened(files).write("stdout", b"\n")
    assert files.read(LOG) == STAMP + b" stdout F \n"


def test_a_record_carries_the_time_of_its_writing_not_of_its_output() -> None:
    files, times = MemoryFiles(), [1, 2, 3]
    log = ContainerLog(files, LOG, lambda: times.pop(0))
    log.open()
    for chunk in (b"a\nb\nc", b"d", b"e\n"):
        log.write("stdout", chunk)
    assert [(r.time_ns, r.content) for r in parse_records(files.read(LOG))] == [
        (1, b"a"),
        (1, b"b"),
        (3, b"cde"),
    ]


# How output becomes lines


@pytest.mark.parametrize(
    ("output", "records"),
    [
        (b"", []),
        (b"one\ntwo\n", [("F", b"one"), ("F", b"two")]),
        (b"one\ntwo", [("F", b"one"), ("P", b"two")]),
        (b"\n\n", [("F", b""), ("F", b"")]),
        (b"a\r\nb\r\r\n\r\n", [("F", b"a"), ("F", b"b\r"), ("F", b"")]),
        (b"a\rb\n\r", [("F", b"a\rb"), ("P", b"\r")]),
        (b"\x00\xff \n", [("F", b"\x00\xff ")]),
    ],
)
def test_output_becomes_lines(output: bytes, records: list[tuple[str, bytes]]) -> None:
    assert _records([output]) == records


@pytest.mark.parametrize(
    ("length", "end", "pieces"),
    [
        (MAX_LINE - 1, b"\n", [("F", MAX_LINE - 1)]),
        (MAX_LINE, b"\n", [("F", MAX_LINE)]),
        (MAX_LINE, b"\r\n", [("F", MAX_LINE)]),
        (MAX_LINE, b"", [("P", MAX_LINE)]),
        (MAX_LINE + 1, b"\n", [("P", MAX_LINE), ("F", 1)]),
        (MAX_LINE + 1, b"\r\n", [("P", MAX_LINE), ("F", 1)]),
        (MAX_LINE + 1, b"", [("P", MAX_LINE), ("P", 1)]),
        (MAX_LINE, b"\r", [("P", MAX_LINE), ("P", 1)]),
        (2 * MAX_LINE, b"\n", [("P", MAX_LINE), ("F", MAX_LINE)]),
        (2 * MAX_LINE + 1, b"\n", [("P", MAX_LINE), ("P", MAX_LINE), ("F", 1)]),
    ],
)
def test_a_long_line_is_cut_at_the_limit(
    length: int, end: bytes, pieces: list[tuple[str, int]]
) -> None:
    records = _records([b"x" * length + end])
    assert [(tag, len(content)) for tag, content in records] == pieces


@pytest.mark.parametrize("max_line", [0, -1])
def test_no_limit_cuts_nothing(max_line: int) -> None:
    line = b"x" * (3 * MAX_LINE)
    assert _records([line[:20_000], line[20_000:] + b"\n"], max_line) == [("F", line)]


def test_characters_are_cut_as_bytes() -> None:
    assert _records(["aé\n".encode()], 2) == [("P", b"a\xc3"), ("F", b"\xa9")]


def test_an_unfinished_line_waits() -> None:
    assert _records([b"one\ntw", b"o"], close=False) == [("F", b"one")]


def test_an_unfinished_line_past_the_limit_does_not_wait() -> None:
    assert _records([b"x" * 4], 4, close=False) == []
    assert _records([b"x" * 4, b"\r"], 4, close=False) == []
    assert _records([b"x" * 4, b"\r", b"y"], 4, close=False) == [("P", b"xxxx")]
    assert _records([b"x" * 9], 4, close=False) == [("P", b"xxxx"), ("P", b"xxxx")]


# Any output in any chunks

_outputs = st.lists(
    st.one_of(
        st.sampled_from([b"\n", b"\r", b"\r\n", b"\r\r\n", b"x", b"xxxx"]), st.binary(max_size=20)
    ),
    max_size=20,
)
_limits = st.sampled_from([0, 1, 2, 3, 4, 7, MAX_LINE])


@given(_outputs, _limits)
@example([b"xxxx", b"\r", b"\n"], 4)
@example([b"xxxx", b"\r", b"\r", b"\n"], 4)
@example([b"\r", b"\r", b"\r"], 1)
def test_chunks_never_change_the_records(chunks: list[bytes], max_line: int) -> None:
    output = b"".join(chunks)
    whole = _records([output], max_line)
    assert _records(chunks, max_line) == whole
    assert _records([bytes([byte]) for byte in output], max_line) == whole


@given(_outputs, _limits)
def test_joined_records_are_the_output_but_for_carriage_returns(
    chunks: list[bytes], max_line: int
) -> None:
    records = _records(chunks, max_line)
    joined = b"".join(content + (b"\n" if tag == "F" else b"") for tag, content in records)
    assert joined == b"".join(chunks).replace(b"\r\n", b"\n")


@given(_outputs, _limits)
def test_only_the_last_piece_of_a_line_is_short(chunks: list[bytes], max_line: int) -> None:
    records = _records(chunks, max_line)
    for (tag, content), (_, following) in pairwise(records):
        if tag == "P":
            assert len(content) == max_line
            assert following
    if max_line:
        assert all(len(content) <= max_line for _, content in records)


@given(st.lists(st.tuples(st.sampled_from(["stdout", "stderr"]), st.binary(max_size=9))), _limits)
def test_each_stream_has_its_own_lines(writes: list[tuple[str, bytes]], max_line: int) -> None:
    files = MemoryFiles()
    log = _opened(files, max_line=max_line)
    for stream, chunk in writes:
        log.write(stream, chunk)
    log.close()
    written = parse_records(files.read(LOG))
    for stream in ("stdout", "stderr"):
        alone = _records([chunk for name, chunk in writes if name == stream], max_line)
        mixed = [("P" if r.partial else "F", r.content) for r in written if r.stream == stream]
        assert mixed == alone


# Terminals, discarded logs, misuse


def test_a_terminal_has_only_stdout() -> None:
    files = MemoryFiles()
    log = ContainerLog(files, LOG, lambda: NOW_NS, tty=True)
    log.open()
    log.write("stdout", b"one ")
    log.write("stderr", b"line\r\n")
    assert parse_records(files.read(LOG)) == [LogRecord(NOW_NS, "stdout", False, b"one line")]


def test_a_log_without_a_path_discards_all() -> None:
    files = MemoryFiles()
    log = _opened(files, path="")
    log.write("stdout", b"x" * 100_000)
    log.reopen()
    log.write("stdout", b"y\n")
    log.close()
    assert files.contents() == {}
    assert log.last_error is None


@pytest.mark.parametrize("path", [LOG, ""])
@pytest.mark.parametrize("was_open", [False, True])
def test_a_log_that_is_not_open_takes_nothing(path: str, was_open: bool) -> None:
    log = ContainerLog(MemoryFiles(), path, lambda: NOW_NS)
    if was_open:
        log.open()
        log.close()
        log.close()
    assert not log.is_open
    with pytest.raises(ValueError, match="the log is not open"):
        log.write("stdout", b"x")
    with pytest.raises(ValueError, match="the log is not open"):
        log.reopen()


@pytest.mark.parametrize("path", [LOG, ""])
def test_an_open_log_is_not_opened_twice_but_again_after_its_end(path: str) -> None:
    log = _opened(MemoryFiles(), path)
    with pytest.raises(ValueError, match="the log is open already"):
        log.open()
    log.close()
    log.open()
    assert log.is_open


def test_an_unknown_stream_is_refused() -> None:
    with pytest.raises(ValueError, match="'stdin' is not a stream"):
        _opened(MemoryFiles()).write("stdin", b"x\n")


# Opening, rotating, failing


def test_opening_keeps_what_a_log_holds(files: Files) -> None:
    for line in (b"one\n", b"two\n"):
        log = _opened(files)
        log.write("stdout", line)
        log.close()
    assert [r.content for r in parse_records(files.read(LOG))] == [b"one", b"two"]


def test_opening_creates_the_file_before_any_output(files: Files) -> None:
    _opened(files).close()
    assert files.read(LOG) == b""


def test_a_log_that_cannot_be_opened_raises_and_stays_closed(files: Files) -> None:
    files.make_dirs(LOG)
    log = ContainerLog(files, LOG, lambda: NOW_NS)
    with pytest.raises(IsADirectoryError):
        log.open()
    assert not log.is_open


def test_reopening_ends_the_old_file_and_begins_a_new_one(files: Files) -> None:
    log = _opened(files)
    log.write("stdout", b"one\ntw")
    log.write("stderr", b"oops")
    files.rename(LOG, f"{LOG}.1")
    log.write("stdout", b"o")
    log.reopen()
    assert files.read(LOG) == b""
    log.write("stdout", b"!\n")
    log.close()
    assert parse_records(files.read(f"{LOG}.1")) == [
        LogRecord(NOW_NS, "stdout", False, b"one"),
        LogRecord(NOW_NS, "stdout", True, b"two"),
        LogRecord(NOW_NS, "stderr", True, b"oops"),
    ]
    assert parse_records(files.read(LOG)) == [LogRecord(NOW_NS, "stdout", False, b"!")]


def test_reopening_without_a_rename_goes_on_in_the_same_file(files: Files) -> None:
    log = _opened(files)
    log.write("stdout", b"a")
    log.reopen()
    log.write("stdout", b"b\n")
    log.close()
    assert [(r.partial, r.content) for r in parse_records(files.read(LOG))] == [
        (True, b"a"),
        (False, b"b"),
    ]


def test_reopening_between_cr_and_newline_leaves_an_empty_line() -> None:
    files = MemoryFiles()
    log = _opened(files)
    log.write("stdout", b"a\r")
    log.reopen()
    log.write("stdout", b"\n")
    assert [(r.partial, r.content) for r in parse_records(files.read(LOG))] == [
        (True, b"a\r"),
        (False, b""),
    ]


def test_a_failed_reopening_changes_nothing(files: Files) -> None:
    log = _opened(files)
    log.write("stdout", b"on")
    files.rename(LOG, f"{LOG}.1")
    files.make_dirs(LOG)
    with pytest.raises(IsADirectoryError):
        log.reopen()
    assert files.read(f"{LOG}.1") == b""
    log.write("stdout", b"e\n")
    log.close()
    assert [r.content for r in parse_records(files.read(f"{LOG}.1"))] == [b"one"]


def test_records_that_cannot_be_written_are_lost_and_counted() -> None:
    files = MemoryFiles()
    log = _opened(files)
    log.write("stdout", b"kept\n")
    files.refuse(LOG, errno.ENOSPC)
    log.write("stdout", b"lost\nlost too\nheld")
    assert log.error_count == 2
    assert isinstance(log.last_error, OSError)
    assert log.last_error.errno == errno.ENOSPC
    files.refuse(LOG, None)
    log.write("stdout", b" and kept\n")
    assert [r.content for r in parse_records(files.read(LOG))] == [b"kept", b"held and kept"]


def test_a_full_device_does_not_stop_a_container() -> None:
    log = _opened(DiskFiles(), path="/dev/full")
    log.write("stdout", b"one\ntwo\nthree")
    log.reopen()
    log.close()
    assert log.error_count == 3
    assert str(log.last_error) == "[Errno 28] No space left on device: '/dev/full'"


# The form, read


def test_the_first_of_many_tags_decides() -> None:
    log = STAMP + b" stdout P:x:F half\n" + STAMP + b" stderr F:y  full \r\n"
    assert parse_records(log) == [
        LogRecord(NOW_NS, "stdout", True, b"half"),
        LogRecord(NOW_NS, "stderr", False, b" full \r"),
    ]


def test_a_time_with_an_offset_is_read() -> None:
    assert parse_records(b"1970-01-01T01:00:00+01:00 stdout F x\n")[0].time_ns == 0


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (b"\n", "a record is a time, a stream, a tag and a content"),
        (STAMP + b" stdout F\n", "a record is a time, a stream, a tag and a content"),
        (b"yesterday stdout F x\n", "'yesterday' is not an RFC 3339 time"),
        (b"2024-02-30T00:00:00Z stdout F x\n", "names no day of the calendar"),
        (b"\xff stdout F x\n", "is not an RFC 3339 time"),
        (STAMP + b" stdin F x\n", "'stdin' is not a stream"),
        (STAMP + b"  stdout F x\n", "'' is not a stream"),
        (STAMP + b" stdout f x\n", "'f' is not a tag: F or P"),
        (STAMP + b" stdout F x", "the record is cut off: it has no newline"),
    ],
)
def test_a_malformed_record_is_named_by_its_line_and_the_reason(line: bytes, why: str) -> None:
    good = STAMP + b" stdout F fine\n"
    with pytest.raises(ValueError, match=f"^line 2: .*{re.escape(why)}"):
        parse_records(good + line)
