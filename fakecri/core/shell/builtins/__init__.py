"""The builtins of the shell, by name."""

from collections.abc import Mapping

from fakecri.core.shell.builtins import (
    control,
    declaring,
    environment,
    filing,
    naming,
    output,
    processes,
    reads,
)
from fakecri.core.shell.builtins.builtin import Builtin

__all__ = ["BUILTINS", "SPECIAL", "Builtin"]

SPECIAL = frozenset(
    [
        ".",
        ":",
        "break",
        "continue",
        "eval",
        "exec",
        "exit",
        "export",
        "local",
        "readonly",
        "return",
        "set",
        "shift",
        "source",
        "times",
        "trap",
        "unset",
    ]  # one line is easier to read
)
"""An error in one of them ends a shell that is not interactive."""

BUILTINS: Mapping[str, Builtin] = {
    ".": Builtin(control.source),
    ":": Builtin(control.true),
    "[": Builtin(filing.bracket, applet=True),
    "[[": Builtin(filing.double_bracket, applet=True, only="ash"),
    "alias": Builtin(naming.alias),
    "bg": Builtin(processes.background),
    "break": Builtin(control.break_),
    "builtin": Builtin(naming.builtin, only="bash"),
    "cd": Builtin(filing.change_directory),
    "chdir": Builtin(filing.change_directory, only="ash"),
    "command": Builtin(naming.command),
    "continue": Builtin(control.continue_),
    "declare": Builtin(declaring.declare, only="bash"),
    "echo": Builtin(output.echo, applet=True),
    "eval": Builtin(control.evaluate),
    "exec": Builtin(control.execute),
    "exit": Builtin(control.leave),
    "export": Builtin(environment.export),
    "false": Builtin(control.false),
    "fg": Builtin(processes.foreground),
    "getopts": Builtin(reads.getopts),
    "hash": Builtin(naming.hash_),
    "help": Builtin(naming.show_help),
    "history": Builtin(processes.history, only="ash"),
    "jobs": Builtin(processes.jobs),
    "kill": Builtin(processes.kill, applet=True),
    "let": Builtin(control.let),
    "local": Builtin(declaring.local),
    "mapfile": Builtin(reads.mapfile, only="bash"),
    "printf": Builtin(output.printf, applet=True),
    "pwd": Builtin(filing.working_directory),
    "read": Builtin(reads.read),
    "readarray": Builtin(reads.mapfile, only="bash"),
    "readonly": Builtin(environment.readonly),
    "return": Builtin(control.return_),
    "set": Builtin(environment.set_),
    "shift": Builtin(control.shift),
    "shopt": Builtin(environment.shopt, only="bash"),
    "source": Builtin(control.source),
    "test": Builtin(filing.test, applet=True),
    "times": Builtin(processes.times),
    "trap": Builtin(processes.trap),
    "true": Builtin(control.true),
    "type": Builtin(naming.type_),
    "typeset": Builtin(declaring.declare, only="bash"),
    "ulimit": Builtin(processes.ulimit, applet=True),
    "umask": Builtin(filing.umask),
    "unalias": Builtin(naming.unalias),
    "unset": Builtin(environment.unset),
    "wait": Builtin(processes.wait),
}
