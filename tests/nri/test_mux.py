"""The multiplexer: frames of channels, wherever they are cut, and those that are too long."""

import struct
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakecri.nri.mux import READ_AHEAD, Demux, framed


class Listener:
    """Who reads a channel, and notes what came."""

    def __init__(self, room: int = READ_AHEAD) -> None:
        self.room = room
        self.heard = b""
        self.overflows = 0

    def feed(self, content: bytes) -> None:
        """Note it."""
        self.heard += content

    def overflow(self) -> None:
        """Note it."""
        self.overflows += 1


def frame(channel: int, content: bytes) -> bytes:
    return struct.pack(">II", channel, len(content)) + content


def test_a_frame_has_a_channel_a_length_and_its_bytes() -> None:
    assert framed(2, b"abc") == bytes.fromhex("00000002 00000003 616263")


@pytest.mark.parametrize("size", [1, READ_AHEAD - 1, READ_AHEAD])
def test_a_message_that_fits_the_buffer_is_one_frame(size: int) -> None:
    assert framed(1, b"x" * size) == frame(1, b"x" * size)


def test_a_longer_message_is_the_buffer_and_the_rest() -> None:
    message = bytes(READ_AHEAD) + b"y" * 10_000
    assert framed(1, message) == frame(1, bytes(READ_AHEAD)) + frame(1, b"y" * 10_000)


@given(
    st.lists(st.tuples(st.sampled_from([1, 2, 3]), st.binary(max_size=30)), max_size=12),
    st.lists(st.integers(1, 20), max_size=30),
)
def test_frames_lead_to_their_channels_wherever_they_are_cut(
    frames: list[tuple[int, bytes]], sizes: list[int]
) -> None:
    one, two = Listener(), Listener()
    demux, wire = Demux({1: one, 2: two}), b"".join(frame(*each) for each in frames)
    for size in [*sizes, len(wire)]:
        demux.feed(wire[:size])
        wire = wire[size:]
    assert one.heard == b"".join(content for channel, content in frames if channel == 1)
    assert two.heard == b"".join(content for channel, content in frames if channel == 2)
    assert not one.overflows + two.overflows


@given(st.binary())
def test_any_bytes_are_taken(wire: bytes) -> None:
    Demux({1: Listener(), 2: Listener()}).feed(wire)


def test_a_frame_that_has_no_room_silences_its_channel_and_no_other() -> None:
    small, other = Listener(room=10), Listener()
    demux = Demux({1: small, 2: other})
    demux.feed(frame(1, b"x" * 10) + frame(1, b"y" * 11) + frame(2, b"z") + frame(1, b"more"))
    assert (small.heard, small.overflows) == (b"x" * 10, 1)
    assert other.heard == b"z"


def test_what_nobody_reads_is_not_kept() -> None:
    demux = Demux({})
    tracemalloc.start()
    try:
        demux.feed(struct.pack(">II", 9, 2**32 - 1))
        for _ in range(100):
            demux.feed(bytes(1 << 20))
        assert tracemalloc.get_traced_memory()[1] < 4 << 20
    finally:
        tracemalloc.stop()
