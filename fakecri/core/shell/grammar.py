"""The grammar: from tokens to commands, one complete line of commands at a time."""

from collections.abc import Mapping

from fakecri.core.shell.compound import Compound
from fakecri.core.shell.syntax import (
    AndOr,
    Background,
    Node,
    Pipeline,
    Sequence,
)

__all__ = ["Parser", "parse"]


class Parser(Compound):
    """Reads commands."""

    def next_line(self) -> Node | None:
        """Read the commands up to the end of the line; None at the end of the text.

        Raises SyntaxFailure, or Unfinished where the text is not final and the line goes on.
        """
        self.skip_newlines()
        if self.peek().kind == "end":
            self.finish_documents()
            return None
        commands = self.sequence()
        token = self.peek()
        if token.kind == "newline":
            self.take()
        elif token.kind != "end":
            raise self.expected()
        else:
            self._end_of_text()
        return commands

    @property
    def is_at_end(self) -> bool:
        """Whether nothing but blanks follows."""
        return not self.text[self.position :].strip(" \t\n")

    def _end_of_text(self) -> None:
        if not self.final:
            raise self.ended("unexpected end of file")
        self.finish_documents()

    def commands_until_parenthesis(self) -> tuple[Node, ...]:
        """Read what stands in `$(...)`."""
        saved, held = self.save_documents(), self._token
        self._token = None
        commands = []
        while True:
            self.skip_newlines()
            if self.peek().is_operator(")"):
                break
            if self.peek().kind == "end":
                raise self.expected('")"')
            commands.append(self.sequence())
            if not (self.peek().kind == "newline" or self.peek().is_operator(")")):
                raise self.expected('")"')
        self.take()
        self.restore_documents(saved)
        self._token = held
        return tuple(commands)

    def commands_of(self, text: str) -> tuple[Node, ...]:
        """Read all of another text."""
        self.deeper()
        inside = Parser(
            text, bash=self.bash, line=self.line, depth=self.depth, aliases=self.aliases
        )
        commands = []
        while (node := inside.next_line()) is not None:
            commands.append(node)
        self.depth -= 1
        return tuple(commands)

    def sequence(self) -> Node:
        """Read commands up to a newline, or to what no command begins with."""
        commands = [self._and_or()]
        while self.peek().is_operator(";", "&"):
            if self.take().text == "&":
                commands[-1] = Background(commands[-1])
            if self.ends_commands():
                break
            commands.append(self._and_or())
        return commands[0] if len(commands) == 1 else Sequence(tuple(commands))

    def _and_or(self) -> Node:
        first = self._pipeline()
        rest = []
        while self.peek().is_operator("&&", "||"):
            operator = self.take().text
            self.skip_newlines()
            rest.append((operator, self._pipeline()))
        return AndOr(first, tuple(rest)) if rest else first

    def _pipeline(self) -> Node:
        negated = timed = False
        token = self.peek(command=True)
        if self.bash and token.text == "time":
            self.take()
            timed = True
            if self.peek().text == "-p":
                self.take()
            token = self.peek(command=True)
        if token.text == "!":
            self.take()
            negated = True
        commands = [self.command()]
        while self.peek().is_operator("|", "|&"):
            both = self.take().text == "|&"
            if both:
                commands[-1] = self.with_errors(commands[-1])
            self.skip_newlines()
            commands.append(self.command())
        if len(commands) == 1 and not (negated or timed):
            return commands[0]
        return Pipeline(tuple(commands), negated, timed)


def parse(text: str, *, bash: bool = False, aliases: Mapping[str, str] | None = None) -> list[Node]:
    """Read a whole script. Raises SyntaxFailure."""
    parser = Parser(text, bash=bash, aliases=aliases)
    nodes = []
    while (node := parser.next_line()) is not None:
        nodes.append(node)
    return nodes
