"""The endpoint on a socket: where the URLs of Exec, Attach and PortForward lead."""

import asyncio
import socket
import ssl
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TypeAlias

from fakecri.core.streaming.commands import Command
from fakecri.core.streaming.forwards import Forward
from fakecri.core.streaming.sessions import Session
from fakecri.core.world import World
from fakecri.endpoints import ANY_PORT, TcpAddress, UnusableAddress, parse_tcp
from fakecri.errors import UsageError
from fakecri.host import BLINK_S, Host
from fakecri.listening import Endpoint
from fakecri.streaming.conversations import Conversation
from fakecri.streaming.http import Front, Speakers
from fakecri.streaming.spdy_commands import SpdyCommand
from fakecri.streaming.spdy_forwards import SpdyForward
from fakecri.streaming.websockets import greet
from fakecri.streaming.wires import Wire

__all__ = ["ANY_PORT", "StreamingServer", "Tls", "check_streaming", "open_streaming", "tls_context"]

BACKLOG = 1024
PATIENCE_S = 5.0
"""How long time waits for a client that is in the middle of saying what it wants."""
PAUSE_S = 0.1
"""How long until it is looked again whether there is something for which time can leap."""

Tls: TypeAlias = tuple[str | Path, str | Path]
"""A certificate with its chain, and its key: files in PEM form."""


class StreamingServer(Endpoint[None]):
    """Serves the streams of a host at an address."""

    serves = "streams"

    def __init__(self, host: Host, address: str, tls: Tls | None = None) -> None:
        """`address`: a loopback address with a port (0: any free one); with `tls` any address.

        UnusableAddress for any other; UsageError where the certificate or the key cannot be read.
        """
        super().__init__(host)
        self._asked = self._address = parse_tcp(address, beyond=tls is not None)
        self._tls = tls_context(*tls) if tls else None

    @property
    def address(self) -> str:
        """Where it is: `127.0.0.1:38027`."""
        return self._address.endpoint

    def open(self) -> None:
        """Listen, and let the URLs lead here. UnusableAddress where that cannot be."""
        super().open()
        self._tell(self._address, f"{self._scheme}://{self._asked.endpoint}/")

    def is_thinking(self) -> bool:
        """Whether a client is about to say what it wants, so that time should not leap.

        The world is the caller's.
        """
        since = self._loop.time() - PATIENCE_S
        return any(wire.is_forming and wire.heard_at > since for wire in tuple(self._wires))

    @property
    def _scheme(self) -> str:
        return "http" if self._tls is None else "https"

    def _tell(self, address: TcpAddress, recorded: str) -> None:
        with self._host.turn() as world:
            world.node.streaming_address = address.endpoint
            world.node.streaming_scheme = self._scheme
            world.recorder.urls = (f"{self._scheme}://{address.endpoint}/", recorded)

    # On the event loop.

    async def _listen(self) -> asyncio.Server:
        real = _bound(self._address)
        self._address = TcpAddress(self._address.host, real.getsockname()[1])
        return await self._loop.create_server(self._new_wire, sock=real, backlog=BACKLOG)

    def _new_wire(self) -> Wire:
        return Wire(self._host, self._loop, _converse, self._changed, self._tls)

    def _changed(self, wire: Wire) -> None:
        if wire.gone:
            self._wires.pop(wire, None)
        else:
            self._wires[wire] = None
            if wire.waited:
                self._tick_in(BLINK_S)

    # Time, on behalf of clients that wait.

    def _look_soon(self) -> None:
        self._tick_in(BLINK_S)

    def _tick_in(self, pause_s: float) -> None:
        due, pending = self._loop.time() + pause_s, self._tick_handle
        if not self._host.pace.jumps or (pending is not None and pending.when() <= due):
            return
        if pending is not None:
            pending.cancel()
        self._tick_handle = self._loop.call_at(due, self._tick)

    def _tick(self) -> None:
        self._tick_handle = None
        with self._host.turn():
            waiting = [wire for wire in self._wires if wire.waits]
            may_leap = not self.is_thinking()
        since = self._loop.time() - BLINK_S
        if any(wire.heard_at <= since for wire in waiting):  # the others may be about to go on
            leapt = may_leap and self._host.leap()
            self._tick_in(BLINK_S if leapt else PAUSE_S)
        elif waiting:
            self._tick_in(BLINK_S)


def open_streaming(host: Host, address: str = ANY_PORT, tls: Tls | None = None) -> StreamingServer:
    """Open an endpoint for the streams of a host, which ends with it.

    UnusableAddress where nobody can listen there, or nobody should: beyond loopback only with TLS.
    """
    server = StreamingServer(host, address, tls)
    server.open()
    return server


def check_streaming(address: str, tls: Tls | None, prefix: str) -> None:
    """Raise UsageError for what `open_streaming` could not do right now.

    `prefix` is what stands before the names of options in the texts of errors.
    """
    try:
        parse_tcp(address, beyond=tls is not None).check()
    except UsageError as error:
        raise UsageError(f"{prefix}streaming-address {address}: {error}") from error
    if tls is not None:
        tls_context(*tls)


def tls_context(certificate: str | Path, key: str | Path) -> ssl.SSLContext:
    """Return what serves TLS. UsageError where the files are none that go together."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    for path in (certificate, key):
        if not Path(path).is_file():
            raise UsageError(f"{path} is no file with a certificate or a key")
    try:
        context.load_cert_chain(certificate, key)
    except OSError as error:
        raise UsageError(
            f"{certificate} and {key} are no certificate and its key: {error.strerror or error}"
        ) from error
    return context


def _bound(address: TcpAddress) -> socket.socket:
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    try:
        return socket.create_server((address.host, address.port), family=family, backlog=BACKLOG)
    except OSError as error:
        raise UnusableAddress(
            f"cannot listen on {address.endpoint}: {error.strerror or error}"
        ) from error


def _speak_spdy(session: Session, protocol: str) -> Conversation:
    if isinstance(session, Command):
        return SpdyCommand(session, protocol)
    assert isinstance(session, Forward)  # noqa: S101  # there is no other kind
    return SpdyForward(session)


SPEAKERS = Speakers(_speak_spdy, partial(greet, _speak_spdy))


def _converse(world: World, watcher: Callable[[], None]) -> Conversation:
    return Front(world, SPEAKERS, watcher)
