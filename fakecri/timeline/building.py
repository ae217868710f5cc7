"""From a recording to what is drawn of it."""

from collections.abc import Callable, Iterable, Mapping, Sequence

from fakecri.core.recording import Record, Recording
from fakecri.timeline.facts import Facts, at, items_of, list_at, number_at, text_at
from fakecri.timeline.model import (
    CANCELLED,
    IMAGES,
    NODE,
    OPEN,
    POD,
    STREAMS,
    Band,
    Bar,
    Lane,
    Mark,
    Timeline,
    outcome_of,
    rule_counts,
)
from fakecri.timeline.states import ABSENT, implied_states, said_state
from fakecri.timeline.things import CONTAINER, SANDBOX, Thing, Things, pod_of
from fakecri.timeline.titles import title_of_record

_IMAGE_RPCS = frozenset({"PullImage", "RemoveImage", "ImageStatus", "ListImages", "StreamImages"})
_SUBJECTS = ("id", "container", "container_id", "sandbox", "pod_sandbox_id")
_NODE_WIDE = frozenset({"restart", "restarted", "reboot", "rebooted"})


def build(recording: Recording) -> Timeline:
    """Return the timeline of a recording."""
    return _Builder(recording.header.facts, recording.records).built()


class _Builder:
    def __init__(self, header: Facts, records: Sequence[Record]) -> None:
        self._header = header
        self._records = tuple(records)
        self._things = Things(self._records)
        self._bars: dict[int, Bar] = {}
        self._bands: list[Band] = []
        self._last_band: dict[str, Band] = {}
        self._last_move: dict[str, int | None] = {}  # the call of a thing's last move
        self._marks: list[Mark] = []
        self._has_moves = any(each.kind == "move" for each in self._records)

    def built(self) -> Timeline:
        for index, record in enumerate(self._records):
            self._take(index, record)
        for bar in self._bars.values():
            bar.lane = self._lane_of(bar)
        marks = tuple(self._placed(mark) for mark in self._marks)
        lanes = self._lanes(marks)
        _pack(self._bars.values())
        return Timeline(
            header=self._header,
            records=self._records,
            lanes=lanes,
            bars=tuple(self._bars.values()),
            bands=tuple(self._bands),
            marks=marks,
            rules=rule_counts(self._header, self._records),
        )

    # One step for each kind of record.

    def _take(self, index: int, record: Record) -> None:  # a row for each kind
        match record.kind:
            case "call":
                self._call(index, record)
            case "cancel":
                self._cancel(index, record)
            case "message":
                self._message(index, record)
            case "reply":
                self._reply(index, record)
            case "move":
                self._move(index, record)
            case "event":
                self._event(index, record)
            case "fault":
                self._fault(index, record)
            case "state":
                self._state(index, record)
            case "clock" if text_at(record.facts, "what") == "advance":
                pass  # that time passes is seen
            case kind:
                call = number_at(record.facts, "call")
                self._mark(index, record, None, call, is_global=kind == "clock")

    def _call(self, index: int, record: Record) -> None:
        number = number_at(record.facts, "call") or 0
        self._bars[number] = Bar(number, text_at(record.facts, "rpc"), index)

    def _cancel(self, index: int, record: Record) -> None:
        bar = self._bar(record)
        if bar:
            bar.cancels.append(index)
            bar.cause = text_at(record.facts, "cause")
            if bar.outcome == OPEN:
                bar.outcome = CANCELLED

    def _message(self, index: int, record: Record) -> None:
        bar = self._bar(record)
        if bar:
            bar.messages.append(index)
        message = at(record.facts, "message")
        if not self._has_moves:
            self._implied(text_at(record.facts, "rpc"), index, message)
        self._note_exits(message)

    def _reply(self, index: int, record: Record) -> None:
        bar = self._bar(record)
        if bar is None:
            return
        bar.end = index
        outcome_of(bar, record.facts, [self._records[each] for each in bar.faults])
        if not self._has_moves and bar.error is None:
            request = at(self._records[bar.begin].facts, "request")
            self._implied(bar.rpc, index, at(record.facts, "response"), request)
        if bar.rpc == "ContainerStatus":
            self._note_exit(at(record.facts, "response", "status"))

    def _move(self, index: int, record: Record) -> None:
        id_, bar = self._known(text_at(record.facts, "id")), self._bar(record)
        if not id_:
            return
        self._last_move[id_] = bar.number if bar else None
        if bar:
            bar.moves.append(index)
        self._enter(id_, text_at(record.facts, "to"), index, text_at(record.facts, "trigger"))

    def _event(self, index: int, record: Record) -> None:
        id_ = text_at(record.facts, "event", "container_id")
        cause = self._last_move.get(id_)
        if cause is not None:
            self._bars[cause].events.append(index)
        self._note_exits(at(record.facts, "event"))
        self._mark(index, record, self._known(id_), cause)

    def _fault(self, index: int, record: Record) -> None:
        bar = self._bar(record)
        if bar:
            bar.faults.append(index)
        self._mark(index, record, None, bar.number if bar else None)

    def _state(self, index: int, record: Record) -> None:
        named = (self._known(text_at(record.facts, key)) for key in _SUBJECTS)
        is_wide = text_at(record.facts, "what") in _NODE_WIDE
        self._mark(index, record, next(filter(None, named), None), is_global=is_wide)

    def _mark(
        self,
        index: int,
        record: Record,
        lane: str | None,
        call: int | None = None,
        *,
        is_global: bool = False,
    ) -> None:
        title = title_of_record(record)
        self._marks.append(Mark(index, record.kind, lane or NODE, title, call, is_global))

    def _bar(self, record: Record) -> Bar | None:
        return self._bars.get(number_at(record.facts, "call") or 0)

    def _known(self, id_: str) -> str | None:
        thing = self._things.find(id_) if id_ else None
        return thing.id if thing else None

    # States.

    def _implied(self, rpc: str, index: int, response: object, request: object = None) -> None:
        for id_, state in implied_states(rpc, request, response):
            thing = self._things.find(id_)
            if thing and self._state_of(thing.id) != state:
                self._enter(thing.id, state, index)

    def _note_exits(self, message: object) -> None:
        for _, item in items_of(message):
            self._note_exit(item)

    def _note_exit(self, status: object) -> None:
        """Write down how a container ended."""
        band = self._last_band.get(text_at(status, "id"))
        if (
            band
            and not band.note
            and said_state(text_at(status, "state")) == band.state == "EXITED"
        ):
            code = number_at(status, "exit_code") or 0
            band.note = f"{code} {text_at(status, 'reason')}".rstrip()

    def _state_of(self, id_: str) -> str:
        band = self._last_band.get(id_)
        return band.state if band else ABSENT

    def _enter(self, id_: str, state: str, index: int, trigger: str = "") -> None:
        band = self._last_band.get(id_)
        if band and band.state == said_state(state):
            return
        if band:
            band.end = index
            del self._last_band[id_]
        if said_state(state) != ABSENT:
            self._last_band[id_] = Band(id_, said_state(state), index, trigger=trigger)
            self._bands.append(self._last_band[id_])

    # Lanes.

    def _placed(self, mark: Mark) -> Mark:
        """A fault is drawn on its call, and a stream where the call is that gave its URL."""
        bar = self._bars.get(mark.call) if mark.call is not None else None
        if mark.kind in {"fault", "session"} and bar:
            return Mark(mark.index, mark.kind, bar.lane, mark.title, mark.call)
        return mark

    def _lane_of(self, bar: Bar) -> str:
        request = at(self._records[bar.begin].facts, "request")
        if bar.rpc == "GetContainerEvents":
            return STREAMS
        if bar.rpc in _IMAGE_RPCS:
            return IMAGES
        if bar.rpc == "RunPodSandbox":
            return self._made_by(bar, SANDBOX) or self._lane_of_pod(request)
        if bar.rpc == "CreateContainer":
            made = self._made_by(bar, CONTAINER)
            return made or self._known(text_at(request, "pod_sandbox_id")) or NODE
        named = (text_at(request, "container_id"), text_at(request, "pod_sandbox_id"))
        return next(filter(None, map(self._known, named)), NODE)

    def _made_by(self, bar: Bar, kind: str) -> str | None:
        reply = self._records[bar.end].facts if bar.end is not None else {}
        candidates = [
            text_at(reply, "response", "pod_sandbox_id" if kind == SANDBOX else "container_id"),
            *(text_at(self._records[index].facts, "id") for index in bar.moves),
            *(each for each in list_at(reply, "touched") if isinstance(each, str)),
        ]
        things = (self._things.find(each) for each in candidates if each)
        return next((thing.id for thing in things if thing and thing.kind == kind), None)

    def _lane_of_pod(self, request: object) -> str:
        """Return where a sandbox that came to nothing is shown: with those that its pod has."""
        pod = pod_of(at(request, "config"))
        sandboxes = self._things.sandboxes_of(pod) if pod else []
        if sandboxes:
            return sandboxes[0].id
        return f"{POD} {pod}" if pod else NODE

    def _lanes(self, marks: Sequence[Mark]) -> tuple[Lane, ...]:
        """Every lane that something is on: those of the node, then pods as they appear."""
        first: dict[str, int] = {}
        places = [(bar.lane, bar.begin) for bar in self._bars.values()]
        places += [(band.lane, band.begin) for band in self._bands]
        places += [(mark.lane, mark.index) for mark in marks if not mark.is_global]
        for key, index in sorted(places, key=lambda place: place[1]):
            first.setdefault(key, index)
        for key in list(first):
            parent = self._parent_of(key)
            if parent:
                first[parent] = min(first[key], first.get(parent, first[key]))
        if not first or any(mark.is_global and mark.lane == NODE for mark in marks):
            first.setdefault(NODE, 0)
        return tuple(self._lane(key) for key in sorted(first, key=self._order(first)))

    def _order(self, first: Mapping[str, int]) -> Callable[[str], tuple[int, ...]]:
        fixed = (NODE, STREAMS, IMAGES)

        def place(key: str) -> tuple[int, ...]:
            if key in fixed:
                return (0, fixed.index(key), 0, 0)
            parent = self._parent_of(key)
            return (1, first[parent or key], 1 if parent else 0, first[key])

        return place

    def _parent_of(self, key: str) -> str:
        thing = self._things.find(key)
        parent = self._things.find(thing.sandbox) if thing and thing.kind == CONTAINER else None
        return parent.id if parent and parent.kind == SANDBOX else ""

    def _lane(self, key: str) -> Lane:
        thing = self._things.find(key)
        if thing:
            return Lane(
                key=key,
                kind=thing.kind,
                title=_name_of(thing),
                id=thing.id,
                pod=thing.pod,
                parent=self._parent_of(key),
                attempt=thing.attempt,
            )
        if key.startswith(f"{POD} "):
            pod = key.removeprefix(f"{POD} ")
            return Lane(key, POD, pod, pod=pod)
        return Lane(key, key, _TITLES.get(key, key))


_TITLES = {STREAMS: "event streams"}


def _name_of(thing: Thing) -> str:
    name = thing.pod if thing.kind == SANDBOX else thing.name
    return name or thing.id[:13]


def _pack(bars: Iterable[Bar]) -> None:
    """Give each bar the first row of its lane that is free when it begins."""
    free: dict[str, list[float]] = {}  # by lane, where the last bar of each row ends
    for bar in sorted(bars, key=lambda each: each.begin):
        rows = free.setdefault(bar.lane, [])
        bar.row = next((row for row, end in enumerate(rows) if end <= bar.begin), len(rows))
        end = float("inf") if bar.end is None else bar.end
        rows[bar.row : bar.row + 1] = [end]
