"""Typing at a terminal shows what a real ash on a real terminal was recorded to show."""

from collections.abc import Iterator

import pytest

from fakecri.api import runtime_pb2 as pb
from fakecri.errors import Stuck
from fakecri.stream import Stream
from tests.support import Node
from tests.support import node as node_behind
from tests.terminal_scripts import Case, Size, cases, play, recorded

RECORDED = recorded()


class SimulatedStage:
    """An exec with a terminal."""

    def __init__(self, stream: Stream) -> None:
        self.stream = stream

    def type(self, keys: bytes) -> None:
        self.stream.write(keys)

    def resize(self, size: Size) -> None:
        self.stream.resize(size.columns, size.rows)

    def shown(self, expected: bytes | None) -> bytes:
        assert expected is not None
        shown = b""
        while len(shown) < len(expected):
            try:
                chunk = self.stream.read()
            except Stuck:
                break
            if not chunk:
                break
            shown += chunk
        return shown

    def status(self) -> int | None:
        try:
            return self.stream.result().exit_code
        except Stuck:
            return None


@pytest.fixture(scope="module")
def running() -> Iterator[tuple[Node, str]]:
    with node_behind("object") as node:
        node.pull()
        yield node, node.run(node.run_sandbox(), "cat", stdin=True)


@pytest.mark.parametrize("case", cases(), ids=lambda case: case.name)
def test_a_terminal_shows_what_a_real_one_does(running: tuple[Node, str], case: Case) -> None:
    node, container = running
    request = pb.ExecRequest(
        container_id=container, cmd=case.argv, stdin=True, stdout=True, tty=True
    )
    window = (case.columns, case.rows)
    with node.cri.stream(node.runtime.Exec(request).url, window=window) as stream:
        expected = RECORDED[case.name]
        assert play(case, SimulatedStage(stream), expected) == expected


def test_each_script_was_recorded_and_nothing_else_was() -> None:
    assert [case.name for case in cases()] == list(RECORDED)
