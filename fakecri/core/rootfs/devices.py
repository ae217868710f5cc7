# ruff: noqa: ARG002  # what a kind of file cannot do it refuses, whatever it is told
"""The character devices that every container has: null, zero, full, random, urandom, tty."""

import errno
import hashlib
from collections.abc import Callable
from itertools import count

from fakecri.core.paths import path_error
from fakecri.core.rootfs.nodes import CHUNK
from fakecri.core.rootfs.opened import Opened
from fakecri.core.rootfs.stats import Stat
from fakecri.core.scheduler import SECOND_NS, Scheduler, Waits

NULL, ZERO, FULL, RANDOM, URANDOM, TTY = (1, 3), (1, 5), (1, 7), (1, 8), (1, 9), (5, 0)
_DIGEST = 32
_AT_ONCE, _STEADY = 256, 2048
"""So many chunks come at once, 16 MiB; and as many of a gigabyte a second, 128 MiB."""
_PAUSE_NS = CHUNK


class Noise:
    """Random bytes that follow from a seed."""

    __slots__ = ("_count", "_seed")

    def __init__(self, seed: str) -> None:
        self._seed = seed
        self._count = count()

    def read(self, length: int) -> bytes:
        """Return the next bytes."""
        return b"".join(self._digest() for _ in range(-(-length // _DIGEST)))[:length]

    def _digest(self) -> bytes:
        return hashlib.sha256(f"{self._seed}/{next(self._count)}".encode()).digest()


class OpenedDevice(Opened):
    """An open device: what it gives to readers, and whether it takes what is written."""

    __slots__ = ("_chunks", "_given", "_kept", "_pause_ns", "_scheduler", "_taken", "_takes")

    def __init__(
        self,
        path: str,
        stat: Callable[[], Stat],
        given: Callable[[int], bytes],
        scheduler: Scheduler,
        *,
        takes: bool = True,
    ) -> None:
        super().__init__(path, stat)
        self._given = given
        self._takes = takes
        self._kept = b""
        self._scheduler = scheduler
        self._begin()

    def _begin(self) -> None:
        self._chunks = 0
        self._pause_ns = _PAUSE_NS
        self._taken = self._scheduler.taken

    def read(self) -> Waits[bytes]:
        """Return the next chunk: the first ones at once, and then ever more slowly.

        Else whoever reads on would keep time from moving.
        """
        if self._taken != self._scheduler.taken:
            self._begin()
        self._chunks += 1
        if self._chunks > _AT_ONCE:
            if self._chunks > _STEADY:
                self._pause_ns = min(self._pause_ns + self._pause_ns // 32, SECOND_NS)
            yield from self._scheduler.sleep(self._pause_ns)
        return self.read_now(CHUNK)

    def read_now(self, length: int) -> bytes:
        """Return the next bytes, of this many at most."""
        if self._kept:
            chunk, self._kept = self._kept[:length], self._kept[length:]
            return chunk
        return self._given(length)

    def unread(self, chunk: bytes) -> None:
        """Keep it for the next read."""
        self._kept = chunk + self._kept

    def write(self, output: bytes) -> None:
        """Forget it."""
        if output and not self._takes:
            raise path_error(errno.ENOSPC, self.path)

    def seek(self, position: int) -> None:
        """Do nothing: it is the same everywhere."""

    def truncate(self, size: int) -> None:
        """Refuse."""
        raise path_error(errno.EINVAL, self.path)


def open_device(
    path: str,
    stat: Callable[[], Stat],
    rdev: tuple[int, int],
    noise: Noise,
    scheduler: Scheduler,
) -> Opened:
    """Open a device by its number. ENXIO where the kernel has no driver for it."""
    if rdev == NULL:
        return OpenedDevice(path, stat, lambda _: b"", scheduler)
    if rdev in {ZERO, FULL}:
        return OpenedDevice(path, stat, bytes, scheduler, takes=rdev == ZERO)
    if rdev in {RANDOM, URANDOM}:
        return OpenedDevice(path, stat, noise.read, scheduler)
    raise path_error(errno.ENXIO, path)
