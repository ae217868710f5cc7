"""What runc mounts for a container: the image and its layer, /proc, /dev and so on, the binds."""

import posixpath
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from fakecri.core.disk import Account
from fakecri.core.oci_mounts import container_mounts
from fakecri.core.records import Container
from fakecri.core.rootfs.layers import LayerCount
from fakecri.core.rootfs.memory import Device, Directory, Link
from fakecri.core.rootfs.nodes import Filesystem, Node
from fakecri.core.rootfs.places import Mount, Mounts
from fakecri.core.rootfs.sandbox_files import find_sandbox_file
from fakecri.core.rootfs.tree import Rootfs, layer_mount
from fakecri.core.world import World

_UPPER_INODES = 1 << 20
_LAYER_DEVICE, _FIRST_DEVICE = 50, 51
_DEVICES = (  # name, numbers
    ("null", (1, 3)),
    ("zero", (1, 5)),
    ("full", (1, 7)),
    ("random", (1, 8)),
    ("urandom", (1, 9)),
    ("tty", (5, 0)),
)
_LINKS = (
    ("ptmx", "pts/ptmx"),
    ("fd", "/proc/self/fd"),
    ("stdin", "/proc/self/fd/0"),
    ("stdout", "/proc/self/fd/1"),
    ("stderr", "/proc/self/fd/2"),
    ("core", "/proc/kcore"),
)


@dataclass(frozen=True, slots=True)
class SetUp:
    """Makes the mounts of a container, when they are first needed."""

    world: World
    container: Container

    def __call__(self, rootfs: Rootfs) -> Mounts:
        container, world = self.container, self.world
        upper = Filesystem(_LAYER_DEVICE, world.clock.wall_ns, first=_UPPER_INODES)
        read_only = container.config.linux.security_context.readonly_rootfs
        root = layer_mount(world.trees.get(container.image), upper)
        upper.account = Account(world.disk, "layers")  # the empty layer came with the container
        rootfs.count = LayerCount(world.scheduler, upper)
        root.options = ("relatime",)
        mounts = Mounts()
        mounts.add(root)
        for device, row in enumerate(container_mounts(world.profile, container), _FIRST_DEVICE):
            self._mount(mounts, row, device)
        root.read_only = read_only
        return mounts

    def _mount(self, mounts: Mounts, row: dict[str, Any], device: int) -> None:
        make = _MAKERS.get(row["type"])
        if make is not None:
            root = make(Filesystem(device, self.world.clock.wall_ns))
        elif row["type"] == "bind":
            found = find_sandbox_file(self.world, self.container.parent, row["source"])
            if found is None:
                return
            root = found
        else:
            return
        path = posixpath.normpath(row["destination"])
        options = tuple(each for each in row["options"] if each in _MOUNT_OPTIONS)
        mounts.add(
            Mount(
                path,
                lambda _: root,
                row["type"],
                row["source"],
                read_only="ro" in row["options"],
                options=options,
                device=device,
            )
        )


_MOUNT_OPTIONS = frozenset({"nosuid", "noexec", "nodev", "relatime", "strictatime"})


def dev_tree(fs: Filesystem) -> Node:
    """Return what runc puts into /dev."""
    root = Directory(fs)
    for name, rdev in _DEVICES:
        root.put(name, Device(fs, "char", 0o666, 0, 0, rdev))
    for name, target in _LINKS:
        root.put(name, Link(fs, target))
    for name in ("mqueue", "pts", "shm"):
        root.put(name, Directory(fs))
    return root


def _pts(fs: Filesystem) -> Node:
    root = Directory(fs)
    root.put("ptmx", Device(fs, "char", 0o666, 0, 0, (5, 2)))
    return root


_MAKERS: dict[str, Callable[[Filesystem], Node]] = {
    "tmpfs": dev_tree,
    "devpts": _pts,
    "mqueue": lambda fs: Directory(fs, 0o1777),
}
