"""Write the tables of `docs/scenario_files.md` from what the language is made of.

Run `python -m docs.list_scenario_language`, with `--check` to compare only (exit status 1: they
differ).
"""

import sys

from docs.tables import Page, table
from fakecri.scenarios.facts import FACTS
from fakecri.scenarios.files import source
from fakecri.scenarios.steps import DOING, WATCHING


def _doing() -> str:
    return table(
        ("step", "what it does"),
        ((f"`{f'{verb} {form}'.strip()}`", meaning) for verb, (form, meaning) in DOING.items()),
    )


def _watching() -> str:
    ends = {"never": "for SPAN"}
    return table(
        ("step", "what it means"),
        (
            (f"`{verb} CONDITION {ends.get(verb, 'within SPAN')}`", meaning)
            for verb, meaning in WATCHING.items()
        ),
    )


def _facts() -> str:
    return table(
        ("fact", "", "what it is"),
        (
            (f"`{f'{name} {fact.form}'.strip()}`", fact.kind, fact.meaning)
            for name, fact in FACTS.items()
        ),
    )


def _live(id_: str) -> str:
    """Return the part of a file that is for a kubelet."""
    text = source(id_)
    return f"```toml\n{text[text.index('[live]') :]}```\n"


PAGE = Page(
    "scenario_files",
    {
        "doing": _doing,
        "watching": _watching,
        "facts": _facts,
        "probe": lambda: _live("probe-runtime-error"),
        "clock": lambda: _live("clock-back-container"),
        "status": lambda: _live("one-status-error-hides-pod"),
    },
)

if __name__ == "__main__":
    sys.exit(PAGE.main(__doc__))
