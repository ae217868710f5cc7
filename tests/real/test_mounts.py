"""Mounts of this machine and of containers reach each other as far as they are shared."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.real import namespaces
from tests.requirements import skip_for

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.real

ALONE = ("unshare", "--mount", "--propagation", "private")


@pytest.mark.parametrize("script", ["later", "bound", "empty", "gone", "freed"])
def test_mounts_are_seen_where_linux_shows_them(script: str, tmp_path: Path) -> None:
    skip_for(namespaces.obstacles())
    scratch, home = tmp_path / "scratch", tmp_path / "home"
    scratch.mkdir()
    home.mkdir()
    done = subprocess.run(
        [*ALONE, sys.executable, "-m", "tests.real.mount_scripts", script, home],
        check=False,
        capture_output=True,
        text=True,
        env=os.environ | {"TMPDIR": str(scratch)},
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert list(scratch.iterdir()) == []
