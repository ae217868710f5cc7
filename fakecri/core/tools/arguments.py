"""`xargs`: what comes in becomes the arguments of a program."""

import errno
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from fakecri.core.applets import Applet, Refusal, Surroundings, complain
from fakecri.core.executables import MissingExecutableError
from fakecri.core.options import Options, UsageError, read_options
from fakecri.core.pipes import Stdin
from fakecri.core.processes import Process
from fakecri.core.scheduler import Waits
from fakecri.core.tools.words import (
    NOT_EXECUTABLE,
    NOT_FOUND,
    content_of,
    decoded,
    read_all,
    reason,
    whole_number,
)

_INT_MAX = 2**31 - 1
_COMMAND_BYTES = 32 * 1024
_FAILED, _ABORTED, _KILLED = 123, 124, 125
_ABORT = 255
_SIGNALS = range(129, 193)


def run_with_arguments(process: Process, _: Surroundings) -> Waits[int]:
    """`xargs`."""
    options = read_options(process.spec.argv, "tprxn:s:e::E:I:a:P:0", {"null": "0"}, leading=True)
    most = whole_number(options.values("n")[-1], 1, _INT_MAX) if "n" in options.letters else 0
    size = whole_number(options.values("s")[-1], 1, _INT_MAX) if "s" in options.letters else 0
    for text in options.values("P"):
        whole_number(text, 0, _INT_MAX)
    if "p" in options.letters:
        raise UsageError("xargs: invalid option -- 'p'\n")
    run = _Run(process, options, options.operands or ["echo"], most, size or _COMMAND_BYTES)
    try:
        if "a" in options.letters:
            content = yield from content_of(process, options.values("a")[-1])
        else:
            content = yield from read_all(process)
    except OSError as error:
        path = options.values("a")[-1]
        raise Refusal(f"can't open '{path}': {reason(error)}") from error
    return (yield from run.all(content))


@dataclass
class _Run:
    process: Process
    options: Options
    argv: Sequence[str]
    most: int
    size: int
    status: int = 0

    def all(self, content: bytes) -> Waits[int]:
        letters = self.options.letters
        text = decoded(content)
        if "I" in letters:
            commands = self.replacing(text, self.options.values("I")[-1])
        else:
            commands = self.appending(self.items(text))
        for argv in commands:
            if not (yield from self.execute(argv)):
                break
        return self.status

    def items(self, text: str) -> Iterator[str]:
        letters = self.options.letters
        if "0" in letters:
            words: Iterator[str] = iter(text.removesuffix("\0").split("\0") if text else [])
        else:
            words = _words(text)
        ends = self.options.values("E") + [each for each in self.options.values("e") if each]
        for word in words:
            if ends and word == ends[-1]:
                return
            yield word

    def appending(self, items: Iterator[str]) -> Iterator[list[str]]:
        argv, count, ran = list(self.argv), 0, False
        length = sum(len(each.encode(errors="surrogateescape")) + 1 for each in argv)
        held = length
        for item in items:
            size = len(item.encode(errors="surrogateescape")) + 1
            if count and (held + size > self.size or (self.most and count == self.most)):
                yield argv
                ran, argv, count, held = True, list(self.argv), 0, length
            if held + size > self.size:
                raise Refusal("argument line too long")
            argv.append(item.partition("\0")[0])
            count += 1
            held += size
        if count or not (ran or "r" in self.options.letters):
            yield argv

    def replacing(self, text: str, mark: str) -> Iterator[list[str]]:
        mark = mark or "{}"
        ends = "[^\0]*(?:\0|$)" if "0" in self.options.letters else "[^\n\0]*(?:[\n\0]|$)"
        for line in re.findall(ends, text):
            item = line.rstrip("\n").rstrip("\0").lstrip(" \t")
            if item or line.endswith("\0"):
                yield [each.replace(mark, item) for each in self.argv]

    def execute(self, argv: list[str]) -> Waits[bool]:
        """Run a command; whether to go on."""
        if "t" in self.options.letters:
            self.process.error(" ".join(argv).encode(errors="surrogateescape") + b"\n")
        name = argv[0]
        try:
            stdin = Stdin(self.process.scheduler, closed=True)
            child = self.process.spawn(argv, stdin=stdin)
        except MissingExecutableError as missing:
            self.complain(f"{name}: {missing.strerror}{missing.why}")
            self.status = NOT_FOUND if missing.code == errno.ENOENT else NOT_EXECUTABLE
            return False
        code = yield from child.exited
        if code == _ABORT:
            self.complain(f"{name}: exited with status 255; aborting")
            self.status = _ABORTED
            return False
        if code in _SIGNALS:
            self.complain(f"'{name}' terminated by signal {code - 128}")
            self.status = _KILLED
            return False
        if code:
            self.status = _FAILED
        return True

    def complain(self, text: str) -> None:
        complain(self.process, "xargs", text)


_WORD = re.compile(r"""(?:[^\s'"\\]+|\\(.?)|"([^"\n]*)"|'([^'\n]*)')""", re.DOTALL)
_BLANK = re.compile("[ \t\n]+")


def _words(text: str) -> Iterator[str]:
    """Words between blanks, with quotes and backslashes. Raises Refusal."""
    place, word, is_word = 0, "", False
    while place < len(text):
        blank = _BLANK.match(text, place)
        if blank is not None:
            if is_word:
                yield word
            place, word, is_word = blank.end(), "", False
            continue
        match = _WORD.match(text, place)
        if match is None and text[place] in "'\"":
            kind = "single" if text[place] == "'" else "double"
            raise Refusal(f"unmatched {kind} quote")
        quoted = [each for each in match.groups() if each is not None] if match else []
        plain = match[0] if match else text[place]
        word, is_word = word + (quoted[0] if quoted else plain), True
        place += len(plain)
    if is_word:
        yield word


COMMANDS = {
    "xargs": Applet(run_with_arguments, "[OPTIONS] [PROG ARGS]"),
}
