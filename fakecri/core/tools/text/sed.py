"""`sed`: edits a stream line by line, one line ahead of what it shows at most."""

import re

from fakecri.core.options import Options, UsageError, read_options
from fakecri.core.processes import Process
from fakecri.core.scheduler import Waits
from fakecri.core.tools.text.sed_input import Input, Kept
from fakecri.core.tools.text.sed_script import Address, Instruction, Script
from fakecri.core.tools.text.streams import (
    Output,
    Refusal,
    close_operand,
    create,
    open_operand,
    read_all,
    spin,
    to_bytes,
)
from fakecri.core.tools.text.substitution import substituted, visible
from fakecri.core.views import OpenFile

_STREAMS, _JUMPS = {"/dev/stdout", "/dev/stderr"}, {"b", "t", "T"}
_PATIENCE = 100_000
"""Jumps without a new line after which a script is taken to run for good; in a long pattern space
one counts more, by a kilobyte."""
_GROWTH = 64
"""The same, as a factor of the length of the pattern space."""


class _Editor:
    """A script at work on one stream."""

    def __init__(self, process: Process, script: list[Instruction], *, quiet: bool) -> None:
        self.process = process
        self.script = script
        self.quiet = quiet
        self.files: dict[str, OpenFile] = {}
        self.output = Output(process)
        self.number = 0
        self.held = b""
        self.space = b""
        self.newline = True
        self.substituted = False
        self.last_regex: re.Pattern[bytes] | None = None
        self.appended: list[tuple[str, bytes]] = []
        self.quit: int | None = None
        self.unended = False
        """Whether what was written last has no newline."""
        self.input: Input

    def open_files(self) -> None:
        for each in self.script:
            path = each.text.decode(errors="surrogateescape") if each.name == "w" else None
            if each.replacement is not None:
                path = each.replacement.path
            if path and path not in self.files and path not in _STREAMS:
                self.files[path] = create(self.process, path)

    def run(self, paths: list[str], output: Output | None = None) -> Waits[int]:
        """Edit the concatenation of some files; return the status."""
        self.output = output or self.output
        self.input = Input(self.process, paths, self.output)
        while self.quit is None:
            line = yield from self.input.next()
            if not line:
                break
            self.take(line)
            yield from self.cycle()
        yield from self.output.flush()
        return self.quit or self.input.status

    def take(self, line: bytes) -> None:
        self.number += 1
        self.newline = line.endswith(b"\n")
        self.space = line.removesuffix(b"\n")

    def put(self, text: bytes, *, newline: bool = True, to: OpenFile | None = None) -> None:
        if to is not None:
            to.write(text + b"\n" if newline else text)
            return
        if self.unended:
            self.output.put(b"\n")
        self.output.put(text + b"\n" if newline else text)
        self.unended = not newline

    def cycle(self) -> Waits[None]:
        """Run the script on the pattern space, again for as long as `D` restarts it."""
        restart, number, restarts = True, self.number, 0
        while restart:
            restarts = 0 if number != self.number else restarts + 1 + len(self.space) // 1000
            number = self.number
            if restarts > _PATIENCE:
                yield from spin(self.process)
            outcome = yield from self.execute()
            if outcome not in {"delete", "restart", "silent"} and not self.quiet:
                self.put(self.space, newline=self.newline)
            if outcome != "silent":
                yield from self.append()
            restart = outcome == "restart"

    def append(self) -> Waits[None]:
        appended, self.appended = self.appended, []
        for kind, text in appended:
            if kind == "text":
                self.put(text.removesuffix(b"\n"))
                continue
            try:
                reader = open_operand(self.process, text.decode(errors="surrogateescape"))
                content = yield from read_all(reader)
                close_operand(reader, self.process)
            except OSError:
                continue
            if content:
                self.put(content.removesuffix(b"\n"), newline=content.endswith(b"\n"))

    def execute(self) -> Waits[str]:
        at, jumps, first = 0, 0, 0
        self.substituted = False
        while at < len(self.script):
            each = self.script[at]
            at += 1
            applies = yield from self.applies(each)
            if applies == each.inverted:
                at = each.target if each.name == "{" else at
                continue
            if each.name in _JUMPS:
                taken = each.name == "b" or self.substituted == (each.name == "t")
                self.substituted = self.substituted and each.name == "b"
                first = first if jumps else max(len(self.space), 2_000)
                jumps += 1 + len(self.space) // 1000
                if jumps > _PATIENCE or len(self.space) > first * _GROWTH:
                    yield from spin(self.process)
                at = each.target if taken else at
                continue
            if each.name in {"n", "N"}:
                jumps = 0
                outcome = yield from _next_line(self, each)
            else:
                outcome = _DOERS[each.name](self, each)
            if outcome:
                return outcome
        return ""

    # Addresses.

    def applies(self, each: Instruction) -> Waits[bool]:
        if each.start is None:
            return True
        if each.end is None:
            return (yield from self.matches(each.start))
        if each.active_until is None:
            if not (yield from self.begins(each, each.start)):
                return False
            until = each.end.last_line(self.number)
            each.active_until = None if 0 <= until <= self.number else until
            return True
        return (yield from self.goes_on(each, each.end))

    def begins(self, each: Instruction, start: Address) -> Waits[bool]:
        """A range from a line on begins once, even where that line was passed over."""
        if start.kind != "line":
            return (yield from self.matches(start))
        if each.used or not 0 < start.number <= self.number:
            return False
        each.used = True
        return True

    def goes_on(self, each: Instruction, end: Address) -> Waits[bool]:
        until = each.active_until
        if until is not None and until >= 0:
            if self.number >= until:
                each.active_until = None
            return True  # also past the end, where the range has not seen it: this is its last
        if (yield from self.matches(end)):
            each.active_until = None
        return True

    def matches(self, address: Address) -> Waits[bool]:
        if address.kind == "line":
            return self.number == address.number
        if address.kind == "step":
            if address.step:
                past = self.number - address.number
                return past >= 0 and past % address.step == 0
            return self.number == address.number
        if address.kind == "last":
            return (yield from self.input.is_last())
        return self.regex(address.regex).search(self.space) is not None

    def regex(self, regex: re.Pattern[bytes] | None) -> re.Pattern[bytes]:
        """An empty pattern is the one that was used last."""
        regex = regex or self.last_regex
        if regex is None:
            raise Refusal("no previous regexp")
        self.last_regex = regex
        return regex


def _block(_: _Editor, __: Instruction) -> str:
    return ""


def _simple(editor: _Editor, each: Instruction) -> str:
    """The commands that change or show the spaces."""
    space, name = editor.space, each.name
    if name == "p":
        editor.put(space)
    elif name == "P":
        editor.put(space.partition(b"\n")[0])
    elif name == "=":
        editor.put(b"%d" % editor.number)
    elif name == "l":
        editor.put(visible(space))
    elif name == "y" and each.table is not None:
        editor.space = space.translate(each.table)
    elif name == "z":
        editor.space = b""
    else:
        _exchange(editor, name)
    return ""


def _exchange(editor: _Editor, name: str) -> None:
    if name in "Gx":
        editor.newline = True
    if name == "h":
        editor.held = editor.space
    elif name == "H":
        editor.held += b"\n" + editor.space
    elif name == "g":
        editor.space = editor.held
    elif name == "G":
        editor.space += b"\n" + editor.held
    else:
        editor.space, editor.held = editor.held, editor.space


def _delete(editor: _Editor, each: Instruction) -> str:
    if each.name == "d" or b"\n" not in editor.space:
        return "delete"
    editor.space = editor.space.partition(b"\n")[2]
    return "restart"


def _text(editor: _Editor, each: Instruction) -> str:
    if each.name == "a":
        editor.appended.append(("text", each.text))
        return ""
    if each.name == "i":
        editor.put(each.text.removesuffix(b"\n"))
        return ""
    if each.end is None or each.active_until is None or each.inverted:
        editor.put(each.text.removesuffix(b"\n"))
    return "delete"


def _files(editor: _Editor, each: Instruction) -> str:
    if each.name == "r":
        editor.appended.append(("file", each.text))
    else:
        _write(editor, each.text.decode(errors="surrogateescape"))
    return ""


def _write(editor: _Editor, path: str) -> None:
    if path == "/dev/stdout":
        editor.put(editor.space, newline=editor.newline)
    elif path == "/dev/stderr":
        editor.process.error(editor.space + b"\n")
    else:
        editor.put(editor.space, newline=editor.newline, to=editor.files[path])


def _next_line(editor: _Editor, each: Instruction) -> Waits[str]:
    if (yield from editor.input.is_last()):
        editor.quit = 0
        return "end"  # as GNU does it, also N shows the pattern space where it finds no line
    if each.name == "n":
        if not editor.quiet:
            editor.put(editor.space, newline=editor.newline)
        yield from editor.append()
        editor.take((yield from editor.input.next()))
        return ""
    yield from editor.append()
    space = editor.space
    editor.take((yield from editor.input.next()))
    editor.space = space + b"\n" + editor.space
    return ""


def _quit(editor: _Editor, each: Instruction) -> str:
    editor.quit = each.status
    return "silent" if each.name == "Q" else "end"


def _substitute(editor: _Editor, each: Instruction) -> str:
    replacement = each.replacement
    if replacement is None:
        return ""
    changed = substituted(editor.regex(each.regex), replacement, editor.space)
    if changed is not None:
        editor.space = changed
        editor.substituted = True
        if replacement.shown:
            editor.put(editor.space)
        if replacement.path is not None:
            _write(editor, replacement.path)
    return ""


_DOERS = {
    "{": _block,
    **dict.fromkeys("pP=lyzhHgGx", _simple),
    **dict.fromkeys("dD", _delete),
    **dict.fromkeys("aic", _text),
    **dict.fromkeys("rw", _files),
    **dict.fromkeys("qQ", _quit),
    "s": _substitute,
}


def sed(process: Process) -> Waits[int]:
    """Edit stdin, or files, into stdout or in place."""
    long = {"in-place": "i", "regexp-extended": "r", "quiet": "n", "silent": "n"}
    long |= {"expression": "e", "file": "f"}
    options = read_options(process.spec.argv, "i::rEnse:f:", long)
    return _run(process, options)


def _run(process: Process, options: Options) -> Waits[int]:
    letters = options.letters
    script = Script(extended=bool(letters & set("rE")))
    paths = list(options.operands)
    given = [each for each in options.given if each[0] in {"e", "f"}]
    if not given:
        if not paths:
            raise UsageError
        given = [("e", paths.pop(0))]
    parts = yield from _parts(process, given)
    quiet = "n" in letters or parts.startswith(b"#n\n")
    script.add(parts)
    editor = _Editor(process, script.finish(), quiet=quiet)
    editor.open_files()
    if "i" not in letters:
        status = yield from editor.run(paths or ["-"])
    else:
        status = yield from _in_place(process, editor, paths, options.values("i")[-1])
    for file in editor.files.values():
        file.close()
    return status


def _parts(process: Process, given: list[tuple[str, str]]) -> Waits[bytes]:
    parts: list[bytes] = []
    for letter, value in given:
        if letter == "e":
            parts.append(to_bytes(value))
            continue
        try:
            reader = open_operand(process, value)
            parts.append((yield from read_all(reader)).removesuffix(b"\n"))
            close_operand(reader, process)
        except OSError as error:
            raise Refusal(f"{value}: {error.strerror}") from None
    return b"\n".join(parts)


def _in_place(process: Process, editor: _Editor, paths: list[str], suffix: str) -> Waits[int]:
    if not paths:
        raise Refusal("no input files")
    status = 0
    for path in paths:
        kept = Kept(process)
        editor.number = 0
        editor.unended = False
        for each in editor.script:
            each.used, each.active_until = False, None
        code = yield from editor.run([path], kept)
        status = status or code
        if editor.input.status:
            continue
        _replace(process, path, b"".join(kept.kept), suffix)
        if editor.quit is not None:
            break
    return status


def _replace(process: Process, path: str, content: bytes, suffix: str) -> None:
    files = process.files
    try:
        mode = files.stat(path).mode
        if suffix:
            files.rename(path, path + suffix)
        files.write(path, content)
        files.chmod(path, mode)
    except OSError as error:
        raise Refusal(f"{path}: {error.strerror}") from None
