"""Control groups of one's own, for a kubelet that makes groups for its pods."""

from __future__ import annotations

import os
import uuid
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path("/sys/fs/cgroup")
_CONTROLLERS = ("cpu", "cpuset", "memory", "pids", "io")


@contextmanager
def own_cgroup() -> Iterator[str]:
    """Make a group in each hierarchy of this machine; remove it with all that is below it."""
    name = f"fakecri-{uuid.uuid4().hex[:12]}"
    hierarchies = _hierarchies()
    try:
        for each in hierarchies:
            (each / name).mkdir()
        yield f"/{name}"
    finally:
        for each in hierarchies:
            for place, _, _ in os.walk(each / name, topdown=False):
                Path(place).rmdir()


def _hierarchies() -> list[Path]:
    control = ROOT / "cgroup.subtree_control"
    if not control.exists():
        return [each for each in ROOT.iterdir() if each.is_dir() and not each.is_symlink()]
    for controller in _CONTROLLERS:
        with suppress(OSError):  # this machine lacks it
            control.write_text(f"+{controller}")
    return [ROOT]
