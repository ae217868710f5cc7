"""`tty`, `ttysize`, `clear`, `reset`: what there is of a terminal. For its settings see `stty`."""

from fakecri.core.applets import Applet, Surroundings
from fakecri.core.options import read_options
from fakecri.core.processes import Process
from fakecri.core.terminals import terminal_of
from fakecri.core.tools.words import say


def show_terminal(process: Process, _: Surroundings) -> int:
    """`tty`."""
    options = read_options(process.spec.argv, "s")
    if options.operands:
        process.error(b"tty: ignoring all arguments\n")
    terminal = terminal_of(process.stdin)
    if "s" not in options.letters:
        say(process, f"/dev/pts/{terminal.number}" if terminal else "not a tty")
    return 0 if terminal else 1


def show_size(process: Process, _: Surroundings) -> int:
    """`ttysize`: columns, rows, or both."""
    terminal = terminal_of(process.stdin)
    sizes = {"w": terminal.columns if terminal else 80, "h": terminal.rows if terminal else 24}
    words = process.spec.argv[1:] or ("w", "h")
    say(process, " ".join(str(sizes[each[:1]]) for each in words if each[:1] in sizes))
    return 0


def clear_screen(process: Process, _: Surroundings) -> int:
    """`clear`."""
    process.write(b"\x1b[H\x1b[J")
    return 0


def reset_terminal(process: Process, _: Surroundings) -> int:
    """`reset`."""
    if terminal_of(process.stdout):
        process.write(b"\x1bc\x1b(B\x1b[m\x1b[J\x1b[?25h")
    return 0


COMMANDS = {
    "clear": Applet(clear_screen, ""),
    "reset": Applet(reset_terminal, ""),
    "tty": Applet(show_terminal, "[-s]"),
    "ttysize": Applet(show_size, "[w] [h]"),
}
