"""From words and operators to tokens, with aliases and here-documents."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from fakecri.core.shell.errors import SyntaxFailure
from fakecri.core.shell.scanner import Mode, Scanner
from fakecri.core.shell.syntax import HereDocument, Literal, Part, Quoted, Word

_OPERATORS = re.compile(r"&&|\|\||;;|<<-|<<|>>|<&|>&|<>|>\||&>|[|&;<>()]")
_BASH_OPERATORS = re.compile(
    r"&&|\|\||;;&|;;|;&|<<-|<<<|<<|>>|<&|>&|<>|>\||&>>|&>|\|&|<\(|>\(|[|&;<>()]"
)
REDIRECTIONS = frozenset({"<", ">", "<<", "<<-", ">>", "<&", ">&", "<>", ">|", "&>", "&>>", "<<<"})
_BLANK = re.compile(r"(?:[ \t]|\\\n)+")
_COMMENT = re.compile(r"#[^\n]*")
_NUMBERED = re.compile(r"([0-9]+)(?=[<>])")
_NAMED_INDEX = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\[")

RESERVED = frozenset(
    "! case do done elif else esac fi for function if in then until while".split()  # noqa: SIM905
) | {"{", "}", "[[", "select", "time"}


DEEPEST = 40
"""How many words may stand in words."""

EMPTY = Word(())


@dataclass(frozen=True, slots=True)
class Token:
    """`kind` is `word`, `operator`, `newline` or `end`; `text` is an operator or a plain word."""

    kind: str
    text: str = ""
    word: Word = EMPTY
    start: int = 0
    fd: int = -1

    def is_operator(self, *texts: str) -> bool:
        """Whether it is one of these operators."""
        return self.kind == "operator" and self.text in texts


class Tokens(Scanner):
    """The tokens of a text, one of them looked at before it is taken."""

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
        super().__init__(text, bash=bash, final=final, line=line, depth=depth, aliases=aliases)
        self._token: Token | None = None
        self._documents: list[HereDocument] = []
        self._expanding: list[tuple[str, int]] = []
        self._blank_alias = -1
        """How much text is left behind an alias that ends in a blank: the next word may be one."""

    def peek(self, *, command: bool = False) -> Token:
        """Look at the next token; an alias counts where a `command` may stand."""
        if self._token is None:
            self._token = self._read()
        while (command or self._follows_alias(self._token)) and self._expand_alias(self._token):
            self._token = self._read()
        return self._token

    def _follows_alias(self, token: Token) -> bool:
        if self._blank_alias < 0 or len(self.text) - token.start > self._blank_alias:
            return False
        self._blank_alias = -1
        return True

    def take(self) -> Token:
        """Take the next token; with a newline, the here-documents that wait for it."""
        token = self.peek()
        self._token = None
        if token.kind == "newline":
            self._read_documents()
        return token

    def skip_newlines(self) -> None:
        """Take all newlines that stand here."""
        while self.peek().kind == "newline":
            self.take()

    def expected(self, text: str = "") -> SyntaxFailure:
        """A complaint about the next token."""
        token = self.peek()
        if self.bash:
            return self._expected_by_bash(token)
        expecting = f" (expecting {text})" if text else ""
        if token.kind == "end":
            return self.ended(f"unexpected end of file{expecting}")
        return self.failure(f"unexpected {_shown(token)}{expecting}")

    def _expected_by_bash(self, token: Token) -> SyntaxFailure:
        if token.kind == "end":
            return self.ended("unexpected end of file")
        text = "newline" if token.kind == "newline" else token.text or "word"
        return SyntaxFailure(f"syntax error near unexpected token `{text}'")

    def _read(self) -> Token:
        self._skip_blank()
        text, start = self.text, self.position
        if start >= len(text):
            return Token("end", start=start)
        if text[start] == "\n":
            self.position += 1
            return Token("newline", start=start)
        if (number := _NUMBERED.match(text, start)) is not None:
            operator = self._operator(number.end())
            if operator and operator not in {"<(", ">("}:
                self.position = number.end() + len(operator)
                return Token("operator", operator, start=start, fd=int(number[1][-9:]))
        if operator := self._operator(start):
            self.position += len(operator)
            return Token("operator", operator, start=start)
        word = self._word_with_index()
        return Token("word", word.plain or "", word, start)

    def _skip_blank(self) -> None:
        blank = _BLANK.match(self.text, self.position)
        if blank is not None:
            self.position = blank.end()
        comment = _COMMENT.match(self.text, self.position)
        if comment is not None:
            self.position = comment.end()

    def _operator(self, start: int) -> str:
        match = (_BASH_OPERATORS if self.bash else _OPERATORS).match(self.text, start)
        return match[0] if match else ""

    def _word_with_index(self) -> Word:
        """In bash `a[i + 1]=x` is one word, blanks or not."""
        match = _NAMED_INDEX.match(self.text, self.position) if self.bash else None
        if match is None:
            return self.word()
        end = self.text.find("]", match.end())
        if end < 0 or not re.compile(r"\+?=").match(self.text, end + 1):
            return self.word()
        self.position = match.end()
        index = self.parts("]", Mode.BRACE)
        self.position += 1
        rest = self.word() if self.position < len(self.text) else Word(())
        return Word((Literal(match[0]), Quoted(""), *index, Quoted(""), *_closed(rest)))

    # Aliases.

    def _expand_alias(self, token: Token) -> bool:
        name = token.text
        if token.kind != "word" or name not in self.aliases:
            return False
        left = len(self.text) - self.position
        self._expanding = [
            each for each in self._expanding if each[1] < len(self.text) - token.start
        ]
        if any(each == name for each, _ in self._expanding):
            return False
        self._expanding.append((name, left))
        value = self.aliases[name]
        if value[-1:] in {" ", "\t"}:
            self._blank_alias = left
        _ = self.line
        self.text = self.text[: token.start] + value + self.text[self.position :]
        self.position = token.start
        return True

    # Here-documents.

    def add_document(self, document: HereDocument) -> None:
        """Expect the text of a here-document behind the next newline."""
        self._documents.append(document)

    def _read_documents(self) -> None:
        documents, self._documents = self._documents, []
        for document in documents:
            document.fill(self._document(document))

    def finish_documents(self) -> None:
        """At the end of the text, a here-document whose text never came is empty."""
        if self._documents and not self.final:
            raise self.ended("unexpected end of file")
        self._read_documents()

    def _document(self, document: HereDocument) -> Word:
        lines = []
        while True:
            if self.position >= len(self.text):
                if not self.final:
                    raise self.ended("unexpected end of file")
                break
            end = self.text.find("\n", self.position)
            end = len(self.text) if end < 0 else end + 1
            line = self.text[self.position : end]
            self.position = end
            if document.stripped:
                line = line.lstrip("\t")
            if line.removesuffix("\n") == document.delimiter:
                if not line.endswith("\n") and not self.final:
                    raise self.ended("unexpected end of file")
                break
            lines.append(line)
        text = "".join(lines)
        if document.quoted:
            return Word((Quoted(text),) if text else ())
        return self.inner_word(text, Mode.HERE)

    def inner_word(self, text: str, mode: Mode) -> Word:
        """Read a text as a word of its own."""
        inside = type(self)(text, bash=self.bash, line=self.line, depth=self.depth + 1)
        if inside.depth > DEEPEST:
            raise self.failure("constructs are nested too deeply")
        return Word(inside.parts("", mode))

    def save_documents(self) -> list[HereDocument]:
        """Set aside what waits, for what is read in between."""
        saved, self._documents = self._documents, []
        return saved

    def restore_documents(self, saved: list[HereDocument]) -> None:
        """Take it up again."""
        self._documents = saved + self._documents


def _closed(word: Word) -> tuple[Part, ...]:
    """The `]` and what follows."""
    first, *rest = word.parts or (Literal(""),)
    text = first.text if isinstance(first, Literal) else ""
    return (Literal("]" + text), *rest)


def _shown(token: Token) -> str:
    if token.kind == "newline":
        return "newline"
    if token.kind == "operator":
        return "redirection" if token.text in REDIRECTIONS else f'"{token.text}"'
    return f'"{token.text}"' if token.text in RESERVED else "word"
