"""What runc mounts for a container: the image and its layer, /proc, /dev and so on, the binds."""

import errno
import posixpath
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from fakecri.api import runtime_pb2 as pb
from fakecri.core.disk import Account
from fakecri.core.executables import quoted
from fakecri.core.oci_mounts import container_mounts
from fakecri.core.oci_spec import container_devices
from fakecri.core.paths import go_error_text, path_error
from fakecri.core.processes import Process
from fakecri.core.records import Container
from fakecri.core.rootfs.access import Who
from fakecri.core.rootfs.cgroups import cgroup_root, sys_root
from fakecri.core.rootfs.changes import make
from fakecri.core.rootfs.dev import dev_tree, mqueue_tree, pts_tree
from fakecri.core.rootfs.image_trees import image_tree
from fakecri.core.rootfs.kernel import Kernel
from fakecri.core.rootfs.layers import LayerCount
from fakecri.core.rootfs.memory import Directory
from fakecri.core.rootfs.nodes import Filesystem, Made, Node
from fakecri.core.rootfs.places import Mount, Mounts, Place, Walk
from fakecri.core.rootfs.proc import proc_root
from fakecri.core.rootfs.sandbox_files import find_sandbox_file
from fakecri.core.rootfs.subtrees import PRIVATE, SHARED, SLAVE
from fakecri.core.rootfs.tree import Rootfs, layer_mount
from fakecri.core.rootfs.virtual import VirtualNode
from fakecri.core.world import World

_RUNC = Who(capabilities=frozenset({"CAP_DAC_OVERRIDE"}))
_UPPER_INODES = 1 << 20
_LAYER_DEVICE, _FIRST_DEVICE = 50, 51
_MOUNT_OPTIONS = frozenset({"nosuid", "noexec", "nodev", "relatime", "strictatime"})
_NOTHING: dict[str, Any] = {"source": "", "destination": "/", "type": "", "options": []}
_BINDS = {"bind", "rbind"}
_DEVICE_KINDS = {"b": "block", "p": "fifo"}
_MAKERS: dict[str, Callable[[Filesystem], Node]] = {
    "tmpfs": dev_tree,
    "devpts": pts_tree,
    "mqueue": mqueue_tree,
}


_VOLUME_DEVICE = 48


class MountError(OSError):
    """Something cannot be mounted; `strerror` is runc's text."""


@dataclass(slots=True)
class SetUp:
    """Makes the mounts of a container, when they are first needed."""

    world: World
    container: Container

    def __call__(self, rootfs: Rootfs) -> Mounts:
        container, world = self.container, self.world
        upper = Filesystem(_LAYER_DEVICE, world.clock.wall_ns, first=_UPPER_INODES)
        root = layer_mount(image_tree(container.image.userland, container.image.recipe), upper)
        root.options = ("relatime",)
        root.super_options = _OVERLAY
        root_bytes = upper.held_bytes
        mounts = Mounts()
        mounts.add(root)
        try:
            self._fill(mounts)
        except OSError:
            world.subtrees.leave(mounts)
            mounts.clear()
            raise
        root.read_only = container.config.linux.security_context.readonly_rootfs
        account = Account(world.disk, "layers")
        # The empty layer came with the container; what was made to mount on is new.
        account.take(upper.held_bytes - root_bytes, upper.inodes - 1)
        upper.account = account
        rootfs.count = LayerCount(world.scheduler, upper)
        rootfs.subtrees, rootfs.owner = world.subtrees, container.parent.id
        return mounts

    def _fill(self, mounts: Mounts) -> None:
        rows = container_mounts(self.world.profile, self.container)
        for number, row in enumerate(rows, _FIRST_DEVICE):
            # The spec leaves out what is empty; to runc that is the root itself.
            self._mount(mounts, _NOTHING | row, number)
        self._add_devices(mounts)
        _cover(mounts, self.container.config.linux.security_context)

    def _add_devices(self, mounts: Mounts) -> None:
        try:
            self._make_devices(mounts)
        except OSError as error:
            text = go_error_text("mknod", error.filename or "", error)
            code = error.errno or errno.EIO
            raise MountError(code, f"error creating device nodes: {text}") from None

    def _make_devices(self, mounts: Mounts) -> None:
        for each in container_devices(self.container):
            path = posixpath.normpath(each["path"])
            make_directories(mounts, posixpath.dirname(path))
            place = Walk(mounts, _RUNC, None).find(path)
            if place.node is None:
                numbers = (each["major"], each["minor"])
                kind = _DEVICE_KINDS.get(each["type"], "char")
                mode, uid, gid = (
                    each.get("fileMode", 0) & 0o7777,
                    each.get("uid", 0),
                    each.get("gid", 0),
                )
                made = Made(kind, mode, uid, gid, rdev=numbers)
                make(place, made, _RUNC, path)

    def _mount(self, mounts: Mounts, row: dict[str, Any], number: int) -> None:
        is_bind = row["type"] == "bind" or not _BINDS.isdisjoint(row["options"])
        try:
            if is_bind:
                self._bind(mounts, row)
            else:
                self._make(mounts, row, number)
        except OSError as error:
            source, destination = (quoted(row[each]) for each in ("source", "destination"))
            text = go_error_text("mount", error.filename or row["destination"], error)
            raise MountError(
                error.errno or errno.EIO,
                f"error mounting {source} to rootfs at {destination}: {text}",
                row["destination"],
            ) from None

    def _make(self, mounts: Mounts, row: dict[str, Any], number: int) -> None:
        root = self._root(row["type"], row["destination"], number, mounts)
        if root is None:
            return
        place = _mount_point(mounts, row["destination"], "dir")
        options = tuple(each for each in row["options"] if each in _MOUNT_OPTIONS)
        mounts.add(
            Mount(
                place.path,
                root,
                _KINDS.get(row["type"], row["type"]),
                row["source"],
                read_only="ro" in row["options"],
                options=options,
                super_options=_SUPER_OPTIONS.get(row["type"], "rw"),
                device=number,
            )
        )

    def _volume(self, upper: Filesystem, path: str) -> Node:
        """Return a volume of the image: what the image has there, to be written to."""
        image = self.container.image
        found = image_tree(image.userland, image.recipe)
        for name in posixpath.normpath(path).strip("/").split("/"):
            below = found.find(name)
            if not isinstance(below, Directory):
                return Directory(upper)
            found = below
        return found.copied(upper)

    def _root(
        self, kind: str, destination: str, number: int, mounts: Mounts
    ) -> Callable[[Process | None], Node] | None:
        """Return what is at the root of a file system of a kind; None: of none that we know."""
        kernel = Kernel(self.world, self.container, mounts)
        if kind == "proc":
            return lambda viewer: proc_root(kernel, viewer)
        if kind == "sysfs":
            return lambda _: sys_root(kernel)
        if kind == "cgroup":
            return lambda _: cgroup_root(kernel)
        maker = _MAKERS.get(kind)
        if maker is None:
            return None
        if kind == "tmpfs" and destination != "/dev":
            maker = Directory
        node = maker(Filesystem(number, self.world.clock.wall_ns))
        return lambda _: node

    def _bind(self, mounts: Mounts, row: dict[str, Any]) -> None:
        source = row["source"]
        root = find_sandbox_file(self.world, self.container.parent, source)
        inside: list[tuple[str, Node, bool]] = []
        upper: Filesystem | None = None
        if root is None and source.startswith(self.world.profile.root):
            upper = Filesystem(_VOLUME_DEVICE, self.world.clock.wall_ns)
            root = self._volume(upper, row["destination"])
        propagation = next((each for each in row["options"] if each in _PROPAGATIONS), PRIVATE)
        if root is None:
            files = self.world.mounted
            look = files.view if propagation == PRIVATE else files.node
            root = look(source)
            inside = [(path, look(path), ro) for path, ro in files.mounts_below(source)]
        place = _mount_point(mounts, row["destination"], "dir" if root.kind == "dir" else "file")
        read_only, recursive = _read_only(row["options"])
        bound = _bound(place.path, root, source, read_only=read_only or recursive)
        bound.propagation = propagation
        bound.upper = upper
        mounts.add(bound)
        if propagation != PRIVATE:
            self.world.subtrees.join(mounts, bound, source)
        for path, node, is_read_only in inside:
            where = place.path.rstrip("/") + path.removeprefix(source.rstrip("/"))
            mounts.add(_bound(where, node, path, read_only=is_read_only or recursive))


_KINDS = {"cgroup": "cgroup2"}
_OVERLAY = "rw,lowerdir=/lower,upperdir=/upper,workdir=/work"
_SUPER_OPTIONS = {
    "tmpfs": "rw,size=65536k,mode=755",
    "devpts": "rw,gid=5,mode=620,ptmxmode=666",
    "cgroup": "rw,nsdelegate,memory_recursiveprot",
}
_PROPAGATIONS = {PRIVATE, SHARED, SLAVE}


def _read_only(options: list[str]) -> tuple[bool, bool]:
    return "ro" in options, "rro" in options


def _bound(path: str, root: Node, source: str, *, read_only: bool) -> Mount:
    medium = root.medium()
    return Mount(
        path,
        lambda _: root,
        medium.kind,
        medium.source,
        read_only=read_only,
        options=medium.options,
        super_options=medium.super_options,
        inner=posixpath.normpath(source),
        device=root.stat().device,
    )


def make_directories(mounts: Mounts, path: str) -> None:
    """Make a directory and those above it, as runc does before a process starts."""
    walk = Walk(mounts, _RUNC, None)
    above = ""
    for name in posixpath.normpath("/" + path.lstrip("/")).split("/")[1:]:
        above = f"{above}/{name}"
        place = walk.find(above)
        if place.node is None:
            make(place, Made("dir", 0o755), _RUNC, above)


def _mount_point(mounts: Mounts, destination: str, kind: str) -> Place:
    """Return where to mount; runc makes what is missing."""
    path = posixpath.normpath("/" + destination.lstrip("/"))
    make_directories(mounts, posixpath.dirname(path))
    walk = Walk(mounts, _RUNC, None)
    place = walk.find(path)
    if place.node is None:
        made = Made("dir", 0o755) if kind == "dir" else Made("file", 0o755)
        make(place, made, _RUNC, path)
        place = walk.find(path)
    if (place.held.kind == "dir") != (kind == "dir"):
        raise path_error(errno.ENOTDIR, path)
    return place


def _cover(mounts: Mounts, security: pb.LinuxContainerSecurityContext) -> None:
    """Make paths read-only, and mask others, as runc does; what is not there is left out."""
    walk = Walk(mounts, _RUNC, None)
    for path in security.readonly_paths:
        place = _find(walk, path)
        if place is not None:
            mounts.add(_again(place))
    for path in security.masked_paths:
        place = _find(walk, path)
        if place is not None:
            mounts.add(_mask(walk, place))


def _find(walk: Walk, path: str) -> Place | None:
    try:
        place = walk.find(posixpath.normpath("/" + path.lstrip("/")))
    except OSError:
        return None
    return place if place.node is not None else None


def _again(place: Place) -> Mount:
    """Return a read-only mount of what is there on itself."""
    mount, node = place.mount, place.held
    steps = place.path.removeprefix(mount.path).strip("/").split("/")

    def root(viewer: Process | None) -> Node:
        if not isinstance(node, VirtualNode):
            return node
        found: Node | None = mount.root(viewer)
        for name in steps:
            found = found.find(name) if found is not None and found.kind == "dir" else None
        return found or node

    inner = mount.inner.rstrip("/") + place.path.removeprefix(mount.path.rstrip("/"))
    return Mount(
        place.path,
        root,
        mount.kind,
        mount.source,
        read_only=True,
        options=mount.options,
        super_options=mount.super_options,
        inner=inner,
        device=mount.device,
    )


def _mask(walk: Walk, place: Place) -> Mount:
    if place.held.kind == "dir":
        empty = Directory(Filesystem(_MASK_DEVICE, lambda: 0))
        return Mount(
            place.path, lambda _: empty, "tmpfs", "tmpfs", read_only=True, device=_MASK_DEVICE
        )
    null = walk.find("/dev/null")
    mount = _again(null)
    mount.path, mount.read_only = place.path, False
    return mount


_MASK_DEVICE = 49
