"""What the lines of a recording consist of: for each kind its keys, and what their values are."""

from base64 import b64decode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from fakecri.errors import Code

Check: TypeAlias = Callable[[object], bool]

_INT64 = 2**63


@dataclass(frozen=True, slots=True)
class Shape:
    """What a value is to be, in words and as a check."""

    words: str
    check: Check
    required: bool = True


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_int(value: object) -> bool:
    return type(value) is int and -_INT64 <= value < _INT64


def _is_count(value: object) -> bool:
    return type(value) is int and 0 <= value < _INT64


def _is_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) for each in value)


def _is_counts(value: object) -> bool:
    return isinstance(value, dict) and all(_is_count(each) for each in value.values())


def _is_base64(value: object) -> bool:
    try:
        b64decode(str(value), validate=True)
    except ValueError:
        return False
    return isinstance(value, str)


def _is_object(value: object) -> bool:
    return isinstance(value, dict)


def _is_metadata(value: object) -> bool:
    return isinstance(value, dict) and all(_is_texts(each) for each in value.values())


def _is_error(value: object) -> bool:
    return (
        isinstance(value, dict)
        and _is_text(value.get("code"))
        and value["code"] in Code.__members__
        and _is_base64(value.get("details", ""))
        and _is_text(value.get("text"))
    )


def _one_of(*words: str) -> Shape:
    return Shape(" or ".join(f'"{each}"' for each in words), lambda value: value in words)


def _optional(shape: Shape) -> Shape:
    return Shape(shape.words, shape.check, required=False)


TEXT = Shape("a text", _is_text)
INT = Shape("a whole number of 64 bits", _is_int)
COUNT = Shape("a whole number, 0 or more", _is_count)
TEXTS = Shape("a list of texts", _is_texts)
OBJECT = Shape("an object", _is_object)
FLAG = Shape("true or false", lambda value: isinstance(value, bool))
TIMEOUT = Shape(
    "a whole number of nanoseconds, or null", lambda value: value is None or _is_int(value)
)
METADATA = Shape("an object of lists of texts", _is_metadata)
COUNTS = Shape("an object of whole numbers, 0 or more", _is_counts)
ERROR = Shape("an object with the name of a status code and a text", _is_error)

EVERYWHERE: Mapping[str, Shape] = {"n": COUNT, "kind": TEXT, "t": INT, "v": COUNT}
"""What every line has."""

_OF_CALL = {"call": COUNT, "rpc": TEXT}

SHAPES: Mapping[str, Mapping[str, Shape]] = {
    "header": {
        "format": COUNT,
        "contract": TEXT,
        "contract_version": TEXT,
        "fakecri": TEXT,
        "seed": INT,
        "profile": TEXT,
        "pace": TEXT,
        "rules": TEXTS,
        "api_level": _optional(TEXT),
    },
    "call": {
        **_OF_CALL,
        "peer": TEXT,
        "request": OBJECT,
        "timeout_ns": TIMEOUT,
        "metadata": _optional(METADATA),
    },
    "cancel": {**_OF_CALL, "cause": _one_of("deadline", "client", "closed")},
    "message": {**_OF_CALL, "message": OBJECT},
    "reply": {
        **_OF_CALL,
        "response": _optional(OBJECT),
        "error": _optional(ERROR),
        "touched": _optional(TEXTS),
        "unsent": _optional(FLAG),
    },
    "move": {
        "thing": _one_of("sandbox", "container"),
        "id": TEXT,
        "trigger": TEXT,
        "from": TEXT,
        "to": TEXT,
        "pod": TEXT,
        "call": _optional(COUNT),
        "name": _optional(TEXT),
        "sandbox": _optional(TEXT),
    },
    "event": {"event": OBJECT},
    "fault": {
        **_OF_CALL,
        "rule": TEXT,
        "term": COUNT,
        "action": TEXT,
        "phase": TEXT,
        "hit": COUNT,
        "effect": _one_of("definite", "indefinite", ""),
    },
    "rule": {"rule": TEXT, "did": _one_of("armed", "disarmed", "reset"), "fired": COUNT},
    "session": {
        "what": _one_of("opened", "connected", "disconnected", "closed"),
        "session": COUNT,
        "call": COUNT,
        "method": _optional(TEXT),
        "protocol": _optional(TEXT),
        "port": _optional(COUNT),
        "bytes": _optional(COUNTS),
        "reason": _optional(TEXT),
    },
    "nri": {
        "what": _one_of("connected", "disconnected", "asked", "answered", "failed", "wants"),
        "plugin": TEXT,
        "method": _optional(TEXT),
        "call": _optional(COUNT),
        "pod": _optional(TEXT),
        "container": _optional(TEXT),
        "digest": _optional(TEXT),
        "events": _optional(COUNT),
        "gone": _optional(FLAG),
        "request": _optional(OBJECT),
        "response": _optional(OBJECT),
        "error": _optional(ERROR),
    },
    "state": {"what": TEXT},
    "clock": {"what": TEXT},
}
"""For each kind of line what it has besides. More keys are allowed, and kept."""
