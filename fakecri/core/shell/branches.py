"""Commands of reserved words: choices and loops."""

from fakecri.core.shell.braces import expand_braces
from fakecri.core.shell.scanner import NAME
from fakecri.core.shell.syntax import (
    Arm,
    Case,
    For,
    ForArithmetic,
    If,
    Node,
    Sequence,
    While,
    Word,
)
from fakecri.core.shell.tokens import Token, Tokens

ENDS = frozenset({"then", "else", "elif", "fi", "do", "done", "esac", "}"})
"""The words that end a list of commands."""


class Branches(Tokens):
    """Reads what takes lists of commands between reserved words."""

    def sequence(self) -> Node:
        """Read commands; the grammar knows how."""
        raise NotImplementedError

    def ends_commands(self) -> bool:
        """Whether a list of commands ends here."""
        token = self.peek(command=True)
        if token.kind in {"end", "newline"}:
            return True
        if token.kind == "operator":
            return token.text in {")", ";;", ";&", ";;&"}
        return token.text in ENDS

    def body(self) -> Node:
        """Read commands over newlines, at least one."""
        self.deeper()
        self.skip_newlines()
        if self.peek().kind == "end":
            self.depth -= 1
            return Sequence(())  # and who reads on complains of the end
        commands = [self.sequence()]
        while self.peek().kind == "newline":
            self.skip_newlines()
            if self.ends_commands():
                break
            commands.append(self.sequence())
        self.depth -= 1
        return commands[0] if len(commands) == 1 else Sequence(tuple(commands))

    def expect(self, *texts: str) -> None:
        """Take a reserved word or an operator that has to stand here."""
        if self.peek(command=True).text not in texts:
            raise self.expected(f'"{texts[0]}"')
        self.take()

    def if_(self) -> Node:
        """`if` was taken."""
        branches = []
        otherwise = None
        while True:
            condition = self.body()
            self.expect("then")
            branches.append((condition, self.body()))
            token = self.peek(command=True)
            if token.text == "elif":
                self.take()
                continue
            if token.text == "else":
                self.take()
                otherwise = self.body()
            self.expect("fi")
            return If(tuple(branches), otherwise)

    def _loop_body(self) -> Node:
        self.skip_newlines()
        self.expect("do")
        body = self.body()
        self.expect("done")
        return body

    def while_(self) -> Node:
        """`while` was taken."""
        condition = self.body()
        return While(condition, self._loop_body())

    def until(self) -> Node:
        """`until` was taken."""
        condition = self.body()
        return While(condition, self._loop_body(), until=True)

    def for_(self) -> Node:
        """`for` was taken."""
        token = self.peek()
        if self.bash and token.is_operator("(") and self.text.startswith("((", token.start):
            return self._for_arithmetic(token)
        return self._for_names(is_menu=False)

    def select(self) -> Node:
        """`select` was taken."""
        return self._for_names(is_menu=True)

    def _for_names(self, *, is_menu: bool) -> Node:
        token = self.peek()
        if token.kind == "end" and not self.final:
            raise self.expected()
        if token.kind != "word" or not NAME.fullmatch(token.text):
            raise self.failure("bad for loop variable")
        self.take()
        self.skip_newlines()
        words = None
        if self.peek().text == "in":
            self.take()
            words = self._for_words()
        elif self.peek().is_operator(";"):
            self.take()
        return For(token.text, words, self._loop_body(), is_menu)

    def _for_words(self) -> tuple[Word, ...]:
        words: list[Word] = []
        while self.peek().kind == "word":
            word = self.take().word
            words.extend(expand_braces(word) if self.bash else (word,))
        if not (self.peek().kind == "newline" or self.peek().is_operator(";")):
            raise self.expected()
        self.take()
        return tuple(words)

    def _for_arithmetic(self, token: Token) -> Node:
        self.position, self._token = token.start + 2, None
        start = self.expression(";")
        self.position += 1
        condition = self.expression(";")
        self.position += 1
        step = self.expression(")")
        if self.peek().is_operator(";"):
            self.take()
        self.skip_newlines()
        if self.peek().text == "{":
            self.take()
            body = self.body()
            self.expect("}")
            return ForArithmetic(start, condition, step, body)
        return ForArithmetic(start, condition, step, self._loop_body())

    def case(self) -> Node:
        """`case` was taken."""
        if self.peek().kind != "word":
            raise self.expected("word")
        word = self.take().word
        self.skip_newlines()
        if self.peek().text != "in":
            raise self.expected('"in"')
        self.take()
        arms = []
        self.skip_newlines()
        while self.peek().text != "esac":
            arm = self._arm()
            arms.append(arm)
            self.skip_newlines()
        self.take()
        return Case(word, tuple(arms))

    def _arm(self) -> Arm:
        if self.peek().is_operator("("):
            self.take()
        patterns = []
        while True:
            if self.peek().kind != "word":
                raise self.expected('")"')
            patterns.append(self.take().word)
            if not self.peek().is_operator("|"):
                break
            self.take()
        self.expect(")")
        self.skip_newlines()
        body = None if self.ends_commands() else self.body()
        token = self.peek(command=True)
        if token.is_operator(";;", ";&", ";;&"):
            return Arm(tuple(patterns), body, self.take().text)
        if token.text == "esac":
            return Arm(tuple(patterns), body)
        raise self.expected('";;"')
