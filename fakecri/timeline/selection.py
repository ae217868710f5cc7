"""Which part of a timeline is drawn."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase

from fakecri.timeline.model import Bar, Lane, Timeline


@dataclass(frozen=True, slots=True)
class Selection:
    """What is asked for. Times are virtual, in ns since the runtime began."""

    pods: tuple[str, ...] = ()
    """Patterns (`*`, `?`, `[...]`) for `namespace/name` or a name alone, or beginnings of ids;
    empty: all pods."""
    from_ns: int | None = None
    to_ns: int | None = None

    def applied(self, timeline: Timeline) -> Timeline:
        """Return the part that is asked for. What lasts into it is in it."""
        lanes = tuple(lane for lane in timeline.lanes if self._has_lane(lane, timeline))
        keys = {lane.key for lane in lanes}
        return replace(
            timeline,
            lanes=lanes,
            bars=tuple(
                bar for bar in timeline.bars if bar.lane in keys and self._has_bar(bar, timeline)
            ),
            bands=tuple(
                band
                for band in timeline.bands
                if band.lane in keys and self._has_span(timeline, band.begin, band.end)
            ),
            marks=tuple(
                mark
                for mark in timeline.marks
                if (mark.lane in keys or mark.is_global)
                and self._has_span(timeline, mark.index, mark.index)
            ),
        )

    def _has_lane(self, lane: Lane, timeline: Timeline) -> bool:
        if not self.pods:
            return True
        names = (lane.pod, lane.pod.partition("/")[2])
        ids = [each for each in (lane.id, lane.parent) if each]
        ids += [each.id for each in timeline.lanes if each.parent == lane.key]
        return any(
            any(fnmatchcase(name, pattern) for name in names if name)
            or any(id_.startswith(pattern) for id_ in ids if pattern)
            for pattern in self.pods
        )

    def _has_bar(self, bar: Bar, timeline: Timeline) -> bool:
        return self._has_span(timeline, bar.begin, bar.end)

    def _has_span(self, timeline: Timeline, begin: int, end: int | None) -> bool:
        starts_late = self.to_ns is not None and timeline.records[begin].v > self.to_ns
        ends_early = (
            self.from_ns is not None and end is not None and timeline.records[end].v < self.from_ns
        )
        return not (starts_late or ends_early)

    def has_time(self, at_ns: int) -> bool:
        """Whether an instant is in it."""
        late_enough = self.from_ns is None or at_ns >= self.from_ns
        return late_enough and (self.to_ns is None or at_ns <= self.to_ns)


EVERYTHING = Selection()


def compacted(timeline: Timeline) -> Timeline:
    """Return a timeline that has only the records that something in it refers to."""
    kept = sorted(set(_places(timeline)))
    if len(kept) == len(timeline.records):
        return timeline
    new = {before: after for after, before in enumerate(kept)}

    def moved(places: list[int]) -> list[int]:
        return [new[each] for each in places]

    def end(place: int | None) -> int | None:
        return None if place is None else new[place]

    return replace(
        timeline,
        records=tuple(timeline.records[each] for each in kept),
        bars=tuple(
            replace(
                bar,
                begin=new[bar.begin],
                end=end(bar.end),
                cancels=moved(bar.cancels),
                faults=moved(bar.faults),
                messages=moved(bar.messages),
                moves=moved(bar.moves),
                events=moved(bar.events),
            )
            for bar in timeline.bars
        ),
        bands=tuple(
            replace(band, begin=new[band.begin], end=end(band.end)) for band in timeline.bands
        ),
        marks=tuple(replace(mark, index=new[mark.index]) for mark in timeline.marks),
    )


def _places(timeline: Timeline) -> Iterator[int]:
    if timeline.records:
        yield len(timeline.records) - 1  # what is in flight lasts until then
    for bar in timeline.bars:
        yield bar.begin
        yield from () if bar.end is None else (bar.end,)
        yield from (*bar.cancels, *bar.faults, *bar.messages, *bar.moves, *bar.events)
    for band in timeline.bands:
        yield band.begin
        yield from () if band.end is None else (band.end,)
    for mark in timeline.marks:
        yield mark.index
