"""What is read from the channel for sizes. Source: spec streaming 2.13.1."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakecri.streaming.sizes import LIMIT, Sizes

UINT16 = st.integers(0, 65_535)


@given(st.lists(st.tuples(UINT16, UINT16, st.sampled_from(["", "\n", " \t\r\n"]))), st.data())
def test_sizes_are_read_however_they_are_cut(
    sizes: list[tuple[int, int, str]], data: st.DataObject
) -> None:
    text = "".join(
        json.dumps({"Width": width, "Height": height}) + gap for width, height, gap in sizes
    ).encode()
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=5)))
    reader = Sizes()
    read = []
    for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True):
        read += list(reader.feed(text[start:end]))
    assert read == [(width, height) for width, height, _ in sizes]


@pytest.mark.parametrize(
    ("text", "size"),
    [
        (b"{}", (0, 0)),
        (b'{"Width":80}', (80, 0)),
        (b'{"width":80,"HEIGHT":24,"other":[{}]}', (80, 24)),
        (b'{"Width":null,"Height":24}', (0, 24)),
    ],
)
def test_a_size_is_read_as_go_reads_it(text: bytes, size: tuple[int, int]) -> None:
    assert list(Sizes().feed(text)) == [size]


@pytest.mark.parametrize(
    "text",
    [
        b"[]",
        b"7 ",
        b'"x"',
        b'{"Width":65536}',
        b'{"Width":-1}',
        b'{"Width":1.5}',
        b'{"Width":1e2}',
        b'{"Width":"80"}',
        b'{"Width":false}',
        b"{]",
        b"\xff" * 5000,
        b"[" * 100_000,
    ],
)
def test_behind_what_go_refuses_nothing_is_read(text: bytes) -> None:
    sizes = Sizes()
    assert list(sizes.feed(text + b'{"Width":1,"Height":1}')) == []
    assert list(sizes.feed(b'{"Width":2,"Height":2}')) == []


def test_what_never_ends_is_not_kept() -> None:
    sizes = Sizes()
    for _ in range(3):
        assert list(sizes.feed(b'{"Width' + bytes(LIMIT))) == []
    assert list(sizes.feed(b'":1}')) == []


@given(st.binary())
def test_any_bytes_are_borne(content: bytes) -> None:
    assert all(0 <= each <= 65_535 for size in Sizes().feed(content) for each in size)
