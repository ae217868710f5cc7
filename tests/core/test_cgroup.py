"""What a cgroup counts, whoever looks; and the limits it is made of."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakecri import Load, Process, Ramp, Steps
from fakecri.api import runtime_pb2 as pb
from fakecri.core.containment import set_resources
from fakecri.core.limits import Limits, count_cpus, limits_of
from fakecri.core.loads import Amount
from fakecri.core.node import Node as NodeRecord
from fakecri.core.records import Container
from fakecri.core.scheduler import SECOND_NS, Waits
from tests.core.test_usage import Stage, not_less, open_stage

MIB = 2**20


def amounts(most: int) -> st.SearchStrategy[Amount]:
    values = st.integers(min_value=0, max_value=most).map(float)
    ages = st.lists(st.integers(0, 50), unique=True, max_size=4).map(sorted)
    return st.one_of(
        values,
        st.builds(Ramp, values, values, st.integers(0, 50).map(float)),
        st.builds(lambda times, value: Steps(*((at, value + at) for at in times)), ages, values),
        values.map(lambda value: lambda age_s: (value * age_s) % (most + 1)),
    )


def use(changes: dict[str, Amount]) -> Callable[[Stage, Container], None]:
    def act(_: Stage, container: Container) -> None:
        assert container.process is not None
        container.process.use(**changes)

    return act


def burn(span_s: int) -> Callable[[Stage, Container], None]:
    def program(process: Process) -> Waits[int]:
        yield from process.burn(span_s)
        yield from process.work(span_s / 3)
        return 0

    def act(_: Stage, container: Container) -> None:
        assert container.process is not None
        container.process.spawn(("burner",), program=program)

    return act


def limit(quota: int, period: int) -> Callable[[Stage, Container], None]:
    def act(stage: Stage, container: Container) -> None:
        resources = pb.LinuxContainerResources(cpu_quota=quota, cpu_period=period)
        set_resources(stage.world, container, resources)

    return act


ACTIONS = st.one_of(
    st.fixed_dictionaries(
        {},
        optional={
            "cpu_cores": amounts(3),
            "memory_bytes": amounts(10**9),
            "cache_bytes": amounts(10**6),
            "layer_bytes": amounts(10**7),
            "sent_bytes_per_s": amounts(10**6),
        },
    ).map(use),
    st.integers(1, 30).map(burn),
    st.builds(limit, st.integers(1000, 300_000), st.integers(1000, 1_000_000)),
)
SPANS_NS = st.integers(min_value=0, max_value=40 * SECOND_NS)


@given(st.lists(st.tuples(SPANS_NS, ACTIONS, st.lists(SPANS_NS, max_size=3)), max_size=6))
def test_nothing_depends_on_who_looks_when(
    story: list[tuple[int, Callable[[Stage, Container], None], list[int]]],
) -> None:
    with open_stage() as stage:
        watched, alone = stage.run("watched"), stage.run("alone")
        before = stage.meters.read(watched, stage.now_ns).counters
        for span_ns, act, looks_ns in story:
            act(stage, watched)
            act(stage, alone)
            for look_ns in sorted(look % (span_ns + 1) for look in looks_ns):
                stage.pass_ns(look_ns // 3)
                counters = stage.meters.read(watched, stage.now_ns).counters
                assert not_less(before, counters)
                before = counters
            stage.pass_ns(span_ns)
        readings = [stage.meters.read(each, stage.now_ns) for each in (watched, alone)]
        assert readings[0] == readings[1]
        scans = [stage.meters.find_scan(each, stage.now_ns) for each in (watched, alone)]
        assert scans[0] == scans[1]


@pytest.mark.parametrize(
    ("text", "cpus"),
    [("0", 1), ("0-3", 4), ("0-1, 4,6-7", 5), ("1,1", 1), ("", 0), ("x", 0), ("3-1", 0)],
)
def test_the_processors_of_a_list_are_counted(text: str, cpus: int) -> None:
    assert count_cpus(text) == cpus


@given(st.text(alphabet="0123456789,- x"))
def test_a_list_of_processors_may_be_anything(text: str) -> None:
    assert 0 <= count_cpus(text) <= 10_000


def test_limits_that_are_not_given_are_none() -> None:
    assert limits_of(pb.LinuxContainerResources(), NodeRecord()) == Limits(cpus=8)


def test_unified_has_the_last_word() -> None:
    resources = pb.LinuxContainerResources(
        memory_limit_in_bytes=MIB,
        memory_swap_limit_in_bytes=MIB,
        unified={"memory.max": str(2 * MIB), "memory.swap.max": "max", "memory.oom.group": "1"},
    )
    assert limits_of(resources, NodeRecord()) == Limits(
        cpus=8, memory_bytes=2 * MIB, swap_bytes=None, kills_all=True
    )


def test_what_is_no_number_in_unified_limits_nothing() -> None:
    resources = pb.LinuxContainerResources(
        memory_limit_in_bytes=MIB, unified={"memory.max": "9" * 5000, "memory.swap.max": "much"}
    )
    assert limits_of(resources, NodeRecord()).memory_bytes == MIB


def test_a_load_replaces_what_was_used_and_an_amount_does_not() -> None:
    with open_stage() as stage:
        container = stage.run("main")
        assert container.process is not None
        container.process.use(memory_bytes=5 * MIB, cache_bytes=MIB)
        container.process.use(memory_bytes=MIB)
        levels = stage.meters.read(container, stage.now_ns).levels
        container.process.use(Load(memory_bytes=MIB))
        after = stage.meters.read(container, stage.now_ns).levels
    assert levels.memory_bytes - after.memory_bytes == MIB


def test_a_wrong_amount_changes_nothing() -> None:
    with open_stage() as stage:
        container = stage.run("main")
        assert container.process is not None
        before = stage.meters.read(container, stage.now_ns)
        for wrong in ({"memory_bytes": -1}, {"nonsense": 1}):
            with pytest.raises((ValueError, TypeError)):
                container.process.use(**wrong)
        assert stage.meters.read(container, stage.now_ns) == before
