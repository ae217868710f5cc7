"""A reader of rule texts: it goes from token to token, and says at which column it got lost."""

import json
import math
import re
from collections.abc import Iterable
from difflib import get_close_matches
from typing import Self

from fakecri.core.durations import parse_duration
from fakecri.core.faults.rules import Duration
from fakecri.errors import UsageError

_SPACE = re.compile(r"\s*")
_TOKEN = re.compile(r"\w+|.", re.DOTALL)
_STRING = re.compile(r'"(?:[^"\\\n]|\\.)*"')
_INT = re.compile(r"-?\d+", re.ASCII)
_NUMBER = re.compile(r"-?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
_SPAN = re.compile(r"-?(?:(?:\d+(?:\.\d*)?|\.\d+)(?:d|h|ms|m|s|us|ns))+(?!\w)", re.ASCII)
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_DIGITS = 18
"""What a number may have: more would not fit the contract's int64."""


class RuleError(UsageError):
    """A text that is no rule: where it goes wrong, and what was expected there."""

    def __init__(self, line: int, column: int, complaint: str) -> None:
        self.line = line
        """From 1."""
        self.column = column
        """From 1, in the line."""
        self.complaint = complaint
        where = f"column {column}" if line == 1 else f"line {line}, column {column}"
        super().__init__(f"{where}: {complaint}")

    @classmethod
    def at(cls, text: str, at: int, complaint: str) -> Self:
        """Return the error that something is wrong at a place of `text`."""
        return cls(text.count("\n", 0, at) + 1, at - text.rfind("\n", 0, at), complaint)

    def moved(self, line: int, column: int) -> "RuleError":
        """Return it for a text in which the one that it is of begins there."""
        first = self.line == 1
        return RuleError(
            self.line + line - 1, self.column + column - 1 if first else self.column, self.complaint
        )


class Reader:
    """A text, and how far it has been read."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.places: list[int] = []
        """Where the arguments of the last action begin."""

    def skip(self) -> int:
        """Pass over white space; return where the next token begins."""
        space = _SPACE.match(self.text, self.at)
        self.at = space.end() if space else self.at
        return self.at

    def comes(self, literal: str) -> bool:
        """Whether `literal` is next."""
        return self.text.startswith(literal, self.skip())

    def take(self, literal: str) -> bool:
        """Read `literal` if it is next; return whether it was."""
        if not self.comes(literal):
            return False
        self.at += len(literal)
        return True

    def match(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        """Read what `pattern` fits, if it is next."""
        found = pattern.match(self.text, self.skip())
        if found is not None:
            self.at = found.end()
        return found

    def expect(self, literal: str, what: str | None = None) -> None:
        """Read `literal`. RuleError where something else is next."""
        if not self.take(literal):
            raise self.unexpected(what or literal)

    def peek_word(self) -> str:
        """Return the word that is next, or nothing."""
        found = _WORD.match(self.text, self.skip())
        return found[0] if found else ""

    def word(self, what: str, choices: Iterable[str] = ()) -> str:
        """Read a word, one of `choices` if there are any."""
        known = tuple(choices)
        word = self.peek_word()
        if not word or (known and word not in known):
            raise self.unexpected(what, known)
        self.at += len(word)
        return word

    def integer(self, what: str = "a whole number", least: int | None = None) -> int:
        """Read a whole number."""
        at = self.skip()
        found = self.match(_INT)
        if found is None:
            raise self.unexpected(what)
        if len(found[0]) > _DIGITS:
            raise self.error(f"this number has more than {_DIGITS} digits", at)
        number = int(found[0])
        if least is not None and number < least:
            raise self.error(f"expected {what} from {least} on, not {number}", at)
        return number

    def number(self, what: str = "a number") -> float:
        """Read a number, an int where it has neither a point nor an exponent."""
        at = self.skip()
        found = self.match(_NUMBER)
        if found is None:
            raise self.unexpected(what)
        if re.fullmatch(_INT, found[0]):
            self.at = at
            return self.integer(what)
        number = float(found[0])
        if not math.isfinite(number):
            raise self.error("this number is too large", at)
        return number

    def duration(self, what: str = "a duration such as 1m30s or 200ms") -> Duration:
        """Read a duration; it may be negative."""
        at = self.skip()
        found = self.match(_SPAN)
        if found is None:
            raise self.unexpected(what)
        span_ns = parse_duration(found[0], signed=True)
        if span_ns is None:
            raise self.error("a duration is a whole number of nanoseconds, less than 292 years", at)
        return Duration(span_ns)

    def string(self, what: str = 'a text in "quotes"') -> str:
        """Read a text in quotes, escaped as in JSON."""
        at = self.skip()
        found = self.match(_STRING)
        if found is None:
            if self.comes('"'):
                raise self.error('this text has no end: expected a "')
            raise self.unexpected(what)
        try:
            text: str = json.loads(found[0], strict=False)
        except ValueError as error:
            offset = getattr(error, "pos", 0)
            raise self.error(f"escapes are those of JSON: {error}", at + offset) from None
        return text

    def error(self, complaint: str, at: int | None = None) -> RuleError:
        """Return the error that something is wrong at `at`, or here."""
        return RuleError.at(self.text, self.skip() if at is None else at, complaint)

    def unexpected(
        self, what: str, choices: Iterable[str] = (), at: int | None = None
    ) -> RuleError:
        """Return the error that something else is next than was expected."""
        start = self.skip() if at is None else at
        token = _TOKEN.match(self.text, start)
        shown = json.dumps(token[0], ensure_ascii=False) if token else "the end"
        meant = similar(token[0], choices) if token else ""
        return self.error(f"expected {what}, not {shown}{meant}", start)


def similar(word: str, choices: Iterable[str]) -> str:
    """Return `; did you mean ...?` where one of `choices` is much like `word`."""
    by_lower = {choice.lower(): choice for choice in choices}
    close = get_close_matches(word.lower(), by_lower, n=1)
    return f"; did you mean {by_lower[close[0]]}?" if close else ""
