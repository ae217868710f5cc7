"""The tree of an image: made once from its userland and recipe, and never changed."""

import posixpath
from collections.abc import Mapping
from functools import cache, lru_cache

from fakecri.core.known_images import Recipe
from fakecri.core.rootfs.memory import Directory, File, Link, MemoryNode
from fakecri.core.rootfs.nodes import Filesystem
from fakecri.core.rootfs.skeletons import SKELETONS, Skeleton
from fakecri.core.userlands import Userland

BUILT_NS = 1_735_689_600 * 10**9
"""When images were built: the beginning of 2025."""
MAGIC = b"\x7fELF\x02\x01\x01fakecri:"
MULTI_CALL = "busybox"
_OWN_INODES = 100_000


def executable(name: str) -> bytes:
    """Return the content of the executable that is a program."""
    return MAGIC + name.encode(errors="surrogateescape") + b"\n"


def program_name(content: bytes) -> str | None:
    """Return the program that an executable is; None where it is none of ours."""
    if not content.startswith(MAGIC):
        return None
    return content[len(MAGIC) :].partition(b"\n")[0].decode(errors="surrogateescape")


@lru_cache(maxsize=1024)
def image_tree(userland: Userland, recipe: Recipe) -> Directory:
    """Return the root of an image's files."""
    base, own = userland, set[str]()
    while base.below is not None:
        own |= base.own
        base = base.below
    below = base_tree(base)
    if base is userland and not recipe.files and not _own_directories(recipe):
        return below
    builder = _Builder(_OWN_INODES, below)
    for path in _own_directories(recipe):
        builder.directory(path)
    if base is not userland:
        builder.users(userland)
    raised = userland.setuid - base.setuid
    for path in sorted(own):
        mode = 0o4755 if path in raised else 0o755
        builder.file(path, executable(path.rpartition("/")[2]), mode)
    builder.files(recipe.files, userland)
    return builder.root


def _own_directories(recipe: Recipe) -> tuple[str, ...]:
    return tuple(each for each in (*recipe.volumes, recipe.working_dir) if each.strip("/"))


@cache
def base_tree(userland: Userland) -> Directory:
    """Return the tree of a base."""
    skeleton = next(
        (each for each in SKELETONS.values() if each.fits(userland)), SKELETONS["scratch"]
    )
    builder = _Builder(2, None)
    for path, mode in skeleton.directories.items():
        builder.directory(path, mode)
    for path, target in skeleton.links.items():
        builder.put(path, Link(builder.fs, target))
    for path, content in skeleton.files.items():
        builder.file(path, content.encode(), 0o644)
    if userland.passwd:
        builder.users(userland)
    _Executables(builder, skeleton).add(userland)
    return builder.root


class _Executables:
    """How the executables of a base are kept: links of one file, or a file each."""

    def __init__(self, builder: "_Builder", skeleton: Skeleton) -> None:
        self.builder = builder
        self.skeleton = skeleton
        self.multi_call: File | None = None

    def add(self, userland: Userland) -> None:
        # Two paths may be one file; the one that is known to be set-user-id says so.
        paths = sorted(userland.own, key=lambda path: (path not in userland.setuid, path))
        if self.skeleton.applets:
            content = executable(MULTI_CALL)
            self.multi_call = self.builder.file(f"/bin/{MULTI_CALL}", content, 0o755)
        for path in paths:
            self._add(path, 0o4755 if path in userland.setuid else 0o755)

    def _add(self, path: str, mode: int) -> None:
        builder, name = self.builder, path.rpartition("/")[2]
        if builder.find(path) is not None:
            return
        if self.multi_call is None or name in self.skeleton.no_applets:
            builder.file(path, executable(name), mode)
        elif self.skeleton.applets == "links":
            builder.put(path, Link(builder.fs, f"/bin/{MULTI_CALL}"))
        else:
            self.multi_call.nlink += 1
            builder.put(path, self.multi_call)


class _Builder:
    """A tree that grows."""

    def __init__(self, first: int, below: Directory | None) -> None:
        self.fs = Filesystem(0, lambda: BUILT_NS, first=first)
        self.root = Directory(self.fs, below=below)

    def find(self, path: str) -> MemoryNode | None:
        node: MemoryNode | None = self.root
        for name in path.strip("/").split("/"):
            while isinstance(node, Link):
                node = self.find(posixpath.join("/", node.target()))
            node = node.find(name) if isinstance(node, Directory) else None
        return node

    def directory(self, path: str, mode: int = 0o755) -> Directory:
        """Return a directory of this tree; what is missing is made, what is below copied."""
        node = self.root
        names = [each for each in path.split("/") if each]
        for count, name in enumerate(names, 1):
            child = node.find(name)
            if isinstance(child, Link):
                target = posixpath.join("/", *names[: count - 1], child.target())
                node = self.directory(posixpath.normpath(target))
                continue
            if not isinstance(child, Directory):
                child = Directory(self.fs, mode if count == len(names) else 0o755)
                node.put(name, child)
            elif child.fs is not self.fs:
                child = child.copied(self.fs)
                node.put(name, child)
            node = child if isinstance(child, Directory) else node
        return node

    def put(self, path: str, node: MemoryNode) -> None:
        above, _, name = path.rpartition("/")
        self.directory(above).put(name, node)

    def file(self, path: str, content: bytes, mode: int) -> File:
        file = File(self.fs, mode, content=content)
        self.put(posixpath.normpath(path), file)
        return file

    def users(self, userland: Userland) -> None:
        self.file("/etc/passwd", userland.passwd.encode(), 0o644)
        self.file("/etc/group", userland.group.encode(), 0o644)

    def files(self, files: Mapping[str, str | bytes], userland: Userland) -> None:
        for path, content in files.items():
            known = posixpath.normpath(path)
            mode = 0o755 if userland.has(known) else 0o644
            self.file(known, content.encode() if isinstance(content, str) else content, mode)
