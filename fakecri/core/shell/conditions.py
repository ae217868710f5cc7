"""`test`, `[` and `[[`."""

import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from fakecri.core.scheduler import Waits
from fakecri.core.shell import arithmetic
from fakecri.core.shell.errors import CommandError
from fakecri.core.shell.expansion import (
    expand_pattern,
    expand_regular_expression,
    expand_text,
)
from fakecri.core.shell.parameters import find_value
from fakecri.core.shell.patterns import compiled
from fakecri.core.shell.state import Shell
from fakecri.core.shell.syntax import Word
from fakecri.core.shell.text import outer

if TYPE_CHECKING:
    from fakecri.core.views import Stat

_NUMBER = re.compile(r"[ \t\n]*[+-]?[0-9]+[ \t\n]*")
_KINDS = {"f": "file", "d": "dir", "b": "block", "c": "char", "p": "fifo", "S": "socket"}
_KINDS |= {"h": "link", "L": "link"}
_BITS = {"u": 0o4000, "g": 0o2000, "k": 0o1000}
_FILE_TESTS = frozenset("bcdefghkprstuwxLSGO")
UNARY = frozenset({f"-{each}" for each in _FILE_TESTS} | {"-n", "-z", "-v", "-o"})
_COMPARISONS: dict[str, Callable[[int, int], bool]] = {
    "-eq": lambda a, b: a == b,
    "-ne": lambda a, b: a != b,
    "-lt": lambda a, b: a < b,
    "-le": lambda a, b: a <= b,
    "-gt": lambda a, b: a > b,
    "-ge": lambda a, b: a >= b,
}
_FILE_COMPARISONS = frozenset({"-nt", "-ot", "-ef"})
_TEXT_COMPARISONS = frozenset({"=", "==", "!=", "<", ">"})
BINARY = frozenset(_COMPARISONS) | _FILE_COMPARISONS | _TEXT_COMPARISONS


def _integer(shell: Shell, text: str) -> int:
    if not _NUMBER.fullmatch(text):
        complaint = "integer expression expected" if shell.bash else "bad number"
        raise CommandError(f"{text}: {complaint}", 2)
    return int(text)


def unary(shell: Shell, operator: str, operand: str) -> bool:
    """What `-x operand` says."""
    letter = operator[1]
    if letter == "n":
        return bool(operand)
    if letter == "z":
        return not operand
    if letter == "v":
        return find_value(shell, operand) is not None
    if letter == "o":
        return False
    if letter == "t":
        return _is_terminal(shell, operand)
    return _file_test(shell, letter, outer(operand))


def _is_terminal(shell: Shell, operand: str) -> bool:
    number = _integer(shell, operand)
    return shell.descriptors.terminal(number) is not None


def _file_test(shell: Shell, letter: str, path: str) -> bool:
    files = shell.process.files
    if letter in "rwx":
        return files.access(path, letter)
    try:
        stat = files.stat(path, follow=letter not in "hL")
    except OSError:
        return False
    if letter in _BITS:
        return bool(stat.mode & _BITS[letter])
    user = shell.process.spec.user
    facts = {"e": True, "s": stat.size > 0, "O": stat.uid == user.uid, "G": stat.gid == user.gid}
    return facts[letter] if letter in facts else stat.kind == _KINDS[letter]


def binary(shell: Shell, left: str, operator: str, right: str) -> bool:
    """What `left operator right` says."""
    if operator in _COMPARISONS:
        return _COMPARISONS[operator](_integer(shell, left), _integer(shell, right))
    if operator in _FILE_COMPARISONS:
        return _compare_files(shell, outer(left), operator, outer(right))
    if operator in {"=", "=="}:
        return left == right
    if operator == "!=":
        return left != right
    return left < right if operator == "<" else left > right


def _compare_files(shell: Shell, left: str, operator: str, right: str) -> bool:
    files = shell.process.files
    stats: list[Stat | None] = []
    for path in (left, right):
        try:
            stats.append(files.stat(path))
        except OSError:
            stats.append(None)
    first, second = stats
    if operator == "-ef":
        return (
            first is not None
            and second is not None
            and (first.device, first.inode) == (second.device, second.inode)
        )
    if operator == "-ot":
        first, second = second, first
    if first is None:
        return False
    return second is None or first.mtime_ns > second.mtime_ns


def test_doubled(shell: Shell, words: Sequence[str]) -> bool:
    """Evaluate the arguments of ash's `[[`. Raises CommandError."""
    return _Reader(shell, words, doubled=True).all_of_it()


def test(shell: Shell, words: Sequence[str]) -> bool:
    """Evaluate the arguments of `test`. Raises CommandError."""
    count = len(words)
    if count == 0:
        return False
    if count == 1:
        return bool(words[0])
    if count == 3 and words[1] in BINARY:  # noqa: PLR2004  # as POSIX counts
        return binary(shell, words[0], words[1], words[2])
    if count == 3 and words[0] == "(" and words[2] == ")":  # noqa: PLR2004  # as POSIX counts
        return bool(words[1])
    if count in {2, 3, 4} and words[0] == "!":
        return not test(shell, words[1:])
    return _Reader(shell, words).all_of_it()


def _matches(shell: Shell, left: str, operator: str, right: str) -> bool:
    """What ash's `[[ left operator right ]]` says."""
    if operator in {"=", "==", "!="}:
        return bool(compiled(right).fullmatch(left)) == (operator != "!=")
    if operator == "=~":
        try:
            return re.search(regular_expression(right), left) is not None
        except (re.error, OverflowError, RecursionError):
            raise CommandError("invalid regular expression", 2) from None
    return binary(shell, left, operator, right)


class _Reader:
    """Reads what `-a`, `-o`, `!` and parentheses combine."""

    def __init__(self, shell: Shell, words: Sequence[str], *, doubled: bool = False) -> None:
        self.shell = shell
        self.rest = list(reversed(words))
        self.depth = 0
        self.bash_complaint = "too many arguments"
        if len(words) == 2:  # noqa: PLR2004  # as POSIX counts
            self.bash_complaint = f"{words[0]}: unary operator expected"
        elif len(words) == 3:  # noqa: PLR2004  # as POSIX counts
            self.bash_complaint = f"{words[1]}: binary operator expected"
        self.compare = _matches if doubled else binary
        self.operators = BINARY | {"=~"} if doubled else BINARY

    def all_of_it(self) -> bool:
        if not self.rest:
            return False
        result = self.either()
        if self.rest:
            raise self.complaint(self.rest[-1])
        return result

    def complaint(self, word: str) -> CommandError:
        if self.shell.bash:
            return CommandError(self.bash_complaint, 2)
        return CommandError(f"{word}: unknown operand", 2)

    def take(self) -> str:
        if not self.rest:
            raise CommandError("argument expected", 2)
        return self.rest.pop()

    def either(self) -> bool:
        result = self.both()
        while self.rest and self.rest[-1] == "-o":
            self.rest.pop()
            result = self.both() or result
        return result

    def both(self) -> bool:
        result = self.negation()
        while self.rest and self.rest[-1] == "-a":
            self.rest.pop()
            result = self.negation() and result
        return result

    def negation(self) -> bool:
        negated = False
        while self.rest and self.rest[-1] == "!":
            self.rest.pop()
            negated = not negated
        return self.primary() != negated

    def primary(self) -> bool:
        word = self.take()
        if word == "(" and self.rest:
            self.depth += 1
            if self.depth > 50:  # noqa: PLR2004  # far more than anybody writes
                raise self.complaint(word)
            result = self.either()
            if not self.rest or self.rest.pop() != ")":
                raise CommandError("closing paren expected", 2)
            self.depth -= 1
            return result
        if len(self.rest) >= 2 and self.rest[-1] in self.operators:  # noqa: PLR2004  # and an operand
            return self.compare(self.shell, word, self.rest.pop(), self.rest.pop())
        if word in UNARY and self.rest:
            return unary(self.shell, word, self.rest.pop())
        return bool(word)


def evaluate(shell: Shell, words: Sequence[Word]) -> Waits[bool]:
    """Evaluate what stands in `[[ ]]`. Raises ShellError and CommandError."""
    reader = _Condition(shell, words)
    result = yield from reader.either(skip=False)
    if reader.rest:
        raise CommandError("syntax error in conditional expression", 2)
    return result


class _Condition:
    """Reads `[[ ]]`: words are not split, and what decides already is not evaluated."""

    def __init__(self, shell: Shell, words: Sequence[Word]) -> None:
        self.shell = shell
        self.rest = list(reversed(words))
        self.depth = 0

    def accept(self, text: str) -> bool:
        if self.rest and self.rest[-1].plain == text:
            self.rest.pop()
            return True
        return False

    def either(self, *, skip: bool) -> Waits[bool]:
        result = yield from self.both(skip=skip)
        while self.accept("||"):
            other = yield from self.both(skip=skip or result)
            result = result or other
        return result

    def both(self, *, skip: bool) -> Waits[bool]:
        result = yield from self.negation(skip=skip)
        while self.accept("&&"):
            other = yield from self.negation(skip=skip or not result)
            result = result and other
        return result

    def negation(self, *, skip: bool) -> Waits[bool]:
        negated = False
        while self.accept("!"):
            negated = not negated
        return (yield from self.primary(skip=skip)) != negated

    def primary(self, *, skip: bool) -> Waits[bool]:
        if not self.rest:
            raise CommandError("argument expected", 2)
        if self.accept("("):
            self.depth += 1
            if self.depth > 50:  # noqa: PLR2004  # far more than anybody writes
                raise CommandError("syntax error in conditional expression", 2)
            result = yield from self.either(skip=skip)
            if not self.accept(")"):
                raise CommandError("closing paren expected", 2)
            self.depth -= 1
            return result
        word = self.rest.pop()
        operator = self.rest[-1].plain if self.rest else None
        if operator in BINARY or operator == "=~":
            self.rest.pop()
            if not self.rest:
                raise CommandError("argument expected", 2)
            right = self.rest.pop()
            return False if skip else (yield from self.compare(word, operator or "", right))
        if word.plain in UNARY and self.rest:
            operand = self.rest.pop()
            if skip:
                return False
            return unary(
                self.shell, word.plain or "", (yield from expand_text(self.shell, operand))
            )
        return not skip and bool((yield from expand_text(self.shell, word)))

    def compare(self, left: Word, operator: str, right: Word) -> Waits[bool]:
        shell = self.shell
        text = yield from expand_text(shell, left)
        if operator == "=~":
            return (yield from self.match(text, right))
        if operator in {"=", "==", "!="}:
            pattern = yield from expand_pattern(shell, right)
            return bool(compiled(pattern).fullmatch(text)) == (operator != "!=")
        other = yield from expand_text(shell, right)
        if operator in _COMPARISONS and shell.bash:
            values = [arithmetic.evaluate(each, shell) for each in (text, other)]
            return _COMPARISONS[operator](values[0], values[1])
        return binary(shell, text, operator, other)

    def match(self, text: str, right: Word) -> Waits[bool]:
        expression = yield from expand_regular_expression(self.shell, right)
        try:
            match = re.search(regular_expression(expression), text)
        except (re.error, OverflowError, RecursionError):
            raise CommandError("invalid regular expression", 2) from None
        if self.shell.bash:
            variable = self.shell.variables.mark("BASH_REMATCH")
            groups = [] if match is None else [match[0], *match.groups("")]
            variable.elements, variable.value = dict(enumerate(groups)), None
        return match is not None


_CLASS = re.compile(r"\[:([a-z]+):\]")


def regular_expression(text: str) -> str:
    """Return an extended regular expression of POSIX as one of the host's."""
    from fakecri.core.shell.patterns import CLASSES  # noqa: PLC0415

    return _CLASS.sub(lambda match: CLASSES.get(match[1], ""), text)
