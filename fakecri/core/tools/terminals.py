"""`tty`, `stty`, `clear`, `reset`: what there is of a terminal."""

from fakecri.core.applets import Applet, Refusal, Surroundings
from fakecri.core.options import read_options
from fakecri.core.processes import Process
from fakecri.core.tools.words import say

_NO_TERMINAL = "standard input: Inappropriate ioctl for device"
_SIZE = (24, 80)
_SETTINGS = frozenset("sane cooked raw cbreak nl echo echoe echok icanon isig ixon opost".split())  # noqa: SIM905


def show_terminal(process: Process, _: Surroundings) -> int:
    """`tty`."""
    options = read_options(process.spec.argv, "s")
    if options.operands:
        process.error(b"tty: ignoring all arguments\n")
    if "s" not in options.letters:
        say(process, "/dev/pts/0" if process.spec.tty else "not a tty")
    return 0 if process.spec.tty else 1


def treat_terminal(process: Process, _: Surroundings) -> int:
    """`stty`: a terminal has a size; its settings are taken and have no effect."""
    options = read_options(process.spec.argv[:1] + _plain(process.spec.argv[1:]), "agF:")
    for word in options.operands:
        name = word.removeprefix("\0").removeprefix("-")
        if name not in _SETTINGS | {"size", "rows", "cols", "columns"} and not name.isdecimal():
            raise Refusal(f"invalid argument '{name}'")
    if not process.spec.tty:
        raise Refusal(_NO_TERMINAL)
    rows, columns = getattr(process, "terminal_size", _SIZE)
    if "size" in options.operands:
        say(process, f"{rows} {columns}")
    elif "a" in options.letters:
        say(process, f"speed 38400 baud; rows {rows}; columns {columns};")
    elif not options.operands:
        say(process, "speed 38400 baud; line = 0;")
    return 0


def _plain(words: tuple[str, ...]) -> tuple[str, ...]:
    """`-echo` is a setting, not an option."""
    return tuple(f"\0{each}" if each.removeprefix("-") in _SETTINGS else each for each in words)


def clear_screen(process: Process, _: Surroundings) -> int:
    """`clear`."""
    process.write(b"\x1b[H\x1b[J")
    return 0


def reset_terminal(process: Process, _: Surroundings) -> int:
    """`reset`."""
    if process.spec.tty:
        process.write(b"\x1bc\x1b(B\x1b[m\x1b[J\x1b[?25h")
    return 0


COMMANDS = {
    "clear": Applet(clear_screen, ""),
    "reset": Applet(reset_terminal, ""),
    "stty": Applet(treat_terminal, "[-a|g] [-F DEVICE] [SETTING]..."),
    "tty": Applet(show_terminal, "[-s]"),
}
