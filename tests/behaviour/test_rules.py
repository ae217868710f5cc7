"""Rules: which call a term acts on, and in which phase. Both faces see the same."""

import grpc

from fakecri import Code
from fakecri.core.faults.rules import Action, Phase, Rule, Term, When
from tests.behaviour.steps import RUNNING
from tests.support import Node, raises_status

GONE = Action("error", (Code.UNAVAILABLE, "gone"))


def arm(node: Node, rule: Rule) -> None:
    """Put a rule in force."""
    with node.cri.host.turn() as world:
        world.faults.arm(rule)


def test_an_error_after_the_work_leaves_the_work_done(ready: Node) -> None:
    made = ready.create(ready.run_sandbox(), "sleep", "99")
    arm(ready, Rule(("StartContainer",), (Term(GONE, Phase.AFTER, (When("next", (1,)),)),)))
    with raises_status(grpc.StatusCode.UNAVAILABLE, "gone"):
        ready.start(made)
    assert ready.status(made).state == RUNNING
