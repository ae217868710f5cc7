"""Go programs of the tests, built from modules of their own."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

from tests.real import install

if TYPE_CHECKING:
    from pathlib import Path

TIMEOUT_S = 600


def compiled(module: Path) -> Path:
    """Build the program of a module, in its directory."""
    go, program = install.find("go").path, module / "program"
    done = subprocess.run(
        [str(go), "build", "-o", program.name, "."],
        check=False,
        cwd=module,
        env=os.environ | {"GOFLAGS": "-mod=readonly -buildvcs=false"},
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
    )
    assert done.returncode == 0, done.stderr
    return program
