"""Unix signals: Linux's numbers, how runtimes read their names, and what they do by default."""

import re
from collections.abc import Mapping

from fakecri.api import runtime_pb2 as pb

SIGKILL = 9
SIGTERM = 15

_NAMED = tuple(
    "HUP INT QUIT ILL TRAP ABRT BUS FPE KILL USR1 SEGV USR2 PIPE ALRM TERM STKFLT CHLD CONT STOP"  # noqa: SIM905
    " TSTP TTIN TTOU URG XCPU XFSZ VTALRM PROF WINCH IO PWR SYS".split()  # the list in 2 lines
)
_ALIASES = {"IOT": "ABRT", "CLD": "CHLD", "POLL": "IO"}
_RTMIN, _RTMAX = 34, 64

NUMBERS: Mapping[str, int] = {
    **{name: number for number, name in enumerate(_NAMED, start=1)},
    **{alias: _NAMED.index(name) + 1 for alias, name in _ALIASES.items()},
    "RTMIN": _RTMIN,
    "RTMAX": _RTMAX,
    **{f"RTMIN+{n}": _RTMIN + n for n in range(1, 16)},
    **{f"RTMAX-{n}": _RTMAX - n for n in range(1, 15)},
}
"""Signal name without SIG to its number."""

LAST = _RTMAX
"""The highest number of a signal."""

HARMLESS = frozenset(
    NUMBERS[name] for name in ("CHLD", "CONT", "URG", "WINCH", "STOP", "TSTP", "TTIN", "TTOU")
)
"""Signals whose default is not to end the process. That some stop it is not simulated."""


def parse_signal(text: str) -> int:
    """Return the number of a signal given as `TERM`, `sigterm`, `SIGRTMIN+3` or `15`.

    Raises ValueError with containerd's text (source: moby/sys/signal).
    """
    if re.fullmatch(r"[+-]?[0-9]+", text):
        number = int(text)
    else:
        number = NUMBERS.get(text.upper().removeprefix("SIG"), 0)
    if number == 0:
        raise ValueError(f"invalid signal: {text}")
    return number


def signal_text(signal: int) -> str:
    """Return the name of a `Signal` of the contract: 23 is `SIGTERM`, 36 is `SIGRTMIN+1`."""
    name = pb.Signal.Name(signal).removeprefix("SIGNAL_")  # type: ignore[arg-type]  # any int32
    return name.replace("PLUS", "+").replace("MINUS", "-")


def signal_enum(text: str) -> int:
    """Return the `Signal` of the contract that is spelt exactly so; 0 where there is none.

    So `TERM` and `15` end a container, but its status does not show them (spec: lifecycle 12.2).
    """
    name = "SIGNAL_" + text.replace("+", "PLUS").replace("-", "MINUS")
    return pb.Signal.Value(name) if name in pb.Signal.keys() else 0  # noqa: SIM118  # no mapping
