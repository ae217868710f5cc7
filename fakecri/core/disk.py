"""The disk that images, containers and logs share: how big it is, and who takes what of it.

Room is taken with `require`, which fails as a full disk does, and given back with `release`; what
is released can be taken again at once. Sizes are bytes and inodes.
"""

import errno
from dataclasses import dataclass, field
from typing import NamedTuple

from fakecri.core.paths import path_error
from fakecri.errors import UsageError

CAPACITY_BYTES = 100 * 2**30
CAPACITY_INODES = 6_553_600

BLOCK_BYTES = 4096
"""What a directory takes."""


class Room(NamedTuple):
    """Room on a disk."""

    bytes: int = 0
    inodes: int = 0


@dataclass(slots=True)
class Disk:
    """One filesystem. A test may change its capacity at any time; what is there stays there."""

    capacity_bytes: int = CAPACITY_BYTES
    capacity_inodes: int = CAPACITY_INODES
    _accounts: dict[str, Room] = field(default_factory=dict)
    _used: Room = field(default_factory=Room)

    @property
    def used_bytes(self) -> int:
        """Bytes that somebody takes."""
        return self._used.bytes

    @property
    def used_inodes(self) -> int:
        """Inodes that somebody takes."""
        return self._used.inodes

    @property
    def free_bytes(self) -> int:
        """Bytes that can be taken; 0 where the disk was made smaller than what is on it."""
        return max(0, self.capacity_bytes - self._used.bytes)

    @property
    def free_inodes(self) -> int:
        """Inodes that can be taken."""
        return max(0, self.capacity_inodes - self._used.inodes)

    @property
    def accounts(self) -> dict[str, Room]:
        """Who takes what, by name, sorted; who takes nothing is left out.

        `images`: their blobs and unpacked layers. `pulls`: what pulls in flight have fetched.
        `pods` and `containers`: their directories. `layers`: writable layers. `files`: logs and
        checkpoints in memory. `other`: what a test filled the disk with.
        """
        return {name: room for name, room in sorted(self._accounts.items()) if any(room)}

    def has_room(self, bytes_: int, inodes: int = 0) -> bool:
        """Whether so much could be taken."""
        return (bytes_ <= 0 or bytes_ <= self.free_bytes) and (
            inodes <= 0 or inodes <= self.free_inodes
        )

    def require(
        self, bytes_: int, inodes: int = 0, *, account: str = "layers", path: str = ""
    ) -> None:
        """Take room; all of it, or none and OSError ENOSPC, whose filename is `path`."""
        if not self.has_room(bytes_, inodes):
            raise path_error(errno.ENOSPC, path)
        self._add(account, bytes_, inodes)

    def release(self, bytes_: int, inodes: int = 0, *, account: str = "layers") -> None:
        """Give room back. UsageError where the account does not have so much."""
        taken = self._accounts.get(account, Room())
        if bytes_ > taken.bytes or inodes > taken.inodes:
            raise UsageError(f"{account} has {taken}: it cannot give back {Room(bytes_, inodes)}")
        self._add(account, -bytes_, -inodes)

    def fill(self, *, leave_bytes: int = 0, leave_inodes: int | None = None) -> None:
        """Take all room but so much of it, as if by a file of somebody else."""
        inodes = 0 if leave_inodes is None else max(0, self.free_inodes - leave_inodes)
        self._add("other", max(0, self.free_bytes - leave_bytes), inodes)

    def clear(self) -> None:
        """Give back what `fill` took."""
        self.release(*self._accounts.get("other", Room()), account="other")

    def _add(self, account: str, bytes_: int, inodes: int) -> None:
        taken = self._accounts.get(account, Room())
        self._accounts[account] = Room(taken.bytes + bytes_, taken.inodes + inodes)
        self._used = Room(self._used.bytes + bytes_, self._used.inodes + inodes)


class Account:
    """What one owner takes of a disk, in the account of a name; all of it can go at once."""

    __slots__ = ("_disk", "_name", "_room")

    def __init__(self, disk: Disk, name: str) -> None:
        self._disk: Disk | None = disk
        self._name = name
        self._room = Room()

    @property
    def disk(self) -> Disk | None:
        """The disk; None after `close`."""
        return self._disk

    def take(self, bytes_: int, inodes: int = 0, path: str = "") -> None:
        """Take room, or give back what is negative. OSError ENOSPC of `path`.

        After `close` nothing is counted any more.
        """
        if self._disk is None:
            return
        self._disk.require(max(bytes_, 0), max(inodes, 0), account=self._name, path=path)
        self._disk.release(max(-bytes_, 0), max(-inodes, 0), account=self._name)
        self._room = Room(self._room.bytes + bytes_, self._room.inodes + inodes)

    def close(self) -> None:
        """Give back all; twice is harmless."""
        disk, self._disk = self._disk, None
        if disk is not None:
            disk.release(*self._room, account=self._name)
