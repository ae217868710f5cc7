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

LIBRARY = Path(str(resources.files("fakecri.scenarios") / "library"))
OUTCOMES = Path(__file__).parents[1] / "fixtures" / "scenarios"
SCENARIOS = [
    path for path in sorted(LIBRARY.glob("*.toml")) if "steps" in tomllib.loads(path.read_text())
]
REWRITE = os.environ.get("FAKECRI_REWRITE") == "1"
OF_A_KUBELET = {"restart-counted-twice", "symlink-removed"}
"""Nothing of these is in what the runtime answers: a kubelet counts restarts, and links logs."""


def read(path: Path) -> dict[str, Any]:
    return tomllib.loads(path.read_text())


def play(path: Path, face: str) -> str:
    """Play a scenario; return what its client saw. Every rule must have fired."""
    scenario = read(path)
    options = scenario["live"].get("cri", {})
    with node(face, **options) as opened, opened.cri.faults(*scenario["rules"], strict=True):
        return NaiveClient(opened).play(scenario["steps"])


@pytest.mark.parametrize("face", FACES)
@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem)
def test_a_naive_client_sees_what_is_written_down(path: Path, face: str) -> None:
    outcome = play(path, face)
    written = OUTCOMES / f"{path.stem}.txt"
    if REWRITE and face == "object":
        written.write_text(outcome)
    assert outcome == written.read_text()


def test_all_are_there_but_those_that_are_of_a_kubelet_alone() -> None:
    left = {path.stem for path in LIBRARY.glob("*.toml")} - {path.stem for path in SCENARIOS}
    assert left == OF_A_KUBELET
    for path in SCENARIOS:
        scenario = read(path)
        assert scenario["good_client"].strip()
        assert scenario["threads"]


def test_no_outcome_is_left_of_a_scenario_that_is_gone() -> None:
    outcomes = {path.stem for path in OUTCOMES.glob("*.txt")}
    assert outcomes == {path.stem for path in SCENARIOS}
