"""The small commands that every image with a userland has, as busybox 1.35 has them.

Options, texts and exit codes are those of its applets; of the help only the synopsis is shown.
"""

import errno
import re
from collections.abc import Mapping

from fakecri.core.applets import Applet, Surroundings, become, complain
from fakecri.core.contents import concatenate
from fakecri.core.dates import show_date
from fakecri.core.executables import MissingExecutableError
from fakecri.core.identities import show_identity
from fakecri.core.net.commands import COMMANDS as NET_COMMANDS
from fakecri.core.net.names import own_address
from fakecri.core.options import UsageError, read_options
from fakecri.core.processes import Process
from fakecri.core.scheduler import Waits
from fakecri.core.tools import TOOLS
from fakecri.core.tools.text import TEXT_TOOLS

_NOT_EXECUTABLE = 126
_NOT_FOUND = 127


def _true(_process: Process, _: Surroundings) -> int:
    return 0


def _false(_process: Process, _: Surroundings) -> int:
    return 1


_SUFFIX_S = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86_400}
_ULONG_MAX = 2**64 - 1


def _sleep(process: Process, _: Surroundings) -> Waits[int] | int:
    words = process.spec.argv[1:]
    if not words:
        raise UsageError
    if words[0][:3].lower() == "inf":
        return process.forever()
    try:
        seconds = sum(_duration_s(word) for word in words)
    except ValueError as error:
        return complain(process, "sleep", str(error))
    return _sleep_for(process, seconds)


def _sleep_for(process: Process, seconds: float) -> Waits[int]:
    yield from process.sleep(seconds)
    return 0


def _duration_s(word: str) -> float:
    """A whole number stays one, so that no digit of it is lost."""
    if "." not in word:
        return _whole_s(word)
    number = re.match(r"[0-9.]*", word)
    digits = number[0] if number else ""
    if not re.fullmatch(r"[0-9]+\.[0-9]*|\.[0-9]+", digits):
        raise UsageError
    seconds = float(digits) * _whole_s("1" + word[len(digits) :])
    if seconds == float("inf"):
        raise UsageError
    return seconds


def _whole_s(word: str) -> int:
    match = re.fullmatch(r"([0-9]+)([smhd]?)", word, re.ASCII)
    if match is None or int(match[1]) > _ULONG_MAX:
        raise ValueError(f"invalid number '{word}'")
    seconds = int(match[1]) * _SUFFIX_S[match[2]]
    if seconds > _ULONG_MAX:
        raise ValueError(f"number {word} is not in 0..{_ULONG_MAX} range")
    return seconds


def _echo(process: Process, _: Surroundings) -> int:
    words = list(process.spec.argv[1:])
    options = ""
    while words and re.fullmatch(r"-[neE]+", words[0]):
        options += words.pop(0)[1:]
    line, cut = " ".join(words).encode(errors="surrogateescape"), False
    if "e" in options:  # -E does not take it back
        line, cut = _unescaped(line)
    process.write(line if cut or "n" in options else line + b"\n")
    return 0


# An octal number may have a 0 before it, and stops where it would be more than a byte.
_ESCAPE = re.compile(rb"\\(?:0?([0-3]?[0-7]{1,2})|x([0-9a-fA-F]{1,2})|([abcefnrtv\\]))")
_LETTERS = dict(zip(b"abefnrtv\\", b"\a\b\x1b\f\n\r\t\v\\", strict=True))


def _unescaped(line: bytes) -> tuple[bytes, bool]:
    """The line with its escapes replaced, and whether one of them cut it off."""
    written, end = b"", 0
    for match in _ESCAPE.finditer(line):
        written += line[end : match.start()]
        if match[3] == b"c":
            return written, True
        written += bytes([_escaped_code(match)])
        end = match.end()
    return written + line[end:], False


def _escaped_code(match: re.Match[bytes]) -> int:
    octal, hexadecimal, letter = match.groups()
    if letter:
        return _LETTERS[letter[0]]
    return int(octal, 8) if octal else int(hexadecimal, 16)


def _env(process: Process, surroundings: Surroundings) -> Waits[int] | int | None:
    long = {"ignore-environment": "i", "null": "0", "unset": "u"}
    options = read_options(process.spec.argv, "i0u:", long, leading=True)
    words = options.operands
    anew = "i" in options.letters
    if not anew and words[:1] == ["-"]:
        anew, words = True, words[1:]
    environment = {} if anew else dict(process.spec.environment)
    for name in options.values("u"):
        environment.pop(name, None)
    while words and "=" in words[0]:
        name, _, value = words[0].partition("=")
        environment[name], words = value, words[1:]
    if words:
        return _become_found(process, surroundings, words, environment)
    end = "\0" if "0" in options.letters else "\n"
    text = "".join(f"{key}={value}{end}" for key, value in environment.items())
    process.write(text.encode(errors="surrogateescape"))  # values may be any bytes
    return 0


def _become_found(
    process: Process, surroundings: Surroundings, argv: list[str], environment: Mapping[str, str]
) -> Waits[int] | int | None:
    try:
        program = surroundings.find(argv, environment, process.spec.cwd)
    except MissingExecutableError as missing:
        code = _NOT_FOUND if missing.code == errno.ENOENT else _NOT_EXECUTABLE
        text = f"can't execute '{argv[0]}': {missing.strerror}{missing.why}"
        return complain(process, "env", text, code)
    return become(process, program, argv, environment)


def _hostname(process: Process, _: Surroundings) -> int:
    options = read_options(process.spec.argv, "dfisF:v")
    letters = options.letters
    name = process.hostname
    if "F" in letters:
        path = options.values("F")[-1]
        return complain(process, "hostname", f"can't open '{path}': No such file or directory")
    if "i" in letters and not letters & set("dfs"):
        process.write(f"{own_address(process)} \n".encode())
        return 0
    if options.operands and not letters & set("dfs"):
        if not process.can("CAP_SYS_ADMIN") or process.denied("sethostname"):
            return complain(process, "hostname", "sethostname: Operation not permitted")
        process.system.uts.hostname = options.operands[0]
        return 0
    short, dot, domain = name.partition(".")
    if "f" not in letters and "s" in letters:
        name = short
    elif "f" not in letters and "d" in letters:
        process.write(f"{domain}\n".encode() if dot else b"")
        return 0
    process.write(f"{name}\n".encode())
    return 0


def _pwd(process: Process, _: Surroundings) -> int:
    read_options(process.spec.argv, "LP")
    process.write(f"{process.spec.cwd}\n".encode())
    return 0


COMMANDS: Mapping[str, Applet] = {
    **TEXT_TOOLS,
    **TOOLS,
    **NET_COMMANDS,
    "cat": Applet(concatenate, "[-nbvteA] [FILE]..."),
    "date": Applet(show_date, "[OPTIONS] [+FMT] [[-s] TIME]"),
    "echo": Applet(_echo),
    "env": Applet(_env, "[-i0] [-u NAME]... [-] [NAME=VALUE]... [PROG ARGS]"),
    "false": Applet(_false),
    "hostname": Applet(_hostname, "[-sidf] [HOSTNAME | -F FILE]"),
    "id": Applet(show_identity, "[-ugGnr] [USER]"),
    "pwd": Applet(_pwd, ""),
    "sleep": Applet(_sleep, "[N]..."),
    "true": Applet(_true),
}
"""The built-in commands, by name."""
