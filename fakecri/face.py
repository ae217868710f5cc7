"""The RPCs of v1 and v1alpha2 as handlers of grpc.aio, with the answers of a host.

Bytes come in and go out as they are. Handlers run inline on the event loop, and a call that waits
is a coroutine: hundreds of parked calls hold up nobody and cost no threads. The texts of errors
that the transport itself makes are those of grpc-go, which real runtimes are served by.
"""

import asyncio
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

import grpc
import grpc.aio
from google.protobuf.message import DecodeError, Message

from fakecri import reflection
from fakecri.bells import Bell
from fakecri.errors import CancelledError, Code, CRIError
from fakecri.rpcs import OLD_PACKAGE, PACKAGE, RPCS, Rpc
from fakecri.timeouts import TIMEOUT_STEP_NS, core_slack_s, set_timeout_ns

if TYPE_CHECKING:  # nothing of the core is needed to carry bytes
    from fakecri.core.faults.rules import Action
    from fakecri.core.levels import Level
    from fakecri.core.pipeline import Call, Metadata
    from fakecri.pace import Pace

Context: TypeAlias = "grpc.aio.ServicerContext[bytes, bytes]"
Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any]"

MESSAGE_LIMIT = 16 * 1024 * 1024
"""Bytes of one message that containerd takes and sends (spec: transport 5.4)."""

BLINK_S = 0.01
"""How long until it is looked again whether time may leap, while something real is to happen."""

FAREWELL_S = 5.0
"""How long a client may take to read that its call ends because the server does."""

TAG = "fakecri-stream"
"""The header by which `wire` names the stream of a call: `3.17`."""

DETAILS = "grpc-status-details-bin"
"""The key of an error's details in the trailing metadata."""

_STATUS = {status.value[0]: status for status in grpc.StatusCode}
_LOG = logging.getLogger(__name__)


class Calls(Protocol):
    """Where the calls go: a Host, or what acts like one. All its methods return at once."""

    @property
    def pace(self) -> "Pace":
        """How time passes."""

    @property
    def level(self) -> "Level | None":
        """The API level that is spoken; None: all that there is."""

    def start(
        self,
        rpc: Rpc,
        request: Message,
        *,
        timeout_ns: int | None = None,
        metadata: "Metadata" = (),
        peer: str = "object",
        path: str = "",
        content: bytes | None = None,
    ) -> "Call":
        """Begin a call."""

    def cancel(self, call: "Call", error: CancelledError, cause: str = "") -> None:
        """Tell a call that its client is gone, and the recording why."""

    def on_power(
        self, tell: Callable[[bool], None], settle: Callable[[], None]
    ) -> Callable[[], None]:
        """Have `tell` called when the runtime goes and when it is back; return what ends that."""

    def leap(self, call: "Call | None" = None) -> bool | None:
        """Go on to what is due next, if time may, for a call; return whether it did.

        None: not just now, or the call has ended.
        """


class Beyond(Protocol):
    """The runtime that a host forwards its calls to: for whatever is none of the CRI's."""

    def handler(self, path: str) -> Handler:
        """Return what takes the calls of a method there, whatever it is."""


class Face(grpc.GenericRpcHandler):
    """Takes the calls of a server to a host."""

    def __init__(
        self,
        host: Calls,
        described: reflection.Handlers,
        beyond: Beyond | None = None,
        service: str = "",
    ) -> None:
        """`beyond`: where calls go that are none of the CRI; without it they are refused.

        `service`: the one of the contract that is served, by its name; empty: both.
        """
        self._host = host
        self._beyond = beyond
        self._waiting: dict[Bell, asyncio.Task[Any] | None] = {}
        self._closing = False
        self._dismissed = False
        self.strike: Callable[[str, Action], bool] | None = None
        """Breaks the connection of a call, by its tag; None: there is nothing that could."""
        self._handlers = described | self._rpc_handlers(service)
        self._services = {path.split("/")[1] for path in self._handlers}

    def _rpc_handlers(self, service: str) -> reflection.Handlers:
        paths = {rpc.path: rpc for rpc in RPCS.values()}
        level = self._host.level
        if level is None or level.v1alpha2 is not None:
            paths |= {
                rpc.path.replace(PACKAGE, OLD_PACKAGE): rpc
                for rpc in RPCS.values()
                if rpc.in_v1alpha2
            }
        return {
            path: self._handler(rpc, path)
            for path, rpc in paths.items()
            if service in {"", rpc.service}
        }

    def _handler(self, rpc: Rpc, path: str) -> Handler:
        answer = self._answer_stream if rpc.streams else self._answer

        async def handle(content: bytes, context: Context) -> bytes | None:
            try:
                return await answer(rpc, path, content, context)
            except CRIError as error:
                # Not the error itself: its traceback would keep this frame and the call alive.
                status, text = _STATUS[error.code], error.message
                if error.details:
                    _add_trailing(context, ((DETAILS, error.details),))
            except Exception as bug:  # noqa: BLE001  # a client sees no traceback, the log does
                _LOG.exception("bug in %s", rpc.name)
                status, text = grpc.StatusCode.INTERNAL, f"{type(bug).__name__}: {bug}"
            try:
                return await context.abort(status, text)
            finally:
                del context  # the AbortError that gRPC keeps would keep it: see CRIError.bare

        if rpc.streams:
            return grpc.unary_stream_rpc_method_handler(handle)
        return grpc.unary_unary_rpc_method_handler(handle)

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Handler:
        """Return the handler of a path; one that refuses for a path that has none."""
        path = handler_call_details.method
        known = self._handlers.get(path)
        if known is None and self._beyond is not None:
            return self._beyond.handler(path)
        return known or _refusal(path, self._services)

    async def _answer(self, rpc: Rpc, path: str, content: bytes, context: Context) -> bytes:
        call = self._begin(rpc, path, content, context)
        await self._strike(call, context)
        if not call.done:
            with self._attended(call, context) as bell:
                while not call.done:
                    await self._pause(call, bell)
        await self._strike(call, context)
        await _send_initial(call, context)
        _add_trailing(context, call.trailing_metadata)
        return self._encoded(call, _response(call))

    async def _answer_stream(self, rpc: Rpc, path: str, content: bytes, context: Context) -> None:
        call = self._begin(rpc, path, content, context)
        await self._strike(call, context)
        with self._attended(call, context) as bell:
            ended = False
            while not ended:
                # In this order: what was there at the end is sent before the end is.
                ended = call.done
                await _send_initial(call, context)
                while call.messages:
                    await _write(context, self._encoded(call, call.take()))
                if not ended:
                    await self._pause(call, bell)
        await self._strike(call, context)
        _add_trailing(context, call.trailing_metadata)
        if call.error is not None:
            raise call.error.bare()

    async def _strike(self, call: "Call", context: Context) -> None:
        """Have done to the connection what a rule wants; where it is lost, so is the call."""
        action, call.wire = call.wire, None
        if action is None or self.strike is None:
            return
        tags = [value for key, value in context.invocation_metadata() or () if key == TAG]
        if tags and self.strike(str(tags[0]), action):
            await asyncio.Event().wait()  # until gRPC notices that nobody is there

    def _begin(self, rpc: Rpc, path: str, content: bytes, context: Context) -> "Call":
        if self._closing:
            raise _gone()
        metadata = tuple(each for each in context.invocation_metadata() or () if each[0] != TAG)
        call = self._host.start(
            rpc,
            self._request(rpc, path, content),
            timeout_ns=_timeout_ns(context, metadata),
            metadata=metadata,
            peer="grpc",
            path=path,
            content=content,
        )
        if self._host.pace.jumps:
            # It may have put something into the queue of time that those who wait can leap to.
            for bell in self._waiting:
                bell.ring()
        return call

    def _request(self, rpc: Rpc, path: str, content: bytes) -> Message:
        level = self._host.level
        if level is not None and rpc.name not in level.contract(path).methods:
            return rpc.request()  # what it is nobody asks
        if self._beyond is None:
            return _request(rpc, content)
        try:
            return rpc.request.FromString(content)
        except DecodeError:
            return rpc.request()  # what becomes of the bytes is the other side's affair

    def _encoded(self, call: "Call", message: Message) -> bytes:
        content = call.encoded(message)
        if self._beyond is None:
            _check_size(content)
        return content

    @contextmanager
    def _attended(self, call: "Call", context: Context) -> Iterator[Bell]:
        """Have a bell for a call while its client waits. If the client goes, the call is told."""
        bell = Bell()
        self._waiting[bell] = asyncio.current_task()
        call.watch(bell.ring)
        try:
            yield bell
        except BaseException:
            cause = "closed" if self._dismissed else ""
            self._host.cancel(call, _cause(call, context), cause)
            raise
        finally:
            del self._waiting[bell]

    async def _pause(self, call: "Call", bell: Bell) -> None:
        """Wait until there may be something new; under a pace that jumps, time leaps instead."""
        # A stream waits by nature: nothing is done for its sake.
        leapt = (call.timers or not call.rpc.streams) and self._host.leap(call)
        if leapt or leapt is None:
            await asyncio.sleep(0 if leapt else BLINK_S)
        else:
            await bell.wait()
        if self._dismissed and not call.done:
            raise _gone()

    async def dismiss(self, grace_s: float) -> None:
        """Refuse calls from now on; end those that still wait when `grace_s` seconds have passed.

        Who does not listen to that is left behind.
        """
        self._closing = True
        await self._emptied(grace_s)
        self._dismissed = True
        for bell in self._waiting:
            bell.ring()
        await self._emptied(FAREWELL_S)

    async def _emptied(self, patience_s: float) -> None:
        tasks = [task for task in self._waiting.values() if task is not None]
        if tasks and patience_s > 0:
            await asyncio.wait(tasks, timeout=patience_s)


def _request(rpc: Rpc, content: bytes) -> Message:
    if len(content) > MESSAGE_LIMIT:
        raise CRIError(
            f"grpc: received message larger than max ({len(content)} vs. {MESSAGE_LIMIT})",
            Code.RESOURCE_EXHAUSTED,
        )
    try:
        return rpc.request.FromString(content)
    except DecodeError:
        what = "failed to unmarshal the received message" if rpc.streams else _UNMARSHALLING
        raise CRIError(f"grpc: {what}: {_WIRE}", Code.INTERNAL) from None


_UNMARSHALLING = "error unmarshalling request"
_WIRE = "proto: cannot parse invalid wire-format data"


def _response(call: "Call") -> Message:
    if call.response is not None:
        return call.response
    # The recording keeps the error; raised, it would gather tracebacks, and they our frames.
    raise (call.error or CRIError("neither a response nor an error", Code.INTERNAL)).bare()


def _gone() -> CRIError:
    # What a client of grpc-go makes of a runtime that goes away.
    return CRIError("error reading from server: EOF", Code.UNAVAILABLE)


def _check_size(content: bytes) -> None:
    if len(content) > MESSAGE_LIMIT:
        raise CRIError(
            f"grpc: trying to send message larger than max ({len(content)} vs. {MESSAGE_LIMIT})",
            Code.RESOURCE_EXHAUSTED,
        )


async def _send_initial(call: "Call", context: Context) -> None:
    metadata, call.initial_metadata = call.initial_metadata, None
    if metadata is not None:
        await context.send_initial_metadata(metadata)


def _add_trailing(context: Context, metadata: "Metadata") -> None:
    if metadata:
        context.set_trailing_metadata((*(context.trailing_metadata() or ()), *metadata))


async def _write(context: Context, content: bytes) -> None:
    try:
        await context.write(content)
    except grpc.aio.BaseError:
        # The client went away in between; gRPC takes this end of a handler in silence.
        raise asyncio.CancelledError from None


def _timeout_ns(context: Context, metadata: "Metadata") -> int | None:
    remaining_s: float | None = context.time_remaining()
    return None if remaining_s is None else set_timeout_ns(remaining_s, metadata)


def _cause(call: "Call", context: Context) -> CancelledError:
    """Say why a client has left.

    A client hangs up when its own deadline passes, a little before we would notice.
    """
    remaining_s: float | None = context.time_remaining()
    if remaining_s is None or call.timeout_ns is None:
        return CancelledError.by_client()
    slack_s = core_slack_s(call.timeout_ns / 1e9) + TIMEOUT_STEP_NS / 1e9
    if remaining_s <= slack_s:
        return CancelledError.by_deadline()
    return CancelledError.by_client()


def _refusal(path: str, services: set[str]) -> Handler:
    service, slash, method = path.removeprefix("/").rpartition("/")
    if not slash:
        text = f'malformed method name: "{path}"'
    elif service in services:
        text = f"unknown method {method} for service {service}"
    else:
        text = f"unknown service {service}"

    async def refuse(requests: object, context: Context) -> None:
        try:
            await context.abort(grpc.StatusCode.UNIMPLEMENTED, text)
        finally:
            del requests, context  # as above

    # A stream, so that it need not wait for a request.
    return grpc.stream_stream_rpc_method_handler(refuse)
