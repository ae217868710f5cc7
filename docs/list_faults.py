"""Write the table of `docs/taxonomy.md` from the tests that show each class of faults.

Run `python -m docs.list_faults`, with `--check` to compare only (exit status 1: they differ).
"""

import argparse
import importlib
import re
import sys
from pathlib import Path

from tests.taxonomy.shows import SHOWN, Shown, class_rows

PAGE = Path(__file__).with_name("taxonomy.md")
TESTS = Path(__file__).parents[1] / "tests" / "taxonomy"
SECTION = re.compile(r"(<!-- classes: made by [^>]* -->\n).*?(?=<!-- end -->)", re.DOTALL)


def shown() -> list[Shown]:
    """Return all that the tests of the taxonomy say they show, file by file."""
    for path in sorted(TESTS.glob("test_*.py")):
        importlib.import_module(f"tests.taxonomy.{path.stem}")
    return list(SHOWN)


def filled(text: str) -> str:
    """Return the page with its table as it should be."""
    return SECTION.sub(lambda match: f"{match[1]}\n{_table()}\n", text)


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


def main() -> int:
    """Write the table, or with `--check` say that it differs; return the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing, compare")
    check = parser.parse_args().check
    text = PAGE.read_text()
    if filled(text) == text:
        return 0
    if check:
        sys.stderr.write(
            "docs/taxonomy.md is not as the tests say; run python -m docs.list_faults\n"
        )
        return 1
    PAGE.write_text(filled(text))
    return 0


if __name__ == "__main__":
    sys.exit(main())
