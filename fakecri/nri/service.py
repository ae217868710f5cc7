"""The server's side of ttrpc: methods that can be called, and their answers."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, TypeAlias

from google.protobuf.message import DecodeError, Message

from fakecri.api import ttrpc_pb2 as ttrpc
from fakecri.core.nri.plugins import NRIError
from fakecri.core.scheduler import Future
from fakecri.errors import Code
from fakecri.nri.frames import DATA, REQUEST, RESPONSE, UNREADABLE, Frame, oversized

Handler: TypeAlias = Callable[[Any], Future[Any]]
"""What answers a request: with a message, or NRIError."""
Methods: TypeAlias = Mapping[str, tuple[type[Message], Handler]]


class Service:
    """Answers the calls of services, by their full names."""

    def __init__(self, services: Mapping[str, Methods], send: Callable[[bytes], None]) -> None:
        """`send` takes frames for the client."""
        self._services = services
        self._send = send
        self._last_stream = 0

    def take(self, frame: Frame) -> None:
        """Take what the client sent. What is wrong with it is told on the same stream."""
        try:
            self._take(frame)
        except NRIError as error:
            self._refuse(frame.stream, error)

    def _take(self, frame: Frame) -> None:
        if frame.excess:
            raise NRIError(Code.RESOURCE_EXHAUSTED, oversized(frame.excess))
        if frame.stream % 2 == 0:
            raise _invalid("StreamID must be odd for client initiated streams")
        if frame.kind == DATA:
            # None of the methods is streaming. Data for one that is being answered takes ttrpc's
            # server down; here it is as if it were answered.
            raise _invalid("StreamID is no longer active")
        if frame.kind != REQUEST:
            return
        if frame.stream <= self._last_stream:
            raise _invalid("StreamID cannot be re-used and must increment")
        self._last_stream = frame.stream
        self._begin(frame)

    def _begin(self, frame: Frame) -> None:
        try:
            request = ttrpc.Request.FromString(frame.content)
        except DecodeError:
            raise _invalid(f"unmarshal request error: {UNREADABLE}") from None
        methods = self._services.get(request.service)
        if methods is None:
            raise NRIError(Code.UNIMPLEMENTED, f"service {request.service}")
        if request.method not in methods:
            raise NRIError(Code.UNIMPLEMENTED, f"method {request.method}")
        kind, handler = methods[request.method]
        try:
            message = kind.FromString(request.payload)
        except DecodeError:
            text = f"ttrpc: error unmarshalling payload: {UNREADABLE}"
            raise NRIError(Code.INTERNAL, text) from None
        answer = handler(message)
        answer.then(partial(self._answer, frame.stream, answer))

    def _answer(self, stream: int, answer: Future[Any]) -> None:
        try:
            payload = answer.result().SerializeToString()
        except NRIError as error:
            self._refuse(stream, error)
        else:
            self._respond(stream, ttrpc.Response(payload=payload))

    def _refuse(self, stream: int, error: NRIError) -> None:
        status = ttrpc.Status(code=error.code, message=error.text)
        self._respond(stream, ttrpc.Response(status=status))

    def _respond(self, stream: int, response: ttrpc.Response) -> None:
        self._send(Frame(stream, RESPONSE, response.SerializeToString()).wire)


def _invalid(text: str) -> NRIError:
    return NRIError(Code.INVALID_ARGUMENT, text)
