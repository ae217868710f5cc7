"""The recording that is kept as an example is what a run gives, and has a bit of everything."""

import os
import subprocess
import sys
from pathlib import Path

from fakecri.core.recording import Recording
from fakecri.timeline.building import build
from tests.timeline import example

REWRITE = os.environ.get("FAKECRI_REWRITE") == "1"


def test_the_example_is_what_its_run_gives() -> None:
    """`FAKECRI_REWRITE=1` writes it anew; look at the page of it before it is committed."""
    recorded = example.record()
    if REWRITE:
        example.PATH.write_text(recorded)
    assert recorded == example.PATH.read_text(), "run python -m tests.timeline.example"


def test_it_is_the_same_in_another_process() -> None:
    code = "import sys; from tests.timeline import example; sys.stdout.write(example.record())"
    ran = subprocess.run(
        [sys.executable, "-c", code],
        cwd=Path(__file__).parents[2],
        env={**os.environ, "PYTHONHASHSEED": "7"},
        capture_output=True,
        check=True,
    )
    assert ran.stdout == example.PATH.read_bytes()


def test_it_has_a_bit_of_everything() -> None:
    timeline = build(Recording.parse(example.PATH.read_text().splitlines()))
    assert {bar.outcome for bar in timeline.bars} >= {"ok", "error", "cancelled"}
    kinds = {mark.kind for mark in timeline.marks}
    assert kinds >= {"event", "fault", "state", "clock", "rule"}
    states = {band.state for band in timeline.bands}
    assert states >= {"CREATED", "RUNNING", "EXITED", "READY", "NOTREADY"}
    assert [rule.fired for rule in timeline.rules] == [1, 1, 1, 1]
    assert sum(lane.kind == "sandbox" for lane in timeline.lanes) == 2
