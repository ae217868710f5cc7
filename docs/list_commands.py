"""Write the tables of `docs/commands.md` from the commands and the userlands.

Run `python -m docs.list_commands`, with `--check` to compare only (exit status 1: they differ).
"""

import sys

from docs.tables import Page
from fakecri.core.commands import COMMANDS
from fakecri.core.programs import LIBRARY_TOOLS
from fakecri.core.userlands import find_userland

BASES = ("busybox", "alpine", "debian")
ELSEWHERE = frozenset({"busybox", "sh", "ash", "bash", "dash", "rbash"})
"""Those that are no commands of their own."""


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


PAGE = Page("commands", {"commands": _commands, "missing": _missing})

if __name__ == "__main__":
    sys.exit(PAGE.main(__doc__))
