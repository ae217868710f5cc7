"""Port-forward over SPDY, frame by frame. Source: spec streaming 2.8, and a real containerd."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakecri.api import runtime_pb2 as pb
from fakecri.core.cni import netns_path
from fakecri.core.net.daemons import echo_server
from fakecri.core.processes import Process
from fakecri.core.scheduler import SECOND_NS, Waits
from fakecri.core.streaming.forwards import Forward
from fakecri.core.streaming.sessions import IDLE_NS
from fakecri.streaming.spdy_decoding import Decoder
from fakecri.streaming.spdy_forwards import ENOUGH, SpdyForward
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
from tests.core.net.pods import Pods, pods
from tests.streaming.frames import FRAMES, PLACES, cut

CANCEL, PROTOCOL_ERROR = 5, 1
IDLE_S = IDLE_NS // SECOND_NS
NONE, WAITS, FORMS = (False, False, False), (True, False, False), (False, True, False)
REFUSED = "dial {} {}:{}: connect: connection refused"


@dataclass
class Wire:
    """A client's end of a conversation that no socket carries."""

    net: Pods
    pod: str
    session: Forward
    speaker: SpdyForward
    encoder: Encoder = field(default_factory=Encoder)
    decoder: Decoder = field(default_factory=Decoder)

    def send(self, *frames: Frame) -> None:
        self.send_raw(b"".join(map(self.encoder.encode, frames)))

    def send_raw(self, content: bytes) -> None:
        with self.net.cri.host.turn():
            self.speaker.feed(content)

    def open(
        self, stream_id: int, streamtype: str, port: str, request: str = "", flags: int = 0
    ) -> None:
        headers = {"streamtype": streamtype, "port": port, "requestid": request}
        present = tuple((name, value) for name, value in headers.items() if value)
        self.send(SynStream(stream_id, present, flags))

    def pair(self, stream_id: int, port: int, request: int | str = 0) -> None:
        """Do as client-go does."""
        self.open(stream_id, "error", str(port), str(request))
        self.send(Data(stream_id, b"", FIN))
        self.open(stream_id + 2, "data", str(port), str(request))

    def take_raw(self) -> bytes:
        content = b""
        while True:
            with self.net.cri.host.turn():
                chunk = self.speaker.take()
            if not chunk:
                return content
            content += chunk

    def take(self) -> list[Frame]:
        """Return every frame there is."""
        self.decoder.feed(self.take_raw())
        return list(iter(self.decoder.next, None))

    @property
    def marks(self) -> tuple[bool, bool, bool]:
        """Whether the client waits, is to say more, or is to be read from no more."""
        return self.speaker.waits, self.speaker.is_forming, self.speaker.full

    def refusal(self, port: int) -> bytes:
        with self.net.cri.host.turn() as world:
            path = netns_path(world.store.sandboxes.get(self.pod))
        first, second = (
            REFUSED.format(*at, port) for at in (("tcp4", "127.0.0.1"), ("tcp6", "[::1]"))
        )
        return (
            f"error forwarding port {port} to pod {self.pod}, uid : "
            f'failed to execute portforward in network namespace "{path}": '
            f'failed to connect to localhost:{port} inside namespace "{self.pod}", '
            f"IPv4: {first} IPv6 {second} "
        ).encode()


def open_wire(net: Pods, pod: str) -> Wire:
    url = net.node.runtime.PortForward(pb.PortForwardRequest(pod_sandbox_id=pod)).url
    with net.cri.host.turn() as world:
        session = world.sessions.redeem("portforward", url.rpartition("/")[2])
        assert isinstance(session, Forward)
        session.begin("SPDY/3.1 portforward.k8s.io")
    return Wire(net, pod, session, SpdyForward(session))


@pytest.fixture
def wire(net: Pods) -> Wire:
    """A client of a pod that echoes on port 7."""
    pod = net.pod()
    net.run(pod, echo_server(7))
    return open_wire(net, pod)


@pytest.fixture
def net() -> Iterator[Pods]:
    with pods() as opened:
        yield opened


def data(stream_id: int, content: bytes = b"", flags: int = 0) -> Data:
    return Data(stream_id, content, flags)


def test_a_pair_of_streams_is_a_connection(wire: Wire) -> None:
    wire.pair(1, 7)
    assert wire.take() == [SynReply(1), SynReply(3)]
    wire.send(data(3, b"hello"))
    assert wire.take() == [data(3, b"hello")]
    wire.send(data(3, b"", FIN))
    wire.net.cri.advance(1)
    assert wire.take() == [data(3, b"", FIN), data(1, b"", FIN)]
    assert not wire.speaker.ended


def test_a_refused_port_is_told_and_the_connection_lives_on(wire: Wire) -> None:
    wire.pair(1, 81)
    assert wire.take() == [
        SynReply(1),
        SynReply(3),
        data(3, b"", FIN),
        data(1, wire.refusal(81)),
        RstStream(1, CANCEL),
    ]
    wire.pair(5, 7)
    wire.send(data(7, b"hello"))
    assert wire.take() == [SynReply(5), SynReply(7), data(7, b"hello")]


def test_a_pod_that_is_gone_is_told_and_both_streams_are_reset(wire: Wire) -> None:
    wire.net.node.stop_sandbox(wire.pod)
    wire.pair(1, 7)
    reason = f'network namespace for sandbox "{wire.pod}" is closed'
    assert wire.take() == [
        SynReply(1),
        SynReply(3),
        data(1, f"error forwarding port 7 to pod {wire.pod}, uid : {reason}".encode()),
        RstStream(3, CANCEL),
        RstStream(1, CANCEL),
    ]


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"streamtype": "bad", "port": "7"},
        {"port": "7"},
        {"streamtype": "data"},
        {"streamtype": "data", "port": ""},
        *(
            {"streamtype": "error", "port": port}
            for port in ("0", "+7", "-7", "65536", "7x", "\u0667", "1_0", " 7", "0" * 9999)
        ),
    ],
)
def test_a_stream_with_bad_headers_is_reset_without_a_reply(
    wire: Wire, headers: dict[str, str]
) -> None:
    wire.send(SynStream(1, tuple(headers.items())))
    assert wire.take() == [RstStream(1, CANCEL)]
    wire.pair(3, 7)
    assert wire.take() == [SynReply(3), SynReply(5)]


@pytest.mark.parametrize("port", ["7", "007", "0" * 9999 + "7"])
def test_a_port_may_have_leading_zeros(wire: Wire, port: str) -> None:
    wire.open(1, "error", port, "0")
    wire.open(3, "data", port, "0")
    wire.send(data(3, b"hello"))
    assert wire.take() == [SynReply(1), SynReply(3), data(3, b"hello")]


@pytest.mark.parametrize("port", ["1", "65535"])
def test_ports_go_from_1_to_65535(wire: Wire, port: str) -> None:
    wire.open(1, "error", port)
    assert wire.take() == [SynReply(1)]


def test_the_order_of_a_pair_does_not_matter(wire: Wire) -> None:
    wire.open(1, "data", "7", "a")
    wire.send(data(1, b"early"))
    wire.open(3, "error", "7", "a")
    assert wire.take() == [SynReply(1), SynReply(3), data(1, b"early")]


def test_the_port_is_that_of_the_data_stream(wire: Wire) -> None:
    wire.open(1, "error", "81", "a")
    wire.open(3, "data", "7", "a")
    wire.send(data(3, b"hello"))
    assert wire.take() == [SynReply(1), SynReply(3), data(3, b"hello")]


def test_without_request_ids_a_data_stream_belongs_to_the_error_stream_before_it(
    wire: Wire,
) -> None:
    wire.open(1, "error", "7")
    wire.open(3, "data", "7")
    wire.send(data(3, b"hello"))
    assert wire.take() == [SynReply(1), SynReply(3), data(3, b"hello")]
    # The other way round they are no pair.
    wire.open(5, "data", "7")
    wire.open(7, "error", "7")
    wire.send(data(5, b"hello"))
    assert wire.take() == [SynReply(5), SynReply(7)]
    wire.open(9, "data", "7")
    wire.send(data(9, b"hello"))
    assert wire.take() == [SynReply(9), data(9, b"hello")]


def test_pairs_may_be_interleaved(wire: Wire) -> None:
    wire.open(1, "error", "7", "a")
    wire.open(3, "error", "7", "b")
    wire.open(5, "data", "7", "b")
    wire.open(7, "data", "7", "a")
    wire.send(data(5, b"b"), data(7, b"a"))
    assert wire.take() == [*map(SynReply, (1, 3, 5, 7)), data(5, b"b"), data(7, b"a")]


def test_a_second_error_stream_is_complained_about_and_the_first_one_stays(wire: Wire) -> None:
    wire.open(1, "error", "7", "x")
    wire.open(3, "error", "7", "x")
    text = b"error processing stream for request x: error stream already assigned"
    assert wire.take() == [SynReply(1), SynReply(3), data(1, text)]
    wire.open(5, "data", "7", "x")
    wire.send(data(5, b"hello", FIN))
    wire.net.cri.advance(1)
    assert wire.take() == [SynReply(5), data(5, b"hello"), data(5, b"", FIN), data(1, b"", FIN)]


def test_about_a_second_data_stream_there_is_nowhere_to_complain(wire: Wire) -> None:
    wire.open(1, "data", "7", "x")
    wire.open(3, "data", "7", "x")
    wire.open(5, "error", "7", "x")
    wire.send(data(3, b"lost"), data(1, b"kept"))
    assert wire.take() == [*map(SynReply, (1, 3, 5)), data(1, b"kept")]


def test_a_request_id_is_free_again_when_its_pair_is_complete(wire: Wire) -> None:
    wire.pair(1, 7, "x")
    wire.pair(5, 7, "x")
    wire.send(data(3, b"one"), data(7, b"two"))
    assert wire.take() == [*map(SynReply, (1, 3, 5, 7)), data(3, b"one"), data(7, b"two")]


def test_half_a_pair_waits_30_seconds_for_the_other(wire: Wire) -> None:
    wire.open(1, "error", "7", "x")
    assert wire.marks == FORMS
    wire.net.cri.advance(29.999)
    assert wire.take() == [SynReply(1)]
    wire.net.cri.advance(0.001)
    text = f"(conn=0xc{wire.session.number << 6:09x}, request=x) timed out waiting for streams"
    assert wire.take() == [data(1, text.encode())]
    assert wire.marks == NONE
    wire.open(3, "data", "7", "x")  # begins anew
    wire.send(data(3, b"hello"))
    assert wire.take() == [SynReply(3)]
    wire.open(5, "error", "7", "x")
    assert wire.take() == [SynReply(5), data(3, b"hello")]


def test_a_data_stream_alone_is_given_up_without_a_word(wire: Wire) -> None:
    stirred: list[None] = []
    wire.session.watcher = lambda: stirred.append(None)
    wire.open(1, "data", "7", "x")
    wire.send(data(1, bytes(ENOUGH)))
    before = wire.speaker.full
    wire.net.cri.advance(30)
    assert (before, wire.speaker.full, stirred) == (True, False, [None])
    wire.send(data(1, bytes(ENOUGH)))
    assert not wire.speaker.full
    assert wire.take() == [SynReply(1)]


def test_of_a_client_that_has_gone_all_is_read(wire: Wire) -> None:
    wire.open(1, "data", "7", "x")
    wire.send(data(1, bytes(ENOUGH)))
    before = wire.speaker.full
    with wire.net.cri.host.turn():
        wire.speaker.hang_up()
    assert (before, wire.speaker.full) == (True, False)


def test_a_pair_that_is_complete_is_not_given_up(wire: Wire) -> None:
    wire.pair(1, 7)
    wire.net.cri.advance(60)
    assert wire.take() == [SynReply(1), SynReply(3)]


def test_the_client_may_say_with_the_stream_that_it_sends_nothing(wire: Wire) -> None:
    wire.open(1, "error", "7", "0", FIN)
    wire.open(3, "data", "7", "0", FIN)
    assert wire.take() == [SynReply(1), SynReply(3)]
    wire.net.cri.advance(1)
    assert wire.take() == [data(3, b"", FIN), data(1, b"", FIN)]


def test_a_data_stream_that_the_client_resets_is_over_a_second_later(wire: Wire) -> None:
    wire.pair(1, 7)
    wire.send(data(3, b"hello"), RstStream(3, CANCEL))
    wire.net.cri.advance(1)
    assert wire.take() == [SynReply(1), SynReply(3), data(1, b"", FIN)]


def test_what_is_sent_on_an_error_stream_is_dropped(wire: Wire) -> None:
    wire.open(1, "error", "7", "0")
    wire.open(3, "data", "7", "0")
    wire.send(data(1, b"what?"), data(3, b"hello"))
    assert wire.take() == [SynReply(1), SynReply(3), data(3, b"hello")]


def test_ids_have_to_grow_and_unknown_streams_are_ignored(wire: Wire) -> None:
    wire.open(5, "error", "7", "0")
    wire.open(3, "data", "7", "0")
    wire.send(data(77, b"x"), RstStream(99, CANCEL), Ping(1), Ping(2))
    assert wire.take() == [SynReply(5), RstStream(3, PROTOCOL_ERROR), Ping(1)]


def test_a_client_that_goes_away_is_answered_with_the_end_of_the_connection(wire: Wire) -> None:
    wire.pair(1, 7)
    assert wire.take() == [SynReply(1), SynReply(3)]
    wire.send(GoAway(0))
    assert wire.take() == []
    assert (wire.speaker.ended, wire.speaker.cut) == (True, False)


def test_who_says_nothing_for_four_hours_is_told_and_left(wire: Wire) -> None:
    wire.pair(1, 7)
    wire.net.cri.advance(IDLE_S - 1)
    wire.send(Ping(1))
    wire.net.cri.advance(IDLE_S - 1)
    assert wire.take() == [SynReply(1), SynReply(3), Ping(1)]
    wire.net.cri.advance(IDLE_S)
    assert wire.take() == [RstStream(1, CANCEL), RstStream(3, CANCEL), GoAway(3)]
    assert (wire.speaker.ended, wire.speaker.cut) == (True, False)


def test_what_the_client_is_sent_puts_it_off_too(net: Pods) -> None:
    def speak_late(process: Process) -> Waits[int]:
        connection = yield from process.listen(80).accept()
        yield from process.sleep(IDLE_S - 1)
        connection.write(b"hello")
        yield from process.forever()
        return 0

    pod = net.pod()
    net.run(pod, speak_late)
    wire = open_wire(net, pod)
    wire.pair(1, 80)
    wire.net.cri.advance(IDLE_S - 1)
    assert wire.take() == [SynReply(1), SynReply(3), data(3, b"hello")]
    wire.net.cri.advance(IDLE_S - 1)
    assert not wire.speaker.ended
    wire.net.cri.advance(1)
    assert wire.speaker.ended


def test_a_runtime_that_dies_says_nothing(wire: Wire) -> None:
    wire.pair(1, 7)
    wire.take()
    wire.net.cri.restart_runtime()
    assert (wire.speaker.ended, wire.speaker.cut) == (True, True)
    assert wire.take() == []


def test_bytes_that_are_no_frames_end_the_connection(wire: Wire) -> None:
    wire.open(1, "error", "7", "0")
    wire.send_raw(b"\x80\x03\x00\x0aGET /")
    assert wire.take() == [SynReply(1), RstStream(1, CANCEL), GoAway(1)]
    assert wire.speaker.ended


def test_time_leaps_only_for_a_client_that_asked_and_got_nothing(wire: Wire) -> None:
    assert wire.marks == NONE
    wire.pair(1, 7)
    wire.take()
    assert wire.marks == WAITS  # who knows whether the pod speaks first
    wire.send(data(3, b"hello"))
    assert wire.marks == NONE  # something is there to be taken
    wire.take()
    assert wire.marks == NONE
    wire.send(Ping(1))
    wire.take()
    assert wire.marks == NONE
    wire.send(data(3, b"", FIN))
    assert wire.marks == WAITS  # for the end
    wire.net.cri.advance(1)
    wire.take()
    assert wire.marks == NONE


def test_a_client_waits_for_the_end_of_what_the_pod_has_ended(net: Pods) -> None:
    def greet(process: Process) -> Waits[int]:
        connection = yield from process.listen(80).accept()
        connection.write(b"hello")
        return 0

    pod = net.pod()
    net.run(pod, greet)
    wire = open_wire(net, pod)
    wire.pair(1, 80)
    assert wire.take() == [SynReply(1), SynReply(3), data(3, b"hello")]
    assert wire.marks == WAITS
    wire.net.cri.advance(1)
    assert wire.take() == [data(3, b"", FIN), data(1, b"", FIN)]


def test_one_pod_that_does_not_read_does_not_stop_the_others_at_once(net: Pods) -> None:
    def ignore(process: Process) -> Waits[int]:
        yield from process.listen(80).accept()
        yield from process.sleep(100)
        return 0

    pod = net.pod()
    net.run(pod, echo_server(7))
    net.run(pod, ignore)
    wire = open_wire(net, pod)
    wire.pair(1, 80, 0)
    wire.pair(5, 7, 1)
    sent = 0
    while not wire.speaker.full:
        wire.send(data(3, bytes(32_768)))
        sent += 32_768
        wire.send(data(7, b"hello"))
    assert ENOUGH < sent < ENOUGH + 5 * 65_536
    assert [each for each in wire.take() if isinstance(each, Data)]
    net.cri.advance(100)  # it ends with much unread: a reset
    net.cri.advance(1)
    wire.take()
    assert not wire.speaker.full


def test_all_that_waited_for_a_slow_pod_arrives_in_order(net: Pods) -> None:
    got = bytearray()

    def dawdle(process: Process) -> Waits[int]:
        connection = yield from process.listen(80).accept()
        yield from process.sleep(1)
        while chunk := (yield from connection.read()):
            got.extend(chunk)
            yield from process.sleep(0.001)
        return 0

    pod = net.pod()
    net.run(pod, dawdle)
    wire = open_wire(net, pod)
    wire.pair(1, 80)
    content = b"".join(number.to_bytes(4) for number in range(100_000))
    for at in range(0, len(content), 10_000):
        wire.send(data(3, content[at : at + 10_000]))
    wire.send(data(3, b"", FIN))
    for _ in range(100):
        net.cri.advance(0.1)
        wire.take()
    assert bytes(got) == content


def test_a_hundred_pairs_at_once_do_not_get_mixed_up(wire: Wire) -> None:
    ids = [1 + 4 * number for number in range(100)]
    for request, stream_id in enumerate(ids):
        wire.pair(stream_id, 7, request)
    wire.take()
    wire.send(*(data(each + 2, b"%d" % each) for each in reversed(ids)))
    answers = {each.stream_id: each.content for each in wire.take() if isinstance(each, Data)}
    assert answers == {each + 2: b"%d" % each for each in ids}
    wire.send(*(data(each + 2, b"", FIN) for each in ids))
    wire.net.cri.advance(1)
    wire.take()
    assert wire.marks == NONE


@contextmanager
def fresh() -> Iterator[Wire]:
    with pods() as net:
        pod = net.pod()
        net.run(pod, echo_server(7))
        yield open_wire(net, pod)


SOME = st.sampled_from(["error", "data", "error", "data", "other", ""])
OPENINGS = st.builds(
    lambda stream_id, kind, port, request: SynStream(
        stream_id, (("streamtype", kind), ("port", port), ("requestid", request))
    ),
    st.integers(0, 12).map(lambda each: 2 * each + 1),
    SOME,
    st.sampled_from(["7", "7", "81", "0", ""]),
    st.sampled_from(["", "0", "1"]),
)
TALK = st.one_of(
    OPENINGS,
    OPENINGS,
    st.builds(
        Data, st.integers(1, 25), st.binary(max_size=9), st.sampled_from([0, 0, FIN]), st.just(0)
    ),
    st.builds(RstStream, st.integers(1, 25), st.just(CANCEL)),
    FRAMES,
)


@given(st.lists(st.tuples(TALK, st.sampled_from([0, 0, 0, 1, 31])), max_size=25), PLACES)
def test_whatever_the_client_says_the_answers_are_legal(
    talk: list[tuple[Frame, int]], places: list[int]
) -> None:
    with fresh() as wire:
        answers: list[Frame] = []
        for frame, seconds in talk:
            for chunk in cut(wire.encoder.encode(frame), places):
                wire.send_raw(chunk)
            wire.net.cri.advance(seconds)
            answers += wire.take()
        wire.net.cri.advance(31)
        answers += wire.take()
        check(answers, {frame.stream_id for frame, _ in talk if isinstance(frame, SynStream)})
        with wire.net.cri.host.turn():
            wire.speaker.hang_up()
        wire.net.cri.advance(2)
        namespace = wire.net.namespace(wire.pod)
        assert {row.state for row in namespace.rows()} == {"LISTEN"}


def check(answers: list[Frame], opened: set[int]) -> None:
    """Only what was opened is answered, with a reply or a reset first; nothing follows an end."""
    replied: set[int] = set()
    ended: set[int] = set()
    for frame in answers:
        match frame:
            case SynReply(stream_id):
                assert stream_id in opened - replied
                replied.add(stream_id)
            case Data(stream_id, _, flags):
                assert stream_id in replied - ended
                ended |= {stream_id} if flags & FIN else set()
            case RstStream(stream_id, status):
                assert stream_id in opened
                assert status == PROTOCOL_ERROR or stream_id not in ended
                ended |= {stream_id} if status != PROTOCOL_ERROR else set()
            case _:
                assert isinstance(frame, Ping | GoAway)


@given(st.binary(max_size=200), PLACES)
def test_any_bytes_at_all_are_survived(content: bytes, places: list[int]) -> None:
    with fresh() as wire:
        for chunk in cut(content, places):
            wire.send_raw(chunk)
        wire.take()
        assert wire.speaker.ended in {True, False}
