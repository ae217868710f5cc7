"""What clients of an exec do over SPDY that is not usual: to a real containerd, and the fake."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from fakecri.streaming.spdy_frames import (
    FIN,
    Data,
    Ping,
    RstStream,
    Settings,
    SynStream,
    WindowUpdate,
)
from tests.real.runtimes import REAL, Difference, until
from tests.real.wires import (
    ENDS,
    FAREWELL_WITH_STDIN,
    REPLIES_WITH_STDIN,
    SUCCESS,
    told,
    told_to,
)
from tests.streaming import spdy_client
from tests.streaming.spdy_client import COMMANDS, Wire

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.real.runtimes import Pod
    from tests.real.wires import Doors
    from tests.streaming.spdy_client import Command

pytestmark = pytest.mark.real

OUTLIVES = Difference(
    real=True, fake=False, why="1.6 lets a command run on whose client is gone; main kills it"
)


def test_streams_of_no_known_type_are_accepted_and_not_counted(doors: Doors, running: str) -> None:
    with Wire.open(doors.exec(running, "echo", "hi"), COMMANDS) as wire:
        for kind in ("foo", "stderr", "stdout", "error"):
            wire.open_stream(streamtype=kind)
        wire.wait_for_close()
        names = {1: "foo", 3: "stderr", 5: "stdout", 7: "error"}
        assert told(doors.runtime, wire, names) == [
            "reply foo",
            "reply stderr",
            "reply stdout",
            "reply error",
            "end of stderr",
            "stdout: hi\n",
            "end of stdout",
            SUCCESS,
            "reset foo 5",
            "reset error 5",
            "goodbye 7 0",
            "closed",
        ]


def test_a_second_stream_of_a_type_takes_the_place_of_the_first(doors: Doors, running: str) -> None:
    with Wire.open(doors.exec(running, "echo", "hi"), COMMANDS) as wire:
        for kind in ("error", "stdout", "stdout"):
            wire.open_stream(streamtype=kind)
        wire.wait_for_close()
        names = {1: "error", 3: "first", 5: "second"}
        assert told(doors.runtime, wire, names) == [
            "reply error",
            "reply first",
            "reply second",
            "second: hi\n",
            "end of second",
            SUCCESS,
            "reset error 5",
            "reset first 5",
            "goodbye 5 0",
            "closed",
        ]


def test_a_stream_that_comes_late_is_not_answered(doors: Doors, running: str) -> None:
    url = doors.exec(running, "head", "-n1", stdin=True)
    with spdy_client.open(url, stdin=True) as stream:
        late = stream.wire.begin_stream(streamtype="stdout")
        stream.wire.ping()
        stream.write(b"hello\n")
        stream.result()
        if late.replied:
            # containerd counts its replies beside taking streams: at times one is still in time.
            assert doors.runtime.name == REAL
            assert list(late.arrived) == [b"hello\n"]
            return
        names = {1: "error", 3: "stdin", 5: "stdout", 7: "stderr"}
        lines = told(doors.runtime, stream.wire, names)
    # Whether it is closed then depends on the late stream, which containerd waits for.
    assert lines[4:-1] == ["stdout: hello\n", *ENDS, SUCCESS, "reset error 5", "reset stdin 5"]
    assert lines[-1] == "goodbye 9 0"


@pytest.fixture
def cat(doors: Doors, running: str) -> Iterator[Command]:
    """An exec of cat, with stdin."""
    with spdy_client.open(doors.exec(running, "cat", stdin=True), stdin=True) as stream:
        yield stream


def test_a_repeated_stream_id_is_reset(doors: Doors, cat: Command) -> None:
    cat.wire.send(SynStream(3, (("streamtype", "foo"),)))
    cat.wire.ping()
    cat.wire.wait(lambda: RstStream(3, 1) in cat.wire.frames, "a reset")
    cat.wire.send(Data(3, b"hello", FIN))  # the stream that there was is not touched
    assert "stdout: hello" in told_to(doors.runtime, cat)


def test_pings_are_echoed_but_for_even_ones(cat: Command) -> None:
    cat.wire.send(Ping(2), Ping(7), Ping(5))
    pings = {Ping(7), Ping(5)}
    cat.wire.wait(lambda: pings.issubset(cat.wire.frames), "echoes")
    cat.wire.ping()
    echoed = [frame for frame in cat.wire.frames if isinstance(frame, Ping)]
    assert sorted(echoed) == [Ping(1), Ping(5), Ping(7)]


def test_what_nobody_needs_is_ignored(doors: Doors, cat: Command) -> None:
    cat.wire.send(
        Settings(((0, 1, 2),)), WindowUpdate(1, 5), Data(99, b"stray", FIN), RstStream(99, 5)
    )
    cat.write(b"hello")
    cat.close_stdin()
    told = told_to(doors.runtime, cat)
    assert told[4:] == ["stdout: hello", *ENDS, SUCCESS, *FAREWELL_WITH_STDIN]


SPOILT = {
    "an unknown frame": bytes.fromhex("8003000500000000"),
    "stream 0": bytes.fromhex("0000000000000000"),
    "ping 0": bytes.fromhex("8003000600000004 00000000"),
    "a reset of no reason": bytes.fromhex("8003000300000008 00000001 00000000"),
    "a goodbye": bytes.fromhex("8003000700000008 00000000 00000000"),
}


@pytest.mark.parametrize("content", SPOILT.values(), ids=SPOILT)
def test_nothing_is_told_to_who_spoils_the_connection(
    doors: Doors, cat: Command, content: bytes
) -> None:
    cat.wire.send_raw(content)
    assert told_to(doors.runtime, cat) == [*REPLIES_WITH_STDIN, "closed"]


def test_nothing_is_told_to_who_sends_no_more(doors: Doors, cat: Command) -> None:
    cat.wire.shut()
    assert told_to(doors.runtime, cat) == [*REPLIES_WITH_STDIN, "closed"]


@pytest.mark.parametrize("politely", [False, True])
def test_an_exec_whose_client_is_gone(
    doors: Doors, pod: Pod, running: str, *, politely: bool
) -> None:
    def is_there() -> bool:
        return "sleep 4321" in pod.crictl.ok("exec", "--sync", running, "ps").out

    with spdy_client.open(doors.exec(running, "sleep", "4321")) as stream:
        until(is_there, "the command of the exec")
        if politely:
            stream.wire.leave()
        else:
            stream.wire.abort()
    outlives = doors.runtime.expects(OUTLIVES)
    until(lambda: is_there() == outlives, "what becomes of the command")
