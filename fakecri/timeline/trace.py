"""A recording in the Trace Event Format, which Perfetto and chrome://tracing open.

Source: "Trace Event Format" of the Chromium project. A pod is a process there, and a container a
thread. Times are virtual, in µs since the runtime began.
"""

import json
from bisect import bisect_left
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from fakecri.core.recording import Recording
from fakecri.timeline.building import build
from fakecri.timeline.facts import Facts, exact
from fakecri.timeline.model import Band, Bar, Lane, Mark, Timeline
from fakecri.timeline.selection import EVERYTHING, Selection
from fakecri.timeline.titles import subject_of_call

Event = dict[str, object]

_NODE_PID = 1


def render_trace(recording: Recording, *, selection: Selection = EVERYTHING) -> str:
    """Return the trace, as one JSON object."""
    timeline = selection.applied(build(recording))
    trace = {
        "displayTimeUnit": "ms",
        "otherData": timeline.header,
        "traceEvents": list(_Trace(timeline).events()),
    }
    return json.dumps(exact(trace), allow_nan=False, separators=(",", ":")) + "\n"


@dataclass(frozen=True, slots=True)
class _Thread:
    """Where a lane is: its calls, and beside them its states."""

    pid: int
    tid: int

    @property
    def calls(self) -> Event:
        return {"pid": self.pid, "tid": self.tid}

    @property
    def states(self) -> Event:
        return {"pid": self.pid, "tid": self.tid + 1}


@dataclass(slots=True)
class _Trace:
    timeline: Timeline
    threads: dict[str, _Thread] = field(default_factory=dict)
    placed: list[tuple[int, Event]] = field(default_factory=list)
    arrows: int = 0

    def events(self) -> Iterable[Event]:
        """Metadata first, then all in the order of the recording: ties in time keep it."""
        yield from self._names()
        sliced = _apart(self.timeline.bars)
        for bar in self.timeline.bars:
            self._call(bar, is_slice=bar.number in sliced)
        for band in self.timeline.bands:
            self._state(band)
        causes = {
            index: bar for bar in self.timeline.bars if bar.number in sliced for index in bar.events
        }
        for mark in self.timeline.marks:
            self._mark(mark, causes.get(mark.index))
        self.placed.sort(key=lambda each: each[0])
        yield from (event for _, event in self.placed)

    # Processes and threads.

    def _names(self) -> Iterable[Event]:
        pids = {"": _NODE_PID}
        tids: dict[int, int] = {}
        for lane in self.timeline.lanes:
            process = lane.parent or (lane.key if lane.id or lane.pod else "")
            pid = pids.setdefault(process, len(pids) + 1)
            tid = tids.get(pid, 1)
            tids[pid] = tid + 2
            self.threads[lane.key] = _Thread(pid, tid)
            if tid == 1:
                yield _metadata("process_name", pid, 0, {"name": _process_name(lane)})
                yield _metadata("process_sort_index", pid, 0, {"sort_index": pid})
            yield from self._thread_names(lane, pid, tid)

    def _thread_names(self, lane: Lane, pid: int, tid: int) -> Iterable[Event]:
        attempt = f" #{lane.attempt}" if lane.attempt else ""
        title = f"{lane.title}{attempt}"
        has_states = any(band.lane == lane.key for band in self.timeline.bands)
        for offset, name in ((0, title), (1, f"{title} state"))[: 1 + has_states]:
            yield _metadata("thread_name", pid, tid + offset, {"name": name})
            yield _metadata("thread_sort_index", pid, tid + offset, {"sort_index": tid + offset})

    # What happened.

    def _call(self, bar: Bar, *, is_slice: bool) -> None:
        records = self.timeline.records
        begin_us = _us(records[bar.begin].v)
        event: Event = {
            "name": bar.rpc,
            "cat": "call" if bar.error is None else "call,error",
            "ts": begin_us,
            **self.threads[bar.lane].calls,
            "args": _args(self.timeline, bar),
        }
        took_ns = self.timeline.took_ns(bar)
        if is_slice:
            self._place(bar.begin, {**event, "ph": "X", "dur": _us(took_ns)})
            return
        async_ = {**event, "cat": "call", "id": f"0x{bar.number:x}"}
        self._place(bar.begin, {**async_, "ph": "b"})
        last = len(records) - 1 if bar.end is None else bar.end
        self._place(last, {**async_, "ph": "e", "ts": _us(records[last].v), "args": {}})

    def _state(self, band: Band) -> None:
        records = self.timeline.records
        begin_ns = records[band.begin].v
        end_ns = records[len(records) - 1 if band.end is None else band.end].v
        event: Event = {
            "name": band.state,
            "cat": "state",
            "ph": "X",
            "ts": _us(begin_ns),
            "dur": _us(end_ns - begin_ns),
            **self.threads[band.lane].states,
            "args": {"trigger": band.trigger, "note": band.note},
        }
        self._place(band.begin, event)

    def _mark(self, mark: Mark, cause: Bar | None) -> None:
        record = self.timeline.records[mark.index]
        ts = _us(record.v)
        thread = self.threads.get(mark.lane, _Thread(_NODE_PID, 1))
        if cause:
            self._arrow(cause, mark, thread)
        event: Event = {
            "name": mark.title,
            "cat": mark.kind,
            "ph": "i",
            "s": "g" if mark.is_global else "t",
            "ts": ts,
            **thread.calls,
            "args": record.facts,
        }
        self._place(mark.index, event)

    def _arrow(self, cause: Bar, mark: Mark, thread: _Thread) -> None:
        """An arrow begins in the call; it ends at what comes next on its thread, the event."""
        self.arrows += 1
        flow: Event = {"name": "causes", "cat": "cause", "id": self.arrows}
        begin_us = _us(self.timeline.records[cause.begin].v)
        self._place(
            cause.begin, {**flow, "ph": "s", "ts": begin_us, **self.threads[cause.lane].calls}
        )
        end_us = _us(self.timeline.records[mark.index].v)
        self._place(mark.index, {**flow, "ph": "f", "ts": end_us, **thread.calls})

    def _place(self, index: int, event: Event) -> None:
        self.placed.append((index, event))


def _apart(bars: Iterable[Bar]) -> set[int]:
    """Return the calls that can be slices: no two of a lane overlap.

    Slices of a thread must nest, and nesting would say that one call made the other. Calls that
    change something come first, because arrows begin in slices alone.
    """
    taken: dict[str, list[tuple[float, float]]] = {}
    chosen: set[int] = set()
    for bar in sorted(bars, key=lambda each: (each.is_read, each.begin)):
        begin, end = bar.begin, float("inf") if bar.end is None else bar.end
        spans = taken.setdefault(bar.lane, [])  # in order, and apart
        place = bisect_left(spans, (begin, end))
        is_after = place == 0 or spans[place - 1][1] < begin
        is_before = place == len(spans) or end < spans[place][0]
        if is_after and is_before:
            spans.insert(place, (begin, end))
            chosen.add(bar.number)
    return chosen


def _args(timeline: Timeline, bar: Bar) -> Facts:
    facts = timeline.records[bar.begin].facts
    args: dict[str, object] = {"call": bar.number, "outcome": bar.outcome}
    subject = subject_of_call(facts)
    if subject:
        args["subject"] = subject
    kept = ("peer", "timeout_ns", "request", "metadata")
    args |= {key: facts[key] for key in kept if facts.get(key) is not None}
    if bar.end is not None:
        reply: Mapping[str, object] = timeline.records[bar.end].facts
        kept = ("response", "error", "touched", "unsent")
        args |= {key: reply[key] for key in kept if key in reply}
    if bar.faults:
        args["faults"] = [timeline.records[index].facts for index in bar.faults]
    return args


def _process_name(lane: Lane) -> str:
    if lane.id or lane.pod:
        return f"pod {lane.pod or lane.title}"
    return "node"


def _metadata(name: str, pid: int, tid: int, args: Event) -> Event:
    return {"name": name, "ph": "M", "ts": 0, "pid": pid, "tid": tid, "args": args}


def _us(ns: int) -> float:
    return ns // 1000 if ns % 1000 == 0 else ns / 1000
