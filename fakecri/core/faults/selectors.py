"""Selectors as functions: whether a call is one that a rule is for.

A condition looks at all values that a call has for its key, such as the forms of an image's name.
`=`, `=~` and the comparisons hold where one of the values fits, `!=` and `!~` where none does. So
a call without a value, such as Version for `pod`, passes only `!=` and `!~`.
"""

import operator
from collections.abc import Callable
from typing import TypeAlias

from fakecri.core.faults.fields import FieldError, Getter, field_getter
from fakecri.core.faults.patterns import glob_matcher, is_glob, regex_matcher
from fakecri.core.faults.rules import Condition
from fakecri.core.faults.subjects import CHANGING, KEYS, Subject
from fakecri.rpcs import Rpc

Values: TypeAlias = Callable[[Subject], tuple[str, ...]]
Test: TypeAlias = Callable[[Subject], bool]

_COMPARISONS = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def is_changing(key: str) -> bool:
    """Whether a key may have another value in the next call about the same thing."""
    return key in CHANGING or key.startswith("req.")


def values_of(key: str) -> Values:
    """Return the function from a subject to its values for a key."""
    if key.startswith("label."):
        return lambda subject: subject.marks("labels", key.removeprefix("label."))
    if key.startswith("ann."):
        return lambda subject: subject.marks("annotations", key.removeprefix("ann."))
    if key.startswith("req."):
        return _field(key.removeprefix("req."))
    find = KEYS[key]

    def values(subject: Subject) -> tuple[str, ...]:
        found = subject.values.get(key)  # Subject.get without one more call
        if found is None:
            found = subject.values[key] = find(subject)
        return found

    return values


def compiled(condition: Condition, values: Values) -> Test:
    """Return the function that tells whether a condition holds for a subject."""
    sign, wanted = condition.operator, condition.value
    if sign in _COMPARISONS:
        return _comparison(values, sign, float(wanted))
    negative = sign.startswith("!")
    if sign.endswith("~"):
        return _matching(values, regex_matcher(wanted), negative=negative)
    if is_glob(wanted):
        return _matching(values, glob_matcher(wanted), negative=negative)
    if negative:
        return lambda subject: wanted not in values(subject)
    if condition.key in KEYS and condition.key != "n":
        return _equal(condition.key, wanted)
    return lambda subject: wanted in values(subject)


def _equal(key: str, wanted: str) -> Test:
    """Return the test of the most usual condition, which must be quick: no call inside."""
    find = KEYS[key]

    def test(subject: Subject) -> bool:
        found = subject.values.get(key)
        if found is None:
            found = subject.values[key] = find(subject)
        return wanted in found

    return test


def _matching(values: Values, matches: Callable[[str], object], *, negative: bool) -> Test:
    def test(subject: Subject) -> bool:
        for value in values(subject):
            if matches(value):
                return not negative
        return negative

    return test


def _comparison(values: Values, sign: str, wanted: float) -> Test:
    compare = _COMPARISONS[sign]

    def test(subject: Subject) -> bool:
        for value in values(subject):
            try:
                if compare(float(value), wanted):
                    return True
            except ValueError:
                continue
        return False

    return test


def _field(path: str) -> Values:
    getters: dict[str, Getter | None] = {}

    def values(subject: Subject) -> tuple[str, ...]:
        rpc = subject.call.rpc
        if rpc.name not in getters:
            getters[rpc.name] = _getter(rpc, path)
        getter = getters[rpc.name]
        return () if getter is None else tuple(getter(subject.call.request))

    return values


def _getter(rpc: Rpc, path: str) -> Getter | None:
    """Return None where the requests of an RPC have no such field; other targets have it."""
    try:
        return field_getter(rpc.request.DESCRIPTOR, path)
    except FieldError:
        return None
