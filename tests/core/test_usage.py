"""The model of usage, and its meters."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakecri.api import runtime_pb2 as pb
from fakecri.core.records import Container, Sandbox
from fakecri.core.rootfs.layers import SCAN_NS
from fakecri.core.scheduler import SECOND_NS
from fakecri.core.usage import PAUSE, Counters, Levels, Meters, Usage, usage_of
from fakecri.core.world import World
from tests.support import Node, node

SPANS_NS = st.integers(min_value=0, max_value=10**7 * SECOND_NS)


@dataclass
class Stage:
    """A node with one pod, seen from inside."""

    outside: Node
    world: World
    sandbox: Sandbox

    @property
    def now_ns(self) -> int:
        return self.world.scheduler.now_ns

    @property
    def meters(self) -> Meters:
        return self.world.meters

    def run(self, name: str, **fields: object) -> Container:
        return self._container(
            self.outside.run(self.sandbox.id, "sleep", "1d", name=name, **fields)
        )

    def create(self, name: str) -> Container:
        return self._container(self.outside.create(self.sandbox.id, "sleep", "1d", name=name))

    def _container(self, id_: str) -> Container:
        return self.world.store.containers.get(id_)

    def pass_ns(self, span_ns: int) -> None:
        self.outside.cri.host.advance(span_ns)


@contextmanager
def open_stage() -> Iterator[Stage]:
    with node("object", pace="manual") as outside:
        outside.pull()
        sandbox_id = outside.run_sandbox()
        world = outside.cri.host.world
        yield Stage(outside, world, world.store.sandboxes.get(sandbox_id))


@pytest.fixture(name="stage")
def _stage() -> Iterator[Stage]:
    with open_stage() as stage:
        yield stage


def not_less(before: tuple[int, ...], after: tuple[int, ...]) -> bool:
    return all(old <= new for old, new in zip(before, after, strict=True))


def test_an_idle_container_uses_two_thousandths_of_a_core(stage: Stage) -> None:
    container = stage.run("main")
    stage.pass_ns(100 * SECOND_NS)
    counters = usage_of(container, stage.now_ns).counters
    assert counters.cpu_ns == SECOND_NS // 5
    assert counters.user_ns + counters.system_ns == counters.cpu_ns


def test_cpu_time_is_in_whole_microseconds() -> None:
    assert Counters(user_ns=1_600, system_ns=1_500).cpu_ns == 3_000


def test_an_idle_container_holds_a_mebibyte_and_a_half(stage: Stage) -> None:
    levels = usage_of(stage.run("main"), stage.now_ns).levels
    assert levels.memory_bytes == 3 * 2**19
    assert 0 < levels.working_set_bytes == levels.memory_bytes - levels.inactive_file_bytes
    assert levels.mapped_file_bytes <= levels.cache_bytes


def test_the_counters_of_a_new_container_are_at_0(stage: Stage) -> None:
    old = stage.run("old")
    stage.pass_ns(90 * SECOND_NS)
    new = stage.run("new")
    assert stage.meters.read(old, stage.now_ns).counters != Counters()
    assert stage.meters.read(new, stage.now_ns).counters == Counters()


def test_a_created_container_has_nothing_but_an_empty_layer(stage: Stage) -> None:
    container = stage.create("main")
    stage.pass_ns(90 * SECOND_NS)
    usage = stage.meters.read(container, stage.now_ns)
    assert usage == Usage(levels=Levels(layer_bytes=4096, layer_inodes=1))


def test_counters_freeze_at_exit_and_levels_fall(stage: Stage) -> None:
    container = stage.run("main")
    stage.pass_ns(90 * SECOND_NS)
    running = stage.meters.read(container, stage.now_ns)
    stage.outside.stop(container.id)
    stage.pass_ns(90 * SECOND_NS)
    exited = stage.meters.read(container, stage.now_ns)
    assert exited.counters == running.counters
    assert exited.levels == Levels(
        layer_bytes=running.levels.layer_bytes, layer_inodes=running.levels.layer_inodes
    )


def test_a_wall_that_is_set_back_takes_nothing_from_counters(stage: Stage) -> None:
    container = stage.run("main")
    stage.pass_ns(90 * SECOND_NS)
    before = stage.meters.read(container, stage.now_ns)
    stage.world.clock.set_wall(1)
    assert stage.meters.read(container, stage.now_ns) == before
    stage.outside.stop(container.id)
    assert stage.meters.read(container, stage.now_ns).counters == before.counters


def test_processes_beside_the_first_count(stage: Stage) -> None:
    container = stage.run("main")
    alone = stage.meters.read(container, stage.now_ns).levels
    pending = stage.outside.runtime.ExecSync.future(
        pb.ExecSyncRequest(container_id=container.id, cmd=["sleep", "1000"])
    )
    together = stage.meters.read(container, stage.now_ns).levels
    assert (alone.processes, together.processes) == (1, 2)
    assert together.file_descriptors == 2 * alone.file_descriptors
    pending.cancel()
    assert stage.meters.read(container, stage.now_ns).levels == alone


def test_periods_are_counted_where_there_is_a_quota(stage: Stage) -> None:
    linux = pb.LinuxContainerConfig(
        resources=pb.LinuxContainerResources(cpu_period=100_000, cpu_quota=20_000)
    )
    limited, free = stage.run("limited", linux=linux), stage.run("free")
    stage.pass_ns(SECOND_NS)
    periods = [usage_of(each, stage.now_ns).counters.cfs_periods for each in (limited, free)]
    assert periods == [10, 0]


def test_a_pod_uses_what_its_pause_and_its_containers_use(stage: Stage) -> None:
    assert stage.meters.read_pod(stage.sandbox, stage.now_ns) == PAUSE
    one, two = stage.run("one"), stage.run("two")
    stage.pass_ns(90 * SECOND_NS)
    alone = [stage.meters.read(each, stage.now_ns) for each in (one, two)]
    together = stage.meters.read_pod(stage.sandbox, stage.now_ns)
    assert together == PAUSE.plus(alone[0]).plus(alone[1])


def test_a_pod_remembers_the_containers_that_are_gone(stage: Stage) -> None:
    container = stage.run("main")
    stage.pass_ns(90 * SECOND_NS)
    before = stage.meters.read_pod(stage.sandbox, stage.now_ns)
    stage.outside.remove(container.id)
    assert stage.meters.read_pod(stage.sandbox, stage.now_ns) == Usage(
        before.counters, PAUSE.levels
    )


def test_meters_forget_what_is_gone(stage: Stage) -> None:
    container = stage.run("main")
    stage.outside.runtime.ListPodSandboxStats(pb.ListPodSandboxStatsRequest())
    stage.outside.stop_sandbox(stage.sandbox.id)
    stage.outside.remove_sandbox(stage.sandbox.id)
    fresh, used = vars(Meters()), vars(stage.meters)
    assert container.id not in stage.world.store.containers.by_id
    assert used == fresh


def test_layers_are_looked_at_every_ten_seconds(stage: Stage) -> None:
    container = stage.run("main")
    made_ns = stage.now_ns
    first_ns = made_ns - made_ns % SCAN_NS + SCAN_NS
    assert stage.meters.find_scan(container, first_ns - 1) is None
    scan = stage.meters.find_scan(container, first_ns + 1)
    assert scan is not None
    assert scan[0] == first_ns
    assert (scan[1].layer_bytes, scan[1].layer_inodes) == (20 * 1024, 8)


def test_a_layer_shows_what_the_last_look_saw(stage: Stage) -> None:
    container = stage.create("main")
    stage.pass_ns(SCAN_NS)
    stage.pass_ns(SECOND_NS)
    stage.outside.start(container.id)
    scan = stage.meters.find_scan(container, stage.now_ns)
    assert scan is not None
    assert scan[1] == Levels(layer_bytes=4096, layer_inodes=1)


@pytest.mark.parametrize(
    ("wall_ns", "cpu_ns", "rate"),
    [(3 * SECOND_NS, 5_001, 2_000), (SECOND_NS, 5_000, None), (0, 5_000, None), (10**12, 9, None)],
)
def test_a_rate_needs_two_samples_in_order(wall_ns: int, cpu_ns: int, rate: int | None) -> None:
    meters = Meters()
    assert meters.sample("id", SECOND_NS, 1_000) is None
    assert meters.sample("id", wall_ns, cpu_ns) == rate


def test_samples_of_one_thing_are_no_samples_of_another() -> None:
    meters = Meters()
    meters.sample("one", 0, 0)
    assert meters.sample("two", SECOND_NS, SECOND_NS) is None


@given(st.lists(SPANS_NS, max_size=20))
def test_counters_never_decrease_however_time_passes(spans_ns: list[int]) -> None:
    with open_stage() as stage:
        container = stage.run("main")
        for span_ns in spans_ns:
            before = stage.meters.read(container, stage.now_ns).counters
            traffic = stage.meters.read_traffic(stage.sandbox, stage.now_ns)
            stage.pass_ns(span_ns)
            after = stage.meters.read(container, stage.now_ns).counters
            assert not_less(before, after)
            assert before.cpu_ns <= after.cpu_ns
            assert not_less(traffic, stage.meters.read_traffic(stage.sandbox, stage.now_ns))


def _pass_a_minute(stage: Stage) -> None:
    stage.pass_ns(60 * SECOND_NS)


def _pass_a_blink(stage: Stage) -> None:
    stage.pass_ns(1_234_567)


def _start(stage: Stage) -> None:
    stage.run(f"c{stage.now_ns}-{len(stage.sandbox.containers)}", attempt=stage.world.new_pid())


def _stop(stage: Stage) -> None:
    for container in list(stage.sandbox.containers.values())[:1]:
        stage.outside.stop(container.id)


def _remove(stage: Stage) -> None:
    for container in list(stage.sandbox.containers.values())[:1]:
        stage.outside.remove(container.id)


def _set_wall_back(stage: Stage) -> None:
    stage.world.clock.set_wall(stage.world.clock.wall_ns() // 2)


ACTIONS = [_pass_a_minute, _pass_a_blink, _start, _stop, _remove, _set_wall_back]


@given(st.lists(st.sampled_from(ACTIONS), max_size=15))
def test_a_pods_counters_never_decrease_whatever_happens_to_its_containers(
    actions: list[Callable[[Stage], None]],
) -> None:
    with open_stage() as stage:
        before = stage.meters.read_pod(stage.sandbox, stage.now_ns).counters
        for act in actions:
            act(stage)
            after = stage.meters.read_pod(stage.sandbox, stage.now_ns).counters
            assert not_less(before, after)
            before = after
