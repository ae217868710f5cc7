"""`stty` says and does what busybox's does at a real terminal."""

import fcntl
import os
import pty
import struct
import subprocess
import termios
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fakecri.core.processes import ProcessSpec
from fakecri.core.terminal_settings import CHARACTERS, MODES
from fakecri.core.terminals import Terminal
from tests.core.machine import Machine
from tests.requirements import busybox

SPEED_AND_CHARACTERS = [["speed"], ["-a"], ["-g"], []]


class Said(NamedTuple):
    code: int
    stdout: str
    stderr: str


@contextmanager
def real_terminal(rows: int = 24, columns: int = 80) -> Iterator[int]:
    client, process = pty.openpty()
    try:
        fcntl.ioctl(process, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        yield process
    finally:
        os.close(client)
        os.close(process)


def really(terminal: int, *words: str) -> Said:
    command = [busybox(), "stty", *words]
    done = subprocess.run(command, stdin=terminal, capture_output=True, check=False, env={})
    outputs = (each.decode(errors="backslashreplace") for each in (done.stdout, done.stderr))
    return Said(done.returncode, *outputs)


class Simulated:
    """A machine with a terminal, at which `stty` is run."""

    def __init__(self, rows: int = 24, columns: int = 80) -> None:
        self.machine = Machine()
        self.begun = self.machine.start(["sleep", "1000000"], tty=True, stdin=None)
        assert isinstance(self.begun.stdin, Terminal)
        self.terminal = self.begun.stdin
        self.terminal.set_size(rows, columns)

    def __call__(self, *words: str) -> Said:
        program = self.machine.programs.find(self.machine.image, ("stty", *words), {})
        spec = ProcessSpec(("stty", *words))
        run = self.machine.start_program(program, spec, is_init=False)
        run.process.stdin = self.terminal
        return Said(*run.finish())


def require_the_same(commands: Sequence[Sequence[str]], rows: int = 24, columns: int = 80) -> None:
    simulated = Simulated(rows, columns)
    with real_terminal(rows, columns) as terminal:
        for words in commands:
            assert simulated(*words) == really(terminal, *words), words


@pytest.mark.parametrize("size", [(24, 80), (50, 132), (0, 0), (24, 0), (0, 80)])
def test_it_shows_what_busybox_shows(size: tuple[int, int]) -> None:
    require_the_same([[], ["-a"], ["-g"], ["size"], ["speed"], ["size", "speed"]], *size)


WORDS = (
    "sane raw -raw cooked -cooked cbreak -cbreak nl -nl ek crt dec lcase -lcase LCASE decctlq"
    " -decctlq tabs -tabs pass8 -pass8 litout -litout evenp -evenp parity oddp -oddp hup tandem"
    " -tandem crterase crtkill prterase ctlecho -sane cs8 cs7 cs6 cs5 -cs8 tab3 -tab3 nl1 bs1 cr2"
)
COMBINED = WORDS.split()


@pytest.mark.parametrize("word", COMBINED)
@pytest.mark.parametrize("before", ["sane", "raw", "istrip"])
def test_a_word_for_several_settings_means_what_it_does_to_busybox(before: str, word: str) -> None:
    require_the_same([[before], [word], *SPEED_AND_CHARACTERS])


@pytest.mark.parametrize("mode", sorted(MODES - {"extproc", "cmspar"}))
def test_a_mode_is_the_one_of_linux(mode: str) -> None:
    require_the_same([[mode], ["-g"], [f"-{mode}"], ["-g"], []])


REFUSED = [
    ["rows", "0"], ["cols", "x"], ["columns"], ["min", "300"], ["min", "x"], ["time", "5", "-a"],
    ["eof", "abc"], ["eof", "300"], ["9601"], ["-9600"], ["ispeed", "x"], ["-F", "/nosuch"],
    ["-F"], ["-x"], ["-aa"], ["-ga"], ["a:b"], ["line", "x"], ["line"], ["-rows", "3"],
    ["-intr", "^X"], ["size", "nosuch"], ["-F", "/dev/null"], ["exta"], ["134.5"], ["status", "^T"],
    ["-echo", "nosuch"], ["--", "echo"], ["-cread"], ["parenb"], ["parenb", "-echo"], ["0"],
    ["ospeed", "9600"],
]  # fmt: skip


@pytest.mark.parametrize("words", REFUSED, ids=" ".join)
def test_what_is_wrong_is_refused_as_by_busybox(words: list[str]) -> None:
    require_the_same([words, *SPEED_AND_CHARACTERS])


TAKEN = [
    ["rows", "10", "size"], ["cols", "5", "rows", "7"], ["eof", "^?"], ["eof", "^"], ["eof", "10"],
    ["eof", ""], ["intr", "^c"], ["quit", "x"], ["lnext", "^-"], ["swtch", "undef"], ["9600"],
    ["115200"], ["4000000"], ["line", "3"], ["-echo", "size"], ["speed", "9600", "speed"],
    ["min", "3", "time", "7"], ["-g"], ["erase", "^H", "-icanon"], ["ixany", "-echoctl"],
]  # fmt: skip


@pytest.mark.parametrize("words", TAKEN, ids=" ".join)
def test_a_setting_is_as_busybox_sets_it(words: list[str]) -> None:
    require_the_same([words, *SPEED_AND_CHARACTERS, ["size"]])


named = st.sampled_from(sorted(MODES - {"extproc", "cmspar", "cs5", "cs6", "cs7", "parenb"}))
word_lists = st.lists(
    st.one_of(
        named.map(lambda name: [name]),
        named.map(lambda name: [f"-{name}"]),
        st.tuples(
            st.sampled_from(sorted(CHARACTERS)),
            st.one_of(st.integers(0, 255).map(str), st.sampled_from(["^A", "^?", "undef", "a"])),
        ).map(list),
        st.sampled_from(COMBINED).map(lambda word: [word]),
    ),
    min_size=1,
    max_size=5,
)


@settings(deadline=None, max_examples=40)
@given(word_lists)
def test_settings_are_saved_and_restored(commands: list[list[str]]) -> None:
    require_the_same(commands)
    simulated = Simulated()
    for words in commands:
        simulated(*words)
    saved = simulated("-g").stdout
    simulated("raw")
    assert simulated(saved.strip()) == (0, "", "")
    assert simulated("-g").stdout == saved


def test_settings_that_busybox_has_saved_are_restored() -> None:
    simulated = Simulated()
    with real_terminal() as terminal:
        really(terminal, "raw", "intr", "^X", "-echo", "9600", "tab3")
        saved = really(terminal, "-g").stdout
        assert simulated(saved.strip()) == (0, "", "")
        assert simulated("-a") == really(terminal, "-a")
