"""Conditions over facts: `restarts web/app >= 3 and not lines "PLEG is not healthy"`.

`not` binds closer than `and`, and that closer than `or`.
"""

import math
import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from fakecri.core.faults.patterns import glob_matcher
from fakecri.core.faults.reading import similar
from fakecri.core.history.choosing import Choice
from fakecri.errors import UsageError
from fakecri.scenarios.facts import CONTAINER, FACTS, POD, TEXT, THING, Fact
from fakecri.scenarios.lines import Word, Words

Value: TypeAlias = str | float
Values: TypeAlias = Sequence[Value]

_COMPARE: Mapping[str, Callable[[float, float], bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
}
_EQUAL = ("=", "!=")
_JOINTS = ("and", "or")
_SHOWN_MAX = 200


@dataclass(frozen=True, slots=True)
class Term:
    """One fact, and what it is compared with."""

    text: str
    """What is asked for, without what it is compared with."""
    fact: str
    arguments: tuple[str, ...] = ()
    options: Mapping[str, str] = field(default_factory=dict)
    is_new: bool = False
    """Whether only what came since the last step that did something counts."""
    sign: str = ""
    """Empty: it holds where there is something, and not 0."""
    value: Value = ""

    def holds(self, values: Values) -> bool:
        """Whether it does: every value has to fit, and one at least has to be there.

        `!=` holds where `=` does not.
        """
        if self.sign == "!=":
            return not (values and all(map(self._equals, values)))
        return bool(values) and all(map(self._fits, values))

    def _equals(self, value: Value) -> bool:
        if isinstance(value, str):
            return bool(glob_matcher(str(self.value))(value))
        return value == self.value

    def _fits(self, value: Value) -> bool:
        if not self.sign:
            return bool(value) and value == value  # noqa: PLR0124  # not a number is nothing
        if isinstance(value, str) or self.sign == "=":
            return self._equals(value)
        return _COMPARE[self.sign](value, float(self.value))


@dataclass(frozen=True, slots=True)
class Condition:
    """Terms with `and` and `or` between: it holds where all terms of one row do."""

    rows: tuple[tuple[tuple[bool, Term], ...], ...]
    """Each term with whether it has to hold; else it must not."""

    @property
    def terms(self) -> Iterator[Term]:
        """All terms."""
        return (term for row in self.rows for _, term in row)

    def holds(self, read: Callable[[Term], Values]) -> bool:
        """Whether it does, by what is read of each term."""
        return any(
            all(term.holds(read(term)) is wanted for wanted, term in row) for row in self.rows
        )

    def seen(self, read: Callable[[Term], Values]) -> str:
        """Return what its terms are now: `restarts web/app: 0`."""
        told = {term.text: _shown(read(term)) for term in self.terms}
        return "; ".join(f"{text}: {values}" for text, values in told.items())


def _shown(values: Values) -> str:
    texts = [_shown_one(value) for value in values]
    joined = ", ".join(dict.fromkeys(texts)) or "nothing"
    return joined if len(joined) <= _SHOWN_MAX else f"{joined[:_SHOWN_MAX]}..."


def _shown_one(value: Value) -> str:
    if isinstance(value, str):
        return " ".join(value.split()) or "nothing"
    return "nothing" if math.isnan(value) else f"{value:g}"


class Known:
    """The pods of a scenario, with their containers: what conditions may be about."""

    def __init__(self, pods: Mapping[str, Sequence[str]]) -> None:
        self.pods = pods

    def check_pod(self, word: Word) -> None:
        """LineError where no pod is called so."""
        if not self.chosen(word.plain):
            raise word.error(self._complaint("pod", word.plain, self.pods))

    def check_thing(self, word: Word, *, whole: bool) -> None:
        """LineError where no container is called so; if not `whole`, a pod will do."""
        pod, slash, container = word.plain.partition("/")
        self.check_pod(Word(pod, word.column))
        if not slash and whole:
            raise word.error(f"{word.text} is a pod: write {pod}/CONTAINER")
        names = {each for name in self.chosen(pod) for each in self.pods[name]}
        if slash and not any(map(glob_matcher(container), names)):
            raise word.error(self._complaint(f"container of {pod}", container, names))

    def chosen(self, glob: str) -> list[str]:
        """Return the pods that a name or a glob means."""
        return [name for name in self.pods if glob_matcher(glob)(name)]

    def _complaint(self, what: str, name: str, known: "Mapping[str, object] | set[str]") -> str:
        meant = similar(name, known) or f": {', '.join(sorted(known)) or 'none at all'}"
        return f"there is no {what} {name}{meant}"


def parse_condition(words: Words, known: Known) -> Condition:
    """Read a condition to the end of the words. LineError for what is none."""
    rows: list[tuple[tuple[bool, Term], ...]] = []
    row = [_negated(words, known)]
    while len(words):
        if words.one_of("what joins conditions", _JOINTS).text == "or":
            rows.append(tuple(row))
            row = []
        row.append(_negated(words, known))
    return Condition((*rows, tuple(row)))


def _negated(words: Words, known: Known) -> tuple[bool, Term]:
    wanted = True
    while words.peek() == "not":
        words.take("not")
        wanted = not wanted
    return wanted, _term(words, known)


def _term(words: Words, known: Known) -> Term:
    is_new = words.peek() == "new"
    parts = [words.take("new")] if is_new else []
    name = words.one_of("a fact", FACTS)
    fact = FACTS[name.text]
    if is_new and fact.kind is TEXT:
        raise name.error(f"new counts, and {name.text} is a text")
    parts.append(name)
    arguments = [words.take(f"{argument} of {name.text}") for argument in fact.arguments]
    for kind, word in zip(fact.arguments, arguments, strict=True):
        _check_argument(kind, word, known)
    parts += arguments
    options = _options(words, name, fact, parts)
    sign, value = _comparison(words, fact.kind, name)
    text = " ".join(part.text for part in parts)
    return Term(
        text,
        name.text,
        tuple(word.plain for word in arguments),
        options,
        is_new,
        sign.text if sign else "",
        _value(fact.kind, value) if value else "",
    )


def _options(words: Words, name: Word, fact: Fact, parts: list[Word]) -> dict[str, str]:
    options: dict[str, str] = {}
    known = dict(each.split("=") for each in fact.options)
    while (peeked := words.peek().partition("="))[1] and peeked[0].isalpha():
        word = words.take("an option")
        if peeked[0] not in known:
            meant = similar(peeked[0], known) or f": {', '.join(known) or 'none at all'}"
            raise word.error(f"{peeked[0]} is no option of {name.text}{meant}")
        key, _, value = word.text.partition("=")
        options[key] = Word(value, word.column + len(key) + 1).plain
        if known[key].islower() and options[key] != known[key]:
            raise word.error(f"{key} can be {known[key]} alone")
        parts.append(word)
    return options


def _comparison(words: Words, kind: str, name: Word) -> tuple[Word | None, Word | None]:
    if words.peek() in {"", *_JOINTS}:
        return None, None
    signs = _EQUAL if kind is TEXT else tuple(_COMPARE)
    sign = words.one_of(f"how to compare {name.text}, nor is it and, or", signs)
    return sign, words.take(f"what {name.text} is compared with")


def _value(kind: str, word: Word) -> Value:
    if kind is TEXT:
        return word.plain
    try:
        number = float(word.text)
    except ValueError:
        number = math.nan
    if math.isnan(number):
        raise word.error(f"{word.text} is no number")
    return number


def _check_argument(kind: str, word: Word, known: Known) -> None:
    if kind == POD:
        known.check_pod(word)
    elif kind in {CONTAINER, THING}:
        known.check_thing(word, whole=kind == CONTAINER)
    elif kind == "CALLS":
        try:
            Choice(word.text, {})
        except UsageError as error:
            raise word.error(f"{word.text}: {error}") from error
    else:
        _ = word.plain
