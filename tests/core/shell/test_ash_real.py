"""Scripts next to a real ash: output, complaints and status are the same.

The scripts stand in `fixtures/shell/ash.txt`, between lines of `%%`.
"""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.core.machine import Finished
from tests.core.shell.scripts import ENVIRONMENT, run

SCRIPTS = Path(__file__).parents[3] / "fixtures" / "shell" / "ash.txt"

DEVIATIONS = {
    "(sleep 0.2; exit 4) & (sleep 0.1; exit 5) & wait -n; echo $?; wait -n; echo $?": (
        "1.35 waits for all and says 129; later ones give the child's status, as scripts expect"
    ),
}
"""Scripts that do not yet, or on purpose, do what ash 1.35 does; and why."""


def _scripts() -> list[str]:
    text = SCRIPTS.read_text(encoding="utf-8")
    return text.removeprefix("%%\n").removesuffix("\n%%\n").split("\n%%\n")


def _parameters() -> list[object]:
    scripts = _scripts()
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


def _why_not() -> str:
    """Why there is nothing to compare with, if there is not."""
    busybox = shutil.which("busybox")
    if busybox is None:
        return "there is no busybox here to compare with"
    banner = subprocess.run([busybox], capture_output=True, check=False).stdout
    return "" if b"BusyBox v1.35." in banner else "the busybox here is no 1.35"


@pytest.fixture(scope="module")
def busybox() -> str:
    """The path of a busybox 1.35."""
    if reason := _why_not():
        if os.environ.get("FAKECRI_REQUIRE_REAL") == "1":
            pytest.fail(f"FAKECRI_REQUIRE_REAL=1, and {reason}", pytrace=False)
        pytest.skip(reason)
    return shutil.which("busybox") or ""


def _real(busybox: str, script: str, cwd: Path) -> Finished:
    done = subprocess.run(
        [busybox, "ash", "-c", script],
        cwd=cwd,
        env=ENVIRONMENT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
        timeout=20,
    )
    code = done.returncode if done.returncode >= 0 else 128 - done.returncode
    return Finished(
        code,
        done.stdout.decode(errors="backslashreplace"),
        done.stderr.decode(errors="backslashreplace"),
    )


@pytest.mark.parametrize("script", _parameters())
def test_a_script_does_what_ash_does(busybox: str, script: str, tmp_path: Path) -> None:
    assert run(script) == _real(busybox, script, tmp_path)
