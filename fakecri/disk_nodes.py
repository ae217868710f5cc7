"""Files of the real disk, as what containers mount."""

import os
import stat
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from fakecri.core.rootfs.nodes import DISK, Handle, Made, Medium, Node
from fakecri.core.rootfs.stats import Stat
from fakecri.machine_mounts import View, memory_options

_KINDS = {
    stat.S_IFREG: "file",
    stat.S_IFDIR: "dir",
    stat.S_IFLNK: "link",
    stat.S_IFCHR: "char",
    stat.S_IFBLK: "block",
    stat.S_IFIFO: "fifo",
    stat.S_IFSOCK: "socket",
}
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW


class DiskNode(Node):
    """One file or directory. Its links are never followed here: their targets are a container's."""

    __slots__ = ("_view", "kind", "place")

    def __init__(self, place: Path, view: View | None = None) -> None:
        """`view`: what the path leads through. FileNotFoundError where nothing is there."""
        self.place = place
        self._view = view  # it lasts as long as somebody has it
        mode = self._status().st_mode
        self.kind = _KINDS.get(stat.S_IFMT(mode), "file")  # type: ignore[misc]  # as the disk says

    def stat(self) -> Stat:
        """Return its status."""
        found = self._status()
        return Stat(
            _KINDS.get(stat.S_IFMT(found.st_mode), "file"),
            stat.S_IMODE(found.st_mode),
            found.st_uid,
            found.st_gid,
            found.st_size,
            found.st_mtime_ns,
            found.st_ino,
            found.st_nlink,
            found.st_dev,
            (os.major(found.st_rdev), os.minor(found.st_rdev)),
            found.st_blocks,
        )

    def medium(self) -> Medium:
        """Return what it is kept on: memory, such as a volume in memory, or the node's disk."""
        options = memory_options(self._status().st_dev)
        return DISK if options is None else Medium("tmpfs", "tmpfs", super_options=options)

    def change(
        self,
        *,
        mode: int | None = None,
        uid: int | None = None,
        gid: int | None = None,
        mtime_ns: int | None = None,
    ) -> None:
        """Change attributes. The machine must allow this process to."""
        before = self._status()
        owners = (before.st_uid if uid is None else uid, before.st_gid if gid is None else gid)
        if owners != (before.st_uid, before.st_gid):
            os.chown(self.place, *owners, follow_symlinks=False)
        if mode is not None and self.kind != "link":
            self.place.chmod(mode)
        if mtime_ns is not None:
            os.utime(self.place, ns=(mtime_ns, mtime_ns), follow_symlinks=False)

    def _status(self) -> os.stat_result:
        return self.place.lstat()

    def find(self, name: str) -> "DiskNode | None":
        """Return what a name leads to."""
        try:
            return DiskNode(self.place / name, self._view)
        except FileNotFoundError:
            return None

    def names(self) -> Iterable[str]:
        """Return the names."""
        return os.listdir(self.place)  # noqa: PTH208  # names, not paths

    def make(self, name: str, made: Made) -> Node:
        """Make something new, owned by whom it should be as far as this process may say so."""
        place = self.place / name
        if made.kind == "dir":
            place.mkdir()
        elif made.kind == "link":
            place.symlink_to(made.target)
        elif made.kind == "fifo":
            os.mkfifo(place)
        elif made.kind in {"char", "block"}:
            kind = stat.S_IFCHR if made.kind == "char" else stat.S_IFBLK
            os.mknod(place, made.mode | kind, os.makedev(*made.rdev))
        else:
            os.close(os.open(place, _NEW))
        with suppress(PermissionError):
            os.chown(place, made.uid, made.gid, follow_symlinks=False)
        if made.kind != "link":
            place.chmod(made.mode)
        return DiskNode(place, self._view)

    def link(self, name: str, node: Node) -> None:
        """Give it one more name."""
        if isinstance(node, DiskNode):
            os.link(node.place, self.place / name, follow_symlinks=False)

    def remove(self, name: str) -> None:
        """Take the name out."""
        place = self.place / name
        if place.is_dir() and not place.is_symlink():
            place.rmdir()
        else:
            place.unlink()

    def move(self, name: str, target: Node, new_name: str) -> None:
        """Move a name, over what is there."""
        if isinstance(target, DiskNode):
            (self.place / name).rename(target.place / new_name)

    def target(self) -> str:
        """Return where a link points."""
        return os.readlink(self.place)  # noqa: PTH115  # as it is written, not as a Path cleans it

    def handle(self, *, writes: bool = False) -> Handle:
        """Open it; it is never a FIFO or a device of this machine that is opened."""
        flags = os.O_RDWR if writes else os.O_RDONLY
        return DiskHandle(os.open(self.place, flags | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK))


class DiskView(DiskNode):
    """A directory, as far down as a view of this machine's mounts leads."""

    __slots__ = ()

    def __init__(self, view: View, inside: str) -> None:
        """`inside`: a path from where the view begins."""
        super().__init__(Path(view.place, inside), view)

    def _status(self) -> os.stat_result:
        return self.place.stat()  # the view itself is a link


class DiskHandle(Handle):
    """An open file of the disk."""

    __slots__ = ("_descriptor",)

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def size(self) -> int:
        """Return how long it is."""
        return os.fstat(self._descriptor).st_size

    def read_at(self, offset: int, count: int) -> bytes:
        """Return up to `count` bytes."""
        return os.pread(self._descriptor, count, offset)

    def write_at(self, offset: int, content: bytes) -> None:
        """Write all of it."""
        done = 0
        while done < len(content):
            done += os.pwrite(self._descriptor, content[done:], offset + done)

    def resize(self, size: int) -> None:
        """Cut or extend."""
        os.ftruncate(self._descriptor, size)

    def close(self) -> None:
        """Let go of it."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)
