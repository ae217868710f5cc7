"""Host paths that are real: below some directories the node's files are those of this machine."""

import errno
import os
from collections.abc import Callable, Sequence
from pathlib import Path

from fakecri.core.files import AppendFile, Files
from fakecri.core.paths import path_error, split_path
from fakecri.core.rootfs.nodes import Node
from fakecri.core.rootfs.places import Mount
from fakecri.logs import DiskFiles
from fakecri.real_mounts import RealMounts


class HostFiles:
    """`Files` of which some directories are this machine's own, under their own paths.

    What lies below one of `prefixes` once all symbolic links are resolved is read and written for
    real. Everything else is what `others` has.
    """

    def __init__(self, others: Files, prefixes: Sequence[Path]) -> None:
        self._others = others
        self._prefixes = tuple(Path(os.path.realpath(each)) for each in prefixes)
        self._disk = DiskFiles(tops=self._prefixes)
        self._real = RealMounts()

    def _files(self, path: str) -> Files:
        try:
            place = os.path.realpath("/" + "/".join(split_path(path)))
        except OSError:
            return self._others  # which says what is wrong with the path
        real = any(Path(place).is_relative_to(each) for each in self._prefixes)
        return self._disk if real else self._others

    def open_append(self, path: str, mode: int = 0o640, parent_mode: int = 0o755) -> AppendFile:
        """As `Files.open_append`."""
        return self._files(path).open_append(path, mode, parent_mode)

    def read(self, path: str) -> bytes:
        """As `Files.read`."""
        return self._files(path).read(path)

    def write(self, path: str, content: bytes, mode: int = 0o600, *, truncate: bool = True) -> None:
        """As `Files.write`."""
        self._files(path).write(path, content, mode, truncate=truncate)

    def rename(self, old: str, new: str) -> None:
        """As `Files.rename`."""
        files = self._files(old)
        if files is not self._files(new):
            raise path_error(errno.EXDEV, old, new)
        files.rename(old, new)

    def remove(self, path: str) -> None:
        """As `Files.remove`."""
        self._files(path).remove(path)

    def remove_tree(self, path: str) -> None:
        """As `Files.remove_tree`."""
        self._files(path).remove_tree(path)

    def make_dirs(self, path: str, mode: int = 0o755) -> None:
        """As `Files.make_dirs`."""
        self._files(path).make_dirs(path, mode)

    def node(self, path: str) -> Node:
        """As `Files.node`."""
        return self._files(path).node(path)

    def mounts_below(self, path: str) -> Sequence[tuple[str, bool]]:
        """As `Files.mounts_below`."""
        return self._files(path).mounts_below(path)

    def view(self, path: str) -> Node:
        """As `Files.view`."""
        return self._files(path).view(path)

    def attach(self, path: str, mount: Mount) -> None:
        """As `Files.attach`; on this machine for real, as far as it may be."""
        if self._files(path) is self._disk:
            self._real.attach(Path(os.path.realpath(path)), mount)
        else:
            self._others.attach(path, mount)

    def detach(self, path: str) -> None:
        """As `Files.detach`."""
        if self._files(path) is self._disk:
            self._real.detach(Path(os.path.realpath(path)))
        else:
            self._others.detach(path)

    def close(self) -> None:
        """As `Files.close`."""
        self._real.close()
        self._disk.close()
        self._others.close()

    def keep_time(self, wall_ns: Callable[[], int]) -> None:
        """As `Files.keep_time`."""
        self._others.keep_time(wall_ns)

    def list_dir(self, path: str) -> list[str]:
        """As `Files.list_dir`."""
        return self._files(path).list_dir(path)

    def is_dir(self, path: str) -> bool:
        """As `Files.is_dir`."""
        return self._files(path).is_dir(path)

    def exists(self, path: str) -> bool:
        """As `Files.exists`."""
        return self._files(path).exists(path)
