"""How a rule is written: one text for each rule, which the grammar reads back."""

import json
import re

from fakecri.core.durations import render_duration
from fakecri.core.faults.kinds import KINDS, default_phase
from fakecri.core.faults.parameters import Parameter, Type, takes
from fakecri.core.faults.rules import Action, Condition, Duration, Rule, Term, Value, When
from fakecri.errors import Code

BARE = re.compile(r"[^\s\"(){},;#]+")
"""A value of a condition that needs no quotes."""
WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
PATH = re.compile(
    r'[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z0-9_./-]+|\[(?:\d+|\*|"(?:[^"\\\n]|\\.)*")\])*', re.ASCII
)
_TRIGGERS = {"next": "{}*", "percent": "{}%"}


def text_of(rule: Rule) -> str:
    """Return the text of a rule."""
    targets = ",".join(rule.targets)
    selector = f"{{{_conditions(rule.selector)}}}" if rule.selector else ""
    return f"{targets}{selector} = {' -> '.join(term_text(term) for term in rule.terms)}"


def term_text(term: Term) -> str:
    """Return the text of a term: `2* after:error(UNAVAILABLE)`."""
    words = [_trigger(when) for when in term.when]
    action = action_text(term.action)
    on_messages = any(when.kind == "at" for when in term.when)
    if term.phase is not default_phase(term.action.name, on_messages=on_messages):
        action = f"{term.phase.value}:{action}"
    return " ".join([*words, action])


def action_text(action: Action) -> str:
    """Return the text of an action: `error(UNAVAILABLE, "gone")`."""
    if not action.arguments:
        return action.name
    form = next((each for each in KINDS[action.name].all_forms if takes(each, action)), ())
    words = [
        _argument(parameter, value)
        for parameter, value in zip(form, action.arguments, strict=False)
    ]
    return f"{action.name}({', '.join(words)})"


def _argument(parameter: Parameter, value: Value) -> str:
    bare = parameter.type is Type.WORD or (
        parameter.type is Type.PATH and isinstance(value, str) and PATH.fullmatch(value)
    )
    return str(value) if bare else value_text(value)


def condition_text(condition: Condition) -> str:
    """Return the text of a condition: `pod=web-*`."""
    value = condition.value
    # A ~ or = would seem to belong to the operator.
    is_bare = BARE.fullmatch(value) and value[0] not in "~="
    written = value if is_bare else quoted(value)
    return f"{condition.key}{condition.operator}{written}"


def value_text(value: Value) -> str:
    """Return the text of an argument."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Code):
        return value.name
    if isinstance(value, Duration):
        return render_duration(value.ns)
    if isinstance(value, tuple):
        return _conditions(value)
    return quoted(value) if isinstance(value, str) else number_text(value)


def number_text(number: float) -> str:
    """Return a number; one with an exponent only where it is very large or very small."""
    return repr(number)


def quoted(text: str) -> str:
    """Return a text in quotes, escaped as in JSON."""
    return json.dumps(text, ensure_ascii=False)


def _conditions(conditions: tuple[Condition, ...]) -> str:
    return ", ".join(condition_text(each) for each in conditions)


def _trigger(when: When) -> str:
    # The word of `while` stands without quotes.
    words = [each if isinstance(each, str) else value_text(each) for each in when.values]
    values = " ".join(words)
    if when.kind in _TRIGGERS:
        return _TRIGGERS[when.kind].format(values)
    return f"{when.kind} {values}".rstrip()
