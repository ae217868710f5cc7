"""How much room there is on what is mounted, as statfs(2) says it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from fakecri.core.disk import Disk
from fakecri.core.processes import Process
from fakecri.core.tools.facts import memory_facts
from fakecri.core.tools.words import decoded

_INODE_BYTES = 16_384
_BLOCK_BYTES = 4096

_MAGICS = {
    "overlay": (0x794C7630, "overlayfs"),
    "tmpfs": (0x01021994, "tmpfs"),
    "proc": (0x9FA0, "proc"),
    "sysfs": (0x62656572, "sysfs"),
    "cgroup2": (0x63677270, "cgroup2"),
    "devpts": (0x1CD1, "devpts"),
    "mqueue": (0x19800202, "mqueue"),
    "ext4": (0xEF53, "ext2/ext3"),
}
_EMPTY = frozenset({"proc", "sysfs", "cgroup", "cgroup2", "devpts", "mqueue"})


@dataclass(frozen=True, slots=True)
class MountLine:
    """A line of /proc/mounts."""

    source: str
    path: str
    kind: str
    options: str


@dataclass(frozen=True, slots=True)
class Space:
    """What statfs(2) says, in bytes and inodes."""

    kind: str
    total_bytes: int
    used_bytes: int
    inodes: int
    used_inodes: int
    block_bytes: int = _BLOCK_BYTES

    @property
    def free_bytes(self) -> int:
        """What is not used."""
        return max(self.total_bytes - self.used_bytes, 0)

    available_bytes = free_bytes

    @property
    def free_inodes(self) -> int:
        """How many more files there may be."""
        return max(self.inodes - self.used_inodes, 0)

    @property
    def magic(self) -> int:
        """The number of the file system's kind."""
        return _MAGICS.get(self.kind, (0, ""))[0]

    @property
    def kind_name(self) -> str:
        """What `stat -f` calls it."""
        return _MAGICS.get(self.kind, (0, "UNKNOWN"))[1]


def mount_lines(process: Process) -> Iterator[MountLine]:
    """What is mounted. Raises OSError where /proc/mounts is not there."""
    for line in decoded(process.files.read("/proc/mounts")).splitlines():
        fields = line.split(" ")
        if len(fields) > 3:  # noqa: PLR2004  # those of a MountLine
            source, path, kind, options = (_unescaped(each) for each in fields[:4])
            yield MountLine(source, path, kind, options)


def _unescaped(field: str) -> str:
    for code, character in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        field = field.replace(code, character)
    return field


def space_of(process: Process, path: str) -> Space:
    """The room on the file system that a path is on. Raises OSError."""
    process.files.stat(path)
    mount: Any = process.files.place(path).mount
    if mount.kind in _EMPTY:
        return Space(mount.kind, 0, 0, 0, 0)
    if mount.kind != "tmpfs":
        disk = _disk_of(process)
        return Space(
            mount.kind,
            disk.capacity_bytes,
            -(-disk.used_bytes // _BLOCK_BYTES) * _BLOCK_BYTES,
            disk.capacity_inodes,
            disk.used_inodes,
        )
    filesystem: Any = mount.upper or getattr(mount.root(process), "fs", None)
    used = getattr(filesystem, "held_bytes", 0)
    used_inodes = getattr(filesystem, "inodes", 0)
    total = _sized(mount.super_options) or memory_facts(process).total_kib * 1024 // 2
    return Space(mount.kind, total, used, total // _INODE_BYTES, used_inodes)


def _disk_of(process: Process) -> Disk:
    """The disk of the node, on which all is that is not in memory."""
    root = process.system.rootfs.mounts.find("/")
    account = root.upper.account if root is not None and root.upper is not None else None
    return (account.disk if account is not None else None) or Disk()


def _sized(options: str) -> int:
    for each in options.split(","):
        name, _, value = each.partition("=")
        factor = {"k": 1 << 10, "m": 1 << 20, "g": 1 << 30}.get(value[-1:].lower(), 1)
        digits = value.rstrip("kKmMgG")
        if name == "size" and digits.isdecimal():
            return int(digits) * factor
    return 0
