"""The arguments of actions, read as the table of kinds says that they are."""

import re
from collections.abc import Callable, Mapping, Sequence

from fakecri.core.faults.conditions import read_conditions
from fakecri.core.faults.fits import find_misfit
from fakecri.core.faults.kinds import KINDS
from fakecri.core.faults.parameters import Parameter, Type, is_required, listed
from fakecri.core.faults.printing import PATH
from fakecri.core.faults.reading import Reader, RuleError
from fakecri.core.faults.rules import Phase, Value
from fakecri.core.faults.targets import expanded
from fakecri.errors import Code

_NAME = re.compile(r"[A-Za-z_][\w.-]*", re.ASCII)
"""A text that needs no quotes."""


def read_arguments(
    reader: Reader, name: str, phase: Phase, targets: tuple[str, ...]
) -> tuple[Value, ...]:
    """Read what stands in the parentheses of an action, if it has any."""
    fitting = [rpc for rpc in expanded(targets) if not find_misfit(name, phase, rpc)]
    forms = tuple(
        dict.fromkeys(form for rpc in fitting for form in KINDS[name].forms_for(phase, rpc))
    )
    takes = f"{name} takes {listed(forms)}"
    if not reader.take("("):
        if not any(_suffices((), each) for each in forms):
            raise reader.error(f"{takes}, not nothing")
        return ()
    start = reader.at
    furthest: tuple[int, RuleError] | None = None
    for form in forms:
        reader.at = start
        try:
            return _form(reader, form, takes, targets)
        except RuleError as error:
            if furthest is None or reader.at > furthest[0]:
                furthest = (reader.at, error)
    raise furthest[1] if furthest else reader.error(takes)


def _form(
    reader: Reader, form: Sequence[Parameter], takes: str, targets: tuple[str, ...]
) -> tuple[Value, ...]:
    """Read arguments as one of the lists of parameters has them."""
    values: list[Value] = []
    reader.places = []
    rest = list(form)
    while not reader.take(")"):
        if values:
            reader.expect(",", ", or )" if rest else ")")
        if not rest:
            raise reader.error(takes)
        values += _argument(reader, rest, targets)
    if any(is_required(each) for each in rest):
        raise reader.error(takes, reader.at - 1)
    return tuple(values)


def _argument(reader: Reader, rest: list[Parameter], targets: tuple[str, ...]) -> list[Value]:
    """Read the next argument; what is left out before it has its default."""
    skipped: list[Value] = []
    first: RuleError | None = None
    while rest:
        parameter = rest.pop(0)
        at = reader.skip()
        reader.places.append(at)
        try:
            return [*skipped, _READERS[parameter.type](reader, parameter, targets)]
        except RuleError as error:
            first = first or error
            if parameter.default is None or reader.at != at:
                break
            skipped.append(parameter.default)
            reader.at = at
    raise first or reader.unexpected(")")


def _suffices(values: Sequence[Value], form: Sequence[Parameter]) -> bool:
    return not any(is_required(each) for each in form[len(values) :])


def _what(parameter: Parameter) -> str:
    return f"{parameter.type.value} ({parameter.name})"


def _code(reader: Reader, parameter: Parameter, _targets: tuple[str, ...]) -> Value:
    choices = parameter.words or tuple(code.name for code in Code)
    return Code[reader.word(_what(parameter), choices)]


def _text(reader: Reader, parameter: Parameter, _targets: tuple[str, ...]) -> Value:
    if not reader.comes('"') and (name := reader.match(_NAME)) is not None:
        return name[0]
    return reader.string(_what(parameter))


def _int(reader: Reader, parameter: Parameter, _targets: tuple[str, ...]) -> Value:
    return reader.integer(_what(parameter))


def _number(reader: Reader, parameter: Parameter, _targets: tuple[str, ...]) -> Value:
    return reader.number(_what(parameter))


def _duration(reader: Reader, parameter: Parameter, _targets: tuple[str, ...]) -> Value:
    return reader.duration(_what(parameter))


def _word(reader: Reader, parameter: Parameter, _targets: tuple[str, ...]) -> Value:
    return reader.word(" or ".join(parameter.words) or _what(parameter), parameter.words)


def _path(reader: Reader, parameter: Parameter, _targets: tuple[str, ...]) -> Value:
    found = reader.match(PATH)
    if found is not None:
        return found[0]
    if not reader.comes('"'):
        raise reader.unexpected(_what(parameter))
    return reader.string(_what(parameter))


def _literal(reader: Reader, parameter: Parameter, _targets: tuple[str, ...]) -> Value:
    word = reader.peek_word()
    if word in ("true", "false"):
        reader.at += len(word)
        return word == "true"
    if reader.comes('"'):
        return reader.string()
    return reader.number(_what(parameter))


def _selector(reader: Reader, _parameter: Parameter, targets: tuple[str, ...]) -> Value:
    conditions = read_conditions(reader, targets, ")")
    reader.at -= 1  # the ) is the action's
    return conditions


_READERS: Mapping[Type, Callable[[Reader, Parameter, tuple[str, ...]], Value]] = {
    Type.CODE: _code,
    Type.TEXT: _text,
    Type.INT: _int,
    Type.NUMBER: _number,
    Type.DURATION: _duration,
    Type.WORD: _word,
    Type.PATH: _path,
    Type.LITERAL: _literal,
    Type.SELECTOR: _selector,
}
