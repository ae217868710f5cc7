"""Commands by themselves: simple ones, and those of reserved words and brackets."""

import re
from dataclasses import replace

from fakecri.core.shell.braces import expand_braces
from fakecri.core.shell.branches import ENDS, Branches
from fakecri.core.shell.scanner import NAME, Mode
from fakecri.core.shell.syntax import (
    Assignment,
    Calculation,
    Condition,
    Function,
    Group,
    HereDocument,
    Literal,
    Node,
    Quoted,
    Redirected,
    Redirection,
    Simple,
    Subshell,
    Word,
)
from fakecri.core.shell.tildes import with_tildes
from fakecri.core.shell.tokens import REDIRECTIONS, Token

_ASSIGNMENT = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(\+?)=")
_INDEXED = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)\[")
_COMBINING = {"&&": Word((Literal("-a"),)), "||": Word((Literal("-o"),))}
_QUOTES = re.compile(r"['\"\\]")
_DECLARING = frozenset({"declare", "typeset", "local", "export", "readonly"})


class Compound(Branches):
    """Reads one command, with its redirections."""

    def command(self) -> Node:
        """Read a command."""
        token = self.peek(command=True)
        if token.kind == "operator" and token.text == "(":
            return self._redirected(self._brackets(token))
        reader = _READERS.get(token.text) if token.kind == "word" else None
        if reader is not None and (self.bash or token.text not in {"select", "[["}):
            self.take()
            return self._redirected(reader(self))
        if token.kind == "word" and token.text == "function":
            return self._function_word()
        if token.kind == "word" and token.text in ENDS | {"in", "!"} - {"in"}:
            raise self.expected()
        if token.kind == "operator" and token.text in REDIRECTIONS:
            return self._simple()
        if token.kind != "word":
            raise self.expected()
        return self._simple()

    def with_errors(self, command: Node) -> Node:
        """`command |&`: its stderr goes into the pipe too."""
        redirection = Redirection(2, ">&", Word((Literal("1"),)))
        if isinstance(command, Simple):
            return replace(command, redirections=(*command.redirections, redirection))
        return Redirected(command, (redirection,))

    # Redirections.

    def _redirected(self, command: Node) -> Node:
        redirections = []
        while self.peek().is_operator(*REDIRECTIONS):
            redirections.append(self._redirection())
        return Redirected(command, tuple(redirections)) if redirections else command

    def _redirection(self) -> Redirection:
        operator = self.take()
        if self.peek().is_operator("<(", ">("):
            raise self.failure("process substitution is not simulated")
        if self.peek().kind != "word":
            raise self.expected()
        token = self.take()
        if operator.text in {"<<", "<<-"}:
            delimiter, quoted = _delimiter(token.word, self.text[token.start : self.position])
            document = HereDocument(delimiter, quoted, operator.text == "<<-")
            self.add_document(document)
            return Redirection(operator.fd, "<<", document)
        return Redirection(operator.fd, operator.text, token.word)

    # Simple commands.

    def _simple(self) -> Node:
        assignments: list[Assignment] = []
        arrays: list[tuple[int, Assignment]] = []
        words: list[Word] = []
        redirections: list[Redirection] = []
        line = self.line
        doubled = False  # in ash `[[` is a command; only `&&` and `||` mean something else there
        while True:
            token = self.peek(command=not words)
            if token.is_operator(*REDIRECTIONS):
                redirections.append(self._redirection())
            elif token.kind == "word":
                self._simple_word(assignments, arrays, words)
                doubled = not self.bash and (token.text == "[[" or (doubled and token.text != "]]"))
            elif doubled and token.is_operator("&&", "||"):
                words.append(_COMBINING[self.take().text])
            elif token.is_operator("(") and len(words) == 1 and not assignments:
                return self._function_definition(words[0])
            elif token.is_operator("<(", ">("):
                raise self.failure("process substitution is not simulated")
            else:
                break
        return Simple(
            tuple(assignments),
            tuple(each for word in words for each in expand_braces(word))
            if self.bash
            else tuple(words),
            tuple(redirections),
            line,
            tuple(arrays),
        )

    def _simple_word(
        self,
        assignments: list[Assignment],
        arrays: list[tuple[int, Assignment]],
        words: list[Word],
    ) -> None:
        word = self.take().word
        declares = self.bash and bool(words) and words[0].plain in _DECLARING
        assignment = self._assignment(word) if declares or not words else None
        if assignment is None:
            words.append(word)
        elif not words:
            assignments.append(assignment)
        elif isinstance(assignment.value, tuple):
            arrays.append((len(words), assignment))
            words.append(Word((Quoted(assignment.name),)))
        else:
            words.append(word)

    def _assignment(self, word: Word) -> Assignment | None:
        first = word.parts[0] if word.parts else None
        if not isinstance(first, Literal):
            return None
        match = _ASSIGNMENT.match(first.text)
        if match is None:
            return _indexed(word) if self.bash else None
        if match[2] and not self.bash:
            return None
        rest = first.text[match.end() :]
        parts = (*((Literal(rest),) if rest else ()), *word.parts[1:])
        if self.bash and not parts and self.text.startswith("(", self.position):
            return Assignment(match[1], self._array(), bool(match[2]))
        return Assignment(match[1], Word(with_tildes(parts)), bool(match[2]))

    def _array(self) -> tuple[Word, ...]:
        self.take()
        words: list[Word] = []
        while True:
            self.skip_newlines()
            token = self.peek()
            if token.is_operator(")"):
                self.take()
                return tuple(words)
            if token.kind != "word":
                raise self.expected('")"')
            words.extend(expand_braces(self.take().word))

    # Functions.

    def _function_definition(self, name: Word) -> Node:
        self.take()
        if not self.peek().is_operator(")"):
            raise self.expected('")"')
        self.take()
        plain = name.plain or ""
        if not (plain if self.bash else NAME.fullmatch(plain)):
            raise self.failure("bad function name")
        return self._function(plain)

    def _function_word(self) -> Node:
        self.take()
        name = self.peek()
        if name.kind != "word" or not name.text:
            raise self.expected("word")
        self.take()
        if self.peek().is_operator("("):
            self.take()
            if not self.peek().is_operator(")"):
                raise self.expected('")"')
            self.take()
        return self._function(name.text)

    def _function(self, name: str) -> Node:
        self.deeper()
        self.skip_newlines()
        body = self.command()
        self.depth -= 1
        return Function(name, body)

    # Brackets.

    def _brackets(self, token: Token) -> Node:
        if self.bash and self.text.startswith("((", token.start):
            position, self.position = self.position, token.start + 2
            self._token = None
            try:
                return Calculation(self.expression(")"))
            except Exception:  # noqa: BLE001  # then it is a subshell in a subshell
                self.position = position
                self._token = token
        self.take()
        body = self.body()
        self.expect(")")
        return Subshell(body)

    def group(self) -> Node:
        """`{` was taken."""
        body = self.body()
        self.expect("}")
        return Group(body)

    def condition(self) -> Node:
        """`[[` was taken."""
        words: list[Word] = []
        line = self.line
        while True:
            token = self.peek()
            if token.kind == "word" and token.text == "]]":
                self.take()
                return Condition(tuple(words), line)
            if token.kind == "end":
                raise self.expected('"]]"')
            self.take()
            if token.kind == "newline":
                continue
            if token.kind == "word" and token.text == "=~":
                words += [token.word, self._regular_expression()]
            else:
                words.append(token.word if token.kind == "word" else Word((Literal(token.text),)))

    def _regular_expression(self) -> Word:
        """Parentheses and bars are part of it."""
        self._skip_blank()
        found: list[object] = []
        depth = 0
        while self.position < len(self.text):
            found.extend(self.parts(" \t\n()", Mode.WORD))
            character = self.text[self.position : self.position + 1]
            if character not in {"(", ")"} and not (
                depth and character.strip(" \t") == "" and character
            ):
                break
            depth += {"(": 1, ")": -1}.get(character, 0)
            found.append(Literal(character))
            self.position += 1
        return Word(tuple(found))  # type: ignore[arg-type]  # parts of any kind

    # Reserved words.


def _indexed(word: Word) -> Assignment | None:
    """`name[index]=value`, as the scanner has put it together."""
    first = word.parts[0]
    match = _INDEXED.fullmatch(first.text) if isinstance(first, Literal) else None
    if match is None:
        return None
    for position, part in enumerate(word.parts):
        if position and isinstance(part, Literal) and re.match(r"\]\+?=", part.text):
            operator = part.text[1:]
            append = operator.startswith("+")
            rest = operator[2:] if append else operator[1:]
            value = (*((Literal(rest),) if rest else ()), *word.parts[position + 1 :])
            index = Word(word.parts[2 : position - 1])  # without what keeps its ends apart
            return Assignment(match[1], Word(value), append, index)
    return None


_READERS = {
    "{": Compound.group,
    "[[": Compound.condition,
    "if": Compound.if_,
    "while": Compound.while_,
    "until": Compound.until,
    "for": Compound.for_,
    "select": Compound.select,
    "case": Compound.case,
}


def _delimiter(word: Word, written: str) -> tuple[str, bool]:
    """Return what ends a here-document, and whether it is quoted: nothing in it is expanded."""
    texts = [part for part in word.parts if isinstance(part, Literal | Quoted)]
    if len(texts) == len(word.parts):
        return "".join(part.text for part in texts), any(isinstance(x, Quoted) for x in texts)
    bare = _QUOTES.sub("", written)
    return bare, bare != written
