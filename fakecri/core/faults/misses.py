"""Why a rule did not act: how many calls came, which was the closest, and what was against it."""

import math
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import islice, zip_longest
from typing import TYPE_CHECKING, Any

from fakecri.core.faults.conditions import NUMERIC
from fakecri.core.faults.finders import (
    FINDERS,
    Found,
    by_container,
    by_container_config,
    by_pod,
    by_pod_config,
)
from fakecri.core.faults.printing import condition_text
from fakecri.core.faults.rules import Condition
from fakecri.core.faults.selectors import Test, Values
from fakecri.core.faults.subjects import Subject
from fakecri.core.faults.things import Lookup
from fakecri.rpcs import Rpc

if TYPE_CHECKING:
    from fakecri.core.recorder import CallRecord

KEPT_CALLS = 32
"""How many calls of an RPC are looked at for the closest: the last ones."""


class Past:
    """A call that was, as far as it is needed to say why a rule did not match it."""

    def __init__(
        self, rpc: Rpc, record: "CallRecord", number: int, found: Found, state: str | None
    ) -> None:
        self.rpc = rpc
        self.request = record.request
        self.peer = record.peer
        self.metadata = [(key, text) for key, texts in record.metadata.items() for text in texts]
        self.serial = record.serial
        self.number = number
        self.found = found
        self.state = state


class Calls:
    """The calls of one RPC while there were rules for it: counted, and found again."""

    __slots__ = ("_counted", "_past_calls", "count", "minds_states", "rpc", "states")

    def __init__(self, rpc: Rpc, past_calls: "deque[CallRecord]") -> None:
        """`past_calls`: those of all RPCs that the recorder keeps."""
        self.rpc = rpc
        self._past_calls = past_calls
        self.count = 0
        self._counted: deque[list[float]] = deque(maxlen=KEPT_CALLS)
        """After which call they were counted, and up to which one."""
        self.states: deque[Any] = deque(maxlen=KEPT_CALLS)
        """Of the thing that each was about, before it: a state of the store's, or its word."""
        self.minds_states = False
        """Whether they are kept, since some rule asks for them."""

    def mark(self, *, counted: bool) -> None:
        """Calls are counted from now on, or no more."""
        now = self._past_calls[-1].serial if self._past_calls else 0
        if counted:
            self._counted.append([now, math.inf])
        elif self._counted:
            self._counted[-1][1] = now

    def between(
        self, after: int, until: int, lookup: Lookup, births: Mapping[str, Any]
    ) -> list[Past]:
        """Return those that are remembered, of the ones with these numbers."""
        numbers = range(self.count, 0, -1)
        last = zip_longest(islice(self._last(), KEPT_CALLS), reversed(self.states))
        past = [
            self._past(record, number, state, lookup, births)
            for number, (record, state) in zip(numbers, last, strict=False)
            if record is not None and after < number <= until
        ]
        return past[::-1]

    def _last(self) -> Iterator["CallRecord"]:
        """Give those that were counted, the last one first."""
        for record in reversed(self._past_calls):
            if record.rpc == self.rpc.name and any(
                begin < record.serial <= end for begin, end in self._counted
            ):
                yield record

    def _past(
        self,
        record: "CallRecord",
        number: int,
        state: Any,
        lookup: Lookup,
        births: Mapping[str, Any],
    ) -> Past:
        request, find = record.request, FINDERS[self.rpc.name]
        found = find(request, lookup)
        if find is by_container and request.container_id in births:
            found = by_container_config(births[request.container_id], lookup)
        elif find is by_pod and request.pod_sandbox_id in births:
            found = by_pod_config(births[request.pod_sandbox_id], lookup)
        elif find is by_container_config:
            state = None  # it is the pod's
        word = state if state is None or isinstance(state, str) else state.name.lower()
        return Past(self.rpc, record, number, found, word)


def births(calls: Iterable["CallRecord"]) -> Mapping[str, Any]:
    """Return the requests that made things, by the ids of these; what is gone is known by them."""
    made = {}
    for call in calls:
        if call.rpc == "CreateContainer" and call.response is not None:
            made[call.response.container_id] = call.request
        elif call.rpc == "RunPodSandbox" and call.response is not None:
            made[call.response.pod_sandbox_id] = call.request
    return made


@dataclass(frozen=True, slots=True)
class Requirement:
    """A condition of a rule, ready to be tested."""

    condition: Condition
    values: Values
    test: Test


def closest(
    requirements: Sequence[Requirement], calls: Iterable[Past], lookup: Lookup
) -> tuple[str, str]:
    """Return what no call fulfilled, and the call that came closest: which, and why it did not."""
    best: tuple[int, float, Past, tuple[str, ...]] | None = None
    for call in calls:
        subject = Subject(
            call, lookup, call.number, call.found, {"state": (call.state,)} if call.state else {}
        )
        depth = next(
            (depth for depth, each in enumerate(requirements) if not each.test(subject)), None
        )
        if depth is None:
            continue
        values = requirements[depth].values(subject)
        rank = (depth, _likeness(requirements[depth].condition, values))
        if best is None or rank > best[:2]:
            best = (*rank, call, values)
    if best is None:
        return "", ""
    depth, _, call, values = best
    wanted = ", ".join(condition_text(each.condition) for each in requirements[: depth + 1])
    condition = requirements[depth].condition
    shown = f"{condition.key}={_nearest(condition, values)}" if values else ""
    return wanted, f"call {call.serial}, {shown or f'which has no {condition.key}'}"


def counted(number: int, noun: str) -> str:
    """Return `no call`, `1 call`, `2 calls`."""
    return f"{number or 'no'} {noun}{'s' * (number > 1)}"


def _likeness(condition: Condition, values: Sequence[str]) -> float:
    """Return how near the nearest of some values is to what a condition wants."""
    return max((_nearness(condition, each) for each in values), default=-math.inf)


def _nearness(condition: Condition, value: str) -> float:
    if condition.operator in NUMERIC:
        try:
            return -abs(float(value) - float(condition.value))
        except ValueError:
            return -math.inf
    return SequenceMatcher(None, condition.value, value).ratio()


def _nearest(condition: Condition, values: Sequence[str]) -> str:
    return max(values, key=lambda each: _nearness(condition, each))
