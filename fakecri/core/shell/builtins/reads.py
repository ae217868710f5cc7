"""`read`, `mapfile` and `getopts`."""

from fakecri.core.pipes import Reader
from fakecri.core.scheduler import Waits
from fakecri.core.shell.arrays import as_list
from fakecri.core.shell.builtins.builtin import options
from fakecri.core.shell.errors import CommandError, ShellError
from fakecri.core.shell.reading import Taking, take_within
from fakecri.core.shell.scanner import NAME
from fakecri.core.shell.state import Shell
from fakecri.core.terminal_settings import Settings
from fakecri.core.terminals import terminal_of

_BLANK = " \t\n"
_LATE, _INTERRUPTED = 142, 128


def read(shell: Shell, words: list[str]) -> Waits[int]:
    """`read [-rs] [-a ARRAY] [-d CHARACTER] [-n COUNT] [-p PROMPT] [-t SECONDS] [-u FD] [NAME]`."""
    letters = "a:d:en:N:i:p:rst:u:" if shell.bash else "p:u:rst:n:d:"
    given, names = options(shell, words, letters)
    values = dict(given)
    array = values.get("a", "")
    for name in [*names, *([array] if array else [])]:
        if not NAME.fullmatch(name):
            raise _bad_name(shell, name)
    count = _count(shell, values.get("n", values.get("N", "0")))
    seconds = _seconds(shell, values["t"]) if "t" in values else None
    reader = _reader(shell, values.get("u", "0"))
    terminal = terminal_of(reader)
    if "p" in values and terminal is not None:
        shell.error(values["p"])
    delimiter = values["d"][:1].encode("latin-1") or b"\0" if "d" in values else b"\n"
    if "N" in values:
        delimiter = b""
    taking = Taking(delimiter, count=count, raw="r" in values)
    before = terminal.settings if terminal is not None else Settings()
    if terminal is not None and (count or "s" in values):
        terminal.configure(_settings(before, count, silent="s" in values))
    try:
        outcome = yield from take_within(shell, reader, taking, seconds)
    finally:
        if terminal is not None and terminal.settings is not before:
            terminal.configure(before)
    if outcome == "interrupted":
        return _INTERRUPTED + (shell.pending[0] if shell.pending else 0)
    text = taking.taken.decode("latin-1")
    _assign(shell, text, taking.escaped, names, array, whole="N" in values)
    if outcome == "late":
        return _LATE if shell.bash else 1
    return 0 if outcome == "done" else 1


def _settings(before: Settings, count: int, *, silent: bool) -> Settings:
    """Return what a terminal is set to meanwhile."""
    if silent:
        before = before.having(off=["echo", "echok", "echonl"])
    if count:
        before = before.having(off=["icanon"]).with_characters(min=min(count, 255), time=0)
    return before


def _bad_name(shell: Shell, name: str) -> ShellError | CommandError:
    if shell.bash:
        return CommandError(f"`{name}': not a valid identifier")
    return ShellError(f"{name}: bad variable name")


def _count(shell: Shell, text: str) -> int:
    if not text.isdecimal():
        raise _invalid(shell, text, "count")
    return int(text[:9])


def _seconds(shell: Shell, text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < 1e9:  # noqa: PLR2004  # thirty years
        raise _invalid(shell, text, "timeout")
    return seconds


def _invalid(shell: Shell, text: str, what: str) -> ShellError | CommandError:
    if shell.bash:
        complaint = "timeout specification" if what == "timeout" else "number"
        return CommandError(f"{text}: invalid {complaint}")
    return ShellError(f"invalid {what}", 1)


def _reader(shell: Shell, text: str) -> Reader:
    found = shell.descriptors.find(int(text[:9])) if text.isdecimal() else None
    if found is None or found.reader is None:
        raise CommandError(
            "invalid file descriptor" if text == "0" else f"{text}: invalid file descriptor"
        )
    return found.reader


def _assign(
    shell: Shell, text: str, escaped: set[int], names: list[str], array: str, *, whole: bool
) -> None:
    if array:
        fields = _fields(text, escaped, shell.ifs(), 0)
        variable = as_list(shell.variables.writable(array))
        variable.elements = dict(enumerate(fields))
        return
    if not names:
        shell.variables.set("REPLY", text)
        return
    fields = [text] if whole else _fields(text, escaped, shell.ifs(), len(names))
    for place, name in enumerate(names):
        shell.variables.set(name, fields[place] if place < len(fields) else "")


def _fields(text: str, escaped: set[int], ifs: str, count: int) -> list[str]:
    """Split as `read` does: the last field takes all that is left. With 0 there is no last."""
    blanks = {each for each in ifs if each in _BLANK}

    def separates(place: int, among: str | set[str]) -> bool:
        return place not in escaped and text[place] in among

    start, end = 0, len(text)
    while start < end and separates(start, blanks):
        start += 1
    fields: list[str] = []
    while start < end and not (count and len(fields) == count - 1):
        stop = start
        while stop < end and not separates(stop, ifs):
            stop += 1
        fields.append(text[start:stop])
        start = stop
        while start < end and separates(start, blanks):
            start += 1
        if start < end and separates(start, ifs) and (start > stop or not separates(stop, blanks)):
            if not separates(start, blanks):
                start += 1
            while start < end and separates(start, blanks):
                start += 1
    if start < end:
        fields.append(_last(text, start, end, ifs, separates_blank=blanks, escaped=escaped))
    return fields


def _last(
    text: str, start: int, end: int, ifs: str, *, separates_blank: set[str], escaped: set[int]
) -> str:
    """What is left, without the separator at its end where that is the only one."""
    while end > start and end - 1 not in escaped and text[end - 1] in separates_blank:
        end -= 1
    others = [
        place
        for place in range(start, end)
        if place not in escaped and text[place] in ifs and text[place] not in separates_blank
    ]
    if others == [end - 1]:
        end -= 1
        while end > start and end - 1 not in escaped and text[end - 1] in separates_blank:
            end -= 1
    return text[start:end]


def mapfile(shell: Shell, words: list[str]) -> Waits[int]:
    """`mapfile [-t] [ARRAY]`."""
    given, names = options(shell, words, "td:n:s:u:O:")
    values = dict(given)
    name = names[0] if names else "MAPFILE"
    reader = _reader(shell, values.get("u", "0"))
    lines = []
    while True:
        taking = Taking(b"\n")
        outcome = yield from take_within(shell, reader, taking, None)
        text = taking.taken.decode("latin-1")
        if outcome == "done":
            lines.append(text if "t" in values else f"{text}\n")
            continue
        if text:
            lines.append(text)
        break
    variable = as_list(shell.variables.writable(name))
    variable.elements = dict(enumerate(lines))
    return 0


def getopts(shell: Shell, words: list[str]) -> int:
    """`getopts OPTIONS NAME [ARGUMENT]...`."""
    if len(words) < 3:  # noqa: PLR2004  # itself, options and a name
        usage = (
            "usage: getopts optstring name [arg ...]"
            if shell.bash
            else ("usage: getopts optstring var [arg]")
        )
        raise ShellError(usage)
    letters, name = words[1], words[2]
    arguments = words[3:] if len(words) > 3 else shell.arguments  # noqa: PLR2004  # and arguments
    text = shell.variables.get("OPTIND") or "1"
    if text != shell.getopts_index:
        shell.getopts_place = 0
    index = max(int(text) if text.isdecimal() else 1, 1)
    found = _next_option(shell, letters, arguments, index)
    if found is None:
        shell.variables.set(name, "?")
        return 1
    letter, value, index = found
    shell.getopts_index = str(index)
    shell.variables.set("OPTIND", shell.getopts_index)
    shell.variables.set(name, letter)
    if value is None:
        shell.variables.unset("OPTARG")
    else:
        shell.variables.set("OPTARG", value)
    return 0


def _next_option(  # noqa: PLR0911  # the ends of options are many
    shell: Shell, letters: str, arguments: list[str], index: int
) -> tuple[str, str | None, int] | None:
    place = shell.getopts_place or 1
    if place > 1 and not shell.bash:
        index -= 1  # ash counts a word as soon as it begins with it
    if index > len(arguments):
        shell.getopts_place = 0
        return None
    word = arguments[index - 1]
    if place >= len(word):
        place = 1
    if place == 1 and (len(word) < 2 or word[0] != "-"):  # noqa: PLR2004  # a dash and a letter
        shell.variables.set("OPTIND", str(index))
        shell.getopts_place = 0
        return None
    if place == 1 and word == "--":
        shell.variables.set("OPTIND", str(index + 1))
        shell.getopts_place = 0
        return None
    letter = word[place]
    rest = word[place + 1 :]
    silent = letters.startswith(":")
    known = letter != ":" and letter in letters
    takes = known and letters[letters.index(letter) + 1 :][:1] == ":"
    shell.getopts_place = place + 1 if rest and not takes else 0
    following = index if rest and not takes and shell.bash else index + 1
    if not known:
        return _unknown(shell, letter, following, silent=silent)
    if not takes:
        return letter, None, following
    if rest:
        return letter, rest, following
    if index < len(arguments):
        return letter, arguments[index], index + 2
    return _valueless(shell, letter, following, silent=silent)


def _unknown(shell: Shell, letter: str, index: int, *, silent: bool) -> tuple[str, str | None, int]:
    if silent:
        return "?", letter, index
    if shell.bash:
        shell.error(f"{shell.arg0}: illegal option -- {letter}\n")
    else:
        shell.error(f"Illegal option -{letter}\n")
    return "?", None, index


def _valueless(
    shell: Shell, letter: str, index: int, *, silent: bool
) -> tuple[str, str | None, int]:
    if silent:
        return ":", letter, index
    if shell.bash:
        shell.error(f"{shell.arg0}: option requires an argument -- {letter}\n")
    else:
        shell.error(f"No arg for -{letter} option\n")
    return "?", None, index
