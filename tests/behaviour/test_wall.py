"""The wall set back, set forward, frozen and falsified, as a client sees it."""

from collections.abc import Iterator

import pytest

from fakecri.api import runtime_pb2 as pb
from tests.support import Node, node

SECOND_NS = 10**9
LAST_SECOND_NS = (2**31 - 1) * SECOND_NS


@pytest.fixture
def opened(face: str) -> Iterator[Node]:
    with node(face, pace="manual") as each:
        each.pull()
        yield each


def created_at(opened: Node, container: str) -> int:
    return opened.status(container).created_at


def test_objects_get_the_time_of_a_wall_that_was_set_back(opened: Node) -> None:
    """k8s#134153: a container that restarts seems older than the one before."""
    sandbox = opened.run_sandbox()
    first = opened.run(sandbox, "sleep", "1", attempt=0)
    opened.cri.clock.advance(2)
    opened.cri.clock.jump(wall="-40s")
    second = opened.run(sandbox, "sleep", "1", attempt=1)
    back_ns = created_at(opened, first) - created_at(opened, second)
    assert 0 <= back_ns - 38 * SECOND_NS < SECOND_NS
    listed = opened.runtime.ListContainers(pb.ListContainersRequest()).containers
    newest = max(listed, key=lambda each: each.created_at)
    assert newest.metadata.attempt == 0


def test_a_container_may_finish_before_it_started(opened: Node) -> None:
    container = opened.run(opened.run_sandbox(), "sleep", "10")
    opened.cri.clock.jump("-1h")
    opened.cri.clock.advance(10)
    status = opened.status(container)
    assert status.state == pb.CONTAINER_EXITED
    assert status.finished_at < status.started_at


def test_a_wall_that_jumps_fires_no_timer(opened: Node) -> None:
    container = opened.run(opened.run_sandbox(), "sleep", "10")
    opened.cri.clock.set_wall("2038-01-19T03:14:07Z")
    assert opened.status(container).state == pb.CONTAINER_RUNNING
    opened.cri.clock.advance(10)
    late_ns = opened.status(container).finished_at - LAST_SECOND_NS
    assert 0 <= late_ns - 10 * SECOND_NS < SECOND_NS


def test_logs_are_written_with_the_time_of_the_wall(opened: Node) -> None:
    script = "while true; do date +%Y; sleep 60; done"
    container = opened.run(opened.run_sandbox(), "sh", "-c", script)
    opened.cri.clock.set_wall("1970-01-01T00:00:00Z")
    opened.cri.clock.advance("1m")
    first, second = opened.cri.log(container).decode().splitlines()
    assert (first[:4], second) == ("2026", "1970-01-01T00:01:00Z stdout F 1970")


def test_events_stats_and_metrics_have_the_time_of_the_wall(opened: Node) -> None:
    container = opened.run(opened.run_sandbox(), "sleep", "100")
    events = opened.runtime.GetContainerEvents(pb.GetEventsRequest())
    opened.cri.clock.set_wall("2038-01-19T03:14:07Z")
    opened.cri.clock.advance(1)
    request = pb.ContainerStatsRequest(container_id=container)
    stats = opened.runtime.ContainerStats(request).stats
    metrics = opened.runtime.ListPodSandboxMetrics(pb.ListPodSandboxMetricsRequest())
    sample = metrics.pod_metrics[0].metrics[0]
    opened.stop(container)
    stopped = next(
        each for each in events if each.container_event_type == pb.CONTAINER_STOPPED_EVENT
    )
    events.cancel()
    for stamp_ns in (stopped.created_at, stats.cpu.timestamp, sample.timestamp):
        assert abs(stamp_ns - LAST_SECOND_NS) <= 60 * SECOND_NS


def test_a_frozen_wall_stands_while_timers_fire(opened: Node) -> None:
    container = opened.run(opened.run_sandbox(), "sleep", "10")
    opened.cri.clock.freeze()
    frozen_ns = opened.cri.now_ns
    opened.cri.clock.advance("1m")
    assert opened.cri.now_ns == frozen_ns
    assert 0 <= opened.status(container).finished_at - frozen_ns < SECOND_NS
    opened.cri.clock.jump("5s")
    opened.cri.clock.thaw()
    assert opened.cri.now_ns == frozen_ns + 5 * SECOND_NS
    opened.cri.clock.advance("1m")
    assert opened.cri.now_ns == frozen_ns + 65 * SECOND_NS


def test_no_two_stamps_are_equal_on_a_frozen_wall(opened: Node) -> None:
    opened.cri.clock.freeze()
    sandbox = opened.run_sandbox()
    containers = [opened.create(sandbox, name=f"c{index}") for index in range(3)]
    opened.cri.clock.thaw()
    containers.append(opened.create(sandbox, name="last"))
    stamps = [created_at(opened, each) for each in containers]
    assert stamps == sorted(set(stamps))


def test_objects_may_be_created_with_a_zero_stamp(opened: Node) -> None:
    """containerd#3873: created 49 years ago."""
    with opened.cri.clock.stamps(0):
        sandbox = opened.run_sandbox()
        container = opened.run(sandbox, "sleep", "1")
    true = opened.create(sandbox, name="true")
    assert opened.sandbox_status(sandbox).created_at == 0
    status = opened.status(container)
    assert (status.created_at, status.started_at > 0) == (0, True)
    listed = opened.runtime.ListContainers(pb.ListContainersRequest()).containers
    assert {each.id: each.created_at for each in listed} == {
        container: 0,
        true: created_at(opened, true),
    }
    assert created_at(opened, true) >= opened.cri.now_ns


def test_objects_may_be_created_in_the_future(opened: Node) -> None:
    """k8s#45942: an infra container that is younger than all that follow it."""
    with opened.cri.clock.stamps("+1h"):
        sandbox = opened.run_sandbox()
        with opened.cri.clock.stamps("1970-01-01T00:00:01Z"):
            epoch = opened.create(sandbox)
    container = opened.create(sandbox, name="app")
    ahead_ns = opened.sandbox_status(sandbox).created_at - created_at(opened, container)
    assert 0 <= 3600 * SECOND_NS - ahead_ns < SECOND_NS
    assert created_at(opened, epoch) == SECOND_NS
