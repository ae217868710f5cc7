"""Looking executables up in the files of a container, or of an image alone."""

import errno
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING

from fakecri.core.known_images import Recipe
from fakecri.core.rootfs.access import EXECUTE, Who
from fakecri.core.rootfs.image_trees import image_tree
from fakecri.core.rootfs.memory import Directory
from fakecri.core.rootfs.nodes import Filesystem
from fakecri.core.rootfs.places import Mount, Mounts, Place, Walk
from fakecri.core.rootfs.stats import Stat
from fakecri.core.userlands import Userland

if TYPE_CHECKING:
    from fakecri.core.processes import Process

_HEAD_BYTES = 256
_ROOT = Who(capabilities=frozenset({"CAP_DAC_OVERRIDE"}))
_EVERYWHERE = ("/dev", "/etc", "/proc", "/sys")


@dataclass(frozen=True, slots=True)
class Executable:
    """A file that may be executed."""

    path: str
    head: bytes
    """Its first bytes: they say what it is."""
    stat: Stat
    no_suid: bool
    """Whether it is on a mount where set-user-id bits have no effect."""


@dataclass(frozen=True, slots=True)
class Lookup:
    """Files, and who looks for something to execute in them."""

    mounts: Mounts
    who: Who = _ROOT
    process: "Process | None" = None

    def place(self, path: str, cwd: str) -> Place:
        """Return what a path leads to. OSError."""
        place = Walk(self.mounts, self.who, self.process).find(path, cwd)
        if place.node is None:
            raise FileNotFoundError(errno.ENOENT, "", path)
        return place

    def refusal(self, path: str, cwd: str) -> int:
        """Return why something cannot be executed that is there, as an errno; 0 where it can.

        OSError where it is not there, or cannot be reached.
        """
        place = self.place(path, cwd)
        stat = place.held.stat()
        if stat.kind == "dir":
            return errno.EISDIR
        if stat.kind != "file" or "noexec" in place.mount.options:
            return errno.EACCES
        return 0 if self.who.may(stat, EXECUTE) else errno.EACCES

    def executable(self, path: str, cwd: str) -> Executable:
        """Return a file that can be executed."""
        place = self.place(path, cwd)
        handle = place.held.handle()
        try:
            head = handle.read_at(0, _HEAD_BYTES)
        finally:
            handle.close()
        return Executable(path, head, place.held.stat(), "nosuid" in place.mount.options)


@lru_cache(maxsize=256)
def image_lookup(userland: Userland, recipe: Recipe) -> Lookup:
    """Return the look-up in a container of an image that nobody has changed yet."""
    root = image_tree(userland, recipe)
    mounts = Mounts()
    mounts.add(Mount("/", lambda _: root, read_only=True))
    empty = Directory(Filesystem(0, lambda: 0))
    for path in _EVERYWHERE:
        if path != "/etc" or root.find("etc") is None:
            mounts.add(Mount(path, lambda _: empty, read_only=True))
    return Lookup(mounts)


def looking(lookup: Lookup, who: Who, process: "Process | None" = None) -> Lookup:
    """Return the same for somebody else."""
    return replace(lookup, who=who, process=process)
