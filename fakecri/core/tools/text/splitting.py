"""`split`, and `printf` as a command of its own."""

import re
from itertools import product
from string import ascii_lowercase

from fakecri.core.options import UsageError, read_options
from fakecri.core.processes import Process
from fakecri.core.scheduler import Waits
from fakecri.core.tools.text.streams import (
    STDIN,
    Refusal,
    create,
    last_number,
    number,
    open_all,
    read_all,
    report,
    to_bytes,
)


def split(process: Process) -> Waits[int]:
    """Cut a file into several."""
    options = read_options(process.spec.argv, "b:l:a:")
    if len(options.operands) > 2:  # noqa: PLR2004  # file and prefix
        raise UsageError
    sizes = [number(each, suffixes=True, least=1) for each in options.values("b")]
    lines = last_number(options, "l", 1000, least=1)
    width = last_number(options, "a", 2, least=1)
    path, prefix = [*options.operands, *[STDIN, "x"][len(options.operands) :]]
    return _split(process, path, prefix, width, (sizes[-1] if sizes else 0, lines))


def _split(
    process: Process, path: str, prefix: str, width: int, limits: tuple[int, int]
) -> Waits[int]:
    reader = open_all(process, [path])[0]
    content = yield from read_all(reader)
    size, count = limits
    if size:
        parts = [content[at : at + size] for at in range(0, len(content), size)]
    else:
        lines = re.findall(rb"[^\n]*\n|[^\n]+", content)
        parts = [b"".join(lines[at : at + count]) for at in range(0, len(lines), count)]
    names = product(ascii_lowercase, repeat=min(width, 100))
    for part in parts:
        suffix = next(names, None)
        if suffix is None:
            raise Refusal("suffixes exhausted")
        file = create(process, prefix + "".join(suffix))
        file.write(part)
        file.close()
    return 0


_LETTERS = dict(zip(b"abefnrtv\\", b"\a\b\x1b\f\n\r\t\v\\", strict=True))
_ESCAPE = re.compile(rb"\\(?:([0-7]{1,3})|x([0-9a-fA-F]{1,2})|([abefnrtv\\]))")
_DIRECTIVE = re.compile(
    rb"%(?:%|([-+ #0]*)(\*|[0-9]*)(?:\.(\*|-?[0-9]*))?([hlLjzt]*)(.?))", re.DOTALL
)


def unescaped(text: bytes) -> bytes:
    """Return text with its escapes replaced."""

    def code(match: re.Match[bytes]) -> bytes:
        octal, hexadecimal, letter = match.groups()
        if letter:
            return bytes([_LETTERS[letter[0]]])
        return bytes([(int(octal, 8) if octal else int(hexadecimal, 16)) & 0xFF])

    return _ESCAPE.sub(code, text)


class _Stop(Exception):  # noqa: N818  # `\c` ends all output
    pass


class _Printer:
    """A run of `printf`."""

    def __init__(self, process: Process, words: list[bytes]) -> None:
        self.process = process
        self.words = words
        self.output: list[bytes] = []
        self.status = 0

    def run(self, form: bytes) -> None:
        head, cut, _ = form.partition(b"\\c")
        while True:
            before = len(self.words)
            self.once(head)
            if cut or not self.words or len(self.words) == before:
                return

    def once(self, form: bytes) -> None:
        end = 0
        for match in _DIRECTIVE.finditer(form):
            self.output.append(unescaped(form[end : match.start()]))
            self.output.append(b"%" if match[0] == b"%%" else self.directive(match))
            end = match.end()
        self.output.append(unescaped(form[end:]))

    def word(self) -> bytes:
        return self.words.pop(0) if self.words else b""

    def directive(self, match: re.Match[bytes]) -> bytes:
        flags, width, precision, _, letter = match.groups()
        if not letter or letter not in b"diouxXfeEgGcsb":
            shown = match.string[match.start() :].decode(errors="surrogateescape")
            raise Refusal(f"{shown}: invalid format")
        if width == b"*":
            value = self.integer(self.word())
            flags, width = (flags + b"-" if value < 0 else flags), b"%d" % abs(value)
        if precision == b"*":
            precision = b"%d" % self.integer(self.word())
        if precision is not None and precision.startswith(b"-"):
            precision = None
        if len(width) > 6 or len(precision or b"") > 6:  # noqa: PLR2004  # a megabyte of blanks is enough
            raise Refusal(f"{match[0].decode(errors='replace')}: invalid format")
        dot = b"" if precision is None else b"." + precision
        return self.converted(b"%" + flags + width + dot, letter)

    def converted(self, form: bytes, letter: bytes) -> bytes:
        word = self.word()
        if letter in b"sbc":
            text = word[:1] if letter == b"c" else word
            if letter == b"b":
                text, cut, _ = word.partition(b"\\c")
                text = unescaped(re.sub(rb"\\0([0-7]{1,3})", rb"\\\1", text))
                if cut:
                    self.output.append(form.replace(b"0", b"") and text)
                    raise _Stop
            return (re.sub(rb"^%([-+ #]*)0+(?=[1-9.]|$)", rb"%\1", form) + b"s") % text
        if letter in b"feEgG":
            return (form + letter) % self.real(word)
        value = self.integer(word)
        if letter in b"ouxX" and value < 0:
            value += 2**64
        if letter == b"o" and b"#" in form:
            return (form.replace(b"#", b"") + b"s") % (b"0%o" % value)
        return (form + letter) % value

    def integer(self, word: bytes) -> int:
        if word[:1] in {b'"', b"'"}:
            return word[1] if len(word) > 1 else 0
        match = re.match(rb"\s*([-+]?)(0[xX][0-9a-fA-F]+|0[0-7]*|[1-9][0-9]{0,40}|)", word)
        sign, digits = (match[1], match[2]) if match else (b"", b"")
        if word and (match is None or match.end() < len(word) or not digits):
            self.complain(word)
            return 0
        base = 16 if digits[:2].lower() == b"0x" else 8 if digits[:1] == b"0" else 10
        value = int(digits, base) if digits else 0
        return max(-(2**63), -value) if sign == b"-" else min(2**64 - 1, value)

    def real(self, word: bytes) -> float:
        if word[:1] in {b'"', b"'"}:
            return float(word[1]) if len(word) > 1 else 0.0
        match = re.match(rb"\s*[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?", word)
        if word and (match is None or match.end() < len(word)):
            self.complain(word)
            return 0.0
        return float(match[0]) if match else 0.0

    def complain(self, word: bytes) -> None:
        self.status = 1
        report(self.process, f"invalid number '{word.decode(errors='surrogateescape')}'")


def printf(process: Process) -> int:
    """Format arguments."""
    words = [to_bytes(each) for each in process.spec.argv[1:]]
    if words[:1] == [b"--"]:
        words.pop(0)
    if not words:
        raise UsageError
    printer = _Printer(process, words[1:])
    try:
        printer.run(words[0])
    except _Stop:
        pass
    except Refusal as refusal:
        report(process, str(refusal))
        printer.status = 1
    process.write(b"".join(printer.output))
    return printer.status
