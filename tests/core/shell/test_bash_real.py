"""Scripts next to a real bash 5.2: output, complaints and status are the same.

The scripts stand in `fixtures/shell/bash.txt`, between lines of `%%`.
"""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.core.machine import Finished
from tests.core.shell.scripts import ENVIRONMENT, run_bash

SCRIPTS = Path(__file__).parents[3] / "fixtures" / "shell" / "bash.txt"
CORPUS = SCRIPTS.read_text().removeprefix("%%\n").removesuffix("\n").split("\n%%\n")


@pytest.fixture(scope="module")
def bash() -> str:
    """The path of a bash 5.2."""
    path = shutil.which("bash")
    if path is None:
        pytest.skip("there is no bash here to compare with")
    version = subprocess.run([path, "--version"], capture_output=True, check=False).stdout
    if b"version 5.2." not in version:
        pytest.skip("the bash here is no 5.2")
    return path


def _real(bash: str, script: str, cwd: Path) -> Finished:
    done = subprocess.run(
        ["bash", "-c", script],
        executable=bash,
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


@pytest.mark.parametrize("script", CORPUS)
def test_a_script_does_what_bash_does(bash: str, script: str, tmp_path: Path) -> None:
    assert run_bash(script) == _real(bash, script, tmp_path)
