"""Mounts of this machine and of containers reach each other as far as they are shared."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tests.real import namespaces
from tests.requirements import skip_for

pytestmark = pytest.mark.real

ALONE = ("unshare", "--mount", "--propagation", "private")


@pytest.mark.parametrize("script", ["later", "bound", "empty", "gone", "freed"])
def test_mounts_are_seen_where_linux_shows_them(script: str, tmp_path: Path) -> None:
    skip_for(namespaces.obstacles())
    before = _copies()
    done = subprocess.run(
        [*ALONE, sys.executable, "-m", "tests.real.mount_scripts", script, tmp_path],
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert _copies() == before


def _copies() -> set[str]:
    return {each.name for each in Path(tempfile.gettempdir()).glob("fakecri-mount-*")}
