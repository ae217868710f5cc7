"""`cat`: input and the few files that there are, plain, numbered or with all characters visible."""

from fakecri.core.applets import Surroundings, complain
from fakecri.core.options import read_options
from fakecri.core.processes import Process
from fakecri.core.scheduler import Waits


def concatenate(process: Process, _: Surroundings) -> Waits[int]:
    options = read_options(process.spec.argv, "nbvteAu")
    letters = options.letters | (set("vte") if "A" in options.letters else set())
    return _copy(process, options.operands or ["-"], letters)


def _copy(process: Process, paths: list[str], letters: set[str]) -> Waits[int]:
    status = 0
    form = _Form(letters)
    for path in paths:
        if path in {"-", "/dev/stdin"}:
            while chunk := (yield from process.read()):
                process.write(form.apply(chunk))
                yield from process.drain()
            process.write(form.end())
            continue
        try:
            process.write((yield from _shown(process, path, form)))
        except IsADirectoryError as error:
            status = status if form.by_line else 1
            if not form.letters:
                complain(process, "cat", f"read error: {error.strerror}")
        except OSError as error:
            text = f"{path}: {error.strerror}" if form.by_line else ""
            status = complain(process, "cat", text or f"can't open '{path}': {error.strerror}")
    return status


def _shown(process: Process, path: str, form: "_Form") -> Waits[bytes]:
    """Write what a file has, and return what is still to be written at its end."""
    opened = yield from process.files.opening(path, "r")
    try:
        while chunk := (yield from opened.read()):
            process.write(form.apply(chunk))
            yield from process.drain()
    finally:
        opened.close()
    return form.end()


class _Form:
    """How content is shown. Lines are counted from one file to the next."""

    def __init__(self, letters: set[str]) -> None:
        self.letters = letters - {"u"}
        self.visible = bool(letters & set("vte"))
        self.numbered = bool(letters & set("nb"))
        self.by_line = self.numbered and not self.visible
        self.count = 0
        self.at_start = True
        self.rest = b""

    def apply(self, chunk: bytes) -> bytes:
        """Return what is to be written of a chunk of input."""
        if self.by_line:
            *lines, self.rest = (self.rest + chunk).split(b"\n")
            return b"".join(self.line(each) for each in lines)
        if self.visible:
            return b"".join(self.character(code) for code in chunk)
        return chunk

    def end(self) -> bytes:
        """Return what is still to be written at the end of a file."""
        rest, self.rest = self.rest, b""
        return self.line(rest) if rest else b""

    def line(self, line: bytes) -> bytes:
        return self.number(b"\t", blank=not line) + line + b"\n"

    def number(self, space: bytes, *, blank: bool) -> bytes:
        if blank and "b" in self.letters:
            return b""
        self.count += 1
        return b"%6d" % self.count + space

    def character(self, code: int) -> bytes:
        newline = code == _NEWLINE
        number = b""
        if self.at_start and self.numbered:
            number = self.number(b"  ", blank=newline)
        self.at_start = newline
        if newline:
            return number + (b"$\n" if "e" in self.letters else b"\n")
        if code == _TAB and "t" not in self.letters:
            return number + b"\t"
        return number + _visible(code)


_TAB, _NEWLINE, _SPACE, _DELETE, _META = 9, 10, 32, 127, 128


def _visible(code: int) -> bytes:
    meta, code = (b"M-", code - _META) if code >= _META else (b"", code)
    if code < _SPACE or code == _DELETE:
        return meta + b"^" + bytes([code ^ 64])
    return meta + bytes([code])
