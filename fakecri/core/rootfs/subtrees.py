"""Shared subtrees: which mounts of containers appear on the node, and in other containers.

Source: Linux's Documentation/filesystems/sharedsubtree, as far as runc makes use of it: a host path
is bound privately, as a slave of the node's tree, or as a peer of it.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fakecri.core.files import Files
    from fakecri.core.rootfs.places import Mount, Mounts

SHARED, SLAVE, PRIVATE = "rshared", "rslave", "rprivate"


@dataclass(slots=True, eq=False)
class _Spread:
    """A mount that a container made on the node's tree, and all of it there is."""

    path: str
    """Where it is on the node."""
    owner: str
    copies: "list[tuple[Mounts, Mount]]" = field(default_factory=list)


class Subtrees:
    """The binds that hear of the node's mounts, and the node's mounts that containers made."""

    def __init__(self, files: "Files") -> None:
        self._files = files
        self._binds: list[tuple[Mounts, Mount]] = []
        self._spread: list[_Spread] = []

    def join(self, mounts: "Mounts", bind: "Mount", node_path: str) -> None:
        """Let a bind of a host path hear of what is mounted below that path."""
        bind.node_path = node_path
        self._binds.append((mounts, bind))

    def leave(self, mounts: "Mounts", bind: "Mount | None" = None) -> None:
        """Let a bind, or all mounts of a container, hear of nothing any more."""
        self._binds = [
            each for each in self._binds if each[0] is not mounts or bind not in {None, each[1]}
        ]

    def add(self, mounts: "Mounts", mount: "Mount", above: "Mount", owner: str) -> None:
        """Mount something on `above`, and wherever that is shared with. OSError: nothing is done.

        `owner`: with what it ends, at the latest.
        """
        if above.propagation != SHARED or not above.node_path:
            mounts.add(mount)
            return
        path = _moved(mount.path, above.path, above.node_path)
        self._files.attach(path, mount)
        mount.propagation, mount.node_path = SHARED, path
        spread = _Spread(path, owner)
        self._spread.append(spread)
        spread.copies.append((mounts, mount))
        mounts.add(mount)
        for table, bind in self._binds:
            if path == bind.node_path or path.startswith(bind.node_path.rstrip("/") + "/"):
                place = _moved(path, bind.node_path, bind.path)
                if table is not mounts or place != mount.path:
                    copy = replace(mount, path=place, propagation=bind.propagation)
                    spread.copies.append((table, copy))
                    table.add(copy)

    def share(self, mounts: "Mounts", mount: "Mount", how: str) -> None:
        """Change what a mount hears and tells: nothing, what it heard, or what new peers will."""
        if how == "slave":
            mount.propagation = SLAVE if mount.node_path else PRIVATE
        elif how != "shared":
            mount.propagation, mount.node_path = PRIVATE, ""
            self.leave(mounts, mount)
        elif mount.propagation != SLAVE:
            mount.propagation = SHARED

    def remove(self, mounts: "Mounts", path: str, above: "Mount") -> bool:
        """Unmount what is at a path, and wherever `above` is shared; False: nothing is there."""
        mount = mounts.find(path)
        spread = next((s for s in self._spread if any(m is mount for _, m in s.copies)), None)
        if mount is None or spread is None or above.propagation != SHARED:
            return mounts.remove(path)
        self._withdraw(spread)
        return True

    def forget(self, owner: str) -> None:
        """Take back from the node what is owned by somebody who goes."""
        self._withdraw_if(lambda each: each.owner == owner)

    def clear(self) -> None:
        """Take back everything: the node is about to boot."""
        self._withdraw_if(lambda _: True)
        self._binds.clear()

    def _withdraw_if(self, is_so: Callable[[_Spread], bool]) -> None:
        for each in [each for each in self._spread if is_so(each)][::-1]:
            self._withdraw(each)

    def _withdraw(self, spread: _Spread) -> None:
        self._spread.remove(spread)
        self._files.detach(spread.path)
        for mounts, mount in spread.copies:
            mounts.discard(mount)


def _moved(path: str, old: str, new: str) -> str:
    """Return a path below one directory as it is below another."""
    below = path.removeprefix(old.rstrip("/")).lstrip("/")
    return f"{new.rstrip('/')}/{below}" if below else new
