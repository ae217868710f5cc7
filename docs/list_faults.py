"""Write the table of `docs/taxonomy.md` from the tests that show each class of faults.

Run `python -m docs.list_faults`, with `--check` to compare only (exit status 1: they differ).
"""

import importlib
import sys
from pathlib import Path

from docs.tables import Page
from tests.taxonomy.shows import SHOWN, Shown, class_rows

TESTS = Path(__file__).parents[1] / "tests" / "taxonomy"


def shown() -> list[Shown]:
    """Return all that the tests of the taxonomy say they show, file by file."""
    for path in sorted(TESTS.glob("test_*.py")):
        importlib.import_module(f"tests.taxonomy.{path.stem}")
    return list(SHOWN)


def _table() -> str:
    rows = ["| class | what goes wrong | rule | what a client sees |\n|---|---|---|---|\n"]
    entries = shown()
    for class_id, level, sentence in class_rows():
        of_class = [each for each in entries if each.class_id == class_id]
        for number, each in enumerate(of_class):
            head = f"{class_id} ({level})" if number == 0 else ""
            what = sentence if number == 0 else ""
            rule = each.text.replace("|", "\\|")
            rows.append(f"| {head} | {what} | `{rule}` | {each.seen} |\n")
    return "".join(rows)


PAGE = Page("taxonomy", {"classes": _table})

if __name__ == "__main__":
    sys.exit(PAGE.main(__doc__))
