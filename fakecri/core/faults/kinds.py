"""The actions there are: their parameters, and the phases in which they make sense.

The grammar reads this table to tell a rule from a mistake; `actions` does what it says.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from fakecri.core.faults.rules import Phase, Value


class Type(Enum):
    """What an argument is."""

    CODE = "a status code"
    TEXT = "a text"
    INT = "a whole number"
    NUMBER = "a number"
    DURATION = "a duration"
    WORD = "a word"
    """One of the parameter's `words`."""
    PATH = "a path of fields"
    """`status.network.ip`, `conditions[0].status`, `items[*].labels.app`."""
    LITERAL = "a text, a number, or true or false"
    """Whatever a field can be set to."""
    SELECTOR = "conditions"
    """`container=app, state=exited`."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """One argument of an action; required where it has no `default`."""

    name: str
    type: Type
    default: Value | None = None
    words: tuple[str, ...] = ()
    optional: bool = False
    """May be missing although there is no default."""


@dataclass(frozen=True, slots=True)
class Kind:
    """What can be said of an action before it acts."""

    phases: tuple[Phase, ...]
    """Where it may act; the first one is meant where a rule does not say."""
    parameters: tuple[Parameter, ...] = ()
    streams: bool | None = None
    """Only for RPCs that stream, or only for those that do not; None: for all."""
    ends: bool = False
    """Whether a call that it acts on before the runtime sees it never gets that far."""


_BEFORE, _DURING, _AFTER = Phase.BEFORE, Phase.DURING, Phase.AFTER
_ANYWHERE = (_BEFORE, _DURING, _AFTER)

KINDS: Mapping[str, Kind] = {
    "off": Kind(_ANYWHERE),
    "error": Kind(
        _ANYWHERE,
        (
            Parameter("code", Type.CODE),
            Parameter("text", Type.TEXT, ""),
            Parameter("details", Type.TEXT, optional=True),
        ),
        ends=True,
    ),
}
