"""Opening what a path leads to, as open(2) does."""

import errno
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from fakecri.core.paths import path_error
from fakecri.core.rootfs.access import READ, WRITE, Who
from fakecri.core.rootfs.changes import make, named
from fakecri.core.rootfs.dev import PTS_MAJOR
from fakecri.core.rootfs.devices import TTY, open_device
from fakecri.core.rootfs.fifos import OpenedFifo
from fakecri.core.rootfs.memory import Fifo
from fakecri.core.rootfs.nodes import Made, Node
from fakecri.core.rootfs.opened import Opened, OpenedFile, OpenedStream
from fakecri.core.rootfs.places import Place
from fakecri.core.rootfs.streams import StreamNode

if TYPE_CHECKING:
    from fakecri.core.processes import Process
    from fakecri.core.rootfs.tree import Rootfs

_WANTS: Mapping[str, int] = MappingProxyType(
    {"r": READ, "w": WRITE, "a": WRITE, "x": WRITE, "r+": READ | WRITE}
)


def open_place(  # what open(2) is told, and by whom
    rootfs: "Rootfs", process: "Process", who: Who, place: Place, path: str, flags: str, mode: int
) -> Opened:
    """Open, making the file where `flags` say so. `mode` has had the umask applied."""
    want = _WANTS.get(flags)
    if want is None:
        raise path_error(errno.EINVAL, path)
    if place.node is None:
        if flags not in {"w", "a", "x"}:
            raise path_error(errno.ENOENT, path)
        make(place, Made("file", mode, who.uid, who.gid), who, path)
    elif flags == "x":
        raise path_error(errno.EEXIST, path)
    else:
        _require(place, place.node, who, want, path)
    return _opened(rootfs, process, place, path, flags)


def _require(place: Place, node: Node, who: Who, want: int, path: str) -> None:
    if node.kind == "link":
        raise path_error(errno.ELOOP, path)
    if node.kind == "dir" and want & WRITE:
        raise path_error(errno.EISDIR, path)
    if node.kind == "socket":
        raise path_error(errno.ENXIO, path)
    if node.kind in {"file", "dir"} and want & WRITE and place.mount.read_only:
        raise path_error(errno.EROFS, path)
    if not isinstance(node, StreamNode):
        who.require(node.stat(), want, path)
    if node.kind in {"char", "block"} and "nodev" in place.mount.options:
        raise path_error(errno.EACCES, path)


def _opened(rootfs: "Rootfs", process: "Process", place: Place, path: str, flags: str) -> Opened:
    node = place.held
    reads, writes = flags in {"r", "r+"}, flags != "r"
    if isinstance(node, StreamNode):
        return OpenedStream(
            path, node.stat, node.reader if reads else None, node.sink if writes else None
        )
    if isinstance(node, Fifo):
        ends = ("r" if reads else "") + ("w" if writes else "")
        return OpenedFifo(path, node.stat, node.opened(rootfs.scheduler), ends)
    if node.kind in {"char", "block"}:
        rdev = node.stat().rdev
        if rdev == TTY or rdev[0] == PTS_MAJOR:
            return _terminal(process, node, path, rdev)
        return open_device(path, node.stat, rdev, rootfs.noise, rootfs.scheduler)
    if writes:
        node = place.own()
    handle = named(path, lambda: node.handle(writes=writes))
    if flags == "w" and handle.size():
        named(path, lambda: handle.resize(0))
    may = {"r": "r", "r+": "rw", "a": "a"}.get(flags, "w")
    return OpenedFile(path, node.stat, handle, may)


def _terminal(process: "Process", node: Node, path: str, rdev: tuple[int, int]) -> Opened:
    terminal = process.terminal if rdev == TTY else process.system.terminals.get(rdev[1])
    if terminal is None:
        raise path_error(errno.ENXIO if rdev == TTY else errno.EIO, path)
    return OpenedStream(path, node.stat, terminal, terminal)
