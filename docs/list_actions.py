"""Write the table of `docs/fault_actions.md` from the table of actions.

Run `python docs/list_actions.py`, with `--check` to compare only (exit status 1: they differ).
"""

import argparse
import re
import sys
from pathlib import Path

from fakecri.core.faults.kinds import KINDS, Kind
from fakecri.core.faults.parameters import Parameter, Type

PAGE = Path(__file__).with_name("fault_actions.md")
SECTION = re.compile(r"(<!-- actions: made by [^>]* -->\n).*?(?=<!-- end -->)", re.DOTALL)


def filled(text: str) -> str:
    """Return the page with its table as it should be."""
    rows = "".join(_row(name, kind) for name, kind in KINDS.items())
    table = f"| action | phases | what it does |\n|---|---|---|\n{rows}"
    return SECTION.sub(lambda match: f"{match[1]}\n{table}\n", text)


def _row(name: str, kind: Kind) -> str:
    forms = "<br>".join(f"`{name}{_arguments(form)}`" for form in _distinct(kind))
    phases = " ".join(phase.value for phase in kind.phases)
    return f"| {forms} | {phases} | {kind.does} |\n"


def _distinct(kind: Kind) -> list[tuple[Parameter, ...]]:
    return list(dict.fromkeys(kind.all_forms))


def _arguments(form: tuple[Parameter, ...]) -> str:
    if not form:
        return ""
    return f"({', '.join(_argument(each) for each in form)})"


def _argument(parameter: Parameter) -> str:
    is_choice = parameter.type is Type.WORD and parameter.words
    words = "/".join(parameter.words) if is_choice else parameter.name
    required = parameter.default is None and not parameter.optional
    return words if required else f"[{words}]"


def main() -> int:
    """Write the table, or with `--check` say that it differs; return the exit status."""
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
