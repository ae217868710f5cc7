"""The rules that are in force, and what they do to a call.

The pipeline asks `before` a handler runs (the runtime never saw the call) and `after` it (the work
is done; the answer may still change).
"""

from collections import deque

from google.protobuf.message import Message

from fakecri.core.scheduler import Waits
from fakecri.errors import Code, CRIError, UsageError
from fakecri.rpcs import RPCS


class Faults:
    """Errors waiting to be injected, first in first out for each RPC."""

    def __init__(self) -> None:
        self._errors: dict[str, deque[CRIError]] = {}

    def inject_error(self, rpc: str, error: CRIError) -> None:
        """Let the next call of `rpc` fail with `error`, before the runtime sees it."""
        if rpc not in RPCS:
            raise UsageError(f"{rpc!r} is not an RPC of the CRI")
        if error.code is Code.OK:
            raise UsageError("OK is the code of no error")
        self._errors.setdefault(rpc, deque()).append(error)

    def before(self, rpc: str) -> Waits[None]:
        """Do what is to happen instead of the handler; raises the injected error."""
        errors = self._errors.get(rpc)
        if errors:
            error = errors.popleft()
            # Not the test's own object, which may be injected again and would gather tracebacks.
            raise CRIError(error.message, error.code)
        yield from ()

    def after(self, rpc: str, response: Message) -> Waits[Message]:  # noqa: ARG002  # no rule yet
        """Return the answer that the client gets."""
        yield from ()
        return response
