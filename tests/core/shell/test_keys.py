"""Keys out of bytes, and that no bytes spoil an interactive shell."""

from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fakecri.api import runtime_pb2 as pb
from fakecri.core.shell.keys import Key, read_key
from tests.support import Node
from tests.support import node as node_behind

INTERRUPT = b"\x03"
NO_EDITING = b"\x04\x13\r\n"
"""What ends the shell, stops its output, or lets a command run that may do so."""


@pytest.mark.parametrize(
    ("typed", "key"),
    [
        (b"a", Key("text", 1, ord("a"))),
        (b"\xff", Key("text", 1, 0xFF)),
        (b"\x01", Key("home", 1)),
        (b"\x7f", Key("erase", 1)),
        (b"\x1b[A", Key("up", 3)),
        (b"\x1bOD\x1b", Key("left", 3)),
        (b"\x1b[3~x", Key("delete", 4)),
        (b"\x1b[1;5C", Key("word right", 6)),
        (b"\x1b[24;80R", Key("at", 8, 79)),
        (b"\x1b[99z", Key("", 5)),
        (b"\x1bx", Key("", 1)),
    ],
)
def test_a_key_is_read_whether_more_may_come_or_not(typed: bytes, key: Key) -> None:
    assert read_key(typed, is_all=False) == read_key(typed, is_all=True) == key


@pytest.mark.parametrize("typed", [b"\x1b", b"\x1b[", b"\x1b[1;5", b"\x1bO"])
def test_what_begins_like_a_key_is_waited_for(typed: bytes) -> None:
    assert read_key(typed, is_all=False) is None
    assert read_key(typed, is_all=True) == Key("", 1)


@given(st.binary(min_size=1))
def test_all_bytes_are_keys(typed: bytes) -> None:
    while typed:
        key = read_key(typed, is_all=True)
        assert key is not None
        assert 1 <= key.length <= len(typed)
        typed = typed[key.length :]


@pytest.fixture(scope="module")
def node() -> Iterator[Node]:
    with node_behind("object") as node:
        node.pull()
        yield node


@pytest.fixture(scope="module")
def running(node: Node) -> str:
    return node.run(node.run_sandbox(), "cat", stdin=True)


@settings(max_examples=60)
@given(
    st.lists(
        st.one_of(
            st.binary(max_size=12),
            st.sampled_from([b"\t", b"\x1b[A", b"\x1b[B", b"\x1b[D", b"\x1b[H", b"\x7f", b"\x17"]),
            st.integers(1, 60).map(lambda times: b"long " * times),
        ),
        max_size=8,
    ),
    st.integers(1, 100),
)
def test_whatever_was_typed_an_interrupt_makes_a_new_line(
    running: str, node: Node, typed: list[bytes], columns: int
) -> None:
    keys = b"".join(typed).translate(None, NO_EDITING)
    request = pb.ExecRequest(container_id=running, cmd=["sh"], stdin=True, stdout=True, tty=True)
    url = node.runtime.Exec(request).url
    with node.cri.stream(url, window=(columns, 24)) as stream:
        # The first one ends what began like a key, and is one itself.
        stream.write(keys + 2 * INTERRUPT + b"echo the mark\rexit 7\r")
        result = stream.result()
    assert b"\nthe mark\r\n" in result.stdout
    assert result.exit_code == 7
