"""State faults as data, and their text: one line each.

    after 5s container web-1/app exit 137 reason=Error
    due      subject   target    verb value option

`print(parse(text))` is a fault in the shortest form that means the same.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from fakecri.core import state_kinds as kinds
from fakecri.core.state_forms import FORMS, TARGETS, Form, Parameter
from fakecri.core.state_kinds import Value
from fakecri.errors import UsageError

DUES = ("after", "at")
_TOKEN = re.compile(r'(?:[^\s"]|"(?:[^"\\]|\\.)*"|")+', re.DOTALL)
_OPTION = re.compile(r"([a-z-]+)=(.*)", re.DOTALL)


class StateFaultError(UsageError):
    """The text is no state fault. `column` counts characters, from 1."""

    def __init__(self, column: int, text: str) -> None:
        super().__init__(f"column {column}: {text}")
        self.column = column
        self.text = text


class Due(NamedTuple):
    """When it happens: so long after it was asked for, or `at` a time since the runtime began."""

    word: str
    ns: int


@dataclass(frozen=True, slots=True)
class StateFault:
    """Something that happens to the state of the node by itself."""

    name: str
    """Of a form: `container exit`."""
    target: str = ""
    """What it happens to; empty where the form has none."""
    values: Mapping[str, Value] = field(default_factory=dict)
    """By parameter; what has its default is not here."""
    due: Due | None = None
    """None: at once."""

    @property
    def form(self) -> Form:
        """How it is written."""
        return FORMS[self.name]

    def get(self, name: str) -> Value:
        """Return a value, which is the default where none was given."""
        parameter = next(each for each in self.form.parameters if each.name == name)
        value = self.values.get(name, parameter.default)
        if value is None:
            raise UsageError(f'"{self.name}" needs {parameter.name}: {parameter.kind.name}')
        return value

    def __str__(self) -> str:
        return " ".join(_words(self))

    @classmethod
    def parse(cls, text: str) -> "StateFault":
        """Return the fault that a text is. Raises StateFaultError."""
        return _Parser(text).fault()

    @classmethod
    def make(
        cls,
        name: str,
        target: str = "",
        values: Mapping[str, Value] | None = None,
        due: Due | None = None,
    ) -> "StateFault":
        """Return a fault of these values. UsageError for what cannot be."""
        form, values = FORMS[name], values or {}
        if form.subject in TARGETS and not target:
            raise UsageError(f"here should be {TARGETS[form.subject]}")
        unknown = sorted(set(values) - {each.name for each in form.parameters})
        if unknown:
            raise UsageError(f'"{name}" takes no {", ".join(unknown)}')
        for parameter in form.parameters:
            value = values.get(parameter.name, parameter.default)
            is_default = value is not None and value == parameter.default
            if not (is_default or parameter.kind.accepts(value)):
                raise UsageError(f"{parameter.name}={value!r} is not {parameter.kind.name}")
        return cls(name, target, _without_defaults(form, values), due)


def _without_defaults(form: Form, values: Mapping[str, Value]) -> dict[str, Value]:
    defaults = {each.name: each.default for each in form.parameters}
    return {
        name: values[name]
        for name, default in defaults.items()
        if name in values and values[name] != default
    }


def _words(fault: StateFault) -> Iterator[str]:
    form = fault.form
    if fault.due is not None:
        yield from (fault.due.word, kinds.SPAN.render(fault.due.ns))
    yield form.subject
    if form.subject in TARGETS:
        yield kinds.quoted(fault.target)
    yield form.verb
    for parameter in form.parameters:
        value = fault.values.get(parameter.name)
        if value is None:
            continue
        if parameter.kind is kinds.FLAG:
            yield parameter.name
        else:
            prefix = "" if parameter.default is None else f"{parameter.name}="
            yield prefix + parameter.kind.render(value)


class _Parser:
    """Reads the words of a text, one after another."""

    def __init__(self, text: str) -> None:
        self._tokens = [(match.start() + 1, match[0]) for match in _TOKEN.finditer(text)]
        self._end = len(text) + 1
        self._next = 0

    def fault(self) -> StateFault:
        due = self._due()
        subject = self._word("a subject", list(dict.fromkeys(f.subject for f in FORMS.values())))
        target = self._target(subject) if subject in TARGETS else ""
        verbs = [form.verb for form in FORMS.values() if form.subject == subject]
        form = FORMS[f"{subject} {self._word(f'what happens to {_article(subject)}', verbs)}"]
        return StateFault(form.name, target, _without_defaults(form, self._values(form)), due)

    def _peek(self) -> tuple[int, str | None]:
        if self._next < len(self._tokens):
            return self._tokens[self._next]
        return self._end, None

    def _take(self) -> tuple[int, str | None]:
        token = self._peek()
        self._next += 1
        return token

    def _word(self, what: str, known: list[str]) -> str:
        column, word = self._take()
        if word not in known:
            here = "here should be" if word is None else f"{kinds.quoted(word)} is not"
            raise StateFaultError(column, f"{here} {what}: {', '.join(known)}")
        return word

    def _due(self) -> Due | None:
        _, word = self._peek()
        if word not in DUES:
            return None
        self._take()
        column, text = self._take()
        span_ns = kinds.SPAN.parse(text or "")
        if not isinstance(span_ns, int):
            raise StateFaultError(column, f'"{word}" takes {kinds.SPAN.name}')
        return Due(word, span_ns)

    def _target(self, subject: str) -> str:
        column, text = self._take()
        target = kinds.unquoted(text) if text is not None else None
        if not target:
            raise StateFaultError(column, f"here should be {TARGETS[subject]}")
        return target

    def _values(self, form: Form) -> dict[str, Value]:
        values: dict[str, Value] = {}
        for parameter in form.parameters:
            if parameter.default is None:
                column, text = self._take()
                values[parameter.name] = _value(form, parameter, column, text)
        options = {each.name: each for each in form.parameters if each.default is not None}
        while self._peek()[1] is not None:
            self._option(form, options, values)
        return values

    def _option(
        self, form: Form, options: Mapping[str, Parameter], values: dict[str, Value]
    ) -> None:
        column, text = self._take()
        text = text or ""
        match = _OPTION.fullmatch(text)
        name = match[1] if match else text
        parameter = options.get(name)
        is_flag = parameter is not None and parameter.kind is kinds.FLAG
        if parameter is None or is_flag == bool(match):
            raise StateFaultError(column, f"{kinds.quoted(text)} is not {_known(form, options)}")
        if name in values:
            raise StateFaultError(column, f'"{name}" is there a second time')
        if match is None:
            values[name] = True
        else:
            values[name] = _value(form, parameter, column + len(name) + 1, match[2])


def _value(form: Form, parameter: Parameter, column: int, text: str | None) -> Value:
    value = parameter.kind.parse(text) if text is not None else None
    if value is None:
        but = f", not {kinds.quoted(text)}" if text else ""
        takes = f'"{form.verb}" takes {parameter.name}: {parameter.kind.name}{but}'
        raise StateFaultError(column, takes)
    return value


def _known(form: Form, options: Mapping[str, Parameter]) -> str:
    shown = [
        each.name if each.kind is kinds.FLAG else f"{each.name}=..." for each in options.values()
    ]
    return f'an option of "{form.name}": {", ".join(shown) or "it has none"}'


def _article(subject: str) -> str:
    return f"the {subject}"
