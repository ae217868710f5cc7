"""Level 4 of the taxonomy: when things happen, and what the clocks say of it."""

import grpc
import pytest

from fakecri.api import runtime_pb2 as pb
from tests.behaviour.steps import EXITED, RUNNING, begin, begin_stop
from tests.support import Node, raises_status
from tests.taxonomy.shows import shows

S = grpc.StatusCode
SECOND_NS = 10**9
VERSION = pb.VersionRequest()


def took_s(node: Node) -> float:
    """Make a call; return how long it took, in virtual seconds."""
    before_ns = node.cri.now_ns
    node.runtime.Version(VERSION)
    return (node.cri.now_ns - before_ns) / SECOND_NS


@shows("T1", "Version = delay(5s)", "5 s, each time")
@shows("T1", "Version = delay(uniform, 1s, 3s)", "between 1 s and 3 s")
@shows("T1", "Version = delay(lognormal, 200ms, .5)", "200 ms in the middle, and a long tail")
def test_latency(node: Node, text: str, rule: None) -> None:
    times = [took_s(node) for _ in range(40)]
    if "uniform" in text:
        assert 1 <= min(times) < max(times) <= 3
    elif "lognormal" in text:
        assert 0.1 < sorted(times)[20] < 0.4
        assert max(times) > 0.4
    else:
        assert set(times) == {5.0}


@shows("T1", "Version = delay(ramp, 0s, 10s, 5)", "longer each time, up to 10 s")
def test_latency_that_grows(node: Node, rule: None) -> None:
    times = [took_s(node) for _ in range(7)]
    assert times == sorted(times)
    assert times[0] < times[2] < times[-1] == 10


@shows("T2", "Version = 1*delay(3s)", "DEADLINE_EXCEEDED after the 2 s that the client gave")
def test_slower_than_the_deadline(node: Node, rule: None) -> None:
    with raises_status(S.DEADLINE_EXCEEDED):
        node.runtime.Version(VERSION, timeout=2)
    assert node.runtime.Version(VERSION, timeout=60).version


@shows("T3", "PullImage = 1*hang", "no answer until the client gives up; the recording says when")
def test_a_call_that_hangs(node: Node, rule: None) -> None:
    request = pb.PullImageRequest(image=pb.ImageSpec(image="nginx"))
    with raises_status(S.DEADLINE_EXCEEDED):
        node.images.PullImage(request, timeout=120)
    call = next(each for each in reversed(node.cri.calls) if each.rpc == "PullImage")
    assert call.ended_ns is not None
    # On the wire a little of it may be gone when the call arrives.
    assert call.ended_ns - call.began_ns == call.timeout_ns


@shows(
    "T4",
    "StopContainer, ContainerStatus = serial(object)",
    "no status of the container until its stop is done; others answer",
)
def test_one_slow_operation_blocks_the_status_of_its_object(node: Node, rule: None) -> None:
    pod_sandbox_id = node.run_sandbox()
    deaf = node.run(pod_sandbox_id, "sh", "-c", "trap '' TERM; sleep infinity & wait", name="deaf")
    other = node.run(pod_sandbox_id, "sleep", "infinity", name="other")
    with node.cri.clock.hold():
        stopping = begin_stop(node, deaf, 30)
        request = pb.ContainerStatusRequest(container_id=deaf)
        looking = begin(node, "ContainerStatus", request)
        assert node.status(other).state == RUNNING
        assert not looking.done()
    stopping.result()
    assert looking.result().status.state == EXITED


@shows("T5", "Version, Status = serial(all)", "the second call waits for the first, of any object")
def test_one_call_at_a_time(node: Node, rule: None) -> None:
    with node.cri.faults("Version = 1*delay(10s)"), node.cri.clock.hold():
        first = begin(node, "Version", VERSION)
        second = begin(node, "Status", pb.StatusRequest())
        assert node.runtime.RuntimeConfig(pb.RuntimeConfigRequest()).HasField("linux")
        assert not second.done()
        node.cri.advance(9)
        assert not second.done()
        node.cri.advance(1)
        assert first.result().version
        assert second.result().status.conditions


@shows("T6", 'clock.jump("-40s")', "the later attempt has the earlier created_at")
@shows("T6", 'clock.jump("320d")', "created_at of the future")
def test_the_wall_clock_jumps(node: Node, text: str) -> None:
    pod_sandbox_id = node.run_sandbox()
    first = node.status(node.create(pod_sandbox_id, attempt=0)).created_at
    node.cri.clock.jump(text.split('"')[1])
    second = node.status(node.create(pod_sandbox_id, attempt=1)).created_at
    expected_s = -40 if "-40s" in text else 320 * 86400
    assert second - first == pytest.approx(expected_s * SECOND_NS, abs=SECOND_NS)


@shows("T7", 'clock.stamps("0")', "created_at 0")
@shows("T7", 'clock.stamps("+1h")', "created_at an hour from now")
def test_stamps_of_zero_and_of_the_future(node: Node, text: str) -> None:
    stamp = text.split('"')[1]
    with node.cri.clock.stamps(stamp):
        container_id = node.create(node.run_sandbox())
    created_at = node.status(container_id).created_at
    expected = 0 if stamp == "0" else node.cri.now_ns + 3600 * SECOND_NS
    assert created_at == pytest.approx(expected, abs=SECOND_NS)


@shows("T8", 'clock.jump("-1h")', "finished_at is before started_at")
def test_finished_before_started(node: Node) -> None:
    container_id = node.run(node.run_sandbox(), "sleep", "60")
    node.cri.clock.jump("-1h")
    node.cri.advance(61)
    status = node.status(container_id)
    assert status.state == EXITED
    assert 0 < status.finished_at < status.started_at


@shows("T9", "ContainerStats = freeze(90s)", "the same answer for 90 s, timestamps and all")
def test_statistics_stand_still(node: Node, rule: None) -> None:
    container_id = node.run(node.run_sandbox(), "sleep", "infinity")
    request = pb.ContainerStatsRequest(container_id=container_id)
    first = node.runtime.ContainerStats(request)
    node.cri.advance(60)
    assert node.runtime.ContainerStats(request) == first
    node.cri.advance(31)
    later = node.runtime.ContainerStats(request)
    passed_ns = later.stats.cpu.timestamp - first.stats.cpu.timestamp
    assert passed_ns == pytest.approx(91 * SECOND_NS, abs=1000)


@shows(
    "T10",
    'Version, Status = for 20s error(UNKNOWN, "server is not initialized yet")',
    "the socket answers, and says that it is not ready",
)
def test_a_late_start(node: Node, rule: None) -> None:
    for _ in range(2):
        with raises_status(S.UNKNOWN, "server is not initialized yet"):
            node.runtime.Version(VERSION)
        node.cri.advance(11)
    assert node.runtime.Version(VERSION).version
    assert node.runtime.Status(pb.StatusRequest()).status.conditions
