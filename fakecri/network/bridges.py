"""From a real connection to a simulated one, and back: bytes, ends, resets and back-pressure."""

import asyncio
import socket
from contextlib import suppress
from typing import TYPE_CHECKING

from fakecri.core.net.connections import WINDOW, Connection
from fakecri.network.doors import RESET

if TYPE_CHECKING:
    from collections.abc import Callable

    from fakecri.host import Host

PATIENCE_S = 5.0
"""How long the other side of a dialled connection may think before time goes on without it."""


class Bridge(asyncio.Protocol):
    """The event loop's side of a connection; `end` is ours of the simulated one."""

    def __init__(
        self,
        host: "Host",
        loop: asyncio.AbstractEventLoop,
        end: Connection,
        gone: "Callable[[Bridge], None]",
        *,
        dialled: bool,
    ) -> None:
        """`dialled`: the simulated side began it."""
        self.dialled = dialled
        self.stirred: Callable[[], None] = _nothing
        """Called when the real side has begun to wait."""
        self.waits = True
        """Whether the real side waits for the simulated one: it has sent, and got nothing yet."""
        self._thinks_until = 0.0
        """Until when, by the loop's clock, the simulated side waits for the real one."""
        self._host = host
        self._loop = loop
        self._end = end
        self._gone = gone
        self._transport: asyncio.Transport | None = None
        self._writable = True
        self._reading = True
        self._finished = False
        self._poked = False

    # What the simulation tells us, in whatever thread it runs.

    def is_thinking(self) -> bool:
        """Whether the simulated side has something under way to a real one, or waits for it."""
        under_way = self._transport is None or self._poked
        return self.dialled and (under_way or self._thinks_until > self._loop.time())

    def poke(self) -> None:
        """Look at the simulated end, soon."""
        if not self._poked:
            self._poked = True
            with suppress(RuntimeError):  # the loop is closed
                self._loop.call_soon_threadsafe(self._pump)

    # What the event loop tells us.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101  # it is a socket's
        self._transport = transport
        transport.set_write_buffer_limits(high=WINDOW)
        with self._host.turn():
            self._end.watcher = self.poke
        self.poke()

    def data_received(self, data: bytes) -> None:
        """Hand on what came, and read no more while the simulated side does not."""
        self.waits = True
        with self._host.turn():
            self._thinks_until = 0.0  # together with what was waited for
            with suppress(BrokenPipeError):  # then the pump sees the reset
                self._end.write(data)
            full = self._end.full
        if full and self._transport is not None:
            self._reading = False
            self._transport.pause_reading()
        self.poke()
        self.stirred()

    def eof_received(self) -> bool:
        """Hand on the end; what the simulated side still has to say goes through."""
        self.waits = True
        with self._host.turn():
            self._thinks_until = 0.0
            self._end.shutdown()
        if self._finished:
            return False
        self.poke()
        return True

    def pause_writing(self) -> None:
        """Take no more from the simulated side."""
        self._writable = False

    def resume_writing(self) -> None:
        """Go on."""
        self._writable = True
        self._pump()

    def connection_lost(self, error: Exception | None) -> None:
        """Let go of the simulated end."""
        self.waits = False
        with self._host.turn():
            self._end.watcher = None
            if error is not None:
                self._end.abort()
            else:
                self._end.close()
        self._gone(self)

    def abort(self) -> None:
        """Break the real connection off, such that its client sees a reset."""
        if self._transport is None:
            return
        real = self._transport.get_extra_info("socket")
        with suppress(OSError):
            real.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        self._transport.abort()

    def _pump(self) -> None:
        transport = self._transport
        if transport is None or transport.is_closing():
            self._poked = False
            return
        more = True
        while more:
            chunks, ended, broken = self._next()
            more = bool(chunks)
            if more:
                self.waits = False
                transport.write(b"".join(chunks))
            if broken:
                self.abort()
                return
            if ended:
                self._finish(transport)
        if not self._reading and not self._end.full:
            self._reading = True
            transport.resume_reading()

    def _next(self) -> tuple[list[bytes], bool, bool]:
        """Take what can be written now, such that at no time nothing seems to be under way."""
        with self._host.turn():
            self._poked = False
            if not self._writable or self._finished:
                return [], False, False
            taken = self._take()
            if taken[0]:
                self._thinks_until = self._loop.time() + PATIENCE_S
            return taken

    def _take(self) -> tuple[list[bytes], bool, bool]:
        """What the simulated side has sent, whether that was all, and whether it broke off."""
        chunks: list[bytes] = []
        size = 0
        try:
            while size < WINDOW:
                chunk = self._end.take()
                if not chunk:
                    return chunks, chunk is not None, False
                chunks.append(chunk)
                size += len(chunk)
        except ConnectionResetError:
            return chunks, False, True
        return chunks, False, self._end.reset and not self._end.readable

    def _finish(self, transport: asyncio.Transport) -> None:
        self._finished, self.waits = True, False
        if self._end.shut:
            transport.close()
        else:
            with suppress(OSError):  # it was reset, which the loop is about to see
                transport.write_eof()


def _nothing() -> None:
    """Do nothing."""
