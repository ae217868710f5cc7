"""Command-line options, as getopt_long(3) reads them, with its complaints."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


class UsageError(Exception):
    """The command line is wrong: a complaint, if any, and the usage are to be shown."""

    status = 1
    """What the command exits with."""


@dataclass(slots=True)
class Options:
    """What was given: options as pairs of letter and value, and everything else."""

    given: list[tuple[str, str]] = field(default_factory=list)
    operands: list[str] = field(default_factory=list)

    @property
    def letters(self) -> set[str]:
        """The options that were given; only for asking, as a set has no order."""
        return {letter for letter, _ in self.given}

    def values(self, letter: str) -> list[str]:
        """All values of an option, in order."""
        return [value for each, value in self.given if each == letter]


class _Reader:
    def __init__(self, argv: Sequence[str], short: str, long: Mapping[str, str]) -> None:
        self.program = argv[0]
        self.rest = list(argv[1:])
        self.short = short
        self.long = long
        self.options = Options()

    def complain(self, text: str) -> UsageError:
        return UsageError(f"{self.program}: {text}\n")

    def takes(self, letter: str) -> str:
        """How many values an option takes, in colons: `:` one, `::` one that is part of it."""
        after = self.short.partition(letter)[2]
        return after[: len(after) - len(after.lstrip(":"))]

    def read_word(self, word: str) -> None:
        if word.startswith("--"):
            self.read_long(word[2:])
        else:
            self.read_letters(word[1:])

    def read_letters(self, letters: str) -> None:
        while letters:
            letter, letters = letters[0], letters[1:]
            if letter == ":" or letter not in self.short:
                raise self.complain(f"invalid option -- '{letter}'")
            value = ""
            if self.takes(letter):
                value, letters = letters, ""
            if not value and self.takes(letter) == ":":
                value = self.next_value(f"option requires an argument -- '{letter}'")
            self.options.given.append((letter, value))

    def read_long(self, text: str) -> None:
        name, equals, value = text.partition("=")
        full = self.full_name(name, text)
        letter = self.long[full]
        if equals and not self.takes(letter):
            raise self.complain(f"option '--{full}' doesn't allow an argument")
        if not equals and self.takes(letter) == ":":
            value = self.next_value(f"option '--{full}' requires an argument")
        self.options.given.append((letter, value))

    def full_name(self, name: str, text: str) -> str:
        matches = [name] if name in self.long else [x for x in self.long if x.startswith(name)]
        if not matches:
            raise self.complain(f"unrecognized option '--{text}'")
        differing = {self.long[each]: each for each in reversed(matches)}
        if len(differing) > 1:
            choice = "".join(f" '--{each}'" for each in reversed(differing.values()))
            raise self.complain(f"option '--{name}' is ambiguous; possibilities:{choice}")
        return matches[0]

    def next_value(self, complaint: str) -> str:
        if not self.rest:
            raise self.complain(complaint)
        return self.rest.pop(0)


def read_options(
    argv: Sequence[str],
    short: str,
    long: Mapping[str, str] | None = None,
    *,
    leading: bool = False,
) -> Options:
    """Read a command line. Raises UsageError.

    `short` is as for getopt(3), `long` leads from names to letters. Options may stand anywhere,
    unless they have to be `leading`.
    """
    reader = _Reader(argv, short, long or {})
    while reader.rest:
        word = reader.rest.pop(0)
        if word == "--":
            break
        if word.startswith("-") and word != "-":
            reader.read_word(word)
            continue
        reader.options.operands.append(word)
        if leading:
            break
    reader.options.operands += reader.rest
    return reader.options
