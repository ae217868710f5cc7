"""What a record is called where there is room for a few words."""

from collections.abc import Callable, Mapping

from fakecri.core.recording import Record
from fakecri.timeline.facts import Facts, at, text_at
from fakecri.timeline.spans import short_span

EVENTS = {
    "CONTAINER_CREATED_EVENT": "created",
    "": "created",  # it is number 0, which JSON leaves out
    "CONTAINER_STARTED_EVENT": "started",
    "CONTAINER_STOPPED_EVENT": "stopped",
    "CONTAINER_DELETED_EVENT": "deleted",
}


def title_of_record(record: Record) -> str:
    """Return a few words for a record that is no call."""
    title = _TITLES.get(record.kind)
    return f"{record.kind} {title(record.facts) if title else ''}".rstrip()


def _event(facts: Facts) -> str:
    type_ = text_at(facts, "event", "container_event_type")
    return EVENTS.get(type_, type_)


def _fault(facts: Facts) -> str:
    phase, action = text_at(facts, "phase"), text_at(facts, "action")
    return f"{phase}:{action}" if phase else action


def _session(facts: Facts) -> str:
    """What became of a stream, and how much went over each of its channels."""
    keys = ("method", "protocol", "what", "port", "reason")
    said = [str(facts[key]) for key in keys if key in facts]
    counts = at(facts, "bytes")
    if isinstance(counts, Mapping):
        said += [f"{channel}={count}" for channel, count in counts.items()]
    return " ".join(said)


def _plugin(facts: Facts) -> str:
    """Which plugin, what it was called for, and what came of it."""
    keys = ("plugin", "method", "what")
    return " ".join(str(facts[key]) for key in keys if key in facts)


def _rule(facts: Facts) -> str:
    return f"{text_at(facts, 'did')}: {text_at(facts, 'rule')}"


def _state(facts: Facts) -> str:
    """What happened, with the arguments that its text has after the word for it."""
    what, words = text_at(facts, "what"), text_at(facts, "fault").split()
    if what in words:
        return " ".join(words[words.index(what) :])
    return what if words else _what(facts)


def _what(facts: Facts) -> str:
    """The word, and the facts that are short."""
    said = [
        f"{key}={_said(key, value)}"
        for key, value in facts.items()
        if key not in {"what", "wall_ns"} and isinstance(value, str | int | float)
    ]
    return " ".join([text_at(facts, "what"), *said])


def _said(key: str, value: object) -> str:
    if key.endswith("_ns") and isinstance(value, int):
        return short_span(value)
    text = str(value)
    return text[:_LONGEST] if all(each in _HEX for each in text) else text


_HEX = frozenset("0123456789abcdef")
_LONGEST = 13  # as crictl cuts ids

_TITLES: Mapping[str, Callable[[Facts], str]] = {
    "event": _event,
    "fault": _fault,
    "rule": _rule,
    "session": _session,
    "nri": _plugin,
    "state": _state,
    "clock": _what,
    "cancel": lambda facts: text_at(facts, "cause"),
    "move": lambda facts: f"{text_at(facts, 'from')} → {text_at(facts, 'to')}",
}


def subject_of_call(facts: Facts) -> str:
    """Return what distinguishes a call from others of its RPC: an image, a command."""
    request = at(facts, "request")
    image = text_at(request, "image", "image") or text_at(request, "config", "image", "image")
    command = at(request, "cmd")
    if isinstance(command, list) and command:
        return " ".join(str(each) for each in command)
    return image
