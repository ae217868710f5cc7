"""Traps: what a script does when a signal comes, when it ends, or when a command fails."""

from fakecri.core.scheduler import Waits
from fakecri.core.shell.errors import Leave
from fakecri.core.shell.foreground import restore_default
from fakecri.core.shell.nesting import Nested
from fakecri.core.shell.state import Shell, require_depth
from fakecri.core.signals import LAST, NUMBERS

_NAMES = {number: name for name, number in reversed(list(NUMBERS.items())) if number <= 31}  # noqa: PLR2004  # those with a name of their own
_NAMES[NUMBERS["IO"]] = "POLL"
SIGKILL, SIGSTOP = NUMBERS["KILL"], NUMBERS["STOP"]


def signal_name(number: int) -> str:
    """Return the name that busybox gives a signal: `TERM`, `RTMIN`, or its number."""
    if number in _NAMES:
        return _NAMES[number]
    return {NUMBERS["RTMIN"]: "RTMIN", NUMBERS["RTMAX"]: "RTMAX"}.get(number, str(number))


def signal_number(text: str) -> int | None:
    """Return the number of a signal, given by it or by a name; 0 is `EXIT`, None is none."""
    if text.isdecimal():
        return int(text[:9]) if int(text[:9]) <= LAST else None
    name = text.upper().removeprefix("SIG")
    return 0 if name == "EXIT" else NUMBERS.get(name)


def set_trap(shell: Shell, name: str, action: str | None) -> None:
    """Set what is done for `EXIT`, `ERR` or a signal; None resets, an empty one ignores."""
    if action is None:
        shell.traps.pop(name, None)
    else:
        shell.traps[name] = action
    number = signal_number(name) if name != "ERR" else 0
    if not number or number in {SIGKILL, SIGSTOP}:
        return
    if action == "":
        shell.process.ignore(number)
    elif action is None:
        restore_default(shell, number)
    else:
        shell.process.handle(number, lambda got: arrived(shell, got))


def arrived(shell: Shell, signal: int) -> None:
    """A trapped signal came: its trap is to run, and nothing is to be waited for."""
    shell.pending.append(signal)
    if shell.wake is not None:
        shell.wake.set_result(None)


def run_pending(shell: Shell) -> Waits[None]:
    """Run the traps of the signals that came."""
    while shell.pending:
        action = shell.traps.get(signal_name(shell.pending.pop(0)))
        if action:
            yield from run_action(shell, action)


def run_action(shell: Shell, action: str) -> Waits[None]:
    """Run a trap; the status is afterwards as before."""
    from fakecri.core.shell.life import run_text  # noqa: PLC0415  # which runs traps

    status = shell.status
    require_depth(shell)
    shell.depth += 1
    try:
        yield from Nested(shell.process.scheduler, run_text(shell, action))
    finally:
        shell.depth -= 1
    shell.status = status


def run_exit_trap(shell: Shell, status: int) -> Waits[int]:
    """Run what is to be done at the end; return the status with which the shell ends."""
    action = shell.traps.pop("EXIT", None)
    if not action:
        return status
    shell.status = status
    try:
        yield from run_action(shell, action)
    except Leave as left:
        return left.status
    return status
