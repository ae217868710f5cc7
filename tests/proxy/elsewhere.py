"""A runtime that is somewhere else: bytes in, bytes out, as a test says."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from queue import Queue
from typing import Any

import grpc

PATIENCE_S = 30.0
CROWD = 200
A_YEAR_S = 365 * 86400


@dataclass
class Arrival:
    """A call as it came."""

    path: str
    contents: list[bytes]
    metadata: dict[str, str | bytes]
    remaining_s: float | None
    context: Any
    ended: threading.Event = field(default_factory=threading.Event)
    """Set when it is over for this side, be it because its client has gone."""


class Elsewhere(grpc.GenericRpcHandler):
    """A server whose every method does `answer`, which yields messages and may abort."""

    def __init__(self) -> None:
        self.answer: Callable[[Arrival], Iterator[bytes]] = lambda _: iter([b""])
        self.arrivals: Queue[Arrival] = Queue()
        self.refused: frozenset[str] = frozenset()
        self.close: Callable[[], None] = lambda: None
        """Stop listening, and cut what is in flight."""

    def service(self, handler_call_details: Any) -> Any:
        """Return the one handler there is, for whatever path."""
        path = handler_call_details.method
        return (
            None if path in self.refused else grpc.stream_stream_rpc_method_handler(self._on(path))
        )

    def _on(self, path: str) -> Any:
        def answer(requests: Iterator[bytes], context: Any) -> Iterator[bytes]:
            metadata = dict(context.invocation_metadata())
            remaining_s = context.time_remaining()
            if remaining_s > A_YEAR_S:  # how gRPC says that there is no deadline
                remaining_s = None
            arrival = Arrival(path, [], metadata, remaining_s, context)
            if not context.add_callback(arrival.ended.set):
                arrival.ended.set()
            arrival.contents.append(next(requests))
            self.arrivals.put(arrival)
            for content in requests:
                arrival.contents.append(content)
            yield from self.answer(arrival)

        return answer

    def arrived(self) -> Arrival:
        """Return the next call."""
        return self.arrivals.get(timeout=PATIENCE_S)


@contextmanager
def listening(elsewhere: Elsewhere, path: Path) -> Iterator[str]:
    """Serve it; its address."""
    server = grpc.server(
        ThreadPoolExecutor(CROWD + 10),
        handlers=[elsewhere],
        options=[("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)],
    )
    server.add_insecure_port(f"unix:{path}")
    server.start()

    def close() -> None:
        server.stop(None).wait()

    elsewhere.close = close
    try:
        yield f"unix://{path}"
    finally:
        close()
