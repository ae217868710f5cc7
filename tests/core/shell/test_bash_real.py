"""Scripts next to a real bash 5.2: output, complaints and status are the same."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.core.shell.scripts import run_bash, run_really, skip, snippets


@pytest.fixture(scope="module")
def bash() -> str:
    """The path of a bash 5.2."""
    path = shutil.which("bash")
    if path is None:
        skip("there is no bash here to compare with")
    version = subprocess.run([path, "--version"], capture_output=True, check=False).stdout
    if b"version 5.2." not in version:
        skip("the bash here is no 5.2")
    return path


@pytest.mark.parametrize("script", snippets("bash.txt"))
def test_a_script_does_what_bash_does(bash: str, script: str, tmp_path: Path) -> None:
    assert run_bash(script) == run_really(bash, "bash", script, tmp_path)
