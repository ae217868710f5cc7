"""The endpoint of NRI: a unix socket to which plugins connect."""

import asyncio
import socket
from collections.abc import Callable

from fakecri.clock import Span, span_ns
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
from fakecri.listening import Endpoint
from fakecri.nri.connections import Connection, Registrations
from fakecri.streaming.wires import Wire

PAUSE_S = 0.1
"""How long until it is looked again whether a plugin has taken too long."""


class NRIServer(Endpoint[Connection]):
    """Serves NRI for a host at a unix socket."""

    serves = "plugins"

    def __init__(self, host: Host, address: str) -> None:
        """`address`: `unix:///path` or `/path`. UnusableAddress for any other."""
        super().__init__(host)
        self._address = _address(address)
        self._file: SocketFile | None = None
        self._line = Registrations()

    @property
    def path(self) -> str:
        """The path of the socket."""
        return self._address.path

    def is_thinking(self) -> bool:
        """Whether a plugin has been asked something, so that time should not leap.

        The world is the caller's.
        """
        now_s = self._loop.time()
        return any(
            each.is_forming and (self._cuts_off or deadline.real_s > now_s)
            for each in tuple(self._wires.values())
            if (deadline := each.deadline) is not None
        )

    @property
    def _cuts_off(self) -> bool:
        """Whether it is for us to let time pass where a plugin takes too long."""
        return self._host.pace.jumps and not (self._host.holds or self._host.led)

    # On the event loop.

    async def _listen(self) -> asyncio.Server:
        real = socket.socket(socket.AF_UNIX)

        def listen(path: str) -> None:
            real.bind(path)
            real.listen()

        try:
            self._file = open_socket_file(self._address, listen)
        except BaseException:
            real.close()
            raise
        return await self._loop.create_unix_server(self._new_wire, sock=real)

    async def _close(self) -> None:
        """End. While a runtime is only down the file stays: whoever dials it is refused."""
        await super()._close()
        if self._file is not None:
            self._file.remove()

    def _new_wire(self) -> Wire:
        made: list[Connection] = []

        def converse(world: World, watcher: Callable[[], None]) -> Connection:
            made.append(Connection(world, watcher, self._line, self._loop.time))
            return made[0]

        wire = Wire(self._host, self._loop, converse, self._changed)
        self._wires[wire] = made[0]
        return wire

    def _changed(self, wire: Wire) -> None:
        if wire.gone:
            self._wires.pop(wire, None)
        self._look_soon()

    # Plugins live in real time: where the runtime's own leaps, it passes while one takes too long.

    def _look_soon(self) -> None:
        if self._host.pace.jumps and self._wires and self._tick_handle is None:
            self._tick_handle = self._loop.call_later(PAUSE_S, self._tick)

    def _tick(self) -> None:
        self._tick_handle = None
        now_s = self._loop.time()
        with self._host.turn() as world:
            deadlines = [each.deadline for each in self._wires.values()]
            waiting = [deadline for deadline in deadlines if deadline is not None]
            for deadline in waiting:
                if self._cuts_off and deadline.real_s <= now_s:
                    world.scheduler.advance_to(deadline.virtual_ns)
        if waiting:
            self._look_soon()


def open_nri(host: Host, address: str) -> NRIServer:
    """Open an endpoint for the plugins of a host, which ends with it.

    UnusableAddress where nobody can listen there.
    """
    server = NRIServer(host, address)
    server.open()
    return server


def timeout_ns(span: Span) -> int:
    """Return how long a plugin may take for an answer. UsageError where that is no time."""
    limit_ns = span_ns(span)
    if limit_ns <= 0:
        raise UsageError(f"{span}: a plugin takes some time to answer")
    return limit_ns


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
