"""Ordinary manifests, played by a small kubelet: the transcripts are what a cluster would show.

`FAKECRI_REWRITE=1` writes the transcripts anew; read each before it is committed.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.pods import read_pods
from tests.small_kubelet import Kubelet
from tests.support import FACES, node

FIXTURES = Path(__file__).parents[1] / "fixtures"
MANIFESTS = sorted((FIXTURES / "manifests").glob("*.yaml"))
REWRITE = os.environ.get("FAKECRI_REWRITE") == "1"
PLAY = re.compile(r"# play: (\d+) s(?:, stop after (\d+) s)?\n")


def play(path: Path, face: str) -> str:
    """Play the pods of a manifest; return the transcript."""
    head = PLAY.match(path.read_text())
    assert head is not None, f"{path.name} does not say how long to play it"
    with node(face, pace="manual") as opened:
        stop_after = int(head[2]) if head[2] else None
        return Kubelet(opened).play(read_pods(path), int(head[1]), stop_after)


def transcript_of(path: Path) -> Path:
    return FIXTURES / "transcripts" / f"{path.stem}.txt"


@pytest.mark.parametrize("face", FACES)
@pytest.mark.parametrize("path", MANIFESTS, ids=lambda path: path.stem)
def test_a_manifest_plays_as_its_transcript_says(path: Path, face: str) -> None:
    transcript = play(path, face)
    if REWRITE and face == "object":
        transcript_of(path).write_text(transcript)
    assert transcript == transcript_of(path).read_text()


def test_there_are_twenty_manifests_and_each_has_its_transcript() -> None:
    assert len(MANIFESTS) >= 20
    transcripts = {each.stem for each in (FIXTURES / "transcripts").glob("*.txt")}
    assert {each.stem for each in MANIFESTS} == transcripts


SCRIPT = """
import sys
from pathlib import Path
from tests.test_manifests import MANIFESTS, play
for path in MANIFESTS:
    sys.stdout.write(play(path, "object"))
"""


@pytest.mark.parametrize("seed", ["0", "1", "4242"])
def test_hash_seeds_change_nothing(seed: str) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        cwd=FIXTURES.parent,
        env={**os.environ, "PYTHONHASHSEED": seed},
        capture_output=True,
        text=True,
        check=True,
    )
    assert ran.stdout == "".join(transcript_of(path).read_text() for path in MANIFESTS)
