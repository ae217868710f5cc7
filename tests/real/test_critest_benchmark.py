"""critest measures as well: its five benchmarks run, and say how long each operation took."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.conformance import PASSED, Table
from tests.real import install, namespaces
from tests.real.benchmarks import benchmark
from tests.real.measure import fakecri
from tests.requirements import skip_for

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.real

SAMPLES = 8
AT_ONCE = 2


def test_the_benchmarks_of_critest_measure_each_operation(tmp_path: Path) -> None:
    skip_for([*install.missing("critest-later", "ginkgo", "ip"), *namespaces.obstacles()])
    with fakecri(tmp_path) as subject:
        run, measured = benchmark(subject, tmp_path, SAMPLES, AT_ONCE)
    passed = {name for name, outcome in run.outcomes.items() if outcome.verdict == PASSED}
    expected = {spec.name for spec in Table.read("critest").specs if not spec.is_validation}
    assert (len(passed), passed) == (5, expected), run.output
    assert [each.operations for each in measured] == [
        ["CreatePod", "StatusPod", "StopPod", "RemovePod"],
        [f"{verb}Container" for verb in ("Create", "Start", "Status", "Stop", "Remove")],
        ["PullImage", "StatusImage", "RemoveImage"],
        ["ListImages"],
    ]
    for each in measured:
        assert (len(each.samples), each.at_once) == (SAMPLES, AT_ONCE)
        for sample in each.samples:
            assert len(sample.durations_ns) == len(each.operations)
            assert 0 < sum(sample.durations_ns) <= sample.end_ns - sample.begin_ns
