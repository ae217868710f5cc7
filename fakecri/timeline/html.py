"""A recording as one page for a browser, which needs no network and no library."""

import base64
import hashlib
import json
import re
from collections.abc import Mapping
from functools import cache
from importlib import resources

from fakecri.core.recording import Recording
from fakecri.core.timestamps import format_rfc3339_ns
from fakecri.timeline.building import build
from fakecri.timeline.facts import SAFE_INTEGER, exact
from fakecri.timeline.model import STREAMS, Bar, Lane, Timeline
from fakecri.timeline.selection import EVERYTHING, Selection, compacted
from fakecri.timeline.titles import subject_of_call

_SCRIPTS = ("model.js", "looks.js", "draw.js", "details.js", "main.js")
_PLACE = re.compile(r"\[\[([a-z-]+)\]\]")


def render_html(recording: Recording, *, selection: Selection = EVERYTHING) -> str:
    """Return the page, as HTML 5."""
    timeline = compacted(selection.applied(build(recording)))
    style = _part("style.css")
    script = "(() => {\n" + "\n".join(map(_part, _SCRIPTS)) + "})();\n"
    parts = {
        "style": style,
        "style-hash": _hash(style),
        "script": script,
        "script-hash": _hash(script),
        "recording": embedded({**_data(timeline), "range": [selection.from_ns, selection.to_ns]}),
    }
    # In one go: what is put in is not looked through for places.
    return _PLACE.sub(lambda place: parts[place[1]], _part("page.html"))


def embedded(data: object) -> str:
    """Return JSON that can stand in a script element: nothing in it ends that, or begins another.

    Source: HTML, "Restrictions for contents of script elements".
    """
    text = json.dumps(exact(data), ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


@cache
def _part(name: str) -> str:
    return resources.files("fakecri.timeline").joinpath("page", name).read_text("utf-8")


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def _data(timeline: Timeline) -> dict[str, object]:
    places = {lane.key: place for place, lane in enumerate(timeline.lanes)}
    return {
        "header": timeline.header,
        "records": [
            {
                "n": record.n,
                "kind": record.kind,
                "v": min(record.v, SAFE_INTEGER),
                "wall": format_rfc3339_ns(record.t),
                "facts": record.facts,
            }
            for record in timeline.records
        ],
        "lanes": [_lane(lane, places) for lane in timeline.lanes],
        "bars": [_bar(timeline, bar, places) for bar in timeline.bars],
        "bands": [
            {
                "lane": places[band.lane],
                "state": band.state,
                "begin": band.begin,
                "end": band.end,
                "trigger": band.trigger,
                "note": band.note,
            }
            for band in timeline.bands
        ],
        "marks": [
            {
                "index": mark.index,
                "kind": mark.kind,
                "lane": places.get(mark.lane, 0),
                "title": mark.title,
                "call": mark.call,
                "global": mark.is_global,
            }
            for mark in timeline.marks
        ],
        "rules": [{"text": rule.text, "fired": rule.fired} for rule in timeline.rules],
    }


def _lane(lane: Lane, places: Mapping[str, int]) -> dict[str, object]:
    return {
        "key": lane.key,
        "kind": lane.kind,
        "title": lane.title,
        "id": lane.id,
        "pod": lane.pod,
        "parent": places.get(lane.parent, -1),
        "attempt": lane.attempt,
    }


def _bar(timeline: Timeline, bar: Bar, places: Mapping[str, int]) -> dict[str, object]:
    return {
        "call": bar.number,
        "rpc": bar.rpc,
        "lane": places[bar.lane],
        "row": bar.row,
        "begin": bar.begin,
        "end": bar.end,
        "outcome": bar.outcome,
        "error": bar.error,
        "read": bar.is_read,
        "plain": bar.is_plain,
        "failed": bar.is_failed,
        "stream": bar.lane == STREAMS,
        "subject": subject_of_call(timeline.records[bar.begin].facts),
        "took_ns": timeline.took_ns(bar),
        "cancels": bar.cancels,
        "faults": bar.faults,
        "messages": bar.messages,
        "moves": bar.moves,
        "events": bar.events,
    }
