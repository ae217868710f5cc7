"""What is counted of a container's writable layer, now and when it was looked at."""

from fakecri.core.rootfs.nodes import Filesystem
from fakecri.core.scheduler import SECOND_NS, Scheduler

SCAN_NS = 10 * SECOND_NS
"""How often the sizes of writable layers are looked at (spec: stats 3.1.1)."""


class LayerCount:
    """Bytes and inodes of a layer, beside what was there when the counting began.

    A look at the sizes falls on every tenth second; what it saw is kept when the layer changes, so
    that it does not matter when somebody asks.
    """

    __slots__ = (
        "_base",
        "_changed_ns",
        "_scanned",
        "_scheduler",
        "_upper",
        "most_bytes",
        "written_bytes",
    )

    def __init__(self, scheduler: Scheduler, upper: Filesystem) -> None:
        """Count from now on what `upper` takes."""
        self._scheduler = scheduler
        self._upper = upper
        self._base = (upper.held_bytes, upper.inodes)
        self._changed_ns = scheduler.now_ns
        self._scanned = (0, 0)
        self.most_bytes = 0
        self.written_bytes = 0
        upper.watch = self.note

    def note(self, held_bytes: int) -> None:
        """Take notice that the layer is about to hold so much more, or less."""
        now_ns = self._scheduler.now_ns
        scan_ns = now_ns - now_ns % SCAN_NS
        if self._changed_ns <= scan_ns < now_ns:
            self._scanned = self.present
        self._changed_ns = now_ns
        self.written_bytes += max(0, held_bytes)
        self.most_bytes = max(self.most_bytes, self.present[0] + held_bytes)

    @property
    def present(self) -> tuple[int, int]:
        """Bytes and inodes."""
        return (
            max(0, self._upper.held_bytes - self._base[0]),
            max(0, self._upper.inodes - self._base[1]),
        )

    def scanned(self, scan_ns: int) -> tuple[int, int]:
        """Return what the latest look saw, which was at `scan_ns`."""
        return self._scanned if scan_ns < self._changed_ns else self.present
