"""Gates over the wire."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from fakecri.control import ControlError
from fakecri.errors import Code
from tests.control.served import Controlled, controlled


@contextmanager
def waiting(served: Controlled, calls: int) -> Iterator[None]:
    """Have so many calls wait at the gate `door`, and see that they end."""
    served.control.rules.arm(rules=["Version = gate(door)"])
    threads = [threading.Thread(target=served.client.version) for _ in range(calls)]
    for each in threads:
        each.start()
    gate = served.control.gates.wait(name="door", waiting=calls)
    assert (gate.waiting, gate.arrived, gate.most, gate.open) == (calls, calls, calls, False)
    yield
    for each in threads:
        each.join()


def test_a_gate_holds_calls_until_they_are_released(served: Controlled) -> None:
    gates = served.control.gates
    with waiting(served, 3):
        assert [each.name for each in gates.list().gates] == ["door"]
        assert served.control.recording.count(rpcs=["Version"]).max_concurrent == 3
        assert gates.release(name="door", calls=1).waiting == 2
        assert gates.release(name="door").waiting == 0
    count = served.control.recording.count(rpcs=["Version"])
    assert (count.calls, count.running) == (3, 0)


def test_a_gate_that_is_open_holds_nobody(served: Controlled) -> None:
    with waiting(served, 1):
        assert served.control.gates.release(name="door", open=True).open
    served.client.version()
    assert served.control.gates.list().gates[0].arrived == 2


def test_a_wait_has_a_deadline(served: Controlled) -> None:
    with pytest.raises(ControlError) as refusal:
        served.control.gates.wait(name="door", timeout=0.1)
    assert refusal.value.code is Code.DEADLINE_EXCEEDED


def test_a_wait_ends_when_the_runtime_begins_anew(served: Controlled) -> None:
    said: list[ControlError] = []

    def wait() -> None:
        with pytest.raises(ControlError) as refusal:
            served.control.gates.wait(name="door")
        said.append(refusal.value)

    thread = threading.Thread(target=wait)
    thread.start()
    while thread.is_alive():
        served.control.sessions.reset()
    assert said[0].code is Code.ABORTED


def test_what_is_no_gate_is_refused(served: Controlled) -> None:
    for method, fields, code in (
        (served.control.gates.release, {"name": "none"}, Code.NOT_FOUND),
        (served.control.gates.release, {}, Code.INVALID_ARGUMENT),
        (served.control.gates.wait, {"name": "door", "waiting": -1}, Code.INVALID_ARGUMENT),
    ):
        with pytest.raises(ControlError) as refusal:
            method(**fields)
        assert refusal.value.code is code


def test_calls_at_a_gate_are_there_again_after_a_restore() -> None:
    with controlled() as served:
        with waiting(served, 1):
            served.control.gates.release(name="door")
        served.control.sessions.snapshot()
        served.control.sessions.restore(id="s1")
        gate = served.control.gates.list().gates[0]
        assert (gate.arrived, gate.waiting) == (1, 0)
