"""The node's files on the real disk: container logs, checkpoints and what else has a host path."""

import errno
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from fakecri.core.files import AppendFile
from fakecri.core.paths import parents, path_error, split_path
from fakecri.core.rootfs.nodes import Node
from fakecri.core.rootfs.places import Mount
from fakecri.disk_nodes import DiskNode, DiskView
from fakecri.machine_mounts import Views, mount_points

_APPEND = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
_WRITE = os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC


class DiskFiles:
    """`fakecri.core.files.Files` on the disk of this machine.

    With `root` (made when missing) every path of the node lies below it: `/var/log/x` is
    `root/var/log/x`, and `..` stops at the root. A symbolic link that leads out of the root is
    refused with PermissionError; a process that plants one between the check and the use is not
    guarded against. Without `root` the paths are the machine's own.

    Errors name the path of the node, not the place on the disk.
    """

    def __init__(self, root: Path | None = None, tops: Sequence[Path] = ()) -> None:
        """`tops`: directories of which views are had whole, for all who need one."""
        self._root: Path | None = None
        self._views, self._tops = Views(), tuple(tops)
        if root is not None:
            root.mkdir(parents=True, exist_ok=True)
            self._root = root.resolve()
            self._tops = (self._root,)

    def open_append(self, path: str, mode: int = 0o640, parent_mode: int = 0o755) -> AppendFile:
        """As `Files.open_append`: unbuffered, each write one call of the operating system."""
        above = parents(split_path(path))
        if above:
            self.make_dirs(above[-1], parent_mode)
        with _naming(path):
            return _DiskAppendFile(path, os.open(self._own_place(path), _APPEND, mode))

    def read(self, path: str) -> bytes:
        """As `Files.read`."""
        with _naming(path):
            return self._place(path).read_bytes()

    def write(self, path: str, content: bytes, mode: int = 0o600, *, truncate: bool = True) -> None:
        """As `Files.write`."""
        flags = _WRITE | os.O_TRUNC if truncate else _WRITE
        with _naming(path), os.fdopen(os.open(self._place(path), flags, mode), "wb") as file:
            file.write(content)

    def rename(self, old: str, new: str) -> None:
        """As `Files.rename`."""
        with _naming(old, new):
            if not split_path(old) or not split_path(new):
                raise path_error(errno.EBUSY, old)
            self._own_place(old).rename(self._own_place(new))

    def remove(self, path: str) -> None:
        """As `Files.remove`."""
        with _naming(path):
            self._own_place(path).unlink()

    def remove_tree(self, path: str) -> None:
        """As `Files.remove_tree`."""
        if not split_path(path):
            raise path_error(errno.EBUSY, path)
        with _naming(path):
            place = self._own_place(path)
            if place.is_dir() and not place.is_symlink():
                shutil.rmtree(place)
            else:
                place.unlink(missing_ok=True)

    def make_dirs(self, path: str, mode: int = 0o755) -> None:
        """As `Files.make_dirs`."""
        if self.is_dir(path):
            return
        for directory in parents([*split_path(path), ""]):
            with _naming(directory):
                self._make_dir(directory, mode)

    def node(self, path: str) -> Node:
        """As `Files.node`."""
        with _naming(path):
            return DiskNode(Path(os.path.realpath(self._place(path))))

    def mounts_below(self, path: str) -> Sequence[tuple[str, bool]]:
        """As `Files.mounts_below`: what is mounted on this machine, if it tells."""
        try:
            place = os.path.realpath(self._place(path))
        except OSError:
            return ()
        found = {each.path: each.read_only for each in mount_points()}
        below = place.rstrip("/") + "/"
        inside = path.rstrip("/") + "/"
        return [
            (inside + point.removeprefix(below), read_only)
            for point, read_only in sorted(found.items())
            if point.startswith(below)
        ]

    def view(self, path: str) -> Node:
        """As `Files.view`; where nobody can have one, what is mounted later is seen too."""
        place = Path(os.path.realpath(self._place(path)))
        top = next((each for each in self._tops if place.is_relative_to(each)), place)
        view = self._views.take(str(top)) if place.is_dir() else None
        return self.node(path) if view is None else DiskView(view, str(place.relative_to(top)))

    def attach(self, path: str, mount: Mount) -> None:
        """As `Files.attach`: nobody allowed it, so it is on the disk for no container to come."""

    def detach(self, path: str) -> None:
        """As `Files.detach`."""

    def close(self) -> None:
        """As `Files.close`."""
        self._views.close()

    def keep_time(self, wall_ns: Callable[[], int]) -> None:
        """As `Files.keep_time`: a disk has a clock of its own."""

    def list_dir(self, path: str) -> list[str]:
        """As `Files.list_dir`."""
        with _naming(path):
            return sorted(entry.name for entry in self._place(path).iterdir())

    def is_dir(self, path: str) -> bool:
        """As `Files.is_dir`; what is out of the root is not there."""
        try:
            return self._place(path).is_dir()
        except OSError:
            return False

    def exists(self, path: str) -> bool:
        """As `Files.exists`; what is out of the root is not there."""
        try:
            return self._place(path).exists()
        except OSError:
            return False

    def _make_dir(self, path: str, mode: int) -> None:
        if self._place(path).is_dir():
            return
        if self._place(path).exists():
            raise path_error(errno.ENOTDIR, path)
        self._own_place(path).mkdir(mode, exist_ok=True)

    def _place(self, path: str) -> Path:
        """Where a path of the node is on the disk, every symbolic link under the root resolved."""
        names = split_path(path)
        if self._root is None:
            return Path("/", *names)
        place = Path(os.path.realpath(self._root.joinpath(*names)))
        if not place.is_relative_to(self._root):
            raise path_error(errno.EACCES, path)
        if Path(os.path.realpath(place)) != place:  # a loop of links left something unresolved
            raise path_error(errno.ELOOP, path)
        return place

    def _own_place(self, path: str) -> Path:
        """As `_place`, but where the last name is a symbolic link, the link itself."""
        names = split_path(path)
        if not names:
            return self._place("/")
        return self._place("/" + "/".join(names[:-1])) / names[-1]


class _DiskAppendFile:
    def __init__(self, path: str, descriptor: int) -> None:
        self._path = path
        self._descriptor = descriptor

    def write(self, record: bytes) -> None:
        with _naming(self._path):
            written = os.write(self._descriptor, record)
            while written < len(record):  # a disk that just became full takes a part
                written += os.write(self._descriptor, record[written:])

    def close(self) -> None:
        # Forgotten first: a number kept after closing may soon be somebody else's file.
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            with _naming(self._path):
                os.close(descriptor)


@contextmanager
def _naming(path: str, second_path: str | None = None) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise path_error(error.errno or errno.EIO, path, second_path) from None
