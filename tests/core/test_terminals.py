"""A simulated terminal: echo, lines, signals, its size, and what happens when it is full or gone.

That each byte is as on Linux is for `test_terminals_real`.
"""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakecri.core.pipes import Pipe
from fakecri.core.processes import Process, ProcessSpec
from fakecri.core.scheduler import Scheduler, Waits
from fakecri.core.signals import NUMBERS
from fakecri.core.terminal_settings import GROUPS, Settings
from fakecri.core.terminals import QUEUE, Terminal
from tests.core.typist import Typist

CTRL_C, CTRL_S, CTRL_Q, CTRL_BACKSLASH, CTRL_Z = b"\x03", b"\x13", b"\x11", b"\x1c", b"\x1a"


def _idle(process: Process) -> Waits[int]:
    yield from process.forever()
    return 0


def sitting_at(typist: Typist) -> Process:
    """Start a process for which the terminal is there."""
    outlet = typist.terminal
    process = Process(
        typist.scheduler,
        ProcessSpec(("idle",), tty=True),
        pid=7,
        is_init=False,
        stdout=outlet,
        stderr=outlet,
        wall_ns=lambda: 0,
    )
    typist.terminal.adopt(process)
    process.start(_idle)
    typist.scheduler.run()
    return process


@pytest.fixture
def typist() -> Typist:
    return Typist()


def test_a_line_is_echoed_as_it_is_typed_and_read_when_it_is_complete(typist: Typist) -> None:
    reading = typist.read()
    assert typist.type(b"hel") == b"hel"
    assert not reading.done
    assert typist.type(b"lo\r") == b"lo\r\n"
    typist.scheduler.run()
    assert reading.result() == b"hello\n"


def test_an_end_of_file_ends_one_read_and_not_the_terminal(typist: Typist) -> None:
    typist.type(b"\x04more\r")
    assert typist.lines() == [b"", b"more\n"]


def test_bytes_are_read_as_they_come_where_lines_are_not_asked_for() -> None:
    typist = Typist(off=["icanon", "echo"])
    assert typist.type(b"a\x7f\x04") == b""
    assert typist.lines() == [b"a\x7f\x04"]


def test_what_was_typed_of_a_line_is_read_when_lines_are_no_longer_asked_for(
    typist: Typist,
) -> None:
    typist.type(b"half")
    assert not typist.terminal.has_input
    reading = typist.read()
    typist.terminal.configure(typist.terminal.settings.having(off=["icanon"]))
    typist.scheduler.run()
    assert reading.result() == b"half"


def test_a_read_waits_for_as_many_bytes_as_is_asked_for() -> None:
    typist = Typist(off=["icanon"])
    settings = typist.terminal.settings.with_characters(min=3)
    typist.terminal.configure(settings)
    reading = typist.read()
    typist.type(b"ab")
    typist.scheduler.run()
    assert not reading.done
    typist.type(b"c")
    typist.scheduler.run()
    assert reading.result() == b"abc"


def test_a_read_waits_no_longer_than_is_asked_for() -> None:
    typist = Typist(off=["icanon"])
    settings = typist.terminal.settings.with_characters(min=0, time=7)
    typist.terminal.configure(settings)
    reading = typist.read()
    typist.scheduler.advance_to(699_999_999)
    assert not reading.done
    typist.scheduler.advance_to(700_000_000)
    assert reading.result() == b""


@pytest.mark.parametrize(
    ("key", "signal", "echo"),
    [(CTRL_C, "INT", b"^C"), (CTRL_BACKSLASH, "QUIT", b"^\\")],
)
def test_a_key_sends_a_signal_to_the_foreground(
    typist: Typist, key: bytes, signal: str, echo: bytes
) -> None:
    process = sitting_at(typist)
    assert typist.type(b"lost" + key) == b"lost" + echo
    assert process.died_of == NUMBERS[signal]
    assert typist.lines() == []


def test_the_key_that_stops_a_process_is_seen_and_stops_nothing(typist: Typist) -> None:
    process = sitting_at(typist)
    assert typist.type(CTRL_Z) == b"^Z"
    assert not process.exited.done


def test_no_signal_goes_to_the_background(typist: Typist) -> None:
    process = sitting_at(typist)
    typist.terminal.foreground = process.group + 1
    typist.type(CTRL_C)
    assert not process.exited.done


def test_keys_are_bytes_without_isig() -> None:
    typist = Typist(off=["isig", "icanon"])
    process = sitting_at(typist)
    typist.type(CTRL_C)
    assert not process.exited.done
    assert typist.lines() == [CTRL_C]


def test_a_size_is_told_by_a_signal_when_it_changes(typist: Typist) -> None:
    process = sitting_at(typist)
    heard: list[int] = []
    process.handle(NUMBERS["WINCH"], heard.append)
    for columns, rows in ((80, 24), (80, 24), (0, 24), (80, 0), (132, 50)):
        typist.terminal.resize(columns, rows)
    typist.scheduler.run()
    assert typist.terminal.size == (50, 132)
    assert heard == [NUMBERS["WINCH"]] * 2


def test_output_stands_still_between_two_keys(typist: Typist) -> None:
    typist.type(CTRL_S)
    typist.terminal.write(b"late\n")
    assert typist.type(b"x") == b""
    assert typist.type(CTRL_Q) == b"late\r\nx"


def test_a_writer_waits_while_output_stands_still(typist: Typist) -> None:
    process = sitting_at(typist)
    typist.type(CTRL_S)
    process.write(b"x" * 100_000)
    waiting = process.drain()
    next(waiting)
    typist.type(CTRL_Q)
    with pytest.raises(StopIteration):
        waiting.send(None)


def test_a_writer_waits_for_room_at_the_client() -> None:
    scheduler = Scheduler(0)
    pipe = Pipe(scheduler)
    terminal = Terminal(scheduler, pipe)
    terminal.write(b"x" * 100_000)
    assert next(terminal.room()) is not None


def test_a_terminal_that_nobody_reads_from_is_full(typist: Typist) -> None:
    typist.type(b"line\n" * 2000)
    assert typist.terminal.full
    drained = typist.terminal.drained()
    assert b"".join(typist.lines()) == b"line\n" * 2000
    assert drained.done
    assert not typist.terminal.full


def test_a_line_without_end_is_cut(typist: Typist) -> None:
    typist.type(b"x" * 10_000 + b"\n")
    assert typist.lines() == [b"x" * (QUEUE - 1) + b"\n"]


def test_the_processes_of_a_terminal_that_is_gone_are_told(typist: Typist) -> None:
    process = sitting_at(typist)
    reading = typist.read()
    typist.terminal.hang_up()
    typist.scheduler.run()
    assert process.died_of == NUMBERS["HUP"]
    assert reading.result() == b""
    with pytest.raises(OSError, match="Input/output error"):
        typist.terminal.write(b"x")


def test_what_is_typed_at_a_terminal_that_is_gone_is_lost(typist: Typist) -> None:
    typist.terminal.hang_up()
    typist.terminal.hang_up()
    assert typist.type(b"x\r") == b""
    assert typist.read().result() == b""


def test_what_was_given_back_is_read_first(typist: Typist) -> None:
    typist.type(b"one two\nthree\n")
    assert typist.read().result() == b"one two\n"
    typist.terminal.unread(b"two\n")
    assert typist.lines() == [b"two\n", b"three\n"]


MODES = sorted(each for group in GROUPS for each in group if each != "isig")


@given(
    st.frozensets(st.sampled_from(MODES)),
    st.binary(max_size=200),
    st.lists(st.integers(min_value=0, max_value=200), max_size=5),
)
def test_it_does_not_matter_how_input_is_cut(
    modes: frozenset[str], typed: bytes, cuts: list[int]
) -> None:
    whole, pieces = Typist(modes, MODES), Typist(modes, MODES)
    for typist in (whole, pieces):
        typist.terminal.configure(Settings(modes))
    shown = whole.type(typed)
    places = [0, *sorted(cuts), len(typed)]
    cut = [typed[start:stop] for start, stop in pairwise(places)]
    assert b"".join(map(pieces.type, cut)) == shown
    assert pieces.lines() == whole.lines()


@given(st.binary(max_size=300), st.sampled_from([(), ("icanon",), ("icanon", "echo")]))
def test_settings_that_change_lose_nothing_that_is_plain(typed: bytes, on: tuple[str, ...]) -> None:
    typist = Typist(on, {"icanon", "echo", "isig", "ixon", "icrnl"} - {*on})
    plain = bytes(each for each in typed if each >= 32 and each != 127)
    typist.type(plain)
    typist.terminal.configure(typist.terminal.settings.having(off=["icanon"]))
    assert b"".join(typist.lines()) == plain
