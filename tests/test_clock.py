"""Turning the clock: how it is told, held, sped up, and what its users are refused."""

import io
import json
import threading
from collections.abc import Callable, Iterator

import pytest

from fakecri import CRI, Stuck, UsageError
from fakecri.api import runtime_pb2 as pb
from fakecri.pace import EPOCH_NS
from tests.support import Node, node

SECOND_NS = 10**9


@pytest.fixture
def opened() -> Iterator[Node]:
    with node("object") as each:
        each.pull()
        yield each


def stopping(opened: Node, container: str) -> object:
    """Begin a stop that takes ten seconds of virtual time."""
    return opened.runtime.StopContainer.future(
        pb.StopContainerRequest(container_id=container, timeout=10)
    )


def stubborn(opened: Node) -> str:
    return opened.run(opened.run_sandbox(), "sleep", "1000")


def await_stop(opened: Node) -> None:
    """Wait until a stop that another thread makes has arrived."""
    while not [each for each in opened.cri.calls if each.rpc == "StopContainer"]:
        pass


def test_a_span_is_a_text_or_seconds(opened: Node) -> None:
    before = opened.cri.clock.reading().virtual_ns
    opened.cri.clock.advance("1h30m")
    opened.cri.clock.advance(0.5)
    assert opened.cri.clock.reading().virtual_ns - before == 5400 * SECOND_NS + SECOND_NS // 2


@pytest.mark.parametrize("span", ["10", "soon", "-5s", float("nan"), float("inf"), -1])
def test_what_is_no_span_moves_no_clock(opened: Node, span: str | float) -> None:
    before = opened.cri.clock.reading()
    with pytest.raises(UsageError):
        opened.cri.clock.advance(span)
    assert opened.cri.clock.reading() == before


def test_the_recorder_is_told_all_that_is_done_to_the_clock() -> None:
    record = io.StringIO()
    with CRI(pace="manual", record=record) as cri:
        clock = cri.clock
        clock.advance("10m")
        clock.jump("-40s")
        clock.set_wall("2038-01-19T03:14:07Z")
        clock.freeze()
        clock.thaw()
        with clock.hold(), clock.stamps("+1h"):
            pass
        clock.switch("autojump")
        clock.rate(0)
    told = [json.loads(line) for line in record.getvalue().splitlines()]
    turned = [each for each in told if each["kind"] == "clock"]
    assert [each["what"] for each in turned] == [
        *("advance", "jump", "jump", "freeze", "thaw", "hold", "stamps", "stamps", "release"),
        *("pace", "rate"),
    ]
    assert turned[0]["by_ns"] == 600 * SECOND_NS
    assert turned[1]["wall_ns"] == EPOCH_NS + 560 * SECOND_NS
    assert turned[2]["wall_ns"] == turned[3]["wall_ns"] == (2**31 - 1) * SECOND_NS
    assert (turned[5]["holds"], turned[8]["holds"]) == (1, 0)
    assert (turned[6]["stamps"], turned[7]["stamps"]) == ("+1h", "")


def test_virtual_time_never_goes_back(opened: Node) -> None:
    before = opened.cri.clock.reading().virtual_ns
    opened.cri.clock.set_wall("1970-01-01T00:00:00Z")
    opened.cri.clock.jump("-0s")
    assert opened.cri.clock.reading().virtual_ns == before
    with pytest.raises(UsageError, match="backwards"):
        opened.cri.clock.advance(-1)


@pytest.mark.parametrize("wall", ["-32d", "106750d"])
def test_the_wall_stays_where_the_contract_can_tell_it(wall: str) -> None:
    with CRI(pace="manual") as cri:
        cri.clock.set_wall("1970-02-01T00:00:00Z")
        with pytest.raises(UsageError, match="before 1970, nor to after 2262"):
            cri.clock.jump(wall)
        assert cri.now_ns == 31 * 86_400 * SECOND_NS


def test_the_wall_stops_at_the_end_of_time() -> None:
    with CRI(pace="manual") as cri:
        cri.clock.set_wall("2262-01-01T00:00:00Z")
        cri.clock.advance("320d")
        assert cri.now_ns < 2**63


@pytest.mark.parametrize("time", ["yesterday", "2038-13-19T03:14:07Z", "2038-01-19", -1, 2**63])
def test_what_is_no_time_of_the_wall_is_refused(opened: Node, time: str | int) -> None:
    before_ns = opened.cri.clock.now_ns
    with pytest.raises(UsageError):
        opened.cri.clock.set_wall(time)
    with pytest.raises(UsageError):
        opened.cri.clock.stamps(time)
    assert opened.cri.clock.now_ns == before_ns


def test_the_clock_of_the_system_is_not_ours_to_turn() -> None:
    with CRI(pace="system") as cri:
        clock = cri.clock
        turns: tuple[Callable[[], object], ...] = (
            lambda: clock.advance(1),
            lambda: clock.jump("1s"),
            lambda: clock.set_wall(0),
            clock.freeze,
            clock.thaw,
            lambda: clock.rate(2),
            lambda: clock.switch("manual"),
        )
        for refused in turns:
            with pytest.raises(UsageError, match=r"system pace|system is a pace"):
                refused()
    with CRI() as cri, pytest.raises(UsageError, match="system is a pace"):
        cri.clock.switch("system")


def test_a_hold_keeps_time_from_leaping_until_the_last_one_is_gone(opened: Node) -> None:
    container = stubborn(opened)
    before_ns = opened.cri.now_ns
    first, second = opened.cri.clock.hold(), opened.cri.clock.hold()
    first.stop()
    first.stop()  # counts once
    assert opened.cri.clock.reading().holds == 1
    with pytest.raises(Stuck, match="StopContainer waits for ever: time is held"):
        opened.stop(container, timeout=10)
    assert opened.cri.now_ns == before_ns
    second.stop()
    opened.stop(container, timeout=10)
    assert opened.cri.now_ns == before_ns + 10 * SECOND_NS


def test_time_that_is_held_can_still_be_advanced(opened: Node) -> None:
    container = stubborn(opened)
    with opened.cri.clock.hold():
        call = stopping(opened, container)
        opened.cri.clock.advance(10)
        assert call.done()  # type: ignore[attr-defined]  # a future of gRPC


def test_a_call_that_waits_goes_on_when_a_hold_ends(face: str) -> None:
    with node(face) as opened:
        opened.pull()
        container = stubborn(opened)
        before_ns = opened.cri.now_ns
        hold = opened.cri.clock.hold()
        waiting = threading.Thread(target=opened.stop, args=(container, 10))
        waiting.start()
        await_stop(opened)
        assert opened.cri.now_ns == before_ns
        hold.stop()
        waiting.join()
        assert opened.cri.now_ns == before_ns + 10 * SECOND_NS


def test_time_can_be_made_to_leap_while_calls_wait(face: str) -> None:
    with node(face, pace="manual") as opened:
        opened.pull()
        container = stubborn(opened)
        waiting = threading.Thread(target=opened.stop, args=(container, 30))
        waiting.start()
        await_stop(opened)
        opened.cri.clock.switch("autojump")
        waiting.join()
        assert opened.status(container).exit_code == 137


def test_time_can_be_sped_up_while_calls_wait(face: str) -> None:
    with node(face, pace="rate") as opened:
        opened.pull()
        container = stubborn(opened)
        waiting = threading.Thread(target=opened.stop, args=(container, 100_000))
        waiting.start()
        await_stop(opened)
        opened.cri.clock.rate(1_000_000)
        waiting.join()
        assert opened.status(container).exit_code == 0  # the sleep was over before


def test_a_rate_of_zero_stops_time_until_it_is_another() -> None:
    with CRI() as cri:
        cri.clock.rate(0)
        first_ns = cri.now_ns
        assert first_ns == EPOCH_NS
        cri.clock.advance("10m")
        assert cri.now_ns == first_ns + 600 * SECOND_NS
        cri.clock.rate(1e9)
        while cri.now_ns < first_ns + 3600 * SECOND_NS:
            pass
        cri.clock.switch("manual")
        assert cri.clock.reading().rate is None
        assert cri.now_ns == cri.now_ns


@pytest.mark.parametrize("rate", [-1, float("nan"), float("inf"), 1e10])
def test_a_rate_that_is_none_leaves_the_pace_as_it_was(rate: float) -> None:
    with CRI() as cri:
        with pytest.raises(UsageError, match="a rate is a number from 0"):
            cri.clock.rate(rate)
        assert cri.clock.reading().pace == "autojump"


def test_pulls_need_no_time_where_it_stands_still_and_some_where_it_moves() -> None:
    with CRI(pace="manual") as cri:
        opened = Node(cri, cri.runtime, cri.images, "object")
        opened.pull()
        assert cri.now_ns == EPOCH_NS
        cri.clock.switch("autojump")
        opened.pull("nginx")
        assert cri.now_ns == EPOCH_NS + 5_000_000
        cri.clock.switch("manual")
        opened.pull("redis")
        assert cri.now_ns == EPOCH_NS + 5_000_000
