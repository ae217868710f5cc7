"""A gRPC server that answers by a script, and a channel to it that notes what is sent."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Event
from typing import Any

import grpc
from google.protobuf.message import Message

from fakecri.channel import image_stub, runtime_stub
from fakecri.rpcs import PACKAGE, RPCS, Rpc
from fakecri.services import ImageClient, RuntimeClient

PATIENCE_S = 30.0


@dataclass(frozen=True)
class Sent:
    """A call as it left the client."""

    rpc: str
    request: Message
    timeout_s: float | None


@dataclass
class Script:
    """What the server answers: a message, several for a stream, or a status code.

    What is not in it is UNIMPLEMENTED.
    """

    answers: dict[str, Message | list[Message] | grpc.StatusCode] = field(default_factory=dict)
    held: set[str] = field(default_factory=set)
    """Streams that stay open after their messages, until the client ends them."""
    sent: list[Sent] = field(default_factory=list)
    channel: grpc.Channel | None = None

    def runtime(self, timeout_s: float = 120.0, *, list_streaming: bool = False) -> RuntimeClient:
        """A client of the scripted runtime."""
        assert self.channel is not None
        stub = runtime_stub(self.channel)
        return RuntimeClient(stub, timeout_s, list_streaming=list_streaming)

    def images(self, timeout_s: float = 120.0, *, list_streaming: bool = False) -> ImageClient:
        """A client of the scripted runtime's images."""
        assert self.channel is not None
        return ImageClient(image_stub(self.channel), timeout_s, list_streaming=list_streaming)

    def respond(self, rpc: Rpc, context: grpc.ServicerContext) -> Iterator[Message]:
        """Give the answers, or end with the code."""
        answer = self.answers.get(rpc.name, grpc.StatusCode.UNIMPLEMENTED)
        if isinstance(answer, grpc.StatusCode):
            context.abort(answer, f"scripted: {rpc.name}")
        yield from answer if isinstance(answer, list) else [answer]
        if rpc.name in self.held:
            gone = Event()
            if context.add_callback(gone.set):
                gone.wait(PATIENCE_S)

    def handler(self, rpc: Rpc) -> Any:
        """The method as grpcio's servers want it."""
        if rpc.streams:
            return grpc.unary_stream_rpc_method_handler(
                lambda _request, context: self.respond(rpc, context),
                rpc.request.FromString,
                rpc.response.SerializeToString,
            )
        return grpc.unary_unary_rpc_method_handler(
            lambda _request, context: next(self.respond(rpc, context)),
            rpc.request.FromString,
            rpc.response.SerializeToString,
        )


class Notes(grpc.UnaryUnaryClientInterceptor, grpc.UnaryStreamClientInterceptor):
    """Notes each call before it goes on."""

    def __init__(self, sent: list[Sent]) -> None:
        self._sent = sent

    def _note(self, details: grpc.ClientCallDetails, request: Any) -> None:
        name = details.method.rpartition("/")[2]
        assert details.method == RPCS[name].path
        self._sent.append(Sent(name, request, details.timeout))

    def intercept_unary_unary(
        self, continuation: Callable[..., Any], client_call_details: Any, request: Any
    ) -> Any:
        self._note(client_call_details, request)
        return continuation(client_call_details, request)

    def intercept_unary_stream(
        self, continuation: Callable[..., Any], client_call_details: Any, request: Any
    ) -> Any:
        self._note(client_call_details, request)
        return continuation(client_call_details, request)


@contextmanager
def scripted(endpoint: str) -> Iterator[Script]:
    """Serve an empty script at `endpoint`."""
    script = Script()
    with ThreadPoolExecutor(max_workers=4) as pool:
        server = grpc.server(pool)
        for service in ("RuntimeService", "ImageService"):
            rpcs = (rpc for rpc in RPCS.values() if rpc.service == service)
            handlers = {rpc.name: script.handler(rpc) for rpc in rpcs}
            generic = grpc.method_handlers_generic_handler(f"{PACKAGE}.{service}", handlers)
            server.add_generic_rpc_handlers((generic,))
        server.add_insecure_port(endpoint)
        server.start()
        try:
            with grpc.insecure_channel(endpoint) as channel:
                script.channel = grpc.intercept_channel(channel, Notes(script.sent))
                yield script
        finally:
            assert server.stop(grace=None).wait(PATIENCE_S)
