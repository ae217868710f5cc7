"""The endpoint of NRI: a unix socket to which plugins connect.

One event loop in a thread of its own serves all plugins. It goes down and comes back with the
runtime, and ends with the host.
"""

import asyncio
import logging
import socket
from collections.abc import Callable
from contextlib import suppress

from fakecri.core.world import World
from fakecri.endpoints import (
    SocketFile,
    UnixAddress,
    UnusableAddress,
    open_socket_file,
    parse_address,
)
from fakecri.errors import UsageError
from fakecri.host import Host
from fakecri.loops import LoopThread
from fakecri.nri.connections import Connection, Registrations
from fakecri.power import Follower
from fakecri.streaming.wires import Wire

ACCEPTING = 3
"""Rounds of the loop until a connection that was accepted is known here."""
PAUSE_S = 0.1
"""How long until it is looked again whether a plugin has taken too long."""

_LOG = logging.getLogger(__name__)


class NRIServer:
    """Serves NRI for a host at a unix socket."""

    def __init__(self, host: Host, address: str) -> None:
        """`address`: `unix:///path` or `/path`. UnusableAddress for any other."""
        self._host = host
        self._address = _address(address)
        self._thread: LoopThread | None = None
        self._loop: asyncio.AbstractEventLoop
        self._listener: asyncio.Server | None = None
        self._file: SocketFile | None = None
        self._follower: Follower
        self._leave_host: Callable[[], None]
        self._line = Registrations()
        self._plugins: dict[Wire, Connection] = {}
        self._tick_handle: asyncio.TimerHandle | None = None

    @property
    def path(self) -> str:
        """The path of the socket."""
        return self._address.path

    def open(self) -> None:
        """Listen. UnusableAddress where that cannot be."""
        self._thread = thread = LoopThread("fakecri-nri")
        try:
            thread.run(self._open())
        except BaseException:
            thread.close()
            raise
        self._leave_host = self._host.add_room(self)

    def close(self) -> None:
        """End all connections, and the thread. Harmless when closed.

        Not to be called in a turn of the host.
        """
        thread, self._thread = self._thread, None
        if thread is not None:
            self._leave_host()
            thread.run(self._close())
            thread.close()

    def stir(self) -> None:
        """Look whether it is for us to let time pass now."""
        with suppress(RuntimeError):  # the loop is closed
            self._loop.call_soon_threadsafe(self._arm)

    def is_thinking(self) -> bool:
        """Whether a plugin has been asked something, so that time should not leap.

        The world is the caller's.
        """
        now_s = self._loop.time()
        return any(
            each.is_forming and (self._cuts_off or deadline.real_s > now_s)
            for each in tuple(self._plugins.values())
            if (deadline := each.deadline) is not None
        )

    @property
    def _cuts_off(self) -> bool:
        """Whether it is for us to let time pass where a plugin takes too long."""
        return self._host.pace.jumps and not (self._host.holds or self._host.led)

    # On the event loop.

    async def _open(self) -> None:
        self._loop = asyncio.get_running_loop()
        await self._listen()
        self._follower = Follower(self._host, self._go_down, self._come_up)

    async def _close(self) -> None:
        await self._follower.stop()
        if self._file is not None:
            self._file.remove()
        await self._go_down()
        if self._tick_handle is not None:
            self._tick_handle.cancel()

    async def _come_up(self) -> None:
        try:
            await self._listen()
        except UnusableAddress:
            _LOG.exception("cannot serve plugins any longer")

    async def _listen(self) -> None:
        if self._listener is not None:
            return
        real = socket.socket(socket.AF_UNIX)

        def listen(path: str) -> None:
            real.bind(path)
            real.listen()

        try:
            self._file = open_socket_file(self._address, listen)
        except BaseException:
            real.close()
            raise
        self._listener = await self._loop.create_unix_server(self._new_wire, sock=real)

    async def _go_down(self) -> None:
        """Stop. The file stays: whoever dials a runtime that is down is refused."""
        listener, self._listener = self._listener, None
        if listener is not None:
            listener.close()
            for _ in range(ACCEPTING):
                await asyncio.sleep(0)
        while self._plugins:
            for wire in tuple(self._plugins):
                wire.abort()
            await asyncio.sleep(0)

    def _new_wire(self) -> Wire:
        made: list[Connection] = []

        def converse(world: World, watcher: Callable[[], None]) -> Connection:
            made.append(Connection(world, watcher, self._line, self._loop.time))
            return made[0]

        wire = Wire(self._host, self._loop, converse, self._changed)
        self._plugins[wire] = made[0]
        return wire

    def _changed(self, wire: Wire) -> None:
        if wire.gone:
            self._plugins.pop(wire, None)
        self._arm()

    # Plugins live in real time: where the runtime's own leaps, it passes while one takes too long.

    def _arm(self) -> None:
        if self._host.pace.jumps and self._plugins and self._tick_handle is None:
            self._tick_handle = self._loop.call_later(PAUSE_S, self._tick)

    def _tick(self) -> None:
        self._tick_handle = None
        now_s = self._loop.time()
        with self._host.turn() as world:
            deadlines = [each.deadline for each in self._plugins.values()]
            waiting = [deadline for deadline in deadlines if deadline is not None]
            for deadline in waiting:
                if self._cuts_off and deadline.real_s <= now_s:
                    world.scheduler.advance_to(deadline.virtual_ns)
        if waiting:
            self._arm()


def open_nri(host: Host, address: str) -> NRIServer:
    """Open an endpoint for the plugins of a host, which ends with it.

    UnusableAddress where nobody can listen there.
    """
    server = NRIServer(host, address)
    server.open()
    return server


def check_nri(address: str, prefix: str) -> None:
    """Raise UsageError for what `open_nri` could not do right now.

    `prefix` is what stands before the names of options in the texts of errors.
    """
    try:
        _address(address).check()
    except UsageError as error:
        raise UsageError(f"{prefix}nri-socket {address}: {error}") from error


def _address(text: str) -> UnixAddress:
    address = parse_address(text)
    if not isinstance(address, UnixAddress):
        raise UnusableAddress(f"{text!r} is no unix socket, which plugins connect to")
    return address
