"""critest's benchmarks: how long a client waits for each operation.

    python -m tests.real.benchmarks

compares the fake with a real containerd, one after the other, as root, and stores how many times
as fast the fake is, in fixtures/conformance/benchmarks.tsv.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tests.conformance import FIXTURES
from tests.real.measure import SUBJECTS
from tests.real.suites import Run, critest

if TYPE_CHECKING:
    from tests.real.suites import Subject

NAMES = ("pod", "container", "image_lifecycle", "image_listing")
SAMPLES = 40
AT_ONCE = 1
"""A real containerd fails where one image is pulled and removed at once."""


@dataclass(frozen=True)
class Sample:
    """What was done one after the other, in nanoseconds."""

    begin_ns: int
    end_ns: int
    durations_ns: list[int]


@dataclass(frozen=True)
class Benchmark:
    """A file that critest wrote."""

    operations: list[str]
    at_once: int
    samples: list[Sample]

    @classmethod
    def read(cls, path: Path) -> Benchmark:
        """The benchmark in a file."""
        told = json.loads(path.read_text())
        samples = [
            Sample(each["startTime"], each["endTime"], each["operationsDurationsNs"])
            for each in told["datapoints"]
        ]
        return cls(told["operationsNames"], told["numParallel"], samples)

    def medians_ns(self) -> dict[str, float]:
        """How long each operation takes."""
        columns = zip(*(sample.durations_ns for sample in self.samples), strict=True)
        return dict(zip(self.operations, map(statistics.median, columns), strict=True))


def benchmark(
    subject: Subject, home: Path, samples: int, at_once: int
) -> tuple[Run, list[Benchmark]]:
    """Run the benchmarks, each operation so many times; a benchmark for each of `NAMES`."""
    parameters, measured = home / "parameters.yaml", home / "measured"
    nouns = ("containers", "pods", "images")
    sizes = [f"{noun}Number: {samples}\n{noun}NumberParallel: {at_once}\n" for noun in nouns]
    parameters.write_text("".join(sizes))
    measured.mkdir()
    where = (
        "-benchmarking-params-file",
        str(parameters),
        "-benchmarking-output-dir",
        str(measured),
    )
    run = critest(subject, home, "-benchmark", *where)
    assert run.status == 0, run.output
    return run, [Benchmark.read(measured / f"{name}_benchmark_data.json") for name in NAMES]


def medians_ns(column: str) -> dict[str, float]:
    """How long each operation takes with the runtime of a column."""
    with tempfile.TemporaryDirectory(prefix="fakecri-") as name:
        home = Path(name)
        with SUBJECTS[column](home) as subject:
            _, measured = benchmark(subject, home, SAMPLES, AT_ONCE)
    return {name: value for each in measured for name, value in each.medians_ns().items()}


def main() -> int:
    """Compare, store and print."""
    fake, real = medians_ns("containerd-1.6"), medians_ns("containerd 1.6.20")
    rows = [f"{name}\t{real[name] / fake[name]:.1f}\n" for name in fake]
    text = "operation\ttimes as fast\n" + "".join(rows)
    (FIXTURES / "benchmarks.tsv").write_text(text)
    sys.stdout.write(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
