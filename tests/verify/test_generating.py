"""Sequences that are made smaller stay such that no chance decides how they go."""

import pytest
from hypothesis import given

from fakecri.verify.generating import is_determined, sequences
from fakecri.verify.sequences import Sequence, Step, parse
from fakecri.verify.shrinking import smallest

ENDS = {"config": {"command": ["true"]}}
START = Step("StartContainer", {"container_id": "<e1>"})
WAIT = Step("wait", {"container_id": "<e1>"})


@given(sequences())
def test_what_is_thought_of_is_determined_and_can_be_written(sequence: Sequence) -> None:
    assert is_determined(sequence)
    assert parse(sequence.text, "a test") == [sequence]


@pytest.mark.parametrize(
    "steps",
    [
        (Step("CreateContainer", {"config": {}}),),
        (Step("CreateContainer", ENDS, "e1"), START),
        (Step("CreateContainer", ENDS, "e1"), START, START, WAIT),
    ],
)
def test_what_ends_by_itself_must_be_waited_for(steps: tuple[Step, ...]) -> None:
    assert not is_determined(Sequence("a", steps))


def test_nothing_can_be_left_out_of_the_smallest() -> None:
    def fails(sequence: Sequence) -> bool:
        acts = [step.act for step in sequence.steps]
        return {"StopContainer", "ExecSync"} <= set(acts) and any(
            step.request.get("timeout") for step in sequence.steps
        )

    steps = [Step(act, {"container_id": "<c>"}) for act in ("Attach", "ExecSync", "Exec")]
    stop = Step("StopContainer", {"container_id": "<c>", "timeout": 1})
    found = smallest(Sequence("a", (*steps, stop, *steps)), fails)
    assert sorted((step.act, dict(step.request)) for step in found.steps) == [
        ("ExecSync", {}),
        ("StopContainer", {"timeout": 1}),
    ]
