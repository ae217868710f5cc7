"""The rails of the text form: a column for each lane that is alive, drawn by its state."""

from collections.abc import Mapping

from fakecri.timeline.model import Timeline

RAILS: Mapping[str, str] = {
    "CREATED": "┆",
    "RUNNING": "┃",
    "READY": "┃",
    "EXITED": "╎",
    "NOTREADY": "╎",
}
UNKNOWN_RAIL = "?"
LEGEND = "┃ running, ready   ┆ created   ╎ exited, not ready   ? unknown"


class Rails:
    """Which lane has which column, and when. A column that is free is taken again."""

    def __init__(self, timeline: Timeline, most: int) -> None:
        """At most `most` lanes have a column at a time."""
        self._changes: dict[str, list[tuple[int, str]]] = {}
        for band in timeline.bands:
            changes = self._changes.setdefault(band.lane, [])
            changes.append((band.begin, RAILS.get(band.state, UNKNOWN_RAIL)))
            if band.end is not None:
                changes.append((band.end, " "))
        self._columns: dict[str, int] = {}
        self._cursor = dict.fromkeys(self._changes, 0)
        self._state = dict.fromkeys(self._changes, " ")
        spans = _spans(timeline)
        self.width = _assign(spans, most, self._columns)
        self._spans = spans
        self._alive: list[str] = []
        self._coming = sorted(self._columns, key=lambda lane: spans[lane])

    def drawn(self, index: int, lane: str, sign: str) -> str:
        """Return the columns at a record, with a sign in that of a lane. Indexes must not fall."""
        while self._coming and self._spans[self._coming[0]][0] <= index:
            self._alive.append(self._coming.pop(0))
        self._alive = [each for each in self._alive if self._spans[each][1] >= index]
        row = [" "] * self.width
        for each in self._alive:
            row[self._columns[each]] = self._state_at(each, index)
        if lane in self._alive:
            row[self._columns[lane]] = sign
        return "".join(row)

    def _state_at(self, lane: str, index: int) -> str:
        changes = self._changes.get(lane, [])
        at = self._cursor.get(lane, 0)
        while at < len(changes) and changes[at][0] <= index:
            self._state[lane] = changes[at][1]
            at += 1
        self._cursor[lane] = at
        return self._state.get(lane, " ")


def _spans(timeline: Timeline) -> dict[str, tuple[int, int]]:
    """Return the first and the last record that each lane of a pod has a part in."""
    last = max(len(timeline.records) - 1, 0)
    places: dict[str, list[int]] = {lane.key: [] for lane in timeline.lanes if lane.pod or lane.id}
    for bar in timeline.bars:
        places.get(bar.lane, []).extend((bar.begin, last if bar.end is None else bar.end))
    for band in timeline.bands:
        places.get(band.lane, []).extend((band.begin, last if band.end is None else band.end))
    for mark in timeline.marks:
        places.get(mark.lane, []).append(mark.index)
    return {lane: (min(each), max(each)) for lane, each in places.items() if each}


def _assign(spans: Mapping[str, tuple[int, int]], most: int, columns: dict[str, int]) -> int:
    ends: list[int] = []
    for lane, (begin, end) in sorted(spans.items(), key=lambda each: each[1]):
        free = next((at for at, before in enumerate(ends) if before < begin), len(ends))
        if free >= most:
            continue
        ends[free : free + 1] = [end]
        columns[lane] = free
    return len(ends)
