"""The node's files, as far as the runtime touches them: a protocol, and a tree in memory.

Paths are those of the node. They are cleaned before use (`/a/../b` is `/b`), and a relative one
starts at `/`, the working directory of a runtime. Errors are the OSError subclasses, numbers and
texts of Linux; `filename` is the path that failed: the one given, or a parent that could not be
made. The disk's own implementation is `fakecri.logs.DiskFiles`, and both must behave alike.
"""

import errno
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from fakecri.core.file_tree import Directory, File, Node, contents, rename_refusal, room, unlink

if TYPE_CHECKING:
    from fakecri.core.disk import Disk

NAME_MAX = 255  # bytes of one name in a path
PATH_MAX = 4096  # bytes of a path, with the NUL that ends it

# What Linux says; Go prints the same with a small first letter.
_TEXTS = {
    errno.EPERM: "Operation not permitted",
    errno.ENOENT: "No such file or directory",
    errno.EIO: "Input/output error",
    errno.EBADF: "Bad file descriptor",
    errno.EACCES: "Permission denied",
    errno.EBUSY: "Device or resource busy",
    errno.EEXIST: "File exists",
    errno.EXDEV: "Invalid cross-device link",
    errno.ENOTDIR: "Not a directory",
    errno.EISDIR: "Is a directory",
    errno.EINVAL: "Invalid argument",
    errno.ENFILE: "Too many open files in system",
    errno.EMFILE: "Too many open files",
    errno.EFBIG: "File too large",
    errno.ENOSPC: "No space left on device",
    errno.EROFS: "Read-only file system",
    errno.ENAMETOOLONG: "File name too long",
    errno.ENOTEMPTY: "Directory not empty",
    errno.ELOOP: "Too many levels of symbolic links",
    errno.ESTALE: "Stale file handle",
    errno.EDQUOT: "Disk quota exceeded",
}


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

    def is_dir(self, path: str) -> bool:
        """Whether a directory is there; never raises."""

    def exists(self, path: str) -> bool:
        """Whether anything is there; never raises."""


def path_error(code: int, path: str, second_path: str | None = None) -> OSError:
    """The OSError subclass of an errno, with Linux's text."""
    text = _TEXTS.get(code, f"errno {code}")
    if second_path is None:
        return OSError(code, text, path)
    return OSError(code, text, path, None, second_path)


def split_path(path: str) -> list[str]:
    """The names of a cleaned path from `/` on; none for `/` itself.

    Raises FileNotFoundError for an empty path and OSError (EINVAL) for one with a NUL.
    """
    if not path:
        raise path_error(errno.ENOENT, path)
    if "\0" in path:
        raise path_error(errno.EINVAL, path)
    names: list[str] = []
    for name in path.split("/"):
        if name == "..":
            del names[-1:]
        elif name not in {"", "."}:
            names.append(name)
    return names


def parents(names: list[str]) -> list[str]:
    """The paths of the directories above a split path, from the top, without `/`."""
    return ["/" + "/".join(names[:count]) for count in range(1, len(names))]


def go_error_text(operation: str, path: str, error: OSError) -> str:
    """What Go prints for a failed file operation: `open /x/y: no such file or directory`.

    For a rename, `path` is both paths with a space between.
    """
    text = _TEXTS.get(error.errno or 0) or error.strerror or str(error)
    if text[:1].isupper() and text[1:2].islower():
        text = text[0].lower() + text[1:]
    return f"{operation} {path}: {text}"


def go_open_error_text(path: str, error: OSError) -> str:
    """Go's text for an error of `open_append(path)`, which makes parents before it opens.

    A parent that cannot be made has a text of its own: `mkdir /x: not a directory`.
    """
    if error.filename in (None, path):
        return go_error_text("open", path, error)
    return go_error_text("mkdir", error.filename, error)


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


class MemoryFiles:
    """`Files` in memory, on an ideal disk: it is never full and refuses nothing until told to.

    `contents` maps paths to the files to begin with; their directories are made.
    """

    def __init__(self, contents: Mapping[str, bytes] | None = None) -> None:
        self._root = Directory(0o755)
        self._refused: dict[tuple[str, ...], int] = {}
        self._disk: Disk | None = None
        for path, content in (contents or {}).items():
            self.open_append(path).write(content)

    def refuse(self, path: str, code: int | None) -> None:
        """From now on, what would change `path` or anything below it fails with errno `code`.

        ENOSPC and EDQUOT refuse only growth; EACCES, EPERM and EROFS spare what is open. None
        ends it. Reading always works.
        """
        key = tuple(split_path(path))
        if code is None:
            self._refused.pop(key, None)
        else:
            self._refused[key] = code

    def stand_on(self, disk: "Disk") -> None:
        """From now on, take room of a disk: each byte, and an inode for each file or directory."""
        self._disk = disk
        bytes_, inodes = room(self._root)
        self.take(bytes_, inodes - 1, "/")  # the root itself is the disk's

    def take(self, bytes_: int, inodes: int, path: str) -> None:
        """Take room, or give back what is negative; OSError ENOSPC of `path`."""
        if self._disk is not None:
            self._disk.require(max(bytes_, 0), max(inodes, 0), account="files", path=path)
            self._disk.release(max(-bytes_, 0), max(-inodes, 0), account="files")

    def contents(self) -> dict[str, bytes]:
        """All files by path, in the order of their paths."""
        return dict(sorted(contents("", self._root)))

    def mode_of(self, path: str) -> int:
        """The permission bits a file or directory was made with."""
        return self._find(path).mode

    def open_append(self, path: str, mode: int = 0o640, parent_mode: int = 0o755) -> AppendFile:
        """As `Files.open_append`."""
        for parent in parents(split_path(path)):
            self._make_dir(parent, parent_mode)
        return _MemoryAppendFile(self, path, self._open(path, mode))

    def read(self, path: str) -> bytes:
        """As `Files.read`."""
        node = self._find(path)
        if isinstance(node, Directory):
            raise path_error(errno.EISDIR, path)
        return bytes(node.content)

    def write(self, path: str, content: bytes, mode: int = 0o600, *, truncate: bool = True) -> None:
        """As `Files.write`."""
        old = self._open(path, mode).content
        if truncate:
            self.take(-len(old), 0, path)
            old.clear()
        if content:
            self.require(_WRITE, path)
            self.take(max(len(content) - len(old), 0), 0, path)
            old[: len(content)] = content

    def rename(self, old: str, new: str) -> None:
        """As `Files.rename`."""
        try:
            self._move(split_path(old), split_path(new))
        except OSError as error:
            raise path_error(error.errno or errno.EIO, old, new) from None

    def remove(self, path: str) -> None:
        """As `Files.remove`."""
        if isinstance(self._find(path), Directory):
            raise path_error(errno.EISDIR, path)
        self._unlink(path)

    def remove_tree(self, path: str) -> None:
        """As `Files.remove_tree`."""
        if not split_path(path):
            raise path_error(errno.EBUSY, path)
        try:
            self._find(path)
        except FileNotFoundError:
            return
        self._unlink(path)

    def make_dirs(self, path: str, mode: int = 0o755) -> None:
        """As `Files.make_dirs`."""
        names = split_path(path)
        for directory in parents([*names, ""]):
            self._make_dir(directory, mode)

    def list_dir(self, path: str) -> list[str]:
        """As `Files.list_dir`."""
        return sorted(_directory(self._find(path), path).entries)

    def is_dir(self, path: str) -> bool:
        """As `Files.is_dir`."""
        try:
            return isinstance(self._find(path), Directory)
        except OSError:
            return False

    def exists(self, path: str) -> bool:
        """As `Files.exists`."""
        try:
            self._find(path)
        except OSError:
            return False
        return True

    def require(self, action: str, path: str) -> None:
        """Raises what `refuse` said of this path, or of one above it."""
        names = tuple(split_path(path)) if self._refused else ()
        for key, code in self._refused.items():
            if names[: len(key)] == key and action not in _SPARED.get(code, ()):
                raise path_error(code, path)

    def _find(self, path: str) -> Node:
        names = split_path(path)
        return _entry(self._enclosing(path), names[-1], path) if names else self._root

    def _enclosing(self, path: str) -> Directory:
        """The directory that holds, or would hold, the last name of a path."""
        directory = self._root
        for name in split_path(path)[:-1]:
            directory = _directory(_entry(directory, name, path), path)
        return directory

    def _open(self, path: str, mode: int) -> File:
        names = split_path(path)
        if not names:
            raise path_error(errno.EISDIR, path)
        entries = self._enclosing(path).entries
        node = entries.get(_fitting(names[-1], path))
        if isinstance(node, Directory):
            raise path_error(errno.EISDIR, path)
        self.require(_OPEN if node else _CREATE, path)
        if node is None:
            self.take(0, 1, path)
            node = entries[names[-1]] = File(mode)
        return node

    def _move(self, old: list[str], new: list[str]) -> None:
        if not old or not new:
            raise path_error(errno.EBUSY, "/")
        old_path, new_path = "/" + "/".join(old), "/" + "/".join(new)
        source, target = self._enclosing(old_path), self._enclosing(new_path)
        node = _entry(source, old[-1], old_path)
        replaced = target.entries.get(_fitting(new[-1], new_path))
        code = 0 if replaced is node else rename_refusal(old, new, node, replaced)
        if code:
            raise path_error(code, new_path)
        self.require(_REMOVE, old_path)
        self.require(_REMOVE, new_path)
        del source.entries[old[-1]]
        if replaced is not None and replaced is not node:
            self._forget(replaced)
        target.entries[new[-1]] = node

    def _make_dir(self, path: str, mode: int) -> None:
        entries = self._enclosing(path).entries
        name = _fitting(split_path(path)[-1], path)
        if name not in entries:
            self.require(_CREATE, path)
            self.take(0, 1, path)
            entries[name] = Directory(mode)
        _directory(entries[name], path)

    def _unlink(self, path: str) -> None:
        self.require(_REMOVE, path)
        self._forget(self._enclosing(path).entries.pop(split_path(path)[-1]))

    def _forget(self, node: Node) -> None:
        bytes_, inodes = room(node)
        self.take(-bytes_, -inodes, "")
        unlink(node)


@dataclass(slots=True)
class _MemoryAppendFile:
    # The file itself and not its path, so that a rename or a removal does not disturb it.
    _files: MemoryFiles
    _path: str
    _file: File | None

    def write(self, record: bytes) -> None:
        if self._file is None:
            raise path_error(errno.EBADF, self._path)
        self._files.require(_WRITE, self._path)
        if self._file.linked:  # what has no name any more is nobody's room
            self._files.take(len(record), 0, self._path)
        self._file.content += record

    def close(self) -> None:
        self._file = None


def _fitting(name: str, path: str) -> str:
    too_long = len(name.encode()) > NAME_MAX or len(path.encode()) >= PATH_MAX
    if too_long:
        raise path_error(errno.ENAMETOOLONG, path)
    return name


def _entry(directory: Directory, name: str, path: str) -> Node:
    node = directory.entries.get(_fitting(name, path))
    if node is None:
        raise path_error(errno.ENOENT, path)
    return node


def _directory(node: Node, path: str) -> Directory:
    if isinstance(node, File):
        raise path_error(errno.ENOTDIR, path)
    return node
