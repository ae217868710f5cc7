"""The files of a container: its mounts, and what is counted of its writable layer."""

import posixpath
from collections.abc import Callable
from typing import TYPE_CHECKING

from fakecri.core.rootfs.access import Who
from fakecri.core.rootfs.devices import Noise
from fakecri.core.rootfs.memory import Directory
from fakecri.core.rootfs.nodes import Filesystem
from fakecri.core.rootfs.places import Mount, Mounts, Walk

if TYPE_CHECKING:
    from fakecri.core.rootfs.layers import LayerCount
    from fakecri.core.rootfs.subtrees import Subtrees
    from fakecri.core.scheduler import Scheduler

_ROOT = Who(capabilities=frozenset({"CAP_DAC_OVERRIDE"}))


class Rootfs:
    """The tree of a container, with what is mounted in it. Nothing is made before it is needed."""

    __slots__ = (
        "_layer",
        "_mounts",
        "_noise",
        "_set_up",
        "count",
        "owner",
        "scheduler",
        "seed",
        "subtrees",
    )

    def __init__(
        self, scheduler: "Scheduler", set_up: Callable[["Rootfs"], Mounts], seed: str = ""
    ) -> None:
        """`set_up` makes the mounts; its first one is that of `/`."""
        self.scheduler = scheduler
        self.seed = seed
        self._set_up: Callable[[Rootfs], Mounts] = set_up
        self._mounts: Mounts | None = None
        self._noise: Noise | None = None
        self._layer: Filesystem | None = None
        self.count: LayerCount | None = None
        """What is written to the layer; None before anything was looked at or written."""
        self.subtrees: Subtrees | None = None
        """What is shared with the node and other containers; None before anything is mounted."""
        self.owner = ""
        """With what mounts that reach the node end: a pod's id."""

    @property
    def is_untouched(self) -> bool:
        """Whether nobody has looked into it yet."""
        return self._mounts is None

    @property
    def mounts(self) -> Mounts:
        """What is mounted where."""
        if self._mounts is None:
            self._mounts = self._set_up(self)
        return self._mounts

    @property
    def noise(self) -> Noise:
        """What random devices give."""
        if self._noise is None:
            self._noise = Noise(self.seed)
        return self._noise

    @property
    def layer_bytes(self) -> int:
        """What the writable layer takes on the image filesystem."""
        upper = self._upper
        return upper.held_bytes if upper else 0

    @property
    def layer_inodes(self) -> int:
        """How many inodes the writable layer has."""
        upper = self._upper
        return upper.inodes if upper else 0

    def attach(self, mount: Mount) -> None:
        """Mount something, as a process of the container does. OSError: nothing is done."""
        above = Walk(self.mounts, _ROOT, None).find(mount.path).mount
        if self.subtrees is None:
            self.mounts.add(mount)
        else:
            self.subtrees.add(self.mounts, mount, above, self.owner)

    def detach(self, path: str) -> bool:
        """Unmount what is at a path, likewise; False: nothing is mounted there."""
        if self.subtrees is None:
            return self.mounts.remove(path)
        above = Walk(self.mounts, _ROOT, None).find(posixpath.dirname(path)).mount
        return self.subtrees.remove(self.mounts, path, above)

    def share(self, mount: Mount, how: str) -> None:
        """Share a mount `how`: shared, slave, private, unbindable."""
        if self.subtrees is not None:
            self.subtrees.share(self.mounts, mount, how)

    def remove(self) -> None:
        """Unmount all, and give back the room of the writable layer: the container is gone."""
        upper = self._upper
        if upper is not None and upper.account is not None:
            upper.account.close()
        if self._mounts is not None:
            if self.subtrees is not None:
                self.subtrees.leave(self._mounts)
            self._mounts.clear()

    @property
    def _upper(self) -> Filesystem | None:
        root = self._mounts.find("/") if self._mounts is not None else None
        return root.upper if root else None


def layer_mount(image_root: Directory, upper: Filesystem, *, read_only: bool = False) -> Mount:
    """Return the mount of `/`: an image's tree, and above it a layer to write to."""
    root = Directory(upper, image_root.mode, image_root.uid, image_root.gid, below=image_root)
    root.mtime_ns = image_root.mtime_ns
    upper.take(root.held(), 1)
    return Mount("/", lambda _: root, read_only=read_only, device=upper.device, upper=upper)
