"""A real connection of a streaming client: bytes between a socket and what is spoken on it."""

import asyncio
import fcntl
import socket
import ssl
import sys
import termios
from collections.abc import Callable
from contextlib import suppress
from functools import partial

from fakecri.core.world import World
from fakecri.host import Host
from fakecri.network.doors import RESET
from fakecri.streaming.conversations import Conversation

WINDOW = 65_536
"""Bytes that wait for a client which does not read, from which on no more are taken."""
ROUNDS = 16
"""How often one connection is written to before others have their turn."""
LINGER_S = 1.0
"""How long a client may take to close after us when it has got everything: it may still be sending,
and a socket that is closed with something unread, or sent to afterwards, resets the connection."""


class Wire(asyncio.Protocol):
    """The event loop's side of a connection."""

    def __init__(
        self,
        host: Host,
        loop: asyncio.AbstractEventLoop,
        converse: Callable[[World, Callable[[], None]], Conversation],
        changed: "Callable[[Wire], None]",
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """`converse` gets what is to be called when something is to be sent.

        `changed` is called when the connection is there, has moved on, and is gone.
        """
        self._tls = tls
        self._handshake: asyncio.Task[None] | None = None
        self.gone = False
        self.heard_at = loop.time()
        """When the client has said something last, by the loop's clock."""
        self.waited = False
        """Whether it could do nothing but wait when that was looked at last."""
        self._host = host
        self._loop = loop
        self._changed = changed
        self._transport: asyncio.Transport | None = None
        self._lingering: asyncio.TimerHandle | None = None
        self._writable = True
        self._poked = False
        self._at_it = False
        """Whether it is ourselves who have the world."""
        with host.turn() as world:
            self._conversation = converse(world, self.poke)

    @property
    def is_forming(self) -> bool:
        """Whether the client is expected to say more in a moment; the world is the caller's."""
        return self._conversation.is_forming

    @property
    def waits(self) -> bool:
        """Whether the client can do nothing but wait; the world is the caller's."""
        return self._conversation.waits

    def poke(self) -> None:
        """Look at what there is to send, soon; from any thread."""
        if self._poked:
            return
        self._poked = True
        if not self._at_it:  # else it is looked again anyway
            with suppress(RuntimeError):  # the loop is closed
                self._loop.call_soon_threadsafe(self._pump)

    # What the event loop tells us.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101  # it is a socket's
        self._transport = transport
        if self._tls is not None:
            # Nothing of it is for us before it is encrypted.
            transport.pause_reading()
            self._handshake = self._loop.create_task(self._encrypt(transport, self._tls))
        else:
            transport.set_write_buffer_limits(high=WINDOW)
        self._changed(self)

    async def _encrypt(self, transport: asyncio.Transport, tls: ssl.SSLContext) -> None:
        encrypted = None
        with suppress(OSError):  # whoever speaks no TLS
            encrypted = await self._loop.start_tls(transport, self, tls, server_side=True)
        if encrypted is None or transport.is_closing():
            self.connection_lost(None)  # which nobody else tells
            return
        encrypted.set_write_buffer_limits(high=WINDOW)
        self._transport, self._handshake = encrypted, None
        self._pump()  # something may have come behind the handshake

    def data_received(self, data: bytes) -> None:
        """Hand on what came, and read no more while there is enough."""
        if self._lingering is not None:
            return
        self.heard_at = self._loop.time()
        with self._host.turn():
            self._at_it = True
            self._conversation.feed(data)
            full = self._conversation.full
        self._at_it = False
        if full and self._transport is not None:
            self._transport.pause_reading()  # the pump does not come so far while nobody reads
        self._pump()

    def pause_writing(self) -> None:
        """Take no more."""
        self._writable = False

    def resume_writing(self) -> None:
        """Go on."""
        self._writable = True
        self._pump()

    def connection_lost(self, error: Exception | None) -> None:  # noqa: ARG002  # gone is gone
        """Let go of what the connection was for."""
        if self.gone:
            return
        self.gone = True
        for pending in (self._lingering, self._handshake):
            if pending is not None:
                pending.cancel()
        try:
            with self._host.turn():
                self._conversation.hang_up()
        finally:
            self._changed(self)

    def abort(self, *, reset: bool = False) -> None:
        """Break off; with `reset` the client sees that it was no ordinary end."""
        if self._transport is None:
            return
        real = self._transport.get_extra_info("socket")
        if reset and real is not None:
            with suppress(OSError):
                real.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        self._transport.abort()

    # To the client.

    def _pump(self) -> None:
        transport = self._transport
        if transport is None or transport.is_closing() or self._handshake or self._lingering:
            return
        try:
            self._write_all(transport)
        except BaseException:
            transport.abort()
            raise
        self._changed(self)

    def _write_all(self, transport: asyncio.Transport) -> None:
        for _ in range(ROUNDS):
            if not self._writable:
                return
            self._poked = False
            with self._host.turn():
                self._at_it = True
                conversation = self._conversation
                content = conversation.take()
                ended, cut, full = conversation.ended, conversation.cut, conversation.full
                self.waited = conversation.waits
            self._at_it = False
            if content:
                transport.write(content)
            if cut:
                self._loop.call_soon(partial(self.abort, reset=True))
            elif ended and not content:
                self._finish(transport)
            if cut or (ended and not content):
                return
            if not (content or self._poked):
                break
        else:
            self._loop.call_soon(self._pump)
        if full:
            transport.pause_reading()
        else:
            transport.resume_reading()

    def _finish(self, transport: asyncio.Transport) -> None:
        self._lingering = self._loop.call_later(LINGER_S, self._part, transport)
        # Not at once: who calls may be the transport, which would then end itself once more.
        self._loop.call_soon(self._end, transport)

    def _end(self, transport: asyncio.Transport) -> None:
        transport.resume_reading()
        if not transport.can_write_eof():
            transport.close()
            return
        try:
            transport.write_eof()
        except OSError:  # the client has broken off, and we have not been told yet
            transport.abort()

    def _part(self, transport: asyncio.Transport) -> None:
        """Close, unless some of it is still on its way: a ping of the client would destroy that."""
        if transport.get_write_buffer_size() or _on_its_way(transport):
            self._lingering = self._loop.call_later(LINGER_S, self._part, transport)
        else:
            transport.close()


def _on_its_way(transport: asyncio.Transport) -> int:
    """Return how many bytes the client's side has not taken from us yet."""
    real = transport.get_extra_info("socket")
    return int.from_bytes(fcntl.ioctl(real, termios.TIOCOUTQ, bytes(4)), sys.byteorder)
