"""The rules for changing directories: who may, and what the kernel refuses, in its order."""

import errno
from collections.abc import Callable
from typing import TypeVar

from fakecri.core.paths import path_error
from fakecri.core.rootfs.access import EXECUTE, WRITE, Who
from fakecri.core.rootfs.memory import Directory
from fakecri.core.rootfs.nodes import Made, Node
from fakecri.core.rootfs.places import Mounts, Place

_SETGID, _STICKY = 0o2000, 0o1000
T = TypeVar("T")


def named(asked: str, work: Callable[[], T]) -> T:
    """Do something; an OSError names the path that was asked for."""
    try:
        return work()
    except OSError as error:
        raise path_error(error.errno or errno.EIO, asked) from None


def require_changeable(place: Place, who: Who, asked: str) -> Place:
    """Return the directory that a place is in, if names may be made and removed there."""
    parent = place.parent
    if parent is None or place.path != f"{parent.path.rstrip('/')}/{place.name}":
        raise path_error(errno.EBUSY, asked)
    if parent.mount.read_only:
        raise path_error(errno.EROFS, asked)
    who.require(parent.held.stat(), WRITE | EXECUTE, asked)
    return parent


def make(place: Place, made: Made, who: Who, asked: str) -> Node:
    """Make something new at a place where nothing is. FileExistsError."""
    if place.node is not None:
        raise path_error(errno.EEXIST, asked)
    parent = require_changeable(place, who, asked)
    above = parent.held.stat()
    if above.mode & _SETGID:
        made.gid = above.gid
        made.mode |= _SETGID if made.kind == "dir" else 0
    place.node = named(asked, lambda: parent.own().make(place.name, made))
    return place.node


def remove(place: Place, who: Who, mounts: Mounts, asked: str, *, directory: bool) -> None:
    """Remove a name: an empty directory's, or any other's."""
    if place.parent is None:
        raise path_error(errno.EBUSY if directory else errno.EISDIR, asked)
    if place.parent.mount.read_only:
        raise path_error(errno.EROFS, asked)
    node = place.node
    if node is None:
        raise path_error(errno.ENOENT, asked)
    parent = require_changeable(place, who, asked)
    _require_sticky(parent, node, who, asked)
    if directory and node.kind != "dir":
        raise path_error(errno.ENOTDIR, asked)
    if not directory and node.kind == "dir":
        raise path_error(errno.EISDIR, asked)
    if mounts.find(place.path) is not None:
        raise path_error(errno.EBUSY, asked)
    if directory and (any(True for _ in node.names()) or mounts.below(place.path)):
        raise path_error(errno.ENOTEMPTY, asked)
    named(asked, lambda: parent.own().remove(place.name))


def _require_sticky(parent: Place, node: Node, who: Who, asked: str) -> None:
    above = parent.held.stat()
    if above.mode & _STICKY and not (who.owns(node.stat()) or who.uid == above.uid):
        raise path_error(errno.EPERM, asked)


def rename(old: Place, new: Place, who: Who, mounts: Mounts, asked: tuple[str, str]) -> None:
    """Move a name, also over what is there."""
    try:
        _rename(old, new, who, mounts)
    except OSError as error:
        raise path_error(error.errno or errno.EIO, *asked) from None


def _rename(old: Place, new: Place, who: Who, mounts: Mounts) -> None:
    if old.mount is not new.mount or old.node is None:
        raise path_error(errno.ENOENT if old.node is None else errno.EXDEV, "")
    if mounts.below(old.path) or mounts.find(new.path) is not None:
        raise path_error(errno.EBUSY, "")
    parents = [require_changeable(each, who, "") for each in (old, new)]
    if new.path.startswith(old.path + "/"):
        raise path_error(errno.EINVAL, "")
    if old.path.startswith(new.path + "/"):
        raise path_error(errno.ENOTEMPTY, "")
    _require_sticky(parents[0], old.node, who, "")
    if new.node is not None:
        _require_sticky(parents[1], new.node, who, "")
        if _is_same(old.node, new.node):
            return
        _require_replaceable(old.node, new.node)
    if _is_of_an_image(old):
        raise path_error(errno.EXDEV, "")  # as overlayfs says of a directory
    old.own()
    parents[0].own().move(old.name, parents[1].own(), new.name)


def _is_of_an_image(place: Place) -> bool:
    node, upper = place.node, place.mount.upper
    if upper is None or not isinstance(node, Directory):
        return False
    return node.below is not None or node.fs is not upper


def _is_same(one: Node, other: Node) -> bool:
    first, second = one.stat(), other.stat()
    return (first.device, first.inode) == (second.device, second.inode)


def _require_replaceable(node: Node, replaced: Node) -> None:
    if replaced.kind == "dir":
        if node.kind != "dir":
            raise path_error(errno.EISDIR, "")
        if any(True for _ in replaced.names()):
            raise path_error(errno.ENOTEMPTY, "")
    elif node.kind == "dir":
        raise path_error(errno.ENOTDIR, "")
