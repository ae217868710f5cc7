"""What actions take: types of arguments, parameters, and whether arguments are theirs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from types import UnionType

from fakecri.core.faults.rules import Action, Duration, Value
from fakecri.errors import Code


class Type(Enum):
    """What an argument is."""

    CODE = "a status code"
    TEXT = "a text"
    INT = "a whole number"
    NUMBER = "a number"
    DURATION = "a duration"
    WORD = "a word"
    """One of the parameter's `words`; any where it has none. Likewise a code."""
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


def takes(form: Sequence[Parameter], action: Action) -> bool:
    """Whether the arguments of an action are those of a list of parameters."""
    given, left = action.arguments, form[len(action.arguments) :]
    if len(given) > len(form) or any(is_required(each) for each in left):
        return False
    return all(
        isinstance(value, TYPES[parameter.type])
        and not (parameter.type is Type.WORD and parameter.words and value not in parameter.words)
        for parameter, value in zip(form, given, strict=False)
    )


def is_required(parameter: Parameter) -> bool:
    """Whether it may not be left out."""
    return parameter.default is None and not parameter.optional


def listed(forms: Sequence[Sequence[Parameter]]) -> str:
    """Return lists of parameters as a person would say them."""
    return " or ".join(map(_listed, forms))


def _listed(form: Sequence[Parameter]) -> str:
    if not form:
        return "no arguments"
    words = [each.name if is_required(each) else f"[{each.name}]" for each in form]
    return f"({', '.join(words)})"  # as in a synopsis


TYPES: Mapping[Type, type | UnionType] = {
    Type.CODE: Code,
    Type.TEXT: str,
    Type.INT: int,
    Type.NUMBER: int | float,
    Type.DURATION: Duration,
    Type.WORD: str,
    Type.PATH: str,
    Type.LITERAL: str | int | float | bool,
    Type.SELECTOR: tuple,
}
"""What arguments are in Python."""
