"""Write the tables of `docs/conformance.md` from what was measured, which fixtures have.

Run `python -m docs.list_conformance`, with `--check` to compare only (exit status 1: they differ).
"""

import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import partial

from docs.tables import Page
from fakecri.replay.ignoring import parse_ignored
from tests.conformance import FIXTURES, Spec, Table, reasons, rows_of

KNOWN = FIXTURES.parent / "verify"


def _table(rows: Iterable[Sequence[str]]) -> str:
    head, *others = [_line(row) for row in rows]
    return "".join([head, f"|{'---|' * head.count(' | ')}---|\n", *others])


def _line(cells: Sequence[str]) -> str:
    escaped = [cell.replace("|", "\\|") for cell in cells]
    return f"| {' | '.join(escaped)} |\n"


def _figures(table: Table) -> str:
    """How many specs a runtime passes, fails and skips."""
    specs = [spec for spec in table.specs if spec.is_validation]
    mandatory = [spec for spec in specs if spec.is_conformance]
    head = ["runtime", "passes", "fails", "skips", *(["of the 52"] if mandatory else [])]
    rows = [head]
    for column in _columns(table):
        counts = [str(table.count(column, verdict)) for verdict in ("pass", "fail", "skip")]
        of_them = [str(sum(spec.passes(column) for spec in mandatory))] if mandatory else []
        rows.append([column, *counts, *of_them])
    return _table(rows)


def _columns(table: Table) -> list[str]:
    """The columns in the order in which the runtimes are explained."""
    return [name for name, *_ in rows_of("runtimes")[1:] if name in table.columns]


def _reasons(table: Table) -> str:
    """What is behind the verdicts that are no passes, and how many of each runtime."""
    columns = _columns(table)
    specs = [spec for spec in table.specs if spec.is_validation]
    counts = {column: Counter(spec.cells[column].reason for spec in specs) for column in columns}
    rows = [["reason", "what it means", *columns]]
    for key, sentence in reasons().items():
        numbers = [str(counts[column][key] or "") for column in columns]
        if any(numbers):
            rows.append([key, sentence, *numbers])
    return _table(rows)


def _specs(table: Table) -> str:
    """What becomes of the specs of which there is something to say, AppArmor's left out."""
    columns = [column for column in _columns(table) if column != "go-fake"]
    specs = [spec for spec in table.specs if spec.is_validation and _is_told(spec, columns)]
    rows = [["spec", *columns]]
    rows += [[spec.name, *(str(spec.cells[column]) for column in columns)] for spec in specs]
    return _table(rows)


def _is_told(spec: Spec, columns: Sequence[str]) -> bool:
    return not all(spec.passes(column) for column in columns) and "apparmor" not in {
        spec.cells[column].reason for column in columns
    }


def _differences() -> str:
    rows = [["runtime", "what differs", "why"]]
    for path in sorted(KNOWN.glob("*.known")):
        ignored = parse_ignored(path.read_text().splitlines(), path.name)
        rows += [[path.stem, f"`{each.path}`", each.reason] for each in ignored]
    return _table(rows)


CRITEST, CRICTL = Table.read("critest"), Table.read("crictl")
PAGE = Page(
    "conformance",
    {
        "figures": partial(_figures, CRITEST),
        "runtimes": lambda: _table(rows_of("runtimes")),
        "reasons": partial(_reasons, CRITEST),
        "specs": partial(_specs, CRITEST),
        "benchmarks": lambda: _table(rows_of("benchmarks")),
        "crictl": partial(_figures, CRICTL),
        "differences": _differences,
    },
)

if __name__ == "__main__":
    sys.exit(PAGE.main(__doc__))
