# ruff: noqa: ARG002  # what a node cannot do it refuses, whatever it is told
"""What a name in a directory leads to, as far as it does not matter where it is kept."""

import errno
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from fakecri.core.paths import path_error
from fakecri.core.rootfs.stats import Stat

if TYPE_CHECKING:
    from fakecri.core.disk import Account

CHUNK = 65_536


class Medium(NamedTuple):
    """What a file system is kept on, as a mount table shows it: the node's disk if not told."""

    kind: str = "ext4"
    source: str = "/dev/sda1"
    options: tuple[str, ...] = ("relatime",)
    """Of its mounts, beside `ro` and `rw`."""
    super_options: str = "rw"


DISK = Medium()


class Filesystem:
    """What the nodes of one file system share: its device number, its counts, what it refuses."""

    __slots__ = (
        "_last",
        "account",
        "block",
        "clock",
        "device",
        "held_bytes",
        "inodes",
        "medium",
        "watch",
    )

    def __init__(
        self,
        device: int,
        clock: Callable[[], int],
        *,
        first: int = 2,
        block: int = 4096,
        medium: Medium = DISK,
    ) -> None:
        """`first` is the number of its first inode.

        `block`: what the bytes of a file are rounded up to; where it is 1, directories take none.
        """
        self.block = block
        self.device = device
        self.medium = medium
        self.clock = clock
        self.held_bytes = 0
        self.inodes = 0
        self.account: Account | None = None
        """Where what it takes is counted, from when it is set."""
        self.watch: Callable[[int], None] | None = None
        """Told what is about to be taken."""
        self._last = first - 1

    def number(self) -> int:
        """Return the number of a new inode."""
        self._last += 1
        return self._last

    def take(self, held_bytes: int, inodes: int = 0) -> None:
        """Count what is taken, or given back. Raises OSError where it is refused."""
        if self.account is not None:
            self.account.take(held_bytes, inodes)
        if self.watch is not None:
            self.watch(held_bytes)
        self.held_bytes += held_bytes
        self.inodes += inodes


class Handle:
    """An open regular file: reading and writing at an offset."""

    __slots__ = ()

    def size(self) -> int:
        """Return how long it is."""
        raise NotImplementedError

    def read_at(self, offset: int, count: int) -> bytes:
        """Return up to `count` bytes; none at the end."""
        raise NotImplementedError

    def write_at(self, offset: int, content: bytes) -> None:
        """Write."""
        raise NotImplementedError

    def resize(self, size: int) -> None:
        """Cut or extend."""
        raise NotImplementedError

    def close(self) -> None:
        """Let go of it."""


class Node(Handle):
    """Anything that a name leads to. What a kind cannot do raises OSError."""

    __slots__ = ()
    kind: ClassVar[str] = "file"

    def stat(self) -> Stat:
        """Return its status."""
        raise NotImplementedError

    def medium(self) -> Medium:
        """Return what it is kept on."""
        return DISK

    def change(
        self,
        *,
        mode: int | None = None,
        uid: int | None = None,
        gid: int | None = None,
        mtime_ns: int | None = None,
    ) -> None:
        """Change attributes."""
        raise path_error(errno.EPERM, "")

    def find(self, name: str) -> "Node | None":
        """Return what a name in a directory leads to."""
        raise path_error(errno.ENOTDIR, "")

    def names(self) -> Iterable[str]:
        """Return the names in a directory, in any order."""
        raise path_error(errno.ENOTDIR, "")

    def make(self, name: str, made: "Made") -> "Node":
        """Make something new in a directory."""
        raise path_error(errno.EPERM, "")

    def link(self, name: str, node: "Node") -> None:
        """Give something one more name in a directory."""
        raise path_error(errno.EPERM, "")

    def remove(self, name: str) -> None:
        """Take a name out of a directory."""
        raise path_error(errno.EPERM, "")

    def move(self, name: str, target: "Node", new_name: str) -> None:
        """Move a name of a directory to another one of the same file system."""
        raise path_error(errno.EPERM, "")

    def target(self) -> str:
        """Return where a link points."""
        raise path_error(errno.EINVAL, "")

    def jump(self) -> "Node | None":
        """Return what a link leads to without a path, as those of /proc do; None: it has a path."""
        return None

    def handle(self, *, writes: bool = False) -> Handle:
        """Open a regular file."""
        return self


class Made:
    """What is to be made: a kind, and what it begins with."""

    __slots__ = ("gid", "kind", "mode", "rdev", "target", "uid")

    def __init__(
        self,
        kind: str,
        mode: int,
        uid: int = 0,
        gid: int = 0,
        *,
        target: str = "",
        rdev: tuple[int, int] = (0, 0),
    ) -> None:
        self.kind = kind
        self.mode = mode
        self.uid = uid
        self.gid = gid
        self.target = target
        self.rdev = rdev
