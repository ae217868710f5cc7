"""Several rules in one text, as in a file: one a line, or continued by indentation.

# The registry is slow to wake.
PullImage{image=*nginx*} = 2* error(UNAVAILABLE)
    -> off
Status = 30% error(INTERNAL); Version = error(UNKNOWN)
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from fakecri.core.faults.grammar import parse_rule
from fakecri.core.faults.reading import RuleError
from fakecri.core.faults.rules import Rule

_PART = re.compile(r'"(?:[^"\\\n]|\\.)*"?|(?P<comment>#[^\n]*)|(?P<end>[;\n])|[^"#;\n]+', re.DOTALL)


@dataclass(slots=True)
class _Piece:
    """What is one rule: its text, and where that begins."""

    text: str
    line: int
    column: int
    closed: bool = False
    """Whether a semicolon ends it."""


def parse_rules(text: str) -> tuple[Rule, ...]:
    """Return the rules of a text, which ends of lines or semicolons part.

    A line that is indented more than the first one goes on with the rule before it; what follows
    a # is a comment. RuleError for the first that is none.
    """
    rules = []
    for piece in _joined(_pieces(text)):
        try:
            rules.append(parse_rule(piece.text))
        except RuleError as error:
            raise error.moved(piece.line, piece.column) from None
    return tuple(rules)


def _pieces(text: str) -> Iterator[_Piece]:
    """Part a text at semicolons and ends of lines, with blanks for its comments."""
    piece = _Piece("", 1, 1)
    line, line_start = 1, 0
    for part in _PART.finditer(text):
        if part["end"] is None:
            piece.text += part[0] if part["comment"] is None else " " * len(part[0])
            line += part[0].count("\n")
            continue
        piece.closed = part[0] == ";"
        yield piece
        if part[0] == "\n":
            line, line_start = line + 1, part.end()
        piece = _Piece("", line, part.end() - line_start + 1)
    yield piece


def _joined(pieces: Iterator[_Piece]) -> Iterator[_Piece]:
    """Join each rule with the lines that go on with it, and leave out what is blank."""
    rule: _Piece | None = None
    indentation: int | None = None
    for piece in pieces:
        content = piece.text.lstrip()
        if not content:
            continue
        indent = len(piece.text) - len(content)
        if indentation is None:
            indentation = indent
        goes_on = piece.column == 1 and indent > indentation
        if rule is not None and goes_on and not rule.closed:
            rule.closed = piece.closed
            below = piece.line - rule.line - rule.text.count("\n")
            rule.text += "\n" * below + piece.text
        else:
            if rule is not None:
                yield rule
            rule = piece
    if rule is not None:
        yield rule
