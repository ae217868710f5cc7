"""What a terminal is set to: the termios of Linux, by the names that stty(1) has for them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

CONTROL: Mapping[str, int] = {
    "parenb": 0x100, "parodd": 0x200, "cmspar": 0x4000_0000, "cs5": 0, "cs6": 0x10, "cs7": 0x20,
    "cs8": 0x30, "hupcl": 0x400, "cstopb": 0x40, "cread": 0x80, "clocal": 0x800,
    "crtscts": 0x8000_0000,
}  # fmt: skip
INPUT: Mapping[str, int] = {
    "ignbrk": 0x1, "brkint": 0x2, "ignpar": 0x4, "parmrk": 0x8, "inpck": 0x10, "istrip": 0x20,
    "inlcr": 0x40, "igncr": 0x80, "icrnl": 0x100, "ixon": 0x400, "ixoff": 0x1000, "iuclc": 0x200,
    "ixany": 0x800, "imaxbel": 0x2000, "iutf8": 0x4000,
}  # fmt: skip
OUTPUT: Mapping[str, int] = {
    "opost": 0x1, "olcuc": 0x2, "ocrnl": 0x8, "onlcr": 0x4, "onocr": 0x10, "onlret": 0x20,
    "ofill": 0x40, "ofdel": 0x80, "nl0": 0, "nl1": 0x100,
    "cr0": 0, "cr1": 0x200, "cr2": 0x400, "cr3": 0x600,
    "tab0": 0, "tab1": 0x800, "tab2": 0x1000, "tab3": 0x1800,
    "bs0": 0, "bs1": 0x2000, "vt0": 0, "vt1": 0x4000, "ff0": 0, "ff1": 0x8000,
}  # fmt: skip
LOCAL: Mapping[str, int] = {
    "isig": 0x1, "icanon": 0x2, "iexten": 0x8000, "echo": 0x8, "echoe": 0x10, "echok": 0x20,
    "echonl": 0x40, "noflsh": 0x80, "xcase": 0x4, "tostop": 0x100, "echoprt": 0x400,
    "echoctl": 0x200, "echoke": 0x800, "flusho": 0x1000, "extproc": 0x1_0000,
}  # fmt: skip
GROUPS = (CONTROL, INPUT, OUTPUT, LOCAL)
"""The modes and the kernel's bits for them, in the order of stty. Those with a digit at their end
are one of several: only the expansion of tabs does anything."""

FAMILIES: Mapping[str, tuple[str, ...]] = {
    prefix: tuple(
        name for group in GROUPS for name in group if name[:-1] == prefix and name[-1].isdigit()
    )
    for prefix in ("cs", "nl", "cr", "tab", "bs", "vt", "ff")
}
"""Modes of which exactly one is on."""

MODES = frozenset(name for group in GROUPS for name in group)
_NEW = (
    "cs8 cread icrnl ixon opost onlcr nl0 cr0 tab0 bs0 vt0 ff0"
    " isig icanon iexten echo echoe echok echoctl echoke"
)

DISABLED = 0
"""The value of a character that there is not."""

CHARACTERS: Mapping[str, int] = MappingProxyType(
    {
        "intr": 3, "quit": 28, "erase": 127, "kill": 21, "eof": 4, "eol": 0, "eol2": 0, "swtch": 0,
        "start": 17, "stop": 19, "susp": 26, "rprnt": 18, "werase": 23, "lnext": 22, "flush": 15,
        "min": 1, "time": 0,
    }
)  # fmt: skip
"""The control characters of a new terminal; `min` and `time` (tenths of a second) are counts."""


@dataclass(frozen=True, slots=True)
class Settings:
    """The modes that are on, the control characters, and what is only shown."""

    modes: frozenset[str] = frozenset(_NEW.split())
    characters: Mapping[str, int] = field(default_factory=lambda: CHARACTERS, hash=False)
    speed: int = 38400
    line: int = 0

    def having(self, on: Iterable[str] = (), off: Iterable[str] = ()) -> "Settings":
        """Return the same with modes on and others off; who joins a family replaces it."""
        on = frozenset(on)
        replaced = {each for name in on for each in FAMILIES.get(name[:-1], ())}
        return replace(self, modes=(self.modes - frozenset(off) - replaced) | on)

    def with_characters(self, **characters: int) -> "Settings":
        """Return the same with other control characters."""
        return replace(self, characters=MappingProxyType({**self.characters, **characters}))
