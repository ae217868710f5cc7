"""`hexdump`, `hd`, `od`, `xxd`: bytes as numbers."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from fakecri.core.applets import Applet, Refusal, Surroundings, complain
from fakecri.core.options import Options, UsageError, read_options
from fakecri.core.processes import Process
from fakecri.core.scheduler import Waits
from fakecri.core.tools.words import content_of, reason, sized_number, whole_number

_ROW = 16
_LETTERS = {0: "\\0", 7: "\\a", 8: "\\b", 9: "\\t", 10: "\\n", 11: "\\v", 12: "\\f", 13: "\\r"}
_NAMES = [
    "nul",
    "soh",
    "stx",
    "etx",
    "eot",
    "enq",
    "ack",
    "bel",
    "bs",
    "ht",
    "nl",
    "vt",
    "ff",
    "cr",
    "so",
    "si",
    "dle",
    "dc1",
    "dc2",
    "dc3",
    "dc4",
    "nak",
    "syn",
    "etb",
    "can",
    "em",
    "sub",
    "esc",
    "fs",
    "gs",
    "rs",
    "us",
    "sp",
]


class _Form(NamedTuple):
    """How some bytes are shown: how many make a number, and how it looks."""

    size: int
    text: Callable[[bytes], str]


def _number(chunk: bytes, *, signed: bool = False) -> int:
    return int.from_bytes(chunk, "little", signed=signed)


def _character(chunk: bytes) -> str:
    code = chunk[0]
    if code in _LETTERS:
        return f"{_LETTERS[code]:>4}"
    return f"{chr(code):>4}" if 32 <= code < 127 else f" {code:03o}"  # noqa: PLR2004  # printable


def _name(chunk: bytes) -> str:
    code = chunk[0] & 127
    return f"{_NAMES[code] if code <= 32 else 'del' if code == 127 else chr(code):>4}"  # noqa: PLR2004  # ASCII


_HEXDUMP: Mapping[str, _Form] = {
    "": _Form(2, lambda c: f" {_number(c):04x}"),
    "b": _Form(1, lambda c: f" {_number(c):03o}"),
    "c": _Form(1, _character),
    "d": _Form(2, lambda c: f"   {_number(c):05}"),
    "o": _Form(2, lambda c: f"  {_number(c):06o}"),
    "x": _Form(2, lambda c: f"    {_number(c):04x}"),
}


def _visible(chunk: bytes) -> str:
    return "".join(chr(code) if 32 <= code < 127 else "." for code in chunk)  # noqa: PLR2004  # ASCII


def _gather(
    process: Process,
    name: str,
    paths: Sequence[str],
    status: list[int],
    enough: int | None,
) -> Waits[bytes | None]:
    """All files one after another, until that is enough; None: there is none to be read."""
    parts: list[bytes] = []
    for path in paths or ["-"]:
        rest = None if enough is None else enough - sum(map(len, parts))
        try:
            parts.append((yield from content_of(process, path, rest)))
        except OSError as error:
            status[0] = complain(process, name, f"{path}: {reason(error)}")
    return b"".join(parts) if parts else None


def _rows(
    content: bytes, start: int, width: int, *, all_of_them: bool
) -> Iterator[tuple[int, bytes]]:
    """Offset and bytes of each row; offset -1 stands for rows like the one before."""
    before, is_starred = None, False
    for at in range(0, len(content), width):
        row = content[at : at + width]
        if row == before and not all_of_them and len(row) == width:
            if not is_starred:
                yield -1, b""
            is_starred = True
            continue
        before, is_starred = row, False
        yield start + at, row


def dump_hexadecimal(process: Process, _: Surroundings) -> Waits[int]:
    """`hexdump` and `hd`."""
    name = process.spec.argv[0].rpartition("/")[2]
    options = read_options(process.spec.argv, "bcdoxCe:f:n:s:vR")
    if options.letters & {"e", "f", "R"}:
        letter = next(each for each in "efR" if each in options.letters)
        raise UsageError(f"{name}: invalid option -- '{letter}'\n")
    letters = [each for each, _ in options.given if each in "bcdoxC"]
    if name == "hd":
        letters.append("C")
    status = [0]
    skip, most = _limits(options, "s", "n")
    content = yield from _gather(process, name, options.operands, status, _end(skip, most))
    if content is None:
        return 1
    if skip and not options.operands:
        raise Refusal("stdin: Illegal seek")
    shown = content[skip:] if most is None else content[skip : skip + most]
    canonical = letters[-1:] == ["C"]
    form = _HEXDUMP[letters[-1] if letters and not canonical else ""]
    for offset, row in _rows(shown, skip, _ROW, all_of_them="v" in options.letters):
        if offset < 0:
            process.write(b"*\n")
        elif canonical:
            process.write(f"{offset:08x}  {_canonical(row)}\n".encode())
        else:
            process.write(f"{offset:07x}{_cells(row, form, pad=True)}\n".encode())
        yield from process.drain()
    if shown:
        end = skip + len(shown)
        process.write((f"{end:08x}\n" if canonical else f"{end:07x}\n").encode())
    return status[0]


def _limits(options: Options, skip: str, most: str) -> tuple[int, int | None]:
    skips = [sized_number(each) for each in options.values(skip)]
    counts = [sized_number(each) for each in options.values(most)]
    return (skips[-1] if skips else 0), (counts[-1] if counts else None)


def _end(skip: int, most: int | None) -> int | None:
    return None if most is None else skip + most


def _canonical(row: bytes) -> str:
    halves = [" ".join(f"{code:02x}" for code in row[at : at + 8]) for at in (0, 8)]
    return f"{halves[0]:<23}  {halves[1]:<23}  |{_visible(row)}|"


def _cells(row: bytes, form: _Form, *, pad: bool = False) -> str:
    parts = [row[at : at + form.size] for at in range(0, len(row), form.size)]
    text = "".join(form.text(part.ljust(form.size, b"\0")) for part in parts)
    width = len(form.text(bytes(form.size)))
    return text.ljust(width * (_ROW // form.size)) if pad else text


_SIZES = {"C": 1, "S": 2, "I": 4, "L": 8, "": 4, "1": 1, "2": 2, "4": 4, "8": 8}
_OD_LETTERS = {
    "a": "a",
    "b": "o1",
    "c": "c",
    "d": "u2",
    "h": "x2",
    "i": "d2",
    "l": "d4",
    "o": "o2",
    "s": "d2",
    "x": "x2",
}
_WIDTHS = {
    "o": {1: 3, 2: 6, 4: 11, 8: 22},
    "x": {1: 2, 2: 4, 4: 8, 8: 16},
    "u": {1: 3, 2: 5, 4: 10, 8: 20},
    "d": {1: 4, 2: 6, 4: 11, 8: 20},
}


def _od_forms(text: str) -> Iterator[_Form]:
    """The forms of a type string such as `x1`, `u4` or `c`. Raises Refusal."""
    place = 0
    while place < len(text):
        match = re.compile(r"([ac])|([douxf])([CSIL]|[0-9]*)").match(text, place)
        if match is None or match[2] == "f":
            raise Refusal(f"invalid character '{text[place]}' in type string '{text}'")
        place = match.end()
        if match[1]:
            yield _Form(1, _name if match[1] == "a" else _character)
            continue
        if match[3] not in _SIZES:
            detail = f"{match[3]}-byte integral type is not supported"
            raise Refusal(f"invalid type string '{text}'; {detail}")
        yield _numeric(match[2], _SIZES[match[3]])


def _numeric(kind: str, size: int) -> _Form:
    width = _WIDTHS[kind][size]
    if kind == "d":
        return _Form(size, lambda c: f" {_number(c, signed=True):{width}}")
    if kind == "u":
        return _Form(size, lambda c: f" {_number(c):{width}}")
    return _Form(size, lambda c: f" {_number(c):0{width}{kind}}")


@dataclass(frozen=True, slots=True)
class _Radix:
    letter: str

    def shown(self, offset: int) -> str:
        if self.letter == "n":
            return ""
        return {"d": f"{offset:07}", "o": f"{offset:07o}", "x": f"{offset:06x}"}[self.letter]


def dump_octal(process: Process, _: Surroundings) -> Waits[int]:
    """`od`."""
    options = read_options(process.spec.argv, "abcdfhilosxvA:N:j:t:w::")
    radix = _Radix((options.values("A") or ["o"])[-1][:1])
    if radix.letter not in set("doxn") or not radix.letter:
        raise Refusal(f"bad output address radix '{options.values('A')[-1]}'")
    forms: list[_Form] = []
    for letter, value in options.given:
        text = value if letter == "t" else _OD_LETTERS.get(letter, "")
        forms += _od_forms(text) if letter in "tabcdhilosx" else []
    if "f" in options.letters:
        raise UsageError("od: invalid option -- 'f'\n")
    forms = forms or [_numeric("o", 2)]
    widths = [whole_number(each, 1, 4096) for each in options.values("w") if each]
    width = widths[-1] if widths else 32 if "w" in options.letters else _ROW
    status = [0]
    skip, most = _limits(options, "j", "N")
    content = yield from _gather(process, "od", options.operands, status, _end(skip, most))
    if content is None:
        return 1
    if skip > len(content):
        raise Refusal("can't skip past end of combined input")
    shown = content[skip:] if most is None else content[skip : skip + most]
    for offset, row in _rows(shown, skip, width, all_of_them="v" in options.letters):
        _write_octal(process, radix, offset, row, forms)
        yield from process.drain()
    if radix.letter != "n":
        process.write(f"{radix.shown(skip + len(shown))}\n".encode())
    return status[0]


def _write_octal(
    process: Process, radix: _Radix, offset: int, row: bytes, forms: Sequence[_Form]
) -> None:
    if offset < 0:
        process.write(b"*\n")
        return
    head = radix.shown(offset)
    for form in forms:
        process.write(f"{head}{_cells(row, form)}\n".encode())
        head = " " * len(head)


_PLAIN_WIDTH, _INCLUDE_WIDTH = 30, 12


def dump_or_undump(process: Process, _: Surroundings) -> Waits[int]:
    """`xxd`."""
    options = read_options(process.spec.argv, "l:s:o:c:g:pri")
    letters = options.letters
    if len(options.operands) > 1:
        raise UsageError
    status = [0]
    skip, most = _limits(options, "s", "l")
    content = yield from _gather(process, "xxd", options.operands, status, _end(skip, most))
    if content is None:
        return 1
    if "r" in letters:
        process.write(_undumped(content, plain="p" in letters))
        return 0
    if skip and not options.operands:
        raise Refusal("stdin: Illegal seek")
    shown = content[skip:] if most is None else content[skip : skip + most]
    width = _PLAIN_WIDTH if "p" in letters else _INCLUDE_WIDTH if "i" in letters else _ROW
    for text in options.values("c"):
        width = whole_number(text, 0, 256) or width
    group = [whole_number(each) for each in options.values("g")]
    extra = [whole_number(each) for each in options.values("o")]
    for offset, row in _rows(shown, skip + sum(extra[-1:]), width, all_of_them=True):
        if "i" in letters:
            text = "  " + " ".join(f"0x{code:02x}," for code in row)
        elif "p" in letters:
            text = row.hex()
        else:
            text = _xxd_row(offset, row, width, group[-1] if group else 2)
        process.write(text.encode() + b"\n")
        yield from process.drain()
    return status[0]


def _xxd_row(offset: int, row: bytes, width: int, group: int) -> str:
    group = group or width
    groups = [row[at : at + group].hex() for at in range(0, len(row), group)]
    full = 2 * width + (width - 1) // group
    return f"{offset:08x}: {' '.join(groups):<{full}}  {_visible(row)}"


def _undumped(content: bytes, *, plain: bool) -> bytes:
    result = bytearray()
    for line in content.decode("latin-1").splitlines():
        text, place = line, len(result)
        if not plain:
            offset, colon, text = line.partition(":")
            if not colon or not re.fullmatch(r"\s*[0-9a-fA-F]+", offset):
                continue
            place = int(offset, 16)
            text = text.lstrip().partition("  ")[0]
        match = re.match(r"(?:\s*[0-9a-fA-F]{2})*", text)
        found = bytes.fromhex(match[0]) if match else b""
        if 0 <= place <= len(result) + _FURTHEST:
            result.extend(bytes(max(place - len(result), 0)))
            result[place : place + len(found)] = found
    return bytes(result)


_FURTHEST = 1 << 24


COMMANDS = {
    "hd": Applet(dump_hexadecimal, "FILE..."),
    "hexdump": Applet(dump_hexadecimal, "[-bcdoxCv] [-n LEN] [-s OFS] [FILE]..."),
    "od": Applet(
        dump_octal, "[-abcdhilosxv] [-t TYPE] [-A RADIX] [-N SIZE] [-j SKIP] [-w WIDTH] [FILE]..."
    ),
    "xxd": Applet(dump_or_undump, "[-pri] [-g N] [-c N] [-l LEN] [-s OFS] [-o OFS] [FILE]"),
}
