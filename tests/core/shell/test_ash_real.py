"""Scripts next to a real ash: output, complaints and status are the same."""

import re
import subprocess
from pathlib import Path

import pytest

from tests.core.shell.scripts import run, run_really, snippets
from tests.requirements import busybox, skip_for

DEVIATIONS = {
    "(sleep 0.2; exit 4) & (sleep 0.1; exit 5) & wait -n; echo $?; wait -n; echo $?": (
        "1.35 waits for all and says 129; later ones give the child's status, as scripts expect"
    ),
}
"""Scripts that do not yet, or on purpose, do what ash 1.35 does; and why."""


def _parameters() -> list[object]:
    scripts = snippets("ash.txt")
    assert set(DEVIATIONS) <= set(scripts), "a deviation that no script shows"
    return [
        pytest.param(
            script,
            marks=pytest.mark.xfail(reason=DEVIATIONS[script], strict=True)
            if script in DEVIATIONS
            else (),
            id=f"{number}-{re.sub('[^!-~]+', ' ', script)[:60]}",
        )
        for number, script in enumerate(scripts)
    ]


@pytest.fixture(scope="module")
def ash() -> str:
    """The path of a busybox 1.35."""
    path = busybox()
    banner = subprocess.run([path], capture_output=True, check=False).stdout
    skip_for([] if b"BusyBox v1.35." in banner else ["busybox: 1.35 wanted"])
    return path


@pytest.mark.parametrize("script", _parameters())
def test_a_script_does_what_ash_does(ash: str, script: str, tmp_path: Path) -> None:
    assert run(script) == run_really(ash, "ash", script, tmp_path)
