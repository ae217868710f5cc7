"""Files, directories, links, devices and FIFOs that are kept in memory.

A node belongs to one file system. Those of an image are never changed: a container's file system
lies above it, and `Place.own` copies what is to be changed.
"""

import errno
from collections.abc import Iterable, Mapping

from fakecri.core.paths import path_error
from fakecri.core.rootfs.channels import Channel
from fakecri.core.rootfs.contents import Content
from fakecri.core.rootfs.nodes import Filesystem, Handle, Made, Medium, Node
from fakecri.core.rootfs.stats import Stat
from fakecri.core.scheduler import Scheduler

_DIRECTORY_BYTES = 4096


def directory_bytes(fs: Filesystem) -> int:
    """Return what a directory takes."""
    return fs.block if fs.block > 1 else 0


class MemoryNode(Node):
    """A node that is kept in memory."""

    __slots__ = ("fs", "gid", "inode", "mode", "mtime_ns", "nlink", "uid")

    def __init__(self, fs: Filesystem, mode: int, uid: int = 0, gid: int = 0) -> None:
        self.fs = fs
        self.mode = mode
        self.uid = uid
        self.gid = gid
        self.mtime_ns = fs.clock()
        self.nlink = 1
        self.inode = fs.number()

    def medium(self) -> Medium:
        """Return that of its file system."""
        return self.fs.medium

    def stat(self) -> Stat:
        """Return its status."""
        held = self.held()
        return Stat(
            self.kind,
            self.mode,
            self.uid,
            self.gid,
            self.size(),
            self.mtime_ns,
            self.inode,
            self.links(),
            self.fs.device,
            self.rdev(),
            held // 512,
        )

    def size(self) -> int:
        """Return st_size."""
        return 0

    def held(self) -> int:
        """Return the bytes that it takes on a disk."""
        return 0

    def links(self) -> int:
        """Return st_nlink."""
        return self.nlink

    def rdev(self) -> tuple[int, int]:
        """Return the numbers of a device."""
        return (0, 0)

    def change(
        self,
        *,
        mode: int | None = None,
        uid: int | None = None,
        gid: int | None = None,
        mtime_ns: int | None = None,
    ) -> None:
        """Change attributes."""
        self.mode = self.mode if mode is None else mode
        self.uid = self.uid if uid is None else uid
        self.gid = self.gid if gid is None else gid
        self.mtime_ns = self.mtime_ns if mtime_ns is None else mtime_ns

    def copied(self, fs: Filesystem) -> "MemoryNode":
        """Return the same in another file system; a directory lies above this one."""
        copy = self._copied(fs)
        copy.mtime_ns = self.mtime_ns
        if self.nlink == 1:
            copy.inode = self.inode
        fs.take(copy.held(), 1)
        return copy

    def _copied(self, fs: Filesystem) -> "MemoryNode":
        raise NotImplementedError

    def dropped(self) -> None:
        """Note that a name of it is gone."""
        self.nlink -= 1
        if self.nlink <= 0:
            self.freed()

    def freed(self) -> None:
        """Give back what it took."""
        self.fs.take(-self.held(), -1)


class File(MemoryNode):
    """A regular file."""

    __slots__ = ("_content", "_opens")
    kind = "file"

    def __init__(
        self, fs: Filesystem, mode: int, uid: int = 0, gid: int = 0, content: bytes = b""
    ) -> None:
        super().__init__(fs, mode, uid, gid)
        self._content: bytes | Content = content
        self._opens = 0

    def size(self) -> int:
        """Return how long it is."""
        content = self._content
        return content.size if isinstance(content, Content) else len(content)

    def held(self) -> int:
        """Return the bytes of its blocks."""
        content = self._content
        if isinstance(content, Content):
            return content.held_bytes(self.fs.block)
        return -(-len(content) // self.fs.block) * self.fs.block

    def _copied(self, fs: Filesystem) -> MemoryNode:
        content = self._content
        whole = content if isinstance(content, bytes) else content.read_at(0, content.size)
        return File(fs, self.mode, self.uid, self.gid, whole)

    def handle(self, *, writes: bool = False) -> Handle:  # noqa: ARG002  # it is both
        """Open it."""
        self._opens += 1
        return self

    def close(self) -> None:
        """Let go of it; the last to do so ends a file without a name."""
        self._opens -= 1
        if self._opens == 0 and self.nlink <= 0:
            self.fs.take(-self.held(), -1)

    def freed(self) -> None:
        """Give back what it took, unless it is still open."""
        if self._opens <= 0:
            super().freed()

    def read_at(self, offset: int, count: int) -> bytes:
        """Return up to `count` bytes."""
        content = self._content
        if isinstance(content, Content):
            return content.read_at(offset, count)
        return content[offset : offset + count]

    def write_at(self, offset: int, content: bytes) -> None:
        """Write; a hole before `offset` stays one."""
        mine = self._changing()
        self._take(mine.growth(offset, len(content), self.fs.block))
        mine.write_at(offset, content)
        self.mtime_ns = self.fs.clock()

    def resize(self, size: int) -> None:
        """Cut, or extend by a hole."""
        mine = self._changing()
        before = self.held()
        mine.resize(size)
        self._take(self.held() - before)
        self.mtime_ns = self.fs.clock()

    def _take(self, held_bytes: int) -> None:
        if self.nlink > 0 or self._opens > 0:
            self.fs.take(held_bytes)

    def _changing(self) -> Content:
        if isinstance(self._content, bytes):
            self._content = Content(self._content)
        return self._content


class Link(MemoryNode):
    """A symbolic link."""

    __slots__ = ("_target",)
    kind = "link"

    def __init__(self, fs: Filesystem, target: str, uid: int = 0, gid: int = 0) -> None:
        super().__init__(fs, 0o777, uid, gid)
        self._target = target

    def size(self) -> int:
        """Return the length of the target."""
        return len(self._target.encode(errors="surrogateescape"))

    def target(self) -> str:
        """Return where it points."""
        return self._target

    def _copied(self, fs: Filesystem) -> MemoryNode:
        return Link(fs, self._target, self.uid, self.gid)


class Device(MemoryNode):
    """A character or block device; what it does is its number's business."""

    __slots__ = ("_rdev", "kind")

    def __init__(  # all that a device node is
        self, fs: Filesystem, kind: str, mode: int, uid: int, gid: int, rdev: tuple[int, int]
    ) -> None:
        super().__init__(fs, mode, uid, gid)
        self.kind = kind  # type: ignore[misc]  # of two kinds, unlike the others
        self._rdev = rdev

    def rdev(self) -> tuple[int, int]:
        """Return its numbers."""
        return self._rdev

    def _copied(self, fs: Filesystem) -> MemoryNode:
        return Device(fs, self.kind, self.mode, self.uid, self.gid, self._rdev)


class Fifo(MemoryNode):
    """A named pipe. It holds nothing once nobody has it open."""

    __slots__ = ("channel",)
    kind = "fifo"

    def __init__(self, fs: Filesystem, mode: int, uid: int = 0, gid: int = 0) -> None:
        super().__init__(fs, mode, uid, gid)
        self.channel: Channel | None = None

    def opened(self, scheduler: Scheduler) -> Channel:
        """Return what all who have it open share."""
        if self.channel is None:
            self.channel = Channel(scheduler)
        return self.channel

    def _copied(self, fs: Filesystem) -> MemoryNode:
        return Fifo(fs, self.mode, self.uid, self.gid)


class Directory(MemoryNode):
    """A directory: its own names, above those of the directory below it."""

    __slots__ = ("_entries", "below")
    kind = "dir"

    def __init__(
        self,
        fs: Filesystem,
        mode: int = 0o755,
        uid: int = 0,
        gid: int = 0,
        *,
        below: "Directory | None" = None,
    ) -> None:
        super().__init__(fs, mode, uid, gid)
        self.below = below
        self._entries: dict[str, MemoryNode | None] = {}
        """None: what is below under that name is gone."""

    def size(self) -> int:
        """Return that of a directory of one block."""
        return _DIRECTORY_BYTES

    def held(self) -> int:
        """Return one block."""
        return directory_bytes(self.fs)

    def freed(self) -> None:
        """Give back what it took, and all in it."""
        super().freed()
        for each in self._entries.values():
            if each is not None and each.fs is self.fs:
                each.dropped()

    def read_at(self, offset: int, count: int) -> bytes:  # noqa: ARG002  # refused everywhere
        """Refuse."""
        raise path_error(errno.EISDIR, "")

    def links(self) -> int:
        """Return one where it is merged, as overlayfs does; else one for each `.` and `..`."""
        if self.below is not None:
            return 1
        return 2 + sum(isinstance(each, Directory) for each in self._entries.values())

    def find(self, name: str) -> MemoryNode | None:
        """Return what the name leads to."""
        directory: Directory | None = self
        while directory is not None:
            entries = directory._entries  # noqa: SLF001  # of the same class
            if name in entries:
                return entries[name]
            directory = directory.below
        return None

    def names(self) -> Iterable[str]:
        """Return the names."""
        return [name for name, node in self.entries().items() if node is not None]

    def entries(self) -> Mapping[str, MemoryNode | None]:
        """Return names and nodes, those below too."""
        if self.below is None:
            return self._entries
        return {**self.below.entries(), **self._entries}

    def put(self, name: str, node: MemoryNode) -> None:
        """Let a name lead to a node, with no word about what was there."""
        self._entries[name] = node
        self.mtime_ns = self.fs.clock()

    def make(self, name: str, made: Made) -> Node:
        """Make something new."""
        self.fs.take(directory_bytes(self.fs) if made.kind == "dir" else 0, 1)
        node = new_node(self.fs, made)
        self.put(name, node)
        return node

    def link(self, name: str, node: Node) -> None:
        """Give it one more name."""
        if not isinstance(node, MemoryNode):
            raise path_error(errno.EXDEV, "")
        node.nlink += 1
        self.put(name, node)

    def remove(self, name: str) -> None:
        """Take the name out."""
        node = self.find(name)
        self._forget(name)
        if node is not None and node.fs is self.fs:
            node.dropped()

    def _forget(self, name: str) -> None:
        if self.below is not None and self.below.find(name) is not None:
            self._entries[name] = None
        else:
            del self._entries[name]
        self.mtime_ns = self.fs.clock()

    def move(self, name: str, target: Node, new_name: str) -> None:
        """Move a name, over what is there."""
        node = self.find(name)
        if not isinstance(target, Directory) or node is None:
            raise path_error(errno.EXDEV, "")
        if target.find(new_name) is not None:
            target.remove(new_name)
        self._forget(name)
        target.put(new_name, node)

    def _copied(self, fs: Filesystem) -> MemoryNode:
        return Directory(fs, self.mode, self.uid, self.gid, below=self)


def new_node(fs: Filesystem, made: Made) -> MemoryNode:
    """Return something new that has no name yet."""
    if made.kind == "dir":
        return Directory(fs, made.mode, made.uid, made.gid)
    if made.kind == "link":
        return Link(fs, made.target, made.uid, made.gid)
    if made.kind == "fifo":
        return Fifo(fs, made.mode, made.uid, made.gid)
    if made.kind in {"char", "block"}:
        return Device(fs, made.kind, made.mode, made.uid, made.gid, made.rdev)
    return File(fs, made.mode, made.uid, made.gid)
