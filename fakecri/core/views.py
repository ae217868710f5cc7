"""The files of a container, as one of its processes sees them: by its user, from its directory."""

import errno
import posixpath
from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from fakecri.core.paths import path_error
from fakecri.core.rootfs import changes
from fakecri.core.rootfs.access import EXECUTE, READ, WRITE, Who
from fakecri.core.rootfs.changes import named
from fakecri.core.rootfs.fifos import OpenedFifo
from fakecri.core.rootfs.nodes import Made, Node
from fakecri.core.rootfs.opened import Opened, OpenedFile
from fakecri.core.rootfs.opening import open_place
from fakecri.core.rootfs.places import Place, Walk
from fakecri.core.rootfs.stats import Stat
from fakecri.core.rootfs.tree import Rootfs
from fakecri.core.scheduler import Waits

if TYPE_CHECKING:
    from fakecri.core.processes import Process

__all__ = ["OpenFile", "Opened", "Rootfs", "Stat", "View"]

_WANTS = {"r": READ, "w": WRITE, "x": EXECUTE}
_SETUID, _SETGID, _BITS = 0o4000, 0o2000, 0o7777
_CHUNK = 1 << 20
_DOTS = {".", ".."}


class OpenFile(Protocol):
    """An open file: a Reader and a Sink at its own position. `Opened` has more."""

    def read(self) -> Waits[bytes]:
        """Return the next chunk, at once unless it is a FIFO or a terminal; `b""` at the end."""

    def unread(self, chunk: bytes) -> None:
        """Give back what was read and not used."""

    def write(self, output: bytes) -> None:
        """Write at the position, or at the end if it was opened to append."""

    def room(self) -> Waits[None]:
        """Wait until there is room."""

    def close(self) -> None:
        """Close."""


class View:
    """File operations of one process. Paths may be relative; errors are OSErrors as Linux's."""

    __slots__ = ("process", "rootfs")

    def __init__(self, rootfs: Rootfs, process: "Process") -> None:
        self.rootfs = rootfs
        self.process = process

    @property
    def who(self) -> Who:
        """As whom the process asks."""
        process = self.process
        user = process.spec.user
        capabilities = process.system.security.effective(process.euid)
        return Who(process.euid, user.gid, user.groups, capabilities)

    def place(self, path: str, *, follow: bool = True) -> Place:
        """Return what a path leads to; OSError where its directory cannot be reached."""
        walk = Walk(self.rootfs.mounts, self.who, self.process)
        return walk.find(path, self.process.spec.cwd, follow=follow)

    def _there(self, path: str, *, follow: bool = True) -> Node:
        place = self.place(path, follow=follow)
        if place.node is None:
            raise path_error(errno.ENOENT, path)
        return place.node

    def open(self, path: str, flags: str, mode: int = 0o666) -> Opened:
        """Open a file.

        `flags` is `r`, `w` (make, truncate), `a` (make, append), `x` (make, must be new) or `r+`.
        The umask of the process applies to `mode`.

        A FIFO opens at once; its first read and room wait for the other end. A directory opens
        for reading, and reading it is EISDIR.
        """
        if flags in {"w", "a", "x"} and path.endswith("/"):
            named(path, lambda: self.place(posixpath.dirname(path.rstrip("/")) or "."))
            raise path_error(errno.EISDIR, path)
        place = self.place(path, follow=flags != "x")
        allowed = mode & ~self.process.umask
        return open_place(self.rootfs, self.process, self.who, place, path, flags, allowed)

    def opening(self, path: str, flags: str, mode: int = 0o666) -> Waits[Opened]:
        """Open as `open` does; of a FIFO, wait until the other end is opened too."""
        opened = self.open(path, flags, mode)
        if isinstance(opened, OpenedFifo):
            yield from opened.met()
        return opened

    def read(self, path: str) -> bytes:
        """Return the whole content of a file that has an end."""
        opened = self.open(path, "r")
        try:
            if not isinstance(opened, OpenedFile):
                return b""
            parts = []
            while chunk := opened.read_now(_CHUNK):
                parts.append(chunk)
            return b"".join(parts)
        finally:
            opened.close()

    def write(self, path: str, content: bytes, mode: int = 0o666) -> None:
        """Make or replace the content of a file."""
        opened = self.open(path, "w", mode)
        try:
            opened.write(content)
        finally:
            opened.close()

    def stat(self, path: str, *, follow: bool = True) -> Stat:
        """Return the status of a file, or of a link that is not followed."""
        return self._there(path, follow=follow).stat()

    def access(self, path: str, want: str) -> bool:
        """Whether the process may read (`r`), write (`w`) or execute (`x`) it; never raises."""
        bits = sum(_WANTS[each] for each in dict.fromkeys(want))
        try:
            place = self.place(path)
        except OSError:
            return False
        if place.node is None or not self.who.may(place.node.stat(), bits):
            return False
        refused = place.mount.read_only and place.node.kind in {"file", "dir", "link"}
        if bits & EXECUTE and place.node.kind == "file" and "noexec" in place.mount.options:
            return False
        return not (bits & WRITE and refused)

    def exists(self, path: str) -> bool:
        """Whether something is there and can be reached; never raises."""
        try:
            return self.place(path).node is not None
        except OSError:
            return False

    def is_dir(self, path: str) -> bool:
        """Whether a directory is there; never raises."""
        try:
            node = self.place(path).node
        except OSError:
            return False
        return node is not None and node.kind == "dir"

    def list(self, path: str) -> Sequence[str]:
        """The sorted names in a directory, without `.` and `..`."""
        node = self._there(path)
        if node.kind != "dir":
            raise path_error(errno.ENOTDIR, path)
        self.who.require(node.stat(), READ, path)
        return named(path, lambda: sorted(node.names()))

    def realpath(self, path: str) -> str:
        """The absolute path without links; the last name need not exist."""
        return self.place(path).path

    def readlink(self, path: str) -> str:
        """Where a link points."""
        node = self._there(path, follow=False)
        if node.kind != "link":
            raise path_error(errno.EINVAL, path)
        return node.target()

    def mkdir(self, path: str, mode: int = 0o777) -> None:
        """Make a directory."""
        self._make(path, "dir", mode)

    def _make(self, path: str, kind: str, mode: int, target: str = "") -> None:
        who = self.who
        made = Made(kind, mode & ~self.process.umask & _BITS, who.uid, who.gid, target=target)
        place = self._named(path)
        if path.endswith("/") and kind != "dir" and place.node is None:
            raise path_error(errno.ENOENT, path)
        changes.make(place, made, who, path)

    def _named(self, path: str) -> Place:
        """Return what a name leads to, whether or not slashes follow it; no link is followed."""
        return named(path, lambda: self.place(path.rstrip("/") or path, follow=False))

    def rmdir(self, path: str) -> None:
        """Remove an empty directory."""
        last = posixpath.basename(path.rstrip("/"))
        if last in _DOTS:
            named(path, lambda: self._there(path))
            raise path_error(errno.EINVAL if last == "." else errno.ENOTEMPTY, path)
        self._remove(path, directory=True)

    def unlink(self, path: str) -> None:
        """Remove a name that is no directory's."""
        self._remove(path, directory=False)

    def _remove(self, path: str, *, directory: bool) -> None:
        place = self._named(path)
        if path.endswith("/") and not directory and place.node is not None:
            code = errno.EISDIR if place.node.kind == "dir" else errno.ENOTDIR
            raise path_error(code, path)
        changes.remove(place, self.who, self.rootfs.mounts, path, directory=directory)

    def rename(self, old: str, new: str) -> None:
        """Move a file or directory, also over what is there."""
        try:
            source, target = self._named(old), self._named(new)
        except OSError as error:
            raise path_error(error.errno or errno.EIO, old, new) from None
        if any(posixpath.basename(each.rstrip("/")) in {*_DOTS, ""} for each in (old, new)):
            raise path_error(errno.EBUSY, old, new)
        is_directory = source.node is None or source.node.kind == "dir"
        if not is_directory and (old.endswith("/") or new.endswith("/")):
            raise path_error(errno.ENOTDIR, old, new)
        changes.rename(source, target, self.who, self.rootfs.mounts, (old, new))

    def link(self, old: str, new: str) -> None:
        """Make a hard link."""
        source = self.place(old, follow=False)
        if source.node is None:
            raise path_error(errno.ENOENT, old, new)
        place = self._named(new)
        if place.node is not None:
            raise path_error(errno.EEXIST, old, new)
        if new.endswith("/"):
            raise path_error(errno.ENOENT, old, new)
        if source.mount is not place.mount:
            raise path_error(errno.EXDEV, old, new)
        parent = changes.require_changeable(place, self.who, new)
        if source.node.kind == "dir":
            raise path_error(errno.EPERM, old, new)
        named(new, lambda: parent.own().link(place.name, source.own()))

    def symlink(self, target: str, path: str) -> None:
        """Make a symbolic link."""
        if not target:
            raise path_error(errno.ENOENT, path)
        self._make(path, "link", 0o777, target=target)

    def mkfifo(self, path: str, mode: int = 0o666) -> None:
        """Make a FIFO."""
        self._make(path, "fifo", mode)

    def mknod(self, path: str, kind: str, rdev: tuple[int, int], mode: int = 0o666) -> None:
        """Make a device: `kind` is `char` or `block`. It takes CAP_MKNOD."""
        who = self.who
        if "CAP_MKNOD" not in who.capabilities:
            raise path_error(errno.EPERM, path)
        made = Made(kind, mode & ~self.process.umask & _BITS, who.uid, who.gid, rdev=rdev)
        changes.make(self.place(path, follow=False), made, who, path)

    def _changing(self, path: str, syscall: str, *, follow: bool = True) -> tuple[Place, Stat]:
        if self.process.denied(syscall):
            raise path_error(errno.EPERM, path)
        place = self.place(path, follow=follow)
        if place.node is None:
            raise path_error(errno.ENOENT, path)
        if place.mount.read_only:
            raise path_error(errno.EROFS, path)
        return place, place.node.stat()

    def chmod(self, path: str, mode: int) -> None:
        """Change the permission bits."""
        place, stat = self._changing(path, "chmod")
        who = self.who
        if not who.owns(stat):
            raise path_error(errno.EPERM, path)
        mode &= _BITS
        if stat.kind != "dir" and not (who.is_in(stat.gid) or "CAP_FSETID" in who.capabilities):
            mode &= ~_SETGID
        named(path, lambda: place.own().change(mode=mode))

    def chown(self, path: str, uid: int, gid: int, *, follow: bool = True) -> None:
        """Change the owner; -1 leaves one as it is."""
        place, stat = self._changing(path, "chown", follow=follow)
        who = self.who
        if "CAP_CHOWN" not in who.capabilities:
            gives_away = uid not in {-1, stat.uid}
            foreign = gid not in {-1, stat.gid} and not who.is_in(gid)
            if gives_away or foreign or (who.uid != stat.uid and (uid, gid) != (-1, -1)):
                raise path_error(errno.EPERM, path)
        mode = stat.mode
        if stat.kind == "file" and mode & 0o111:
            mode &= ~(_SETUID | (_SETGID if mode & 0o010 else 0))
        owner = stat.uid if uid == -1 else uid
        group = stat.gid if gid == -1 else gid
        named(path, lambda: place.own().change(mode=mode, uid=owner, gid=group))

    def utime(self, path: str, mtime_ns: int) -> None:
        """Change the time of the last change."""
        place, stat = self._changing(path, "utimensat")
        if not self.who.owns(stat):
            self.who.require(stat, WRITE, path)
        named(path, lambda: place.own().change(mtime_ns=mtime_ns))

    def truncate(self, path: str, size: int) -> None:
        """Cut or extend a file."""
        place, stat = self._changing(path, "truncate")
        if stat.kind != "file":
            raise path_error(errno.EISDIR if stat.kind == "dir" else errno.EINVAL, path)
        self.who.require(stat, WRITE, path)
        if size < 0:
            raise path_error(errno.EINVAL, path)
        handle = named(path, lambda: place.own().handle(writes=True))
        try:
            named(path, lambda: handle.resize(size))
        finally:
            handle.close()
