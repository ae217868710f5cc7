"""A plugin's connection: it registers, and then it is a plugin as any other."""

from collections import deque
from collections.abc import Callable
from typing import Any, NamedTuple

from google.protobuf.message import Message

from fakecri.api import nri_pb2 as nri
from fakecri.core.nri.plugins import NRIError, PluginGone, index_fault, name_fault
from fakecri.core.scheduler import SECOND_NS, Future, Timer
from fakecri.core.world import World
from fakecri.errors import Code
from fakecri.nri.client import Client, Garbled
from fakecri.nri.frames import Decoder
from fakecri.nri.mux import PLUGIN, RUNTIME, Demux, framed
from fakecri.nri.service import Service

MOST_BUFFERED = 65_536
"""Bytes that a connection may say before it is its turn."""

WAY_NS = 100_000_000
"""What the way of an answer takes of the time for it. A real runtime tells a plugin all the time
that there is: where the plugin gives up at its end, it may be heard just before the end, or not."""

PACKAGE = nri.DESCRIPTOR.package
METHODS = nri.DESCRIPTOR.services_by_name["Plugin"].methods_by_name


class Registrations:
    """Who may register: one connection at a time, until it is configured and synchronised.

    As in containerd's adaptation, a connection that says nothing holds up those behind it.
    """

    def __init__(self) -> None:
        self._line: deque[Connection] = deque()

    def join(self, connection: "Connection") -> None:
        """Queue up."""
        self._line.append(connection)
        if self._line[0] is connection:
            connection.begin()

    def leave(self, connection: "Connection") -> None:
        """Let the next one have its turn; harmless where the connection does not queue."""
        was_first = bool(self._line) and self._line[0] is connection
        if connection in self._line:
            self._line.remove(connection)
        if was_first and self._line:
            self._line[0].begin()


class Deadline(NamedTuple):
    """When a plugin has taken too long over what it is to do."""

    virtual_ns: int
    real_s: float


class Connection:
    """A plugin at the other end of a connection. Whoever calls has the world to themselves."""

    def __init__(
        self,
        world: World,
        watcher: Callable[[], None],
        line: Registrations,
        real_s: Callable[[], float],
    ) -> None:
        """`watcher` is called when there is something to send, or the connection is to end.

        `real_s` reads a clock of seconds, by which plugins live.
        """
        self.index = self.name = ""
        self.ended = self.cut = False
        self._world = world
        self._watcher = watcher
        self._line = line
        self._out = bytearray()
        self._early: bytearray | None = bytearray()
        """What came before it was its turn; None: it is."""
        self._real_s = real_s
        self._since = Deadline(0, 0.0)
        """When it was asked last; before that, when it was its turn to register."""
        self._patience: Timer | None = None
        """What ends the wait for it to register, while that lasts."""
        self._client = Client(world.scheduler, lambda frame: self._send(PLUGIN, frame))
        service = Service(
            {
                f"{PACKAGE}.Runtime": {
                    "RegisterPlugin": (nri.RegisterPluginRequest, self._register),
                    "UpdateContainers": (
                        nri.UpdateContainersRequest,
                        lambda request: world.nri.update_containers(self, request),
                    ),
                }
            },
            lambda frame: self._send(RUNTIME, frame),
        )
        self._demux = Demux(
            {
                PLUGIN: Decoder(self._client.take, self._garbled),
                # A server that cannot read goes on listening, and hears nothing.
                RUNTIME: Decoder(service.take, lambda _: None),
            }
        )
        line.join(self)

    # A conversation: see fakecri.streaming.conversations.

    @property
    def full(self) -> bool:
        """Whether no more is to be read for now."""
        return self._early is not None and len(self._early) >= MOST_BUFFERED

    @property
    def is_forming(self) -> bool:
        """Whether time should stand for the plugin: it has been asked something."""
        return self._client.waits

    @property
    def deadline(self) -> Deadline | None:
        """Until when it is to do what it does now; None: it need not do anything."""
        adaptation = self._world.nri
        if self._client.waits:
            span_ns = adaptation.request_timeout_ns
        elif self._patience is not None:
            span_ns = adaptation.registration_timeout_ns
        else:
            return None
        virtual_ns, real_s = self._since
        return Deadline(virtual_ns + span_ns, real_s + span_ns / SECOND_NS)

    def _start_waiting(self) -> None:
        self._since = Deadline(self._world.scheduler.now_ns, self._real_s())

    @property
    def waits(self) -> bool:
        """Whether time may leap for the plugin: never, it has a life of its own."""
        return False

    def feed(self, content: bytes) -> None:
        """Take bytes of the plugin."""
        if self._early is not None:
            self._early += content
        elif not self.ended:
            self._demux.feed(content)

    def take(self) -> bytes:
        """Return all that is to be sent."""
        content = bytes(self._out)
        self._out.clear()
        return content

    def hang_up(self, reason: str = "client") -> None:  # noqa: ARG002  # gone is gone
        """The connection is gone."""
        self._end(PluginGone())

    def _send(self, channel: int, frame: bytes) -> None:
        self._out += framed(channel, frame)
        self._watcher()

    # A plugin: see fakecri.core.nri.plugins.

    def call(self, method: str, request: Message) -> Future[Any]:
        """Call a method of the plugin; return its response to come, or NRIError."""
        adaptation = self._world.nri
        response = getattr(nri, METHODS[method].output_type.name)
        timeout_ns = max(adaptation.request_timeout_ns - WAY_NS, 1)
        self._start_waiting()
        return self._client.call(f"/{PACKAGE}.Plugin/{method}", request, response, timeout_ns)

    def close(self) -> None:
        """End the connection; harmless when it has ended."""
        self._end(PluginGone())

    def _garbled(self, text: str) -> None:
        self._end(Garbled(text))

    def _end(self, error: NRIError) -> None:
        if self.ended:
            return
        self.ended = True
        self._stop_waiting()
        self._client.close(error)
        self._world.nri.disconnect(self)
        self._line.leave(self)
        self._watcher()

    # Registering.

    def begin(self) -> None:
        """It is its turn to register."""
        early, self._early = self._early, None
        scheduler, patience_ns = self._world.scheduler, self._world.nri.registration_timeout_ns
        self._start_waiting()
        self._patience = scheduler.after(patience_ns, self.close, patient=True)
        if early:
            self.feed(bytes(early))
            self._watcher()  # more can be read

    def _stop_waiting(self) -> None:
        patience, self._patience = self._patience, None
        if patience is not None:
            patience.cancel()

    def _register(self, request: nri.RegisterPluginRequest) -> Future[nri.Empty]:
        answer: Future[nri.Empty] = Future(self._world.scheduler)
        is_first = self._patience is not None
        self._stop_waiting()
        fault = _fault(request)
        if fault:
            answer.set_error(NRIError(Code.UNKNOWN, fault))
            self._leave_line()  # the connection is the plugin's to end
            return answer
        answer.set_result(nri.Empty())
        if is_first:
            self.name, self.index = request.plugin_name, request.plugin_idx
            answer.then(lambda: self._world.scheduler.soon(self._connect))  # it is answered first
        return answer

    def _connect(self) -> None:
        if not self.ended:
            self._world.nri.connect(self).then(self._leave_line)

    def _leave_line(self) -> None:
        self._line.leave(self)


def _fault(request: nri.RegisterPluginRequest) -> str:
    name, index = name_fault(request.plugin_name), index_fault(request.plugin_idx)
    if name:
        return f"invalid plugin name: {name}"
    return f"invalid plugin index: {index}" if index else ""
