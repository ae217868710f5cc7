"""Fields in the making: pieces of text, quoted or not, and where one field ends."""

import re
from functools import lru_cache

from fakecri.core.shell.patterns import escaped
from fakecri.core.shell.syntax import may_match

_WHITESPACE = " \t\n"


@lru_cache(maxsize=64)
def _separators(ifs: str) -> re.Pattern[str] | None:
    blank = "".join(re.escape(each) for each in ifs if each in _WHITESPACE)
    other = "".join(re.escape(each) for each in ifs if each not in _WHITESPACE)
    around = f"[{blank}]*" if blank else ""
    choices = [f"{around}[{other}]{around}"] if other else []
    choices += [f"[{blank}]+"] if blank else []
    return re.compile("|".join(choices)) if choices else None


class Field:
    """A field: its text, and its pieces while it may be a pattern."""

    __slots__ = ("pieces",)

    def __init__(self) -> None:
        self.pieces: list[tuple[str, bool]] = []

    @property
    def text(self) -> str:
        """The text as it is where it is no pattern."""
        return "".join(text for text, _ in self.pieces)

    @property
    def is_pattern(self) -> bool:
        """Whether it could match files."""
        return may_match("".join(text for text, quoted in self.pieces if not quoted))

    @property
    def pattern(self) -> str:
        """The pattern: what was quoted is escaped."""
        return "".join(escaped(text) if quoted else text for text, quoted in self.pieces)


class Fields:
    """What words become."""

    __slots__ = ("_blank_before", "_current", "_done", "_ifs")

    def __init__(self, ifs: str) -> None:
        self._ifs = ifs
        self._done: list[Field] = []
        self._current: Field | None = None
        self._blank_before = False

    def add(self, text: str, *, quoted: bool) -> None:
        """Add to the field that is being made."""
        if self._current is None:
            self._current = Field()
        self._current.pieces.append((text, quoted))
        self._blank_before = False

    def end(self) -> None:
        """The field ends here, if there is one."""
        if self._current is not None:
            self._done.append(self._current)
            self._current = None

    def split(self, text: str) -> None:
        """Add what an expansion without quotes has given."""
        separators = _separators(self._ifs)
        position = 0
        for match in separators.finditer(text) if separators else ():
            if match.start() > position:
                self.add(text[position : match.start()], quoted=False)
            self._separate(blank=not match[0].strip(_WHITESPACE))
            position = match.end()
        if position < len(text):
            self.add(text[position:], quoted=False)

    def _separate(self, *, blank: bool) -> None:
        if self._current is None and not blank and not self._blank_before:
            self._current = Field()
        self._blank_before = blank and self._current is not None
        self.end()

    def join(self, values: list[str]) -> str:
        """What `"$*"` is."""
        return self._ifs[:1].join(values)

    def finish(self) -> list[Field]:
        """Return the fields."""
        self.end()
        return self._done


class Text(Fields):
    """What a word becomes where it stays one."""

    __slots__ = ("_field",)

    def __init__(self, ifs: str) -> None:
        super().__init__(ifs)
        self._field = Field()

    def add(self, text: str, *, quoted: bool) -> None:
        """Add to the text."""
        self._field.pieces.append((text, quoted))

    def end(self) -> None:
        """Between two values, there is a blank."""
        self._field.pieces.append((" ", True))

    def split(self, text: str) -> None:
        """Add it: nothing is split."""
        self.add(text, quoted=False)

    def value(self) -> str:
        """Return the text."""
        return self._field.text

    def pattern(self) -> str:
        """Return it as a pattern."""
        return self._field.pattern

    def regular_expression(self) -> str:
        """Return it as a regular expression."""
        pieces = self._field.pieces
        return "".join(re.escape(text) if quoted else text for text, quoted in pieces)
