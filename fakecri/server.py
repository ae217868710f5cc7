"""The gRPC face: a server on a socket, in a thread of its own or on an event loop."""

import asyncio
import logging
import socket
from tempfile import TemporaryDirectory
from typing import Any, Self
from urllib.parse import quote

import grpc.aio

from fakecri import reflection
from fakecri.api.runtime_pb2 import DESCRIPTOR
from fakecri.contexts import OpenUntilLeft, UntilLeft
from fakecri.endpoints import (
    Address,
    SocketFile,
    TcpAddress,
    UnixAddress,
    UnusableAddress,
    open_socket_file,
    parse_address,
)
from fakecri.errors import UsageError
from fakecri.face import MESSAGE_LIMIT, Beyond, Calls, Face
from fakecri.loops import LoopThread
from fakecri.power import Follower
from fakecri.rpcs import RPCS
from fakecri.wire import Pump

__all__ = ["Server", "UnusableAddress"]

LINGER_S = 0.1
"""How long the calls that are not the host's, such as watches of health, hold up a stop."""

_LOG = logging.getLogger(__name__)

_OPTIONS = (
    ("grpc.max_send_message_length", -1),
    # grpc-go takes headers of 16 MiB, and tracing clients send baggage.
    ("grpc.max_metadata_size", MESSAGE_LIMIT),
    ("grpc.absolute_max_metadata_size", MESSAGE_LIMIT),
    # A second server on the same port is a mistake.
    ("grpc.so_reuseport", 0),
    # No GOAWAY with too_many_pings, whatever keepalive a client was told to use.
    ("grpc.http2.max_ping_strikes", 0),
    ("grpc.http2.min_ping_interval_without_data_ms", 0),
    ("grpc.keepalive_permit_without_calls", 1),
)


class Server(UntilLeft, OpenUntilLeft):
    """Serves a host at an address.

    In a thread of its own (`with Server(...)`, `start`, `stop`) or on the caller's event loop
    (`async with Server(...)`, `open`, `close`). It can be opened again after it was closed. The
    host stays open: it is the caller's.
    """

    def __init__(
        self,
        host: Calls,
        address: str,
        beyond: Beyond | None = None,
        thread: LoopThread | None = None,
        wire_faults: bool = False,
        service: str = "",
    ) -> None:
        """`address`: `unix:///path`, `/path`, or a loopback address with a port (0: any free one).

        UnusableAddress for any other. `beyond`: the runtime that the host forwards its calls to,
        and `thread` the one whose loop `start` is to use, where that has one of its own. With
        `wire_faults` rules can break connections, which costs time for each frame.
        `service`: `RuntimeService` or `ImageService`, where it is not for both; UsageError where
        there is none of that name.
        """
        self._host = host
        self._beyond = beyond
        self._address = parse_address(address)
        self._endpoint: str | None = None
        self._socket_file: SocketFile | None = None
        self._wire: grpc.aio.Server | None = None
        self._face: Face | None = None
        self._revival: asyncio.Future[None] | None = None
        self._thread: LoopThread | None = None
        self._follower: Follower | None = None
        self._shared_thread = thread
        self._wire_faults = wire_faults
        if service not in {"", *(rpc.service for rpc in RPCS.values())}:
            raise UsageError(f"{service!r} is no service of the CRI")
        self._service = service
        self._pump: Pump | None = None
        self._inner: TemporaryDirectory[str] | None = None

    @property
    def endpoint(self) -> str:
        """What a client dials: `unix:///run/cri.sock`, `127.0.0.1:4242`."""
        if self._endpoint is None:
            raise UsageError("a server has no endpoint before it was opened")
        return self._endpoint

    def start(self) -> None:
        """Open, on an event loop in a thread of our own. UnusableAddress where that cannot be."""
        if self._thread is not None:
            raise UsageError("the server is running")
        thread = self._shared_thread or LoopThread()
        try:
            thread.run(self.open())
        except BaseException:
            self._leave(thread)
            raise
        self._thread = thread

    def _leave(self, thread: LoopThread) -> None:
        if thread is not self._shared_thread:
            thread.close()

    def stop(self, grace_s: float = 0.0) -> None:
        """Close likewise, and end the thread. Harmless when stopped."""
        thread, self._thread = self._thread, None
        if thread is not None:
            thread.run(self.close(grace_s))
            self._leave(thread)

    async def open(self) -> None:
        """Listen and serve on the running event loop. UnusableAddress where that cannot be."""
        if self._wire is not None:
            raise UsageError("the server is running")
        await self._open(self._address)
        self._follower = Follower(self._host, self._go_down, self._come_up)

    async def settled(self) -> None:
        """Wait until it listens, or does not, as its runtime does."""
        if self._follower is not None:
            await self._follower.settled()

    async def _go_down(self) -> None:
        await self._close(grace_s=0.0, keep_file=True)

    async def _come_up(self) -> None:
        if self._wire is not None:
            return
        try:
            await self._open(parse_address(self.endpoint))
        except UnusableAddress:
            _LOG.exception("cannot serve any longer")

    async def _open(self, address: Address) -> None:
        address.check()
        described = (
            {} if self._beyond else await reflection.handlers(self._host.level or DESCRIPTOR)
        )
        face = Face(self._host, described, self._beyond, self._service)
        wire = grpc.aio.server(handlers=[face], options=_options(self._beyond))
        listener = self._stand_between(wire, address) if self._wire_faults else None
        self._endpoint = address.endpoint if listener else self._listen(wire, address)
        others = asyncio.all_tasks()
        await wire.start()
        for task in asyncio.all_tasks() - others:
            task.add_done_callback(self._revive)
        self._wire, self._face = wire, face
        if listener is not None and self._pump is not None:
            face.strike = self._pump.strike
            if isinstance(address, TcpAddress):
                self._endpoint = TcpAddress(address.host, listener.getsockname()[1]).endpoint
            await self._pump.open(listener)

    def _stand_between(self, wire: grpc.aio.Server, address: Address) -> socket.socket:
        """Have a pump between clients and gRPC; return the socket that listens for it."""
        self._inner = TemporaryDirectory(prefix="fakecri-")
        inner = f"{self._inner.name}/inner.sock"
        add_port(wire, inner, unix=True)
        self._pump = Pump(inner)
        if isinstance(address, UnixAddress):
            listener = socket.socket(socket.AF_UNIX)

            def listen(path: str) -> None:
                listener.bind(path)
                listener.listen()

            self._socket_file = open_socket_file(address, listen)
            return listener
        return socket.create_server(
            (address.host, address.port),
            family=socket.AF_INET6 if ":" in address.host else socket.AF_INET,
        )

    def _revive(self, task: asyncio.Task[Any]) -> None:
        # grpc.aio decodes the path of a call where nothing catches what is no UTF-8: one such call
        # and the task that takes calls is dead.
        if not task.cancelled() and isinstance(task.exception(), UnicodeDecodeError):
            self._revival = asyncio.ensure_future(self._reopen())

    async def _reopen(self) -> None:
        if self._wire is None:
            return  # it closes anyway
        _LOG.warning("gRPC choked on the path of a call: all calls end, and it starts again")
        await self._close(grace_s=0.0)
        await self._come_up()

    async def close(self, grace_s: float = 0.0) -> None:
        """Take no more calls; give those in flight `grace_s` seconds, then end them.

        They end with UNAVAILABLE, and for the runtime their clients have hung up.
        """
        if self._revival is not None:
            await asyncio.wait([self._revival])
        follower, self._follower = self._follower, None
        if follower is not None:
            await follower.stop()
        await self._close(grace_s)
        if self._socket_file is not None:
            self._socket_file.remove()  # of a runtime that is down

    async def _close(self, grace_s: float, *, keep_file: bool = False) -> None:
        """Stop. The file is kept of a runtime that dies: whoever dials it is refused."""
        wire, self._wire = self._wire, None
        face, self._face = self._face, None
        if wire is None or face is None:
            return
        if self._socket_file is not None and not keep_file:
            self._socket_file.remove()
        await face.dismiss(grace_s)
        pump, self._pump = self._pump, None
        if pump is not None:
            await pump.close()
        await wire.stop(LINGER_S)
        if self._inner is not None:
            self._inner.cleanup()

    def _listen(self, wire: grpc.aio.Server, address: Address) -> str:
        if isinstance(address, UnixAddress):
            self._socket_file = open_socket_file(
                address, lambda path: add_port(wire, path, unix=True)
            )
            return address.endpoint
        return TcpAddress(address.host, add_port(wire, address.endpoint)).endpoint

    def __enter__(self) -> Self:
        self.start()
        return self

    def _left(self, _error: BaseException | None) -> None:
        self.stop()


def _options(beyond: Beyond | None) -> tuple[tuple[str, int], ...]:
    # Ours is the limit, because the text is; gRPC's own keeps us from swallowing the world. What
    # is too large for another runtime is refused there.
    limit = 4 * MESSAGE_LIMIT if beyond is None else -1
    return (("grpc.max_receive_message_length", limit), *_OPTIONS)


def add_port(wire: grpc.aio.Server, target: str, *, unix: bool = False) -> int:
    """Listen on an address of gRPC's, or at a path; return the port. UnusableAddress: it cannot."""
    try:
        return wire.add_insecure_port(f"unix:{quote(target)}" if unix else target)
    except RuntimeError as error:
        raise UnusableAddress(f"cannot listen on {target}: {error}") from error
