"""A tree of control groups of its own, for a kubelet that manages them.

A kubelet removes groups of pods that it does not know below its root: two of them cannot share one.
"""

import os
from contextlib import suppress
from pathlib import Path

MOUNT = Path("/sys/fs/cgroup")
_CONTROLLERS = "+cpu +cpuset +memory +pids"
"""Those that a kubelet wants to find in the unified hierarchy."""


class CgroupTree:
    """A group of each hierarchy of the machine, with all that comes to be below it."""

    def __init__(self, name: str, mount: Path = MOUNT) -> None:
        """`name`: one that nobody else has."""
        self.root = f"/{name}"
        """The kubelet's `cgroupRoot`."""
        self._mount = mount
        self._name = name

    def make(self) -> None:
        """Make it. Harmless where it is there."""
        for hierarchy in self._hierarchies():
            (hierarchy / self._name).mkdir(exist_ok=True)
        if self._is_unified:
            for place in (self._mount, self._mount / self._name):
                with suppress(OSError):  # the kubelet says which it misses
                    (place / "cgroup.subtree_control").write_text(_CONTROLLERS)

    def remove(self) -> None:
        """Remove it, but for groups in which something runs. Harmless where it is not there."""
        for hierarchy in self._hierarchies():
            for place, _, _ in os.walk(hierarchy / self._name, topdown=False):
                with suppress(OSError):
                    Path(place).rmdir()

    @property
    def _is_unified(self) -> bool:
        return (self._mount / "cgroup.controllers").exists()

    def _hierarchies(self) -> list[Path]:
        if self._is_unified:
            return [self._mount]
        return [each for each in self._mount.iterdir() if each.is_dir() and not each.is_symlink()]
