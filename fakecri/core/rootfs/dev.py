"""The trees of /dev, /dev/pts and /dev/mqueue, as runc makes them."""

from fakecri.core.rootfs.memory import Device, Directory, Link
from fakecri.core.rootfs.nodes import Filesystem

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


def mqueue_tree(fs: Filesystem) -> Directory:
    """Return what is in /dev/mqueue: no queues."""
    return Directory(fs, 0o1777)
