"""Memory over time, and what happens at the limit, on both faces."""

from typing import Any

import pytest

from fakecri import Load, Process, Ramp, Steps
from fakecri.api import runtime_pb2 as pb
from fakecri.core.scheduler import Waits
from fakecri.core.usage import IDLE_DEMAND_BYTES
from tests.behaviour.loads import (
    MIB,
    OOM,
    TENTH,
    died,
    forever,
    metric,
    run,
    run_in,
    stats,
    update,
)
from tests.behaviour.steps import RUNNING
from tests.support import Node


def test_a_ramp_is_killed_in_the_nanosecond_in_which_it_crosses_the_limit(still: Node) -> None:
    usage = Load(memory_bytes=Ramp(0, 64 * MIB, 64))
    id_ = run(still, usage=usage, memory_limit_in_bytes=16 * MIB + IDLE_DEMAND_BYTES)
    still.cri.advance(16)
    assert still.status(id_).state == RUNNING
    still.cri.advance(0.000000001)
    assert died(still, id_) == (137, OOM)


@pytest.mark.parametrize(
    ("amount", "dies_after_s"),
    [(Steps((0, MIB), (7.5, 100 * MIB)), 7.5), (lambda age_s: age_s * MIB, 31)],
)
def test_a_step_is_killed_when_it_comes(still: Node, amount: Any, dies_after_s: float) -> None:
    limit = 30 * MIB + IDLE_DEMAND_BYTES
    id_ = run(still, usage=Load(memory_bytes=amount), memory_limit_in_bytes=limit)
    still.cri.advance(dies_after_s - 0.000000001)
    assert still.status(id_).state == RUNNING
    still.cri.advance(0.000000001)
    assert died(still, id_) == (137, OOM)


def test_a_program_that_takes_too_much_and_ends_at_once_was_killed(still: Node) -> None:
    def greedy(process: Process) -> int:
        process.use(memory_bytes=20 * MIB)
        return 0

    limits: dict[str, Any] = {
        "memory_limit_in_bytes": 15 * MIB,
        "memory_swap_limit_in_bytes": 15 * MIB,
    }
    id_ = run(still, greedy, **limits)
    assert died(still, id_) == (137, OOM)


def test_memory_within_the_limit_kills_nobody(still: Node) -> None:
    usage = Load(memory_bytes=16 * MIB)
    id_ = run(still, usage=usage, memory_limit_in_bytes=16 * MIB + IDLE_DEMAND_BYTES)
    still.cri.advance(1000)
    assert still.status(id_).state == RUNNING


def test_page_cache_gives_way_to_memory(still: Node) -> None:
    usage = Load(memory_bytes=Ramp(0, 12 * MIB, 10), cache_bytes=100 * MIB)
    id_ = run(still, usage=usage, memory_limit_in_bytes=16 * MIB)
    assert stats(still, id_).memory.usage_bytes.value == 16 * MIB
    working_set = stats(still, id_).memory.working_set_bytes.value
    still.cri.advance(10)
    assert stats(still, id_).memory.usage_bytes.value == 16 * MIB
    assert stats(still, id_).memory.working_set_bytes.value == working_set + 12 * MIB


def test_swap_takes_what_memory_has_no_room_for(still: Node) -> None:
    usage = Load(memory_bytes=Ramp(0, 64 * MIB, 64))
    limits: dict[str, Any] = {
        "memory_limit_in_bytes": 16 * MIB,
        "memory_swap_limit_in_bytes": 32 * MIB,
    }
    id_ = run(still, usage=usage, **limits)
    still.cri.advance(20)
    assert metric(still, id_, "memory_swap") == 4 * MIB + IDLE_DEMAND_BYTES
    assert stats(still, id_).memory.usage_bytes.value == 16 * MIB
    still.cri.advance(12)
    assert died(still, id_) == (137, OOM)


def hungry_child(process: Process) -> Waits[int]:
    process.use(memory_bytes=20 * MIB)
    yield from process.forever()
    return 0


def parent(process: Process) -> Waits[int]:
    code = yield from process.spawn(("child",), program=hungry_child).exited
    process.write(f"child: {code}\n".encode())
    yield from process.sleep(5)
    return 0


def test_a_child_that_holds_most_dies_alone_and_the_container_is_marked(still: Node) -> None:
    id_ = run(still, parent, memory_limit_in_bytes=15 * MIB)
    status = still.status(id_)
    assert (status.state, status.reason) == (RUNNING, OOM)
    assert metric(still, id_, "oom_events_total") == 1
    assert b"child: 137" in still.cri.log(id_)
    still.cri.advance(10)
    assert died(still, id_) == (0, OOM)


def test_an_exec_that_takes_too_much_dies_and_marks_its_container(still: Node) -> None:
    id_ = run(still, memory_limit_in_bytes=15 * MIB)

    def greedy(process: Process) -> int:
        process.use(memory_bytes=20 * MIB)
        return 0

    still.cri.register(greedy, command="greedy")
    request = pb.ExecSyncRequest(container_id=id_, cmd=["greedy"])
    assert still.runtime.ExecSync(request).exit_code == 137
    status = still.status(id_)
    assert (status.state, status.reason) == (RUNNING, OOM)


def test_an_oom_group_dies_as_one(still: Node) -> None:
    id_ = run(still, parent, memory_limit_in_bytes=15 * MIB, unified={"memory.oom.group": "1"})
    assert died(still, id_) == (137, OOM)
    assert b"child" not in still.cri.log(id_)


def test_a_limit_below_what_is_in_use_kills(still: Node) -> None:
    id_ = run(still, usage=Load(memory_bytes=20 * MIB), memory_limit_in_bytes=64 * MIB)
    update(still, id_, memory_limit_in_bytes=30 * MIB)
    still.cri.advance(1)
    assert still.status(id_).state == RUNNING
    update(still, id_, memory_limit_in_bytes=15 * MIB)
    assert died(still, id_) == (137, OOM)
    assert still.status(id_).resources.linux.memory_limit_in_bytes == 15 * MIB


def test_a_limit_that_is_raised_in_time_saves(still: Node) -> None:
    usage = Load(memory_bytes=Ramp(0, 64 * MIB, 64))
    id_ = run(still, usage=usage, memory_limit_in_bytes=32 * MIB)
    still.cri.advance(30)
    update(still, id_, memory_limit_in_bytes=128 * MIB)
    still.cri.advance(100)
    assert still.status(id_).state == RUNNING


def test_a_limit_that_was_changed_before_the_start_holds(still: Node) -> None:
    still.cri.register(forever, command="main", usage=Load(memory_bytes=20 * MIB))
    id_ = still.create(still.run_sandbox(), "main")
    update(still, id_, memory_limit_in_bytes=15 * MIB)
    still.start(id_)
    assert died(still, id_) == (137, OOM)


def test_in_a_pod_with_a_limit_the_container_that_holds_most_dies(still: Node) -> None:
    limit = pb.LinuxContainerResources(memory_limit_in_bytes=64 * MIB)
    sandbox = still.run_sandbox(linux=pb.LinuxPodSandboxConfig(resources=limit))
    small = run_in(still, sandbox, name="small", usage=Load(memory_bytes=20 * MIB))
    growing = Load(memory_bytes=Ramp(0, 60 * MIB, 60))
    large = run_in(still, sandbox, name="large", usage=growing)
    still.cri.advance(35)
    assert still.status(large).state == RUNNING
    still.cri.advance(10)
    assert died(still, large) == (137, OOM)
    assert still.status(small).state == RUNNING


def test_an_idle_container_owns_no_timer(still: Node) -> None:
    run(still, memory_limit_in_bytes=16 * MIB, **TENTH)
    steady = Load(cpu_cores=1, memory_bytes=8 * MIB)
    run_in(
        still,
        still.run_sandbox("other"),
        name="steady",
        usage=steady,
        memory_limit_in_bytes=16 * MIB,
    )
    assert still.cri.host.world.scheduler.next_ns() is None


def test_a_dd_with_a_buffer_beyond_the_limit_is_out_of_memory(still: Node) -> None:
    limits = pb.LinuxContainerResources(
        memory_limit_in_bytes=15 * MIB, memory_swap_limit_in_bytes=15 * MIB
    )
    command = ("dd", "if=/dev/zero", "of=/dev/null", "bs=20M")
    linux = pb.LinuxContainerConfig(resources=limits)
    id_ = still.run(still.run_sandbox(), *command, linux=linux)
    still.cri.advance(1)
    assert died(still, id_) == (137, OOM)
