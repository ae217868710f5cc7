"""How behaviours are written: words and their arguments, with slashes between them.

    log/10mb/1mbps/exit/3/30s

What begins a step is a word of the grammar; what follows is an argument of it, as long as it is of
a kind that may come next. So steps need nothing between them but a slash, and the whole is a valid
path of an image reference, unless it has texts that must be escaped.
"""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any, NamedTuple

from fakecri.core.behaviours import kinds
from fakecri.core.behaviours.kinds import Kind
from fakecri.errors import UsageError

_TEXTS = (kinds.TEXT, kinds.BYTES)


class BehaviourError(UsageError):
    """The text is no behaviour, or no rule. `column` counts characters, from 1."""

    def __init__(self, column: int, text: str) -> None:
        super().__init__(f"column {column}: {text}")
        self.column = column
        self.text = text


class Verb(NamedTuple):
    """How a step is written: its class, and the kinds of its fields in their order."""

    step: type[Any]
    arguments: tuple[Kind, ...] = ()
    required: int = 0
    """How many of them must be there."""
    group: str = ""
    """Two steps of a group contradict each other; empty: there may be any number."""


class Grammar:
    """The verbs of a text form. A step may have a method `complaint()`: what is wrong with it."""

    def __init__(self, what: str, verbs: Mapping[str, Verb]) -> None:
        """`what` is what the text is: `behaviour`. A verb has one word, or two with a slash."""
        self._what = what
        self._verbs = verbs
        self._names = {verb.step: name for name, verb in verbs.items()}
        self._words = frozenset(name.partition("/")[0] for name in verbs)

    def parse(self, text: str, column: int = 1) -> tuple[Any, ...]:
        """Return the steps of a text that stands at a column. Raises BehaviourError."""
        reader = _Reader(text, column)
        found: list[Any] = []
        groups: dict[str, str] = {}
        while not reader.ended:
            column = reader.column
            name = self._verb(reader)
            group = self._verbs[name].group
            if group in groups:
                raise BehaviourError(
                    column, f'"{name}" is another {group}, after "{groups[group]}"'
                )
            if group:
                groups[group] = name
            found.append(self._step(reader, name, column))
        return tuple(found)

    def _verb(self, reader: "_Reader") -> str:
        for count in (2, 1):
            name = (reader.peek(count) or "").lower()
            if name in self._verbs:
                reader.take(count)
                return name
        raise BehaviourError(reader.column, self._unknown(reader.peek() or ""))

    def _unknown(self, word: str) -> str:
        what = f'"{word}" is no {self._what}' if word else f"here should be a {self._what}"
        return f"{what}; known are {', '.join(sorted(self._words))}"

    def _step(self, reader: "_Reader", name: str, column: int) -> Any:
        verb = self._verbs[name]
        values = []
        for position, kind in enumerate(verb.arguments):
            values.append(self._argument(reader, kind))
            if values[-1] is None and position < verb.required:
                given = reader.peek()
                but = f', not "{given}"' if given else ""
                raise BehaviourError(reader.column, f'"{name}" takes {kind.name}{but}')
        self._require_word(reader, name, values)
        step = verb.step(*values)
        complaint = step.complaint() if hasattr(step, "complaint") else ""
        if complaint:
            raise BehaviourError(column, f'"{name}" {complaint}')
        return step

    def _argument(self, reader: "_Reader", kind: Kind) -> Any | None:
        segment = reader.peek()
        if segment is None or (kind in _TEXTS and segment.lower() in self._words):
            return None
        value = kind.parse(segment)
        if value is not None:
            reader.take()
        return value

    def _require_word(self, reader: "_Reader", name: str, values: Sequence[Any]) -> None:
        """Raise where what follows a step neither belongs to it nor begins another one."""
        given = reader.peek()
        if given is None or not given or given.lower() in self._words:
            return
        arguments = zip(self._verbs[name].arguments, values, strict=True)
        free = " or ".join(kind.name for kind, value in arguments if value is None)
        takes = f"may be followed by {free}" if free else "takes no more"
        raise BehaviourError(reader.column, f'"{given}" is no {self._what}, and "{name}" {takes}')

    def render(self, steps: Sequence[Any]) -> str:
        """Return the text of steps, which `parse` reads."""
        return "/".join(self._rendered(each) for each in steps)

    def _rendered(self, step: Any) -> str:
        name = self._names[type(step)]
        values = (getattr(step, each.name) for each in fields(step))
        arguments = zip(self._verbs[name].arguments, values, strict=True)
        words = (self._escaped(kind, value) for kind, value in arguments if value is not None)
        return "/".join((name, *words))

    def _escaped(self, kind: Kind, value: Any) -> str:
        text = kind.render(value)
        if kind in _TEXTS and text.lower() in self._words:
            return f"%{ord(text[0]):02X}{text[1:]}"
        return text


class _Reader:
    """The segments of a text, one after another, and the column of the next."""

    def __init__(self, text: str, column: int) -> None:
        self._segments: Sequence[str] = text.split("/")
        self._next = 0
        self.column = column
        """Of the next segment; after the last one, of the end."""

    @property
    def ended(self) -> bool:
        """Whether there are no more segments."""
        return self._next >= len(self._segments)

    def peek(self, count: int = 1) -> str | None:
        """Return the next segment, or more of them; None where there are not so many."""
        if self._next + count > len(self._segments):
            return None
        return "/".join(self._segments[self._next : self._next + count])

    def take(self, count: int = 1) -> None:
        """Go on behind the next segments."""
        self.column += len(self.peek(count) or "")
        self._next += count
        self.column += not self.ended  # the slash
