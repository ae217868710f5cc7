"""The tree of the node's files in memory: directories, files, and what can be said of both."""

import errno
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TypeAlias


@dataclass(slots=True)
class File:
    """A file."""

    mode: int
    content: bytearray = field(default_factory=bytearray)
    linked: bool = True
    """Whether it has a name; a file that is open may have lost it."""


@dataclass(slots=True)
class Directory:
    """A directory."""

    mode: int
    entries: "dict[str, File | Directory]" = field(default_factory=dict)


Node: TypeAlias = File | Directory


def room(node: Node) -> tuple[int, int]:
    """The bytes and inodes of a file, or of a directory and all below it."""
    if isinstance(node, File):
        return len(node.content), 1
    rooms = [room(each) for each in node.entries.values()]
    return sum(each[0] for each in rooms), 1 + sum(each[1] for each in rooms)


def unlink(node: Node) -> None:
    """Note that a file, or all files of a directory, have no name any more."""
    if isinstance(node, File):
        node.linked = False
    else:
        for each in node.entries.values():
            unlink(each)


def contents(path: str, directory: Directory) -> Iterator[tuple[str, bytes]]:
    """Yield the path and the content of each file below a directory, which is at `path`."""
    for name, node in directory.entries.items():
        if isinstance(node, File):
            yield f"{path}/{name}", bytes(node.content)
        else:
            yield from contents(f"{path}/{name}", node)


def rename_refusal(old: list[str], new: list[str], node: Node, replaced: Node | None) -> int:
    """The errno of a rename that cannot be, in the order Linux looks; 0 for one that can."""
    if new[: len(old)] == old:
        return errno.EINVAL
    if old[: len(new)] == new:
        return errno.ENOTEMPTY
    if isinstance(node, Directory) and isinstance(replaced, File):
        return errno.ENOTDIR
    if isinstance(node, File) and isinstance(replaced, Directory):
        return errno.EISDIR
    return errno.ENOTEMPTY if isinstance(replaced, Directory) and replaced.entries else 0
