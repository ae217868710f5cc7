"""What is typed at a terminal, and what is shown: cases, and what a real ash made of them.

The cases stand in `fixtures/terminals/cases.toml`. A stage is anything with a terminal: a
simulated exec, or a real pseudo-terminal with Debian's busybox.
"""

import json
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

FOLDER = Path(__file__).parents[1] / "fixtures" / "terminals"
RECORDED = FOLDER / "linux-busybox-1.35.json"

_BANNER = re.compile(
    rb"\r\n\r\nBusyBox v1[^\r\n]* built-in shell \(ash\)\r\n"
    rb"Enter 'help' for a list of built-in commands\.\r\n\r\n"
)
"""What Debian's build says at first; that of the image on Docker Hub, and Alpine's, say nothing."""


@dataclass(frozen=True)
class Size:
    """The size of a window."""

    columns: int
    rows: int


@dataclass(frozen=True)
class Case:
    """Something that is typed."""

    name: str
    keys: tuple[bytes | Size, ...]
    argv: tuple[str, ...] = ("sh",)
    columns: int = 80
    rows: int = 24


class Stage(Protocol):
    """A command at a terminal."""

    def type(self, keys: bytes) -> None:
        """Type something."""

    def resize(self, size: Size) -> None:
        """Change the size of the window."""

    def shown(self, expected: bytes | None) -> bytes:
        """Return what is shown since; at least as much as expected, where that comes."""

    def status(self) -> int | None:
        """Return the status that it has ended with; None where it goes on."""


def cases() -> list[Case]:
    """Return all of them, in order."""
    rows = tomllib.loads((FOLDER / "cases.toml").read_text())["case"]
    return [Case(**{**row, "argv": _argv(row), "keys": _keys(row["keys"])}) for row in rows]


def _argv(row: dict[str, Any]) -> tuple[str, ...]:
    return tuple(row.get("argv", Case.argv))


def _keys(keys: list[Any]) -> tuple[bytes | Size, ...]:
    return tuple(each.encode() if isinstance(each, str) else Size(**each) for each in keys)


def recorded() -> dict[str, dict[str, Any]]:
    """Return what the real ones made of each case, by name."""
    facts: dict[str, dict[str, Any]] = json.loads(RECORDED.read_text())["cases"]
    return facts


def play(case: Case, stage: Stage, expected: dict[str, Any] | None) -> dict[str, Any]:
    """Play a case; return all there is to see. What is expected only tells how long to wait."""
    lines = expected["shown"] if expected else [None] * (len(case.keys) + 1)
    awaited = [None if line is None else line.encode("latin-1") for line in lines]
    shown = [stage.shown(awaited[0])]
    for keys, line in zip(case.keys, awaited[1:], strict=True):
        if isinstance(keys, Size):
            stage.resize(keys)
        else:
            stage.type(keys)
        shown.append(stage.shown(line))
    return {"shown": [each.decode("latin-1") for each in shown], "status": stage.status()}


def without_banner(shown: bytes) -> bytes:
    """Return what is shown without what only Debian's build says."""
    return _BANNER.sub(b"", shown)
