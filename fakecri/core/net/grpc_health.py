"""The gRPC health service (grpc.health.v1) over HTTP/2, without a gRPC library.

Source: grpc/doc/health-checking.md, and the gRPC protocol over HTTP/2.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import IntEnum

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import DataReceived, Event, RequestReceived, StreamEnded, StreamReset
from h2.exceptions import ProtocolError

from fakecri.core import signals
from fakecri.core.net.connections import Connection
from fakecri.core.net.crews import Crew
from fakecri.core.net.daemons import HEALTHY, Health
from fakecri.core.net.sockets import Listener
from fakecri.core.processes import Process, Program
from fakecri.core.scheduler import SECOND_NS, Waits

WATCH_S = 1.0
"""How often a watched status is looked at."""

_SERVICE = "/grpc.health.v1.Health/"
_NOT_FOUND = "5"
_UNIMPLEMENTED = "12"
_FRAME = 5  # bytes before each message: whether it is compressed, and its length
_STRING = b"\x0a"


class ServingStatus(IntEnum):
    """The statuses, by their numbers in the contract."""

    UNKNOWN = 0
    SERVING = 1
    NOT_SERVING = 2
    SERVICE_UNKNOWN = 3


StatusOf = Callable[[str], ServingStatus | None]
"""From the name of a service to its status; None where there is no such service."""


def grpc_health(
    port: int = 5000, *, services: tuple[str, ...] = (), health: Health = HEALTHY
) -> Program:
    """Return a program that serves gRPC health checks until SIGTERM or SIGINT.

    The server as a whole (the empty service) and each of `services` are what `health` says.
    """
    return lambda process: serve_health(process, port, services, health)


def serve_health(
    process: Process, port: int, services: tuple[str, ...], health: Health
) -> Waits[int]:
    """Serve gRPC health checks; see `grpc_health`."""
    for number in (signals.SIGTERM, signals.NUMBERS["INT"]):
        process.handle(number, lambda _: process.exit_now(0))
    listener = process.listen(port)
    yield from serve_statuses(process, listener, _Checks(process, ("", *services), health).status)
    return 0


def serve_statuses(process: Process, listener: Listener, status_of: StatusOf) -> Waits[None]:
    """Serve gRPC health checks of chosen statuses for ever."""
    return Crew(process).serve(
        listener, lambda connection: serve_grpc(process, connection, status_of)
    )


@dataclass(slots=True)
class _Checks:
    process: Process
    services: tuple[str, ...]
    health: Health
    count: int = 0

    def status(self, service: str) -> ServingStatus | None:
        if service not in self.services:
            return None
        self.count += 1
        seconds = (self.process.scheduler.now_ns - self.process.started_ns) / SECOND_NS
        good = self.health.is_good(self.count, seconds)
        return ServingStatus.SERVING if good else ServingStatus.NOT_SERVING


def serve_grpc(process: Process, connection: Connection, status_of: StatusOf) -> Waits[None]:
    """Serve one connection of HTTP/2 until it ends."""
    session = _Session(process, connection, status_of)
    session.protocol.initiate_connection()
    session.flush()
    while chunk := (yield from connection.read()):
        try:
            events = session.protocol.receive_data(chunk)
        except ProtocolError:
            session.flush()
            return
        for event in events:
            session.handle(event)
        session.flush()


@dataclass(slots=True)
class _Session:
    process: Process
    connection: Connection
    status_of: StatusOf
    protocol: H2Connection = field(
        default_factory=lambda: H2Connection(H2Configuration(client_side=False))
    )
    paths: dict[int, str] = field(default_factory=dict)
    bodies: dict[int, bytes] = field(default_factory=dict)
    crew: Crew = field(init=False)

    def __post_init__(self) -> None:
        self.crew = Crew(self.process)

    def flush(self) -> None:
        self.connection.write(self.protocol.data_to_send())

    def handle(self, event: Event) -> None:
        if isinstance(event, RequestReceived):
            headers = {_text(name): _text(value) for name, value in event.headers}
            self.paths[event.stream_id] = headers.get(":path", "")
            self.bodies[event.stream_id] = b""
        elif isinstance(event, DataReceived):
            self.bodies[event.stream_id] = self.bodies.get(event.stream_id, b"") + event.data
            self.protocol.acknowledge_received_data(
                event.flow_controlled_length or 0, event.stream_id
            )
        elif isinstance(event, StreamReset):
            self.paths.pop(event.stream_id, None)
        elif isinstance(event, StreamEnded):
            self.answer(event.stream_id)

    def answer(self, stream: int) -> None:
        path = self.paths.get(stream, "")
        service = _service(self.bodies.pop(stream, b""))
        if path == f"{_SERVICE}Check":
            self.check(stream, service)
        elif path == f"{_SERVICE}Watch":
            self.crew.run(self.watch(stream, service))
        else:
            self.fail(stream, _UNIMPLEMENTED, f"unknown method {path}")

    def check(self, stream: int, service: str) -> None:
        status = self.status_of(service)
        if status is None:
            self.fail(stream, _NOT_FOUND, "unknown service")
            return
        self.protocol.send_headers(stream, _HEADERS)
        self.protocol.send_data(stream, _message(status))
        self.protocol.send_headers(stream, [("grpc-status", "0")], end_stream=True)
        self.paths.pop(stream, None)

    def fail(self, stream: int, code: str, text: str) -> None:
        trailers = [*_HEADERS, ("grpc-status", code), ("grpc-message", text)]
        self.protocol.send_headers(stream, trailers, end_stream=True)
        self.paths.pop(stream, None)

    def watch(self, stream: int, service: str) -> Waits[None]:
        """Send the status, and each one that differs from the last, while the client listens."""
        last: ServingStatus | None = None
        self.protocol.send_headers(stream, _HEADERS)
        while stream in self.paths and not (self.connection.ended or self.connection.reset):
            status = self.status_of(service) or ServingStatus.SERVICE_UNKNOWN
            if status is not last:
                self.protocol.send_data(stream, _message(status))
                self.flush()
            last = status
            yield from self.process.sleep(WATCH_S)


_HEADERS = [(":status", "200"), ("content-type", "application/grpc")]


def _message(status: ServingStatus) -> bytes:
    content = bytes([0x08, status]) if status else b""
    return b"\0" + len(content).to_bytes(4, "big") + content


def _service(body: bytes) -> str:
    """The name in a HealthCheckRequest; empty where there is none."""
    content = body[_FRAME:]
    if not content.startswith(_STRING):
        return ""
    size, at, shift = 0, 1, 0
    while at < len(content):
        byte = content[at]
        size |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:  # noqa: PLR2004  # the last byte of a varint
            break
    return content[at : at + size].decode(errors="replace")


def _text(value: bytes | str) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else value
