"""The frames of SPDY: as they stand on the wire, and from there."""

import struct
import tracemalloc
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakecri.streaming.spdy_decoding import Decoder
from fakecri.streaming.spdy_frames import (
    FIN,
    PIECE,
    Data,
    Frame,
    GoAway,
    MoreHeaders,
    Ping,
    ProtocolError,
    Reset,
    RstStream,
    SynReply,
    SynStream,
    encode_data,
)
from fakecri.streaming.spdy_headers import (
    DICTIONARY,
    MAX_BLOCK,
    MAX_FIELD,
    MAX_PAIRS,
    Deflater,
    Headers,
    Inflater,
    find_header,
    pack,
)
from tests.streaming.frames import FRAMES, HEADERS, PLACES, cut, decode, encode

SAMPLES = [
    (Ping(1), "80030006 00000004 00000001"),
    (RstStream(1, Reset.CANCEL), "80030003 00000008 00000001 00000005"),
    (GoAway(5), "80030007 00000008 00000005 00000000"),
    (Data(3, b"", FIN), "00000003 01000000"),
]


def control(kind: int, payload: bytes, *, flags: int = 0, version: int = 3) -> bytes:
    head = struct.pack(">HHI", 0x8000 | version, kind, flags << 24 | len(payload))
    return head + payload


def opening(block: bytes, stream_id: int = 1) -> bytes:
    return control(1, struct.pack(">IIBB", stream_id, 0, 0, 0) + block)


def deflated(plain: bytes) -> bytes:
    stream = zlib.compressobj(zdict=DICTIONARY)
    return stream.compress(plain) + stream.flush(zlib.Z_SYNC_FLUSH)


def complaint(content: bytes) -> ProtocolError:
    with pytest.raises(ProtocolError) as caught:
        decode([content])
    return caught.value


def test_the_dictionary_is_that_of_the_protocol() -> None:
    assert len(DICTIONARY) == 1423
    assert zlib.adler32(DICTIONARY) == 0xE3C6A7C2


@pytest.mark.parametrize(("frame", "sample"), SAMPLES)
def test_frames_stand_on_the_wire_as_real_ones_do(frame: Frame, sample: str) -> None:
    assert encode([frame]) == bytes.fromhex(sample)


def test_the_replies_of_a_real_server_are_read() -> None:
    first = "80030002 00000014 00000001 78f9e3c6a7c2 6260606000000000ffff"
    later = "80030002 0000000e 00000005 6260606000000000ffff"
    assert decode([bytes.fromhex(first), bytes.fromhex(later)]) == [SynReply(1), SynReply(5)]


def test_the_first_block_alone_names_the_dictionary() -> None:
    deflater = Deflater()
    assert deflater.deflate(())[2:6] == bytes.fromhex("e3c6a7c2")
    assert bytes.fromhex("e3c6a7c2") not in deflater.deflate(())


@given(st.lists(FRAMES, max_size=12), PLACES)
def test_frames_come_out_the_same_however_their_bytes_are_cut(
    frames: list[Frame], places: list[int]
) -> None:
    assert decode(cut(encode(frames), places)) == frames


@given(st.lists(HEADERS, max_size=10))
def test_headers_come_out_the_same_over_a_whole_connection(blocks: list[Headers]) -> None:
    deflater, inflater = Deflater(), Inflater()
    for headers in blocks:
        block = deflater.deflate(headers)
        assert block.endswith(b"\x00\x00\xff\xff")
        assert inflater.inflate(block) == headers


@given(st.binary(), PLACES)
def test_arbitrary_bytes_are_frames_or_a_protocol_error(content: bytes, places: list[int]) -> None:
    try:
        decode(cut(content, places))
    except ProtocolError as error:
        assert str(error)  # noqa: PT017  # that it is raised is not expected


@given(st.lists(FRAMES, min_size=1, max_size=5), st.data())
def test_spoiled_frames_are_frames_or_a_protocol_error(
    frames: list[Frame], draw: st.DataObject
) -> None:
    content = bytearray(encode(frames))
    for place in draw.draw(st.lists(st.integers(0, len(content) - 1), max_size=4)):
        content[place] = draw.draw(st.integers(0, 255))
    try:
        decode([bytes(content)])
    except ProtocolError as error:
        assert str(error)  # noqa: PT017  # likewise


def test_a_name_with_several_values_has_them_joined_by_a_zero_byte() -> None:
    assert pack((("a", "1"), ("a", "2"))) == struct.pack(">II1sI3s", 1, 1, b"a", 3, b"1\x002")


def test_the_first_value_of_a_header_is_found() -> None:
    headers = (("port", "80"), ("port", "81"))
    assert find_header(headers, "port") == "80"
    assert find_header(headers, "requestid") is None


def test_headers_that_are_no_text_go_through() -> None:
    headers = (("port", "\udcff"),)
    assert decode([encode([SynReply(1, headers)])]) == [SynReply(1, headers)]


def test_a_stream_without_the_dictionary_is_read_too() -> None:
    stream = zlib.compressobj()
    block = stream.compress(pack(())) + stream.flush(zlib.Z_SYNC_FLUSH)
    assert decode([opening(block)]) == [SynStream(1)]


@pytest.mark.parametrize("version", [0, 2, 3, 0x7FFF])
def test_the_version_is_not_looked_at(version: int) -> None:
    assert decode([control(6, b"\0\0\0\1", version=version)]) == [Ping(1)]


@pytest.mark.parametrize("kind", [0, 5, 10, 11, 0xFFFF])
def test_control_frames_that_the_go_peer_does_not_know_are_refused(kind: int) -> None:
    assert f"of type {kind}" in str(complaint(control(kind, b"")))


MALFORMED = {
    "a reset of no reason": control(3, b"\0\0\0\1\0\0\0\0"),
    "a reset of no stream": control(3, b"\0\0\0\0\0\0\0\1"),
    "a short reset": control(3, b"\0\0\0\1"),
    "a ping of no number": control(6, b"\0\0\0\0"),
    "a ping with flags": control(6, b"\0\0\0\1", flags=1),
    "a long ping": control(6, b"\0\0\0\1\0\0\0\0"),
    "a goodbye with flags": control(7, b"\0" * 8, flags=1),
    "a short goodbye": control(7, b"\0" * 4),
    "a window with flags": control(9, b"\0" * 8, flags=1),
    "a long window": control(9, b"\0" * 12),
    "settings that end early": control(4, b"\0\0\0\2" + b"\0" * 8),
    "settings of no count": control(4, b"\0\0"),
    "data of no stream": b"\0\0\0\0\0\0\0\1a",
    "a short opening": control(1, b"\0" * 9),
    "an opening of stream 0": opening(deflated(pack(())), 0),
    "a reply of stream 0": control(2, b"\0" * 4 + deflated(pack(()))),
    "a name in upper case": opening(deflated(pack((("Port", "80"),)))),
    "a name that is no text": opening(deflated(pack((("\udcff", "80"),)))),
    "a header of HTTP": opening(deflated(pack((("host", "a"),)))),
    "an answer with a header of HTTP": control(
        2, b"\0\0\0\1" + deflated(pack((("connection", "a"),)))
    ),
    "no header block": opening(b""),
    "a block that is not compressed": opening(pack(())),
    "a block of another dictionary": opening(bytes.fromhex("78f900000001")),
    "a block with more than its pairs": opening(deflated(pack(()) + b"a")),
    "a block with less than its pairs": opening(deflated(b"\0\0\0\1\0\0\0\1")),
    "a block that ends the compression": opening(zlib.compress(pack(()))),
    "too many pairs": opening(deflated(struct.pack(">I", MAX_PAIRS + 1))),
    "too long a name": opening(deflated(struct.pack(">II", 1, MAX_FIELD + 1))),
}


@pytest.mark.parametrize("content", MALFORMED.values(), ids=MALFORMED)
def test_what_the_go_peer_refuses_is_refused(content: bytes) -> None:
    assert complaint(content).stream_id == 0


def test_as_many_headers_go_through_as_are_allowed() -> None:
    headers = tuple((f"name-{number}", "a") for number in range(MAX_PAIRS))
    assert decode([encode([SynReply(1, headers)])]) == [SynReply(1, headers)]


def test_a_field_goes_through_that_is_as_long_as_allowed() -> None:
    headers = (("port", "8" * MAX_FIELD),)
    assert decode([encode([SynReply(1, headers)])]) == [SynReply(1, headers)]


def test_a_block_that_grows_without_end_costs_no_memory() -> None:
    plain = struct.pack(">I", 900) + (struct.pack(">I", MAX_FIELD) + b"a" * MAX_FIELD) * 40
    content = opening(deflated(plain))
    tracemalloc.start()
    try:
        error = complaint(content)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert str(MAX_BLOCK) in str(error)
    assert peak < 4 * MAX_BLOCK < len(plain)


def test_data_come_in_pieces_that_say_how_much_of_the_frame_is_left() -> None:
    decoder = Decoder()
    decoder.feed(encode([Data(3, b"abcdef", FIN)])[:10])
    assert decoder.next() == Data(3, b"ab", FIN, rest=4)
    assert decoder.next() is None
    decoder.feed(b"cdef")
    assert decoder.next() == Data(3, b"cdef", FIN)


def test_an_error_comes_behind_the_frames_before_it_and_stays() -> None:
    decoder = Decoder()
    decoder.feed(encode([Ping(1)]) + control(5, b"") + encode([Ping(3)]))
    assert decoder.next() == Ping(1)
    for _ in range(2):
        with pytest.raises(ProtocolError, match="of type 5"):
            decoder.next()


def test_much_data_are_cut_into_pieces_that_are_not_copied() -> None:
    content = bytes(range(256)) * 300
    parts = encode_data(3, content, fin=True)
    views = [part for part in parts if isinstance(part, memoryview)]
    assert all(view.obj is content for view in views)
    assert [len(view) for view in views] == [PIECE, PIECE, len(content) - 2 * PIECE]
    assert decode([b"".join(parts)]) == [
        Data(3, content[:PIECE]),
        Data(3, content[PIECE : 2 * PIECE]),
        Data(3, content[2 * PIECE :], FIN),
    ]


@pytest.mark.parametrize("fin", [False, True])
def test_no_data_are_one_empty_frame(*, fin: bool) -> None:
    assert encode_data(3, b"", fin=fin) == [encode([Data(3, b"", fin)])]


def test_headers_of_even_streams_may_not_name_a_host() -> None:
    frames: list[Frame] = [MoreHeaders(1, (("host", "a"),))]
    assert decode([encode(frames)]) == frames
    assert "host" in str(complaint(encode([MoreHeaders(2, (("host", "a"),))])))
