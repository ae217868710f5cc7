"""The room of real sockets: one thread, its event loop, and a door for each simulated port.

Linux routes all of 127.0.0.0/8 to the machine itself, and nobody else can reach it.
"""

import asyncio
import errno
import logging
import os
import socket
import threading
from contextlib import suppress
from functools import partial
from ipaddress import ip_address
from typing import Any

from fakecri.core.net.connections import Address, Connection, pair
from fakecri.core.net.namespaces import Namespace
from fakecri.core.net.outside import HostPort, Row
from fakecri.core.net.sockets import Bound, Datagrams
from fakecri.core.scheduler import Future
from fakecri.host import Host
from fakecri.network.bridges import PATIENCE_S, Bridge
from fakecri.network.doors import TcpDoor, UdpDoor, reset
from fakecri.network.kernel import read_rows

NODE = "127.0.0.1"
"""Where what listens on the node's own addresses is reached."""
BLINK_S = 0.02
"""How long a real client waits before time leaps on its behalf."""

_LOG = logging.getLogger("fakecri.network")
_ANY = frozenset({"", "0.0.0.0", "::"})  # noqa: S104  # what is asked for; loopback is what it gets

Key = tuple[str, str, int]
Door = TcpDoor | UdpDoor


class Loopback:
    """Real sockets for a host's simulated ones. Its methods are called under the host's lock."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._network = host.world.network
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="fakecri-network", daemon=True)
        self._doors: dict[Bound, list[Door]] = {}
        self._host_doors: dict[Key, Door] = {}
        self._bridges: dict[Bridge, None] = {}
        self._dials: dict[asyncio.Task[None], None] = {}
        self._awaited: dict[Future[Connection], float] = {}
        self._attaching: dict[asyncio.Task[Any], None] = {}
        self._peers: dict[tuple[Bound, Address], UdpDoor] = {}
        self._asked_until = 0.0
        self._ticking = False

    def open(self) -> None:
        """Begin, and end with the host."""
        self._thread.start()
        with self._host.turn() as world:
            world.network.outside = self
        self._host.add_room(self)

    def close(self) -> None:
        """Close every socket, and end the thread. Not under the lock: the thread may want it."""
        with self._host.turn() as world:
            world.network.outside = None
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(lambda: self._loop.create_task(self._shut_down()))
            self._thread.join()

    def stir(self) -> None:
        """Look whether time may leap now."""
        with suppress(RuntimeError):  # the loop is closed
            self._loop.call_soon_threadsafe(self._tick_soon)

    def is_thinking(self) -> bool:
        """Whether something real is expected to answer the simulation in a moment."""
        now = self._loop.time()
        return any(until > now for until in tuple(self._awaited.values())) or any(
            each.is_thinking() for each in tuple(self._bridges)
        )

    # What the simulation asks for.

    def expose(self, namespace: Namespace, socket: Bound) -> None:
        """Let real clients reach a simulated socket."""
        doors: list[Door] = []
        self._doors[socket] = doors
        try:
            for address in _real_addresses(namespace, socket.address):
                doors.append(self._open_door(namespace, socket, address))  # noqa: PERF401  # to be closed
        except OSError as error:
            self.withdraw(socket)
            _LOG.warning(
                "%s port %s of %s cannot be had on this machine: %s",
                socket.protocol,
                socket.port,
                namespace.addresses or NODE,
                error.strerror,
            )
            raise _plain(error) from error
        self._settle()

    def withdraw(self, socket: Bound) -> None:
        """Take that back."""
        for door in self._doors.pop(socket, ()):
            door.close()
        for key in [key for key in self._peers if key[0] is socket]:
            del self._peers[key]
        self._settle()

    def publish(self, host_port: HostPort) -> None:
        """Open a port of the machine that leads into a pod; it refuses until somebody listens."""
        address = _host_address(host_port.host_ip)
        key = (host_port.protocol, address, host_port.host_port)
        if key not in self._host_doors and host_port.protocol in {"tcp", "udp"}:
            try:
                self._host_doors[key] = self._open_host_door(*key)
            except OSError as error:
                raise _plain(error) from error

    def unpublish(self, host_port: HostPort) -> None:
        """Close it, unless another pod has it too."""
        address = _host_address(host_port.host_ip)
        if self._network.find_host_port(host_port.protocol, address, host_port.host_port) is None:
            door = self._host_doors.pop((host_port.protocol, address, host_port.host_port), None)
            if door is not None:
                door.close()
        self._settle()

    def dial(self, address: str, port: int) -> Future[Connection]:
        """Connect to a real listener of this machine."""
        future: Future[Connection] = Future(self._network.scheduler)
        if not ip_address(address).is_loopback:
            future.set_error(ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused"))
        else:
            self._awaited[future] = self._loop.time() + PATIENCE_S
            self._loop.call_soon_threadsafe(self._start_dial, future, (address, port))
        return future

    def rows(self) -> list[Row]:
        """The machine's own sockets: all but those that stand for simulated ones."""
        ours = {(door.address, door.port) for doors in self._doors.values() for door in doors}
        return [
            row
            for row in read_rows()
            if row.local not in ours and not self._network.is_pod_address(row.local[0])
        ]

    # Doors.

    def _open_door(self, namespace: Namespace, bound: Bound, address: str) -> Door:
        if isinstance(bound, Datagrams):
            return UdpDoor(self._loop, address, bound.port, partial(self._received, bound))
        at = (address, bound.port)
        door = TcpDoor(self._loop, *at, lambda real, peer: self._welcome(real, peer, namespace, at))
        try:
            door.listen()
        except OSError:
            door.close()
            raise
        return door

    def _open_host_door(self, protocol: str, address: str, port: int) -> Door:
        if protocol == "udp":
            return UdpDoor(self._loop, address, port, self._received_at_host)
        return TcpDoor(
            self._loop, address, port, lambda real, peer: self._forward(real, peer, address, port)
        )

    def _settle(self) -> None:
        """Let each port of the node refuse or listen, as the pod does that it leads to."""
        for (protocol, address, port), door in self._host_doors.items():
            if not isinstance(door, TcpDoor):
                continue
            at = self._network.find_host_port(protocol, address, port)
            if at is not None and at.namespace.find(protocol, at.address, at.port) is not None:
                with suppress(OSError):
                    door.listen()
            else:
                door.shut()

    # What comes from real clients, on the event loop.

    def _forward(self, real: socket.socket, peer: Address, address: str, port: int) -> None:
        with self._host.turn():
            at = self._network.find_host_port("tcp", address, port)
        if at is None:
            reset(real)
        else:
            self._welcome(real, peer, at.namespace, (at.address, at.port))

    def _welcome(
        self, real: socket.socket, peer: Address, namespace: Namespace, at: Address
    ) -> None:
        try:
            with self._host.turn():
                end = self._network.arrive(namespace, at, peer)
        except ConnectionRefusedError:
            reset(real)
            return
        self._attach(self._new_bridge(end), real)

    def _attach(self, bridge: Bridge, real: socket.socket) -> None:
        task = self._loop.create_task(self._loop.connect_accepted_socket(lambda: bridge, real))
        self._attaching[task] = None
        task.add_done_callback(self._attached)

    def _attached(self, task: asyncio.Task[Any]) -> None:
        self._attaching.pop(task, None)
        self._tick_soon()

    def _new_bridge(self, end: Connection, *, dialled: bool = False) -> Bridge:
        bridge = Bridge(self._host, self._loop, end, self._gone, dialled=dialled)
        self._bridges[bridge] = None
        bridge.stirred = self._tick_soon
        return bridge

    def _gone(self, bridge: Bridge) -> None:
        self._bridges.pop(bridge, None)

    def _received(self, bound: Datagrams, door: UdpDoor, payload: bytes, peer: Address) -> None:
        with self._host.turn():
            if not bound.closed:
                self._peers[bound, peer] = door
                bound.outward = partial(self._reply, bound)
                bound.arrive(payload, peer)
        self._asked_until = self._loop.time() + PATIENCE_S
        self._tick_soon()

    def _received_at_host(self, door: UdpDoor, payload: bytes, peer: Address) -> None:
        with self._host.turn():
            at = self._network.find_host_port("udp", door.address, door.port)
            bound = at and at.namespace.find("udp", at.address, at.port)
        if isinstance(bound, Datagrams):
            self._received(bound, door, payload, peer)

    def _reply(self, bound: Datagrams, payload: bytes, to: Address) -> bool:
        door = self._peers.get((bound, to))
        if door is None:
            return False
        door.send(payload, to)
        self._asked_until = 0.0
        return True

    # What goes to real servers.

    def _start_dial(self, future: Future[Connection], to: Address) -> None:
        task = self._loop.create_task(self._dial(future, to))
        self._dials[task] = None
        task.add_done_callback(lambda task: self._dialled(task, future))

    def _dialled(self, task: asyncio.Task[None], future: Future[Connection]) -> None:
        del self._dials[task], self._awaited[future]

    async def _dial(self, future: Future[Connection], to: Address) -> None:
        family = socket.AF_INET6 if ":" in to[0] else socket.AF_INET
        real = socket.socket(family, socket.SOCK_STREAM)
        real.setblocking(False)
        try:
            await self._loop.sock_connect(real, to)
        except OSError as error:
            real.close()
            with self._host.turn():
                future.set_error(_plain(error))
            return
        except asyncio.CancelledError:
            real.close()
            raise
        local = real.getsockname()
        with self._host.turn() as world:
            near, far = pair(world.scheduler, (local[0], local[1]), to)
            bridge = self._new_bridge(far, dialled=True)
            future.set_result(near)
        self._attach(bridge, real)

    # Time, on behalf of real clients that wait.

    def _tick_soon(self) -> None:
        if not self._ticking and self._host.pace.jumps:
            self._ticking = True
            self._loop.call_later(BLINK_S, self._tick)

    def _tick(self) -> None:
        self._ticking = False
        asked = self._asked_until > self._loop.time()
        if asked or any(each.waits and not each.dialled for each in self._bridges):
            self._host.leap()
            self._tick_soon()

    # The thread.

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()
        self._loop.close()

    async def _shut_down(self) -> None:
        for doors in (*self._doors.values(), self._host_doors.values()):
            for door in doors:
                door.close()
        for dial in tuple(self._dials):
            dial.cancel()
        while tasks := (*self._dials, *self._attaching):
            await asyncio.wait(tasks)
        while self._bridges:
            for bridge in tuple(self._bridges):
                bridge.abort()
            await asyncio.sleep(0)
        await asyncio.sleep(0)  # what the doors have queued
        self._loop.stop()


def _real_addresses(namespace: Namespace, address: str) -> list[str]:
    """Where on this machine a simulated socket is to be found."""
    if namespace.is_node:
        if address in _ANY:
            return [NODE]
        is_own = ip_address(address).is_loopback and address not in namespace.addresses
        return [address] if is_own else []
    return [each for each in namespace.addresses if address in {*_ANY, each}]


def _host_address(host_ip: str) -> str:
    if host_ip in _ANY:
        return NODE
    if not ip_address(host_ip).is_loopback:
        raise OSError(errno.EADDRNOTAVAIL, "cannot assign requested address")
    return host_ip


def _plain(error: OSError) -> OSError:
    """The error without the address that asyncio puts into it."""
    code = error.errno or errno.ECONNREFUSED
    return OSError(code, os.strerror(code))
