"""The state of a shell: what a subshell gets a copy of."""

from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING

from fakecri.core.processes import Process
from fakecri.core.scheduler import SECOND_NS, Future
from fakecri.core.shell.descriptors import Descriptors
from fakecri.core.shell.errors import Dead, ReadOnlyError, ShellError
from fakecri.core.shell.pacing import Pace
from fakecri.core.shell.text import inner
from fakecri.core.shell.variables import Variables
from fakecri.core.signals import NUMBERS

if TYPE_CHECKING:
    from fakecri.core.shell.jobs import Job
    from fakecri.core.shell.syntax import Function, Simple
    from fakecri.core.terminals import Terminal

DEFAULT_IFS = " \t\n"
DEFAULT_PATH = "/sbin:/usr/sbin:/bin:/usr/bin"
SIGPIPE = NUMBERS["PIPE"]
_SIGSEGV = NUMBERS["SEGV"]

MAX_CALLS = 4000
"""Functions within functions; a real stack ends too."""

Options = dict[str, bool]


class Shell:
    """Everything that a script can change."""

    __slots__ = (
        "aliases", "arg0", "arguments", "bash", "caller_name", "command_name", "depth",
        "descriptors", "dirty", "exiting", "functions", "getopts_index", "getopts_place",
        "history", "interactive", "is_subshell", "jobs", "last_background", "line", "loops",
        "options", "pace", "pending", "pid", "ppid", "process", "random", "seconds_ns", "sourced",
        "status", "substituted", "tails", "terminal", "traps", "unchecked", "variables", "wake",
    )  # fmt: skip

    def __init__(self, process: Process, arg0: str, *, bash: bool) -> None:
        self.process = process
        self.bash = bash
        self.arg0 = arg0
        self.arguments: list[str] = []
        self.variables = Variables(process.spec.environment)
        self.functions: dict[str, Function] = {}
        self.aliases: dict[str, str] = {}
        self.options: set[str] = set()
        self.descriptors = Descriptors.of(process)
        self.status = 0
        self.substituted: int | None = None
        """The status of the last command substitution of a command, if there was one."""
        self.line = 1
        self.command_name = ""
        self.caller_name = ""
        """The `command_name` around the builtin that runs."""
        self.traps: dict[str, str] = {}
        """By the name of a signal, `EXIT` or `ERR`; an empty one ignores."""
        self.pending: list[int] = []
        self.wake: Future[None] | None = None
        self.jobs: list[Job] = []
        self.last_background = 0
        self.unchecked = 0
        """How many conditions it is in: there `set -e` does not count."""
        self.depth = 0
        self.loops = 0
        self.sourced = 0
        """How many functions and sourced files a `return` can end."""
        self.is_subshell = False
        self.interactive = False
        self.terminal: Terminal | None = None
        """Where it is interactive at one, and controls jobs."""
        self.history: list[bytes] = []
        """The lines that were typed at the terminal."""
        self.exiting = False
        self.tails: tuple[Simple, ...] = ()
        """Commands behind which nothing comes: they take the place of the shell."""
        self.getopts_place = 0
        """In the word that getopts is at; 0: it begins with one."""
        self.getopts_index = ""
        """What it has set OPTIND to; a script may set it to something else."""
        self.random = 0
        self.seconds_ns = process.scheduler.now_ns
        self.dirty = False
        self.pace = Pace(process.scheduler.now_ns)
        self.pid = number_of(process)
        self.ppid = number_of(process.parent) if process.parent is not None else 0

    def fork(self) -> "Shell":
        """Return what a subshell starts with: the same, and changes of it change nothing here."""
        child: Shell = object.__new__(Shell)
        for name in Shell.__slots__:
            setattr(child, name, getattr(self, name))
        child.variables = self.variables.copy()
        child.functions = dict(self.functions)
        child.aliases = dict(self.aliases)
        child.arguments = list(self.arguments)
        child.options = set(self.options)
        child.descriptors = self.descriptors.copy()
        child.traps = {name: action for name, action in self.traps.items() if not action}
        child.jobs = []
        child.pending = []
        child.wake = None
        child.is_subshell = True
        child.interactive = False
        child.terminal = None
        child.tails = ()
        child.pace = self.pace.fork()
        return child

    # Values.

    def ifs(self) -> str:
        """Return what fields are split at."""
        value = self.variables.get("IFS")
        return DEFAULT_IFS if value is None else value

    def has(self, option: str) -> bool:
        """Whether an option is set, by its letter or name."""
        return option in self.options

    def read_number(self, name: str, index: str | None) -> str:
        """Return the text of a variable in an expression."""
        from fakecri.core.shell.parameters import value_of  # noqa: PLC0415  # which needs a Shell

        return value_of(self, name, index)

    def write_number(self, name: str, index: str | None, value: int) -> None:
        """Set a variable from an expression."""
        if index is None:
            self.variables.set(name, str(value))
            return
        variable = self.variables.writable(name)
        if variable.table is not None:
            variable.table[index] = str(value)
            return
        if variable.elements is None:
            variable.elements = {} if variable.value is None else {0: variable.value}
            variable.value = None
        variable.elements[int(index)] = str(value)

    def next_random(self) -> int:
        """Return a number from 0 to 32767 that follows from the pid and how many there were."""
        self.random += 1
        mixed = (self.process.pid * 2_654_435_761 + self.random * 1_103_515_245 + 12345) % (1 << 32)
        mixed = (mixed ^ (mixed >> 15)) * 2_246_822_519 % (1 << 32)
        return (mixed ^ (mixed >> 13)) >> 8 & 0x7FFF

    def seconds(self) -> int:
        """How long it has been running."""
        return (self.process.scheduler.now_ns - self.seconds_ns) // SECOND_NS

    # Output.

    def write(self, text: str) -> None:
        """Write to stdout. Raises ShellError where that cannot be."""
        self.put(1, text.encode("latin-1"))

    def error(self, text: str) -> None:
        """Write to stderr, if that is possible."""
        with suppress(ShellError):
            self.put(2, text.encode("latin-1"))

    def put(self, number: int, output: bytes) -> None:
        """Write to an open file. Raises ShellError, and Dead where SIGPIPE has killed it."""
        process = self.process
        if process.exited.done:
            raise Dead
        try:
            self.descriptors.sink(number).write(output)
        except BrokenPipeError:
            process.kill(SIGPIPE)
            if process.exited.done:
                raise Dead from None
            raise ShellError("write error: Broken pipe", 1) from None
        except OSError as error:
            raise ShellError(f"write error: {error.strerror}", 1) from None
        self.dirty = True

    def complain(self, text: str) -> None:
        """Write a complaint, with what a shell of its kind puts before it."""
        if self.bash:
            place = "" if self.interactive else f"line {self.line}: "
            name = f"{self.command_name}: " if self.command_name not in {"", self.arg0} else ""
            self.error(f"{self.arg0}: {place}{name}{text}\n")
            return
        name = self.command_name
        place = ""
        if name:
            place = "" if name == self.arg0 else f"{name}: "
            place += "" if self.interactive else f"line {self.line}: "
        self.error(f"{self.arg0}: {place}{text}\n")

    def report(self, error: ShellError) -> int:
        """Say what is wrong, unless that was said; return the status for it."""
        if self.bash and isinstance(error, ReadOnlyError):
            error = error.in_bash()
        if error.text:
            self.complain(error.text)
        return error.status


def require_depth(shell: Shell) -> None:
    """End a process whose functions call each other too deeply, as its stack would."""
    if shell.depth >= MAX_CALLS:
        shell.process.died_of = _SIGSEGV
        shell.process.exit_now(128 + _SIGSEGV)
        raise Dead


def number_of(process: Process) -> int:
    """Return the number of a process in its PID namespace."""
    try:
        return process.system.pids.number_of(process)
    except RuntimeError:
        return process.pid


def initial_variables(shell: Shell, environment: Mapping[str, str]) -> None:
    """Set what a shell knows from its start."""
    variables = shell.variables
    cwd = inner(shell.process.spec.cwd)
    variables.set("PWD", cwd)
    defaults = {"IFS": DEFAULT_IFS, "OPTIND": "1", "PS2": "> ", "PS4": "+ "}
    if "PATH" not in environment:
        defaults["PATH"] = DEFAULT_PATH
    if shell.bash:
        defaults["BASH_VERSION"] = "5.2.15(1)-release"
    variables.set("PPID", str(shell.ppid))
    for name, value in defaults.items():
        if name not in {"PS2", "PS4"} or variables.get(name) is None:
            variables.set(name, value)
    level = variables.get("SHLVL") or ""
    variables.set("SHLVL", str(int(level[:9]) + 1 if level.isdecimal() else 1))
    for name in ("PWD", "SHLVL"):
        variables.mark(name).exported = True
    if variables.get("PS1") is None:
        variables.set("PS1", "\\w \\$ ")
