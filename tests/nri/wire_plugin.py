"""A plugin of NRI that connects to a socket, written for tests: a mux and ttrpc in small."""

from __future__ import annotations

import socket
import struct
import threading
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from fakecri.api import nri_pb2 as nri
from fakecri.api import ttrpc_pb2 as ttrpc
from fakecri.core.nri.plugins import NRIError
from fakecri.core.scheduler import Scheduler
from fakecri.nri.objects import ObjectPlugin

if TYPE_CHECKING:
    from pathlib import Path

    from google.protobuf.message import Message

    from fakecri.nri.hooks import Hooks

PLUGIN, RUNTIME = 1, 2
REQUEST, RESPONSE = 1, 2
SERVICE = "nri.pkg.api.v1alpha1"
PATIENCE_S = 30.0
BUFFER = 4096


class AnswerError(Exception):
    """The runtime answered a status instead of a response."""

    def __init__(self, status: ttrpc.Status) -> None:
        super().__init__(status.code, status.message)
        self.code = status.code
        self.text = status.message


class GoneError(Exception):
    """The connection has ended."""


@dataclass(frozen=True)
class Received:
    """A message of the runtime."""

    channel: int
    stream: int
    kind: int
    content: bytes

    @property
    def response(self) -> ttrpc.Response:
        """The message as an answer."""
        assert self.kind == RESPONSE
        return ttrpc.Response.FromString(self.content)


def mux_frame(channel: int, content: bytes) -> bytes:
    """Return a frame of a channel."""
    return struct.pack(">II", channel, len(content)) + content


class Wire:
    """A connection to the socket of NRI: ttrpc's messages, one at a time."""

    def __init__(self, path: Path | str) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(PATIENCE_S)
        try:
            self._socket.connect(str(path))
        except BaseException:
            self._socket.close()
            raise
        self._channels = {PLUGIN: b"", RUNTIME: b""}

    def close(self) -> None:
        """Hang up; whoever reads is told."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def write(self, content: bytes) -> None:
        """Send bytes as they are."""
        self._socket.sendall(content)

    def send(self, channel: int, stream: int, kind: int, content: bytes, flags: int = 0) -> None:
        """Send a message, as Go's buffered writer cuts it."""
        whole = struct.pack(">IIBB", len(content), stream, kind, flags) + content
        for part in (whole[:BUFFER], whole[BUFFER:]):
            if part:
                self.write(mux_frame(channel, part))

    def call(self, method: str, payload: bytes, *, stream: int = 1) -> None:
        """Call the runtime."""
        request = ttrpc.Request(service=f"{SERVICE}.Runtime", method=method, payload=payload)
        self.send(RUNTIME, stream, REQUEST, request.SerializeToString())

    def receive(self) -> Received:
        """Return the next message; GoneError where the connection has ended."""
        while True:
            for channel, buffered in self._channels.items():
                if len(buffered) >= 10:  # ttrpc's header
                    length, stream, kind, _ = struct.unpack(">IIBB", buffered[:10])
                    if len(buffered) >= 10 + length:
                        self._channels[channel] = buffered[10 + length :]
                        return Received(channel, stream, kind, buffered[10 : 10 + length])
            channel, length = struct.unpack(">II", self._exactly(8))
            self._channels[channel] += self._exactly(length)

    def _exactly(self, count: int) -> bytes:
        content = b""
        while len(content) < count:
            part = self._socket.recv(count - len(content))
            if not part:
                raise GoneError
            content += part
        return content

    @property
    def is_gone(self) -> bool:
        """Wait for the runtime to end the connection; whether it did, and said nothing more."""
        try:
            return not self._socket.recv(1)
        except ConnectionError:
            return True
        finally:
            self._socket.close()


class WirePlugin:
    """A plugin behind a connection, whose hooks are the methods of an object."""

    def __init__(
        self, path: Path | str, hooks: Hooks, *, name: str = "test", index: str = "00"
    ) -> None:
        """Connect, and register; AnswerError where that is refused."""
        self._hooks = ObjectPlugin(Scheduler(1), hooks, index, name)
        self.wire = Wire(path)
        self._told: nri.SynchronizeRequest | None = None
        """What was told of all that there is, while there is more to come."""
        self._lock = threading.Lock()
        self._stream = -1
        self._answers: dict[int, ttrpc.Response] = {}
        self._changed = threading.Condition(self._lock)
        self.asked: list[str] = []
        """The methods that were called."""
        self.ended = False
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()
        try:
            self.call(
                "RegisterPlugin", nri.RegisterPluginRequest(plugin_name=name, plugin_idx=index)
            )
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        self.wait_for("Synchronize")
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Hang up, and wait until nothing is done any more."""
        self.wire.close()
        if self._thread is not threading.current_thread():
            self._thread.join(PATIENCE_S)

    def wait_for(self, method: str) -> None:
        """Wait until a method was called."""
        with self._changed:
            assert self._changed.wait_for(lambda: method in self.asked or self.ended, PATIENCE_S)
            assert method in self.asked

    def wait_for_end(self) -> None:
        """Wait until the connection has ended."""
        with self._changed:
            assert self._changed.wait_for(lambda: self.ended, PATIENCE_S)

    def call(self, method: str, request: Message) -> bytes:
        """Call the runtime; return what it answers, or raise AnswerError, or GoneError."""
        with self._changed:
            self._stream += 2
            stream = self._stream
            if self.ended:
                raise GoneError
            self.wire.call(method, request.SerializeToString(), stream=stream)
            came = self._changed.wait_for(lambda: stream in self._answers or self.ended, PATIENCE_S)
            assert came
            if stream not in self._answers:
                raise GoneError
            answer = self._answers.pop(stream)
        if answer.status.code:
            raise AnswerError(answer.status)
        return answer.payload

    def update_containers(self, *updates: nri.ContainerUpdate) -> list[nri.ContainerUpdate]:
        """Ask for updates of containers; return those that failed."""
        payload = self.call("UpdateContainers", nri.UpdateContainersRequest(update=updates))
        return list(nri.UpdateContainersResponse.FromString(payload).failed)

    def _serve(self) -> None:
        try:
            while True:
                received = self.wire.receive()
                if received.channel == RUNTIME:
                    with self._changed:
                        self._answers[received.stream] = received.response
                        self._changed.notify_all()
                else:
                    assert received.kind == REQUEST
                    self._answer(received.stream, ttrpc.Request.FromString(received.content))
        except (GoneError, OSError):
            pass
        finally:
            self.wire.close()
            with self._changed:
                self.ended = True
                self._changed.notify_all()

    def _answer(self, stream: int, request: ttrpc.Request) -> None:
        """Answer a call; a hook must not call the runtime and wait for that."""
        assert request.service == f"{SERVICE}.Plugin"
        response = ttrpc.Response()
        method = nri.DESCRIPTOR.services_by_name["Plugin"].methods_by_name[request.method]
        kind: Any = getattr(nri, method.input_type.name)
        try:
            answer = self._hooked(request.method, kind.FromString(request.payload))
            response.payload = answer.SerializeToString()
        except NRIError as error:
            response.status.code, response.status.message = error.code, error.text
        with self._changed:
            self.wire.send(PLUGIN, stream, RESPONSE, response.SerializeToString())
            self.asked.append(request.method)
            self._changed.notify_all()

    def _hooked(self, method: str, request: Any) -> Message:
        """Return what a hook answers; it is told at once what comes in several requests."""
        if method == "Synchronize":
            told = self._told or nri.SynchronizeRequest()
            told.MergeFrom(request)
            self._told = told if request.more else None
            if request.more:
                return nri.SynchronizeResponse(more=True)
            request = told
        response: Message = self._hooks.call(method, request).result()
        return response
