"""Scripts next to a real ash: output, complaints and status are the same."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.core.machine import Finished
from tests.core.shell.scripts import ENVIRONMENT, run

# Between lines of `%%`.
SCRIPTS = Path(__file__).parents[3] / "fixtures" / "shell" / "ash.txt"
CORPUS = SCRIPTS.read_text().removeprefix("%%\n").removesuffix("\n").split("\n%%\n")

BUSYBOX = shutil.which("busybox")


def _real(script: str, cwd: Path) -> Finished:
    assert BUSYBOX is not None
    done = subprocess.run(
        [BUSYBOX, "ash", "-c", script],
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


@pytest.mark.skipif(BUSYBOX is None, reason="there is no busybox here to compare with")
@pytest.mark.parametrize("script", CORPUS)
def test_a_script_does_what_ash_does(script: str, tmp_path: Path) -> None:
    assert run(script) == _real(script, tmp_path)
