"""Rules as data: which calls they are for, when they act, and what they do.

    StartContainer{pod=web-*} = 1*after:error(UNAVAILABLE, "gone") -> off
    targets       selector      term                               -> term

`grammar` reads and writes their text.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias

from fakecri.errors import Code


class Phase(Enum):
    """Where in a call an action acts."""

    BEFORE = "before"
    """The runtime has not seen the call."""
    DURING = "during"
    """Half-way: names are reserved, marks are set, nothing is to be seen yet."""
    AFTER = "after"
    """The work is done, and the client has no answer yet."""
    REPLY = "reply"
    """The answer, or each message of a stream, on its way to the client."""
    STREAM = "stream"
    """The messages of a stream, as a sequence."""
    WIRE = "wire"
    """The connection under the call; on the object face, what its client would see of that."""


@dataclass(frozen=True, slots=True)
class Duration:
    """A span of virtual time, in nanoseconds; negative where something is shifted back."""

    ns: int


@dataclass(frozen=True, slots=True)
class Condition:
    """What must be true of a call: `pod=web-*`."""

    key: str
    """`pod`, `label.app`, `req.config.metadata.attempt`."""
    operator: str
    value: str


@dataclass(frozen=True, slots=True)
class When:
    """One trigger of a term: `3*`, `after 2`, `for 5s`, `30%`."""

    kind: str
    values: "tuple[Value, ...]" = ()


Value: TypeAlias = str | int | float | bool | Code | Duration | tuple[Condition, ...]
"""An argument: what a Parameter of the action says that it is."""


@dataclass(frozen=True, slots=True)
class Action:
    """What is done: a name of `kinds.KINDS`, and its arguments in their order."""

    name: str
    arguments: tuple[Value, ...] = ()


@dataclass(frozen=True, slots=True)
class Term:
    """An action with its triggers, all of which must agree."""

    action: Action
    phase: Phase
    when: tuple[When, ...] = ()


@dataclass(frozen=True, slots=True)
class Rule:
    """Terms for the calls of some RPCs. The first term that is not used up is the one that acts."""

    targets: tuple[str, ...]
    """RPCs, or words for several: `lists`, `*`."""
    terms: tuple[Term, ...]
    selector: tuple[Condition, ...] = ()


def breaks_wires(rules: Iterable[Rule]) -> bool:
    """Whether any of them acts on connections."""
    return any(term.phase is Phase.WIRE for rule in rules for term in rule.terms)
