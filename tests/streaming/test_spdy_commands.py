"""Exec and attach over SPDY, frame by frame. Source: spec streaming 2.4 to 2.7, 2.13."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakecri.api import runtime_pb2 as pb
from fakecri.core.streaming.commands import Command
from fakecri.streaming.spdy_commands import ENOUGH, SpdyCommand
from fakecri.streaming.spdy_decoding import Decoder
from fakecri.streaming.spdy_frames import (
    FIN,
    Data,
    Encoder,
    Frame,
    GoAway,
    Ping,
    RstStream,
    SynReply,
    SynStream,
)
from tests.streaming.frames import FRAMES, PLACES, cut
from tests.support import Node, node

CANCEL, PROTOCOL_ERROR = 5, 1
SUCCESS = b'{"status":"Success"}'
V1, V2, V3, V4 = (f"{each}channel.k8s.io" for each in ("", "v2.", "v3.", "v4."))


@dataclass
class Wire:
    """A client's end of a conversation that no socket carries."""

    node: Node
    session: Command
    speaker: SpdyCommand
    encoder: Encoder = field(default_factory=Encoder)
    decoder: Decoder = field(default_factory=Decoder)
    opened: int = 0

    def send(self, *frames: Frame) -> None:
        self.send_raw(b"".join(map(self.encoder.encode, frames)))

    def send_raw(self, content: bytes) -> None:
        with self.node.cri.host.turn():
            self.speaker.feed(content)

    def open(self, *names: str, flags: int = 0) -> None:
        """Open streams, with ids from 1."""
        for name in names:
            self.send(SynStream(2 * self.opened + 1, (("streamtype", name),), flags))
            self.opened += 1

    def take_raw(self) -> bytes:
        content = b""
        while True:
            with self.node.cri.host.turn():
                chunk = self.speaker.take()
            if not chunk:
                return content
            content += chunk

    def take(self) -> list[Frame]:
        """Return every frame there is."""
        self.decoder.feed(self.take_raw())
        return list(iter(self.decoder.next, None))


def data(stream_id: int, content: bytes = b"", flags: int = 0) -> Data:
    return Data(stream_id, content, flags)


def replies(count: int) -> list[Frame]:
    return [SynReply(2 * number + 1) for number in range(count)]


def failure(command: str, code: int) -> bytes:
    return (
        b'{"status":"Failure","message":"command terminated with non-zero exit code: error '
        b'executing command [%s], exit code %d","reason":"NonZeroExitCode","details":{"causes":'
        b'[{"reason":"ExitCode","message":"%d"}]}}' % (command.encode(), code, code)
    )


def plain_failure(command: str, code: int) -> bytes:
    return (
        b"command terminated with non-zero exit code: error executing command [%s], exit code %d"
        % (command.encode(), code)
    )


class Runner:
    """A node with a container whose execs and attachments are spoken with."""

    def __init__(self, opened: Node) -> None:
        self.node = opened
        opened.pull("busybox")
        self.pod = opened.run_sandbox()
        self.container = self.run("sleep", "1000000")

    def run(self, *command: str, **fields: Any) -> str:
        return self.node.run(self.pod, *command, name=f"c{len(command)}{command[-1]}", **fields)

    def exec(self, *command: str, protocol: str = V4, **fields: Any) -> Wire:
        """Begin an exec, with stdout."""
        request = pb.ExecRequest(
            container_id=self.container, cmd=command, **{"stdout": True, **fields}
        )
        return self._wire("exec", self.node.runtime.Exec(request).url, protocol)

    def attach(self, container: str, protocol: str = V4, **fields: Any) -> Wire:
        request = pb.AttachRequest(container_id=container, **{"stdout": True, **fields})
        return self._wire("attach", self.node.runtime.Attach(request).url, protocol)

    def _wire(self, method: str, url: str, protocol: str) -> Wire:
        with self.node.cri.host.turn() as world:
            session = world.sessions.redeem(method, url.rpartition("/")[2])
            assert isinstance(session, Command)
            session.begin(f"SPDY/3.1 {protocol}")
            return Wire(self.node, session, SpdyCommand(session, protocol))


@contextmanager
def runner() -> Iterator[Runner]:
    with node("object", pace="manual") as opened:
        yield Runner(opened)


@pytest.fixture
def run() -> Iterator[Runner]:
    with runner() as opened:
        yield opened


# Exec.


def test_a_command_that_succeeds(run: Runner) -> None:
    wire = run.exec("sh", "-c", "echo hi; echo err >&2", stderr=True)
    wire.open("error", "stdout", "stderr")
    assert wire.take() == [
        *replies(3),
        data(3, b"hi\n"),
        data(5, b"err\n"),
        data(3, b"", FIN),
        data(5, b"", FIN),
        data(1, SUCCESS),
        RstStream(1, CANCEL),
        GoAway(5),
    ]
    assert wire.speaker.ended
    assert not wire.speaker.cut


def test_a_command_that_fails(run: Runner) -> None:
    wire = run.exec("sh", "-c", "exit 3")
    wire.open("error", "stdout")
    assert wire.take()[2:] == [
        data(3, b"", FIN),
        data(1, failure("sh -c exit 3", 3)),
        RstStream(1, CANCEL),
        GoAway(3),
    ]


def test_a_command_that_does_not_start_ends_no_output(run: Runner) -> None:
    wire = run.exec("nosuch", stdin=True)
    wire.open("error", "stdin", "stdout")
    taken = wire.take()
    assert taken[:3] == replies(3)
    status = taken[3]
    assert isinstance(status, Data)
    assert status.stream_id == 1
    assert b"Internal error occurred: error executing command in container: " in status.content
    assert taken[4:] == [*(RstStream(each, CANCEL) for each in (1, 3, 5)), GoAway(5)]


@pytest.mark.parametrize(
    ("protocol", "fields", "count"),
    [
        (V1, {}, 2),
        (V4, {"stdin": True}, 3),
        (V4, {"stdin": True, "stderr": True}, 4),
        (V2, {"tty": True}, 2),
        (V3, {"tty": True}, 3),
        (V4, {"tty": True, "stdin": True}, 4),
    ],
)
def test_nothing_starts_before_all_streams_are_there(
    run: Runner, protocol: str, fields: dict[str, bool], count: int
) -> None:
    wire = run.exec("true", protocol=protocol, **fields)
    for _ in range(count - 1):
        wire.open("error")
        assert wire.take() == [SynReply(2 * wire.opened - 1)]
        assert wire.speaker.is_forming
    wire.open("stdout")
    assert GoAway(2 * count - 1) in wire.take()


def test_streams_are_counted_and_unknown_ones_are_not(run: Runner) -> None:
    wire = run.exec("echo", "hi")
    wire.open("foo", "", "Error")
    assert wire.take() == replies(3)
    # The later one of two stands for both, and nothing is told on a stream that is not there.
    wire.open("error", "error")
    assert wire.take() == [
        SynReply(7),
        SynReply(9),
        data(9, SUCCESS),
        *(RstStream(each, CANCEL) for each in (1, 3, 5, 7, 9)),
        GoAway(9),
    ]


def test_a_resize_stream_counts_from_version_3_on(run: Runner) -> None:
    wire = run.exec("true", protocol=V2, tty=True)
    wire.open("error", "resize")
    assert wire.speaker.is_forming
    wire.open("stdout")
    assert wire.speaker.ended


def test_streams_that_come_late_are_not_answered(run: Runner) -> None:
    wire = run.exec("sleep", "5")
    wire.open("error", "stdout")
    assert wire.take() == replies(2)
    wire.open("stderr", "foo")
    assert wire.take() == []
    run.node.cri.advance(5)
    assert data(1, SUCCESS) in wire.take()


def test_streams_that_do_not_come_are_waited_for_in_vain(run: Runner) -> None:
    wire = run.exec("echo", "hi")
    wire.open("error")
    run.node.cri.advance(29.999)
    assert wire.speaker.is_forming
    assert wire.take() == replies(1)
    run.node.cri.advance(0.001)
    # Nobody says a word, and the connection stays.
    assert wire.take() == []
    assert (wire.speaker.ended, wire.speaker.is_forming) == (False, False)
    wire.open("stdout")
    wire.send(Ping(1))
    assert wire.take() == [Ping(1)]
    with run.node.cri.host.turn() as world:
        assert list(world.sessions) == []
    wire.speaker.hang_up()


def test_streams_in_time_are_in_time(run: Runner) -> None:
    wire = run.exec("cat", stdin=True)
    wire.open("error", "stdin", "stdout")
    run.node.cri.advance("1h")
    wire.send(data(3, b"late", FIN))
    assert wire.take()[3:] == [
        data(5, b"late"),
        data(5, b"", FIN),
        data(1, SUCCESS),
        RstStream(1, CANCEL),
        RstStream(3, CANCEL),
        GoAway(5),
    ]


# Stdin.


def test_input_goes_in_until_its_end(run: Runner) -> None:
    wire = run.exec("cat", stdin=True)
    wire.open("error", "stdin", "stdout")
    wire.take()
    wire.send(data(3, b"one"))
    assert wire.take() == [data(5, b"one")]
    wire.send(data(5, b"nobody reads what comes here"), data(1, b"nor here", FIN))
    wire.send(data(3, b"two", FIN))
    assert wire.take() == [
        data(5, b"two"),
        data(5, b"", FIN),
        data(1, SUCCESS),
        RstStream(1, CANCEL),
        RstStream(3, CANCEL),
        GoAway(5),
    ]


def test_input_may_come_before_the_last_stream(run: Runner) -> None:
    for flags in (0, FIN):
        wire = run.exec("cat", stdin=True)
        wire.open("error", "stdin")
        wire.send(data(3, b"early", flags))
        wire.open("stdout")
        if not flags:
            wire.send(data(3, b"", FIN))
        assert wire.take()[3:5] == [data(5, b"early"), data(5, b"", FIN)]


def test_a_stream_may_be_opened_and_ended_at_once(run: Runner) -> None:
    wire = run.exec("cat", stdin=True)
    wire.open("error")
    wire.open("stdin", flags=FIN)
    wire.open("stdout")
    assert data(1, SUCCESS) in wire.take()


def test_a_reset_of_stdin_is_its_end(run: Runner) -> None:
    wire = run.exec("sh", "-c", "cat; exit 3", stdin=True)
    wire.open("error", "stdin", "stdout")
    wire.send(data(3, b"x"), RstStream(3, CANCEL))
    assert wire.take()[3:] == [
        data(5, b"x"),
        data(5, b"", FIN),
        data(1, failure("sh -c cat; exit 3", 3)),
        RstStream(1, CANCEL),
        GoAway(5),
    ]


def test_who_resets_an_output_gets_the_rest(run: Runner) -> None:
    wire = run.exec("sh", "-c", "sleep 1; echo hi; exit 3")
    wire.open("error", "stdout")
    wire.send(RstStream(3, CANCEL))
    run.node.cri.advance(1)
    assert wire.take()[2:] == [
        data(1, failure("sh -c sleep 1; echo hi; exit 3", 3)),
        RstStream(1, CANCEL),
        GoAway(3),
    ]


def test_no_more_is_read_while_the_process_does_not(run: Runner) -> None:
    wire = run.exec("sh", "-c", "sleep 1; wc -c", stdin=True)
    wire.open("error", "stdin", "stdout")
    sent = 0
    while not wire.speaker.full:
        wire.send(data(3, b"x" * 30_000))
        sent += 30_000
    assert sent < 100_000
    # What came with it lies here, and in its place.
    wire.send(data(3, b"y" * 10, FIN), Ping(1))
    assert wire.take() == replies(3)
    run.node.cri.advance(1)
    taken = wire.take()
    assert data(5, b"%d\n" % (sent + 10)) in taken
    assert Ping(1) in taken


def test_no_more_is_read_while_streams_are_missing(run: Runner) -> None:
    wire = run.exec("wc", "-c", stdin=True)
    wire.open("error", "stdin")
    sent = 0
    while not wire.speaker.full:
        wire.send(data(3, b"x" * 1_000_000))
        sent += 1_000_000
    assert sent < ENOUGH + 1_000_000


# Earlier protocols.


def test_version_1_resets_its_error_stream_and_ends_stdin_at_once(run: Runner) -> None:
    wire = run.exec("sh", "-c", "cat; exit 3", protocol=V1, stdin=True)
    wire.open("error", "stdin", "stdout")
    assert wire.take() == [*replies(3), data(3, b"", FIN), RstStream(1, CANCEL)]
    wire.send(data(3, b"abc", FIN))
    assert wire.take() == [
        data(5, b"abc"),
        data(5, b"", FIN),
        data(1, plain_failure("sh -c cat; exit 3", 3)),  # after its reset, all the same
        GoAway(5),
    ]


@pytest.mark.parametrize(("protocol", "more"), [(V2, []), (V3, ["resize"])])
def test_versions_2_and_3_tell_failures_in_plain_words(
    run: Runner, protocol: str, more: list[str]
) -> None:
    for command, told in (("exit 3", [data(1, plain_failure("sh -c exit 3", 3))]), ("exit 0", [])):
        wire = run.exec("sh", "-c", command, protocol=protocol, tty=True)
        wire.open("error", "stdout", *more)
        ids = [1, *([5] if more else [])]
        assert wire.take()[2 + len(more) :] == [
            data(3, b"", FIN),
            *told,
            *(RstStream(each, CANCEL) for each in ids),
            GoAway(3 + 2 * len(more)),
        ]


# The window.


def test_sizes_come_in_pieces_and_end_with_nonsense(run: Runner) -> None:
    wire = run.exec("cat", stdin=True, tty=True)
    wire.open("error", "stdin", "stdout", "resize")
    wire.send(data(7, b'{"Width":80,"Height":24}\n{"Wid'), data(7, b'th":90,"Height":'))
    assert wire.session.window == (80, 24)
    wire.send(data(7, b"30}"))
    assert wire.session.window == (90, 30)
    wire.send(data(7, b'{"Width":0,"Height":50}'), data(7, b' nonsense {"Width":1,"Height":1}'))
    wire.send(data(7, b'{"Width":1,"Height":1}'))
    assert wire.session.window == (90, 30)
    wire.send(data(7, b"", FIN))
    assert not wire.speaker.ended


# Attach.


def test_an_attachment_hears_from_now_on_and_detaches(run: Runner) -> None:
    container = run.run("sh", "-c", "echo before; while read it; do echo $it; done", stdin=True)
    wire = run.attach(container, stdin=True)
    wire.open("error", "stdin", "stdout")
    wire.send(data(3, b"now\n"))
    assert wire.take() == [*replies(3), data(5, b"now\n")]
    # The input of other clients goes on: the session ends at once.
    wire.send(data(3, b"", FIN))
    assert wire.take() == [
        data(5, b"", FIN),
        data(1, SUCCESS),
        RstStream(1, CANCEL),
        RstStream(3, CANCEL),
        GoAway(5),
    ]


def test_an_attachment_ends_with_its_container_whatever_that_ends_with(run: Runner) -> None:
    container = run.run("sh", "-c", "sleep 1; exit 7")
    wire = run.attach(container)
    wire.open("error", "stdout")
    run.node.cri.advance(1)
    assert wire.take()[2:] == [
        data(3, b"", FIN),
        data(1, SUCCESS),
        RstStream(1, CANCEL),
        GoAway(3),
    ]


# The connection.


@pytest.mark.parametrize(
    "farewell",
    [
        Encoder().encode(GoAway(0)),
        b"\x80\x03\x00\x05\x00\x00\x00\x00",  # a control frame of a type that there is not
        b"\x80\x03\x00\x01\x00\x00\x00\x0c\x00\x00\x00\x09\x00\x00\x00\x00\x00\x00xx",
    ],
)
def test_who_says_goodbye_or_no_spdy_is_told_nothing(run: Runner, farewell: bytes) -> None:
    wire = run.exec("sleep", "99")
    wire.open("error", "stdout")
    wire.take()
    wire.send_raw(farewell + b"whatever")
    assert wire.take() == []
    assert wire.speaker.ended
    with run.node.cri.host.turn() as world:
        assert not world.store.containers.get(run.container).execs


def test_a_client_that_is_gone_has_its_process_killed(run: Runner) -> None:
    wire = run.exec("sleep", "99")
    wire.open("error", "stdout")
    with run.node.cri.host.turn() as world:
        assert len(world.store.containers.get(run.container).execs) == 1
        wire.speaker.hang_up()
    with run.node.cri.host.turn() as world:
        assert not world.store.containers.get(run.container).execs
    wire.speaker.hang_up()


def test_pings_are_echoed_from_the_start_and_ids_have_to_grow(run: Runner) -> None:
    wire = run.exec("sleep", "99")
    wire.send(Ping(1))
    assert wire.take() == [Ping(1)]
    wire.open("error", "stdout")
    wire.send(SynStream(1, (("streamtype", "error"),)))
    assert wire.take() == [*replies(2), RstStream(1, PROTOCOL_ERROR)]


def test_the_runtime_dies_under_it(run: Runner) -> None:
    wire = run.exec("sleep", "99")
    wire.open("error", "stdout")
    run.node.cri.restart_runtime()
    assert wire.speaker.cut


def test_idle_for_four_hours_all_is_reset(run: Runner) -> None:
    wire = run.exec("cat", stdin=True)
    wire.open("error", "stdin", "stdout")
    wire.take()
    run.node.cri.advance("3h")
    wire.send(Ping(1))
    run.node.cri.advance("3h")
    assert wire.take() == [Ping(1)]
    run.node.cri.advance("4h")
    assert wire.take() == [*(RstStream(each, CANCEL) for each in (1, 3, 5)), GoAway(5)]
    assert (wire.speaker.ended, wire.speaker.cut) == (True, False)


def test_a_client_waits_where_the_process_does_not(run: Runner) -> None:
    wire = run.exec("sh", "-c", "sleep 1; read it; sleep 1", stdin=True)
    wire.open("error", "stdin", "stdout")
    waited = []
    for content in (b"", b"\n", b""):
        wire.send(data(3, content))
        wire.take()
        waited.append(wire.speaker.waits)
        run.node.cri.advance(1)
        wire.take()
        waited.append(wire.speaker.waits)
    assert waited == [True, False, True, False, False, False]


# Anything.


@given(FRAMES.map(lambda each: [each]) | st.lists(FRAMES, max_size=10), PLACES)
def test_any_frames_in_any_pieces_say_the_same(frames: list[Frame], places: list[int]) -> None:
    content = b"".join(map(Encoder().encode, frames))
    answers = []
    for pieces in ([content], cut(content, places)):
        with runner() as opened:
            wire = opened.exec("cat", stdin=True)
            wire.open("error", "stdin")
            for each in pieces:
                wire.send_raw(each)
            answers.append((wire.take_raw(), wire.speaker.ended, wire.speaker.full))
    assert answers[0] == answers[1]


NAMES = st.sampled_from(["error", "stdin", "stdout", "stderr", "resize", "x"])
OPENINGS = st.builds(
    lambda number, name: SynStream(2 * number + 1, (("streamtype", name),)),
    st.integers(0, 8),
    NAMES,
)
DATA = st.builds(
    Data,
    st.integers(0, 8).map(lambda number: 2 * number + 1),
    st.binary(max_size=9),
    st.sampled_from([0, FIN]),
)
RESETS = st.builds(RstStream, st.integers(0, 8).map(lambda number: 2 * number + 1), st.just(5))


@given(
    st.lists(OPENINGS | OPENINGS | DATA | DATA | RESETS | st.just(Ping(1)), max_size=40),
    st.sampled_from([V1, V2, V3, V4]),
    st.booleans(),
)
def test_whatever_a_client_does_the_frames_are_legal_and_the_end_is_clean(
    frames: list[Frame], protocol: str, tty: bool
) -> None:
    with runner() as opened:
        wire = opened.exec("cat", protocol=protocol, stdin=True, tty=tty)
        for each in frames:
            wire.send(each)
        opened.node.cri.advance("5h")
        taken = wire.take()
        done: set[int] = set()
        for frame in taken:
            if isinstance(frame, Data):
                assert protocol == V1 or frame.stream_id not in done
                done |= {frame.stream_id} if frame.flags else set()
            elif isinstance(frame, RstStream):
                done.add(frame.stream_id)
        with opened.node.cri.host.turn() as world:
            assert list(world.sessions) == []
            assert not world.store.containers.get(opened.container).execs
