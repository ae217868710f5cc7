"""Rules over the wire."""

import grpc
import pytest

from fakecri.control import ControlError
from fakecri.errors import Code
from tests.control.served import Controlled, controlled, dialled
from tests.support import raises_status

GONE = 'StopContainer{pod=web} = 1* error(UNAVAILABLE, "gone")'


def test_a_rule_that_is_armed_acts_on_calls(served: Controlled) -> None:
    (armed,) = served.control.rules.arm(rules=[GONE]).rules
    assert (armed.id, armed.text, armed.fired) == ("r1", GONE, 0)
    container = served.client.run("sleep", "100")
    with raises_status(grpc.StatusCode.UNAVAILABLE, "gone"):
        served.client.stop(container)
    served.client.stop(container)
    (listed,) = served.control.rules.list().rules
    assert (listed.id, listed.hits, listed.fired, len(listed.calls)) == ("r1", 2, 1, 1)


def test_a_rule_that_never_acted_says_what_came_closest(served: Controlled) -> None:
    served.control.rules.arm(rules=[GONE])
    served.client.stop(served.client.run("sleep", "100", pod="db"))
    (listed,) = served.control.rules.list().rules
    assert listed.fired == 0
    assert "pod" in listed.near_miss


def test_rules_are_taken_back_by_their_ids(served: Controlled) -> None:
    served.control.rules.arm(rules=[GONE])
    served.control.rules.arm(rules=["Version = hang", "Status = hang"])
    (gone,) = served.control.rules.disarm(ids=["r2"]).rules
    assert gone.text == "Version = hang"
    assert [each.id for each in served.control.rules.list().rules] == ["r1", "r3"]
    served.control.rules.disarm(all=True)
    assert not served.control.rules.list().rules
    (again,) = served.control.rules.arm(rules=[GONE]).rules
    assert again.id == "r4"


def test_a_rule_begins_again(served: Controlled) -> None:
    served.control.rules.arm(rules=[GONE])
    container = served.client.run("sleep", "100")
    with raises_status(grpc.StatusCode.UNAVAILABLE):
        served.client.stop(container)
    assert served.control.rules.reset(ids=["r1"]).rules[0].fired == 0
    with raises_status(grpc.StatusCode.UNAVAILABLE):
        served.client.stop(container)
    assert served.control.rules.reset().rules[0].id == "r1"


def test_a_switch_turns_rules_on_and_off(served: Controlled) -> None:
    served.control.rules.arm(rules=["Version = while broken error(UNAVAILABLE)"])
    container = served.client.run("sleep", "100")
    for on in (True, False):
        served.control.rules.switch(name="broken", on=on)
        if on:
            with raises_status(grpc.StatusCode.UNAVAILABLE):
                served.client.version()
        else:
            served.client.version()
    assert container


def test_a_text_that_is_no_rule_is_pointed_into_and_arms_nothing(served: Controlled) -> None:
    with pytest.raises(ControlError, match=r"column 20: .* not \"explode\"") as refusal:
        served.control.rules.arm(rules=[GONE, "StopContainer = 1* explode"])
    assert refusal.value.code is Code.INVALID_ARGUMENT
    assert not served.control.rules.list().rules


@pytest.mark.parametrize(
    ("method", "fields", "code"),
    [
        ("arm", {}, Code.INVALID_ARGUMENT),
        ("disarm", {}, Code.INVALID_ARGUMENT),
        ("disarm", {"ids": ["r9"]}, Code.NOT_FOUND),
        ("reset", {"ids": ["r9"]}, Code.NOT_FOUND),
    ],
)
def test_what_names_no_rule_is_refused(
    served: Controlled, method: str, fields: dict[str, object], code: Code
) -> None:
    with pytest.raises(ControlError) as refusal:
        getattr(served.control.rules, method)(**fields)
    assert refusal.value.code is code


def test_rules_of_a_session_break_connections_in_every_generation() -> None:
    with controlled(wire_faults=True) as served:
        for _ in range(2):
            served.control.rules.arm(rules=["Version = 1* reset"])
            # Each call has a connection of its own: one that was just broken may seem to live.
            with dialled(served.endpoint) as client, raises_status(grpc.StatusCode.UNAVAILABLE):
                client.version()
            with dialled(served.endpoint) as client:
                client.version()
            assert served.control.rules.list().rules[0].fired == 1
            served.control.sessions.reset()
