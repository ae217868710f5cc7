"""The shape of a call on a stub: what gRPC's generated stubs have, and the object face has too.

`grpc.UnaryUnaryMultiCallable` satisfies UnaryCall and `grpc.UnaryStreamMultiCallable` satisfies
StreamCall; the Protocols exist because an object without a channel can satisfy them as well.
"""

from collections.abc import Callable, Iterator
from typing import Any, Protocol, TypeAlias, TypeVar

import grpc

# What gRPC takes: a pair's key is lower case; its value is bytes where the key ends in `-bin`.
Metadata: TypeAlias = tuple[tuple[str, str | bytes], ...]

Request_contra = TypeVar("Request_contra", contravariant=True)
Response_co = TypeVar("Response_co", covariant=True)


class ClientCall(Protocol):
    """A call under way or ended, seen from the client: the methods of `grpc.Call`."""

    def code(self) -> grpc.StatusCode:
        """The status code; waits for the end."""

    def details(self) -> str | None:
        """The status's sentence; waits for the end."""

    def initial_metadata(self) -> Metadata:
        """What the server sent before its first message; waits for it."""

    def trailing_metadata(self) -> Metadata:
        """What the server sent with the status; waits for the end."""

    def is_active(self) -> bool:
        """Whether the call has not ended yet."""

    def time_remaining(self) -> float | None:
        """Seconds to the deadline; None where there is none."""

    def cancel(self) -> bool:
        """End the call with CANCELLED, if it has not ended."""

    def add_callback(self, callback: Callable[[], None]) -> bool:
        """Have the callback called at the end; False if that is past and it never will be."""


class ResponseFuture(ClientCall, Protocol[Response_co]):
    """A unary call that its caller did not wait for: a `grpc.Call` and a `grpc.Future`."""

    def result(self, timeout: float | None = None) -> Response_co:
        """The response, waited for at most so many seconds; raises the call's `grpc.RpcError`."""

    def exception(self, timeout: float | None = None) -> Exception | None:
        """What `result` would raise."""

    def done(self) -> bool:
        """Whether the call has ended."""

    def running(self) -> bool:
        """Whether the call has not ended."""

    def cancelled(self) -> bool:
        """Whether `cancel` ended it."""

    # Any: gRPC hands itself to the callback, and promises no more than a future.
    def add_done_callback(self, fn: Callable[[Any], None]) -> None:
        """Have the callback called with this future at the end, at once if that is past."""


class ResponseStream(ClientCall, Protocol[Response_co]):
    """The responses of a stream as they come, until its end or a raised `grpc.RpcError`."""

    def __iter__(self) -> Iterator[Response_co]: ...

    def __next__(self) -> Response_co: ...


class UnaryCall(Protocol[Request_contra, Response_co]):
    """A method with one response.

    `timeout` is in seconds, None for no deadline. Failures are raised as `grpc.RpcError` with
    `code()` and `details()`.
    """

    def __call__(
        self,
        request: Request_contra,
        timeout: float | None = None,
        metadata: Metadata | None = None,
        credentials: grpc.CallCredentials | None = None,
        wait_for_ready: bool | None = None,
        compression: grpc.Compression | None = None,
    ) -> Response_co:
        """Call, wait, and return the response."""

    def with_call(
        self,
        request: Request_contra,
        timeout: float | None = None,
        metadata: Metadata | None = None,
        credentials: grpc.CallCredentials | None = None,
        wait_for_ready: bool | None = None,
        compression: grpc.Compression | None = None,
    ) -> tuple[Response_co, ClientCall]:
        """Call, wait, and return the response and the ended call, which has the metadata."""

    def future(
        self,
        request: Request_contra,
        timeout: float | None = None,
        metadata: Metadata | None = None,
        credentials: grpc.CallCredentials | None = None,
        wait_for_ready: bool | None = None,
        compression: grpc.Compression | None = None,
    ) -> ResponseFuture[Response_co]:
        """Call, and return at once."""


class StreamCall(Protocol[Request_contra, Response_co]):
    """A method with a stream of responses. `timeout`, in seconds, is for the stream as a whole."""

    def __call__(
        self,
        request: Request_contra,
        timeout: float | None = None,
        metadata: Metadata | None = None,
        credentials: grpc.CallCredentials | None = None,
        wait_for_ready: bool | None = None,
        compression: grpc.Compression | None = None,
    ) -> ResponseStream[Response_co]:
        """Call, and return at once; failures are raised where the stream is read."""
