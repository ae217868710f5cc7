"""A TCP connection: two ends, each of which holds what the other has sent."""

from collections import deque
from typing import TYPE_CHECKING

from fakecri.core.net.wires import LOOPBACK, TCP_HEADERS, Path
from fakecri.core.scheduler import Future, Scheduler, Waits

if TYPE_CHECKING:
    from collections.abc import Callable

WINDOW = 65_536
"""Unread bytes from which on a writer that asks for room has to wait."""

Address = tuple[str, int]
"""An IP address and a port."""


class Connection:
    """One end of a connection: a Reader and a Sink."""

    __slots__ = (
        "_changed",
        "_chunks",
        "_path",
        "_scheduler",
        "closed",
        "ended",
        "held",
        "local",
        "on_close",
        "peer",
        "remote",
        "reset",
        "shut",
        "watcher",
    )

    def __init__(
        self, scheduler: Scheduler, local: Address, remote: Address, path: Path = LOOPBACK
    ) -> None:
        """Use `pair`: one end alone leads nowhere."""
        self.local = local
        self.remote = remote
        self.peer: Connection | None = None
        self.held = 0
        """Bytes that arrived and were not read."""
        self.ended = False
        """Whether the other side will send no more."""
        self.shut = False
        """Whether this side will send no more."""
        self.closed = False
        self.reset = False
        self.watcher: Callable[[], None] | None = None
        """Called at once on any change; it must not touch the simulation."""
        self.on_close: Callable[[], None] | None = None
        self._path = path
        self._scheduler = scheduler
        self._chunks: deque[bytes] = deque()
        self._changed: Future[None] = Future(scheduler)

    @property
    def readable(self) -> bool:
        """Whether a read would not wait."""
        return bool(self._chunks) or self.ended or self.reset

    @property
    def full(self) -> bool:
        """Whether the other end has so much to read that a writer should wait."""
        return self.peer is not None and self.peer.held >= WINDOW and not self.reset

    @property
    def state(self) -> str:
        """What netstat calls it."""
        if self.closed:
            return "FIN_WAIT2"
        if self.ended:
            return "LAST_ACK" if self.shut else "CLOSE_WAIT"
        return "FIN_WAIT2" if self.shut else "ESTABLISHED"

    # What programs use.

    def read(self) -> Waits[bytes]:
        """Wait for the next chunk; `b""` at the end. ConnectionResetError where it broke off."""
        while not self.readable:
            yield from self._change()
        return self.take() or b""

    def unread(self, chunk: bytes) -> None:
        """Give back what was read and not used."""
        if chunk:
            self._chunks.appendleft(chunk)
            self.held += len(chunk)

    def write(self, output: bytes) -> None:
        """Send all of it. BrokenPipeError after a shutdown, a close or a reset."""
        peer = self.peer
        if self.shut or self.closed or self.reset or peer is None:
            raise BrokenPipeError
        if not output:
            return
        self._path.send_segments(len(output))
        if peer.closed:
            self._break_off()  # nobody is there: the answer is a reset
        else:
            peer._chunks.append(bytes(output))  # noqa: SLF001  # the ends know each other
            peer.held += len(output)
            peer.change()

    def room(self) -> Waits[None]:
        """Wait until the other end has read enough for more to be sent."""
        while self.full and not (self.shut or self.closed):
            yield from self._change()

    def shutdown(self) -> None:
        """Send no more, but go on reading."""
        peer = self.peer
        if peer is None or self.shut or self.reset:
            return
        self.shut = True
        self._path.send(1, TCP_HEADERS)
        if not peer.closed:
            peer.ended = True
            peer.change()

    def close(self) -> None:
        """Let go of it: the other end reads an end, or a reset if something was left unread."""
        if self.closed:
            return
        if self._chunks:
            self.abort()
            return
        self.shutdown()
        self._let_go()

    def abort(self) -> None:
        """Break it off: the other end gets a reset."""
        peer = self.peer
        if self.closed:
            return
        self._path.send(1, TCP_HEADERS)
        if peer is not None and not peer.closed:
            peer._break_off()  # noqa: SLF001  # the ends know each other
        self._let_go()

    # What those use who cannot wait: the bridge to real sockets.

    def take(self) -> bytes | None:
        """Return the next chunk, `b""` at the end, None where a read would wait.

        ConnectionResetError where it broke off.
        """
        if self._chunks:
            chunk = self._chunks.popleft()
            self.held -= len(chunk)
            if self.held < WINDOW <= self.held + len(chunk) and self.peer is not None:
                self.peer.change()
            return chunk
        if self.reset:
            raise ConnectionResetError
        return b"" if self.ended or self.closed else None

    def change(self) -> None:
        """Wake whoever waits for anything."""
        changed, self._changed = self._changed, Future(self._scheduler)
        changed.set_result(None)
        if self.watcher is not None:
            self.watcher()

    def _change(self) -> Waits[None]:
        if self.closed:
            raise OSError(9, "Bad file descriptor")
        yield from self._changed

    def _break_off(self) -> None:
        self.reset = True
        self.change()

    def _let_go(self) -> None:
        self.closed = True
        self._chunks.clear()
        self.held = 0
        self.change()
        if self.peer is not None:
            self.peer.change()
        if self.on_close is not None:
            self.on_close()
            self.on_close = None


def pair(
    scheduler: Scheduler, client: Address, server: Address, path: Path = LOOPBACK
) -> tuple[Connection, Connection]:
    """Return the two ends of a new connection: the client's and the server's."""
    near = Connection(scheduler, client, server, path)
    far = Connection(scheduler, server, client, path.reversed)
    near.peer, far.peer = far, near
    path.shake_hands()
    return near, far
