"""What a shot does to the bytes of a session: each is a stage that they pass."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

from fakecri.core.faults.kinds import named_arguments
from fakecri.core.faults.rules import Phase
from fakecri.core.streaming import statuses
from fakecri.core.streaming.throttles import Throttle

if TYPE_CHECKING:
    from fakecri.core.faults.shots import Shot
    from fakecri.core.streaming.sessions import Session

_INDEFINITE = "indefinite"
"""The client gets no proper end, and what it wanted happened or may have."""


class Way(Protocol):
    """Where what a session sends goes."""

    def put(self, channel: str, content: bytes, *, ends: bool) -> None:
        """Take a parcel."""

    def finish(self, reason: str) -> None:
        """Nothing comes behind what was put."""


class Stage:
    """Passes everything on. Without more it changes nothing."""

    effect = ""

    def __init__(self, session: "Session", shot: "Shot", rest: Way) -> None:
        self.session = session
        self.shot = shot
        self.rest = rest
        self.named: Mapping[str, Any] = named_arguments(shot.term.action)

    def fired(self) -> None:
        """Tell that it acts, once for a session."""
        if not self.shot.acted:
            self.shot.fired(Phase.STREAM, self.effect)

    def put(self, channel: str, content: bytes, *, ends: bool) -> None:
        """Take a parcel on its way to the client."""
        self.rest.put(channel, content, ends=ends)

    def finish(self, reason: str) -> None:
        """The session has come to its end."""
        self.rest.finish(reason)

    def limit(self, limit: int) -> int:
        """Return how many bytes the client may be given at once."""
        return limit

    def taken(self, channel: str, size: int) -> None:
        """The client has been given something."""

    def fed(self, channel: str, chunk: bytes) -> bytes:  # noqa: ARG002  # for those who choose
        """Return what goes on of what the client has sent."""
        return chunk

    def is_deaf(self, channel: str) -> bool:  # noqa: ARG002  # likewise
        """Whether nothing is read any more of what the client sends."""
        return False

    def passes(self, what: str) -> bool:  # noqa: ARG002  # likewise
        """Whether it goes on: `eof`, the end of stdin; `hang up`, which kills; `resize`."""
        return True

    @property
    def owes(self) -> bool:
        """Whether something will go on to the client when its time has come."""
        return False

    def close(self) -> None:
        """The session is over."""


class _Channel(Stage):
    """Something about one channel, behind so many bytes of it."""

    def __init__(self, session: "Session", shot: "Shot", rest: Way) -> None:
        super().__init__(session, shot, rest)
        self._left = int(self.named.get("bytes") or 0)

    def is_meant(self, channel: str) -> bool:
        """Whether it is about this channel; the connections of a port-forward have one each."""
        meant = self.named.get("channel")
        return channel.partition(".")[0] == meant if meant else channel not in {"stdin", "resize"}

    def pass_first(self, content: bytes) -> bytes:
        """Return what is let pass still."""
        passed = content[: self._left]
        self._left -= len(passed)
        return passed


class _Drop(_Channel):
    """Loses what a channel carries."""

    def put(self, channel: str, content: bytes, *, ends: bool) -> None:
        if self.is_meant(channel) and content:
            passed = self.pass_first(content)
            if len(passed) < len(content):
                self.effect = _INDEFINITE if channel.startswith("error") else ""
                self.fired()
            content = passed
        if content or ends:
            self.rest.put(channel, content, ends=ends)

    def fed(self, channel: str, chunk: bytes) -> bytes:
        if not self.is_meant(channel):
            return chunk
        passed = self.pass_first(chunk)
        if len(passed) < len(chunk):
            self.fired()
        return passed

    def passes(self, what: str) -> bool:
        if self.is_meant(what):
            self.fired()
            return False
        return True


class _Stall(_Channel):
    """Sends nothing more, of one channel or of all; or reads nothing more."""

    effect = _INDEFINITE

    def put(self, channel: str, content: bytes, *, ends: bool) -> None:
        if not self.is_meant(channel):
            self.rest.put(channel, content, ends=ends)
            return
        passed = self.pass_first(content)
        if passed:
            self.rest.put(channel, passed, ends=False)
        if ends or len(passed) < len(content):
            self.fired()
        if "channel" not in self.named:  # nobody will make room for it
            self.session.weigh(len(content) - len(passed))

    def finish(self, reason: str) -> None:
        if "channel" in self.named:
            self.rest.finish(reason)
        else:
            self.fired()

    def fed(self, channel: str, chunk: bytes) -> bytes:
        if self.named.get("channel") != channel:
            return chunk
        passed = self.pass_first(chunk)
        if not self._left:
            self.fired()
        return passed

    def is_deaf(self, channel: str) -> bool:
        return self.named.get("channel") == channel and not self._left

    def passes(self, what: str) -> bool:
        return not (what == "eof" and self.is_deaf("stdin"))


class _Linger(Stage):
    """Holds the end back."""

    effect = _INDEFINITE

    def __init__(self, session: "Session", shot: "Shot", rest: Way) -> None:
        super().__init__(session, shot, rest)
        self._over: set[str] = set()

    def put(self, channel: str, content: bytes, *, ends: bool) -> None:
        kind, _, number = channel.partition(".")
        until = self.named["until"]
        if until is None and ends:
            self.fired()
            ends = False
        if kind == "error" and until != "status":
            self.fired()
            self._over.add(f"data.{number}")
        elif content or ends:
            self.rest.put(channel, content, ends=ends)

    def finish(self, reason: str) -> None:  # noqa: ARG002  # it never comes to that
        self.fired()

    def is_deaf(self, channel: str) -> bool:
        return channel in self._over


class _Merge(Stage):
    """Sends stderr on stdout."""

    def put(self, channel: str, content: bytes, *, ends: bool) -> None:
        if channel == "stderr" and content:
            self.fired()
            self.rest.put("stdout", content, ends=False)
            content = b""
        if content or ends:
            self.rest.put(channel, content, ends=ends)


class _Status(Stage):
    """Has something else on the error channel."""

    def __init__(self, session: "Session", shot: "Shot", rest: Way) -> None:
        super().__init__(session, shot, rest)
        self._told: set[str] = set()

    def put(self, channel: str, content: bytes, *, ends: bool) -> None:
        if channel.partition(".")[0] == "error":
            self._tell(channel)
            content = b""
        if content or ends:
            self.rest.put(channel, content, ends=ends)

    def finish(self, reason: str) -> None:
        if self.session.method != "portforward":
            self._tell("error")
        self.rest.finish(reason)

    def _tell(self, channel: str) -> None:
        if channel in self._told:
            return
        self._told.add(channel)
        self.fired()
        content = self._content()
        if content:
            self.rest.put(channel, content, ends=False)

    def _content(self) -> bytes:
        if "content" in self.named:
            return str(self.named["content"]).encode()
        command: Any = self.session
        argv = getattr(command.request, "cmd", ())
        whole = command.world.profile.whole_statuses
        return statuses.exited(command.version, argv, int(self.named["exit_code"]), whole=whole)


class _Reset(Stage):
    """Breaks the connection behind so many bytes, or in place of its end."""

    effect = _INDEFINITE

    def __init__(self, session: "Session", shot: "Shot", rest: Way) -> None:
        super().__init__(session, shot, rest)
        self._left: int | None = self.named.get("bytes")
        self._ends = False

    def finish(self, reason: str) -> None:
        if self.named.get("when") != "after":
            self.rest.finish(reason)
            return
        self._ends = True
        self._look()

    def limit(self, limit: int) -> int:
        return limit if self._left is None else min(limit, self._left)

    def taken(self, channel: str, size: int) -> None:
        if self._left is not None and not channel.startswith("error"):
            self._left -= size
        self._look()

    def _look(self) -> None:
        if self._left == 0 or (self._ends and not self.session.readable):
            self.fired()
            self.session.break_off("reset")


class _Slice(Stage):
    def limit(self, limit: int) -> int:
        return min(limit, int(self.named["bytes"]))

    def taken(self, channel: str, size: int) -> None:  # noqa: ARG002  # of any
        if size == self.named["bytes"]:
            self.fired()


class _Slow(Stage):
    def __init__(self, session: "Session", shot: "Shot", rest: Way) -> None:
        super().__init__(session, shot, rest)
        self._throttle = Throttle(
            session.world.scheduler, int(self.named["bytes_per_s"]), rest, session.weigh
        )

    def put(self, channel: str, content: bytes, *, ends: bool) -> None:
        self.fired()
        self._throttle.put(channel, content, ends=ends)

    def finish(self, reason: str) -> None:
        self._throttle.finish(reason)

    @property
    def owes(self) -> bool:
        return self._throttle.owes

    def close(self) -> None:
        self._throttle.close()


class _IgnoreEof(Stage):
    effect = _INDEFINITE

    def passes(self, what: str) -> bool:
        if what == "eof":
            self.fired()
        return what != "eof"


class _Outlive(Stage):
    """The process goes on when its client has gone."""

    def passes(self, what: str) -> bool:
        if what != "hang up" or self.named["policy"] == "abort":
            return True
        self.fired()
        return False


STAGES: Mapping[str, type[Stage]] = {
    "cancel": _Outlive,
    "drop": _Drop,
    "ignore_eof": _IgnoreEof,
    "linger": _Linger,
    "merge": _Merge,
    "reset": _Reset,
    "slice": _Slice,
    "slow": _Slow,
    "stall": _Stall,
    "status": _Status,
}
"""Those that bytes pass. Others act before there are any: see `admissions` and `troubles`."""
