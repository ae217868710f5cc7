"""The object face: the shape of a generated gRPC stub, without a wire.

Code under test takes `cri.runtime` where it would take a stub made on a channel. A request is
copied, as if it were sent; errors are `grpc.RpcError`s with a code and details; a timeout is a
deadline in virtual time.
"""

from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import grpc
from google.protobuf.message import Message

from fakecri.core.pipeline import Call, Metadata
from fakecri.core.scheduler import SECOND_NS
from fakecri.errors import CancelledError, Code, CRIError
from fakecri.host import Host
from fakecri.rpcs import RPCS, Rpc

MESSAGE_LIMIT = 16 * 1024 * 1024
"""Bytes of one message that containerd takes and sends (spec: transport 5.4)."""

DETAILS = "grpc-status-details-bin"
"""The key of an error's details in the trailing metadata."""

_STATUS = {code.value[0]: code for code in grpc.StatusCode}
_HUNG_UP = frozenset({Code.CANCELLED, Code.DEADLINE_EXCEEDED})


class Outcome(grpc.Call):
    """What grpc says of a call besides its response."""

    def __init__(self, host: Host, call: Call) -> None:
        self._host = host
        self._call = call

    @property
    def _error(self) -> CRIError | None:
        """What the client is told instead of a response."""
        response = self._call.response
        return self._call.error if response is None else _oversize(response)

    def code(self) -> grpc.StatusCode:
        """Wait for the end; return the status code."""
        self._host.finish(self._call)
        error = self._error
        return _STATUS[error.code if error else Code.OK]

    def details(self) -> str:
        """Wait for the end; return the error's text, or nothing."""
        self._host.finish(self._call)
        error = self._error
        return error.message if error else ""

    def initial_metadata(self) -> tuple[()]:
        """Return nothing: a runtime sends none."""
        return ()

    def trailing_metadata(self) -> Metadata:  # type: ignore[override]  # as gRPC does it
        """Wait for the end; return what came with it, such as the details of an error."""
        self._host.finish(self._call)
        error = self._error
        details = ((DETAILS, error.details),) if error is not None and error.details else ()
        return (*self._call.trailing_metadata, *details)

    def is_active(self) -> bool:
        """Whether the call is in flight."""
        return not self._call.done

    def time_remaining(self) -> float | None:  # type: ignore[override]  # as gRPC does it
        """Return the virtual seconds until the deadline; None: there is none."""
        if self._call.deadline_ns is None:
            return None
        return max(0, self._call.deadline_ns - self._host.world.scheduler.now_ns) / SECOND_NS

    def add_callback(self, callback: Callable[[], None]) -> bool:
        """Call back at the end; False: it has ended, and nobody will be called."""
        if self._call.done:
            return False
        self._call.watch(lambda: callback() if self._call.done else None)
        return True

    def cancel(self) -> bool:
        """Hang up. True if that was in time."""
        self._host.cancel(self._call, CancelledError.by_client())
        return self.cancelled()

    def cancelled(self) -> bool:
        """Whether the client hung up in time."""
        return self._call.error is not None and self._call.error.code is Code.CANCELLED


class CallError(Outcome, grpc.RpcError):  # type: ignore[misc]  # they say it differently
    """An answer that is no response; the CRIError it comes from is its cause."""

    def debug_error_string(self) -> str:
        """Return one line for a log."""
        return repr(self)

    def __str__(self) -> str:
        return f"{self._call.rpc.name}: {self.code().name}: {self.details()}"

    def __repr__(self) -> str:
        return f"CallError({self})"


class PendingCall(Outcome, grpc.Future):  # type: ignore[type-arg]  # not generic when it runs
    """A unary call in flight: a `grpc.Future`."""

    _response: Message | None = None

    def done(self) -> bool:
        """Whether it has ended."""
        return self._call.done

    def running(self) -> bool:
        """Whether it is in flight."""
        return not self._call.done

    def result(self, timeout: float | None = None) -> Any:
        """Return the response, or raise the CallError. `timeout`: virtual seconds to wait."""
        self._wait(timeout)
        error = self._error
        if error is not None:
            raise CallError(self._host, self._call) from error
        if self._response is None:
            self._response = _copied(self._call.response)
        return self._response

    def exception(self, timeout: float | None = None) -> CallError | None:
        """Return the CallError, or None."""
        self._wait(timeout)
        return None if self._error is None else CallError(self._host, self._call)

    def traceback(self, timeout: float | None = None) -> None:
        """Return None: an error of the runtime has no traceback here."""
        self._wait(timeout)

    def add_done_callback(self, fn: Callable[[Any], None]) -> None:
        """Call `fn` with this future at its end, in the thread that ends it."""
        self._call.watch(lambda: fn(self) if self._call.done else None)

    def _wait(self, timeout: float | None) -> None:
        if timeout is None:
            self._host.finish(self._call)
        elif not self._host.finish_within(self._call, round(timeout * SECOND_NS)):
            raise grpc.FutureTimeoutError


class MessageStream(Outcome, Iterator[Any]):
    """A streaming call: iterate, and cancel when done."""

    def __next__(self) -> Any:
        arrived = self._host.wait_message(self._call)
        error = self._call.error
        # Who hangs up does not get what is still on its way.
        if arrived and not (error and error.code in _HUNG_UP):
            return self._taken(self._call.take())
        if error is not None:
            raise CallError(self._host, self._call) from error
        raise StopIteration

    def _taken(self, message: Message) -> Any:
        error = _oversize(message)
        if error is not None:
            self._host.cancel(self._call, CancelledError.by_client())
            self._call.messages.clear()
            self._call.error = error
            raise CallError(self._host, self._call) from error
        return _copied(message)


def _oversize(message: Message) -> CRIError | None:
    """Return what grpc-go says of a message that is too large to be sent."""
    size = message.ByteSize()
    if size <= MESSAGE_LIMIT:
        return None
    text = f"grpc: trying to send message larger than max ({size} vs. {MESSAGE_LIMIT})"
    return CRIError(text, Code.RESOURCE_EXHAUSTED)


def _copied(message: Any) -> Any:
    # What the client does to its answer must not show in the record.
    return type(message).FromString(message.SerializeToString())


class _Method:
    def __init__(self, host: Host, rpc: Rpc) -> None:
        self._host = host
        self._rpc = rpc

    def _start(self, request: Message, timeout: float | None, metadata: Metadata | None) -> Call:
        content = self._encoded(request)
        timeout_ns = None if timeout is None else round(timeout * SECOND_NS)
        fits = len(content) <= MESSAGE_LIMIT
        copy = self._rpc.request.FromString(content if fits else b"")
        call = Call(self._rpc, copy, timeout_ns=timeout_ns, metadata=tuple(metadata or ()))
        if not fits:
            text = f"grpc: received message larger than max ({len(content)} vs. {MESSAGE_LIMIT})"
            call.end(None, CRIError(text, Code.RESOURCE_EXHAUSTED))
            return call
        if timeout_ns is not None and timeout_ns <= 0:
            # Too late to be sent at all.
            call.end(None, CancelledError.by_deadline())
            return call
        return self._host.begin(call)

    def _encoded(self, request: Message) -> bytes:
        # A message of another copy of the contract is as good: names, not classes, are the wire's.
        if request.DESCRIPTOR.full_name != self._rpc.request.DESCRIPTOR.full_name:
            raise TypeError(
                f"{self._rpc.name} takes a {self._rpc.request.DESCRIPTOR.full_name}, "
                f"not a {request.DESCRIPTOR.full_name}"
            )
        return request.SerializeToString()


class UnaryMethod(_Method):
    """A callable as `channel.unary_unary` makes it. The other arguments of gRPC change nothing."""

    def __call__(
        self,
        request: Message,
        timeout: float | None = None,
        metadata: Metadata | None = None,
        credentials: object = None,
        wait_for_ready: bool | None = None,
        compression: object = None,
    ) -> Any:
        """Return the response, or raise the CallError."""
        del credentials, wait_for_ready, compression
        return self.future(request, timeout, metadata).result()

    def with_call(
        self,
        request: Message,
        timeout: float | None = None,
        metadata: Metadata | None = None,
        credentials: object = None,
        wait_for_ready: bool | None = None,
        compression: object = None,
    ) -> tuple[Any, Outcome]:
        """Return the response and the outcome, or raise the CallError."""
        del credentials, wait_for_ready, compression
        pending = self.future(request, timeout, metadata)
        return pending.result(), pending

    def future(
        self,
        request: Message,
        timeout: float | None = None,
        metadata: Metadata | None = None,
        credentials: object = None,
        wait_for_ready: bool | None = None,
        compression: object = None,
    ) -> PendingCall:
        """Begin the call; what it waits for goes on while others are made."""
        del credentials, wait_for_ready, compression
        return PendingCall(self._host, self._start(request, timeout, metadata))


class StreamMethod(_Method):
    """A callable as `channel.unary_stream` makes it."""

    def __call__(
        self,
        request: Message,
        timeout: float | None = None,
        metadata: Metadata | None = None,
        credentials: object = None,
        wait_for_ready: bool | None = None,
        compression: object = None,
    ) -> MessageStream:
        """Begin the call; iterate over what it gives for the messages."""
        del credentials, wait_for_ready, compression
        return MessageStream(self._host, self._start(request, timeout, metadata))


def service_stub(host: Host, service: str) -> Any:
    """Return an object with a method for each RPC of `RuntimeService` or `ImageService`."""
    return SimpleNamespace(
        **{
            rpc.name: (StreamMethod if rpc.streams else UnaryMethod)(host, rpc)
            for rpc in RPCS.values()
            if rpc.service == service
        }
    )
