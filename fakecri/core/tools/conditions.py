"""`test` and `[`: whether something is so."""

import re
from collections.abc import Callable, Mapping

from fakecri.core.applets import Applet, Refusal, Surroundings
from fakecri.core.processes import Process
from fakecri.core.terminals import terminal_of
from fakecri.core.views import Stat

_WRONG = 2
_DEPTH = 100


def judge(process: Process, _: Surroundings) -> int:
    """`test`, `[` and `[[`."""
    words = list(process.spec.argv[1:])
    name = process.spec.argv[0].rpartition("/")[2]
    closing = {"[": "]", "[[": "]]"}.get(name)
    if closing and (not words or words.pop() != closing):
        raise Refusal(f"missing {closing}", _WRONG)
    return 0 if words and _Reader(process, words).holds() else 1


_NUMERIC: Mapping[str, Callable[[int, int], bool]] = {
    "-eq": lambda one, other: one == other,
    "-ne": lambda one, other: one != other,
    "-lt": lambda one, other: one < other,
    "-le": lambda one, other: one <= other,
    "-gt": lambda one, other: one > other,
    "-ge": lambda one, other: one >= other,
}
_TEXTUAL: Mapping[str, Callable[[str, str], bool]] = {
    "=": lambda one, other: one == other,
    "==": lambda one, other: one == other,
    "!=": lambda one, other: one != other,
    "<": lambda one, other: one < other,
    ">": lambda one, other: one > other,
}
_OF_FILES = frozenset({"-nt", "-ot", "-ef"})
_BINARY = frozenset({*_NUMERIC, *_TEXTUAL, *_OF_FILES})

_STAT: Mapping[str, Callable[[Stat], bool]] = {
    "-e": lambda _: True,
    "-a": lambda _: True,
    "-f": lambda stat: stat.kind == "file",
    "-d": lambda stat: stat.kind == "dir",
    "-c": lambda stat: stat.kind == "char",
    "-b": lambda stat: stat.kind == "block",
    "-p": lambda stat: stat.kind == "fifo",
    "-S": lambda stat: stat.kind == "socket",
    "-h": lambda stat: stat.kind == "link",
    "-L": lambda stat: stat.kind == "link",
    "-s": lambda stat: stat.size > 0,
    "-u": lambda stat: bool(stat.mode & 0o4000),
    "-g": lambda stat: bool(stat.mode & 0o2000),
    "-k": lambda stat: bool(stat.mode & 0o1000),
}
_UNARY = frozenset({*_STAT, "-r", "-w", "-x", "-n", "-z", "-t", "-O", "-G"})


class _Reader:
    def __init__(self, process: Process, words: list[str]) -> None:
        self.process = process
        self.words = words
        self.at = 0
        self.depth = 0

    @property
    def left(self) -> int:
        return len(self.words) - self.at

    def take(self) -> str:
        self.at += 1
        return self.words[self.at - 1]

    def peek(self, ahead: int = 0) -> str:
        place = self.at + ahead
        return self.words[place] if place < len(self.words) else ""

    def holds(self) -> bool:
        result = self.alternatives()
        if self.left:
            raise Refusal(f"{self.take()}: unknown operand", _WRONG)
        return result

    def alternatives(self) -> bool:
        self.depth += 1
        if self.depth > _DEPTH:
            raise Refusal("too many brackets", _WRONG)
        result = self.conjunction()
        while self.left and self.peek() == "-o":
            self.take()
            other = self.conjunction()
            result = result or other
        self.depth -= 1
        return result

    def conjunction(self) -> bool:
        result = self.negation()
        while self.left and self.peek() == "-a":
            self.take()
            other = self.negation()
            result = result and other
        return result

    def negation(self) -> bool:
        inverts = False
        while self.left > 1 and self.peek() == "!" and not self.is_binary():
            self.take()
            inverts = not inverts
        return self.primary() != inverts

    def is_binary(self) -> bool:
        return self.left > 2 and self.peek(1) in _BINARY  # noqa: PLR2004  # two operands

    def primary(self) -> bool:
        if not self.left:
            raise Refusal("argument expected", _WRONG)
        if self.is_binary():
            one, operator, other = self.take(), self.take(), self.take()
            return self.compare(one, operator, other)
        word = self.take()
        if word == "(" and self.left:
            result = self.alternatives()
            if not self.left or self.take() != ")":
                raise Refusal("closing paren expected", _WRONG)
            return result
        if word in _UNARY and self.left and self.peek() not in {"-a", "-o", ")"}:
            return self.ask(word, self.take())
        return word != ""

    def compare(self, one: str, operator: str, other: str) -> bool:
        if operator in _NUMERIC:
            return _NUMERIC[operator](_number(one), _number(other))
        if operator in _TEXTUAL:
            return _TEXTUAL[operator](one, other)
        first, second = self.stat(one), self.stat(other)
        if first is None or second is None:
            return False
        if operator == "-ef":
            return (first.device, first.inode) == (second.device, second.inode)
        age_ns = second.mtime_ns - first.mtime_ns
        return age_ns < 0 if operator == "-nt" else age_ns > 0

    def ask(self, operator: str, word: str) -> bool:
        if operator in {"-n", "-z"}:
            return bool(word) == (operator == "-n")
        if operator == "-t":
            return _is_terminal(self.process, _number(word))
        if operator in {"-r", "-w", "-x"}:
            return self.process.files.access(word, operator[1])
        stat = self.stat(word, follow=operator not in {"-h", "-L"})
        if stat is not None and operator in {"-O", "-G"}:
            user = self.process.spec.user
            return stat.uid == user.uid if operator == "-O" else stat.gid == user.gid
        return stat is not None and _STAT[operator](stat)

    def stat(self, path: str, *, follow: bool = True) -> Stat | None:
        try:
            return self.process.files.stat(path, follow=follow)
        except OSError:
            return None


def _is_terminal(process: Process, number: int) -> bool:
    streams = (process.stdin, process.stdout, process.stderr)
    return number in range(3) and terminal_of(streams[number]) is not None


def _number(word: str) -> int:
    text = word.strip()
    if not re.fullmatch(r"[-+]?[0-9]+", text, re.ASCII):
        raise Refusal(f"{word}: bad number", _WRONG)
    number = int(text)
    if not -(2**63) <= number < 2**63:
        raise Refusal(f"{word}: out of range", _WRONG)
    return number


COMMANDS = {
    "[": Applet(judge),
    "[[": Applet(judge),
    "test": Applet(judge),
}
