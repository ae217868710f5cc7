"""What can be read off the facts of a record, whatever they turn out to be.

A recording may be of another version, or of a runtime behind a proxy: what is not there, or is not
of the expected type, is empty here and never an exception.
"""

import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

_READ = re.compile(r"(List|Stream)[A-Z]\w*|\w*(Status|Stats)|Version|ImageFsInfo|RuntimeConfig")

SAFE_INTEGER = 2**53 - 1
"""Beyond it a number of JavaScript is not exact."""

Facts = Mapping[str, Any]


def text_at(value: object, *path: str) -> str:
    """Return the text under a path of keys; empty where there is none."""
    found = at(value, *path)
    return found if isinstance(found, str) else ""


def number_at(value: object, *path: str) -> int | None:
    """Return the integer under a path of keys, also where it is one in a text."""
    found = at(value, *path)
    if isinstance(found, str) and re.fullmatch(r"-?[0-9]{1,19}", found):
        return int(found)
    return found if isinstance(found, int) and not isinstance(found, bool) else None


def list_at(value: object, *path: str) -> list[Any]:
    """Return the list under a path of keys; empty where there is none."""
    found = at(value, *path)
    return list(found) if isinstance(found, list | tuple) else []


def at(value: object, *path: str) -> object:
    """Return what is under a path of keys; None where there is nothing."""
    for key in path:
        if not isinstance(value, Mapping):
            return None
        value = value.get(key)
    return value


def is_read(rpc: str) -> bool:
    """Whether a call of this RPC changes nothing."""
    return _READ.fullmatch(rpc) is not None


def printable(text: str) -> str:
    """Return a text in which nothing moves a terminal's cursor or breaks a line."""
    return "".join(each if each.isprintable() else _escaped(each) for each in text)


def _escaped(character: str) -> str:
    return character.encode("unicode_escape", "backslashreplace").decode("ascii")


def exact(value: Any) -> Any:
    """Return a value that any reader of JSON reads back as it is.

    Numbers that JavaScript does not have are texts.
    """
    if isinstance(value, Mapping):
        return {str(key): exact(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [exact(each) for each in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, int) and abs(value) > SAFE_INTEGER:
        return str(value)
    return value


def error_of(reply: Facts) -> tuple[str, str] | None:
    """Return the code and the text of the error that a call was answered with."""
    if at(reply, "error") is None:
        return None
    return text_at(reply, "error", "code") or "UNKNOWN", text_at(reply, "error", "text")


def items_of(message: object) -> Iterator[tuple[str, Facts]]:
    """Yield each sandbox and container that a response or an event tells of, and its kind."""
    for key, kind in _TOLD:
        found = at(message, key)
        for each in found if isinstance(found, list | tuple) else [found]:
            if isinstance(each, Mapping) and text_at(each, "id"):
                yield kind, each


_TOLD = (
    ("items", "sandbox"),
    ("pod_sandboxes", "sandbox"),
    ("pod_sandbox_status", "sandbox"),
    ("containers", "container"),
    ("containers_statuses", "container"),
)
