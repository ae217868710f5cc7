"""What recordings of a kubelet tell: who ran when, by the moves of the runtime."""

import gzip
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from fakecri.core.history import History
from fakecri.core.history.about import PastCall
from fakecri.core.recorded import Record
from fakecri.core.recording import Recording

RECORDINGS = Path(__file__).parents[2] / "fixtures" / "kubelet"


def recorded(id_: str) -> Recording:
    """Return the recording of a scenario with a real kubelet."""
    content = gzip.decompress((RECORDINGS / f"{id_}.jsonl.gz").read_bytes())
    return Recording.parse(content.split(b"\n"))


def moves(recording: Recording, to: str, thing: str = "") -> Iterator[Record]:
    """Return the moves into a state, of things called `POD` or `POD/CONTAINER`."""
    for record in recording.records:
        if record.kind == "move" and record.facts["to"] == to and thing in {"", _name(record)}:
            yield record


def most_at_once(recording: Recording, state: str) -> Counter[str]:
    """Return how many things of a name were in a state at once, at most."""
    now, most = Counter[str](), Counter[str]()
    for record in recording.records:
        if record.kind != "move" or record.facts["to"] == record.facts["from"]:
            continue
        name = _name(record)
        now[name] += (record.facts["to"] == state) - (record.facts["from"] == state)
        most[name] = max(most[name], now[name])
    return most


def strike(recording: Recording, text: str) -> Record:
    """Return the state fault whose line ends so."""
    (found,) = (
        each
        for each in recording.records
        if each.kind == "state" and str(each.facts["fault"]).endswith(text)
    )
    return found


def starts(history: History, first: int, last: int) -> list[PastCall]:
    """Return calls that a kubelet makes at its start alone, between two places in the order."""
    return [call for call in history.select("RuntimeConfig") if first < call.n < last]


def last_s(recording: Recording, kind: str) -> float:
    """Return when the last record of a kind was written, in seconds since the runtime began."""
    return max(each.v for each in recording.records if each.kind == kind) / 1e9


def _name(record: Record) -> str:
    pod, container = record.facts["pod"].rpartition("/")[2], record.facts.get("name")
    return f"{pod}/{container}" if container else pod
