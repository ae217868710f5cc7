"""Port-forward: from ports that the client names to those of a pod. Source: spec streaming 2.8.

What containerd does for each connection stands behind it: it dials from inside the pod's network
namespace, copies both ways, and where one way has ended it waits a second for the other.
"""

from typing import TYPE_CHECKING, Any, ClassVar

from fakecri.api import runtime_pb2 as pb
from fakecri.core.cni import netns_path
from fakecri.core.executables import quoted
from fakecri.core.lookups import get_sandbox
from fakecri.core.net.connections import Address, Connection
from fakecri.core.net.namespaces import Namespace
from fakecri.core.paths import go_error_text
from fakecri.core.pipes import Stdin
from fakecri.core.scheduler import SECOND_NS, Task, Waits, first_of
from fakecri.core.streaming.sessions import Parcel, Session
from fakecri.errors import CRIError, wrapped

if TYPE_CHECKING:
    from fakecri.core.tokens import Ticket
    from fakecri.core.world import World

GRACE_NS = SECOND_NS
"""How long one way goes on when the other has ended."""

_LOCALHOST = (("tcp4", "127.0.0.1"), ("tcp6", "::1"))


class Forward(Session):
    """Any number of connections to one pod, until the client leaves."""

    method: ClassVar[str] = "portforward"
    request: pb.PortForwardRequest

    def __init__(self, world: "World", ticket: "Ticket", number: int) -> None:
        super().__init__(world, ticket, number)
        self._connections: dict[int, Forwarded] = {}
        self._last = 0

    @property
    def ports(self) -> tuple[int, ...]:
        """Those of the request."""
        return tuple(self.request.port)

    @property
    def waits(self) -> bool:
        """Whether its client can do nothing but wait: for an answer, or for an end."""
        connections = self._connections.values()
        waits = self.troubles.owes or any(each.asks or each.lingers for each in connections)
        return waits and not self.readable

    def connect(self, port: int) -> int:
        """Begin a connection; return its number N: `data.N` and `error.N` are its channels."""
        self._last += 1
        if not self.ended:
            connection = self._connections[self._last] = Forwarded(self, self._last, port)
            self._record("connected", connection)
            connection.task.step()
        return self._last

    def feed(self, number: int, chunk: bytes) -> None:
        """Take what the client has sent; when the connection is over nobody wants it."""
        connection = self._connections.get(number)
        if connection is not None:
            connection.feed(chunk)

    def is_full(self, number: int) -> bool:
        """Whether the pod has so much to read that the client should wait; `watcher` tells."""
        connection = self._connections.get(number)
        if connection is None or self.ended:
            return False
        waits = not connection.task.done and connection.inbox.full
        return waits or self.troubles.is_deaf(connection.data)

    def close(self, number: int) -> None:
        """The client has ended its data stream. The pod does not hear of it at once."""
        connection = self._connections.get(number)
        if connection is not None:
            connection.close()

    def take(self, limit: int = 32768) -> Parcel | None:
        """Return what is to be sent next; with the end of its errors a connection is over."""
        parcel = super().take(limit)
        if parcel is not None:
            kind, _, number = parcel.channel.partition(".")
            connection = self._connections.get(int(number))  # a rule may have broken it off
            if connection is not None:
                connection.asks = False
                if parcel.ends and kind == "error":
                    self._forget(connection)
        return parcel

    def _let_go(self, reason: str) -> None:
        """The pod sees the end of its connections when it writes, or a second later."""
        for connection in tuple(self._connections.values()):
            self._forget(connection)
            if reason == "restart":
                connection.task.drop()  # the sockets of a process end with it
            else:
                connection.close()

    def _forget(self, connection: "Forwarded") -> None:
        del self._connections[connection.number]
        counts = {
            "data": self._bytes.pop(connection.data, 0),
            "error": self._bytes.pop(connection.error, 0),
        }
        self._record("disconnected", connection, bytes=counts)

    def _record(self, what: str, connection: "Forwarded", **facts: Any) -> None:
        self.record(what, port=connection.port, **facts)


class Forwarded:
    """One connection, between the client's pair of streams and what listens in the pod."""

    def __init__(self, session: Forward, number: int, port: int) -> None:
        self.number = number
        self.port = port
        self.inbox = Stdin(session.world.scheduler, closed=False)
        """What the client has sent and the pod has no room for yet."""
        self.asks = True
        """Whether the client has said something, and nothing came back yet."""
        self.lingers = False
        """Whether one way has ended, and the other is waited for."""
        self.task = Task(session.world.scheduler, self._live())
        self._session = session
        self.data = f"data.{number}"
        self.error = f"error.{number}"

    def feed(self, chunk: bytes) -> None:
        """Take what the client has sent."""
        if self.inbox.closed:
            return
        self.asks = True
        self._session.count(self.data, chunk)
        self.inbox.feed(chunk)
        if self.inbox.full:
            self.inbox.drained().then(self._session.stir)

    def close(self) -> None:
        """The client sends no more."""
        self.inbox.close()

    def _live(self) -> Waits[None]:
        pod, put = self._session.request.pod_sandbox_id, self._session.put
        trouble = f"error forwarding port {self.port} to pod {pod}, uid : "
        try:
            path, namespace = _enter(self._session.world, pod)
        except CRIError as error:
            put(self.error, f"{trouble}{error.message}".encode())
            put(self.data, b"", ends=True)
        else:
            try:
                with wrapped(f'failed to execute portforward in network namespace "{path}"'):
                    yield from self._carry(namespace)
            except CRIError as error:
                put(self.data, b"", ends=True)
                put(self.error, f"{trouble}{error.message}".encode())
            else:
                put(self.data, b"", ends=True)
        self.inbox.close()
        put(self.error, b"", ends=True)

    def _carry(self, namespace: Namespace) -> Waits[None]:
        scheduler = self._session.world.scheduler
        flow, connection = yield from self._dial(namespace)
        ways = (
            Task(scheduler, self._outward(connection, flow)),
            Task(scheduler, self._inward(connection, flow)),
        )
        try:
            for way in ways:
                way.step()
            yield from first_of(scheduler, *ways)
            first, second = sorted(ways, key=lambda way: not way.done)
            self.lingers = True
            yield from first_of(scheduler, second, scheduler.sleep(GRACE_NS))
        finally:
            for way in ways:
                way.drop()
            connection.close()
        for way in (first, second):
            if way.done:
                way.result()

    def _dial(self, namespace: Namespace) -> Waits[tuple[str, Connection]]:
        """Connect, and return what Go calls the connection too. CRIError with both errors."""
        errors = []
        for protocol, host in _LOCALHOST:
            try:
                connection = yield from namespace.visit(host, self.port)
            except OSError as error:
                at = _joined((host, self.port))
                errors.append(go_error_text(f"dial {protocol}", f"{at}: connect", error))
            else:
                ends = f"{_joined(connection.local)}->{_joined(connection.remote)}"
                return f"{protocol} {ends}", connection
        pod = quoted(self._session.request.pod_sandbox_id)
        raise CRIError(
            f"failed to connect to localhost:{self.port} inside namespace {pod}, "
            f"IPv4: {errors[0]} IPv6 {errors[1]} "
        )

    def _outward(self, connection: Connection, flow: str) -> Waits[None]:
        """Copy what the pod sends, as fast as the client takes it."""
        try:
            while (chunk := (yield from connection.read())) and not self._session.ended:
                yield from self._session.room()
                self._session.put(self.data, chunk)
                yield from self._session.world.scheduler.sleep(0)  # the turn of others
        except ConnectionResetError:
            copied_by = self._session.world.profile.copied_by.format(flow=flow)
            text = f"{copied_by}read {flow}: read: connection reset by peer"
            raise CRIError(text) from None

    def _inward(self, connection: Connection, flow: str) -> Waits[None]:
        """Copy what the client sends, as fast as the pod reads it. Its end is not told."""
        try:
            while chunk := (yield from self.inbox.read()):
                connection.write(chunk)
                yield from connection.room()
        except BrokenPipeError:
            raise CRIError(f"readfrom {flow}: write {flow}: write: broken pipe") from None


def _enter(world: "World", id_: str) -> tuple[str, Namespace]:
    """Return a pod's network namespace, and where it is kept; CRIError where it has none now."""
    sandbox = get_sandbox(world, "portforward", id_)
    if sandbox.host_network:
        return "host", world.network.node
    if sandbox.network is None or sandbox.netns_closed:
        raise CRIError(f"network namespace for sandbox {quoted(id_)} is closed")
    return netns_path(sandbox), sandbox.network


def _joined(address: Address) -> str:
    host, port = address
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
