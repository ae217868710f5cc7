"""The streams of a process as files: what /proc/PID/fd leads to."""

from typing import ClassVar

from fakecri.core.pipes import Reader, Sink
from fakecri.core.rootfs.dev import PTS_MAJOR
from fakecri.core.rootfs.nodes import Node
from fakecri.core.rootfs.stats import Stat


class StreamNode(Node):
    """One stream of a process."""

    __slots__ = ("_inode", "reader", "sink", "tty")
    kind: ClassVar[str] = "fifo"

    def __init__(
        self, inode: int, reader: Reader | None, sink: Sink | None, *, tty: int | None = None
    ) -> None:
        """`tty`: the number of the terminal that it is."""
        self.reader = reader
        self.sink = sink
        self.tty = tty
        self._inode = inode

    def stat(self) -> Stat:
        """Return the status of a pipe, or of a terminal."""
        if self.tty is not None:
            rdev = (PTS_MAJOR, self.tty)
            return Stat("char", 0o620, 0, 5, 0, 0, self._inode, device=1, rdev=rdev)
        return Stat("fifo", 0o600, 0, 0, 0, 0, self._inode, device=1)
