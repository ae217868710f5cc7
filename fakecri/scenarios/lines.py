"""The words of a line, and what is wrong with it where."""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass

from fakecri.core.durations import EXAMPLES, parse_duration
from fakecri.core.faults.reading import similar
from fakecri.errors import UsageError

_QUOTED = r'"(?:[^"\\]|\\.)*"'
# What stands in braces may have blanks, as in rules.
_WORD = re.compile(rf'(?:{_QUOTED}|\{{(?:{_QUOTED}|[^"}}])*\}}|[^\s"{{]|["{{])+')


class LineError(UsageError):
    """A line says nothing that can be done. `column` counts characters, from 1."""

    def __init__(self, column: int, text: str) -> None:
        super().__init__(f"column {column}: {text}")
        self.column = column
        self.text = text


@dataclass(frozen=True, slots=True)
class Word:
    """A word, and where it stands."""

    text: str
    column: int

    @property
    def plain(self) -> str:
        """What it says, without quotes. LineError where they are not those of a JSON text."""
        if not self.text.startswith('"'):
            return self.text
        try:
            return str(json.loads(self.text))
        except ValueError:
            raise LineError(self.column, f"{self.text} is no text in quotes, as in JSON") from None

    def error(self, complaint: str) -> LineError:
        """Return the error that something is wrong with it."""
        return LineError(self.column, complaint)


class Words:
    """The words of a line, to be taken one after another."""

    def __init__(self, line: str) -> None:
        self.line = line
        self._words = [Word(found[0], found.start() + 1) for found in _WORD.finditer(line)]
        self._next = 0

    def without_comment(self) -> str:
        """Return the line up to the first word that begins with a #."""
        begins = (word.column for word in self._words if word.text.startswith("#"))
        return self.line[: next(begins, len(self.line) + 1) - 1].rstrip()

    def __len__(self) -> int:
        return len(self._words) - self._next

    def peek(self) -> str:
        """Return the word that is next, as it stands; nothing at the end."""
        return self._words[self._next].text if len(self) else ""

    def take(self, what: str) -> Word:
        """Return the next word, and go on. LineError where there is none: `what` is missing."""
        if not len(self):
            raise LineError(len(self.line) + 1, f"here should be {what}")
        self._next += 1
        return self._words[self._next - 1]

    def one_of(self, what: str, known: Iterable[str]) -> Word:
        """Return the next word, which has to be one that is known."""
        choices = list(known)
        word = self.take(f"{what}: {', '.join(choices)}")
        if word.text not in choices:
            meant = similar(word.text, choices) or f": {', '.join(choices)}"
            raise word.error(f"{word.text} is not {what}{meant}")
        return word

    def rest(self, what: str) -> Word:
        """Return what is left of the line, as one word."""
        first = self.take(what)
        self._next = len(self._words)
        return Word(self.line[first.column - 1 :].rstrip(), first.column)

    def span_at_end(self, word: str) -> int | None:
        """Take `word SPAN` off the end; return the nanoseconds, or None where it is not there."""
        if len(self) < 2 or self._words[-2].text != word:  # noqa: PLR2004  # two words
            return None
        span = self._words[-1]
        del self._words[-2:]
        return span_ns(span)

    def end(self) -> None:
        """LineError where something is left."""
        if len(self):
            word = self.take("")
            raise word.error(f"{word.text} is more than was expected")


def span_ns(word: Word) -> int:
    """Return the nanoseconds of a span of time."""
    ns = parse_duration(word.text)
    if ns is None:
        raise word.error(f"{word.text} is no span of time: write {EXAMPLES}")
    return ns
