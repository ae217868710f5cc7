"""The conditions of a selector, read and checked: `pod=web-*, attempt>=2, label.app!~"a|b"`."""

import re
from collections.abc import Iterable

from fakecri.core.faults.fields import FieldError, field_getter
from fakecri.core.faults.patterns import PatternError, compiled_regex, is_glob
from fakecri.core.faults.printing import BARE
from fakecri.core.faults.reading import Reader, similar
from fakecri.core.faults.rules import Condition
from fakecri.core.faults.subjects import KEYS, STATES
from fakecri.core.faults.targets import expanded
from fakecri.rpcs import RPCS

OPERATORS = ("!=", "!~", "=~", "<=", ">=", "=", "<", ">")
"""Those that begin like others come first."""
NUMERIC = frozenset({"<", "<=", ">", ">="})

_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z0-9_./-]*|\[(?:\d+|\*)\])*")
_PREFIXES = ("label.", "ann.", "req.")
_NUMBERS = frozenset({"attempt", "n"})


def read_conditions(reader: Reader, targets: tuple[str, ...], end: str) -> tuple[Condition, ...]:
    """Read conditions up to `end`, and it too."""
    conditions = [_condition(reader, targets)]
    while not reader.take(end):
        reader.expect(",", f", or {end}")
        conditions.append(_condition(reader, targets))
    return tuple(conditions)


def _condition(reader: Reader, targets: tuple[str, ...]) -> Condition:
    key_at = reader.skip()
    key = _key(reader)
    operator_at = reader.skip()
    operator = next((each for each in OPERATORS if reader.take(each)), "")
    if not operator:
        raise reader.unexpected(f"an operator after {key}: one of {' '.join(OPERATORS)}")
    if operator in NUMERIC and key not in _NUMBERS and not key.startswith(_PREFIXES):
        raise reader.error(f"{key} is no number: it goes with = != =~ !~", operator_at)
    if key.startswith("req."):
        _check_path(reader, key, targets, key_at)
    return Condition(key, operator, _value(reader, key, operator))


def _key(reader: Reader) -> str:
    at = reader.skip()
    found = reader.match(_KEY)
    key = found[0] if found else ""
    if key in KEYS or (key.startswith(_PREFIXES) and not key.endswith(".")):
        return key
    reader.at = at
    what = f"one of {', '.join(KEYS)}, {', '.join(f'{each}X' for each in _PREFIXES)}"
    raise reader.unexpected(what, (*KEYS, *(each[:-1] for each in _PREFIXES)))


def _value(reader: Reader, key: str, operator: str) -> str:
    at = reader.skip()
    if reader.comes('"'):
        value = reader.string()
    elif (bare := reader.match(BARE)) is not None:
        value = bare[0]
    else:
        raise reader.unexpected(f"a value for {key}")
    if operator in NUMERIC:
        _check_number(reader, value, at)
    elif operator.endswith("~"):
        _check_regex(reader, value, at)
    elif key == "state" and value not in STATES and not is_glob(value):
        raise reader.error(
            f"expected one of {', '.join(STATES)}, not {value!r}{similar(value, STATES)}", at
        )
    return value


def _check_number(reader: Reader, value: str, at: int) -> None:
    try:
        float(value)
    except ValueError:
        raise reader.error(f"expected a number, not {value!r}", at) from None


def _check_regex(reader: Reader, value: str, at: int) -> None:
    try:
        compiled_regex(value)
    except PatternError as error:
        raise reader.error(f"{value!r} is no regular expression: {error}", at) from None


def _check_path(reader: Reader, key: str, targets: Iterable[str], at: int) -> None:
    """Refuse a path that the request of none of the targets has."""
    path, start = key.removeprefix("req."), at + len("req.")
    errors: list[FieldError] = []
    for rpc in expanded(targets):
        try:
            field_getter(RPCS[rpc].request.DESCRIPTOR, path)
        except FieldError as error:
            errors.append(error)
        else:
            return
    deepest = max(errors, key=lambda error: error.at)
    raise reader.error(str(deepest), start + deepest.at)
