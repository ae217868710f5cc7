"""What a terminal is set to: the termios of Linux, by the names that stty(1) has for them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

INPUT = "ignbrk brkint ignpar parmrk inpck istrip inlcr igncr icrnl ixon ixoff iuclc ixany imaxbel"
OUTPUT = "opost olcuc ocrnl onlcr onocr onlret ofill ofdel"
LOCAL = (
    "isig icanon iexten echo echoe echok echonl noflsh xcase tostop echoprt echoctl echoke flusho"
)
GROUPS: Mapping[str, tuple[str, ...]] = {
    "control": tuple("parenb parodd cmspar cs8 hupcl cstopb cread clocal crtscts".split()),  # noqa: SIM905  # as the kernel's headers list them
    "input": (*INPUT.split(), "iutf8"),
    "output": (*OUTPUT.split(), "nl0", "cr0", "tab0", "bs0", "vt0", "ff0"),
    "local": (*LOCAL.split(), "extproc"),
}
"""The modes, as stty lists them. Those with a digit are one of several delays."""

DELAYS: Mapping[str, int] = {"nl": 2, "cr": 4, "tab": 4, "bs": 2, "vt": 2, "ff": 2}
"""How many values each delay of the output has; only the expansion of tabs does anything."""

_SIZES = ("cs5", "cs6", "cs7", "cs8")
_NEW = (
    "cs8 cread icrnl ixon opost onlcr nl0 cr0 tab0 bs0 vt0 ff0"
    " isig icanon iexten echo echoe echok echoctl echoke"
)
MODES = frozenset(name for names in GROUPS.values() for name in names)

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
        """Return the same with modes on and others off."""
        return replace(self, modes=(self.modes - frozenset(off)) | frozenset(on))

    def with_delay(self, name: str) -> "Settings":
        """Return the same with another delay, such as `tab3`, or another `cs7`."""
        others = _SIZES if name in _SIZES else [f"{name[:-1]}{each}" for each in range(4)]
        return self.having(on=[name], off=others)

    def with_characters(self, **characters: int) -> "Settings":
        """Return the same with other control characters."""
        return replace(self, characters=MappingProxyType({**self.characters, **characters}))
