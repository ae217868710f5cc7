"""Stretches of time in which nothing bends, and what is used in one of them."""

from collections.abc import Iterable, Sequence
from fractions import Fraction
from operator import add
from typing import NamedTuple

from fakecri.core.loads import NANOCORES, Piece, crossing_ns

IDLE_NANOCORES = 2_000_000
"""What an idle container uses anyway; it is part of what a busy one may use."""


class Totals(NamedTuple):
    """Sums since the beginning; CPU time is in nanocores times nanoseconds."""

    cpu: int = 0
    """Beside that of an idle container."""
    lost: int = 0
    """CPU time that was wanted and not given."""
    throttled_ns: int = 0
    stalled_ns: int = 0
    """In which nothing ran for want of quota."""
    waiting_ns: int = 0
    """In which something waited for a CPU."""
    work: int = 0
    """What each process that has work to do would have got."""
    received: int = 0
    """In bytes a second times nanoseconds."""
    sent: int = 0
    touched: int = 0
    """Bytes by which memory has grown."""
    written: int = 0
    """Bytes by which the writable layer has grown."""

    def plus(self, other: "Totals") -> "Totals":
        """Return the sums of both."""
        return Totals(*map(add, self, other))


class Stretch(NamedTuple):
    """A time in which nothing bends."""

    begin_ns: int
    end_ns: int | None
    cpu: Sequence[Piece]
    received: Sequence[Piece]
    sent: Sequence[Piece]
    memory: Sequence[Piece]
    cache: Sequence[Piece]
    layer: Sequence[Piece]
    cores: int
    """The most that all can get, in nanocores."""
    speed: int
    """How much each process gets that has work to do, in nanocores."""
    threads: int
    """How many want a CPU at once, if they want more than there is; else 0."""
    has_quota: bool
    """Whether it is a quota that they run into, and not the end of the processors."""

    def gained(self, until_ns: int) -> Totals:
        """Return the sums since its beginning."""
        lived_ns = until_ns - self.begin_ns
        if not lived_ns:
            return Totals()
        wanted = cpu = self._area(self.cpu, until_ns)
        stalled_ns = waiting_ns = 0
        if self.threads:
            cpu = _spare(self.cores) * lived_ns
        if self.missing and self.has_quota:
            stalled_ns = waiting_ns = self.missing * lived_ns // (self.threads * NANOCORES)
        elif self.missing:
            waiting_ns = lived_ns
        return Totals(
            cpu=cpu,
            lost=max(0, wanted - cpu) if stalled_ns else 0,
            throttled_ns=lived_ns if stalled_ns else 0,
            stalled_ns=stalled_ns,
            waiting_ns=waiting_ns,
            work=self.speed * lived_ns,
            received=self._area(self.received, until_ns),
            sent=self._area(self.sent, until_ns),
            touched=max(0, _level(self.memory, until_ns) - _level(self.memory, self.begin_ns)),
            written=max(0, _level(self.layer, until_ns) - _level(self.layer, self.begin_ns)),
        )

    def held(self, at_ns: int) -> int:
        """Return how much memory they want, their page cache included."""
        return sum(_level(each, at_ns) for each in (self.memory, self.cache, self.layer))

    def jumped(self, before: "Stretch") -> Totals:
        """Return by how much levels have grown at once, since the end of the stretch before."""
        at_ns = self.begin_ns
        return Totals(
            touched=max(0, _level(self.memory, at_ns) - _level(before.memory, at_ns)),
            written=max(0, _level(self.layer, at_ns) - _level(before.layer, at_ns)),
        )

    @property
    def missing(self) -> int:
        """How much more the threads would use that want a CPU, in nanocores."""
        return max(0, self.threads * NANOCORES - self.cores)

    def _area(self, pieces: Iterable[Piece], until_ns: int) -> int:
        return sum(each.integral(until_ns) - each.integral(self.begin_ns) for each in pieces)


def _level(pieces: Iterable[Piece], at_ns: int) -> int:
    return sum(each.value(at_ns) for each in pieces)


def _spare(cores: int) -> int:
    return max(0, cores - IDLE_NANOCORES)


class Wants(NamedTuple):
    """What processes want, each quantity as the pieces that cover one moment."""

    cpu: Sequence[Piece]
    received: Sequence[Piece]
    sent: Sequence[Piece]
    memory: Sequence[Piece]
    cache: Sequence[Piece]
    layer: Sequence[Piece]


def open_stretch(
    begin_ns: int, wants: Wants, *, cores: int, has_quota: bool, workers: int
) -> Stretch:
    """Return the stretch that begins at `begin_ns`: it ends where a line does, or crosses."""
    ends = [piece.end_ns for pieces in wants for piece in pieces]
    ends.append(crossing_ns(wants.cpu, begin_ns, _spare(cores)))
    wanted = sum((each.exact(begin_ns) for each in wants.cpu), Fraction(0))
    return Stretch(
        begin_ns,
        min((each for each in ends if each is not None), default=None),
        *wants,
        cores=cores,
        speed=min(NANOCORES, cores // workers) if workers else 0,
        threads=-(-wanted // NANOCORES) if wanted > _spare(cores) else 0,
        has_quota=has_quota,
    )
