"""From a syntax tree back to a script, and how ash quotes what it traces."""

import re
from collections.abc import Callable
from typing import Any

from fakecri.core.shell.syntax import (
    AndOr,
    Arithmetic,
    Arm,
    Assignment,
    Background,
    Calculation,
    Case,
    Condition,
    For,
    ForArithmetic,
    Function,
    Group,
    HereDocument,
    If,
    Literal,
    Node,
    Parameter,
    Part,
    Pipeline,
    Quoted,
    Redirected,
    Redirection,
    Sequence,
    Simple,
    Subshell,
    Substitution,
    While,
    Word,
)
from fakecri.core.shell.text import single_quoted

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_PLAIN = re.compile(r"[A-Za-z0-9_./:=+,@%^-]+")
_QUOTED_BY_ASH = re.compile(r"[^+,\-./0-9:@A-Z\]^_a-z]")
_WORDS = frozenset(
    "! case do done elif else esac fi for function if in then until while { }".split()  # noqa: SIM905
)
_RESERVED = _WORDS | {"[[", "select", "time"}
_SPECIAL_IN_QUOTES = re.compile(r'([$`"\\])')


def trace_text(text: str, *, bash: bool) -> str:
    """Return a word as `set -x` shows it."""
    if bash:
        return text if _PLAIN.fullmatch(text) else single_quoted(text)
    return single_quoted(text) if _QUOTED_BY_ASH.search(text) or text in _WORDS else text


def script_text(node: Node) -> str:
    """Return a script that means the same, with its here-documents behind it."""
    printer = _Printer()
    text = printer.node(node)
    return "\n".join([text, *printer.documents_behind()])


def command_text(node: Node, *, bash: bool) -> str:
    """Return a command as `jobs` shows it."""
    return _Printer(is_tight=not bash).node(node)


class _Printer:
    """Writes nodes; `documents` are here-documents that have to follow."""

    def __init__(self, *, is_tight: bool = False) -> None:
        """`is_tight`: a subshell stands close in its parentheses, as ash shows it."""
        self.documents: list[tuple[str, str]] = []
        self.is_tight = is_tight

    def documents_behind(self) -> list[str]:
        """The here-documents with their ends; of the last one the script may have none."""
        texts = []
        for behind, (text, end) in enumerate(self.documents, 1 - len(self.documents)):
            if text[-1:] in {"", "\n"}:
                texts.append(text + end)
            else:
                texts.append(f"{text}\n{end}" if behind else text)
        return texts

    def subshell(self, node: Subshell) -> str:
        body = self.body(node.body).removesuffix("; ")
        return f"({body})" if self.is_tight else f"( {body} )"

    def node(self, node: Node) -> str:
        return _PRINTERS[type(node)](self, node)

    def body(self, node: Node) -> str:
        """A body, and what ends it."""
        text = self.node(node)
        if self.documents:
            text = "\n".join([text, *self.documents_behind()])
            self.documents = []
            return text + "\n"
        return text + (" " if isinstance(node, Background) or text.endswith("&") else "; ")

    # Words.

    def word(self, word: Word) -> str:
        text = ""
        for part in word.parts:
            piece = self.part(part)
            if text.endswith("$") and piece.startswith("'"):
                text, piece = text[:-1], f"'${piece[1:]}"  # apart they would mean something else
            text += piece
        return text

    def part(self, part: Part) -> str:
        if isinstance(part, Literal):
            return part.text
        if isinstance(part, Quoted):
            return single_quoted(part.text)
        if isinstance(part, Parameter):
            return self.quoted(self.parameter(part), quoted=part.quoted)
        if isinstance(part, Substitution):
            inside = "\n".join(self.whole(each) for each in part.body)
            return self.quoted(f"$( {inside}\n)", quoted=part.quoted)
        if isinstance(part, Arithmetic):
            return self.quoted(f"$(({self.raw(part.expression)}))", quoted=part.quoted)
        return f"~{part.user}"

    def whole(self, node: Node) -> str:
        saved, self.documents = self.documents, []
        text = self.node(node)
        text = "\n".join([text, *self.documents_behind()])
        self.documents = saved
        return text

    def quoted(self, text: str, *, quoted: bool) -> str:
        return f'"{text}"' if quoted else text

    def raw(self, word: Word) -> str:
        """What stands where quotes mean nothing: in an expression or a here-document."""
        return "".join(
            _SPECIAL_IN_QUOTES.sub(r"\\\1", part.text)
            if isinstance(part, Quoted)
            else self.part(part).removeprefix('"').removesuffix('"')
            for part in word.parts
        )

    def parameter(self, part: Parameter) -> str:
        index = "" if part.index is None else f"[{self.word(part.index)}]"
        name, operation = part.name + index, part.operation
        if operation == "length":
            return f"${{#{name}}}"
        if operation.startswith("indirect"):
            name, operation = f"!{name}", operation.removeprefix("indirect")
        if operation == "names":
            return f"${{!{name}*}}"
        if operation == "bad":
            return f"${{{name}!}}"
        argument = "" if part.argument is None else self.argument(part, part.argument)
        second = ""
        if part.second is not None:
            second = ("/" if operation[0] == "/" else ":") + self.argument(part, part.second)
        return f"${{{name}{operation}{argument}{second}}}"

    def argument(self, part: Parameter, word: Word) -> str:
        in_quotes = part.quoted and (
            part.operation[-1:] in {"-", "=", "?", "+"} or word is part.second
        )
        if not in_quotes:
            return self.word(word)
        return "".join(
            re.sub(r'([$`"\\}])', r"\\\1", each.text)
            if isinstance(each, Quoted)
            else self.part(each).removeprefix('"').removesuffix('"')
            for each in word.parts
        )

    # Commands.

    def simple(self, node: Simple) -> str:
        pieces = [self.assignment(each) for each in node.assignments]
        arrays = dict(node.arrays)
        pieces += [
            self.assignment(arrays[place]) if place in arrays else self.word(word)
            for place, word in enumerate(node.words)
        ]
        redirections = [self.redirection(each) for each in node.redirections]
        if not node.assignments and node.words and node.words[0].plain in _RESERVED:
            return " ".join([*redirections, *pieces])  # behind one, a reserved word is a plain one
        return " ".join([*pieces, *redirections])

    def assignment(self, node: Assignment) -> str:
        index = "" if node.index is None else f"[{self.word(node.index)}]"
        mark = "+=" if node.append else "="
        if isinstance(node.value, tuple):
            return f"{node.name}{index}{mark}({' '.join(self.word(each) for each in node.value)})"
        return f"{node.name}{index}{mark}{self.word(node.value)}"

    def redirection(self, node: Redirection) -> str:
        number = "" if node.fd < 0 else str(node.fd)
        if not isinstance(node.target, HereDocument):
            return f"{number}{node.operator} {self.word(node.target)}"
        document = node.target
        delimiter = single_quoted(document.delimiter) if document.quoted else document.delimiter
        text = (
            "".join(part.text for part in document.body.parts if isinstance(part, Quoted))
            if document.quoted
            else self.raw(document.body).replace('\\"', '"')
        )
        self.documents.append((text, document.delimiter))
        return f"{number}<<{'-' if document.stripped else ''}{delimiter}"

    def pipeline(self, node: Pipeline) -> str:
        text = " | ".join(self.node(each) for each in node.commands)
        return f"{'time ' if node.timed else ''}{'! ' if node.negated else ''}{text}"

    def and_or(self, node: AndOr) -> str:
        pieces = [self.node(node.first)]
        for operator, command in node.rest:
            pieces += [operator, self.node(command)]
        return " ".join(pieces)

    def sequence(self, node: Sequence) -> str:
        texts = [self.node(each) for each in node.commands]
        ends = [" " if text.endswith(" &") else "; " for text in texts[:-1]]
        return "".join(text + end for text, end in zip(texts, [*ends, ""], strict=True))

    def if_(self, node: If) -> str:
        pieces = []
        for position, (condition, body) in enumerate(node.branches):
            word = "elif" if position else "if"
            pieces.append(f"{word} {self.body(condition)}then {self.body(body)}")
        if node.otherwise is not None:
            pieces.append(f"else {self.body(node.otherwise)}")
        return "".join(pieces) + "fi"

    def while_(self, node: While) -> str:
        word = "until" if node.until else "while"
        return f"{word} {self.body(node.condition)}do {self.body(node.body)}done"

    def for_(self, node: For) -> str:
        words = "" if node.words is None else "".join(f" {self.word(x)}" for x in node.words)
        listed = "" if node.words is None else f" in{words}"
        name = "select" if node.is_menu else "for"
        return f"{name} {node.name}{listed}; do {self.body(node.body)}done"

    def for_arithmetic(self, node: ForArithmetic) -> str:
        parts = ";".join(self.raw(each) for each in (node.start, node.condition, node.step))
        return f"for (({parts})); do {self.body(node.body)}done"

    def case(self, node: Case) -> str:
        return f"case {self.word(node.word)} in {''.join(map(self.arm, node.arms))}esac"

    def arm(self, arm: Arm) -> str:
        patterns = "|".join(self.word(each) for each in arm.patterns)
        body = "" if arm.body is None else self.body(arm.body).removesuffix("; ")
        return f"({patterns}) {body} {arm.end} "

    def function(self, node: Function) -> str:
        is_plain = _NAME.fullmatch(node.name) and node.name not in _RESERVED
        head = f"{node.name}()" if is_plain else f"function {node.name}"
        return f"{head} {self.node(node.body)}"

    def redirected(self, node: Redirected) -> str:
        command = self.node(node.command)
        redirections = " ".join(self.redirection(each) for each in node.redirections)
        return f"{command} {redirections}"


_PRINTERS: dict[type[Any], Callable[[_Printer, Any], str]] = {
    Simple: _Printer.simple,
    Pipeline: _Printer.pipeline,
    AndOr: _Printer.and_or,
    Background: lambda printer, node: f"{printer.node(node.command)} &",
    Sequence: _Printer.sequence,
    Group: lambda printer, node: f"{{ {printer.body(node.body)}}}",
    Subshell: _Printer.subshell,
    If: _Printer.if_,
    While: _Printer.while_,
    For: _Printer.for_,
    ForArithmetic: _Printer.for_arithmetic,
    Case: _Printer.case,
    Function: _Printer.function,
    Condition: lambda p, node: f"[[ {' '.join(p.word(each) for each in node.words)} ]]",
    Calculation: lambda printer, node: f"(({printer.raw(node.expression)}))",
    Redirected: _Printer.redirected,
}
