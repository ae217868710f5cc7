"""`echo` and `printf`."""

import re

from fakecri.core.shell.errors import CommandError
from fakecri.core.shell.escapes import unescape_echo, unescape_format
from fakecri.core.shell.state import Shell
from fakecri.core.shell.text import single_quoted

_ECHO_OPTIONS = re.compile(r"-[neE]+")
_CONVERSION = re.compile(r"%([-+ #0]*)(\*|[0-9]+)?(?:\.(\*|-?[0-9]*))?(?:[lhLjzt]*)(.)", re.DOTALL)
_LONGEST = 100_000


def echo(shell: Shell, words: list[str]) -> int:
    """`echo [-neE] WORD...`."""
    first, newline, escapes = 1, "\n", False
    while first < len(words) and _ECHO_OPTIONS.fullmatch(words[first]):
        for letter in words[first][1:]:
            if letter == "n":
                newline = ""
            else:
                escapes = letter == "e"
        first += 1
    text = " ".join(words[first:])
    if escapes:
        text, cut = unescape_echo(text)
        newline = "" if cut else newline
    shell.write(text + newline)
    return 0


def printf(shell: Shell, words: list[str]) -> int:
    """`printf [-v NAME] FORMAT [ARGUMENT]...`."""
    rest, name = words[1:], ""
    if len(rest) >= 2 and rest[0] == "-v" and shell.bash:  # noqa: PLR2004  # option and name
        name, rest = rest[1], rest[2:]
    elif rest[:1] == ["--"]:
        rest = rest[1:]
    if not rest:
        complaint = (
            "usage: printf [-v var] format [arguments]"
            if shell.bash
            else ("usage: printf FORMAT [ARGUMENT...]")
        )
        raise CommandError(complaint, 2)
    formatter = _Formatter(shell, rest[1:])
    try:
        formatter.run(rest[0])
    finally:
        text = "".join(formatter.written)
        if name:
            shell.variables.set(name, text)
        elif text:
            shell.write(text)
    return formatter.status


class _Formatter:
    """Writes a format again and again, until the arguments are used up."""

    def __init__(self, shell: Shell, arguments: list[str]) -> None:
        self.shell = shell
        self.arguments = list(reversed(arguments))
        self.written: list[str] = []
        self.status = 0
        self.used = False
        self.cut = False

    def run(self, template: str) -> None:
        while True:
            self.used = False
            self.once(template)
            if self.cut or not self.used or not self.arguments:
                return

    def once(self, template: str) -> None:
        position = 0
        while position < len(template) and not self.cut:
            percent = template.find("%", position)
            plain = template[position : percent if percent >= 0 else len(template)]
            text, self.cut = unescape_format(plain)
            self.written.append(text)
            if percent < 0 or self.cut:
                return
            if template.startswith("%%", percent):
                self.written.append("%")
                position = percent + 2
                continue
            match = _CONVERSION.match(template, percent)
            if match is None:
                raise CommandError(f"{template[percent:]}: invalid format", 1)
            self.convert(match)
            position = match.end()

    def next_argument(self) -> str:
        self.used = True
        return self.arguments.pop() if self.arguments else ""

    def convert(self, match: re.Match[str]) -> None:
        flags, width, precision, kind = match.groups()
        columns = self.size(width)
        if width == "*" and columns < 0:
            flags, columns = flags + "-", -columns
        digits = None if precision is None else self.size(precision or "0")
        text = self.text(kind, flags, digits, match[0])
        if "-" in flags:
            text = text.ljust(columns)
        elif "0" in flags and kind in "diouxXeEfFgG" and (digits is None or kind in "eEfFgG"):
            sign = text[:1] if text[:1] in {"-", "+", " "} else ""
            prefix = "0x" if text[len(sign) :].lower().startswith("0x") else ""
            body = text[len(sign) + len(prefix) :]
            text = sign + prefix + body.rjust(columns - len(sign) - len(prefix), "0")
        else:
            text = text.rjust(columns)
        self.written.append(text)

    def size(self, text: str | None) -> int:
        if text == "*":
            return max(min(self.integer(self.next_argument()), _LONGEST), -_LONGEST)
        return min(int((text or "0")[:9]), _LONGEST)

    def text(self, kind: str, flags: str, digits: int | None, directive: str) -> str:
        if kind == "c":
            return self.next_argument()[:1]
        if kind == "s":
            return self.next_argument()[:digits]
        if kind == "b":
            text, self.cut = unescape_echo(self.next_argument())
            return text[:digits]
        if kind == "q" and self.shell.bash:
            return _quoted(self.next_argument())
        if kind in "diouxX":
            return _integer(self.integer(self.next_argument()), kind, flags, digits)
        if kind in "eEfFgG":
            return _float(self.real(self.next_argument()), kind, flags, digits)
        if self.shell.bash:
            raise CommandError(f"`{kind}': invalid format character", 1)
        raise CommandError(f"{directive}: invalid format", 1)

    def complain(self, text: str) -> None:
        # The complaint comes before what was written so far, as stdout is buffered.
        complaint = f"{text}: invalid number" if self.shell.bash else f"invalid number '{text}'"
        self.shell.complain(complaint)
        self.status = 1

    def integer(self, text: str) -> int:
        if text[:1] in {'"', "'"}:
            return ord(text[1]) if len(text) > 1 else 0
        match = re.fullmatch(r"\s*([+-]?)(0[xX][0-9a-fA-F]+|0[0-7]*|[1-9][0-9]*)", text)
        if match is None:
            if text or not self.shell.bash:
                self.complain(text)
            return self.leading(text) if self.shell.bash else 0
        digits = match[2]
        base = 16 if digits[:2].lower() == "0x" else 8 if digits.startswith("0") else 10
        value = int(digits[:40], base)
        return -value if match[1] == "-" else value

    def leading(self, text: str) -> int:
        match = re.match(r"\s*([+-]?[0-9]+)", text)
        return int(match[1][:40]) if match else 0

    def real(self, text: str) -> float:
        try:
            return float(text) if text else 0.0
        except ValueError:
            self.complain(text)
            return 0.0


def _integer(value: int, kind: str, flags: str, digits: int | None) -> str:
    if kind in "di":
        value = min(max(value, -(1 << 63)), (1 << 63) - 1)
        text = str(abs(value))
        sign = "-" if value < 0 else "+" if "+" in flags else " " if " " in flags else ""
    else:
        value = min(value, (1 << 64) - 1) % (1 << 64)
        text = f"{value:{'d' if kind == 'u' else kind}}"
        sign = ""
        if "#" in flags and value:
            sign = {"o": "0", "x": "0x", "X": "0X"}.get(kind, "")
    return sign + text.rjust(digits or 0, "0")


def _float(value: float, kind: str, flags: str, digits: int | None) -> str:
    signs = "+" if "+" in flags else " " if " " in flags else ""
    places = 6 if digits is None else min(digits, 1000)
    return f"%{signs}{'#' if '#' in flags else ''}.{places}{kind}" % value


def _quoted(text: str) -> str:
    if not text:
        return "''"
    if re.search(r"[\x00-\x1f\x7f]", text):
        return "$" + single_quoted(text)
    return re.sub(r"([^A-Za-z0-9_./:=+,@%^-])", r"\\\1", text)
