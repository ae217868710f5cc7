"""A recording as a picture: lanes, with bars for calls, bands for states and marks for the rest.

Places are indexes into `records`: they are the one total order, also where many things happen in
one instant of virtual time.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from fakecri.core.recording import Record
from fakecri.timeline.facts import Facts, error_of, is_read, number_at, text_at

NODE, IMAGES, STREAMS, POD = "node", "images", "streams", "pod"

OK, ERROR, LOST, CANCELLED, OPEN = "ok", "error", "lost", "cancelled", "open"
"""What comes of a call; lost: it was answered, and its client never got that."""


@dataclass(frozen=True, slots=True)
class Lane:
    """Where what concerns one sandbox or container is drawn, or what concerns none."""

    key: str
    """An id; or a word for a lane that has none."""
    kind: str
    """`sandbox`, `container`, `node`, `images`, `streams`, or `pod`: one that was never made."""
    title: str
    id: str = ""
    pod: str = ""
    parent: str = ""
    """The key of a container's sandbox."""
    attempt: int = 0


@dataclass(slots=True)
class Bar:
    """A call. Lists have the indexes of what was recorded of it, or happened because of it."""

    number: int
    rpc: str
    begin: int
    lane: str = NODE
    end: int | None = None
    """None: the recording ends before the call does."""
    row: int = 0
    """Which of the rows of its lane it is in: none overlaps another in its row."""
    outcome: str = OPEN
    error: tuple[str, str] | None = None
    cause: str = ""
    """Why it was cancelled: `deadline`, `client` or `closed`."""
    cancels: list[int] = field(default_factory=list)
    faults: list[int] = field(default_factory=list)
    messages: list[int] = field(default_factory=list)
    moves: list[int] = field(default_factory=list)
    events: list[int] = field(default_factory=list)

    @property
    def is_read(self) -> bool:
        """Whether it changes nothing."""
        return is_read(self.rpc)

    @property
    def is_failed(self) -> bool:
        """Whether its client got no answer that it can use, and did not go by itself."""
        return self.outcome in {ERROR, LOST} or self.cause == "deadline"

    @property
    def is_plain(self) -> bool:
        """Whether it came out well, and nothing was done to it."""
        return self.outcome == OK and not (self.faults or self.cancels)


@dataclass(frozen=True, slots=True)
class Mark:
    """What happens at one place: an event, a fault, a state fault, the clock, a rule."""

    index: int
    kind: str
    """The kind of its record."""
    lane: str
    title: str
    call: int | None = None
    """The number of the call that it was done to, or that caused it."""
    is_global: bool = False
    """Whether it concerns every lane: a restart of the runtime, a jump of the clock."""


@dataclass(slots=True)
class Band:
    """A state that lasts: `CREATED`, `RUNNING`, `EXITED`, `READY`, ..."""

    lane: str
    state: str
    begin: int
    end: int | None = None
    trigger: str = ""
    note: str = ""
    """Of `EXITED`: the exit code and the reason, where an event or a status tells."""


@dataclass(frozen=True, slots=True)
class RuleCount:
    """A rule, and how often it fired."""

    text: str
    fired: int


@dataclass(frozen=True, slots=True)
class Timeline:
    """All that is to be drawn of a recording."""

    header: Facts
    records: Sequence[Record]
    lanes: tuple[Lane, ...]
    bars: tuple[Bar, ...]
    bands: tuple[Band, ...]
    marks: tuple[Mark, ...]
    rules: tuple[RuleCount, ...]

    def took_ns(self, bar: Bar) -> int:
        """Return how long a call took; of one in flight, how long it has taken so far."""
        last = len(self.records) - 1 if bar.end is None else bar.end
        return self.records[last].v - self.records[bar.begin].v

    def lane(self, key: str) -> Lane:
        """Return a lane by its key."""
        return next(lane for lane in self.lanes if lane.key == key)


def outcome_of(bar: Bar, reply: Facts, faults: Sequence[Record]) -> None:
    """Write down what a call was answered."""
    bar.error = error_of(reply)
    # Who goes away by itself misses no answer; who is left waiting by a rule does.
    is_kept = any(text_at(each.facts, "effect") == "indefinite" for each in faults)
    if reply.get("unsent") is True and (is_kept or not bar.cancels):
        bar.outcome = LOST
    elif bar.cancels:
        bar.outcome = CANCELLED
    else:
        bar.outcome = ERROR if bar.error else OK


def rule_counts(header: Facts, records: Sequence[Record]) -> tuple[RuleCount, ...]:
    """Count on which calls each rule fired, in the order in which rules were armed."""
    hits: dict[str, set[tuple[int | None, int | None]]] = {}
    told: dict[str, int] = {}
    armed = header.get("rules")
    for text in armed if isinstance(armed, list | tuple) else ():
        if isinstance(text, str):
            hits.setdefault(text, set())
    for record in records:
        text = text_at(record.facts, "rule")
        if record.kind == "rule":
            hits.setdefault(text, set())
            told[text] = max(told.get(text, 0), number_at(record.facts, "fired") or 0)
        elif record.kind == "fault":
            hit = (number_at(record.facts, "call"), number_at(record.facts, "hit"))
            hits.setdefault(text, set()).add(hit)
    return tuple(
        RuleCount(text, max(len(found), told.get(text, 0))) for text, found in hits.items()
    )
