"""@handles: binds a function to its row of RPCS, and checks at import that the two agree."""

from collections.abc import Callable, Generator
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from fakecri.rpcs import RPCS, Rpc

F = TypeVar("F", bound=Callable[..., Any])

HANDLERS: dict[str, Callable[..., Any]] = {}
"""RPC name to handler; complete once `core.handlers` is imported."""


def handles(handler: F) -> F:
    """Register a handler under its own name: `stop_container` handles StopContainer.

    It takes (world, request) and returns a response, or is a generator that waits and returns one.
    For an RPC that streams it takes (world, request, send), and returns or generates None.
    """
    rpc = RPCS["".join(word.capitalize() for word in handler.__name__.split("_"))]
    hints = get_type_hints(handler)
    answer = hints["return"]
    if get_origin(answer) is Generator:
        answer = get_args(answer)[2]
    if hints["request"] is not rpc.request or answer is not _answer(rpc, hints):
        raise TypeError(f"{handler.__name__} does not fit the contract of {rpc.name}")
    HANDLERS[rpc.name] = handler
    return handler


def _answer(rpc: Rpc, hints: dict[str, Any]) -> type:
    if not rpc.streams:
        return rpc.response
    (sent,), _ = get_args(hints["send"])
    return type(None) if sent is rpc.response else type(NotImplemented)
