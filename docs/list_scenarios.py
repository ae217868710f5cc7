"""Write the table of `docs/scenarios.md` from the library and what was measured.

Run `python -m docs.list_scenarios`, with `--check` to compare only (exit status 1: it differs).
"""

import json
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from docs.tables import Page, table
from fakecri.scenarios import Scenario, library
from fakecri.scenarios.files import CANNOT_RUN, OUTCOMES, minor_of

FIXTURES = Path(__file__).parents[1] / "fixtures" / "kubelet"
MEASURED = FIXTURES / "outcomes"


def outcome_of(id_: str) -> dict[str, dict[str, Any]]:
    """Return what came of a scenario's runs, by version of the kubelet."""
    path = MEASURED / f"{id_}.json"
    measured: dict[str, dict[str, Any]] = json.loads(path.read_text()) if path.exists() else {}
    return measured


def versions() -> list[str]:
    """Return the versions of kubelets that scenarios were run with, the newest first."""
    seen = {version for path in MEASURED.glob("*.json") for version in outcome_of(path.stem)}
    return sorted(seen, key=lambda each: [int(part) for part in each[1:].split(".")], reverse=True)


def _scenarios() -> str:
    heads = (
        "#",
        "scenario",
        "fault",
        "expected",
        *versions(),
        "recovered",
        "took",
        "recording",
        "remark",
    )
    return table(heads, map(_row, library()))


def _row(scenario: Scenario) -> Sequence[str]:
    live, runs = scenario.live, outcome_of(scenario.id)
    ran = [runs[version] for version in versions() if version in runs]
    faults = live.injected if live and live.steps else scenario.rules
    recorded = FIXTURES / f"{scenario.id}.jsonl.gz"
    return (
        str(scenario.number),
        f"`{scenario.id}`",
        "<br>".join(f"`{each}`" for each in faults),
        live.expect if live else scenario.about,
        *(_outcome(scenario, version) for version in versions()),
        _seconds(ran, "recovered_s"),
        _seconds(ran, "took_s"),
        f"[recorded](../fixtures/kubelet/{recorded.name})" if recorded.exists() else "",
        (live.cannot_run or live.note) if live else "",
    )


def _outcome(scenario: Scenario, version: str) -> str:
    run = outcome_of(scenario.id).get(version)
    if run:
        return str(run["outcome"])
    cannot = scenario.live and scenario.live.expected(minor_of(version)) == CANNOT_RUN
    return CANNOT_RUN if cannot else "not run"


def _seconds(runs: Sequence[dict[str, Any]], key: str) -> str:
    measured = [each[key] for each in runs if each[key] is not None]
    return f"{measured[0]:.0f} s" if measured else ""


def _figures() -> str:
    """How many scenarios came out how, by version."""
    found = library()
    counts = {version: Counter(_outcome(each, version) for each in found) for version in versions()}
    rows = ((v, *(str(counts[v][outcome]) for outcome in OUTCOMES)) for v in versions())
    return table(("kubelet", *OUTCOMES), rows)


PAGE = Page("scenarios", {"figures": _figures, "scenarios": _scenarios})

if __name__ == "__main__":
    sys.exit(PAGE.main(__doc__))
