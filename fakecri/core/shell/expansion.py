"""From words to the fields that a command gets."""

import re
from collections.abc import Sequence

from fakecri.core.scheduler import Waits
from fakecri.core.shell import arithmetic, substitution
from fakecri.core.shell.fields import Fields, Text
from fakecri.core.shell.globbing import glob
from fakecri.core.shell.parameters import expand_parameter, plain_value
from fakecri.core.shell.state import DEFAULT_IFS, Shell
from fakecri.core.shell.syntax import (
    Arithmetic,
    Literal,
    Parameter,
    Part,
    Quoted,
    Substitution,
    Tilde,
    Word,
)

_ONE_FIELD = re.compile(r"[A-Za-z0-9_./:+,=@%-]+")
"""What is a field as it stands, unless IFS is an unusual one."""


def expand_words(shell: Shell, words: Sequence[Word]) -> Waits[list[str]]:
    """Return the fields of some words."""
    found: list[str] = []
    for word in words:
        if word.literal is not None:
            found.append(word.literal)
            continue
        single = word.single
        if single is not None and single.name not in "@*":
            value = plain_value(shell, single.name)
            if single.quoted:
                found.append(value)
                continue
            if not value:
                continue
            if _ONE_FIELD.fullmatch(value) and shell.ifs() == DEFAULT_IFS:
                found.append(value)
                continue
        fields = Fields(shell.ifs())
        yield from add_parts(shell, word.parts, fields)
        for field in fields.finish():
            if field.is_pattern and "f" not in shell.options:
                found.extend(glob(shell, field))
            else:
                found.append(field.text)
    return found


def expand_text(shell: Shell, word: Word) -> Waits[str]:
    """Return a word as one text: neither split nor matched with files."""
    if word.literal is not None:
        return word.literal
    if word.single is not None and word.single.name not in "@*":
        return plain_value(shell, word.single.name)
    text = Text(shell.ifs())
    yield from add_parts(shell, word.parts, text)
    return text.value()


def expand_pattern(shell: Shell, word: Word) -> Waits[str]:
    """Return a word as a pattern: what was quoted stands for itself."""
    text = Text(shell.ifs())
    yield from add_parts(shell, word.parts, text)
    return text.pattern()


def expand_regular_expression(shell: Shell, word: Word) -> Waits[str]:
    """Return a word as a regular expression: what was quoted stands for itself."""
    text = Text(shell.ifs())
    yield from add_parts(shell, word.parts, text)
    return text.regular_expression()


def evaluate_word(shell: Shell, word: Word) -> Waits[int]:
    """Return the value of an expression with expansions in it."""
    text = yield from expand_text(shell, word)
    try:
        return arithmetic.evaluate(text, shell)
    except arithmetic.ArithmeticFailure as failure:
        if not shell.bash:
            raise
        raise arithmetic.in_bash(text, failure) from failure


def add_parts(
    shell: Shell, parts: Sequence[Part], fields: Fields, *, divisible: bool = False
) -> Waits[None]:
    """Expand parts into fields; `divisible`: text without quotes is split too."""
    for part in parts:
        if isinstance(part, Literal):
            if divisible:
                fields.split(part.text)
            else:
                fields.add(part.text, quoted=False)
        elif isinstance(part, Quoted):
            fields.add(part.text, quoted=True)
        elif isinstance(part, Parameter):
            if part.operation or part.index is not None or part.name in "@*":
                yield from expand_parameter(shell, part, fields)
            else:
                _put(fields, plain_value(shell, part.name), quoted=part.quoted)
        elif isinstance(part, Arithmetic):
            value = yield from evaluate_word(shell, part.expression)
            _put(fields, str(value), quoted=part.quoted)
        elif isinstance(part, Substitution):
            output = yield from substitution.substitute(shell, part.body)
            _put(fields, output, quoted=part.quoted)
        else:
            fields.add(_home(shell, part), quoted=True)


def _put(fields: Fields, text: str, *, quoted: bool) -> None:
    if quoted:
        fields.add(text, quoted=True)
    else:
        fields.split(text)


def _home(shell: Shell, tilde: Tilde) -> str:
    if not tilde.user:
        home = shell.variables.get("HOME")
        return "~" if home is None else home
    if shell.bash and tilde.user in {"+", "-"}:
        return shell.variables.get("PWD" if tilde.user == "+" else "OLDPWD") or f"~{tilde.user}"
    try:
        accounts = shell.process.files.read("/etc/passwd").decode("latin-1")
    except OSError:
        accounts = ""
    for line in accounts.split("\n"):
        columns = line.split(":")
        if columns[0] == tilde.user and len(columns) > 5:  # noqa: PLR2004  # the home is the 6th
            return columns[5]
    return f"~{tilde.user}"
