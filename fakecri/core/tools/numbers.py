"""`seq`, `factor`, `expr`: arithmetic on command lines."""

import re
from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation

from fakecri.core.applets import Applet, Refusal, Surroundings
from fakecri.core.options import UsageError, read_options
from fakecri.core.processes import Process
from fakecri.core.scheduler import Waits
from fakecri.core.tools.pacing import Pace
from fakecri.core.tools.regexes import compile_basic
from fakecri.core.tools.words import decoded, encoded, say

_BATCH = 1024
_LONGEST = 40
_INT64 = 1 << 63


def count_numbers(process: Process, _: Surroundings) -> Waits[int]:
    """`seq`."""
    options = read_options(_with_negatives(process.spec.argv), "ws:", leading=True)
    words = [each.removeprefix("\0") for each in options.operands]
    if not 1 <= len(words) <= 3:  # noqa: PLR2004  # first, increment, last
        raise UsageError
    values = [_decimal(each) for each in words]
    first = values[0] if len(values) > 1 else Decimal(1)
    last = values[-1]
    step = values[1] if len(values) > 2 else Decimal(1)  # noqa: PLR2004  # the one between
    places = max(_places(each) for each in (words[:-1] or words)) if len(words) > 1 else 0
    width = (
        max(len(f"{each:.{places}f}") for each in (first, last)) if "w" in options.letters else 0
    )
    separator = (options.values("s") or ["\n"])[-1]
    return (yield from _count(process, (first, step, last), (places, width), separator))


def _with_negatives(argv: tuple[str, ...]) -> tuple[str, ...]:
    """A negative number after the first one is no option."""
    words, started = [argv[0]], False
    for word in argv[1:]:
        is_number = started and re.fullmatch(r"-[0-9.].*", word)
        words.append(f"\0{word}" if is_number else word)
        started = started or not word.startswith("-")
    return tuple(words)


def _decimal(word: str) -> Decimal:
    try:
        number = Decimal(word.strip()) if len(word) <= _LONGEST else None
    except InvalidOperation:
        number = None
    if number is None or not number.is_finite() or abs(number.adjusted()) > _LONGEST:
        raise UsageError
    return number


def _places(word: str) -> int:
    return len(word.partition(".")[2]) if "e" not in word.lower() else 0


def _count(
    process: Process,
    numbers: tuple[Decimal, Decimal, Decimal],
    form: tuple[int, int],
    separator: str,
) -> Waits[int]:
    (value, step, last), (places, width) = numbers, form
    pace = Pace(process)
    batch: list[str] = []
    is_first = True
    while value <= last if step >= 0 else value >= last:
        batch.append(f"{value:.{places}f}".zfill(width))
        value += step
        if len(batch) == _BATCH:
            process.write(encoded(("" if is_first else separator) + separator.join(batch)))
            is_first, batch = False, []
            yield from process.drain()
            yield from pace.moved(_BATCH)
    if batch:
        process.write(encoded(("" if is_first else separator) + separator.join(batch)))
        is_first = False
    if not is_first:
        process.write(b"\n")
    return 0


_LARGEST = 2**64 - 1
_TRIALS = 100_000


def show_factors(process: Process, _: Surroundings) -> Waits[int]:
    """`factor`."""
    words = list(process.spec.argv[1:])
    if words[:1] == ["--"]:
        words.pop(0)
    if words:
        for word in words:
            _show_factors(process, word)
            yield from process.drain()
        return 0
    rest = b""
    while chunk := (yield from process.read()):
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            for word in decoded(line).split():
                _show_factors(process, word)
    for word in decoded(rest).split():
        _show_factors(process, word)
    return 0


def _show_factors(process: Process, word: str) -> None:
    if not re.fullmatch(r"\+?[0-9]+", word, re.ASCII) or int(word) > _LARGEST:
        raise UsageError
    factors = _factors(int(word))
    say(process, f"{int(word)}:" + "".join(f" {each}" for each in factors))


def _factors(number: int) -> list[int]:
    found = []
    divisor = 2
    while divisor * divisor <= number and divisor < _TRIALS:
        while number % divisor == 0:
            found.append(divisor)
            number //= divisor
        divisor += 1 if divisor == 2 else 2  # noqa: PLR2004  # then the odd ones
    return sorted(found + _large_factors(number)) if number > 1 else found


def _large_factors(number: int) -> list[int]:
    """Of what has no small divisor, by Pollard's rho."""
    if number == 1:
        return []
    if number < _TRIALS * _TRIALS or _is_prime(number):
        return [number]
    for constant in range(1, number):
        divisor = _rho(number, constant)
        if divisor != number:
            return _large_factors(divisor) + _large_factors(number // divisor)
    return [number]


def _rho(number: int, constant: int) -> int:
    slow = fast = 2
    divisor = 1
    while divisor == 1:
        slow = (slow * slow + constant) % number
        for _ in range(2):
            fast = (fast * fast + constant) % number
        divisor = _common(abs(slow - fast), number)
    return divisor


def _common(one: int, other: int) -> int:
    while other:
        one, other = other, one % other
    return one


def _is_prime(number: int) -> bool:
    """By Miller and Rabin; with these bases it is certain for 64 bits."""
    odd, twos = number - 1, 0
    while odd % 2 == 0:
        odd, twos = odd // 2, twos + 1
    for base in (2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37):
        value = pow(base, odd, number)
        if value in {1, number - 1}:
            continue
        for _ in range(twos - 1):
            value = value * value % number
            if value == number - 1:
                break
        else:
            return False
    return True


def evaluate_expression(process: Process, _: Surroundings) -> int:
    """`expr`."""
    words = list(process.spec.argv[1:])
    if words[:1] == ["--"]:
        words.pop(0)
    if not words:
        raise Refusal("too few arguments", 2)
    reader = _Expression(words)
    value = reader.alternatives()
    if reader.words:
        raise Refusal("syntax error", 2)
    say(process, str(value))
    return 1 if _is_null(value) else 0


Value = int | str


def _is_null(value: Value) -> bool:
    return value in {"", "0"} or value == 0


_COMPARED: Mapping[str, Callable[[int], bool]] = {
    "<": lambda order: order < 0,
    "<=": lambda order: order <= 0,
    "=": lambda order: order == 0,
    "==": lambda order: order == 0,
    "!=": lambda order: order != 0,
    ">=": lambda order: order >= 0,
    ">": lambda order: order > 0,
}


class _Expression:
    """Reads and computes, from the weakest operator to the strongest."""

    def __init__(self, words: list[str]) -> None:
        self.words = words[::-1]
        self.depth = 0

    def takes(self, *operators: str) -> str:
        """The next word, if it is one of these."""
        if self.words and self.words[-1] in operators:
            return self.words.pop()
        return ""

    def alternatives(self) -> Value:
        self.depth += 1
        if self.depth > 100:  # noqa: PLR2004  # brackets in brackets
            raise Refusal("syntax error", 2)
        value = self.conjunction()
        while self.takes("|"):
            other = self.conjunction()
            value = other if _is_null(value) else value
        self.depth -= 1
        return value

    def conjunction(self) -> Value:
        value = self.comparison()
        while self.takes("&"):
            other = self.comparison()
            if _is_null(value) or _is_null(other):
                value = 0
        return value

    def comparison(self) -> Value:
        value = self.addition()
        while operator := self.takes(*_COMPARED):
            value = int(_COMPARED[operator](_order(value, self.addition())))
        return value

    def addition(self) -> Value:
        value = self.multiplication()
        while operator := self.takes("+", "-"):
            one, other = _numeric(value), _numeric(self.multiplication())
            value = _wrapped(one + other if operator == "+" else one - other)
        return value

    def multiplication(self) -> Value:
        value = self.matching()
        while operator := self.takes("*", "/", "%"):
            one, other = _numeric(value), _numeric(self.matching())
            if operator == "*":
                value = _wrapped(one * other)
                continue
            if other == 0:
                raise Refusal("division by zero", 2)
            quotient = abs(one) // abs(other) * (1 if (one < 0) == (other < 0) else -1)
            value = _wrapped(quotient if operator == "/" else one - quotient * other)
        return value

    def matching(self) -> Value:
        value = self.term()
        while self.takes(":"):
            value = _matched(str(value), str(self.term()))
        return value

    def term(self) -> Value:
        if not self.words:
            raise Refusal("syntax error", 2)
        word = self.words.pop()
        if word == "(":
            value = self.alternatives()
            if not self.takes(")"):
                raise Refusal("syntax error", 2)
            return value
        if word in {")", "|", "&", ":", "+", "-", "*", "/", "%", *_COMPARED} and word != ":":
            raise Refusal("syntax error", 2)
        return self.call(word)

    def call(self, word: str) -> Value:
        if word == "quote":
            if not self.words:
                raise Refusal("syntax error", 2)
            return self.words.pop()
        if word == "length":
            return len(str(self.term()))
        if word == "match":
            return _matched(str(self.term()), str(self.term()))
        if word == "index":
            text, letters = str(self.term()), str(self.term())
            return next((at for at, each in enumerate(text, 1) if each in letters), 0)
        if word == "substr":
            text, start, length = str(self.term()), _number(self.term()), _number(self.term())
            good = start is not None and length is not None and start > 0 and length > 0
            return text[start - 1 :][:length] if good and start and length else ""
        return _value(word)


def _value(word: str) -> Value:
    """A word, or the number that it is."""
    is_number = re.fullmatch(r"-?[0-9]{1,19}", word, re.ASCII)
    return int(word) if is_number and -_INT64 <= int(word) < _INT64 else word


def _number(value: Value) -> int | None:
    return value if isinstance(value, int) else None


def _numeric(value: Value) -> int:
    if isinstance(value, str):
        raise Refusal("non-numeric argument", 2)
    return value


def _wrapped(number: int) -> int:
    """As much of a number as a 64-bit integer holds."""
    return (number + _INT64) % (2 * _INT64) - _INT64


def _order(one: Value, other: Value) -> int:
    if isinstance(one, int) and isinstance(other, int):
        return (one > other) - (one < other)
    first, second = str(one), str(other)
    return (first > second) - (first < second)


def _matched(text: str, pattern: str) -> Value:
    compiled = compile_basic(pattern)
    match = compiled.match(text)
    if compiled.groups:
        group = (match[1] or "") if match else ""
        return _value(group)
    return match.end() if match else 0


COMMANDS = {
    "expr": Applet(evaluate_expression, "EXPRESSION"),
    "factor": Applet(show_factors, "[NUMBER]..."),
    "seq": Applet(count_numbers, "[-w] [-s SEP] [FIRST [INC]] LAST"),
}
