"""The client's side of ttrpc: calls on a connection, and what becomes of them."""

from collections.abc import Callable
from typing import Any, TypeAlias

from google.protobuf.message import DecodeError, Message

from fakecri.api import ttrpc_pb2 as ttrpc
from fakecri.core.nri.plugins import NRIError, OversizedRequest, PluginGone
from fakecri.core.scheduler import Future, Scheduler
from fakecri.errors import Code
from fakecri.nri.frames import KINDS, LIMIT, REQUEST, RESPONSE, UNREADABLE, Frame, oversized

_CODES = {code.value: code for code in Code}

_Waiting: TypeAlias = tuple[type[Message], Future[Any]]


class Garbled(NRIError):  # noqa: N818  # it reads as what happened
    """What came makes no sense, and no status; the plugin is not closed for that alone."""

    def __init__(self, text: str) -> None:
        super().__init__(Code.UNKNOWN, text)

    def __str__(self) -> str:
        return self.text


class Client:
    """Makes calls. Each has a stream of its own, with an odd number that is larger each time."""

    def __init__(self, scheduler: Scheduler, send: Callable[[bytes], None]) -> None:
        """`send` takes frames for the server."""
        self._scheduler = scheduler
        self._send = send
        self._stream = -1
        self._waiting: dict[int, _Waiting] = {}
        self._error: NRIError | None = None

    @property
    def waits(self) -> bool:
        """Whether a call has not been answered yet."""
        return bool(self._waiting)

    def call(
        self, method: str, request: Message, response: type[Message], timeout_ns: int
    ) -> Future[Any]:
        """Call `/package.Service/Method`; return the response to come, or its NRIError."""
        future: Future[Any] = Future(self._scheduler)
        service, _, name = method.removeprefix("/").rpartition("/")
        content = ttrpc.Request(
            service=service,
            method=name,
            payload=request.SerializeToString(),
            timeout_nano=timeout_ns,
        ).SerializeToString()
        self._stream += 2
        if self._error is not None:
            future.set_error(self._error)
        elif len(content) > LIMIT:
            future.set_error(OversizedRequest(len(content), LIMIT))
        else:
            self._waiting[self._stream] = response, future
            self._send(Frame(self._stream, REQUEST, content).wire)
        return future

    def take(self, frame: Frame) -> None:
        """Take what the server sent; what nobody waits for is dropped."""
        waiting = self._waiting.pop(frame.stream, None)
        if waiting is None:
            return
        response, future = waiting
        try:
            future.set_result(_response(frame, response))
        except NRIError as error:
            future.set_error(error)

    def close(self, error: NRIError) -> None:
        """The connection is gone: all calls that wait fail, and later ones."""
        self._error = self._error or PluginGone()
        waiting, self._waiting = self._waiting, {}
        for _, future in waiting.values():
            future.set_error(error)


def _response(frame: Frame, response: type[Message]) -> Message:
    if frame.excess:
        raise NRIError(Code.RESOURCE_EXHAUSTED, oversized(frame.excess))
    if frame.kind != RESPONSE:
        kind = KINDS.get(frame.kind, "unknown")
        raise PluginGone(f'unexpected "{kind}" message received: protocol error')
    try:
        answer = ttrpc.Response.FromString(frame.content)
        message = response.FromString(answer.payload)
    except DecodeError:
        raise Garbled(UNREADABLE) from None
    if answer.status.code:
        raise NRIError(_CODES.get(answer.status.code, Code.UNKNOWN), answer.status.message)
    return message
