"""The stories of real bugs, played by a naive client: what it sees is written beside them.

`FAKECRI_REWRITE=1` writes the outcomes anew; read each before it is committed.
"""

import os
import tomllib
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

from tests.naive_client import NaiveClient
from tests.support import FACES, node
from tests.taxonomy.shows import class_rows

LIBRARY = Path(str(resources.files("fakecri.scenarios") / "library"))
OUTCOMES = Path(__file__).parents[1] / "fixtures" / "scenarios"
SCENARIOS = [
    path for path in sorted(LIBRARY.glob("*.toml")) if "steps" in tomllib.loads(path.read_text())
]
REWRITE = os.environ.get("FAKECRI_REWRITE") == "1"
KEYS = {"number", "classes", "threads", "seen_on", "about", "good_client", "kubelet"}


def read(path: Path) -> dict[str, Any]:
    return tomllib.loads(path.read_text())


def play(path: Path, face: str) -> str:
    """Play a scenario; return what its client saw. Every rule must have fired."""
    scenario = read(path)
    with node(face) as opened, opened.cri.faults(*scenario["rules"], strict=True):
        return NaiveClient(opened).play(scenario["steps"])


@pytest.mark.parametrize("face", FACES)
@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem)
def test_a_naive_client_sees_what_is_written_down(path: Path, face: str) -> None:
    outcome = play(path, face)
    written = OUTCOMES / f"{path.stem}.txt"
    if REWRITE and face == "object":
        written.write_text(outcome)
    assert outcome == written.read_text()


def test_the_first_twenty_are_there_and_complete() -> None:
    scenarios = [read(path) for path in SCENARIOS]
    assert sorted(each["number"] for each in scenarios) == list(range(1, 21))
    known = {class_id for class_id, _, _ in class_rows()}
    for each in scenarios:
        assert each.keys() <= KEYS | {"rules", "steps", "live"}
        assert set(each["classes"]) <= known
        assert each["about"].strip()
        assert each["good_client"].strip()
        assert each["threads"]


def test_no_outcome_is_left_of_a_scenario_that_is_gone() -> None:
    outcomes = {path.stem for path in OUTCOMES.glob("*.txt")}
    assert outcomes == {path.stem for path in SCENARIOS}
