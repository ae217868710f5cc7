"""When a term acts: its triggers are filters that a call passes one after the other, as written.

A count counts the calls that reach it, so `after 2 3*` is for the third, fourth and fifth call.
A term is used up once one of its filters will never let a call pass again.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fakecri.core.faults.rules import Duration, When
from fakecri.core.faults.shots import drawn
from fakecri.core.faults.subjects import STATES, Subject


@dataclass(frozen=True, slots=True)
class Moment:
    """What filters look at when a call has come to a term."""

    now_ns: int
    """Virtual time; the runtime began at 0."""
    subject: Subject
    hit: int
    dice: str
    index: int
    is_on: Callable[[str], bool]
    """Whether a switch is on."""


class Filter:
    """One trigger of one term, with its own count. Without more it lets all calls pass."""

    def __init__(self, *values: Any) -> None:
        self.values = values
        self.over_ns: int | None = None
        """When it was used up."""

    def begin(self, now_ns: int) -> None:
        """The term is in force from now on."""

    def passes(self, moment: Moment) -> bool:  # noqa: ARG002  # each filter looks at its own part
        """Whether a call goes on to the next filter."""
        return True

    def used_up_ns(self, now_ns: int) -> int | None:  # noqa: ARG002  # windows look at it
        """When it was used up, or None while calls may still pass."""
        return self.over_ns

    def reconnect(self) -> None:
        """All connections are new from now on."""

    def hold(self) -> None:
        """A call that passed all filters is under way."""

    def release(self) -> None:
        """It is over."""


class _Counting(Filter):
    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number
        self.seen = 0

    def passes(self, moment: Moment) -> bool:
        self.seen += 1
        if self.is_last() and self.over_ns is None:
            self.over_ns = moment.now_ns
        return self.counts()

    def is_last(self) -> bool:
        """Whether none passes after the one that was just seen."""
        return False

    def counts(self) -> bool:
        """Whether the one that was just seen passes."""
        raise NotImplementedError


class _Next(_Counting):
    def is_last(self) -> bool:
        return self.seen >= self.number

    def counts(self) -> bool:
        return self.seen <= self.number


class _Nth(_Next):
    def counts(self) -> bool:
        return self.seen == self.number


class _After(_Counting):
    def counts(self) -> bool:
        return self.seen > self.number


class _Every(_Counting):
    def counts(self) -> bool:
        return self.seen % self.number == 0


class _Window(Filter):
    """From `start_ns` on, before `end_ns`."""

    def __init__(self, *values: Any) -> None:
        super().__init__(*values)
        self.start_ns: int | None = None
        self.end_ns: int | None = None

    def passes(self, moment: Moment) -> bool:
        started = self.start_ns is None or moment.now_ns >= self.start_ns
        return started and (self.end_ns is None or moment.now_ns < self.end_ns)

    def used_up_ns(self, now_ns: int) -> int | None:
        return self.end_ns if self.end_ns is not None and now_ns >= self.end_ns else None


class _From(_Window):
    def __init__(self, start: Duration) -> None:
        super().__init__(start)
        self.start_ns = start.ns


class _Until(_Window):
    def __init__(self, end: Duration) -> None:
        super().__init__(end)
        self.end_ns = end.ns


class _First(_Window):
    def __init__(self, span: Duration) -> None:
        super().__init__(span)
        self.span_ns = span.ns

    def begin(self, now_ns: int) -> None:
        self.end_ns = now_ns + self.span_ns


class _For(_First):
    def begin(self, now_ns: int) -> None:
        """It begins with the first call instead."""

    def passes(self, moment: Moment) -> bool:
        if self.end_ns is None:
            self.end_ns = moment.now_ns + self.span_ns
        return super().passes(moment)


class _While(Filter):
    def passes(self, moment: Moment) -> bool:
        (word,) = self.values
        if word in STATES:
            return word in moment.subject.get("state")
        return moment.is_on(word)


class _OnConnect(Filter):
    """The first call of each peer that comes here; of a stream, its opening."""

    def __init__(self) -> None:
        super().__init__()
        self._peers: set[str] = set()

    def passes(self, moment: Moment) -> bool:
        call = moment.subject.call
        if call.rpc.streams:
            return True
        if call.peer in self._peers:
            return False
        self._peers.add(call.peer)
        return True

    def reconnect(self) -> None:
        self._peers.clear()


class _Once(Filter):
    def __init__(self) -> None:
        super().__init__()
        self._ids: set[str] = set()

    def passes(self, moment: Moment) -> bool:
        thing = moment.subject.identity
        if thing in self._ids:
            return False
        self._ids.add(thing)
        return True


class _Max(Filter):
    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number
        self.active = 0

    def passes(self, moment: Moment) -> bool:  # noqa: ARG002  # the number decides
        return self.active < self.number

    def hold(self) -> None:
        self.active += 1

    def release(self) -> None:
        self.active -= 1


class _Chance(Filter):
    def passes(self, moment: Moment) -> bool:
        (percent,) = self.values
        chance = drawn(moment.dice, moment.hit, f"term {moment.index}") * 100
        return bool(chance < percent)


FILTERS: Mapping[str, Callable[..., Filter]] = {
    "next": _Next,
    "nth": _Nth,
    "after": _After,
    "every": _Every,
    "for": _For,
    "first": _First,
    "from": _From,
    "until": _Until,
    "while": _While,
    "on_connect": _OnConnect,
    "once": _Once,
    "max": _Max,
    "at": Filter,
    "percent": _Chance,
}
"""By the kinds of When. `at` chooses messages of a stream, not calls."""


class Turn:
    """A term in force, with the counts of its triggers."""

    def __init__(self, whens: Sequence[When]) -> None:
        self._filters = [FILTERS[when.kind](*when.values) for when in whens]

    def begin(self, now_ns: int) -> None:
        """It is this term's turn from now on."""
        for each in self._filters:
            each.begin(now_ns)

    def used_up_ns(self, now_ns: int) -> int | None:
        """When it was used up, or None while it is not."""
        ends = [end for each in self._filters if (end := each.used_up_ns(now_ns)) is not None]
        return min(ends) if ends else None

    def passes(self, moment: Moment) -> bool:
        """Whether the term acts on a call; counts it."""
        if not all(each.passes(moment) for each in self._filters):
            return False
        for each in self._filters:
            each.hold()
        return True

    def reconnect(self) -> None:
        """All connections are new from now on."""
        for each in self._filters:
            each.reconnect()

    def release(self) -> None:
        """A call on which it acted is over."""
        for each in self._filters:
            each.release()
