"""What a kubelet says: its log as lines, and the Kubernetes events among them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_EVENT = "Event occurred"


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the log. One that is no JSON, such as of a stack trace, is all `message`."""

    text: str
    """As it stands in the log."""
    message: str
    when_s: float = 0.0
    """Unix time; 0 where the line does not say."""
    fields: Mapping[str, Any] | None = None

    def __str__(self) -> str:
        said = (self.fields or {}).items()
        unusual = [f"{key}={json.dumps(value)}" for key, value in said if key not in _USUAL]
        return " ".join([self.message, *unusual])


_USUAL = {"ts", "caller", "msg", "v"}


@dataclass(frozen=True, slots=True)
class KubeletEvent:
    """A Kubernetes event, which a kubelet without an API server tells its log alone."""

    when_s: float
    """Unix time."""
    pod: str
    """The name of what it is about, as the kubelet knows it."""
    container: str
    """Empty where it is about no container."""
    type: str
    """`Normal` or `Warning`."""
    reason: str
    message: str


def parse_line(text: str) -> Line:
    """Return a line of the log."""
    try:
        fields = json.loads(text)
    except ValueError:
        return Line(text, text)
    if not isinstance(fields, dict):
        return Line(text, text)
    when_ms = fields.get("ts", 0)
    when_s = when_ms / 1000 if isinstance(when_ms, int | float) else 0.0
    return Line(text, str(fields.get("msg", "")), when_s, fields)


def event_of(line: Line) -> KubeletEvent | None:
    """Return the event that a line tells of, if it is one."""
    if line.message != _EVENT or line.fields is None:
        return None
    fields = line.fields
    about = fields.get("object")
    path = str(fields.get("fieldPath", ""))
    return KubeletEvent(
        when_s=line.when_s,
        pod=str(about.get("name", "")) if isinstance(about, dict) else str(about or ""),
        container=path[path.find("{") + 1 : -1] if path.endswith("}") else "",
        type=str(fields.get("type", "")),
        reason=str(fields.get("reason", "")),
        message=str(fields.get("message", "")),
    )


class Journal:
    """The log of a kubelet, which grows; each line is parsed once."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = 0
        self._lines: list[Line] = []
        self._mark = 0

    def lines(self) -> list[Line]:
        """Return all whole lines so far."""
        with self._path.open("rb") as file:
            file.seek(self._offset)
            new = file.read()
        whole = new[: new.rfind(b"\n") + 1]
        self._offset += len(whole)
        self._lines += map(parse_line, whole.decode(errors="replace").split("\n")[:-1])
        return self._lines

    def mark(self) -> None:
        """Let what is there be of a life before this one."""
        self._mark = len(self.lines())

    def last(self, count: int) -> str:
        """Return the last lines of this life as a text."""
        return "\n".join(map(str, self.lines()[self._mark :][-count:]))
