"""Frames of SPDY for property tests: any that can be encoded, and bytes cut anywhere."""

from itertools import pairwise

from hypothesis import strategies as st

from fakecri.streaming.spdy_decoding import Decoder
from fakecri.streaming.spdy_frames import (
    FIN,
    Data,
    Encoder,
    Frame,
    GoAway,
    MoreHeaders,
    Ping,
    RstStream,
    Settings,
    SynReply,
    SynStream,
    WindowUpdate,
)
from fakecri.streaming.spdy_headers import Headers

IDS = st.integers(1, (1 << 31) - 1)
WORDS = st.integers(0, (1 << 32) - 1)
FINS = st.sampled_from([0, FIN])
NAMES = st.one_of(
    st.sampled_from(["streamtype", "port", "requestid"]),
    st.text(min_size=0, max_size=8).filter(lambda name: name == name.lower()),
)
VALUES = st.text(st.characters(exclude_characters="\0", codec="utf-8"), max_size=20)
# Values of one name stand behind each other: that is how they are laid out.
HEADERS: st.SearchStrategy[Headers] = st.dictionaries(
    NAMES, st.lists(VALUES, min_size=1, max_size=3), max_size=5
).map(lambda each: tuple((name, value) for name, values in each.items() for value in values))
SETTING = st.tuples(st.integers(0, 255), st.integers(0, (1 << 24) - 1), WORDS)
DATA = st.builds(Data, IDS, st.binary(max_size=50), FINS, st.just(0))
FRAMES: st.SearchStrategy[Frame] = st.one_of(
    st.builds(SynStream, IDS, HEADERS, FINS, WORDS, st.integers(0, 7), st.integers(0, 255)),
    st.builds(SynReply, IDS, HEADERS, FINS),
    st.builds(MoreHeaders, IDS, HEADERS, FINS),
    st.builds(RstStream, IDS, st.integers(1, 11)),
    st.builds(Settings, st.lists(SETTING, max_size=4).map(tuple)),
    st.builds(Ping, st.integers(1, (1 << 32) - 1)),
    st.builds(GoAway, WORDS, WORDS),
    st.builds(WindowUpdate, WORDS, WORDS),
    DATA,
)


def cut(content: bytes, places: list[int]) -> list[bytes]:
    """Cut bytes into chunks, some of which may be empty."""
    edges = [0, *sorted(place % (len(content) + 1) for place in places), len(content)]
    return [content[begin:end] for begin, end in pairwise(edges)]


PLACES = st.lists(st.integers(0, 1 << 16), max_size=12)


def encode(frames: list[Frame]) -> bytes:
    """Return the bytes of frames, in one direction of one connection."""
    encoder = Encoder()
    return b"".join(encoder.encode(frame) for frame in frames)


def decode(chunks: list[bytes]) -> list[Frame]:
    """Return the frames in chunks; the pieces of each frame of data are put together."""
    decoder = Decoder()
    frames: list[Frame] = []
    begun = b""
    for chunk in chunks:
        decoder.feed(chunk)
        while (frame := decoder.next()) is not None:
            if isinstance(frame, Data):
                begun += frame.content
                if frame.rest:
                    continue
                frame, begun = frame._replace(content=begun), b""
            frames.append(frame)
    return frames
