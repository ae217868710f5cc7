"""How time passes: by hand, by leaps, with the clock on the wall, and at a rate."""

import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from freezegun import freeze_time

from fakecri.api import runtime_pb2 as pb
from fakecri.cri import CRI
from fakecri.errors import Stuck, UsageError
from fakecri.opening import open_host
from fakecri.pace import BLINK_S, EPOCH_NS, STRETCH_NS, Rate, System, parse_pace
from tests.support import Node, node

SECOND_NS = 1_000_000_000


def object_node(cri: CRI) -> Node:
    opened = Node(cri, cri.runtime, cri.images, "object")
    opened.pull()
    return opened


@pytest.fixture
def manual() -> Iterator[Node]:
    with CRI(pace="manual") as cri:
        yield object_node(cri)


def test_virtual_time_begins_far_from_zero_and_stands_still() -> None:
    with CRI() as cri:
        assert cri.now_ns == EPOCH_NS
        cri.runtime.Version(pb.VersionRequest())
        assert cri.now_ns == EPOCH_NS


def test_a_manual_clock_moves_by_advance_alone(manual: Node) -> None:
    container = manual.run(manual.run_sandbox(), "sleep", "5")
    manual.cri.advance(4.5)
    assert manual.status(container).state == pb.CONTAINER_RUNNING
    manual.cri.advance(0.5)
    status = manual.status(container)
    assert status.state == pb.CONTAINER_EXITED
    assert status.finished_at // SECOND_NS == status.started_at // SECOND_NS + 5


def test_a_call_that_waits_on_a_manual_clock_is_stuck(manual: Node) -> None:
    container = manual.run(manual.run_sandbox(), "sleep", "100")
    with pytest.raises(Stuck, match="StopContainer waits for ever: nobody calls advance"):
        manual.stop(container, timeout=10)
    assert manual.status(container).state == pb.CONTAINER_RUNNING


def test_another_thread_may_turn_the_manual_clock(manual: Node) -> None:
    container = manual.run(manual.run_sandbox(), "sleep", "100")
    request = pb.StopContainerRequest(container_id=container, timeout=10)
    stopping = manual.runtime.StopContainer.future(request)
    waiting = threading.Thread(target=stopping.result)
    waiting.start()
    manual.cri.advance(10)
    waiting.join()
    assert manual.status(container).exit_code == 137


def test_a_call_that_waits_leaps_to_its_end() -> None:
    with CRI() as cri:
        opened = object_node(cri)
        container = opened.run(opened.run_sandbox(), "sleep", "1000")
        before_ns = cri.now_ns
        opened.stop(container, timeout=30)
        assert cri.now_ns == before_ns + 30 * SECOND_NS
        assert opened.status(container).exit_code == 137


def test_time_leaps_no_further_than_it_must() -> None:
    with CRI() as cri:
        opened = object_node(cri)
        sandbox = opened.run_sandbox()
        short = opened.run(sandbox, "sleep", "10", name="short")
        long = opened.run(sandbox, "sleep", "20", name="long")
        opened.stop(long, timeout=15)
        assert opened.status(short).state == pb.CONTAINER_EXITED
        assert opened.status(short).exit_code == 0


def test_a_wait_for_what_never_comes_is_stuck_and_leaves_nothing_behind() -> None:
    with CRI() as cri:
        opened = object_node(cri)
        container = opened.run(opened.run_sandbox(), "sleep", "infinity", stdin=True)
        with pytest.raises(Stuck, match="ExecSync waits for ever: nothing is scheduled"):
            cri.runtime.ExecSync(pb.ExecSyncRequest(container_id=container, cmd=["sleep", "inf"]))
        assert cri.host.world.store.containers.get(container).execs == []


def test_a_stream_without_events_is_stuck() -> None:
    with CRI() as cri:
        events = cri.runtime.GetContainerEvents(pb.GetEventsRequest())
        with pytest.raises(Stuck):
            next(events)


def test_a_rate_makes_time_run_faster_than_the_wall() -> None:
    with CRI(pace=Rate(1000)) as cri:
        opened = object_node(cri)
        # Before the rest: what is told to nobody is kept for a third of a second here.
        events = cri.runtime.GetContainerEvents(pb.GetEventsRequest())
        container = opened.run(opened.run_sandbox(), "sleep", "2")
        stopped = next(
            event for event in events if event.container_event_type == pb.CONTAINER_STOPPED_EVENT
        )
        assert stopped.container_id == container
        status = opened.status(container)
        assert status.finished_at - status.started_at >= 2 * SECOND_NS


def test_time_lags_where_more_happens_than_the_machine_can_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real_ns = 0
    monkeypatch.setattr("fakecri.pace.time.monotonic_ns", lambda: real_ns)
    world = open_host(pace=(pace := Rate(start_ns=1))).world
    begun: list[int] = []

    def work() -> None:
        nonlocal real_ns
        begun.append(world.scheduler.now_ns)
        real_ns += STRETCH_NS // 2

    for second in range(1, 9):
        world.scheduler.at(second * SECOND_NS, work)
    real_ns = 9 * SECOND_NS
    pace.follow(world)
    assert begun == [SECOND_NS, 2 * SECOND_NS, 3 * SECOND_NS]
    assert world.scheduler.now_ns == 3 * SECOND_NS
    assert pace.pause_s(world.scheduler.now_ns, 4 * SECOND_NS) == BLINK_S
    pace.skip(world, 2)
    assert len(begun) == 8
    pace.follow(world)
    assert world.scheduler.now_ns == real_ns + 3
    assert pace.pause_s(0, SECOND_NS) == 1


def test_calls_are_answered_where_time_cannot_be_followed(
    face: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fakecri.pace.STRETCH_NS", SECOND_NS // 100)
    with node(face, pace=Rate(1e6)) as opened:
        opened.pull()
        busy = opened.run(opened.run_sandbox(), "sh", "-c", "while :; do sleep 0.01; done")
        assert opened.status(busy).state == pb.CONTAINER_RUNNING
        opened.stop(busy, timeout=0)
        assert opened.status(busy).exit_code == 137


def test_the_wall_shows_the_present_at_the_start_of_a_rate() -> None:
    before_ns = time.time_ns()
    with CRI(pace="rate") as cri:
        assert before_ns <= cri.now_ns <= time.time_ns()


def test_freezegun_rules_the_system_pace() -> None:
    with freeze_time("2030-01-01") as frozen, CRI(pace="system") as cri:
        opened = object_node_waiting(cri, frozen)
        container = opened.run(opened.run_sandbox(), "sleep", "5")
        created = opened.status(container).created_at
        assert datetime.fromtimestamp(created // SECOND_NS, UTC).year == 2030
        frozen.tick(4)
        assert opened.status(container).state == pb.CONTAINER_RUNNING
        frozen.tick(2)
        assert opened.status(container).state == pb.CONTAINER_EXITED


def object_node_waiting(cri: CRI, frozen: object) -> Node:
    pulling = cri.images.PullImage.future(pb.PullImageRequest(image=pb.ImageSpec(image="busybox")))
    frozen.tick(1)  # type: ignore[attr-defined]  # freezegun's factories have no common type
    pulling.result()
    return Node(cri, cri.runtime, cri.images, "object")


def test_a_wall_that_is_set_back_leaves_timers_where_they_are() -> None:
    with freeze_time("2030-01-01") as frozen, CRI(pace="system") as cri:
        opened = object_node_waiting(cri, frozen)
        container = opened.run(opened.run_sandbox(), "sleep", "5")
        frozen.move_to("2029-12-31")
        assert opened.status(container).state == pb.CONTAINER_RUNNING
        assert datetime.fromtimestamp(cri.now_ns // SECOND_NS, UTC).year == 2029
        frozen.tick(6)
        status = opened.status(container)
        assert status.state == pb.CONTAINER_EXITED
        assert status.finished_at < status.started_at


def test_a_frozen_clock_wakes_a_waiting_call_when_it_is_turned() -> None:
    with freeze_time("2030-01-01") as frozen, CRI(pace="system") as cri:
        opened = object_node_waiting(cri, frozen)
        container = opened.run(opened.run_sandbox(), "sleep", "100")
        request = pb.StopContainerRequest(container_id=container, timeout=10)
        stopping = cri.runtime.StopContainer.future(request)
        assert not stopping.done()
        frozen.tick(11)
        stopping.result()
        assert opened.status(container).exit_code == 137


@pytest.mark.parametrize("rate", [-1, float("nan"), float("inf")])
def test_a_rate_that_is_none_is_refused(rate: float) -> None:
    with pytest.raises(UsageError, match="a rate is a number from 0"):
        Rate(rate)


def test_an_unknown_pace_is_refused() -> None:
    with pytest.raises(UsageError, match="'fast' is not a pace"):
        parse_pace("fast")


def test_the_systems_clock_is_not_ours_to_turn() -> None:
    with CRI(pace=System()) as cri, pytest.raises(UsageError, match="whoever rules"):
        cri.advance(1)


def test_time_does_not_go_backwards() -> None:
    with CRI() as cri, pytest.raises(UsageError, match="backwards"):
        cri.advance(-1)


def test_both_faces_leap_alike(face: str) -> None:
    with node(face) as opened:
        opened.pull()
        container = opened.run(opened.run_sandbox(), "sleep", "1000")
        before_ns = opened.cri.now_ns
        opened.stop(container, timeout=30)
        assert opened.cri.now_ns == before_ns + 30 * SECOND_NS


def test_closing_releases_who_waits() -> None:
    with CRI(pace="manual") as cri:
        events = cri.runtime.GetContainerEvents(pb.GetEventsRequest())
        cri.close()
        assert events.code().name == "UNAVAILABLE"
