"""Single-use tokens of the streaming URLs. Source: spec streaming 2.2."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import takewhile
from typing import TYPE_CHECKING

from google.protobuf.message import Message

from fakecri.core.scheduler import SECOND_NS, Scheduler
from fakecri.errors import Code, CRIError

if TYPE_CHECKING:
    from fakecri.core.faults.shots import Shot
    from fakecri.core.streaming.sessions import Session

LIFETIME_NS = 60 * SECOND_NS
LIMIT = 1000


@dataclass(frozen=True, slots=True)
class Ticket:
    """What is kept behind a token."""

    kind: "type[Session]"
    """What it opens."""
    request: Message
    """As it was given: ids are looked up again when the token is used."""
    call: int = 0
    """The number of the call that asked for it; 0: none did."""
    since_ns: int = 0
    """When that was, in virtual time."""
    shots: "tuple[Shot, ...]" = ()
    """What rules do to the session."""


class Tokens:
    """Tickets that wait for their client to come back with the token, for a minute at most."""

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler
        self._waiting: dict[str, tuple[int, Ticket]] = {}

    def insert(self, ticket: Ticket, new_token: Callable[[], str]) -> str:
        """Keep `ticket` under a new token and return that; RESOURCE_EXHAUSTED where 1000 live."""
        now_ns = self._scheduler.now_ns
        # The oldest come first.
        old = takewhile(lambda item: item[1][0] <= now_ns, self._waiting.items())
        for token, _ in list(old):
            del self._waiting[token]
        if len(self._waiting) >= LIMIT:
            raise CRIError("maximum number of in-flight requests exceeded", Code.RESOURCE_EXHAUSTED)
        token = new_token()
        self._waiting[token] = (now_ns + LIFETIME_NS, ticket)
        return token

    def consume(self, token: str) -> Ticket | None:
        """Return the ticket behind a token and burn it; None where it is unknown or too old."""
        expires_ns, ticket = self._waiting.pop(token, (0, None))
        return ticket if expires_ns > self._scheduler.now_ns else None

    def clear(self) -> None:
        """Forget all: they are kept in memory alone."""
        self._waiting.clear()
