"""What rules do to a session, from the use of its URL to its end.

    process -> stage -> stage -> the client

Shots come with the token, and act whenever there is something to act on, long after the call that
gave the URL was answered. A session that no rule is about has no stages.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from fakecri.core.faults.edits import edited
from fakecri.core.faults.kinds import named_arguments
from fakecri.core.faults.patterns import glob_matcher
from fakecri.core.faults.rules import Duration, Phase
from fakecri.core.streaming.stages import STAGES, Stage, Way

if TYPE_CHECKING:
    from google.protobuf.message import Message

    from fakecri.core.faults.shots import Shot
    from fakecri.core.streaming.sessions import Session
    from fakecri.core.tokens import Ticket
    from fakecri.core.world import World


class Troubles:
    """All that rules do to one session."""

    def __init__(self, session: "Session", shots: Sequence["Shot"], end: Way) -> None:
        """`end` is where everything comes to at last."""
        self._shots = shots
        self._stages: list[Stage] = []
        self.way = end
        """Where what is to be sent goes first."""
        for shot in reversed(shots):
            stage = STAGES.get(shot.term.action.name)
            if stage is not None:
                self.way = stage(session, shot, self.way)
                self._stages.insert(0, self.way)

    def limit(self, limit: int) -> int:
        """Return how many bytes the client may be given at once."""
        for stage in self._stages:
            limit = stage.limit(limit)
        return limit

    def taken(self, channel: str, size: int) -> None:
        """The client has been given something."""
        for stage in self._stages:
            stage.taken(channel, size)

    def fed(self, channel: str, chunk: bytes) -> bytes:
        """Return what goes on of what the client has sent."""
        for stage in self._stages:
            chunk = stage.fed(channel, chunk)
        return chunk

    def is_deaf(self, channel: str) -> bool:
        """Whether nothing is read any more of what the client sends."""
        return any(stage.is_deaf(channel) for stage in self._stages)

    def passes(self, what: str) -> bool:
        """Whether something goes on to the process: see `Stage.passes`."""
        return all(stage.passes(what) for stage in self._stages)

    @property
    def owes(self) -> bool:
        """Whether something will come to the client when its time has come."""
        return any(stage.owes for stage in self._stages)

    def close(self) -> None:
        """The session is over."""
        for stage in self._stages:
            stage.close()

    @property
    def idle_ns(self) -> int | None:
        """How long nothing has to come or go before it is given up; None: as ever."""
        spans = [_span_ns(shot) for shot in self._named("idle")]
        return min(spans) if spans else None

    def idled(self) -> None:
        """It is given up."""
        for shot in self._named("idle"):
            if _span_ns(shot) == self.idle_ns:
                shot.fired(Phase.STREAM, "indefinite")

    def transport(self, asked: str) -> str:
        """Return who answers a client that has asked for `spdy` or `websocket`."""
        for shot in self._named("only"):
            served = named_arguments(shot.term.action).get("transport", asked)
            if served != asked:
                shot.fired(Phase.STREAM, "definite")
                return str(served)
        return asked

    def protocols(self, served: Sequence[str], asked: Sequence[str]) -> tuple[str, ...]:
        """Return which subprotocols are served, of those that are; the client's first wins."""
        for shot in self._named("only"):
            pattern = named_arguments(shot.term.action).get("protocols")
            if pattern is None:
                continue
            left = [each for each in served if glob_matcher(str(pattern))(each)]
            before, after = (_chosen(each, asked) for each in (served, left))
            if before != after:
                shot.fired(Phase.STREAM, "" if after else "definite")
            served = left
        return tuple(served)

    def _named(self, name: str) -> "list[Shot]":
        return [shot for shot in self._shots if shot.term.action.name == name]


def _chosen(served: Sequence[str], asked: Sequence[str]) -> str | None:
    return next((each for each in asked if each in served), None)


def _span_ns(shot: "Shot") -> int:
    (span,) = shot.term.action.arguments or (Duration(0),)
    return span.ns if isinstance(span, Duration) else 0


def has_expired(ticket: "Ticket", now_ns: int) -> bool:
    """Whether a rule has let a URL grow too old."""
    expired = False
    for shot in ticket.shots:
        if shot.term.action.name == "expire" and now_ns >= ticket.since_ns + _span_ns(shot):
            shot.fired(Phase.STREAM, "definite")
            expired = True
    return expired


def asked_for(world: "World", ticket: "Ticket") -> "Message":
    """Return what a session is to do: the request, or what rules have made of it."""
    request = ticket.request
    for shot in ticket.shots:
        if shot.term.action.name == "set":
            request = edited(world, shot, request)
    return request
