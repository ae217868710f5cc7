"""A recording as text: time runs down, a rail for each pod and container, a line for each thing."""

import unicodedata
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from fakecri.core.recording import Recording
from fakecri.timeline.building import build
from fakecri.timeline.facts import at, number_at, printable, text_at
from fakecri.timeline.model import CANCELLED, LOST, OPEN, STREAMS, Bar, Lane, Mark, Timeline
from fakecri.timeline.rails import LEGEND, Rails
from fakecri.timeline.selection import EVERYTHING, Selection
from fakecri.timeline.spans import seconds, short_span
from fakecri.timeline.titles import EVENTS, subject_of_call

READS = ("folded", "shown", "hidden")
"""What becomes of reads that went well: counted on one line, shown as other calls, or left out."""

_TIME_WIDTH = 12
_MOST_WHO = 30
_LEAST_WIDTH = 40
_SIGNS = {
    "event": "○",
    "fault": "◆",
    "session": "↔",
    "nri": "◇",
    "state": "!",
    "clock": "·",
    "rule": "·",
}


def render_text(
    recording: Recording,
    *,
    selection: Selection = EVERYTHING,
    width: int | None = 120,
    reads: str = "folded",
) -> str:
    """Return the text, with a newline after each line.

    Lines are cut to `width` columns, 40 or more; None: not at all. `reads` is one of READS.
    """
    return _Text(selection.applied(build(recording)), selection, width, reads).render()


@dataclass(frozen=True, slots=True)
class _Line:
    index: int
    lane: str
    sign: str
    what: str


class _Text:
    def __init__(
        self, timeline: Timeline, selection: Selection, width: int | None, reads: str
    ) -> None:
        self._timeline = timeline
        self._selection = selection
        self._width = None if width is None else max(width, _LEAST_WIDTH)
        self._reads = reads
        self._who = {lane.key: printable(_who(lane)) for lane in timeline.lanes}
        room = _MOST_WHO if self._width is None else min(_MOST_WHO, self._width // 3)
        self._who_width = min(max(map(_columns, self._who.values()), default=0), room)
        self._begins = {bar.begin: bar for bar in timeline.bars}
        self._ends = {bar.end: bar for bar in timeline.bars if bar.end is not None}
        self._marks = {mark.index: mark for mark in timeline.marks}
        self._lanes = {lane.key for lane in timeline.lanes}
        self._notes = {band.begin: band.note for band in timeline.bands if band.note}
        self._told: set[int] = set()  # records that a line before them tells of
        self._tells_events = any(record.kind == "event" for record in timeline.records)

    def render(self) -> str:
        most = 24 if self._width is None else max(self._width // 6, 4)
        rails = Rails(self._timeline, most)
        lines = [self._summary(), ""]
        if rails.width:
            lines += [LEGEND, ""]
        shown = ""
        for line in self._folded(self._lines()):
            time = seconds(self._timeline.records[line.index].v)
            row = rails.drawn(line.index, line.lane, line.sign)
            who = _fitted(self._who.get(line.lane, ""), self._who_width)
            shown_time = "" if time == shown else time
            shown = time
            lines.append(f"{shown_time:>{_TIME_WIDTH}}  {row}  {who}  {line.what}")
        lines += self._rules()
        return "".join(f"{_cut(line.rstrip(), self._width)}\n" for line in lines)

    # What is told, in order.

    def _lines(self) -> Iterator[_Line]:
        for index, record in enumerate(self._timeline.records):
            if index in self._told or not self._selection.has_time(record.v):
                continue
            if index in self._begins:
                yield from self._begin(self._begins[index])
            elif index in self._ends:
                yield self._end(self._ends[index])
            elif record.kind == "move":
                yield from self._move(index)
            elif index in self._marks:
                yield self._mark(self._marks[index])
            elif record.kind == "message" and not self._tells_events:
                yield from self._message(index)

    def _begin(self, bar: Bar) -> Iterator[_Line]:
        own = {*bar.moves, *bar.events, *bar.faults, *bar.cancels}
        between = range(bar.begin + 1, len(self._timeline.records) if bar.end is None else bar.end)
        if bar.end is None or not all(self._is_part(index, own) for index in between):
            still = ", never answered" if bar.outcome == OPEN else ""
            yield _Line(bar.begin, bar.lane, "┌", f"{self._call(bar)} begins{still}")
            return
        self._told.update(between, (bar.end,))
        # Its events may come after its answer; they are of it all the same.
        self._told.update(bar.events)
        yield _Line(bar.begin, bar.lane, "●", f"{self._call(bar)} {self._outcome(bar)}")
        for index in bar.faults:
            if index < bar.end:  # those on what is behind its URL come in their own time
                yield self._mark(self._marks[index])

    def _is_part(self, index: int, own: set[int]) -> bool:
        return index in own or self._timeline.records[index].kind == "message"

    def _end(self, bar: Bar) -> _Line:
        untold = [index for index in bar.events if index not in self._told]
        self._told.update(index for index in untold if bar.end is not None and index > bar.end)
        return _Line(bar.end or 0, bar.lane, "└", f"{self._call(bar)} {self._outcome(bar)}")

    def _call(self, bar: Bar) -> str:
        subject = subject_of_call(self._timeline.records[bar.begin].facts)
        return printable(f"{bar.rpc} {subject}".strip()) + f" #{bar.number}"

    def _outcome(self, bar: Bar) -> str:
        words = ["ok"]
        if bar.error:
            words = [bar.error[0], f'"{bar.error[1]}"']
        if bar.outcome == LOST:
            words.append("(the client never got it)")
        if bar.outcome == CANCELLED:
            words.append(f"(cancelled: {bar.cause})")
        took_ns = self._timeline.took_ns(bar)
        if took_ns:
            words.append(f"after {short_span(took_ns)}")
        if bar.messages:
            words.append(f"{len(bar.messages)} messages")
        return printable(" ".join(words + self._effects(bar)))

    def _effects(self, bar: Bar) -> list[str]:
        records = self._timeline.records
        states = [self._state(each) for each in bar.moves]
        states = [each for place, each in enumerate(states) if each not in states[:place]]
        kinds = [
            text_at(records[each].facts, "event", "container_event_type") for each in bar.events
        ]
        words = [f"→ {' → '.join(states)}"] if states else []
        if kinds:
            words.append(f"○ {', '.join(EVENTS.get(kind, kind) for kind in kinds)}")
        return words

    def _state(self, index: int) -> str:
        """Return the state that a move leads to, and how a container ended."""
        state = text_at(self._timeline.records[index].facts, "to")
        return f"{state} {self._notes[index]}" if index in self._notes else state

    def _move(self, index: int) -> Iterator[_Line]:
        """A move that no call of one line tells of, with the event that it publishes."""
        facts = self._timeline.records[index].facts
        id_ = text_at(facts, "id")
        if id_ not in self._lanes:
            return
        what = f"{text_at(facts, 'from')} → {self._state(index)} ({text_at(facts, 'trigger')})"
        after = index + 1
        mark = self._marks.get(after)
        if mark and mark.kind == "event" and mark.lane == id_:
            self._told.add(after)
            what += f" ○ {mark.title.removeprefix('event ')}"
        yield _Line(index, id_, "●", printable(what))

    def _mark(self, mark: Mark) -> _Line:
        facts = self._timeline.records[mark.index].facts
        what = mark.title
        if mark.kind == "fault":
            effect, hit = text_at(facts, "effect"), number_at(facts, "hit")
            what += f" ({effect})" if effect else ""
            what += f" #{mark.call}" if mark.call is not None else ""
            what += f", hit {hit} of {text_at(facts, 'rule')}"
        sign = _SIGNS.get(mark.kind, "·")
        return _Line(mark.index, mark.lane, sign, f"{sign} {printable(what)}")

    def _message(self, index: int) -> Iterator[_Line]:
        message = at(self._timeline.records[index].facts, "message")
        if STREAMS in self._lanes and text_at(message, "container_id"):
            kind = text_at(message, "container_event_type")
            id_ = text_at(message, "container_id")
            lane = id_ if id_ in self._lanes else STREAMS
            yield _Line(index, lane, "○", f"○ event {printable(EVENTS.get(kind, kind))}")

    # Reads that went well.

    def _folded(self, lines: Iterator[_Line]) -> Iterator[_Line]:
        waiting: list[_Line] = []
        for line in lines:
            bar = self._begins.get(line.index)
            if bar and self._reads != "shown" and bar.is_read and bar.is_plain and line.sign == "●":
                waiting.append(line)
                continue
            yield from self._counted(waiting)
            waiting = []
            yield line
        yield from self._counted(waiting)

    def _counted(self, reads: list[_Line]) -> Iterator[_Line]:
        if not reads or self._reads == "hidden":
            return
        counts = Counter(printable(self._begins[line.index].rpc) for line in reads)
        lanes = {line.lane for line in reads}
        said = ", ".join(f"{rpc} x{count}" if count > 1 else rpc for rpc, count in counts.items())
        lane = reads[0].lane if len(lanes) == 1 else ""
        yield _Line(reads[0].index, lane, "·", f"{len(reads)} read{'s'[: len(reads) > 1]}: {said}")

    # Around it.

    def _summary(self) -> str:
        header, records, bars = self._timeline.header, self._timeline.records, self._timeline.bars
        words = [f"fakecri {text_at(header, 'fakecri')}".strip(), text_at(header, "profile")]
        if number_at(header, "seed") is not None:
            words.append(f"seed {number_at(header, 'seed')}")
        words.append(text_at(header, "pace"))
        failed = sum(bar.is_failed for bar in bars)
        words.append(f"{len(bars)} calls, {failed} failed")
        kinds = Counter(mark.kind for mark in self._timeline.marks)
        words += [f"{kinds['fault']} faults", f"{kinds['event']} events"]
        if records:
            words.append(short_span(records[-1].v - records[0].v))
        return printable(" · ".join(filter(None, words)))

    def _rules(self) -> list[str]:
        rules = self._timeline.rules
        return (
            ["", *(f"fired {rule.fired}x  {printable(rule.text)}" for rule in rules)]
            if rules
            else []
        )


def _who(lane: Lane) -> str:
    if lane.kind != "container":
        return lane.title
    attempt = f"#{lane.attempt}" if lane.attempt else ""
    return f"{lane.pod}/{lane.title}{attempt}" if lane.pod else f"{lane.title}{attempt}"


def _columns(text: str) -> int:
    """Return how many columns of a terminal a text takes."""
    return sum(map(_columns_of, text))


def _columns_of(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def _fitted(text: str, width: int) -> str:
    """Return a text of just so many columns; of one that is too long, the end."""
    if _columns(text) <= width:
        return text + " " * (width - _columns(text))
    kept = ""
    for character in reversed(text):
        if _columns(character + kept) > width - 1:
            break
        kept = character + kept
    return " " * (width - 1 - _columns(kept)) + "…" + kept


def _cut(text: str, width: int | None) -> str:
    if width is None or len(text) * 2 <= width or _columns(text) <= width:
        return text
    kept, room = [], width - 1
    for character in text:
        room -= _columns_of(character)
        if room < 0:
            break
        kept.append(character)
    return "".join(kept) + "…"
