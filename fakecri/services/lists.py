"""Lists as streams: the kubelet's feature `CRIListStreaming` (spec: kubelet-needs 2.4)."""

from collections.abc import Callable, Iterable
from typing import TypeVar

import grpc

T = TypeVar("T")


class Lists:
    """Reads lists from streams, or where the runtime does not know those, from unary answers."""

    def __init__(self, *, streaming: bool) -> None:
        # Goes from True to False, once and for good; threads that race for it agree.
        self._streaming = streaming

    def read(
        self, streamed: Callable[[], Iterable[Iterable[T]]], unary: Callable[[], Iterable[T]]
    ) -> list[T]:
        """Return the items of all the stream's batches, or of the one answer.

        A stream that ends early, but without an error, is taken as complete.
        """
        if self._streaming:
            try:
                return [item for batch in streamed() for item in batch]
            except grpc.RpcError as error:
                if error.code() is not grpc.StatusCode.UNIMPLEMENTED:
                    raise
            self._streaming = False
        return list(unary())
