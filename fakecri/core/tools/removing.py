"""`rm`, `rmdir`, `unlink`: names go away."""

import posixpath

from fakecri.core.applets import Applet, Surroundings, complain
from fakecri.core.options import UsageError, read_options
from fakecri.core.processes import Process
from fakecri.core.scheduler import Waits
from fakecri.core.tools.words import joined, last_name, reason


class Removal:
    """Takes trees away, as `rm -r` and `mv` from one filesystem to another do."""

    def __init__(self, process: Process, name: str, letters: set[str]) -> None:
        """`letters` are options of `rm`: `r`, `f` and `i` count."""
        self.process = process
        self.name = name
        self.letters = letters

    def remove(self, path: str) -> Waits[int]:
        """Remove a name, and with `r` what is below it; return a status."""
        files = self.process.files
        try:
            stat = files.stat(path, follow=False)
        except OSError as error:
            if "f" in self.letters and isinstance(error, FileNotFoundError | NotADirectoryError):
                return 0
            return self.complain(path, error)
        is_dir = stat.kind == "dir"
        if is_dir and not self.letters & {"r", "R"}:
            return complain(self.process, self.name, f"'{path}' is a directory")
        if "i" in self.letters and not (yield from self.agrees(path, is_dir=is_dir)):
            return 0
        return (yield from self.remove_tree(path)) if is_dir else self.take(path, is_dir=False)

    def remove_tree(self, path: str) -> Waits[int]:
        status = 0
        try:
            names = self.process.files.list(path)
        except OSError as error:
            return complain(self.process, self.name, f"can't open '{path}': {reason(error)}")
        for name in names:
            status |= yield from self.remove(joined(path, name))
        return status | self.take(path, is_dir=True)

    def take(self, path: str, *, is_dir: bool) -> int:
        files = self.process.files
        try:
            if is_dir:
                files.rmdir(path)
            else:
                files.unlink(path)
        except OSError as error:
            return self.complain(path, error)
        return 0

    def complain(self, path: str, error: OSError) -> int:
        return complain(self.process, self.name, f"can't remove '{path}': {reason(error)}")

    def agrees(self, path: str, *, is_dir: bool) -> Waits[bool]:
        question = f"descend into directory '{path}'? " if is_dir else f"remove '{path}'? "
        return (yield from ask(self.process, f"{self.name}: {question}"))


def ask(process: Process, question: str) -> Waits[bool]:
    """Ask on stderr; whether the next line of stdin begins with a yes."""
    process.error(question.encode(errors="surrogateescape"))
    answer = b""
    while b"\n" not in answer and (chunk := (yield from process.read())):
        answer += chunk
    line, newline, rest = answer.partition(b"\n")
    process.stdin.unread(rest if newline else b"")
    return line[:1] in {b"y", b"Y"}


def remove_files(process: Process, _: Surroundings) -> Waits[int]:
    """`rm`."""
    options = read_options(process.spec.argv, "firR", {"recursive": "r", "force": "f"})
    letters = options.letters
    order = [each for each, _ in options.given if each in "fi"]
    if order:  # the last of them counts
        letters -= {"f", "i"} - {order[-1]}
    if not options.operands and "f" not in letters:
        raise UsageError
    removal = Removal(process, "rm", letters)
    status = 0
    for path in options.operands:
        if last_name(path) in {".", ".."}:
            status = complain(process, "rm", "can't remove '.' or '..'")
        else:
            status |= yield from removal.remove(path)
        yield from process.drain()
    return status


def remove_directories(process: Process, _: Surroundings) -> int:
    """`rmdir`."""
    long = {"parents": "p", "ignore-fail-on-non-empty": "I"}
    options = read_options(process.spec.argv, "pI", long)
    if not options.operands:
        raise UsageError
    status = 0
    for operand in options.operands:
        status |= _remove_directory(process, operand, options.letters)
    return status


def _remove_directory(process: Process, operand: str, letters: set[str]) -> int:
    path = operand
    while True:
        try:
            process.files.rmdir(path)
        except OSError as error:
            if "I" in letters and "not empty" in reason(error):
                return 0
            return complain(process, "rmdir", f"'{path}': {reason(error)}")
        path = posixpath.dirname(path.rstrip("/"))
        if "p" not in letters or path in {"", ".", "/"}:
            return 0


def unlink_file(process: Process, _: Surroundings) -> int:
    """`unlink`."""
    options = read_options(process.spec.argv, "")
    if len(options.operands) != 1:
        raise UsageError
    path = options.operands[0]
    try:
        process.files.unlink(path)
    except OSError as error:
        return complain(process, "unlink", f"can't remove file '{path}': {reason(error)}")
    return 0


COMMANDS = {
    "rm": Applet(remove_files, "[-irf] FILE..."),
    "rmdir": Applet(remove_directories, "[-p] DIRECTORY..."),
    "unlink": Applet(unlink_file, "FILE"),
}
