"""Shell scripts and commands do what a real containerd with busybox was recorded to do."""

import pytest

from tests.differential import Case, cases, playing, recorded
from tests.support import LOGS, Node

RECORDED = recorded()


@pytest.mark.parametrize("case", cases(), ids=lambda case: case.name)
def test_a_command_line_does_what_it_does_on_a_real_runtime(node: Node, case: Case) -> None:
    node.pull("busybox")

    def read_log(path: str) -> str:
        return node.cri.files.read(path).decode(errors="backslashreplace")

    def pause() -> None:
        node.cri.advance(0.1)

    with playing(node.runtime, "busybox", LOGS, read_log, pause) as player:
        assert player.play(case) == RECORDED[case.name]


def test_each_case_was_recorded_and_nothing_else_was() -> None:
    assert [case.name for case in cases()] == list(RECORDED)
