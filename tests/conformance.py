"""What is expected of each spec of a conformance suite: the tables in fixtures/conformance.

A table has a row for each spec, and a column for each runtime that was measured. A cell is `pass`,
or `fail` or `skip` with a reason, which is a key of reasons.tsv.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

FIXTURES = Path(__file__).parents[1] / "fixtures" / "conformance"
PASSED = "pass"
CONFORMANCE = "[Conformance]"
BENCHMARK = "benchmark"
UNKNOWN = "?"
"""The reason of a verdict that nobody has explained yet."""


@dataclass(frozen=True)
class Cell:
    """What is expected of a spec: a verdict, and where it is no pass, why."""

    verdict: str
    reason: str = ""

    @classmethod
    def parsed(cls, text: str) -> Cell:
        """The cell of a table's text."""
        verdict, _, reason = text.partition(" ")
        return cls(verdict, reason)

    def __str__(self) -> str:
        return f"{self.verdict} {self.reason}".rstrip()


@dataclass(frozen=True)
class Outcome:
    """What became of a spec: its verdict, and what it said where it did not pass."""

    verdict: str
    message: str = ""


@dataclass
class Spec:
    """A row: a spec, and the first version of the suite that has it."""

    name: str
    since: str
    cells: dict[str, Cell] = field(default_factory=dict)

    @property
    def is_conformance(self) -> bool:
        """Whether a runtime must pass it."""
        return CONFORMANCE in self.name

    @property
    def is_validation(self) -> bool:
        """Whether it is one of those that say pass or fail; the others measure."""
        return BENCHMARK not in self.name

    def passes(self, column: str) -> bool:
        """Whether it passes with a runtime."""
        return self.cells[column].verdict == PASSED


@dataclass
class Table:
    """The specs of a suite, and the runtimes that were measured with it."""

    suite: str
    columns: list[str]
    specs: list[Spec]

    @classmethod
    def read(cls, suite: str) -> Table:
        """The table as it is stored."""
        head, *rows = rows_of(suite)
        columns = head[2:]
        specs = [
            Spec(name, since, dict(zip(columns, map(Cell.parsed, cells), strict=True)))
            for name, since, *cells in rows
        ]
        return cls(suite, columns, specs)

    def write(self) -> None:
        """Store the table."""
        _path(self.suite).write_text(str(self))

    def __str__(self) -> str:
        rows = [
            [spec.name, spec.since, *(str(spec.cells[column]) for column in self.columns)]
            for spec in sorted(self.specs, key=lambda spec: spec.name)
        ]
        return "".join("\t".join(row) + "\n" for row in [["spec", "since", *self.columns], *rows])

    def of(self, version: str) -> list[Spec]:
        """The specs that a version of the suite has."""
        return [spec for spec in self.specs if spec.since <= version]

    def count(self, column: str, verdict: str) -> int:
        """How many of the validation specs have the verdict."""
        return sum(
            spec.cells[column].verdict == verdict for spec in self.specs if spec.is_validation
        )


def reasons() -> dict[str, str]:
    """What each reason means, a sentence each."""
    return {key: meaning for key, meaning, *_ in rows_of("reasons")[1:]}


def rows_of(name: str) -> list[list[str]]:
    """The rows of a file, the head first."""
    return [line.split("\t") for line in _path(name).read_text().splitlines()]


def _path(name: str) -> Path:
    return FIXTURES / f"{name}.tsv"


def differences(specs: Sequence[Spec], column: str, outcomes: Mapping[str, Outcome]) -> list[str]:
    """Where a run is not as the table says: regressions, unexpected passes, specs it lacks."""
    expected = {spec.name: spec.cells[column] for spec in specs}
    return [
        difference
        for name in sorted({*expected, *outcomes})
        if (difference := _difference(name, expected.get(name), outcomes.get(name)))
    ]


def _difference(name: str, cell: Cell | None, outcome: Outcome | None) -> str:
    if outcome is None:
        return f"{name}: {cell} is expected, and it is no spec of the run"
    if cell is None:
        return f"{name}: {outcome.verdict}, and it is not in the table"
    if cell.verdict == outcome.verdict:
        return ""
    said = f": {outcome.message}" if outcome.message else ""
    return f"{name}: {cell} is expected, and it is {outcome.verdict}{said}"
