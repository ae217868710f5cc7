"""A recording that grows: lines of a later run, put at its end as if it had gone on."""

import json
from collections.abc import Callable
from typing import Any

from fakecri.core.recording import Recording

_OF_NO_CALL = frozenset({"move", "event"})
"""Kinds of lines that only the runtime that is fallen back on brings about."""


class Episodes:
    """Takes the lines of a run; writes those of the calls that were new, numbered on."""

    def __init__(self, before: Recording, write: Callable[[str], object]) -> None:
        last = before.records[-1] if before.records else before.header
        self._write = write
        self._n, self._v, self._start_v = last.n, last.v, last.v
        self._calls = max((call.serial for call in before.calls), default=0)
        self._numbers: dict[int, int] = {}
        self._undecided: dict[int, dict[str, Any]] = {}

    def take(self, line: str) -> None:
        """Take a line of the run."""
        facts = json.loads(line)
        number = facts.get("call")
        if facts["kind"] == "call":
            self._undecided[number] = facts
            return
        if facts["kind"] in _OF_NO_CALL or number in self._numbers:
            self._put(facts)
        if facts["kind"] == "reply":
            self._undecided.pop(number, None)

    def want(self, number: int) -> None:
        """Keep a call of the run, by its number there."""
        facts = self._undecided.pop(number, None)
        if facts is not None:
            self._calls += 1
            self._numbers[number] = self._calls
            self._put(facts)

    def _put(self, facts: dict[str, Any]) -> None:
        self._n += 1
        self._v = max(self._v, self._start_v + facts["v"])
        facts |= {"n": self._n, "v": self._v}
        if facts.get("call") in self._numbers:
            facts["call"] = self._numbers[facts["call"]]
        else:
            facts.pop("call", None)
        self._write(json.dumps(facts, sort_keys=True, separators=(",", ":")) + "\n")
