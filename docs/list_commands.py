"""Write the tables of `docs/commands.md` from the commands and the userlands.

Run `python docs/list_commands.py`, with `--check` to compare only (exit status 1: they differ).
"""

import argparse
import re
import sys
from pathlib import Path

from fakecri.core.commands import COMMANDS
from fakecri.core.programs import LIBRARY_TOOLS
from fakecri.core.userlands import find_userland

PAGE = Path(__file__).with_name("commands.md")

BASES = ("busybox", "alpine", "debian")
ELSEWHERE = frozenset({"busybox", "sh", "ash", "bash", "dash", "rbash"})
"""Those that are no commands of their own."""

SECTION = re.compile(r"(<!-- (\w+): made by [^>]* -->\n).*?(?=<!-- end -->)", re.DOTALL)


def filled(text: str) -> str:
    """Return the page with its tables as they should be."""
    tables = {"commands": _commands(), "missing": _missing()}
    return SECTION.sub(lambda match: f"{match[1]}\n{tables[match[2]]}\n", text)


def _commands() -> str:
    rows = [_row(name, COMMANDS[name].synopsis) for name in sorted(COMMANDS)]
    return "| command | options | in |\n|---|---|---|\n" + "".join(rows)


def _row(name: str, synopsis: str | None) -> str:
    options = (synopsis or "").replace("|", "\\|")
    places = " ".join(base for base in BASES if name in _names(base))
    return f"| `{name}` | {f'`{options}`' if options else ''} | {places} |\n"


def _missing() -> str:
    rows = []
    for base in BASES:
        names = sorted(_names(base) - COMMANDS.keys() - LIBRARY_TOOLS - ELSEWHERE)
        rows.append(f"- {base}: {', '.join(f'`{each}`' for each in names)}\n")
    return "".join(rows)


def _names(base: str) -> set[str]:
    return {path.rpartition("/")[2] for path in find_userland(base).executables}


def main() -> int:
    """Write the tables, or with `--check` say that they differ; return the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing, compare")
    check = parser.parse_args().check
    text = PAGE.read_text()
    if filled(text) == text:
        return 0
    if not check:
        PAGE.write_text(filled(text))
    sys.stdout.write(f"{'differs' if check else 'wrote'}: {PAGE.name}\n")
    return int(check)


if __name__ == "__main__":
    sys.exit(main())
