"""Tables of pages that are made from the source: to fill them in, or to tell that they differ."""

import argparse
import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

DOCS = Path(__file__).parent
SECTION = re.compile(r"(<!-- (\w+): made by [^>]* -->\n).*?(?=<!-- end -->)", re.DOTALL)


class Page:
    """A page, and what makes the tables between its marks, by their names."""

    def __init__(self, name: str, tables: Mapping[str, Callable[[], str]]) -> None:
        self.path = DOCS / f"{name}.md"
        self._tables = tables

    @property
    def text(self) -> str:
        """The page as it is."""
        return self.path.read_text()

    def filled(self) -> str:
        """Return the page with its tables as they should be."""
        return SECTION.sub(lambda match: f"{match[1]}\n{self._tables[match[2]]()}\n", self.text)

    def main(self, description: str) -> int:
        """Write the tables, or with `--check` say that they differ; return the exit status."""
        parser = argparse.ArgumentParser(description=description.splitlines()[0])
        parser.add_argument("--check", action="store_true", help="write nothing, compare")
        check = parser.parse_args().check
        filled = self.filled()
        if filled == self.text:
            return 0
        if not check:
            self.path.write_text(filled)
        sys.stdout.write(f"{'differs' if check else 'wrote'}: {self.path.name}\n")
        return int(check)


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table; what cells say is put on one line each."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "".join(f"| {' | '.join(map(_cell, line))} |\n" for line in lines)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
