"""Finding a place by its path: through mounts and links, as far as somebody may search."""

import errno
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from fakecri.core.paths import NAME_MAX, PATH_MAX, path_error
from fakecri.core.rootfs.access import EXECUTE, Who
from fakecri.core.rootfs.memory import MemoryNode
from fakecri.core.rootfs.nodes import Filesystem, Node

if TYPE_CHECKING:
    from collections.abc import Callable

    from fakecri.core.processes import Process

LINKS_MAX = 40


@dataclass(slots=True, eq=False)
class Mount:
    """A file system, or a part of one, at a path of a container."""

    path: str
    root: "Callable[[Process | None], Node]"
    """What is at the path; of /proc it depends on who looks."""
    kind: str = "overlay"
    source: str = "overlay"
    read_only: bool = False
    options: tuple[str, ...] = ()
    """Of the mount, as mountinfo shows them, beside `ro` and `rw`."""
    super_options: str = ""
    """Of the file system."""
    inner: str = "/"
    """The part of the file system that is mounted."""
    device: int = 0
    propagation: str = ""
    node_path: str = ""
    """Where it is on the node, if it is shared with the node or hears of the node's mounts."""
    is_new: bool = False
    """Whether it is a file system of its own that somebody has just made."""
    upper: Filesystem | None = None
    """Where what is changed has to lie, if what is below is never changed."""


@dataclass(slots=True, eq=False)
class Place:
    """What a path leads to, and how it got there."""

    mount: Mount
    path: str
    node: Node | None
    """None: nothing is there, but its directory is."""
    parent: "Place | None"

    @property
    def name(self) -> str:
        """The last name of the path."""
        return self.path.rpartition("/")[2]

    @property
    def held(self) -> Node:
        """What is there. FileNotFoundError."""
        if self.node is None:
            raise path_error(errno.ENOENT, self.path)
        return self.node

    def own(self) -> Node:
        """Return what is there as something that may be changed, copied up where it must be."""
        node = self.held
        if self.mount.read_only:
            raise path_error(errno.EROFS, self.path)
        upper = self.mount.upper
        if upper is None or not isinstance(node, MemoryNode) or node.fs is upper:
            return node
        if self.parent is None or self.parent.mount is not self.mount:
            raise path_error(errno.EROFS, self.path)
        above = self.parent.own()
        copy = node.copied(upper)
        above.put(self.name, copy)  # type: ignore[attr-defined]  # what is above a MemoryNode is a Directory
        self.node = copy
        return copy


@dataclass(slots=True, eq=False)
class Mounts:
    """The mount table of a container: what is mounted where, the last one on top."""

    all: list[Mount] = field(default_factory=list)
    _by_path: dict[str, Mount] = field(default_factory=dict)

    def add(self, mount: Mount) -> None:
        """Mount something over what was there."""
        self.all.append(mount)
        self._by_path[mount.path] = mount

    def remove(self, path: str) -> bool:
        """Unmount what is at a path; False where nothing is mounted."""
        mount = self._by_path.get(path)
        if mount is None:
            return False
        self.discard(mount)
        return True

    def discard(self, mount: Mount) -> None:
        """Unmount one mount, wherever it is; harmless where it is not."""
        if mount not in self.all:
            return
        self.all.remove(mount)
        self._by_path.pop(mount.path)
        for each in self.all:
            if each.path == mount.path:
                self._by_path[mount.path] = each

    def clear(self) -> None:
        """Unmount all, and so let go of what only these mounts have open."""
        self.all.clear()
        self._by_path.clear()

    def find(self, path: str) -> Mount | None:
        """Return what is mounted at a path."""
        return self._by_path.get(path)

    def below(self, path: str) -> bool:
        """Whether something is mounted at a path, or below it."""
        prefix = path.rstrip("/") + "/"
        return any(each.path == path or each.path.startswith(prefix) for each in self.all)


class Walk:
    """One look-up: the path as it was given stays what errors name."""

    def __init__(self, mounts: Mounts, who: Who, process: "Process | None") -> None:
        self._mounts = mounts
        self._who = who
        self._process = process

    def find(self, path: str, cwd: str = "/", *, follow: bool = True) -> Place:
        """Return where a path leads. Raises OSError; a last name that is not there is a Place."""
        if not path:
            raise path_error(errno.ENOENT, path)
        if "\0" in path:
            raise path_error(errno.EINVAL, path)
        if len(path.encode(errors="surrogateescape")) >= PATH_MAX:
            raise path_error(errno.ENAMETOOLONG, path)
        place = self._root()
        if not path.startswith("/"):
            place = self._go(place, cwd, path, follow=True)
        return self._go(place, path, path, follow=follow)

    def _root(self) -> Place:
        mount = self._mounts.find("/")
        if mount is None:
            raise path_error(errno.ENOENT, "/")
        return Place(mount, "/", mount.root(self._process), None)

    def _go(self, place: Place, path: str, asked: str, *, follow: bool) -> Place:
        names = path.split("/")[::-1]
        links = 0
        while names:
            name = names.pop()
            if not name and names:
                continue
            self._require_searchable(place, name, asked)
            if name in {"", "."}:
                continue
            if name == "..":
                place = place.parent or place
                continue
            child = self._child(place, name, asked)
            if child.node is None and any(names):
                raise path_error(errno.ENOENT, asked)
            if child.node is not None and child.node.kind == "link" and (follow or names):
                links += 1
                place = self._followed(place, child, names)
            else:
                place = child
            if links > LINKS_MAX:
                raise path_error(errno.ELOOP, asked)
        return place

    def _require_searchable(self, place: Place, name: str, asked: str) -> None:
        if place.node is None:
            raise path_error(errno.ENOENT, asked)
        if place.node.kind != "dir":
            raise path_error(errno.ENOTDIR, asked)
        if name:
            node = place.node
            # A whole status takes longer, and this is done for each name of each path.
            owned = node if isinstance(node, MemoryNode) else node.stat()
            self._who.require(owned, EXECUTE, asked)

    def _followed(self, place: Place, child: Place, names: list[str]) -> Place:
        """Return from where to go on, and put what a link says before the names to come."""
        link = child.held
        jump = link.jump()
        if jump is not None:
            return Place(child.mount, child.path, jump, place)
        target = link.target()
        names.extend(target.split("/")[::-1])
        return self._root() if target.startswith("/") else place

    def _child(self, place: Place, name: str, asked: str) -> Place:
        if len(name.encode(errors="surrogateescape")) > NAME_MAX:
            raise path_error(errno.ENAMETOOLONG, asked)
        path = f"{place.path.rstrip('/')}/{name}"
        mount = self._mounts.find(path)
        if mount is not None:
            return Place(mount, path, mount.root(self._process), place)
        return Place(place.mount, path, place.node.find(name) if place.node else None, place)
