"""What `${name...}` does to a value: cut, replace, take a part of, change case."""

import re
from collections.abc import Callable
from typing import TypeAlias

from fakecri.core.scheduler import Waits
from fakecri.core.shell.errors import OutOfMemoryError, ShellError
from fakecri.core.shell.patterns import compiled, shortest, translated
from fakecri.core.shell.state import Shell
from fakecri.core.shell.syntax import Parameter, Word
from fakecri.core.shell.text import single_quoted
from fakecri.core.shell.variables import MAX_LENGTH

Change: TypeAlias = Callable[[str], str]
Prepare: TypeAlias = Callable[[Shell, Parameter], Waits[Change]]


def _pattern(shell: Shell, part: Parameter) -> Waits[str]:
    from fakecri.core.shell.expansion import expand_pattern  # noqa: PLC0415  # which expands this

    return (yield from expand_pattern(shell, part.argument or Word(())))


def _second(shell: Shell, part: Parameter) -> Waits[str]:
    from fakecri.core.shell.expansion import expand_text  # noqa: PLC0415  # which expands this

    return (yield from expand_text(shell, part.second)) if part.second else ""


def _cut_start(shell: Shell, part: Parameter) -> Waits[Change]:
    pattern = yield from _pattern(shell, part)
    matcher = (compiled if part.operation == "##" else shortest)(pattern)

    def cut(value: str) -> str:
        match = matcher.match(value)
        return value[match.end() :] if match else value

    return cut


def _cut_end(shell: Shell, part: Parameter) -> Waits[Change]:
    matcher = compiled((yield from _pattern(shell, part)))
    longest = part.operation == "%%"

    def cut(value: str) -> str:
        starts = range(len(value) + 1)
        for start in starts if longest else reversed(starts):
            if matcher.fullmatch(value, start):
                return value[:start]
        return value

    return cut


def _replace(shell: Shell, part: Parameter) -> Waits[Change]:
    pattern = yield from _pattern(shell, part)
    text = yield from _second(shell, part)
    if not pattern:
        return lambda value: value
    expression = translated(pattern)
    if part.operation == "/#":
        expression = rf"\A(?:{expression})"
    elif part.operation == "/%":
        expression = rf"(?:{expression})\Z"
    matcher = re.compile(expression, re.DOTALL)
    count = 0 if part.operation == "//" else 1

    def replace(value: str) -> str:
        if len(value) * len(text) > MAX_LENGTH:
            count_found = sum(1 for _ in matcher.finditer(value))
            if count_found * len(text) > MAX_LENGTH:
                raise OutOfMemoryError
        if count == 0:
            return _replaced_all(matcher, text, value)
        return matcher.sub(lambda _: text, value, count=1)

    return replace


def _replaced_all(matcher: re.Pattern[str], text: str, value: str) -> str:
    """An empty match is none, unless the value is empty."""
    return matcher.sub(lambda match: text if match[0] or not value else "", value)


def _take(shell: Shell, part: Parameter) -> Waits[Change]:
    from fakecri.core.shell.expansion import evaluate_word  # noqa: PLC0415  # which expands this

    start = (yield from evaluate_word(shell, part.argument)) if part.argument else 0
    count = (yield from evaluate_word(shell, part.second)) if part.second else None

    def take(value: str) -> str:
        first = start if start >= 0 else len(value) + start
        if first < 0:
            return ""
        if count is None:
            return value[first:]
        end = first + count if count >= 0 else len(value) + count
        if end < first and shell.bash:
            raise ShellError(f"{count}: substring expression < 0", 1)
        return value[first : max(end, first)]

    return take


def _case(shell: Shell, part: Parameter) -> Waits[Change]:
    pattern = yield from _pattern(shell, part)
    matcher = compiled(pattern or "?")
    upper = part.operation[0] == "^"
    everywhere = len(part.operation) > 1

    def change(value: str) -> str:
        def changed(character: str) -> str:
            if not (character.isascii() and matcher.fullmatch(character)):
                return character
            return character.upper() if upper else character.lower()

        if everywhere:
            return "".join(map(changed, value))
        return changed(value[:1]) + value[1:] if value else value

    return change


def _transform(_shell: Shell, part: Parameter) -> Waits[Change]:
    letter = part.operation[1:]
    changes: dict[str, Change] = {
        "Q": single_quoted,
        "U": str.upper,
        "L": str.lower,
        "u": lambda value: value[:1].upper() + value[1:],
    }
    if letter not in changes:
        raise ShellError("bad substitution", 1)
    yield from ()
    return changes[letter]


OPERATIONS: dict[str, Prepare] = {
    "#": _cut_start,
    "##": _cut_start,
    "%": _cut_end,
    "%%": _cut_end,
    "/": _replace,
    "//": _replace,
    "/#": _replace,
    "/%": _replace,
    ":": _take,
    "^": _case,
    "^^": _case,
    ",": _case,
    ",,": _case,
    "@": _transform,
}
