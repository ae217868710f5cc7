"""Facts of /pods: what a kubelet says of its pods."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any

from fakecri.core.faults.patterns import glob_matcher
from fakecri.scenarios.conditions import Term, Value, Values
from fakecri.scenarios.manifests import find_field

ABSENT = float("nan")
"""A number that there is not."""

_STATUSES = ("containerStatuses", "initContainerStatuses")


class Statuses:
    """The pods of a kubelet at one moment."""

    def __init__(self, listed: Mapping[str, dict[str, Any]], names: Sequence[str]) -> None:
        """`listed` are pods of /pods by the names of their manifests, `names` those of all."""
        self._listed = listed
        self._names = names
        self.facts: Mapping[str, Callable[[Term], Values]] = {
            "pods": self._pods,
            "phase": lambda term: self._fields(term.arguments[0], "status.phase"),
            "reason": lambda term: self._fields(term.arguments[0], "status.reason"),
            "field": lambda term: self._fields(*term.arguments),
            "condition": self._condition,
            "waiting": lambda term: self._first(term, "state.waiting.reason"),
            "terminated": lambda term: self._first(term, "state.terminated.reason"),
            "last": lambda term: self._first(term, "lastState.terminated.reason"),
            "message": lambda term: self._first(
                term, "state.waiting.message", "state.terminated.message"
            ),
            "ready": lambda term: self._first(term, "ready"),
            "restarts": lambda term: _numbers(self._first(term, "restartCount")),
            "exit-code": lambda term: _numbers(
                self._first(term, "state.terminated.exitCode", "lastState.terminated.exitCode")
            ),
        }

    def _chosen(self, glob: str) -> list[str]:
        return [name for name in self._names if glob_matcher(glob)(name)]

    def _fields(self, glob: str, path: str) -> list[str]:
        return [_text(find_field(self._listed.get(name), path)) for name in self._chosen(glob)]

    def _pods(self, term: Term) -> Values:
        listed = [
            self._listed[name] for name in self._chosen(term.arguments[0]) if name in self._listed
        ]
        fits = [
            all(
                glob_matcher(wanted)(_text(find_field(pod, f"status.{key}")))
                for key, wanted in term.options.items()
            )
            for pod in listed
        ]
        return [float(sum(fits))]

    def _condition(self, term: Term) -> Values:
        glob, kind = term.arguments
        found = []
        for name in self._chosen(glob):
            all_ = find_field(self._listed.get(name), "status.conditions")
            conditions = all_ if isinstance(all_, list) else []
            found.append(next((each["status"] for each in conditions if each["type"] == kind), ""))
        return found

    def _containers(self, term: Term) -> Iterator[dict[str, Any]]:
        """The statuses of containers; {} of a pod that has none of them."""
        pod, _, container = term.arguments[0].partition("/")
        for name in self._chosen(pod):
            status = self._listed.get(name, {}).get("status", {})
            all_ = chain.from_iterable(status.get(key) or [] for key in _STATUSES)
            yield from [each for each in all_ if glob_matcher(container)(each["name"])] or [{}]

    def _first(self, term: Term, *paths: str) -> list[str]:
        """Return the first of some fields that is there, of each container."""
        return [
            next(filter(None, (_text(find_field(each, path)) for path in paths)), "")
            for each in self._containers(term)
        ]


def _text(value: object) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value)


def _numbers(texts: Sequence[str]) -> list[Value]:
    return [float(text) if text else ABSENT for text in texts]
