"""What programs use over time, on both faces: CPU and its quota, traffic, the writable layer."""

from typing import Any

import pytest

from fakecri import Load, Process, Ramp, Steps
from fakecri.api import runtime_pb2 as pb
from fakecri.core.scheduler import SECOND_NS, Waits
from tests.behaviour.loads import (
    MIB,
    TENTH,
    cores_s,
    died,
    metric,
    run,
    run_in,
    stats,
    update,
)
from tests.behaviour.steps import RUNNING, container
from tests.support import Node


@pytest.mark.parametrize(
    ("amount", "used_s"),
    [
        (0.5, 5.0),
        (Ramp(0, 2, 10), 10.0),
        (Ramp(0, 2, 5), 15.0),
        (Steps((0, 1), (4, 0), (8, 3)), 10.0),
        (lambda age_s: age_s, 45.0),
    ],
)
def test_cpu_time_is_the_area_under_what_a_program_wants(
    still: Node, amount: Any, used_s: float
) -> None:
    still.cri.node.cpus = 64
    id_ = run(still, usage=Load(cpu_cores=amount))
    still.cri.advance(10)
    assert cores_s(still, id_) == used_s


def test_looking_changes_nothing(still: Node) -> None:
    usage = Load(
        cpu_cores=Ramp(0.1, 1.7, 7.3),
        memory_bytes=Ramp(3, 10 * MIB + 1, 9.1),
        sent_bytes_per_s=lambda age_s: age_s * 3.3,
    )
    watched, alone = (
        run_in(still, still.run_sandbox(name), name=name, usage=usage, **TENTH)
        for name in ("watched", "alone")
    )
    meters = still.cri.host.world.meters
    for _ in range(100):
        still.cri.advance(0.123456789)
        stats(still, watched)
        still.runtime.ListPodSandboxMetrics(pb.ListPodSandboxMetricsRequest())
    now_ns = still.cri.host.world.scheduler.now_ns
    readings = [meters.read(container(still, each), now_ns) for each in (watched, alone)]
    assert readings[0] == readings[1]
    assert readings[0].counters.throttled_periods > 0


def test_a_quota_is_the_most_that_a_container_gets(still: Node) -> None:
    id_ = run(still, usage=Load(cpu_cores=1), **TENTH)
    still.cri.advance(100)
    assert stats(still, id_).cpu.usage_core_nano_seconds.value == 10 * SECOND_NS
    assert metric(still, id_, "cpu_cfs_periods_total") == 1000
    assert metric(still, id_, "cpu_cfs_throttled_periods_total") == 1000
    assert metric(still, id_, "cpu_cfs_throttled_seconds_total") == 90
    assert metric(still, id_, "pressure_cpu_waiting_seconds_total") == 90


def test_who_wants_less_than_the_quota_is_not_throttled(still: Node) -> None:
    id_ = run(still, usage=Load(cpu_cores=0.05), **TENTH)
    still.cri.advance(100)
    assert cores_s(still, id_) == 5
    assert metric(still, id_, "cpu_cfs_throttled_periods_total") == 0


def test_a_ramp_is_throttled_from_where_it_crosses_the_quota(still: Node) -> None:
    id_ = run(
        still, usage=Load(cpu_cores=Ramp(0, 1.002, 100)), cpu_quota=50_200, cpu_period=100_000
    )
    still.cri.advance(100)
    # With what an idle container uses, the quota of 0.502 is reached at 0.5, a little before 50 s.
    assert cores_s(still, id_) == pytest.approx(
        0.5 * 0.5 / 0.01002 / 2 + 0.5 * (100 - 0.5 / 0.01002)
    )
    assert metric(still, id_, "cpu_cfs_throttled_periods_total") == 500


def test_a_new_quota_holds_from_then_on(still: Node) -> None:
    id_ = run(still, usage=Load(cpu_cores=1), **TENTH)
    still.cri.advance(10)
    update(still, id_, cpu_quota=50_000)
    still.cri.advance(10)
    assert stats(still, id_).cpu.usage_core_nano_seconds.value == 6 * SECOND_NS
    assert metric(still, id_, "cpu_cfs_throttled_seconds_total") == 14


def test_periods_that_have_passed_stay_when_the_period_changes(still: Node) -> None:
    id_ = run(still, **TENTH)
    still.cri.advance(10)
    update(still, id_, cpu_period=1_000_000, cpu_quota=500_000)
    still.cri.advance(10)
    assert metric(still, id_, "cpu_cfs_periods_total") == 100 + 10


def test_processors_bound_what_a_container_gets_without_throttling(still: Node) -> None:
    id_ = run(still, usage=Load(cpu_cores=4), cpuset_cpus="0,2")
    still.cri.advance(10)
    assert stats(still, id_).cpu.usage_core_nano_seconds.value == 20 * SECOND_NS
    assert metric(still, id_, "cpu_cfs_throttled_seconds_total") == 0
    assert metric(still, id_, "pressure_cpu_waiting_seconds_total") == 10


@pytest.mark.parametrize(("workers", "wall_s"), [(1, 10), (2, 20)])
def test_work_takes_the_longer_the_less_there_is(still: Node, workers: int, wall_s: int) -> None:
    def work(process: Process) -> Waits[int]:
        yield from process.work(1)
        return 0

    def main(process: Process) -> Waits[int]:
        children = [process.spawn(("worker",), program=work) for _ in range(workers)]
        for child in children:
            yield from child.exited
        return 0

    id_ = run(still, main, **TENTH)
    still.cri.advance(wall_s - 0.000000001)
    assert still.status(id_).state == RUNNING
    still.cri.advance(0.000000001)
    assert died(still, id_) == (0, "Completed")


def test_work_goes_on_at_the_speed_of_a_new_quota(still: Node) -> None:
    def work(process: Process) -> Waits[int]:
        yield from process.work(1)
        return 0

    id_ = run(still, work, **TENTH)
    still.cri.advance(5)
    update(still, id_, cpu_quota=50_000)
    still.cri.advance(1)
    assert died(still, id_) == (0, "Completed")


def test_a_busy_loop_wants_one_core_for_as_long_as_it_lasts(still: Node) -> None:
    def burn(process: Process) -> Waits[int]:
        yield from process.burn(3)
        yield from process.forever()
        return 0

    id_ = run(still, burn)
    still.cri.advance(10)
    assert cores_s(still, id_) == 3


def test_the_dead_use_nothing_more_and_what_they_used_stays(still: Node) -> None:
    def child(process: Process) -> Waits[int]:
        process.use(cpu_cores=1, memory_bytes=MIB, layer_bytes=3 * MIB, sent_bytes_per_s=1000)
        yield from process.sleep(5)
        return 0

    def main(process: Process) -> Waits[int]:
        process.spawn(("child",), program=child)
        yield from process.forever()
        return 0

    id_ = run(still, main)
    before = stats(still, id_).memory.rss_bytes.value
    still.cri.advance(20)
    assert cores_s(still, id_) == 5
    assert stats(still, id_).memory.rss_bytes.value == before - MIB
    assert metric(still, id_, "memory_max_usage_bytes") >= 2 * MIB
    assert metric(still, id_, "fs_usage_bytes") == 3 * MIB + 20 * 1024


# Beside them.


def test_traffic_goes_through_the_pod(still: Node) -> None:
    sandbox = still.run_sandbox()
    usage = Load(sent_bytes_per_s=1000, received_bytes_per_s=Ramp(0, 100, 10))
    id_ = run_in(still, sandbox, usage=usage)
    idle = still.run_sandbox("idle")

    def network(sandbox: str) -> pb.NetworkInterfaceUsage:
        request = pb.PodSandboxStatsRequest(pod_sandbox_id=sandbox)
        answer = still.runtime.PodSandboxStats(request)
        return answer.stats.linux.network.default_interface

    still.cri.advance(10)
    used, unused = network(sandbox), network(idle)
    assert used.tx_bytes.value - unused.tx_bytes.value == 10_000
    assert used.rx_bytes.value - unused.rx_bytes.value == 500
    still.stop(id_)
    still.remove(id_)
    still.cri.advance(10)
    used, unused = network(sandbox), network(idle)
    assert used.tx_bytes.value - unused.tx_bytes.value == 10_000


def test_a_scan_sees_the_layer_of_its_moment(still: Node) -> None:
    id_ = run(still, usage=Load(layer_bytes=Ramp(0, 100 * MIB, 100)))
    record = container(still, id_)
    world = still.cri.host.world
    assert record.process is not None
    started_ns = record.process.started_ns
    still.cri.advance(25)
    scan = world.meters.find_scan(record, world.scheduler.now_ns)
    assert scan is not None
    first = stats(still, id_).writable_layer.used_bytes.value
    assert first == (scan[0] - started_ns) * 100 * MIB // (100 * SECOND_NS) + 20 * 1024
    record.process.use(layer_bytes=0)
    assert stats(still, id_).writable_layer.used_bytes.value == first


def test_what_programs_write_fills_the_node(still: Node) -> None:
    def used() -> int:
        answer = still.images.ImageFsInfo(pb.ImageFsInfoRequest())
        return answer.image_filesystems[0].used_bytes.value

    id_ = run(still)
    before = used()
    process = container(still, id_).process
    assert process is not None
    process.use(layer_bytes=5 * MIB)
    assert used() == before + 5 * MIB


def writer(process: Process) -> Waits[int]:
    process.files.write("/first", b"1" * 10_000)
    yield from process.sleep(25)
    process.files.write("/second", b"2" * MIB)
    yield from process.forever()
    return 0


def test_files_are_in_the_writable_layer_and_in_the_page_cache(still: Node) -> None:
    idle, id_ = run_in(still, still.run_sandbox("idle"), name="idle"), run(still, writer)
    still.cri.advance(1)
    before, after = (
        [metric(still, each, name) for name in ("fs_usage_bytes", "memory_cache")]
        for each in (idle, id_)
    )
    assert after == [before[0] + 12_288, before[1] + 12_288]


def test_a_look_at_the_layer_comes_every_ten_seconds(still: Node) -> None:
    id_ = run(still, writer)
    seen = []
    for _ in range(4):
        still.cri.advance(9.5)
        layer = stats(still, id_).writable_layer
        seen.append((layer.used_bytes.value, layer.inodes_used.value))
    first, second = (20 * 1024 + 12_288, 9), (20 * 1024 + 12_288 + MIB, 10)
    assert seen[1:] == [first, first, second]
