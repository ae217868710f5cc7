"""The way to a runtime somewhere else, for the calls that a host forwards.

Bytes, metadata, deadlines, cancellation and streams go both ways as they come. What this process's
own connection to that runtime has to say is put as grpc-go would put it, which a client would see
there.
"""

import asyncio
import re
from collections import deque
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any, TypeAlias
from urllib.parse import quote

import grpc
import grpc.aio
from google.protobuf.message import DecodeError, Message

from fakecri.channel import OPTIONS
from fakecri.core.faults.learned import Learned
from fakecri.core.pipeline import Call, Metadata
from fakecri.core.scheduler import SECOND_NS, Future, Scheduler, Waits
from fakecri.endpoints import UnixAddress, parse_address
from fakecri.errors import Code, CRIError, UsageError
from fakecri.face import DETAILS, TAG, Context, Handler
from fakecri.host import Host
from fakecri.rpcs import RPCS

ROOM = 64
"""How many messages of a stream may wait for a client before no more are read."""

LEARNED_FROM = ("ListPodSandbox", "ListContainers", "ListImages")

_SHORTEST_S = 0.001
_LIMITS = {"grpc.max_receive_message_length": -1}  # what is too large is the client's affair
_TRANSPORTS_OWN = frozenset({"user-agent", TAG})
_PATIENCE_S = 10.0
_GLANCE_S = 0.02
"""How long a second request may take to show that a method streams them."""

_Wire: TypeAlias = "grpc.aio.UnaryStreamCall[bytes, bytes]"


class Relay:
    """Forwards the calls of a host: an `Upstream` of the core, and `Beyond` a face."""

    def __init__(self, endpoint: str) -> None:
        """`endpoint`: `unix:///path`, `/path`, or a loopback address with a port.

        UnusableAddress, which is a UsageError, for any other.
        """
        address = parse_address(endpoint)
        self.learned = Learned()
        """What passed by; rules' selectors ask it."""
        self._path = address.path if isinstance(address, UnixAddress) else ""
        self._endpoint = address.endpoint
        self._target = f"unix:{quote(self._path)}" if self._path else address.endpoint
        self._methods: dict[str, Any] = {}

    @property
    def endpoint(self) -> str:
        """Where the runtime listens."""
        return self._endpoint

    async def open(self, host: Host) -> None:
        """Forward the calls of a host from now on, from the running event loop."""
        self._host = host
        self._loop = asyncio.get_running_loop()
        options = tuple((dict(OPTIONS) | _LIMITS).items())
        self._channel = grpc.aio.insecure_channel(self._target, options=options)
        host.world.faults.lookup = self.learned
        host.world.faults.forwarded = True

    async def close(self) -> None:
        """Hang up. The host has been closed."""
        self._methods.clear()
        await self._channel.close()

    async def learn(self) -> None:
        """Ask for what there is. UsageError where there is no answer."""
        for name in LEARNED_FROM:
            rpc = RPCS[name]
            try:
                content = await self._method(rpc.path, "unary_unary")(b"", timeout=_PATIENCE_S)
            except grpc.aio.AioRpcError as failure:
                error = self._error(failure)
                raise UsageError(
                    f"cannot learn from {self.endpoint}: {name}: {error.message}"
                ) from failure
            with self._host.turn():
                self.learned.learn(rpc.request(), rpc.response.FromString(content), 0)

    # A call of the host. These run under its lock.

    def forward(self, call: Call, send: Callable[[Message], None]) -> Waits[Message | None]:
        """Have a call answered there; errors are CRIErrors."""
        inbox = _Inbox(self._host.world.scheduler)
        work = self._relay_stream if call.rpc.streams else self._relay_unary
        hang_up = self._begin(work(call, inbox, self._timeout_s(call), self.learned.serial))
        try:
            while True:
                message = yield from inbox.take()
                if message is None or not call.rpc.streams:
                    return message
                send(message)
                call.forget(message)
        except BaseException:
            hang_up()
            raise

    def _timeout_s(self, call: Call) -> float | None:
        if call.deadline_ns is None or call.done:  # a rule may have had it answered before
            return None
        left_ns = call.deadline_ns - self._host.world.scheduler.now_ns
        return max(_SHORTEST_S, left_ns / SECOND_NS)

    def _begin(self, work: Coroutine[Any, Any, None]) -> Callable[[], object]:
        """Let something run on our loop; return what cancels it, from any thread."""
        try:
            ours = asyncio.get_running_loop() is self._loop
        except RuntimeError:
            ours = False
        if not ours:
            return asyncio.run_coroutine_threadsafe(work, self._loop).cancel
        task = self._loop.create_task(work)
        return lambda: self._loop.call_soon_threadsafe(task.cancel)

    # On our loop.

    async def _relay_unary(
        self, call: Call, inbox: "_Inbox", timeout_s: float | None, since: int
    ) -> None:
        wire = self._method(call.path, "unary_unary")(
            _content(call), timeout=timeout_s, metadata=_outgoing(call.metadata)
        )
        try:
            content = await wire
        except grpc.aio.AioRpcError as failure:
            self._fail(call, inbox, failure)
            return
        initial, trailing = await wire.initial_metadata(), await wire.trailing_metadata()
        with self._host.turn():
            call.initial_metadata = _incoming(initial) or None
            call.trailing_metadata = _incoming(trailing)
            inbox.put(self._received(call, content, since))

    async def _relay_stream(
        self, call: Call, inbox: "_Inbox", timeout_s: float | None, since: int
    ) -> None:
        wire = self._method(call.path, "unary_stream")(
            _content(call), timeout=timeout_s, metadata=_outgoing(call.metadata)
        )
        flow = _Flow(call, inbox)
        try:
            await self._pass_headers(call, wire)
            while isinstance(content := await wire.read(), bytes):
                with self._host.turn():
                    inbox.put(self._received(call, content, since))
                await flow.room()
        except grpc.aio.AioRpcError as failure:
            self._fail(call, inbox, failure)
            return
        except asyncio.CancelledError:
            wire.cancel()  # which a wait for headers does not do by itself
            raise
        trailing = await wire.trailing_metadata()
        with self._host.turn():
            call.trailing_metadata = _incoming(trailing)
            inbox.put(None)

    async def _pass_headers(self, call: Call, wire: _Wire) -> None:
        initial = await wire.initial_metadata()
        if initial or not wire.done():
            with self._host.turn():
                call.initial_metadata = _incoming(initial)
                call.stir()

    def _received(self, call: Call, content: bytes, since: int) -> Message:
        try:
            message = call.rpc.response.FromString(content)
        except DecodeError:
            message = call.rpc.response()  # the client gets the bytes, whatever they are
        call.keep(message, content)
        self.learned.learn(call.request, message, since)
        return message

    def _fail(self, call: Call, inbox: "_Inbox", failure: grpc.aio.AioRpcError) -> None:
        error = self._error(failure)
        with self._host.turn():
            call.initial_metadata = _incoming(failure.initial_metadata()) or None
            call.trailing_metadata = tuple(
                each for each in _incoming(failure.trailing_metadata()) if each[0] != DETAILS
            )
            inbox.put(error)

    def _error(self, failure: grpc.aio.AioRpcError) -> CRIError:
        text, code = failure.details() or "", Code(failure.code().value[0])
        trailing = failure.trailing_metadata()
        if not trailing:
            text = as_grpc_go(text, code, self._path or self._endpoint)
        details = next((value for key, value in trailing if key == DETAILS), b"")
        return CRIError(text, code, details if isinstance(details, bytes) else details.encode())

    def _method(self, path: str, shape: str) -> Any:
        method = self._methods.get(path)
        if method is None:
            method = self._methods[path] = getattr(self._channel, shape)(path)
        return method

    # What is none of the CRI's.

    def handler(self, path: str) -> Handler:
        """Return what takes the calls of a method there, whatever it is; nobody records them."""

        async def relay(requests: AsyncIterator[bytes], context: Context) -> None:
            try:
                await self._pass(path, requests, context)
            except grpc.aio.AioRpcError as failure:
                error = self._error(failure)
                context.set_trailing_metadata(_incoming(failure.trailing_metadata()))
                await context.abort(failure.code(), error.message)
            finally:
                del requests, context  # gRPC keeps what an abort raises, and that its frames

        return grpc.stream_stream_rpc_method_handler(relay)

    async def _pass(self, path: str, requests: AsyncIterator[bytes], context: Context) -> None:
        wire = await self._dial(path, requests, context)
        try:
            initial = _incoming(await wire.initial_metadata())
            if initial or not wire.done():
                await context.send_initial_metadata(initial)
            while isinstance(content := await wire.read(), bytes):
                await context.write(content)
        except asyncio.CancelledError:
            wire.cancel()
            raise
        context.set_trailing_metadata(_incoming(await wire.trailing_metadata()))

    async def _dial(self, path: str, requests: AsyncIterator[bytes], context: Context) -> _Wire:
        """Begin a call of whatever shape its client shows.

        One request that is the last is sent as such: while a stream is sent, gRPC may take the
        other side's early refusal for an error of its own.
        """
        options: dict[str, Any] = {
            "timeout": context.time_remaining(),
            "metadata": _outgoing(tuple(context.invocation_metadata() or ())),
        }
        ahead: list[asyncio.Task[bytes | None]] = []
        while len(ahead) <= 1 and all(each.done() for each in ahead):
            ahead.append(asyncio.ensure_future(anext(requests, None)))
            await asyncio.wait(ahead[-1:], timeout=_GLANCE_S)
        only = ahead[0].result() if ahead[0].done() else None
        shape = "stream_stream"
        sent: bytes | AsyncIterator[bytes] = _chained(ahead, requests)
        if only is not None and ahead[1].done() and ahead[1].result() is None:
            shape, sent = "unary_stream", only
        wire: _Wire = getattr(self._channel, shape)(path)(sent, **options)
        return wire


async def _chained(
    ahead: list[asyncio.Task[bytes | None]], requests: AsyncIterator[bytes]
) -> AsyncIterator[bytes]:
    for each in ahead:
        content = await each
        if content is None:
            return
        yield content
    async for content in requests:
        yield content


class _Inbox:
    """What has come of a call and waits for the pipeline. To be used under the host's lock."""

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler
        self._items: deque[Message | CRIError | None] = deque()
        self._arrival: Future[None] | None = None

    def __len__(self) -> int:
        return len(self._items)

    def put(self, item: Message | CRIError | None) -> None:
        """Add a message, the error that it ended with, or None where a stream ended well."""
        self._items.append(item)
        if self._arrival is not None:
            self._arrival.set_result(None)

    def take(self) -> Waits[Message | None]:
        """Wait for what is next; an error is raised."""
        if not self._items:
            self._arrival = Future(self._scheduler)
            yield from self._arrival
        item = self._items.popleft()
        if isinstance(item, CRIError):
            raise item
        return item


class _Flow:
    """Holds up the reading of a stream while its client is behind."""

    def __init__(self, call: Call, inbox: _Inbox) -> None:
        self._call = call
        self._inbox = inbox
        self._loop = asyncio.get_running_loop()
        self._taken = asyncio.Event()
        self._full = False
        call.on_take = self._wake

    def _wake(self) -> None:
        if self._full:
            self._loop.call_soon_threadsafe(self._taken.set)

    async def room(self) -> None:
        """Wait until there is room for a message."""
        while len(self._inbox) + len(self._call.messages) >= ROOM:
            self._full = True
            await self._taken.wait()
            self._taken.clear()
        self._full = False


def _content(call: Call) -> bytes:
    return call.request.SerializeToString() if call.content is None else call.content


def _outgoing(metadata: Metadata) -> tuple[tuple[str, str | bytes], ...]:
    return tuple(each for each in metadata if each[0] not in _TRANSPORTS_OWN)


def _incoming(metadata: Any) -> tuple[tuple[str, str | bytes], ...]:
    return tuple(metadata or ())


_DIALLING = re.compile(
    r"failed to connect to all addresses; .*(?:error|host): (?:connect: )?"
    r"(?P<why>[^:(]+)(?: \(\d+\))?$"
)
_RESET = re.compile(r"Received RST_STREAM with error code (?P<number>\d+)")
_BROKEN = re.compile(
    r"Socket closed|Stream removed|recvmsg:|sendmsg:|GOAWAY received|Cancelling all calls"
    r"|Connection reset|Broken pipe|Endpoint closing|transport closed"
)
_RESETS = dict(
    enumerate(
        (
            "NO_ERROR",
            "PROTOCOL_ERROR",
            "INTERNAL_ERROR",
            "FLOW_CONTROL_ERROR",
            "SETTINGS_TIMEOUT",
            "STREAM_CLOSED",
            "FRAME_SIZE_ERROR",
            "REFUSED_STREAM",
            "CANCEL",
            "COMPRESSION_ERROR",
            "CONNECT_ERROR",
            "ENHANCE_YOUR_CALM",
            "INADEQUATE_SECURITY",
            "HTTP_1_1_REQUIRED",
        )
    )
)
"""The codes of HTTP/2, by their numbers."""


def as_grpc_go(text: str, code: Code, place: str) -> str:
    """Return what grpc-go says where our own library said `text` of its connection."""
    reset = _RESET.match(text)
    if reset is not None:
        name = _RESETS.get(int(reset["number"]), reset["number"])
        return f"stream terminated by RST_STREAM with error code: {name}"
    if code is not Code.UNAVAILABLE:
        return text
    dialling = _DIALLING.match(text)
    if dialling is not None:
        network = "unix" if place.startswith("/") else "tcp"
        why = dialling["why"].strip().lower()
        return (
            'connection error: desc = "transport: Error while dialing: '
            f'dial {network} {place}: connect: {why}"'
        )
    return "error reading from server: EOF" if _BROKEN.match(text) else text
