"""The control service on a socket of its own, which only its owner can dial."""

import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing
from inspect import isawaitable
from typing import Any, TypeAlias

import grpc
import grpc.aio
from google.protobuf.message import DecodeError, Message

from fakecri import reflection
from fakecri.api import control_pb2 as pb
from fakecri.contexts import OpenUntilLeft
from fakecri.control import handlers as _handlers  # noqa: F401  # fills the table
from fakecri.control.rpcs import CONTROL_RPCS, HANDLERS, ControlRpc
from fakecri.control.sessions import Sessions
from fakecri.endpoints import SocketFile, TcpAddress, UnixAddress, open_socket_file, parse_address
from fakecri.errors import Code, CRIError, UsageError
from fakecri.server import add_port

Context: TypeAlias = "grpc.aio.ServicerContext[bytes, bytes]"

_STATUS = {status.value[0]: status for status in grpc.StatusCode}
_LOG = logging.getLogger(__name__)
_OPTIONS = (("grpc.so_reuseport", 0), ("grpc.max_send_message_length", -1))


class ControlServer(OpenUntilLeft):
    """Serves the control of sessions, on the caller's event loop (`async with`)."""

    def __init__(self, sessions: Sessions, address: str) -> None:
        """`address`: as that of a Server. UnusableAddress for any other."""
        self._sessions = sessions
        self._address = parse_address(address)
        self._wire: grpc.aio.Server | None = None
        self._socket_file: SocketFile | None = None
        self.endpoint = ""
        """What a client dials, once it is open."""

    async def open(self) -> None:
        """Listen and serve. UnusableAddress where that cannot be."""
        self._address.check()
        described = await reflection.handlers(pb.DESCRIPTOR)
        own = {rpc.path: self._handler(rpc) for rpc in CONTROL_RPCS.values()}
        wire = grpc.aio.server(handlers=[_Methods(described | own)], options=_OPTIONS)
        if isinstance(self._address, UnixAddress):
            self._socket_file = open_socket_file(
                self._address, lambda path: add_port(wire, path, unix=True)
            )
            self.endpoint = self._address.endpoint
        else:
            port = add_port(wire, self._address.endpoint)
            self.endpoint = TcpAddress(self._address.host, port).endpoint
        await wire.start()
        self._wire = wire

    async def close(self) -> None:
        """Take no more calls, and end those in flight. Harmless when closed."""
        wire, self._wire = self._wire, None
        if self._socket_file is not None:
            self._socket_file.remove()
        if wire is not None:
            await wire.stop(None)

    def _handler(self, rpc: ControlRpc) -> "grpc.RpcMethodHandler[Any, Any]":
        async def handle(content: bytes, context: Context) -> bytes | None:
            try:
                return await self._answer(rpc, content, context)
            except (UsageError, CRIError) as error:
                status, text = _STATUS[error.code], _text_of(error)
            except Exception as bug:  # noqa: BLE001  # a client sees no traceback, the log does
                _LOG.exception("bug in %s", rpc.name)
                status, text = grpc.StatusCode.INTERNAL, f"{type(bug).__name__}: {bug}"
            return await context.abort(status, text)

        if rpc.streams:
            return grpc.unary_stream_rpc_method_handler(handle)
        return grpc.unary_unary_rpc_method_handler(handle)

    async def _answer(self, rpc: ControlRpc, content: bytes, context: Context) -> bytes | None:
        try:
            request: Any = rpc.request.FromString(content)
        except DecodeError:
            raise UsageError(f"this is no {rpc.request.DESCRIPTOR.name}") from None
        answer = self._answered(rpc, request)
        if HANDLERS[rpc.name].changes:
            await self._sessions.get(request.session).server.settled()
        if rpc.streams:
            await _write_all(answer, context)
            return None
        message: Message = await answer if isawaitable(answer) else answer
        return message.SerializeToString()

    def _answered(self, rpc: ControlRpc, request: Any) -> Any:
        """Return the answer, or a coroutine or an asynchronous generator for it."""
        handler = HANDLERS[rpc.name]
        if not handler.of_session:
            return handler.answer(self._sessions, request)
        session = self._sessions.get(request.session)
        if handler.changes:
            return session.change(rpc.name, request)
        return handler.answer(session, request)


class _Methods(grpc.GenericRpcHandler):
    """Methods by their paths. What is none of them is UNIMPLEMENTED."""

    def __init__(self, handlers: reflection.Handlers) -> None:
        self._handlers = handlers

    def service(
        self, handler_call_details: grpc.HandlerCallDetails
    ) -> "grpc.RpcMethodHandler[Any, Any] | None":
        return self._handlers.get(handler_call_details.method)


def _text_of(error: UsageError | CRIError) -> str:
    return " ".join(str(error).split()) if Code.OK is not error.code else ""


async def _write_all(messages: AsyncGenerator[Message, None], context: Context) -> None:
    async with aclosing(messages):
        async for message in messages:
            await context.write(message.SerializeToString())
