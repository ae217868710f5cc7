"""Expressions of `$((...))`: 64-bit integers, with the operators and precedence of C."""

import operator
import re
from collections.abc import Callable
from functools import lru_cache
from typing import Protocol, TypeAlias

from fakecri.core.shell.errors import ShellError

MAX_DEPTH = 40
MAX_TOKENS = 400
"""A chain of that many is answered one within the other."""
_TOKEN = re.compile(
    r"\s*(?:(0[xX][0-9a-fA-F]+|[0-9]+#[0-9a-zA-Z@_]+|[0-9]+)(?![0-9a-zA-Z_])"
    r"|([A-Za-z_][A-Za-z0-9_]*)"
    r"|(<<=|>>=|\*\*|\+\+|--|<<|>>|<=|>=|==|!=|&&|\|\||[-+*/%&|^]=|[-+*/%<>=!~&|^?:,()\[\]]))"
)


class Names(Protocol):
    """What variables have to do for an expression."""

    def read_number(self, name: str, index: str | None) -> str:
        """Return the text of a variable; an empty one where it is not set."""

    def write_number(self, name: str, index: str | None, value: int) -> None:
        """Set a variable."""


Term: TypeAlias = Callable[[Names, int], int]
"""A part of an expression, which can be asked for its value; with the depth of variables in
variables that has led here."""


class ArithmeticFailure(ShellError):  # noqa: N818  # it reads as what happened
    """The expression is none, or has no value."""


def in_bash(text: str, failure: ArithmeticFailure) -> ArithmeticFailure:
    """Return what bash says of an expression; which token is wrong is guessed."""
    text = text.strip()
    if failure.text == "divide by zero":
        token = re.split(r"[/%]", text)[-1].strip()
        said = f'division by 0 (error token is "{token}")'
    elif text[-1:] in "+-*/%<>=&|^!~(,":
        said = f'syntax error: operand expected (error token is "{text[-1:]}")'
    else:
        said = f'syntax error in expression (error token is "{text.rpartition(" ")[2]}")'
    return ArithmeticFailure(f"{text}: {said}", 1)


def wrapped(value: int) -> int:
    """Return what is left of a number in 64 bits."""
    if -(1 << 63) <= value < 1 << 63:
        return value
    return (value + (1 << 63)) % (1 << 64) - (1 << 63)


def evaluate(text: str, names: Names, depth: int = 0) -> int:
    """Return the value of an expression. Raises ArithmeticFailure."""
    return compile_expression(text)(names, depth)


@lru_cache(maxsize=2048)
def compile_expression(text: str) -> Term:
    """Return an expression as something to ask for its value. Raises ArithmeticFailure."""
    reader = _Reader(text)
    if not reader.tokens:
        return _constant(0)
    term = reader.comma()
    if reader.tokens:
        raise _syntax()
    return term


def _syntax() -> ArithmeticFailure:
    return ArithmeticFailure("arithmetic syntax error")


def _constant(value: int) -> Term:
    return lambda _names, _depth: value


def _divide(left: int, right: int) -> int:
    if not right:
        raise ArithmeticFailure("divide by zero")
    quotient = abs(left) // abs(right)
    return quotient if (left < 0) == (right < 0) else -quotient


def _modulo(left: int, right: int) -> int:
    return left - right * _divide(left, right)


def _power(left: int, right: int) -> int:
    if right < 0:
        raise ArithmeticFailure("exponent less than 0")
    return (
        pow(left, right, 1 << 64) if left >= 0 else wrapped(pow(left % (1 << 64), right, 1 << 64))
    )


def _shift_left(left: int, right: int) -> int:
    return left << (right & 63)


def _shift_right(left: int, right: int) -> int:
    return left >> (right & 63)


_BINARY: dict[str, tuple[int, Callable[[int, int], int]]] = {
    "|": (3, operator.or_),
    "^": (4, operator.xor),
    "&": (5, operator.and_),
    "==": (6, operator.eq),
    "!=": (6, operator.ne),
    "<": (7, operator.lt),
    "<=": (7, operator.le),
    ">": (7, operator.gt),
    ">=": (7, operator.ge),
    "<<": (8, _shift_left),
    ">>": (8, _shift_right),
    "+": (9, operator.add),
    "-": (9, operator.sub),
    "*": (10, operator.mul),
    "/": (10, _divide),
    "%": (10, _modulo),
    "**": (11, _power),
}
_OR, _AND, _LOWEST = 1, 2, 3
_ASSIGNING = {f"{each}=": each for each in ("*", "/", "%", "+", "-", "<<", ">>", "&", "^", "|")}


class _Variable:
    """A name in an expression, which may be assigned to."""

    __slots__ = ("index", "name")

    def __init__(self, name: str, index: Term | None) -> None:
        self.name = name
        self.index = index

    def place(self, names: Names, depth: int) -> str | None:
        return None if self.index is None else str(self.index(names, depth))

    def __call__(self, names: Names, depth: int) -> int:
        text = names.read_number(self.name, self.place(names, depth))
        if text.isdecimal() and (text[0] != "0" or text == "0") and len(text) < 19:  # noqa: PLR2004  # 63 bits
            return int(text)
        if not text.strip():
            return 0
        if depth >= MAX_DEPTH:
            raise ArithmeticFailure("expression recursion loop detected")
        return evaluate(text, names, depth + 1)

    def assigned(self, value: Term) -> Term:
        def assign(names: Names, depth: int) -> int:
            number = value(names, depth)
            names.write_number(self.name, self.place(names, depth), number)
            return number

        return assign

    def stepped(self, step: int, *, after: bool) -> Term:
        def change(names: Names, depth: int) -> int:
            before = self(names, depth)
            new = wrapped(before + step)
            names.write_number(self.name, self.place(names, depth), new)
            return before if after else new

        return change


def _combined(symbol: str, left: Term, right: Term) -> Term:
    if symbol == "&&":
        return lambda names, depth: int(bool(left(names, depth)) and bool(right(names, depth)))
    if symbol == "||":
        return lambda names, depth: int(bool(left(names, depth)) or bool(right(names, depth)))
    function = _BINARY[symbol][1]
    return lambda names, depth: wrapped(int(function(left(names, depth), right(names, depth))))


class _Reader:
    """Reads an expression by precedence."""

    def __init__(self, text: str) -> None:
        self.tokens: list[tuple[str, str]] = []
        self.depth = 0
        position, text = 0, text.rstrip()
        while position < len(text):
            match = _TOKEN.match(text, position)
            if match is None:
                raise _syntax()
            number, name, symbol = match.groups()
            kind = "number" if number else "name" if name else "symbol"
            self.tokens.append((kind, number or name or symbol))
            position = match.end()
        if len(self.tokens) > MAX_TOKENS:
            raise _syntax()
        self.tokens.reverse()

    def next_symbol(self) -> str:
        if self.tokens and self.tokens[-1][0] == "symbol":
            return self.tokens[-1][1]
        return ""

    def accept(self, symbol: str) -> bool:
        if self.next_symbol() == symbol:
            self.tokens.pop()
            return True
        return False

    def comma(self) -> Term:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise _syntax()
        term = self.assignment()
        while self.accept(","):
            term = _last(term, self.assignment())
        self.depth -= 1
        return term

    def assignment(self) -> Term:
        left = self.ternary()
        symbol = self.next_symbol()
        if symbol != "=" and symbol not in _ASSIGNING:
            return left
        if not isinstance(left, _Variable):
            raise _syntax()
        self.tokens.pop()
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise _syntax()
        value = self.assignment()
        self.depth -= 1
        if symbol != "=":
            value = _combined(_ASSIGNING[symbol], left, value)
        return left.assigned(value)

    def ternary(self) -> Term:
        condition = self.binary(_OR)
        if not self.accept("?"):
            return condition
        yes = self.comma()
        if not self.accept(":"):
            raise _syntax()
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise _syntax()
        no = self.assignment()
        self.depth -= 1
        return lambda names, depth: (yes if condition(names, depth) else no)(names, depth)

    def binary(self, lowest: int) -> Term:
        left = self.unary()
        while True:
            symbol = self.next_symbol()
            if symbol in {"++", "--"}:  # behind what is no variable: `1 ++ 2` is `1 + +2`
                self.tokens[-1:] = [("symbol", symbol[0])] * 2
                symbol = symbol[0]
            level = _OR if symbol == "||" else _AND if symbol == "&&" else 0
            if symbol in _BINARY:
                level = _BINARY[symbol][0]
            if not level or level < lowest:
                return left
            self.tokens.pop()
            left = _combined(symbol, left, self.binary(level if symbol == "**" else level + 1))

    def unary(self) -> Term:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise _syntax()
        term = self._unary()
        self.depth -= 1
        return term

    def _unary(self) -> Term:
        symbol = self.next_symbol()
        if symbol in {"++", "--"}:
            self.tokens.pop()
            operand = self.unary()
            if isinstance(operand, _Variable):
                return operand.stepped(1 if symbol == "++" else -1, after=False)
            return operand
        if symbol in {"-", "+", "!", "~"}:
            self.tokens.pop()
            return _unary(symbol, self.unary())
        return self.postfix()

    def postfix(self) -> Term:
        term = self.primary()
        if isinstance(term, _Variable) and self.next_symbol() in {"++", "--"}:
            return term.stepped(1 if self.tokens.pop()[1] == "++" else -1, after=True)
        return term

    def primary(self) -> Term:
        if not self.tokens:
            raise _syntax()
        kind, text = self.tokens.pop()
        if kind == "number":
            return _constant(_number(text))
        if kind == "name":
            index = None
            if self.accept("["):
                index = self.comma()
                if not self.accept("]"):
                    raise _syntax()
            return _Variable(text, index)
        if text != "(":
            raise _syntax()
        term = self.comma()
        if not self.accept(")"):
            raise _syntax()
        return _value(term)


def _value(term: Term) -> Term:
    """Return what is no variable any more: `(x)` takes no assignment."""
    if not isinstance(term, _Variable):
        return term

    def value(names: Names, depth: int) -> int:
        return term(names, depth)

    return value


def _last(first: Term, second: Term) -> Term:
    def both(names: Names, depth: int) -> int:
        first(names, depth)
        return second(names, depth)

    return both


def _unary(symbol: str, operand: Term) -> Term:
    if symbol == "-":
        return lambda names, depth: wrapped(-operand(names, depth))
    if symbol == "!":
        return lambda names, depth: int(not operand(names, depth))
    if symbol == "~":
        return lambda names, depth: ~operand(names, depth)
    return _value(operand)


def _number(text: str) -> int:
    base, mark, digits = text.partition("#")
    try:
        if mark:
            return wrapped(_in_base(digits, int(base)))
        if text[:2] in {"0x", "0X"}:
            return wrapped(int(text[2:], 16))  # noqa: FURB166  # a second prefix is an error
        value = int(text, 8) if text[0] == "0" else int(text[:40])
    except ValueError:
        raise _syntax() from None
    return wrapped(value) if value < 1 << 64 else 0


def _in_base(digits: str, base: int) -> int:
    symbols = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ@_"
    if not 2 <= base <= len(symbols):  # noqa: PLR2004  # bases that there are
        raise _syntax()
    if base <= 36:  # noqa: PLR2004  # where case is no difference
        digits = digits.lower()
    value = 0
    for digit in digits[:80]:
        place = symbols.index(digit)
        if place >= base:
            raise _syntax()
        value = value * base + place
    return value
