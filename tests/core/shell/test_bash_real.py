"""Scripts next to a real bash 5.2: output, complaints and status are the same."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.core.shell.scripts import run_bash, run_really, snippets
from tests.requirements import skip_for


@pytest.fixture(scope="module")
def bash() -> str:
    """The path of a bash 5.2."""
    path = shutil.which("bash") or ""
    skip_for([] if path else ["bash: not found"])
    version = subprocess.run([path, "--version"], capture_output=True, check=False).stdout
    skip_for([] if b"version 5.2." in version else ["bash: 5.2 wanted"])
    return path


@pytest.mark.parametrize("script", snippets("bash.txt"))
def test_a_script_does_what_bash_does(bash: str, script: str, tmp_path: Path) -> None:
    assert run_bash(script) == run_really(bash, "bash", script, tmp_path)
