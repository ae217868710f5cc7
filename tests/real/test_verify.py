"""A real containerd and fakecri in its personality, call by call: they differ where it is known.

To record the transcript anew, as root, and read what has changed before it is committed:

    FAKECRI_RECORD_TRANSCRIPT=1 pytest tests/real/test_verify.py
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from fakecri import cli
from fakecri.replay import Ignore
from fakecri.verify import compare, read_transcript
from tests.real.conftest import serving
from tests.real.runtimes import BUSYBOX, FAKE, REAL
from tests.verify.transcripts import KNOWN, TRANSCRIPT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.real.runtimes import Runtime

pytestmark = pytest.mark.real

EXAMPLES = 25
ANEW = os.environ.get("FAKECRI_RECORD_TRANSCRIPT") == "1"


@pytest.fixture
def pair() -> Iterator[tuple[Runtime, Runtime]]:
    """A containerd, and a fakecri that does as it does."""
    with serving(REAL) as real, serving(FAKE, "--personality", "containerd-1.6") as fake:
        yield real, fake


def test_the_personality_is_the_real_runtime_but_for_what_is_known(
    pair: tuple[Runtime, Runtime], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    real, fake = pair
    transcript = TRANSCRIPT if ANEW else tmp_path / "transcript.json"
    options = ["--image", BUSYBOX, "--cgroup-parent", real.cgroup_parent, "--known", str(KNOWN)]
    options += ["--strict", "--examples", str(EXAMPLES), "--transcript", str(transcript)]
    command = ["verify", "--reference", real.endpoint, "--subject", fake.endpoint, *options]
    assert cli.main(command) == 0, capsys.readouterr().out
    stored, now = read_transcript(TRANSCRIPT), read_transcript(transcript)
    assert stored.sequences == now.sequences
    for each in stored.sequences:
        assert compare(each, stored.play(each), now.play(each), Ignore()) == [], each.name
