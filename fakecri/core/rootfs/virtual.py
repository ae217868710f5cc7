"""Directories and files that are made when somebody looks: those of /proc and /sys."""

import errno
from collections.abc import Callable, Iterable, Mapping
from typing import ClassVar

from fakecri.core.paths import path_error
from fakecri.core.rootfs.nodes import Handle, Made, Node
from fakecri.core.rootfs.stats import Stat


class VirtualNode(Node):
    """Something whose attributes nobody changes."""

    __slots__ = ("device", "gid", "inode", "mode", "mtime_ns", "uid")

    def __init__(self, mode: int, *, uid: int = 0, gid: int = 0) -> None:
        self.mode = mode
        self.uid = uid
        self.gid = gid
        self.inode = 1
        self.device = 0
        self.mtime_ns = 0

    def stat(self) -> Stat:
        """Return its status."""
        nlink = 2 if self.kind == "dir" else 1
        return Stat(
            self.kind,
            self.mode,
            self.uid,
            self.gid,
            self.size(),
            self.mtime_ns,
            self.inode,
            nlink,
            self.device,
        )

    def size(self) -> int:
        """Return st_size: nothing is known before it is read."""
        return 0


class Text(VirtualNode):
    """A file whose content is computed when it is opened."""

    __slots__ = ("_content", "_written")
    kind: ClassVar[str] = "file"

    def __init__(
        self,
        content: Callable[[], str | bytes],
        mode: int = 0o444,
        *,
        written: Callable[[bytes], None] | None = None,
        uid: int = 0,
        gid: int = 0,
    ) -> None:
        """`written` takes what somebody writes; OSError where it is refused."""
        super().__init__(mode, uid=uid, gid=gid)
        self._content = content
        self._written = written

    def handle(self, *, writes: bool = False) -> Handle:  # noqa: ARG002  # a write is refused later
        """Open it, with the content of this moment."""
        content = self._content()
        raw = content.encode(errors="surrogateescape") if isinstance(content, str) else content
        return _OpenText(raw, self._written)


class _OpenText(Handle):
    __slots__ = ("_content", "_written")

    def __init__(self, content: bytes, written: Callable[[bytes], None] | None) -> None:
        self._content = content
        self._written = written

    def size(self) -> int:
        return 0

    def read_at(self, offset: int, count: int) -> bytes:
        return self._content[offset : offset + count]

    def write_at(self, offset: int, content: bytes) -> None:  # noqa: ARG002  # each one is a whole
        if self._written is None:
            raise path_error(errno.EACCES, "")
        self._written(content)

    def resize(self, size: int) -> None:
        """Do nothing: O_TRUNC has no effect on such files."""


class Shortcut(VirtualNode):
    """A link."""

    __slots__ = ("_jump", "_target")
    kind: ClassVar[str] = "link"

    def __init__(self, target: str, jump: Callable[[], Node | None] | None = None) -> None:
        """`jump` finds what it leads to, where that has no path."""
        super().__init__(0o777)
        self._target = target
        self._jump = jump

    def target(self) -> str:
        """Return where it points."""
        return self._target

    def jump(self) -> Node | None:
        """Return what it leads to without a path."""
        return self._jump() if self._jump else None


class Folder(VirtualNode):
    """A directory: names, and what is made for them when they are asked for."""

    __slots__ = ("_makers",)
    kind: ClassVar[str] = "dir"

    def __init__(
        self, makers: Mapping[str, Callable[[], Node]], mode: int = 0o555, *, uid: int = 0
    ) -> None:
        super().__init__(mode, uid=uid)
        self._makers = makers

    def add(self, name: str, maker: Callable[[], Node]) -> None:
        """Add a name."""
        self._makers = {**self._makers, name: maker}

    def find(self, name: str) -> Node | None:
        """Return what a name leads to."""
        maker = self._makers.get(name)
        if maker is None:
            return None
        node = maker()
        if isinstance(node, VirtualNode):
            node.inode = _inode(self.inode, name)
            node.device = self.device
            node.mtime_ns = node.mtime_ns or self.mtime_ns
        return node

    def names(self) -> Iterable[str]:
        """Return the names."""
        return self._makers

    def make(self, name: str, made: Made) -> Node:  # noqa: ARG002  # whatever it is
        """Refuse: nothing is made here."""
        raise path_error(errno.ENOENT, "")


def _inode(above: int, name: str) -> int:
    """Return a number that follows from the path."""
    number = above
    for byte in name.encode(errors="surrogateescape"):
        number = (number * 1_000_003 ^ byte) & 0x7FFF_FFFF
    return number or 1


def folder_of(texts: Mapping[str, Callable[[], str]]) -> dict[str, Callable[[], Node]]:
    """Return makers of read-only files."""
    return {name: _text_maker(content) for name, content in texts.items()}


def _text_maker(content: Callable[[], str]) -> Callable[[], Node]:
    return lambda: Text(content)
