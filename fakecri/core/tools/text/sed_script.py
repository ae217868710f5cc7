"""The language of `sed`: from a script to commands."""

import re
from dataclasses import dataclass, field
from typing import NamedTuple

from fakecri.core.tools.text.regex import BadPatternError, compiled
from fakecri.core.tools.text.streams import Refusal, number

_SPACES = " \t\r\n\f\v"
_ONE_LINERS = "=dDgGhHlnNpPqQxz"


class Address(NamedTuple):
    """Where a command applies: a line number, the last line, or a pattern."""

    kind: str
    """`line`, `last`, `step`, `regex`, `more` (lines) or `multiple` (of lines)."""
    number: int = 0
    step: int = 0
    regex: re.Pattern[bytes] | None = None
    """None: the one used last."""

    def last_line(self, first: int) -> int:
        """The last line of a range that it ends and `first` begins; -1 until a line matches."""
        if self.kind == "line":
            return self.number
        if self.kind == "more":
            return first + self.number
        if self.kind == "multiple":
            return -(-first // self.number) * self.number if self.number else first
        return -1


@dataclass(slots=True)
class Replacement:
    """What `s` is to do."""

    parts: list[tuple[str, bytes | int]] = field(default_factory=list)
    """Literal text, the number of a group, or a change of case (`U L u l E`)."""
    first: int = 1
    """The number of the match that is replaced; 0 is all of them."""
    shown: bool = False
    path: str | None = None


@dataclass(slots=True)
class Instruction:
    """A command with its addresses."""

    name: str
    start: Address | None = None
    end: Address | None = None
    inverted: bool = False
    text: bytes = b""
    """Of `a i c`; a label; the path of `r` and `w`."""
    status: int = 0
    regex: re.Pattern[bytes] | None = None
    replacement: Replacement | None = None
    table: bytes | None = None
    target: int = -1
    """Of a jump: the index of the instruction to go on with; after `{`: past its block."""
    used: bool = False
    """Whether a range that starts at a line has started."""
    active_until: int | None = None
    """In a range: the number of its last line, or -1 until a pattern ends it."""


class Script:
    """Parses scripts; several parts make one."""

    def __init__(self, *, extended: bool) -> None:
        self.extended = extended
        self.instructions: list[Instruction] = []
        self._blocks: list[int] = []
        self._labels: dict[bytes, int] = {}
        self._text = b""
        self._at = 0

    def add(self, text: bytes) -> None:
        """Parse a part of the script."""
        self._text, self._at = text, 0
        while True:
            self._skip(_SPACES + ";")
            if self._at >= len(self._text):
                return
            if self._next() == "#":
                self._line()
            else:
                self._instruction()

    def finish(self) -> list[Instruction]:
        """Resolve the jumps. Refusal where they lead nowhere."""
        for block in self._blocks:  # one that is not closed goes on to the end
            self.instructions[block].target = len(self.instructions)
        for each in self.instructions:
            if each.name in {"b", "t", "T"}:
                if each.text and each.text not in self._labels:
                    raise Refusal(f"can't find label for jump to '{_shown(each.text)}'")
                each.target = self._labels.get(each.text, len(self.instructions))
        return self.instructions

    # Characters.

    def _next(self) -> str:
        return chr(self._text[self._at]) if self._at < len(self._text) else ""

    def _take(self) -> str:
        character = self._next()
        self._at += 1
        return character

    def _skip(self, characters: str) -> None:
        while (character := self._next()) and character in characters:
            self._at += 1

    def _digits(self) -> int:
        match = re.compile(rb"[0-9]*").match(self._text, self._at)
        digits = match[0] if match else b""
        self._at += len(digits)
        return number(digits.decode(), most=2**31 - 1) if digits else 0

    def _line(self) -> bytes:
        """The rest of the line."""
        end = self._text.find(b"\n", self._at)
        end = len(self._text) if end < 0 else end
        line, self._at = self._text[self._at : end], end
        return line

    def _delimited(self, delimiter: str, *, pattern: bool) -> bytes:
        """Text up to a delimiter; a backslash before it is taken away."""
        text = bytearray()
        in_bracket = 0
        while True:
            character = self._take()
            if not character:
                raise Refusal(f"unmatched '{delimiter}'")
            if in_bracket:
                in_bracket = self._bracket(character, in_bracket)
            elif character == delimiter:
                return bytes(text)
            elif character == "\\":
                text += self._escape(delimiter, pattern=pattern)
                continue
            elif pattern and character == "[":
                in_bracket = self._at + (self._next() == "^") + 1
            elif pattern and character == "\n":
                raise Refusal(f"unmatched '{delimiter}'")
            text.append(ord(character))

    def _bracket(self, character: str, first: int) -> int:
        """Where the first character of a bracket ended; 0 after its end."""
        inner = self._text[self._at : self._at + 1]
        if character == "[" and inner in {b":", b".", b"="}:
            closing = self._text.find(inner + b"]", self._at + 1)
            if closing > 0:
                return first
        if character == "]" and self._at > first:
            before = self._text[self._at - 2 : self._at - 1]
            if before not in {b":", b".", b"="} or b"[" + before not in self._text[first - 2 :]:
                return 0
        return first

    def _escape(self, delimiter: str, *, pattern: bool) -> bytes:
        following = self._take()
        if not following:
            raise Refusal(f"unmatched '{delimiter}'")
        if following == delimiter and delimiter != "\\":
            return following.encode("latin-1")
        if following == "n" and (pattern or delimiter):
            return b"\n"
        if following in "tafrv" and not (following in "fa" and not pattern):
            return {"t": b"\t", "r": b"\r", "f": b"\f", "v": b"\v", "a": b"\a"}[following]
        return b"\\" + following.encode("latin-1")

    # Instructions.

    def _instruction(self) -> None:
        start = self._address()
        end = None
        if start is not None:
            self._skip(" \t")
            if self._next() == ",":
                self._at += 1
                self._skip(" \t")
                end = self._address(second=True)
                if end is None:
                    raise Refusal("no address after comma")
        self._skip(" \t")
        inverted = self._next() == "!"
        if inverted:
            self._skip("! \t")
        name = self._take()
        if not name:
            raise Refusal("missing command")
        self._command(Instruction(name, start, end, inverted))

    def _address(self, *, second: bool = False) -> Address | None:
        character = self._next()
        if character.isdigit() and character.isascii():
            return self._line_address(second=second)
        if character == "$":
            self._at += 1
            return Address("last")
        if character in {"/", "\\"}:
            self._at += 1
            delimiter = character if character == "/" else self._take()
            text = self._delimited(delimiter, pattern=True)
            ignore_case = self._next() == "I"
            self._at += ignore_case
            return Address("regex", regex=self.regex(text, ignore_case=ignore_case))
        if second and character in {"+", "~"}:
            self._at += 1
            kind = "more" if character == "+" else "multiple"
            return Address(kind, self._digits())
        return None

    def _line_address(self, *, second: bool) -> Address:
        line = self._digits()
        if not second and self._next() == "~":
            self._at += 1
            return Address("step", line, self._digits())
        return Address("line", line)

    def regex(
        self, text: bytes, *, ignore_case: bool = False, multiline: bool = False
    ) -> re.Pattern[bytes] | None:
        """Compile; None for an empty one, which is the last used."""
        if not text:
            return None
        try:
            return compiled(
                text, extended=self.extended, ignore_case=ignore_case, multiline=multiline
            )
        except BadPatternError as error:
            raise Refusal(f"bad regex '{_shown(text)}': {error}") from None

    def _command(self, instruction: Instruction) -> None:
        name = instruction.name
        if name == "}":
            self._end_block(instruction)
            return
        if name == ":":
            self._label(instruction)
            return
        if name == "{":
            self._blocks.append(len(self.instructions))
        elif name == "s":
            self._substitute(instruction)
        elif name == "y":
            self._transliterate(instruction)
        elif name in {"a", "i", "c"}:
            self._text_command(instruction)
        elif name in {"r", "w"}:
            self._file_command(instruction)
        elif name in {"b", "t", "T"}:
            self._skip(" \t")
            instruction.text = self._until(rb"[^;\s}]*")
        elif name in _ONE_LINERS:
            self._one_liner(instruction)
        else:
            raise Refusal(f"unsupported command {name}")
        self.instructions.append(instruction)

    def _one_liner(self, instruction: Instruction) -> None:
        if instruction.name in {"q", "Q"}:
            self._skip(" \t")
            instruction.status = self._digits()

    def _until(self, pattern: bytes) -> bytes:
        match = re.compile(pattern).match(self._text, self._at)
        found = match[0] if match else b""
        self._at += len(found)
        return found

    def _end_block(self, instruction: Instruction) -> None:
        if instruction.start is not None:
            raise Refusal("} takes no address")
        if not self._blocks:
            return
        self.instructions[self._blocks.pop()].target = len(self.instructions)

    def _label(self, instruction: Instruction) -> None:
        if instruction.start is not None:
            raise Refusal(": doesn't want any addresses")
        self._skip(" \t")
        label = self._until(rb"[^;\s]*")
        self._labels[label] = len(self.instructions)

    def _file_command(self, instruction: Instruction) -> None:
        self._skip(" \t")
        instruction.text = self._line()
        if not instruction.text:
            raise Refusal("empty filename")

    def _text_command(self, instruction: Instruction) -> None:
        if instruction.end is not None and instruction.name != "c":
            raise Refusal(f"command '{instruction.name}' uses only one address")
        self._skip(" \t")
        if self._next() == "\\":
            self._at += 1
            if self._next() == "\n":
                self._at += 1
        text = bytearray()
        while (character := self._take()) and character != "\n":
            if character == "\\":
                character = self._take()
                character = "\t" if character == "t" else character
            text += character.encode("latin-1")
        instruction.text = bytes(text) + b"\n"

    def _transliterate(self, instruction: Instruction) -> None:
        delimiter = self._take()
        tables = []
        for _ in range(2):
            text = self._delimited(delimiter, pattern=False)
            tables.append(text.replace(b"\\n", b"\n").replace(b"\\\\", b"\\"))
        length = min(map(len, tables))
        instruction.table = bytes.maketrans(*(each[:length] for each in tables))

    def _substitute(self, instruction: Instruction) -> None:
        delimiter = self._take()
        pattern = self._delimited(delimiter, pattern=True)
        text = self._delimited(delimiter, pattern=False)
        replacement = instruction.replacement = Replacement(_parts(text))
        options = {"I": False, "M": False}
        while (flag := self._next()) and flag not in ";}\n# \t":
            if flag.isdigit():
                first = self._digits()
                replacement.first = 1 if pattern.startswith(b"^") else first
                continue
            self._at += 1
            if flag == "w":
                self._skip(" \t")
                replacement.path = self._line().decode(errors="surrogateescape")
                break
            if flag in "iIM":
                options[flag.upper()] = True
            elif flag == "g":
                replacement.first = 0
            elif flag == "p":
                replacement.shown = True
            else:
                raise Refusal("bad option in substitution expression")
        instruction.regex = self.regex(pattern, ignore_case=options["I"], multiline=options["M"])


def _shown(text: bytes) -> str:
    return text.decode(errors="surrogateescape")


def _parts(text: bytes) -> list[tuple[str, bytes | int]]:
    parts: list[tuple[str, bytes | int]] = []
    for match in re.finditer(rb"\\([0-9])|(&)|\\(.)|([^\\&]+|\\)", text, re.DOTALL):
        group, whole, escaped, literal = match.groups()
        if group or whole:
            parts.append(("group", int(group or 0)))
        elif escaped and escaped in b"ULulE":
            parts.append(("case", escaped))
        else:
            parts.append(("text", escaped or literal))
    return parts
