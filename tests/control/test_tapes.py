"""A recording that is read while it is written."""

import threading
from pathlib import Path

import pytest

from fakecri.control.tapes import Tape
from fakecri.errors import UsageError


def lines(tape: Tape, limit: int) -> list[str]:
    offset = 0
    got: list[str] = []
    while offset < tape.size:
        for line in tape.read(offset, limit):
            offset += len(line.encode()) + 1
            got.append(line)
    return got


@pytest.mark.parametrize("limit", [1, 7, 64, 1 << 16])
def test_lines_are_read_whole_however_long_they_are(limit: int) -> None:
    tape = Tape()
    written = ["", "a", "\u00fc" * 40, "b" * 100_000, "a\u2028b\x85c"]
    for each in written:
        tape.write(f"{each}\n")
    assert lines(tape, limit) == written
    assert tape.text() == "".join(f"{each}\n" for each in written)
    tape.close()


def test_a_thread_may_read_while_another_writes(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    tape = Tape(path)
    written = [f"line {number} " + "x" * (number % 50) for number in range(3000)]
    writer = threading.Thread(target=lambda: [tape.write(f"{each}\n") for each in written])
    writer.start()
    offset = 0
    got: list[str] = []
    while len(got) < len(written):
        for line in tape.read(offset, 100):
            offset += len(line) + 1
            got.append(line)
    writer.join()
    tape.close()
    assert got == written
    assert path.read_text().splitlines() == written


def test_a_tape_that_is_closed_is_read_to_its_end_by_who_watches() -> None:
    tape = Tape()
    rung: list[int] = []
    stop = tape.watch(lambda: rung.append(tape.size))
    tape.write("a\n")
    tape.close()
    tape.write("b\n")
    assert (lines(tape, 64), rung, tape.ended) == (["a"], [2, 2], True)
    stop()
    with pytest.raises(ValueError, match="closed"):
        tape.text()


def test_a_file_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"--record .*: No such file or directory"):
        Tape(tmp_path / "none" / "run.jsonl")
