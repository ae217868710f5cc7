"""The files of a container, as one of its processes sees them: by its user, from its directory."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from fakecri.core.scheduler import Waits

if TYPE_CHECKING:
    from fakecri.core.processes import Process


class Rootfs(Protocol):
    """The tree of a container, with what is mounted in it."""


@dataclass(frozen=True, slots=True)
class Stat:
    """What stat(2) says."""

    kind: str
    """`file`, `dir`, `link`, `char`, `block`, `fifo` or `socket`."""
    mode: int
    """The permission bits, setuid, setgid and sticky among them."""
    uid: int
    gid: int
    size: int
    mtime_ns: int
    inode: int
    nlink: int = 1
    device: int = 0
    """Of the filesystem it is on."""
    rdev: tuple[int, int] = (0, 0)
    """Major and minor number of a device."""
    blocks: int = 0
    """Of 512 bytes each."""


class OpenFile(Protocol):
    """An open file: a Reader and a Sink at its own position."""

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

    def __init__(self, rootfs: Rootfs, process: "Process") -> None:
        self.rootfs = rootfs
        self.process = process

    def open(self, path: str, flags: str, mode: int = 0o666) -> OpenFile:
        """Open; `flags` is `r`, `w` (make, truncate), `a` (make, append), `x` (make, must be new)
        or `r+`. The umask of the process applies to `mode`.
        """
        raise NotImplementedError

    def read(self, path: str) -> bytes:
        """Return the whole content of a file that has an end."""
        raise NotImplementedError

    def write(self, path: str, content: bytes, mode: int = 0o666) -> None:
        """Make or replace the content of a file."""
        raise NotImplementedError

    def stat(self, path: str, *, follow: bool = True) -> Stat:
        """Return what stat(2) says, or lstat(2) where links are not followed."""
        raise NotImplementedError

    def access(self, path: str, want: str) -> bool:
        """Whether the process may read (`r`), write (`w`) or execute (`x`) it; never raises."""
        raise NotImplementedError

    def exists(self, path: str) -> bool:
        """Whether something is there and can be reached; never raises."""
        raise NotImplementedError

    def is_dir(self, path: str) -> bool:
        """Whether a directory is there; never raises."""
        raise NotImplementedError

    def list(self, path: str) -> Sequence[str]:
        """The sorted names in a directory, without `.` and `..`."""
        raise NotImplementedError

    def realpath(self, path: str) -> str:
        """The absolute path without links; the last name need not exist."""
        raise NotImplementedError

    def readlink(self, path: str) -> str:
        """Where a link points."""
        raise NotImplementedError

    def mkdir(self, path: str, mode: int = 0o777) -> None:
        """Make a directory."""
        raise NotImplementedError

    def rmdir(self, path: str) -> None:
        """Remove an empty directory."""
        raise NotImplementedError

    def unlink(self, path: str) -> None:
        """Remove a name that is no directory's."""
        raise NotImplementedError

    def rename(self, old: str, new: str) -> None:
        """Move, also over what is there, as rename(2) does."""
        raise NotImplementedError

    def link(self, old: str, new: str) -> None:
        """Make a hard link."""
        raise NotImplementedError

    def symlink(self, target: str, path: str) -> None:
        """Make a symbolic link."""
        raise NotImplementedError

    def mkfifo(self, path: str, mode: int = 0o666) -> None:
        """Make a FIFO."""
        raise NotImplementedError

    def chmod(self, path: str, mode: int) -> None:
        """Change the permission bits."""
        raise NotImplementedError

    def chown(self, path: str, uid: int, gid: int, *, follow: bool = True) -> None:
        """Change the owner; -1 leaves one as it is."""
        raise NotImplementedError

    def utime(self, path: str, mtime_ns: int) -> None:
        """Change the time of the last change."""
        raise NotImplementedError

    def truncate(self, path: str, size: int) -> None:
        """Cut or extend a file."""
        raise NotImplementedError
