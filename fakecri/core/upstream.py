"""A runtime somewhere else, which handles calls in place of our own handlers."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from google.protobuf.message import Message

if TYPE_CHECKING:
    from fakecri.core.pipeline import Call
    from fakecri.core.scheduler import Waits


class Upstream(Protocol):
    """Where the calls of a world go that has no state of its own."""

    def forward(self, call: "Call", send: Callable[[Message], None]) -> "Waits[Message | None]":
        """Have a call answered there: return the response, or None when a stream has ended.

        Each message of a stream goes to `send`. A CRIError that is thrown in where it waits has
        the call cancelled there; errors of the other side are raised as CRIErrors.
        """
