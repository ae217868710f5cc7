"""Which calls are meant: by their RPC, by what they are about, and by how they ended."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias, TypedDict, cast

from fakecri.core.faults.grammar import parse_rule
from fakecri.core.faults.patterns import glob_matcher
from fakecri.core.faults.printing import condition_text
from fakecri.core.faults.rules import Condition
from fakecri.core.faults.selectors import compiled, values_of
from fakecri.core.faults.subjects import Subject
from fakecri.core.faults.targets import expanded
from fakecri.core.history.about import PastCall
from fakecri.errors import UsageError

Calls: TypeAlias = str | Sequence[str]
"""Which RPCs: `StopContainer`, `lists`, `StopContainer{pod=web-*}` as in a rule; or several."""


class About(TypedDict, total=False):
    """What calls are about, each a glob; and how they ended."""

    pod: str
    """The pod's name, or namespace/name."""
    container: str
    image: str
    """Any name of the image, or its id."""
    id: str
    """The id of the container, the sandbox or the image."""
    peer: str
    error: str | bool
    """A glob for the status code or the text of the error; True: any error; False: none."""


@dataclass(frozen=True, slots=True)
class _Part:
    """Some RPCs, with conditions."""

    rpcs: tuple[str, ...]
    conditions: tuple[Condition, ...]
    tests: tuple[Callable[[Subject], bool], ...]

    def holds(self, call: PastCall, subject: Subject) -> bool:
        """Whether a call is meant."""
        return call.rpc in self.rpcs and all(test(subject) for test in self.tests)


class Choice:
    """What was asked for, as a test and as a text."""

    def __init__(self, calls: Calls, about: About) -> None:
        """UsageError for what cannot be."""
        given = cast("Mapping[str, str | bool | None]", about)
        unknown = sorted(set(given) - set(About.__annotations__))
        if unknown:
            raise UsageError(f"calls cannot be chosen by {unknown[0]}")
        self.texts = (calls,) if isinstance(calls, str) else tuple(calls)
        self.error = given.get("error")
        self._about = tuple(
            Condition(key, "=", str(value))
            for key, value in given.items()
            if key != "error" and value is not None
        )
        self._parts = tuple(_part(text, self._about) for text in self.texts)
        if not self._parts:
            raise UsageError("which calls are meant? Name an RPC, or * for all")

    @property
    def rpcs(self) -> frozenset[str]:
        """The RPCs that are meant."""
        return frozenset(rpc for part in self._parts for rpc in part.rpcs)

    def holds(self, call: PastCall, subject: Subject) -> bool:
        """Whether a call is meant."""
        return any(part.holds(call, subject) for part in self._parts) and self._ended_so(call)

    def _ended_so(self, call: PastCall) -> bool:
        if self.error is None:
            return True
        error = call.error
        if isinstance(self.error, bool):
            return self.error is (error is not None)
        matches = glob_matcher(self.error)
        return error is not None and bool(matches(error.code.name) or matches(error.message))

    def field(self, path: str) -> Callable[[Subject], tuple[str, ...]]:
        """Return what reads a field of the request. UsageError where no request has it."""
        rpcs = ",".join(part_rpc for part in self._parts for part_rpc in part.rpcs)
        (condition,) = parse_rule(f"{rpcs}{{req.{path}=x}} = off").selector
        return values_of(condition.key)

    @property
    def text(self) -> str:
        """What was asked for: `StopContainer, RemoveContainer about pod=web-*`."""
        words = " or ".join("any RPC" if text == "*" else text for text in self.texts)
        if self._about:
            words += f" about {', '.join(condition_text(each) for each in self._about)}"
        if self.error is True:
            return f"{words} that failed"
        if self.error is False:
            return f"{words} that did not fail"
        return words if self.error is None else f"{words} that failed with {self.error}"


def _part(text: str, about: tuple[Condition, ...]) -> _Part:
    # The text is the left side of a rule, so that complaints about it have the right column.
    rule = parse_rule(f"{text} = off")
    conditions = (*rule.selector, *about)
    tests = tuple(compiled(each, values_of(each.key)) for each in conditions)
    return _Part(expanded(rule.targets), conditions, tests)
