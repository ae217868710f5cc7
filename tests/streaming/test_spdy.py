"""A connection of SPDY between two sides that are bytes to each other."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from fakecri.streaming.spdy import (
    MOVES,
    Answer,
    Connection,
    DataReceived,
    Event,
    HeadersReceived,
    Leave,
    Move,
    PingAnswered,
    ProtocolError,
    Reset,
    Stage,
    StreamOpened,
    StreamReplied,
    StreamReset,
    WentAway,
)
from fakecri.streaming.spdy_frames import (
    FIN,
    Frame,
    GoAway,
    Ping,
    RstStream,
    Settings,
    SynReply,
    SynStream,
    WindowUpdate,
)
from tests.streaming.frames import FRAMES, HEADERS, PLACES, cut, decode, encode

ERROR = (("streamtype", "error"),)


class Sides:
    """A server, a client, and what each of them has seen; the server accepts each stream."""

    def __init__(self) -> None:
        self.server = Connection()
        self.client = Connection(client=True)
        self.at_server: list[Event] = []
        self.at_client: list[Event] = []

    def to_server(self, content: bytes) -> None:
        for event in self.server.receive(content):
            self.at_server.append(event)
            if isinstance(event, StreamOpened):
                self.to_client(self.server.reply(event.stream_id))
            elif isinstance(event, Answer):
                self.to_client(event.content)

    def to_client(self, content: bytes) -> None:
        for event in self.client.receive(content):
            self.at_client.append(event)
            if isinstance(event, Answer):
                self.to_server(event.content)

    def open(self, *, ends: bool = False) -> int:
        """Open a stream, and forget how."""
        stream_id, content = self.client.open_stream(ERROR, ends=ends)
        self.to_server(content)
        self.at_server.clear()
        self.at_client.clear()
        return stream_id


@pytest.fixture
def sides() -> Sides:
    return Sides()


def test_a_stream_is_opened_and_accepted(sides: Sides) -> None:
    stream_id, content = sides.client.open_stream(ERROR)
    sides.to_server(content)
    assert sides.at_server == [StreamOpened(1, ERROR, ends=False)]
    assert sides.at_client == [StreamReplied(1, (), ends=False)]
    assert sides.server.stage(stream_id) is sides.client.stage(stream_id) is Stage.OPEN


def test_clients_count_their_streams_in_odd_numbers_and_servers_in_even_ones(sides: Sides) -> None:
    assert [sides.client.open_stream(ERROR)[0] for _ in range(3)] == [1, 3, 5]
    assert [sides.server.open_stream(ERROR)[0] for _ in range(3)] == [2, 4, 6]


def test_data_go_both_ways(sides: Sides) -> None:
    stream_id = sides.open()
    sides.to_server(b"".join(sides.client.send_data(stream_id, b"question")))
    sides.to_client(b"".join(sides.server.send_data(stream_id, b"answer")))
    assert sides.at_server == [DataReceived(stream_id, b"question", ends=False)]
    assert sides.at_client == [DataReceived(stream_id, b"answer", ends=False)]


def test_a_fin_closes_one_direction_alone(sides: Sides) -> None:
    stream_id = sides.open()
    sides.to_server(b"".join(sides.client.send_data(stream_id, b"", ends=True)))
    sides.to_client(b"".join(sides.server.send_data(stream_id, b"late")))
    assert sides.at_server == [DataReceived(stream_id, b"", ends=True)]
    assert sides.at_client == [DataReceived(stream_id, b"late", ends=False)]
    assert not sides.client.may(Move.SEND_DATA, stream_id)
    assert sides.server.may(Move.SEND_DATA, stream_id)


def test_two_fins_end_a_stream(sides: Sides) -> None:
    stream_id = sides.open()
    sides.to_server(b"".join(sides.client.send_data(stream_id, b"", ends=True)))
    sides.to_client(b"".join(sides.server.send_data(stream_id, b"", ends=True)))
    assert sides.server.streams == sides.client.streams == ()


def test_a_stream_may_be_opened_with_nothing_to_come(sides: Sides) -> None:
    stream_id = sides.open(ends=True)
    assert sides.server.stage(stream_id) is Stage.PEER_DONE
    assert sides.client.stage(stream_id) is Stage.DONE


def test_a_reply_may_be_all_that_comes(sides: Sides) -> None:
    stream_id, content = sides.client.open_stream(ERROR)
    list(sides.server.receive(content))
    sides.to_client(sides.server.reply(stream_id, ends=True))
    assert sides.at_client == [StreamReplied(stream_id, (), ends=True)]
    assert sides.client.stage(stream_id) is Stage.PEER_DONE


def test_a_reset_ends_both_directions(sides: Sides) -> None:
    stream_id = sides.open()
    sides.to_client(sides.server.reset(stream_id))
    assert sides.at_client == [StreamReset(stream_id, Reset.CANCEL)]
    assert sides.server.streams == sides.client.streams == ()


def test_no_reset_is_sent_where_the_fin_was(sides: Sides) -> None:
    stream_id = sides.open()
    sides.server.send_data(stream_id, b"", ends=True)
    assert sides.server.reset(stream_id) == b""
    assert sides.server.streams == ()
    assert sides.server.reset(stream_id) == b""


def test_more_headers_of_a_stream_come_through(sides: Sides) -> None:
    stream_id = sides.open()
    sides.to_client(sides.server.send_headers(stream_id, ERROR))
    assert sides.at_client == [HeadersReceived(stream_id, ERROR, ends=False)]


def test_headers_of_streams_that_are_gone_are_decompressed_all_the_same(sides: Sides) -> None:
    gone, stream_id = sides.open(), sides.open()
    headers = sides.server.send_headers(gone, ERROR)
    sides.client.reset(gone)
    sides.to_client(headers + sides.server.send_headers(stream_id, ERROR))
    assert sides.at_client == [HeadersReceived(stream_id, ERROR, ends=False)]


def test_data_of_streams_that_are_gone_are_dropped(sides: Sides) -> None:
    stream_id = sides.open()
    sides.server.reset(stream_id)
    sides.to_server(b"".join(sides.client.send_data(stream_id, b"late", ends=True)))
    assert sides.at_server == []


def test_data_of_a_stream_that_was_not_accepted_are_dropped() -> None:
    server, client = Connection(), Connection(client=True)
    stream_id, content = client.open_stream(ERROR)
    content += b"".join(client.send_data(stream_id, b"early", ends=True))
    assert list(server.receive(content)) == [StreamOpened(stream_id, ERROR, ends=False)]
    assert server.stage(stream_id) is Stage.HEARD


def test_data_behind_a_fin_are_dropped(sides: Sides) -> None:
    stream_id = sides.open()
    content = b"".join(sides.client.send_data(stream_id, b"all", ends=True))
    sides.to_server(content * 2)
    assert sides.at_server == [DataReceived(stream_id, b"all", ends=True)]


def test_to_send_behind_a_fin_is_an_error_of_ours(sides: Sides) -> None:
    stream_id = sides.open()
    sides.server.send_data(stream_id, b"", ends=True)
    with pytest.raises(ProtocolError, match="cannot send data on stream 1: we have sent") as caught:
        sides.server.send_data(stream_id, b"more")
    assert (caught.value.stream_id, caught.value.status) == (1, Reset.STREAM_ALREADY_CLOSED)


@pytest.mark.parametrize("again", [1, 3, 0x80000001])
def test_a_repeated_or_smaller_stream_id_is_reset(sides: Sides, again: int) -> None:
    sides.open()
    sides.open()
    sides.to_server(sides.client.encoder.encode(SynStream(again)))
    refusal = encode([RstStream(again, Reset.PROTOCOL_ERROR)])
    assert sides.at_server == [Answer(refusal)]
    assert sides.server.streams == (1, 3)


def test_stream_ids_may_leap(sides: Sides) -> None:
    sides.to_server(encode([SynStream(7)]))
    assert sides.at_server == [StreamOpened(7, (), ends=False)]


def test_pings_are_sent_back_by_who_did_not_begin_them(sides: Sides) -> None:
    number, content = sides.client.ping()
    sides.to_server(content)
    assert sides.at_server == [Answer(content)]
    assert sides.at_client == [PingAnswered(number)]
    number, content = sides.server.ping()
    sides.to_client(content)
    assert sides.at_server[1:] == [PingAnswered(number)]


def test_pings_are_counted_by_twos(sides: Sides) -> None:
    assert [sides.client.ping()[0] for _ in range(3)] == [1, 3, 5]
    assert [sides.server.ping()[0] for _ in range(3)] == [2, 4, 6]


def test_settings_and_windows_are_ignored(sides: Sides) -> None:
    sides.to_server(encode([Settings(((1, 2, 3),)), WindowUpdate(1, 2), Ping(1)]))
    assert sides.at_server == [Answer(encode([Ping(1)]))]


def test_nothing_is_heard_behind_a_goodbye(sides: Sides) -> None:
    sides.to_server(encode([GoAway(0), Ping(1)]))
    assert sides.at_server == [WentAway(0, Leave.OK)]
    sides.to_server(encode([Ping(1)]) + b"\xff" * 100)
    assert sides.at_server == [WentAway(0, Leave.OK)]


def test_a_goodbye_names_the_last_stream_that_was_heard_of(sides: Sides) -> None:
    sides.open()
    sides.open()
    assert sides.server.go_away() == encode([GoAway(3)])
    assert sides.client.go_away(Leave.PROTOCOL_ERROR) == encode([GoAway(0, 1)])


def test_no_stream_is_accepted_behind_our_goodbye(sides: Sides) -> None:
    sides.server.go_away()
    sides.to_server(sides.client.open_stream(ERROR)[1])
    assert sides.at_server == []
    assert sides.server.go_away() == b""


def test_the_end_resets_what_is_not_done_and_says_goodbye(sides: Sides) -> None:
    done, heard, waiting = sides.open(), sides.open(), sides.open()
    sides.server.send_data(done, b"", ends=True)
    sides.to_server(b"".join(sides.client.send_data(heard, b"", ends=True)))
    farewell: list[Frame] = [RstStream(heard, 5), RstStream(waiting, 5), GoAway(waiting)]
    assert decode([sides.server.finish()]) == farewell
    assert sides.server.streams == ()


def test_the_end_says_nothing_about_a_stream_that_was_not_accepted(sides: Sides) -> None:
    sides.open()
    list(sides.server.receive(sides.client.open_stream(ERROR)[1]))
    assert decode([sides.server.finish()]) == [RstStream(1, 5), GoAway(3)]


def test_what_is_not_iterated_over_comes_later() -> None:
    server = Connection()
    content = encode([Ping(1), Ping(3)])
    server.receive(content)
    assert next(server.receive(b"")) == Answer(content[:12])
    assert list(server.receive(b"")) == [Answer(content[12:])]


def test_an_error_comes_behind_the_events_before_it() -> None:
    server = Connection()
    events = server.receive(encode([Ping(1)]) + bytes.fromhex("80030005 00000000"))
    assert next(events) == Answer(encode([Ping(1)]))
    with pytest.raises(ProtocolError) as caught:
        next(events)
    assert caught.value.status is Leave.PROTOCOL_ERROR
    with pytest.raises(ProtocolError):
        list(server.receive(encode([Ping(3)])))


def test_each_stage_is_reached_by_legal_moves_and_left_by_them() -> None:
    begins = {Stage.ASKED, Stage.HEARD, Stage.HEARD_AND_DONE}
    assert set(MOVES.values()) | begins == set(Stage)
    assert {stage for stage, _ in MOVES} == set(Stage) - {Stage.CLOSED}


def test_what_one_side_may_send_the_other_may_take() -> None:
    """The stages of the two sides are mirror images, once all that was sent has come."""
    image = {
        Stage.ASKED: Stage.HEARD,
        Stage.ASKED_AND_DONE: Stage.HEARD_AND_DONE,
        Stage.OPEN: Stage.OPEN,
        Stage.DONE: Stage.PEER_DONE,
        Stage.PEER_DONE: Stage.DONE,
        Stage.CLOSED: Stage.CLOSED,
    }
    image |= {there: here for here, there in image.items()}
    for (stage, move), after in MOVES.items():
        if move.name.startswith("SEND") and stage is not Stage.ASKED:
            taken = Move[move.name.replace("SEND", "TAKE")]
            if move is not Move.SEND_RESET or stage is not Stage.ASKED_AND_DONE:
                assert image[after] is MOVES[image[stage], taken]


def summary(server: Connection, content: bytes) -> tuple[list[Event], str]:
    """All events, accepting each stream, with data put together; and the error at the end."""
    events: list[Event] = []
    try:
        for event in server.receive(content):
            if isinstance(event, StreamOpened):
                server.reply(event.stream_id)
            events.append(event)
    except ProtocolError as error:
        return events, str(error)
    return events, ""


def joined(events: list[Event]) -> list[Event]:
    """Put pieces of data together that follow on each other."""
    whole: list[Event] = []
    for event in events:
        match whole[-1:], event:
            case [DataReceived(begun, content)], DataReceived(stream_id) if begun == stream_id:
                whole[-1] = event._replace(content=content + event.content)
            case _:
                whole.append(event)
    return whole


@given(st.lists(FRAMES, max_size=12), st.binary(max_size=12), PLACES)
def test_events_are_the_same_however_the_bytes_are_cut(
    frames: list[Frame], rubbish: bytes, places: list[int]
) -> None:
    content = encode(frames) + rubbish
    at_once = summary(Connection(), content)
    server = Connection()
    events: list[Event] = []
    error = ""
    for chunk in cut(content, places):
        more, error = summary(server, chunk)
        events += more
    assert (joined(events), error) == (joined(at_once[0]), at_once[1])


@given(st.booleans(), st.binary(max_size=500))
def test_arbitrary_bytes_are_events_or_a_protocol_error(client: bool, content: bytes) -> None:
    summary(Connection(client=client), content)


def test_a_big_frame_of_data_is_not_held() -> None:
    server, client = Connection(), Connection(client=True)
    stream_id, content = client.open_stream(ERROR)
    summary(server, content)
    (event,) = server.receive(struct.pack(">II", stream_id, FIN << 24 | 0xFFFFFF) + b"a" * 1000)
    assert event == DataReceived(stream_id, b"a" * 1000, ends=False)
    piece = b"b" * (1 << 16)
    for _ in range(255):
        (event,) = server.receive(piece)
        assert isinstance(event, DataReceived)
        assert event.content is piece


class Dialogue(RuleBasedStateMachine):
    """Two sides do whatever is legal to them; in the end each has what the other has sent."""

    @initialize()
    def begin(self) -> None:
        self.sides = Sides()
        self.sent: dict[tuple[bool, int], bytes] = {}

    def _streams(self, client: bool, move: Move) -> list[int]:
        side = self.sides.client if client else self.sides.server
        return [each for each in side.streams if side.may(move, each)]

    @rule(ends=st.booleans(), headers=HEADERS.filter(lambda each: "host" not in dict(each)))
    def open(self, *, ends: bool, headers: tuple[tuple[str, str], ...]) -> None:
        stream_id, content = self.sides.client.open_stream(headers, ends=ends)
        self.sides.to_server(content)
        assert StreamOpened(stream_id, headers, ends) in self.sides.at_server
        assert StreamReplied(stream_id, (), ends=False) in self.sides.at_client

    @rule(client=st.booleans(), content=st.binary(), ends=st.booleans(), draw=st.data())
    def send(self, *, client: bool, content: bytes, ends: bool, draw: st.DataObject) -> None:
        streams = self._streams(client, Move.SEND_DATA)
        if streams:
            stream_id = draw.draw(st.sampled_from(streams))
            side = self.sides.client if client else self.sides.server
            wire = b"".join(side.send_data(stream_id, content, ends=ends))
            (self.sides.to_server if client else self.sides.to_client)(wire)
            key = (client, stream_id)
            self.sent[key] = self.sent.get(key, b"") + content

    @rule(client=st.booleans(), draw=st.data())
    def reset(self, *, client: bool, draw: st.DataObject) -> None:
        streams = self._streams(client, Move.SEND_DATA)
        if streams:
            stream_id = draw.draw(st.sampled_from(streams))
            side = self.sides.client if client else self.sides.server
            wire = side.reset(stream_id)
            (self.sides.to_server if client else self.sides.to_client)(wire)

    @rule(client=st.booleans())
    def ping(self, *, client: bool) -> None:
        number, content = (self.sides.client if client else self.sides.server).ping()
        (self.sides.to_server if client else self.sides.to_client)(content)
        seen = self.sides.at_client if client else self.sides.at_server
        assert seen[-1] == PingAnswered(number)

    @invariant()
    def both_know_the_same_streams(self) -> None:
        assert set(self.sides.server.streams) == set(self.sides.client.streams)

    @invariant()
    def what_was_sent_has_come(self) -> None:
        for (client, stream_id), content in self.sent.items():
            seen = self.sides.at_server if client else self.sides.at_client
            pieces = [
                event.content
                for event in seen
                if isinstance(event, DataReceived) and event.stream_id == stream_id
            ]
            assert b"".join(pieces) == content


TestDialogue = Dialogue.TestCase


def test_a_reply_to_nothing_is_dropped(sides: Sides) -> None:
    sides.to_client(encode([SynReply(9)]))
    assert sides.at_client == []
