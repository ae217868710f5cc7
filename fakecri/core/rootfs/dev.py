"""The trees of /dev, /dev/pts and /dev/mqueue, as runc makes them."""

from fakecri.core.rootfs.memory import Device, Directory, Link
from fakecri.core.rootfs.nodes import Filesystem
from fakecri.core.rootfs.places import Mounts

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
_TTY_GROUP = 5

PTS_MAJOR = 136
"""The number by which the kernel knows pseudo-terminals."""


def dev_tree(fs: Filesystem) -> Directory:
    """Return what is in /dev."""
    root = Directory(fs)
    for name, rdev in _DEVICES:
        root.put(name, Device(fs, "char", 0o666, 0, 0, rdev))
    for name, target in _LINKS:
        root.put(name, Link(fs, target))
    for name in ("mqueue", "pts", "shm"):
        root.put(name, Directory(fs, 0o1777 if name == "shm" else 0o755))
    return root


def pts_tree(fs: Filesystem) -> Directory:
    """Return what is in /dev/pts."""
    root = Directory(fs)
    root.put("ptmx", Device(fs, "char", 0o666, 0, 0, (5, 2)))
    return root


def add_terminal(mounts: Mounts, number: int, uid: int) -> None:
    """Let /dev/pts have one more terminal, if there is a /dev/pts."""
    directory = _terminals(mounts)
    if directory is not None:
        rdev = (PTS_MAJOR, number)
        node = Device(directory.fs, "char", 0o620, uid, _TTY_GROUP, rdev)
        directory.put(str(number), node)


def remove_terminal(mounts: Mounts, number: int) -> None:
    """Take it out again."""
    directory = _terminals(mounts)
    if directory is not None and directory.find(str(number)) is not None:
        directory.remove(str(number))


def _terminals(mounts: Mounts) -> Directory | None:
    mount = mounts.find("/dev/pts")
    root = mount.root(None) if mount is not None else None
    return root if isinstance(root, Directory) else None


def mqueue_tree(fs: Filesystem) -> Directory:
    """Return what is in /dev/mqueue: no queues."""
    return Directory(fs, 0o1777)
