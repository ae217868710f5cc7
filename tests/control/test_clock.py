"""The clock over the wire."""

import threading

import pytest

from fakecri.api import runtime_pb2 as pb
from fakecri.control import ControlError
from fakecri.errors import Code
from tests.control.served import Controlled, controlled

SECOND_NS = 10**9
BEGIN_NS = 1_767_225_600 * SECOND_NS


def test_the_clock_can_be_read(served: Controlled) -> None:
    reading = served.control.clock.now()
    assert (reading.wall_ns, reading.wall) == (BEGIN_NS, "2026-01-01T00:00:00Z")
    assert (reading.virtual_ns, reading.pace, reading.HasField("rate")) == (0, "manual", False)


def test_time_passes_when_it_is_told_to(served: Controlled) -> None:
    container = served.client.run("sleep", "60")
    assert served.control.clock.advance(span="59s").virtual_ns == 59 * SECOND_NS
    assert served.client.status(container).state == pb.CONTAINER_RUNNING
    served.control.clock.advance(span="1s")
    assert served.client.status(container).state == pb.CONTAINER_EXITED


def test_the_wall_can_be_set_frozen_and_falsified(served: Controlled) -> None:
    clock = served.control.clock
    assert clock.jump(by="-40s").wall_ns == BEGIN_NS - 40 * SECOND_NS
    assert clock.jump(to="2038-01-19T03:14:07Z").wall == "2038-01-19T03:14:07Z"
    assert clock.freeze().frozen
    assert clock.advance(span="1h").wall == "2038-01-19T03:14:07Z"
    assert not clock.thaw().frozen
    assert clock.falsify(stamp="+1h").stamps == "+1h"
    assert clock.falsify(stamp="0").stamps == "0"
    assert served.client.status(served.client.run("sleep", "1")).created_at == 0
    assert clock.falsify().stamps == ""
    assert served.client.status(served.client.run("sleep", "1", pod="db")).created_at > 0


def test_the_pace_can_be_changed_while_a_call_waits(served: Controlled) -> None:
    container = served.client.run("sleep", "1000")
    stopping = threading.Thread(target=served.client.stop, args=(container, 30))
    stopping.start()
    assert served.control.clock.set_pace(pace="autojump").pace == "autojump"
    stopping.join()
    assert served.client.status(container).exit_code == 137


def test_a_rate_of_zero_stops_time(served: Controlled) -> None:
    assert served.control.clock.set_pace(pace="rate").rate == 1
    assert served.control.clock.set_pace(rate=0).rate == 0
    before = served.control.clock.now().virtual_ns
    assert served.control.clock.now().virtual_ns == before


def test_a_hold_keeps_calls_waiting_until_it_is_released() -> None:
    with controlled(pace="autojump") as served:
        clock = served.control.clock
        container = served.client.run("sleep", "1000")
        first, second = clock.hold(), clock.hold()
        assert (first.id, second.id, second.reading.holds) == ("h1", "h2", 2)
        before_ns = clock.now().virtual_ns
        stopping = threading.Thread(target=served.client.stop, args=(container, 30))
        stopping.start()
        while not served.control.recording.count(rpcs=["StopContainer"]).running:
            pass
        assert clock.release(id="h1").holds == 1
        assert clock.now().virtual_ns == before_ns
        assert clock.release(all=True).holds == 0
        stopping.join()
        assert clock.now().virtual_ns == before_ns + 30 * SECOND_NS


@pytest.mark.parametrize(
    ("method", "fields", "code", "text"),
    [
        ("advance", {"span": "soon"}, Code.INVALID_ARGUMENT, "'soon' is no span of time"),
        ("advance", {"span": "-1s"}, Code.INVALID_ARGUMENT, "'-1s' is no span of time"),
        ("jump", {"to": "noon"}, Code.INVALID_ARGUMENT, "'noon' is not an RFC 3339 time"),
        ("jump", {}, Code.INVALID_ARGUMENT, "'' is no span of time"),
        ("falsify", {"stamp": "never"}, Code.INVALID_ARGUMENT, "'never' is not an RFC 3339"),
        ("set_pace", {"pace": "fast"}, Code.INVALID_ARGUMENT, "'fast' is not a pace"),
        ("set_pace", {"rate": -1}, Code.INVALID_ARGUMENT, "a rate is a number from 0"),
        ("set_pace", {"pace": "manual", "rate": 1}, Code.INVALID_ARGUMENT, "a rate goes with"),
        ("set_pace", {"pace": "system"}, Code.FAILED_PRECONDITION, "system is a pace from the"),
        ("release", {"id": "h7"}, Code.NOT_FOUND, "there is no hold 'h7'"),
    ],
)
def test_what_cannot_be_moves_no_clock(
    served: Controlled, method: str, fields: dict[str, object], code: Code, text: str
) -> None:
    before = served.control.clock.now()
    with pytest.raises(ControlError) as refusal:
        getattr(served.control.clock, method)(**fields)
    assert refusal.value.code is code
    assert text in str(refusal.value)
    assert served.control.clock.now() == before


def test_the_clock_of_the_system_is_not_turned() -> None:
    with controlled(pace="system") as served:
        for method, fields in (
            ("advance", {"span": "1s"}),
            ("jump", {"by": "1s"}),
            ("freeze", {}),
            ("set_pace", {"rate": 2}),
        ):
            with pytest.raises(ControlError) as refusal:
                getattr(served.control.clock, method)(**fields)
            assert refusal.value.code is Code.FAILED_PRECONDITION
