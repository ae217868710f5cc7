"""`stty`: the settings of a terminal, shown and changed as busybox does."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

from fakecri.core.applets import Applet, Refusal, Surroundings
from fakecri.core.processes import Process
from fakecri.core.terminal_settings import (
    CHARACTERS,
    CONTROL,
    DISABLED,
    FAMILIES,
    GROUPS,
    INPUT,
    LOCAL,
    MODES,
    OUTPUT,
    Settings,
)
from fakecri.core.terminals import Terminal, terminal_of
from fakecri.core.tools.words import say

_SPEEDS = (
    0, 50, 75, 110, 134, 150, 200, 300, 600, 1200, 1800, 2400, 4800, 9600, 19200, 38400, 57600,
    115200, 230400, 460800, 500000, 576000, 921600, 1000000, 1152000, 1500000, 2000000, 2500000,
    3000000, 3500000, 4000000,
)  # fmt: skip
_SLOW = 16
_FAST_BIT, _SPEED_BITS = 0x1000, 0x100F
_SLOT_NAMES = (
    "intr quit erase kill eof time min swtch start stop susp eol rprnt flush werase lnext eol2"
)
_ORDER = _SLOT_NAMES.split()
_SLOTS = 32
_WIDTH = 80

_SANE_ON = frozenset(
    "cread brkint icrnl imaxbel opost onlcr nl0 cr0 tab0 bs0 vt0 ff0"  # noqa: SIM905  # the words of stty
    " isig icanon iexten echo echoe echok echoctl echoke".split()
)
_SANE_OFF = frozenset(
    "ignbrk inlcr igncr ixoff iuclc ixany iutf8 olcuc ocrnl onocr onlret ofill ofdel"  # noqa: SIM905  # the words of stty
    " echonl noflsh xcase tostop echoprt flusho extproc nl1 cr1 cr2 cr3 tab1 tab2 tab3"
    " bs1 vt1 ff1".split()
)

_Change = tuple[tuple[str, ...], tuple[str, ...], Mapping[str, int]]
_RAW: _Change = ((), (*INPUT, "opost", "isig", "icanon", "xcase"), {"min": 1, "time": 0})
_COOKED: _Change = (
    ("brkint", "ignpar", "istrip", "icrnl", "ixon", "opost", "isig", "icanon"),
    (),
    {},
)
_CASE = ("xcase", "iuclc", "olcuc")
_CRT = ("echoe", "echoctl", "echoke")
_COMBINED: Mapping[str, _Change] = {
    "sane": (tuple(_SANE_ON), tuple(_SANE_OFF), CHARACTERS),
    "raw": _RAW,
    "-raw": _COOKED,
    "cooked": _COOKED,
    "-cooked": _RAW,
    "cbreak": ((), ("icanon",), {}),
    "-cbreak": (("icanon",), (), {}),
    "nl": ((), ("icrnl", "onlcr"), {}),
    "-nl": (("icrnl", "onlcr"), ("inlcr", "igncr", "ocrnl", "onlret"), {}),
    "ek": ((), (), {"erase": CHARACTERS["erase"], "kill": CHARACTERS["kill"]}),
    "crt": (_CRT, (), {}),
    "dec": (_CRT, ("ixany",), {name: CHARACTERS[name] for name in ("intr", "erase", "kill")}),
    **{name: (_CASE, (), {}) for name in ("lcase", "LCASE")},
    **{f"-{name}": ((), _CASE, {}) for name in ("lcase", "LCASE")},
    "decctlq": ((), ("ixany",), {}),
    "-decctlq": (("ixany",), (), {}),
    "tabs": (("tab0",), (), {}),
    "-tabs": (("tab3",), (), {}),
    "pass8": (("cs8",), ("parenb", "istrip"), {}),
    "-pass8": (("cs7", "parenb", "istrip"), (), {}),
    "litout": (("cs8",), ("parenb", "istrip", "opost"), {}),
    "-litout": (("cs7", "parenb", "istrip", "opost"), (), {}),
    **{name: (("cs7", "parenb"), ("parodd",), {}) for name in ("evenp", "parity")},
    "oddp": (("cs7", "parenb", "parodd"), (), {}),
    **{name: (("cs8",), ("parenb",), {}) for name in ("-evenp", "-parity", "-oddp")},
}
_ALIASES = {
    "hup": "hupcl", "tandem": "ixoff", "crterase": "echoe", "crtkill": "echoke",
    "prterase": "echoprt", "ctlecho": "echoctl",
}  # fmt: skip
_MODIFYING_NONE = "modes may not be set when -a or -g is used"


def set_terminal(process: Process, _: Surroundings) -> int:
    """`stty`."""
    return _Stty(process).run(process.spec.argv[1:])


class _Stty:
    def __init__(self, process: Process) -> None:
        self.process = process
        self.device = "standard input"
        self.letters: set[str] = set()

    def run(self, words: Sequence[str]) -> int:
        rest = self.options(words)
        shows = self.letters & {"a", "g"}
        if len(shows) > 1:
            raise Refusal("-a and -g are mutually exclusive")
        if shows and rest:
            raise Refusal(_MODIFYING_NONE)
        steps = list(self.steps(rest))
        terminal = self.open()
        if not steps:
            self.show(terminal)
            return 0
        before = asked = terminal.settings
        for step in steps:
            asked = step(terminal, asked)
        return self.apply(terminal, before, asked)

    def options(self, words: Sequence[str]) -> list[str]:
        """Take `-a`, `-g` and `-F DEVICE` out of the words."""
        rest, waiting = [], list(words)
        while waiting:
            word = waiting.pop(0)
            if word.startswith("-F"):
                if word == "-F" and not waiting:
                    raise Refusal("-F requires an argument")
                self.device = word[2:] or waiting.pop(0)
                self.letters.add("F")
            elif re.fullmatch("-[ag]+", word):
                self.letters |= set(word[1:])
            else:
                rest.append(word)
        return rest

    def open(self) -> Terminal:
        if "F" in self.letters:
            try:
                terminal = terminal_of(self.process.files.open(self.device, "r"))
            except OSError as error:
                raise Refusal(f"can't open '{self.device}': {error.strerror}") from error
        else:
            terminal = terminal_of(self.process.stdin)
        if terminal is None:
            raise Refusal(f"{self.device}: Inappropriate ioctl for device")
        return terminal

    # Changing.

    def steps(self, words: Sequence[str]) -> "Iterator[_Step]":
        waiting = list(words)
        while waiting:
            word = waiting.pop(0)
            if word in _VALUED or word in CHARACTERS:
                if not waiting:
                    raise Refusal(f"{word} requires an argument")
                yield self.valued(word, waiting.pop(0))
            elif word in {"size", "speed"}:
                yield self.printing(word)
            else:
                yield _setting(word)

    def valued(self, name: str, text: str) -> "_Step":
        if name in CHARACTERS:
            value = _count(text) if name in {"min", "time"} else _character(text)
            return lambda _, settings: settings.with_characters(**{name: value})
        if name == "line":
            line = _number(text, 0, 255)
            return lambda _, settings: replace(settings, line=line)
        if name in {"ispeed", "ospeed"}:
            speed = _speed(text)
            return lambda _, settings: replace(
                settings, speed=speed if speed == settings.speed else _refused(speed)
            )
        size = _number(text, 1, 2**31 - 1) & 0xFFFF

        def resize(terminal: Terminal, settings: Settings) -> Settings:
            rows, columns = terminal.size
            terminal.set_size(*((size, columns) if name == "rows" else (rows, size)))
            return settings

        return resize

    def printing(self, word: str) -> "_Step":
        def show(terminal: Terminal, settings: Settings) -> Settings:
            if word == "speed":
                say(self.process, str(settings.speed))
            elif terminal.size[0]:
                say(self.process, f"{terminal.rows} {terminal.columns}")
            else:
                self.process.error(f"stty: {self.device}\n".encode())
            return settings

        return show

    def apply(self, terminal: Terminal, before: Settings, asked: Settings) -> int:
        """Have it set, as far as a terminal without a line can be."""
        given = asked.having(["cs8", "cread"], ["parenb"])
        if asked.speed < 0:
            given = replace(given, speed=~asked.speed)
        terminal.configure(given)
        if given == asked:
            return 0
        ignored = {"cs6", "cs7", "parenb"} & asked.modes or "cread" not in asked.modes
        if ignored and given == before:
            raise Refusal(f"{self.device}: Invalid argument")
        raise Refusal(f"{self.device}: cannot perform all requested operations")

    # Showing.

    def show(self, terminal: Terminal) -> None:
        settings = terminal.settings
        if "g" in self.letters:
            say(self.process, _saved(settings))
            return
        width = terminal.columns if terminal_of(self.process.stdout) is terminal else _WIDTH
        everything = "a" in self.letters
        lines = [[f"speed {settings.speed} baud;"]]
        if everything and terminal.size[0]:
            lines[0].append(f"rows {terminal.rows}; columns {terminal.columns};")
        elif everything:
            self.process.error(f"stty: {self.device}: Inappropriate ioctl for device\n".encode())
        lines[0].append(f"line = {settings.line};")
        lines.append([f"{name} = {_shown(name, settings)};" for name in CHARACTERS])
        lines += [list(_listed(group, settings, everything=everything)) for group in GROUPS]
        for line in filter(None, lines):
            say(self.process, _wrapped(line, width))


_Step = Callable[[Terminal, Settings], Settings]
_VALUED = {"rows", "cols", "columns", "line", "ispeed", "ospeed"}


def _setting(word: str) -> _Step:
    """Return what a word without an argument does. Raises Refusal."""
    if word in _COMBINED:
        on, off, characters = _COMBINED[word]
        return lambda _, settings: settings.having(on, off).with_characters(**characters)
    minus = word.startswith("-")
    name = word.removeprefix("-")
    name = _ALIASES.get(name, name)
    if name in MODES and not (minus and name[:-1] in FAMILIES):
        return lambda _, settings: settings.having(*(((), [name]) if minus else ([name],)))
    saved = _restored(word)
    if saved is not None:
        return lambda _, settings: replace(saved, line=settings.line)
    if minus:
        raise Refusal(f"invalid argument '{word}'")
    speed = _speed(word)
    return lambda _, settings: replace(settings, speed=speed or _refused(speed))


def _refused(speed: int) -> int:
    """Return what marks a speed that is set and not what was asked for: both have to be the same.

    Nor does a line hang up here.
    """
    return ~speed


def _number(text: str, low: int, high: int) -> int:
    if not re.fullmatch("[0-9]+", text, re.ASCII):
        raise Refusal(f"invalid number '{text}'")
    if not low <= int(text[:20]) <= high:
        raise Refusal(f"number {text} is not in {low}..{high} range")
    return int(text)


def _count(text: str) -> int:
    return _number(text, 0, 255)


def _speed(text: str) -> int:
    if not re.fullmatch("[0-9]+", text, re.ASCII):
        raise Refusal(f"invalid number '{text}'")
    if int(text[:20]) not in _SPEEDS:
        raise Refusal(f"invalid argument '{text}'")
    return int(text)


def _character(text: str) -> int:
    raw = text.encode(errors="surrogateescape")
    if len(raw) < 2:  # noqa: PLR2004  # itself
        return raw[0] if raw else DISABLED
    if text in {"undef", "^-"}:
        return DISABLED
    if text.startswith("^"):
        return 127 if raw[1] == 63 else raw[1] & 0x1F  # noqa: PLR2004  # ^? is DEL
    return _count(text)


def _shown(name: str, settings: Settings) -> str:
    value = settings.characters[name]
    if name in {"min", "time"}:
        return str(value)
    if value == DISABLED:
        return "<undef>"
    if value == 10:  # noqa: PLR2004  # LF, which it takes for itself
        return "\n"
    meta, value = ("M-", value & 0x7F) if value > 127 else ("", value)  # noqa: PLR2004  # ASCII
    return meta + (f"^{chr(value ^ 0x40)}" if value < 32 or value == 127 else chr(value))  # noqa: PLR2004  # control characters


def _listed(group: Mapping[str, int], settings: Settings, *, everything: bool) -> Iterator[str]:
    """Return the modes of a group that are to be shown."""
    for name in group:
        on = name in settings.modes
        if everything:
            if on or name[:-1] not in FAMILIES:
                yield name if on else f"-{name}"
        elif on and name in _SANE_OFF:
            yield name
        elif not on and name in _SANE_ON and name[:-1] not in FAMILIES and name != "cread":
            yield f"-{name}"


def _wrapped(words: Sequence[str], width: int) -> str:
    text, column = "", 0
    for word in words:
        if column and column + 1 + len(word) >= width:
            text, column = f"{text}\n", 0
        space = " " if column else ""
        text += space + word
        column += len(space) + len(word)
    return text


# What `-g` prints.


def _saved(settings: Settings) -> str:
    control, *others = (
        sum(bits for name, bits in group.items() if name in settings.modes)
        for group in (CONTROL, INPUT, OUTPUT, LOCAL)
    )
    place = _SPEEDS.index(settings.speed)
    control |= place if place < _SLOW else _FAST_BIT | (place - _SLOW + 1)
    characters = [settings.characters[name] for name in _ORDER]
    values = [others[0], others[1], control, others[2], *characters]
    values += [0] * (_SLOTS - len(characters))
    return ":".join(f"{each:x}" for each in values)


def _restored(text: str) -> Settings | None:
    """Return the settings that `-g` has printed; None for anything else."""
    words = text.split(":")
    if len(words) != _SLOTS + 4 or not all(re.fullmatch("[0-9a-f]{1,8}", each) for each in words):
        return None
    values = [int(each, 16) for each in words]
    bits = dict(zip(("input", "output", "control", "local"), values, strict=False))
    modes: set[str] = set()
    for key, group in zip(("control", "input", "output", "local"), GROUPS, strict=True):
        modes |= {name for name, bit in group.items() if bit & bits[key] == bit and bit}
    for family in FAMILIES.values():
        chosen = max((name for name in family if name in modes), default=family[0])
        modes -= set(family)
        modes.add(chosen)
    code = bits["control"] & _SPEED_BITS
    place = code if code < _SLOW else code - _FAST_BIT + _SLOW - 1
    speed = _SPEEDS[place] if 0 <= place < len(_SPEEDS) else 38400
    characters = {name: value & 0xFF for name, value in zip(_ORDER, values[4:], strict=False)}
    return Settings(frozenset(modes), {**CHARACTERS, **characters}, speed)


COMMANDS = {"stty": Applet(set_terminal, "[-a|g] [-F DEVICE] [SETTING]...")}
