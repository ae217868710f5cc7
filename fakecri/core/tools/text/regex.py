"""POSIX regular expressions, basic and extended with GNU's additions, as patterns of `re`.

Where alternatives differ in length, POSIX wants the longest match and `re` takes the first that
fits; alternatives that are all literal are tried from the longest on, so only the others differ.
"""

import re
from dataclasses import dataclass, field
from functools import lru_cache

_CLASSES = {
    "alpha": "a-zA-Z",
    "digit": "0-9",
    "alnum": "a-zA-Z0-9",
    "upper": "A-Z",
    "lower": "a-z",
    "space": r" \t\n\r\f\v",
    "blank": r" \t",
    "punct": r"!-/:-@\[-`{-~",
    "print": " -~",
    "graph": "!-~",
    "cntrl": r"\x00-\x1f\x7f",
    "xdigit": "0-9A-Fa-f",
}
_GNU = {
    "w": "[a-zA-Z0-9_]",
    "W": "[^a-zA-Z0-9_]",
    "s": r"[ \t\n\r\f\v]",
    "S": r"[^ \t\n\r\f\v]",
    "b": r"\b",
    "B": r"\B",
    "<": r"\b(?=\w)",
    ">": r"\b(?<=\w)",
    "`": r"\A",
    "'": r"\Z",
}
_DUP_MAX = 0x7FFF

_BRACKET = "Unmatched [, [^, [:, [., or [="
_OPENED = r"Unmatched ( or \("
_CLOSED = r"Unmatched ) or \)"
_BRACE = r"Unmatched \{"
_CONTENT = r"Invalid content of \{\}"
_PRECEDING = "Invalid preceding regular expression"
_BIG = "Regular expression too big"


class BadPatternError(Exception):
    """It is no regular expression; the text is regerror(3)'s."""


@dataclass(slots=True)
class _Group:
    """Alternatives that are being read."""

    number: int
    branches: list[list[str]] = field(default_factory=lambda: [[]])
    literal: bool = True

    @property
    def atoms(self) -> list[str]:
        return self.branches[-1]

    def text(self) -> str:
        branches = ["".join(each) for each in self.branches]
        if self.literal:
            branches.sort(key=lambda each: -len(each))
        return "|".join(branches)


class _Translation:
    def __init__(self, pattern: str, *, extended: bool, lenient: bool, multiline: bool) -> None:
        self.pattern = pattern
        self.extended = extended
        self.lenient = lenient
        self.multiline = multiline
        self.at = 0
        self.stack = [_Group(0)]
        self.groups = 0
        self.closed: set[int] = set()

    @property
    def group(self) -> _Group:
        return self.stack[-1]

    def peek(self, text: str) -> bool:
        return self.pattern.startswith(text, self.at)

    def run(self) -> str:
        while self.at < len(self.pattern):
            lexeme = self.lexeme()
            self.operate(lexeme) or self.special(lexeme) or self.literal(lexeme)
        if len(self.stack) > 1:
            raise BadPatternError(_OPENED)
        return self.group.text()

    def lexeme(self) -> str:
        """The next character, with the backslash before it."""
        lexeme = self.pattern[self.at]
        if lexeme == "\\":
            lexeme = self.pattern[self.at : self.at + 2]
            if len(lexeme) == 1:
                raise BadPatternError("Trailing backslash")
        self.at += len(lexeme)
        return lexeme

    def operator(self, lexeme: str) -> str:
        """What a lexeme stands for: `( ) { | + ?` with or without a backslash."""
        if self.extended:
            return lexeme if lexeme in {"(", ")", "{", "|", "+", "?"} else ""
        return lexeme[1] if lexeme[:1] == "\\" and lexeme[1:] in {*"(){|+?"} else ""

    def operate(self, lexeme: str) -> bool:
        operator = self.operator(lexeme)
        if operator == "(":
            self.groups += 1
            self.group.literal = False
            self.stack.append(_Group(self.groups))
        elif operator == ")":
            return self.close()
        elif operator == "|" or (lexeme == "\n" and self.lenient):
            self.group.branches.append([])
        elif operator in {"{", "+", "?"} or lexeme == "*":
            return self.repeat(operator or lexeme)
        else:
            return False
        return True

    def close(self) -> bool:
        if len(self.stack) == 1:
            if self.extended:
                return False
            raise BadPatternError(_CLOSED)
        group = self.stack.pop()
        self.closed.add(group.number)
        self.group.atoms.append(f"({group.text()})")
        return True

    def repeat(self, operator: str) -> bool:
        group = self.group
        starts = not group.atoms or (not self.extended and group.atoms == [self.start()])
        if starts and not self.extended and operator != "{":
            return False
        if starts and not self.lenient:
            raise BadPatternError(_PRECEDING)
        if operator == "{":
            bounds = self.bounds()
            if bounds is None:
                return False
            operator = bounds
        if starts:
            return True
        group.literal = False
        group.atoms[-1] = f"(?:{group.atoms[-1]}){operator}"
        return True

    def bounds(self) -> str | None:
        closing = "}" if self.extended else r"\}"
        end = self.pattern.find(closing, self.at)
        if end < 0:
            if self.lenient and self.extended:
                return None
            raise BadPatternError(_BRACE)
        match = re.fullmatch(r"([0-9]*)(,?)([0-9]*)", self.pattern[self.at : end])
        if match is None or (not match[1] and not match[2]):
            if self.lenient and self.extended:
                return None
            raise BadPatternError(_CONTENT)
        low, high = match[1] or "0", match[3]
        if max(len(low), len(high)) > len(str(_DUP_MAX)) or int(high or low) > _DUP_MAX:
            raise BadPatternError(_BIG)
        if high and int(low) > int(high):
            raise BadPatternError(_CONTENT)
        self.at = end + len(closing)
        return f"{{{low}{match[2]}{high}}}"

    def start(self) -> str:
        return "(?m:^)" if self.multiline else r"\A"

    def end(self) -> str:
        return "(?m:$)" if self.multiline else r"\Z"

    def special(self, lexeme: str) -> bool:
        """Read what is neither an operator nor a character that stands for itself."""
        text = None
        if lexeme == ".":
            text = "."
        elif lexeme == "[":
            text = self.bracket()
        elif lexeme == "^" and (self.extended or not self.group.atoms):
            text = self.start()
        elif lexeme == "$" and (self.extended or self.is_last()):
            text = self.end()
        elif lexeme[0] == "\\" and lexeme[1] in _GNU:
            text = _GNU[lexeme[1]]
        elif lexeme[0] == "\\" and lexeme[1] in "123456789":
            if int(lexeme[1]) not in self.closed:
                raise BadPatternError("Invalid back reference")
            text = f"(?:{lexeme})"
        if text is None:
            return False
        self.group.literal = False
        self.group.atoms.append(text)
        return True

    def is_last(self) -> bool:
        return self.at == len(self.pattern) or self.peek(r"\)") or self.peek(r"\|")

    def literal(self, lexeme: str) -> bool:
        self.group.atoms.append(re.escape(lexeme[-1]))
        return True

    def bracket(self) -> str:
        negated = self.peek("^")
        self.at += negated
        start = self.at
        parts: list[str] = []
        while True:
            if self.at >= len(self.pattern):
                raise BadPatternError(_BRACKET)
            if self.peek("]") and self.at > start:
                self.at += 1
                break
            parts.append(self.bracket_item())
        return f"[{'^' if negated else ''}{''.join(parts)}]"

    def bracket_item(self) -> str:
        if self.peek("[:"):
            name = self.delimited(":]")
            if name not in _CLASSES:
                raise BadPatternError("Invalid character class name")
            return _CLASSES[name]
        first = self.bracket_character()
        if not self.peek("-") or self.pattern[self.at + 1 : self.at + 2] in {"]", ""}:
            return re.escape(first)
        self.at += 1
        last = self.bracket_character()
        if first > last:
            raise BadPatternError("Invalid range end")
        return f"{re.escape(first)}-{re.escape(last)}"

    def bracket_character(self) -> str:
        for mark in ".=":
            if self.peek(f"[{mark}"):
                name = self.delimited(f"{mark}]")
                if len(name) != 1:
                    raise BadPatternError("Invalid collation character")
                return name
        self.at += 1
        return self.pattern[self.at - 1]

    def delimited(self, closing: str) -> str:
        end = self.pattern.find(closing, self.at + 2)
        if end < 0:
            raise BadPatternError(_BRACKET)
        name = self.pattern[self.at + 2 : end]
        self.at = end + 2
        return name


@lru_cache(maxsize=512)
def compiled(
    pattern: bytes,
    *,
    extended: bool = False,
    ignore_case: bool = False,
    lenient: bool = False,
    multiline: bool = False,
) -> re.Pattern[bytes]:
    """Compile a pattern. Raises BadPatternError.

    `lenient` is grep's syntax: a newline separates alternatives, an operator with nothing to
    repeat is skipped. `multiline`: anchors match at every line of the text.
    """
    text = pattern.decode("latin-1")
    translation = _Translation(text, extended=extended, lenient=lenient, multiline=multiline)
    flags = re.DOTALL | (re.IGNORECASE if ignore_case else re.NOFLAG)
    try:
        return re.compile(translation.run().encode("latin-1"), flags)
    except (re.error, RecursionError, OverflowError, MemoryError):
        raise BadPatternError(_BIG) from None
