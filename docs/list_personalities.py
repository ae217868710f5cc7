"""Write the table of `docs/personalities.md` from the rows of the personalities.

Run `python -m docs.list_personalities`, with `--check` to compare only (exit status 1: it differs).
"""

import ast
import inspect
import sys
from enum import Enum
from typing import Any

from docs.tables import Page
from fakecri.core import profiles
from fakecri.core.personalities import DEFAULT, PROFILES
from fakecri.core.profiles import Profile

LONGEST = 60
"""How long a value may be to be shown."""
NO_TRAITS = {"name"}


def _traits() -> str:
    """Return the table of what any personality does in its own way, in the order of the class."""
    rows = [
        f"| `{name}` | {_cell(meaning)} | {_value(getattr(PROFILES[DEFAULT], name))} | {others} |\n"
        for name, meaning in meanings().items()
        if (others := _others(name))
    ]
    return f"| trait | what it says | `{DEFAULT}` | others |\n|---|---|---|---|\n" + "".join(rows)


def meanings() -> dict[str, str]:
    """Return what the source says of each trait; nothing of those whose names say it all."""
    source = ast.parse(inspect.getsource(profiles))
    (body,) = (
        node.body
        for node in source.body
        if isinstance(node, ast.ClassDef) and node.name == Profile.__name__
    )
    found: dict[str, str] = {}
    name = ""
    for node in body:
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            name = node.target.id
            if name not in NO_TRAITS:
                found[name] = ""
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and name in found:
            found[name] = found[name] or inspect.cleandoc(str(node.value.value))
    return found


def _others(name: str) -> str:
    default = getattr(PROFILES[DEFAULT], name)
    told: dict[str, list[str]] = {}
    for each, profile in PROFILES.items():
        value = getattr(profile, name)
        if value != default:
            told.setdefault(_value(value), []).append(f"`{each}`")
    return "<br>".join(f"{', '.join(who)}: {value}" for value, who in told.items())


def _value(value: Any) -> str:
    """Return a short value as it is written; of a long one, what it is."""
    if isinstance(value, frozenset):
        value = tuple(sorted(each.name if isinstance(each, Enum) else each for each in value))
    shown = value.name if isinstance(value, Enum) else repr(value)
    is_plain = isinstance(value, str | int | Enum | None) or _is_list(value)
    if is_plain and len(shown) <= LONGEST:
        return f"`{shown}`".replace("|", "\\|")
    return "a text of its own" if isinstance(value, str) else "a table of its own"


def _is_list(value: Any) -> bool:
    return isinstance(value, tuple) and all(isinstance(each, str) for each in value)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")


PAGE = Page("personalities", {"traits": _traits})

if __name__ == "__main__":
    sys.exit(PAGE.main(__doc__))
