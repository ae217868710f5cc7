"""The node's files, as far as the runtime touches them: a protocol, and a tree in memory.

Paths are those of the node. They are cleaned before use (`/a/../b` is `/b`), and a relative one
starts at `/`, the working directory of a runtime. Errors are the OSError subclasses, numbers and
texts of Linux; `filename` is the path that failed: the one given, or a parent that could not be
made. The disk's own implementation is `fakecri.logs.DiskFiles`, and both must behave alike.
"""

import errno
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from fakecri.core.disk import Account, Disk
from fakecri.core.paths import parents, path_error, split_path
from fakecri.core.rootfs.access import Who
from fakecri.core.rootfs.changes import make, named, remove, rename
from fakecri.core.rootfs.memory import Directory
from fakecri.core.rootfs.nodes import Filesystem, Made, Node
from fakecri.core.rootfs.places import Mount, Mounts, Place, Walk


class AppendFile(Protocol):
    """A file open for appending; it follows its file through renames, and past its removal."""

    def write(self, record: bytes) -> None:
        """Appends all of `record`, or raises OSError (EBADF once closed)."""

    def close(self) -> None:
        """Closes; a second time is harmless."""


class Files(Protocol):
    """The file operations of a runtime on its node. All raise OSError unless they say otherwise."""

    def open_append(self, path: str, mode: int = 0o640, parent_mode: int = 0o755) -> AppendFile:
        """Opens for appending, making the file and its parents; a symbolic link is refused."""

    def read(self, path: str) -> bytes:
        """The whole content of a file."""

    def write(self, path: str, content: bytes, mode: int = 0o600, *, truncate: bool = True) -> None:
        """Writes `content` at the start of a file in an existing directory; makes the file.

        Without `truncate`, older bytes beyond the new content stay.
        """

    def rename(self, old: str, new: str) -> None:
        """Moves a file or a directory, also over a file or an empty directory."""

    def remove(self, path: str) -> None:
        """Removes a file, as unlink(2); directories are refused."""

    def remove_tree(self, path: str) -> None:
        """Removes a file, or a directory with all in it; what is missing is no error."""

    def make_dirs(self, path: str, mode: int = 0o755) -> None:
        """Makes a directory and its missing parents; an existing one is no error."""

    def list_dir(self, path: str) -> list[str]:
        """The sorted names in a directory."""

    def node(self, path: str) -> Node:
        """What is at a path, to be mounted into containers; links are followed."""

    def mounts_below(self, path: str) -> Sequence[tuple[str, bool]]:
        """The paths below this one where something is mounted, and whether it is read-only."""

    def view(self, path: str) -> Node:
        """What is at a path, with what is mounted below it now: what comes later is not seen."""

    def attach(self, path: str, mount: Mount) -> None:
        """Mounts something there; what `mount` has for a root may be another from then on."""

    def detach(self, path: str) -> None:
        """Unmounts what was attached there last."""

    def close(self) -> None:
        """Lets go of what containers have of it, and undoes their mounts; again is harmless."""

    def keep_time(self, wall_ns: Callable[[], int]) -> None:
        """From now on new files get the times of this clock, where the files have no own."""

    def is_dir(self, path: str) -> bool:
        """Whether a directory is there; never raises."""

    def exists(self, path: str) -> bool:
        """Whether anything is there; never raises."""


# What an errno given to `refuse` lets pass: a full disk still opens and removes what is there, and
# permissions are asked when a path is opened, not when an open file is written.
_OPEN, _CREATE, _WRITE, _REMOVE = "open", "create", "write", "remove"
_SPARED = {
    errno.ENOSPC: (_OPEN, _REMOVE),
    errno.EDQUOT: (_OPEN, _REMOVE),
    errno.EACCES: (_WRITE,),
    errno.EPERM: (_WRITE,),
    errno.EROFS: (_WRITE,),
}
_DEVICE = 30
_RUNTIME = Who(capabilities=frozenset({"CAP_DAC_OVERRIDE"}))


class MemoryFiles:
    """`Files` in memory, on an ideal disk: it is never full and refuses nothing until told to.

    `contents` maps paths to the files to begin with; their directories are made.
    """

    def __init__(self, contents: Mapping[str, bytes] | None = None) -> None:
        self._fs = Filesystem(_DEVICE, lambda: 0, block=1)
        self._root = Directory(self._fs)
        self._mounts = Mounts()
        self._mounts.add(Mount("/", lambda _: self._root))
        self._refused: dict[tuple[str, ...], int] = {}
        for path, content in (contents or {}).items():
            self.open_append(path).write(content)

    def refuse(self, path: str, code: int | None) -> None:
        """From now on, what would change `path` or anything below it fails with errno `code`.

        ENOSPC and EDQUOT refuse only growth; EACCES, EPERM and EROFS spare what is open. None
        ends it. Reading always works. What containers do to their mounts is not asked.
        """
        key = tuple(split_path(path))
        if code is None:
            self._refused.pop(key, None)
        else:
            self._refused[key] = code

    def stand_on(self, disk: Disk) -> None:
        """From now on, take room of a disk: each byte, and an inode for each file or directory."""
        account = Account(disk, "files")
        account.take(self._fs.held_bytes, self._fs.inodes)
        self._fs.account = account

    def contents(self) -> dict[str, bytes]:
        """All files by path, in the order of their paths."""
        return dict(sorted(_contents("", self._root)))

    def mode_of(self, path: str) -> int:
        """The permission bits of a file or directory."""
        return self.node(path).stat().mode

    def node(self, path: str) -> Node:
        """As `Files.node`."""
        node = self._place(path).node
        if node is None:
            raise path_error(errno.ENOENT, path)
        return node

    def mounts_below(self, path: str) -> Sequence[tuple[str, bool]]:
        """As `Files.mounts_below`: what was attached."""
        below = path.rstrip("/") + "/"
        rows = self._mounts.all[1:]
        return [(each.path, each.read_only) for each in rows if each.path.startswith(below)]

    def attach(self, path: str, mount: Mount) -> None:
        """As `Files.attach`."""
        self._mounts.add(replace(mount, path=path))

    def detach(self, path: str) -> None:
        """As `Files.detach`."""
        self._mounts.remove(path)

    def view(self, path: str) -> Node:
        """As `Files.view`."""
        return self.node(path)

    def close(self) -> None:
        """As `Files.close`."""

    def keep_time(self, wall_ns: Callable[[], int]) -> None:
        """As `Files.keep_time`."""
        self._fs.clock = wall_ns

    def open_append(self, path: str, mode: int = 0o640, parent_mode: int = 0o755) -> AppendFile:
        """As `Files.open_append`."""
        for parent in parents(split_path(path)):
            self._make_dir(parent, parent_mode)
        return _MemoryAppendFile(self, path, self._open(path, mode, follow=False))

    def read(self, path: str) -> bytes:
        """As `Files.read`."""
        node = self.node(path)
        if node.kind == "dir":
            raise path_error(errno.EISDIR, path)
        return node.read_at(0, node.stat().size)

    def write(self, path: str, content: bytes, mode: int = 0o600, *, truncate: bool = True) -> None:
        """As `Files.write`."""
        node = self._open(path, mode)
        if truncate:
            node.resize(0)
        if content:
            self.require(_WRITE, path)
            named(path, lambda: node.write_at(0, content))

    def rename(self, old: str, new: str) -> None:
        """As `Files.rename`."""
        try:
            self._move(split_path(old), split_path(new))
        except OSError as error:
            raise path_error(error.errno or errno.EIO, old, new) from None

    def _move(self, old: list[str], new: list[str]) -> None:
        if not old or not new:
            raise path_error(errno.EBUSY, "/")
        places = [self._place("/" + "/".join(each), follow=False) for each in (old, new)]
        for place in places:
            self.require(_REMOVE, place.path)
        rename(places[0], places[1], _RUNTIME, self._mounts, ("", ""))

    def remove(self, path: str) -> None:
        """As `Files.remove`."""
        place = self._place(path, follow=False)
        if place.node is not None:
            self.require(_REMOVE, path)
        remove(place, _RUNTIME, self._mounts, path, directory=False)

    def remove_tree(self, path: str) -> None:
        """As `Files.remove_tree`."""
        if not split_path(path):
            raise path_error(errno.EBUSY, path)
        try:
            place = self._place(path, follow=False)
        except FileNotFoundError:
            return
        if place.node is not None and place.parent is not None:
            self.require(_REMOVE, path)
            place.parent.held.remove(place.name)

    def make_dirs(self, path: str, mode: int = 0o755) -> None:
        """As `Files.make_dirs`."""
        for directory in parents([*split_path(path), ""]):
            self._make_dir(directory, mode)

    def list_dir(self, path: str) -> list[str]:
        """As `Files.list_dir`."""
        node = self.node(path)
        if node.kind != "dir":
            raise path_error(errno.ENOTDIR, path)
        return sorted(node.names())

    def is_dir(self, path: str) -> bool:
        """As `Files.is_dir`."""
        try:
            return self.node(path).kind == "dir"
        except OSError:
            return False

    def exists(self, path: str) -> bool:
        """As `Files.exists`."""
        try:
            self.node(path)
        except OSError:
            return False
        return True

    def require(self, action: str, path: str) -> None:
        """Raises what `refuse` said of this path, or of one above it."""
        names = tuple(split_path(path)) if self._refused else ()
        for key, code in self._refused.items():
            if names[: len(key)] == key and action not in _SPARED.get(code, ()):
                raise path_error(code, path)

    def _place(self, path: str, *, follow: bool = True) -> Place:
        plain = "/" + "/".join(split_path(path))
        walk = Walk(self._mounts, _RUNTIME, None)
        return named(path, lambda: walk.find(plain, follow=follow))

    def _open(self, path: str, mode: int, *, follow: bool = True) -> Node:
        place = self._place(path, follow=follow)
        node = place.node
        if node is not None and node.kind != "file":
            raise path_error(errno.ELOOP if node.kind == "link" else errno.EISDIR, path)
        self.require(_OPEN if node else _CREATE, path)
        return make(place, Made("file", mode), _RUNTIME, path) if node is None else node

    def _make_dir(self, path: str, mode: int) -> None:
        place = self._place(path)
        if place.node is None:
            self.require(_CREATE, path)
            make(place, Made("dir", mode), _RUNTIME, path)
        elif place.node.kind != "dir":
            raise path_error(errno.ENOTDIR, path)


@dataclass(slots=True)
class _MemoryAppendFile:
    # The file itself and not its path, so that a rename or a removal does not disturb it.
    _files: MemoryFiles
    _path: str
    _file: Node | None

    def write(self, record: bytes) -> None:
        if self._file is None:
            raise path_error(errno.EBADF, self._path)
        self._files.require(_WRITE, self._path)
        file, end = self._file, self._file.stat().size
        named(self._path, lambda: file.write_at(end, record))

    def close(self) -> None:
        self._file = None


def _contents(path: str, directory: Node) -> Iterator[tuple[str, bytes]]:
    for name in directory.names():
        node = directory.find(name)
        if node is not None and node.kind == "file":
            yield f"{path}/{name}", node.read_at(0, node.stat().size)
        elif node is not None and node.kind == "dir":
            yield from _contents(f"{path}/{name}", node)
