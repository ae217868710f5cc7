"""The streams of a process as files: what /proc/PID/fd leads to."""

from typing import ClassVar

from fakecri.core.pipes import Reader, Sink
from fakecri.core.rootfs.nodes import Node
from fakecri.core.rootfs.stats import Stat


class StreamNode(Node):
    """One stream of a process."""

    __slots__ = ("_inode", "reader", "sink", "tty")
    kind: ClassVar[str] = "fifo"

    def __init__(
        self, inode: int, reader: Reader | None, sink: Sink | None, *, tty: bool = False
    ) -> None:
        self.reader = reader
        self.sink = sink
        self.tty = tty
        self._inode = inode

    def stat(self) -> Stat:
        """Return the status of a pipe, or of a terminal."""
        if self.tty:
            return Stat("char", 0o620, 0, 5, 0, 0, self._inode, device=1, rdev=(136, 0))
        return Stat("fifo", 0o600, 0, 0, 0, 0, self._inode, device=1)
