"""The life of a pod, recorded here and driven against a real containerd: what remains is known."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from fakecri.proxy import Proxy
from fakecri.replay import Ignore, compare, drive, parse_ignored
from tests.real.runtimes import REAL
from tests.replay.life import live
from tests.replay.recordings import parse, recording_of

if TYPE_CHECKING:
    from tests.real.runtimes import Runtime

pytestmark = pytest.mark.real

KNOWN = Path(__file__).parents[2] / "fixtures" / "recordings" / "life-on-containerd-1.6.ignore"


def test_a_recorded_life_is_the_same_but_for_what_is_known(
    fresh_runtime: Runtime, tmp_path: Path
) -> None:
    runtime = fresh_runtime  # its addresses and images are the first ones, as in the recording
    recording = recording_of(
        lambda node: live(node, str(tmp_path / "logs"), runtime.cgroup_parent),
        personality="containerd-1.6" if runtime.name == REAL else "",
    )
    record = io.StringIO()
    with Proxy(runtime.endpoint, record=record) as proxy:
        made = drive(recording, proxy.host, speed=1)
    assert made.notes == []
    lines = KNOWN.read_text().splitlines() if runtime.name == REAL else []
    ignore = Ignore(parse_ignored(lines, KNOWN.name))
    assert compare(recording, parse(record.getvalue()), ignore=ignore).differences == []
    assert [each.path for each in ignore.unused] == []
    assert (tmp_path / "logs" / "main.log").exists()
