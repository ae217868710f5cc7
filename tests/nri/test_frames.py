"""The frames of ttrpc: as they stand on the wire, wherever they are cut, and too long ones."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakecri.nri.frames import DATA, LIMIT, REQUEST, RESPONSE, Decoder, Frame
from fakecri.nri.mux import READ_AHEAD

FRAMES = st.builds(
    Frame,
    st.integers(0, 2**32 - 1),
    st.integers(0, 255),
    st.binary(max_size=40),
    st.integers(0, 255),
)


class Reading:
    """A decoder, and what it has found."""

    def __init__(self) -> None:
        self.frames: list[Frame] = []
        self.failures: list[str] = []
        self.decoder = Decoder(self.frames.append, self.failures.append)
        self.feed = self.decoder.feed


@pytest.mark.parametrize(
    ("frame", "wire"),
    [
        (Frame(1, REQUEST, b"ab"), "00000002 00000001 01 00 6162"),
        (Frame(3, RESPONSE), "00000000 00000003 02 00"),
        (Frame(7, DATA, b"z", 5), "00000001 00000007 03 05 7a"),
    ],
)
def test_a_frame_has_a_length_a_stream_a_kind_and_flags(frame: Frame, wire: str) -> None:
    reading = Reading()
    assert frame.wire == bytes.fromhex(wire)
    reading.feed(frame.wire)
    assert reading.frames == [frame]


@given(st.lists(FRAMES, max_size=8), st.lists(st.integers(1, 30), max_size=30))
def test_frames_are_found_wherever_they_are_cut(frames: list[Frame], sizes: list[int]) -> None:
    reading, wire = Reading(), b"".join(frame.wire for frame in frames)
    for size in [*sizes, len(wire)]:
        reading.feed(wire[:size])
        wire = wire[size:]
    assert reading.frames == frames


@given(st.binary())
def test_any_bytes_are_taken(wire: bytes) -> None:
    reading = Reading()
    reading.feed(wire)
    assert all(len(frame.content) <= len(wire) for frame in reading.frames)


def test_a_message_may_have_4_mib() -> None:
    reading, frame = Reading(), Frame(1, REQUEST, bytes(LIMIT))
    reading.feed(frame.wire)
    assert reading.frames == [frame]


def test_a_longer_message_is_dropped_and_what_is_behind_it_is_read() -> None:
    reading, head = Reading(), struct.pack(">IIBB", LIMIT + 1, 5, REQUEST, 0)
    reading.feed(head + bytes(LIMIT))
    assert reading.frames == []
    reading.feed(b"\0" + Frame(7, REQUEST, b"next").wire)
    assert reading.frames == [
        Frame(5, REQUEST, excess=LIMIT + 1),
        Frame(7, REQUEST, b"next"),
    ]


def test_there_is_room_for_what_is_missing_of_a_message_and_always_for_the_buffer() -> None:
    reading, wire = Reading(), Frame(1, REQUEST, bytes(10_000)).wire
    assert reading.decoder.room == READ_AHEAD
    reading.feed(wire[:9])
    assert reading.decoder.room == READ_AHEAD
    reading.feed(wire[9:110])
    assert reading.decoder.room == 9_900
    reading.feed(wire[110:8_000])
    assert reading.decoder.room == READ_AHEAD


@pytest.mark.parametrize(
    ("before", "text"),
    [
        (b"", "cannot allocate memory"),
        (Frame(1, REQUEST, b"ab").wire[:11], "failed reading message: cannot allocate memory"),
        (
            struct.pack(">IIBB", LIMIT + 1, 1, REQUEST, 0),
            "failed to discard after receiving oversized message: cannot allocate memory",
        ),
    ],
)
def test_what_there_is_no_room_for_is_told_as_go_tells_it(before: bytes, text: str) -> None:
    reading = Reading()
    reading.feed(before)
    assert reading.decoder.room == READ_AHEAD
    reading.decoder.overflow()
    assert reading.failures == [text]
