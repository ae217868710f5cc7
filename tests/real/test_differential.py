"""What is recorded of command lines on a real containerd is what they still do there, and here.

To record anew: `FAKECRI_RECORD_DIFFERENTIAL=1 pytest tests/real/test_differential.py`, as root;
read the difference before it is committed.
"""

from __future__ import annotations

import json
import os
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from fakecri.channel import connect, runtime_stub
from tests.differential import RECORDED, Case, Player, cases, playing, recorded
from tests.real.oci import BUSYBOX as SHELL
from tests.real.runtimes import BUSYBOX, REAL

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.real.runtimes import Runtime

pytestmark = pytest.mark.real

RACES = 10
"""How often a case may be played again on a real machine, where a shell races with its children:
ash says nothing of a job that has ended before it waits for it."""
ANEW = os.environ.get("FAKECRI_RECORD_DIFFERENTIAL") == "1"


@pytest.fixture(scope="module")
def player(runtime: Runtime, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Player]:
    """A pod for all cases of a runtime."""
    logs = str(tmp_path_factory.mktemp("logs"))
    with (
        connect(runtime.endpoint) as channel,
        playing(
            runtime_stub(channel), BUSYBOX, logs, _read, _pause, runtime.cgroup_parent
        ) as player,
    ):
        yield player


def _pause() -> None:
    time.sleep(0.1)


def _read(path: str) -> str:
    return Path(path).read_text(errors="backslashreplace")


@pytest.mark.parametrize("case", cases(), ids=lambda case: case.name)
def test_a_command_line_does_what_is_recorded(runtime: Runtime, player: Player, case: Case) -> None:
    facts = player.play(case)
    if ANEW and runtime.name == REAL:
        _record(case, facts)
    expected = recorded()[case.name]
    for _ in range(RACES if runtime.name == REAL else 0):
        if facts != expected:
            facts = player.play(case)
    assert facts == expected


def _record(case: Case, facts: dict[str, Any]) -> None:
    known = json.loads(RECORDED.read_text())
    order = [each.name for each in cases()]
    after = known["cases"] | {case.name: facts}
    known["cases"] = {name: after[name] for name in order if name in after}
    RECORDED.write_text(json.dumps(known, indent=1, ensure_ascii=False) + "\n")


def test_the_shell_is_the_one_that_was_recorded(runtime: Runtime) -> None:
    if runtime.name == REAL:
        banner = subprocess.run([SHELL], check=True, capture_output=True, text=True).stdout
        assert json.loads(RECORDED.read_text())["shell"].split()[1] == banner.split()[1]
