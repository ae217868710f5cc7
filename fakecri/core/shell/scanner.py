"""From the text of a script to words: quotes, escapes and everything that begins with `$`."""

import re
from collections.abc import Mapping
from enum import Enum
from functools import lru_cache

from fakecri.core.shell.errors import SyntaxFailure, Unfinished
from fakecri.core.shell.escapes import unescape_dollar
from fakecri.core.shell.syntax import (
    Arithmetic,
    Node,
    Parameter,
    Part,
    Quoted,
    Substitution,
    Word,
)
from fakecri.core.shell.tildes import add, with_tilde

MAX_DEPTH = 40
"""Constructs within each other; more of them are refused, so that no script exhausts the host."""

WORD_ENDS = " \t\n|&;<>()"
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_PARAMETER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*|[0-9]+|[@*#?$!-]")
_SIMPLE_PARAMETER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*|[0-9@*#?$!-]")
_OPERATION = re.compile(r":[-=?+]|[-=?+]|##?|%%?|//?|:|\^\^?|,,?|@[A-Za-z]")
_BASH_ONLY = frozenset("^,@")


_UNCLOSED = {
    "unterminated quoted string": '"',
    "missing '}'": "}",
    "missing '))'": ")",
    "EOF in backquote substitution": "`",
}
"""What bash calls by another name."""


class Mode(Enum):
    """Where text stands, which says what is special in it."""

    WORD = "word"
    BRACE = "in the braces of a parameter"
    DOUBLE = "in double quotes"
    BRACE_IN_DOUBLE = "in braces in double quotes"
    HERE = "in a here-document"
    ARITHMETIC = "in an expression"


_ESCAPABLE = {
    Mode.DOUBLE: '$`"\\',
    Mode.BRACE_IN_DOUBLE: '$`"\\}',
    Mode.HERE: "$`\\",
    Mode.ARITHMETIC: '$`"\\',
}
_UNQUOTED = frozenset({Mode.WORD, Mode.BRACE})


@lru_cache(maxsize=64)
def _plain(ends: str, mode: Mode) -> re.Pattern[str]:
    special = "$`\\" + ends
    if mode in _UNQUOTED:
        special += "\"'"
    elif mode is not Mode.HERE:
        special += '"'
    if mode is Mode.ARITHMETIC:
        special += "()"
    return re.compile("[^" + re.escape(special) + "]+")


class Scanner:
    """A place in a text, and how to read on from there."""

    def __init__(
        self,
        text: str,
        *,
        bash: bool = False,
        final: bool = True,
        line: int = 1,
        depth: int = 0,
        aliases: Mapping[str, str] | None = None,
    ) -> None:
        """`final`: nothing will follow the text. `line` is the number of its first line."""
        self.text = text
        self.position = 0
        self.bash = bash
        self.final = final
        self.depth = depth
        self.aliases = {} if aliases is None else aliases
        self._line = line
        self._counted = 0

    @property
    def line(self) -> int:
        """The number of the line that is being read."""
        self._line += self.text.count("\n", self._counted, self.position)
        self._counted = max(self._counted, self.position)
        return self._line

    def failure(self, text: str) -> SyntaxFailure:
        """A complaint about what stands here."""
        return SyntaxFailure(f"syntax error: {text}")

    def ended(self, text: str) -> SyntaxFailure:
        """A complaint that the text ends here."""
        kind = SyntaxFailure if self.final else Unfinished
        if self.bash and text in _UNCLOSED:
            return kind(f"unexpected EOF while looking for matching `{_UNCLOSED[text]}'")
        return kind(f"syntax error: {text}")

    def deeper(self) -> None:
        """Go one construct deeper."""
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise self.failure("constructs are nested too deeply")

    def commands_until_parenthesis(self) -> tuple[Node, ...]:
        """Read what stands in `$(...)`; the grammar knows how."""
        raise NotImplementedError

    def commands_of(self, text: str) -> tuple[Node, ...]:
        """Read all of another text; the grammar knows how."""
        raise NotImplementedError

    # Words.

    def word(self) -> Word:
        """Read a word."""
        return Word(with_tilde(self.parts(WORD_ENDS, Mode.WORD)))

    def parts(self, ends: str, mode: Mode) -> tuple[Part, ...]:
        """Read up to one of the characters `ends`, or to the end of the text."""
        found: list[Part] = []
        plain = _plain(ends, mode)
        while self.position < len(self.text):
            match = plain.match(self.text, self.position)
            if match is not None:
                self.position = match.end()
                add(found, match[0], quoted=mode not in _UNQUOTED)
                continue
            if self.text[self.position] in ends:
                break
            self._special(found, mode)
        return tuple(found)

    def _special(self, found: list[Part], mode: Mode) -> None:
        character = self.text[self.position]
        if character == "\\":
            self._backslash(found, mode)
        elif character == "$":
            self._dollar(found, mode)
        elif character == "`":
            found.append(Substitution(self._backquoted(mode), mode not in _UNQUOTED))
        elif character == '"':
            self.position += 1
            inside = self.double_quoted()
            for part in inside or (Quoted(""),):
                if isinstance(part, Quoted):
                    add(found, part.text, quoted=True)
                else:
                    found.append(part)
        elif character == "'":
            self._single_quoted(found)
        else:  # a parenthesis in an expression
            self.position += 1
            add(found, character, quoted=True)

    def _backslash(self, found: list[Part], mode: Mode) -> None:
        following = self.text[self.position + 1 : self.position + 2]
        if not following:
            if not self.final:
                raise self.ended("unterminated quoted string")
            self.position += 1
            add(found, "\\", quoted=True)
            return
        self.position += 2
        if following == "\n":
            return
        if mode in _UNQUOTED or following in _ESCAPABLE[mode]:
            add(found, following, quoted=True)
        else:
            add(found, "\\" + following, quoted=True)

    def _single_quoted(self, found: list[Part]) -> None:
        end = self.text.find("'", self.position + 1)
        if end < 0:
            raise self.ended("unterminated quoted string")
        add(found, self.text[self.position + 1 : end], quoted=True)
        self.position = end + 1

    def double_quoted(self) -> tuple[Part, ...]:
        """Read to the closing quote, and over it."""
        inside = self.parts('"', Mode.DOUBLE)
        if self.position >= len(self.text):
            raise self.ended("unterminated quoted string")
        self.position += 1
        return inside

    # What begins with `$`.

    def _dollar(self, found: list[Part], mode: Mode) -> None:
        quoted = mode not in _UNQUOTED
        text, after = self.text, self.position + 1
        following = text[after : after + 1]
        if following == "(":
            found.append(self._parenthesis(quoted=quoted))
        elif following == "{":
            self.position += 2
            found.append(self._braces(quoted=quoted))
        elif following == "'" and not quoted:
            self._ansi_quoted(found)
        elif following == '"' and not quoted and self.bash:
            self.position += 1
        elif (match := _SIMPLE_PARAMETER.match(text, after)) is not None:
            self.position = match.end()
            found.append(Parameter(match[0], quoted))
        else:
            self.position += 1
            add(found, "$", quoted=quoted)

    def _ansi_quoted(self, found: list[Part]) -> None:
        match = re.compile(r"(?:[^'\\]|\\.)*", re.DOTALL).match(self.text, self.position + 2)
        end = match.end() if match else len(self.text)
        if self.text[end : end + 1] != "'":
            raise self.ended("unterminated quoted string")
        add(found, unescape_dollar(self.text[self.position + 2 : end]), quoted=True)
        self.position = end + 1

    def _parenthesis(self, *, quoted: bool) -> Part:
        start = self.position
        if self.text.startswith("$((", start):
            try:
                return self._arithmetic(quoted=quoted)
            except SyntaxFailure:
                if not self.bash:
                    raise
            self.position = start
        self.position += 2
        self.deeper()
        body = self.commands_until_parenthesis()
        self.depth -= 1
        return Substitution(body, quoted)

    def _arithmetic(self, *, quoted: bool) -> Part:
        self.position += 3
        return Arithmetic(self.expression(")"), quoted)

    def expression(self, ends: str) -> Word:
        """Read an expression up to `))`, and over it, or up to another of `ends`, but not over it.

        Parentheses within it are its own.
        """
        self.deeper()
        depth = 0
        found: list[Part] = []
        while True:
            found.extend(self.parts("()" + ends, Mode.ARITHMETIC))
            character = self.text[self.position : self.position + 1]
            if not character:
                raise self.ended("missing '))'")
            if character == "(":
                depth += 1
            elif character == ")" and depth:
                depth -= 1
            elif character == ")" and not self.text.startswith("))", self.position):
                raise self.failure("missing '))'")
            elif not depth:
                break
            self.position += 1
            add(found, character, quoted=True)
        self.position += 2 if character == ")" else 0
        self.depth -= 1
        return Word(tuple(found))

    def _backquoted(self, mode: Mode) -> tuple[Node, ...]:
        match = re.compile(r"(?:[^`\\]|\\.)*", re.DOTALL).match(self.text, self.position + 1)
        end = match.end() if match else len(self.text)
        if self.text[end : end + 1] != "`":
            raise self.ended("EOF in backquote substitution")
        escapable = r'\\([$`\\"])' if mode is Mode.DOUBLE else r"\\([$`\\])"
        text = re.sub(escapable, r"\1", self.text[self.position + 1 : end])
        self.position = end + 1
        return self.commands_of(text)

    def _braces(self, *, quoted: bool) -> Part:
        self.deeper()
        parameter = self._in_braces(quoted=quoted)
        if self.text[self.position : self.position + 1] != "}":
            if self.position >= len(self.text):
                raise self.ended("missing '}'")
            self.parts("}", Mode.BRACE)
            parameter = Parameter(parameter.name, quoted, "bad")
        if self.position >= len(self.text):
            raise self.ended("missing '}'")
        self.position += 1
        self.depth -= 1
        return parameter

    def _in_braces(self, *, quoted: bool) -> Parameter:
        prefix = self._prefix()
        match = _PARAMETER.match(self.text, self.position)
        if match is None:
            return Parameter("", quoted, "bad")
        self.position = match.end()
        name = match[0]
        index = self._index() if self.bash and self.text.startswith("[", self.position) else None
        if prefix and self.text.startswith("}", self.position):
            return Parameter(name, quoted, prefix, index=index)
        if prefix == "indirect" and self.text[self.position : self.position + 2] in {"*}", "@}"}:
            self.position += 1
            return Parameter(name, quoted, "names")
        if self.text.startswith("}", self.position):
            return Parameter(name, quoted, index=index)
        return self._operation(name, index, prefix, quoted=quoted)

    def _prefix(self) -> str:
        """`#` and `!` may be parameters themselves."""
        following = self.text[self.position + 1 : self.position + 2]
        if self.text.startswith("#", self.position) and (
            following.isalnum() or following in {"_", "@", "*", "?", "$", "!", "-", "#"}
        ):
            if following in "?-#" and not self.text.startswith("}", self.position + 2):
                return ""
            self.position += 1
            return "length"
        if (
            self.bash
            and self.text.startswith("!", self.position)
            and (following.isalnum() or following == "_")
        ):
            self.position += 1
            return "indirect"
        return ""

    def _index(self) -> Word:
        self.position += 1
        index = Word(self.parts("]", Mode.BRACE))
        if self.position >= len(self.text):
            raise self.ended("missing ']'")
        self.position += 1
        return index

    def _operation(self, name: str, index: Word | None, prefix: str, *, quoted: bool) -> Parameter:
        match = _OPERATION.match(self.text, self.position)
        if match is None or (match[0][0] in _BASH_ONLY and not self.bash) or prefix == "length":
            return Parameter(name, quoted, "bad")
        self.position = match.end()
        operation, second = match[0], None
        if operation in {"/", "//"}:
            if self.text[self.position : self.position + 1] in {"#", "%"} and operation == "/":
                operation += self.text[self.position]
                self.position += 1
            argument = Word(self.parts("/}", Mode.BRACE))
            second = self._second("/", quoted=quoted)
        elif operation == ":":
            argument = Word(self.parts(":}", Mode.BRACE))
            second = self._second(":", quoted=quoted)
        else:
            is_value = operation[-1] in "-=?+"
            mode = Mode.BRACE_IN_DOUBLE if quoted and is_value else Mode.BRACE
            argument = Word(with_tilde(self.parts("}", mode)))
        if prefix:
            operation = f"indirect{operation}"
        return Parameter(name, quoted, operation, argument, second, index)

    def _second(self, separator: str, *, quoted: bool) -> Word | None:
        if not self.text.startswith(separator, self.position):
            return None
        self.position += 1
        return Word(self.parts("}", Mode.BRACE_IN_DOUBLE if quoted else Mode.BRACE))
