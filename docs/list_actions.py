"""Write the tables of `docs/fault_actions.md` from the table of actions.

Run `python -m docs.list_actions`, with `--check` to compare only (exit status 1: they differ).
"""

import sys

from docs.tables import Page
from fakecri.core.faults.kinds import KINDS, URLS, Kind
from fakecri.core.faults.parameters import Parameter, Type


def _actions() -> str:
    """Return the table of what is done to calls."""
    rows = [
        f"| {_forms(name, kind.call_forms)} | {_phases(kind)} | {kind.does} |\n"
        for name, kind in KINDS.items()
        if kind.phases
    ]
    return "| action | phases | what it does |\n|---|---|---|\n" + "".join(rows)


def _phases(kind: Kind) -> str:
    return " ".join(phase.value for phase in kind.phases)


def _sessions() -> str:
    """Return the table of what is done to sessions."""
    rows = [
        f"| {_forms(name, kind.session_forms or kind.call_forms)} | {_rpcs(kind)} | "
        f"{kind.session_does or kind.does} |\n"
        for name, kind in KINDS.items()
        if kind.sessions
    ]
    return "| action | of | what it does |\n|---|---|---|\n" + "".join(rows)


def _rpcs(kind: Kind) -> str:
    return "all" if kind.sessions == URLS else " ".join(sorted(kind.sessions, reverse=True))


def _forms(name: str, forms: tuple[tuple[Parameter, ...], ...]) -> str:
    return "<br>".join(f"`{name}{_arguments(form)}`" for form in dict.fromkeys(forms))


def _arguments(form: tuple[Parameter, ...]) -> str:
    if not form:
        return ""
    return f"({', '.join(_argument(each) for each in form)})"


def _argument(parameter: Parameter) -> str:
    is_choice = parameter.words and parameter.type is Type.WORD and parameter.name != "channel"
    words = "/".join(parameter.words) if is_choice else parameter.name
    required = parameter.default is None and not parameter.optional
    return words if required else f"[{words}]"


PAGE = Page("fault_actions", {"actions": _actions, "sessions": _sessions})

if __name__ == "__main__":
    sys.exit(PAGE.main(__doc__))
