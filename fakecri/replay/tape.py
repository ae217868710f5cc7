"""A recording as answers to be given: which recorded call is like the one that is made."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from fakecri.core.faults.targets import WORDS
from fakecri.core.plain import MASK
from fakecri.core.recording import RecordedCall, Recording
from fakecri.errors import UsageError
from fakecri.replay.bindings import Bindings, key_of
from fakecri.replay.names import Names
from fakecri.replay.normalising import normalise
from fakecri.replay.trees import Spot, Trees, short

REPEATS = ("never", "reads", "always")

_READS = frozenset(WORDS["reads"])
_CLOSEST = 3


@dataclass(slots=True, eq=False)
class Episode:
    """A recorded call, and how often it was played."""

    call: RecordedCall
    played: int = 0


class Near(NamedTuple):
    """A recorded call that is not like a request, and where they differ."""

    call: RecordedCall
    spots: list[Spot]
    played: int


class Tape:
    """The calls of a recording.

    Each answers once, in the order in which they were recorded. A read is answered with what was
    recorded between the same writes, where there is such a one: however often a client polls, it
    does not see what a write did that it has not made.
    """

    def __init__(self, recording: Recording, repeat: str = "reads") -> None:
        """`repeat`: what may be answered again when all that was recorded has been given.

        `never`, `reads` or `always`. UsageError for any other; RecordingError where a message in
        the recording is none of its RPC's.
        """
        if repeat not in REPEATS:
            raise UsageError(f"{repeat!r} is not when answers are repeated: {', '.join(REPEATS)}")
        self.bindings = Bindings()
        self._repeat = repeat
        self.episodes = [Episode(call) for call in recording.calls]
        self._index: dict[tuple[str, str], list[Episode]] = {}
        for each in self.episodes:
            _check(each.call)
            key = _key(each.call.rpc, each.call.request_fields)
            # What was masked when it was recorded may have been anything.
            key = (key[0], "") if MASK in key[1] else key
            self._index.setdefault(key, []).append(each)
        self._writes = [each for each in self.episodes if each.call.rpc not in _READS]
        self._places = [each.call.n for each in self._writes]
        self.reached = 0
        """The place in the recording of the furthest write that was played."""

    @property
    def unplayed(self) -> list[RecordedCall]:
        """What was recorded and never asked for."""
        return [each.call for each in self.episodes if not each.played]

    def play(self, rpc: str, fields: Mapping[str, Any]) -> RecordedCall | None:
        """Return the recorded call that answers a request, or None."""
        alike = []
        keyed, open_ = (self._index.get(key, ()) for key in (_key(rpc, fields), (rpc, "")))
        for each in sorted([*keyed, *open_], key=lambda episode: episode.call.n):
            bound = self.bindings.match(each.call.request_fields, fields)
            if bound is not None:
                alike.append((each, bound))
        choose = self._choose_read if rpc in _READS else self._choose_write
        episode = choose([each for each, _ in alike])
        if episode is None:
            return None
        self.bindings.bind(next(bound for each, bound in alike if each is episode))
        episode.played += 1
        if rpc not in _READS:
            self.reached = max(self.reached, episode.call.n)
        return episode.call

    def _choose_write(self, alike: list[Episode]) -> Episode | None:
        fresh = next((each for each in alike if not each.played), None)
        return fresh or (alike[-1] if alike and self._repeat == "always" else None)

    def _choose_read(self, alike: list[Episode]) -> Episode | None:
        begin, end = self.reached, self._next_write()
        before = [each for each in alike if each.call.n < end]
        now = [each for each in before if each.call.n > begin]
        chosen = next((each for each in now if not each.played), None)
        if chosen is None and self._repeat != "never" and before:
            return before[-1]
        return (
            chosen or next((each for each in alike if not each.played), None) or self._last(alike)
        )

    def _last(self, alike: list[Episode]) -> Episode | None:
        return alike[-1] if alike and self._repeat != "never" else None

    def _next_write(self) -> float:
        """Return the place of the first write after the furthest one that was not played."""
        for each in self._writes[bisect_right(self._places, self.reached) :]:
            if not each.played:
                return each.call.n
        return float("inf")

    def gate(self, n: int) -> int:
        """Return the place of the last write before a place in the recording."""
        at = bisect_left(self._places, n)
        return self._places[at - 1] if at else 0

    def nearest(self, rpc: str, fields: Mapping[str, Any]) -> list[Near]:
        """Return the recorded calls of an RPC that are most like a request."""
        found = [
            Near(
                each.call,
                _spots(self.bindings.to_live(each.call.request_fields), fields),
                each.played,
            )
            for each in self.episodes
            if each.call.rpc == rpc
        ]
        return sorted(found, key=lambda near: len(near.spots))[:_CLOSEST]


def _key(rpc: str, fields: Mapping[str, Any]) -> tuple[str, str]:
    return rpc, key_of(fields)


def _check(call: RecordedCall) -> None:
    """Read all that is to be sent, so that a bad recording is no surprise later on."""
    _ = call.request, call.response, call.messages


def _spots(recorded: Any, live: Any) -> list[Spot]:
    names = Names()
    trees = normalise(recorded, names), normalise(live, names)
    return list(Trees().spots(*trees, "request"))


def describe(rpc: str, near: Iterable[Near]) -> str:
    """Say why nothing that was recorded is like a request."""
    texts = [_described(each) for each in near]
    if not texts:
        return f"no {rpc} was recorded"
    return f"no recorded {rpc} is like this one; closest: {'; '.join(texts)}"


def _described(near: Near) -> str:
    if not near.spots:
        again = "has been given" if near.played else "is about other things"
        return f"call {near.call.serial} {again}"
    paths = ", ".join(_difference(spot) for spot in near.spots[:_CLOSEST])
    more = f" and {len(near.spots) - _CLOSEST} more" if len(near.spots) > _CLOSEST else ""
    return f"call {near.call.serial} differs in {paths}{more}"


def _difference(spot: Spot) -> str:
    return f"{spot.path} ({short(spot.left)}, not {short(spot.right)})"
