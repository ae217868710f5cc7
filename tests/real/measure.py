"""Measures a runtime with a conformance suite, and stores its column in fixtures/conformance.

    python -m tests.real.measure SUITE COLUMN

SUITE is critest or crictl. Reasons stay where a verdict does; a verdict that is new and no pass has
`?` for its reason, which no test accepts: give it one, in reasons.tsv. Read the difference before
it is committed.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from tests.conformance import PASSED, UNKNOWN, Cell, Outcome, Spec, Table
from tests.control.processes import serving
from tests.real import install
from tests.real.containerd import mortal_containerd
from tests.real.namespaces import namespaces
from tests.real.suites import Run, Subject, crictl_tests, critest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager

DEFAULT = "containerd-2"
WITHOUT_PLUGINS = ("containerd-1.6", "old")
"""The personalities that are older than the Node Resource Interface."""
PERSONALITIES = (DEFAULT, "containerd-1.7", "crio-1.36", *WITHOUT_PLUGINS)


@contextmanager
def fakecri(home: Path, personality: str = DEFAULT) -> Iterator[Subject]:
    """Serve the fake in namespaces of its own, whose IPC is the node's."""
    plugins = "" if personality in WITHOUT_PLUGINS else f"{home}/nri.sock"
    node = ("--network", "loopback", "--host-mounts", str(home), "--host-mounts", "/proc")
    # critest holds an answer back for 2 s, which is all the time that there is by default.
    socket = ("--nri-socket", plugins, "--nri-request-timeout", "10s") if plugins else ()
    options = (*node, *socket, "--personality", personality)
    with namespaces() as inside, serving(*options, inside=inside) as served:
        yield Subject(served.endpoint, inside, plugins)


NO_APPARMOR = ("-ginkgo.skip", "AppArmor")  # a host that has it would try them


@contextmanager
def go_fake(home: Path) -> Iterator[Subject]:
    """Serve the fake of k8s.io/cri-api."""
    program, endpoint = install.find("gofake").path, f"unix://{home}/gofake.sock"
    assert program is not None
    with (
        namespaces() as inside,
        subprocess.Popen(
            [*inside, program, endpoint], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as served,
    ):
        assert served.stdout is not None
        assert served.stdout.readline() == "ready\n"
        yield Subject(endpoint, inside)  # it ends when its standard input is closed


@contextmanager
def real(home: Path) -> Iterator[Subject]:
    """Run containerd in namespaces of its own, with images that stand for the published ones."""
    with namespaces() as inside, mortal_containerd("standins", inside) as (address, _):
        yield Subject(address.endpoint, inside)


SUBJECTS: dict[str, Callable[[Path], AbstractContextManager[Subject]]] = {
    **{name: partial(fakecri, personality=name) for name in PERSONALITIES},
    "containerd 1.6.20": real,
    "go-fake": go_fake,
}
SUITES: dict[str, Callable[[Subject, Path], Run]] = {
    "critest": lambda subject, home: critest(subject, home, *NO_APPARMOR),
    "crictl": crictl_tests,
}


def measured(suite: str, column: str) -> Run:
    """Run a suite against what a column is about."""
    with tempfile.TemporaryDirectory(prefix="fakecri-") as name:
        home = Path(name)
        with SUBJECTS[column](home) as subject:
            return SUITES[suite](subject, home)


def filled(table: Table, column: str, outcomes: Mapping[str, Outcome], version: str) -> Table:
    """The table with a column as it was measured."""
    columns = table.columns if column in table.columns else [*table.columns, column]
    known = {spec.name: spec for spec in table.specs}
    specs = [known.get(name, Spec(name, version)) for name in outcomes]
    for spec in specs:
        spec.cells[column] = _cell(spec.cells.get(column), outcomes[spec.name])
        for other in columns:
            spec.cells.setdefault(other, Cell("fail", UNKNOWN))
    return Table(table.suite, columns, specs)


def _cell(before: Cell | None, outcome: Outcome) -> Cell:
    if before and before.verdict == outcome.verdict:
        return before
    return Cell(outcome.verdict, "" if outcome.verdict == PASSED else UNKNOWN)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, store, and tell what did not pass; return the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("suite", choices=SUITES)
    parser.add_argument("column", choices=SUBJECTS)
    given = parser.parse_args(arguments)
    run = measured(given.suite, given.column)
    filled(Table.read(given.suite), given.column, run.outcomes, install.CRI_TOOLS_LATER).write()
    for name, outcome in run.outcomes.items():
        if outcome.verdict != PASSED:
            sys.stdout.write(f"{outcome.verdict} {name}: {outcome.message}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
