"""The line discipline of a simulated terminal does, byte for byte, what Linux's does."""

import os
import pty
import select
import termios
import tty
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fakecri.core.terminal_settings import Settings
from tests.core.typist import Typist

PATIENCE_MS = 2000

FLAGS = {
    **{name: (0, getattr(termios, name.upper())) for name in ("icrnl", "inlcr", "igncr", "ixon")},
    **{name: (1, getattr(termios, name.upper())) for name in ("opost", "onlcr", "ocrnl")},
    **{
        name: (3, getattr(termios, name.upper()))
        for name in ("icanon", "iexten", "echo", "echoe", "echok", "echonl", "echoctl", "echoke")
    },
}
"""Modes that are put to the test, and where in termios they are: not `isig`, nobody is there."""

typed = st.one_of(
    st.sampled_from([b"\r", b"\n", b"\x7f", b"\x15", b"\x17", b"\x04", b"\x16", b"\x12", b"\t"]),
    st.sampled_from([b"word ", b"two words", b"\x1b[A", b"\x03", b"\x13", b"\x11", b"\xc3\xa9"]),
    st.binary(min_size=1, max_size=3),
)
modes = st.frozensets(st.sampled_from(sorted(FLAGS)))


@contextmanager
def kernel(on: frozenset[str]) -> Iterator[tuple[int, int]]:
    """Have a real terminal with these modes: its client's side, and that of a process."""
    client, process = pty.openpty()
    try:
        attributes = termios.tcgetattr(process)
        for name, (field, flag) in FLAGS.items():
            attributes[field] &= ~flag
            attributes[field] |= flag if name in on else 0
        attributes[3] &= ~termios.ISIG
        termios.tcsetattr(process, termios.TCSANOW, attributes)
        os.set_blocking(process, False)
        os.set_blocking(client, False)
        yield client, process
    finally:
        os.close(client)
        os.close(process)


def arrives(fd: int) -> bool:
    return bool(select.select([fd], [], [], PATIENCE_MS / 1000)[0])


def shown(client: int, expected: bytes) -> bytes:
    """Return what the client gets, until it is as much as expected."""
    got = b""
    while len(got) < len(expected) and arrives(client):
        got += os.read(client, 65536)
    return got


def read(process: int, expected: bytes) -> bytes:
    """Return what a process reads; as much as expected, where the kernel is not through yet."""
    assert arrives(process), "the kernel has nothing to read"
    got = os.read(process, 65536)
    while len(got) < len(expected) and arrives(process):
        got += os.read(process, 65536)
    return got


def simulated_terminal(on: frozenset[str]) -> Typist:
    return Typist(on, (FLAGS.keys() | {"isig"}) - on)


@settings(deadline=None, max_examples=60)
@given(modes, st.lists(typed, max_size=8))
@example(Settings().modes & FLAGS.keys(), [b"a\tb", b"\x7f", b"\x7f", b"\x7f", b"c\r"])
@example(
    Settings().modes & FLAGS.keys(), [b"a\x16", b"\x7f", b"\t\t", b"\x15", b"two words", b"\x17"]
)
def test_what_is_typed_is_echoed_and_read_as_on_linux(
    on: frozenset[str], chunks: list[bytes]
) -> None:
    simulated = simulated_terminal(on)
    with kernel(on) as (client, process):
        for chunk in chunks:
            expected = simulated.type(chunk)
            os.write(client, chunk)
            assert shown(client, expected) == expected
        for expected in simulated.lines():
            assert read(process, expected) == expected
        with pytest.raises(BlockingIOError):
            os.read(process, 65536)


@settings(deadline=None, max_examples=60)
@given(modes, st.lists(st.one_of(typed, st.text(max_size=9).map(str.encode)), max_size=5))
def test_what_is_written_is_shown_as_on_linux(on: frozenset[str], chunks: list[bytes]) -> None:
    simulated = simulated_terminal(on)
    with kernel(on) as (client, process):
        for chunk in chunks:
            simulated.terminal.write(chunk)
            expected = simulated.seen()
            os.write(process, chunk)
            assert shown(client, expected) == expected


@pytest.mark.parametrize("length", [4094, 4095, 4096, 5000])
def test_a_line_that_is_too_long_loses_its_end_as_on_linux(length: int) -> None:
    simulated = simulated_terminal(frozenset({"icanon", "icrnl"}))
    typing = b"".join(b"%d," % each for each in range(length))[:length] + b"\r"
    simulated.type(typing)
    (expected,) = simulated.lines()
    with kernel(frozenset({"icanon", "icrnl"})) as (client, process):
        rest = typing
        while rest:
            rest = rest[os.write(client, rest) :]
        assert read(process, expected) == expected


def test_settings_of_a_new_terminal_are_linux_s() -> None:
    client, process = pty.openpty()
    attributes = termios.tcgetattr(process)
    os.close(client)
    os.close(process)
    on = {name for name, (field, flag) in FLAGS.items() if attributes[field] & flag}
    assert on == Settings().modes & FLAGS.keys()
    assert ord(attributes[tty.CC][termios.VERASE]) == Settings().characters["erase"]
