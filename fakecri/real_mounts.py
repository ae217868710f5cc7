"""What containers mount on shared directories of this machine: really mounted, and undone again."""

import os
import shutil
import tempfile
from collections.abc import Callable
from contextlib import suppress
from logging import getLogger
from pathlib import Path

from fakecri import machine_mounts
from fakecri.core.rootfs.nodes import Node
from fakecri.core.rootfs.places import Mount
from fakecri.disk_nodes import DiskNode

_LOG = getLogger("fakecri.mounts")
_CHUNK = 1 << 16
_MOST_FILES = 10_000


class RealMounts:
    """Mounts of this machine that are one node's, by where they are."""

    def __init__(self) -> None:
        self._made: list[tuple[Path, Path | None]] = []
        """What is mounted where, and the copy that it is of, if it is one."""

    def attach(self, place: Path, mount: Mount) -> None:
        """Mount for real what a container mounted; where this process may not, say so in the log.

        What is on this machine's disk, and what is new and empty, is there the same for the
        container and for the machine. Of other files the machine gets a copy, which it can only
        read: what it wrote there would be lost.
        """
        try:
            copy = self._mount(place, mount)
        except OSError as error:
            _LOG.warning("%s is mounted for containers alone: %s", place, error.strerror)
            return
        self._made.append((place, copy))

    def _mount(self, place: Path, mount: Mount) -> Path | None:
        root = mount.root(None)
        if mount.kind == "tmpfs" and mount.is_new:
            options = mount.super_options
            machine_mounts.mount_tmpfs(str(place), options, read_only=mount.read_only)
            mount.root = _node_at(place)
            return None
        if isinstance(root, DiskNode):
            machine_mounts.bind(str(root.place), str(place), read_only=mount.read_only)
            return None
        copy = Path(tempfile.mkdtemp(prefix="fakecri-mount-"))
        try:
            _Copy().take(root, copy / "root")
            machine_mounts.bind(str(copy / "root"), str(place), read_only=True)
        except OSError:
            shutil.rmtree(copy)
            raise
        return copy

    def detach(self, place: Path) -> None:
        """Undo `attach`; harmless where it did nothing."""
        for each in self._made[::-1]:
            if each[0] == place:
                self._made.remove(each)
                self._undo(*each)
                return

    def close(self) -> None:
        """Undo all that is left."""
        while self._made:
            self._undo(*self._made.pop())

    def _undo(self, place: Path, copy: Path | None) -> None:
        with suppress(OSError):  # somebody else may have unmounted it, and all above it
            machine_mounts.unmount(str(place))
        if copy is not None:
            shutil.rmtree(copy, ignore_errors=True)


def _node_at(place: Path) -> Callable[[object], Node]:
    return lambda _: DiskNode(place)


class _Copy:
    """One copy of a tree; OSError where it has too many files."""

    def __init__(self) -> None:
        self._left = _MOST_FILES

    def take(self, node: Node, place: Path) -> None:
        self._left -= 1
        if self._left < 0:
            raise OSError(0, f"it has more than {_MOST_FILES} files")
        stat = node.stat()
        if stat.kind == "dir":
            place.mkdir()
            for name in node.names():
                child = node.find(name)
                if child is not None:
                    self.take(child, place / name)
        elif stat.kind == "link":
            place.symlink_to(node.target())
        elif stat.kind == "file":
            _write(node, place)
        else:
            return  # devices and pipes of a simulation are none elsewhere
        os.chown(place, stat.uid, stat.gid, follow_symlinks=False)
        if stat.kind != "link":
            place.chmod(stat.mode)


def _write(node: Node, place: Path) -> None:
    handle = node.handle()
    try:
        with place.open("wb") as file:
            offset = 0
            while content := handle.read_at(offset, _CHUNK):
                file.write(content)
                offset += len(content)
    finally:
        handle.close()
