"""What surrounds the processes of a container: each other, the files, the network.

A process reaches it as `process.system`. It is made when the container starts, and is where
fork(2), execve(2) and kill(2) of simulated processes end up.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count
from typing import TYPE_CHECKING, Protocol

from fakecri.core import signals
from fakecri.core.cgroup import Cgroup
from fakecri.core.net.namespaces import Namespace
from fakecri.core.pipes import Reader, Sink
from fakecri.core.processes import Process, Program, User
from fakecri.core.rootfs.dev import add_terminal, remove_terminal
from fakecri.core.scheduler import Future, Scheduler
from fakecri.core.security import Security
from fakecri.core.views import Rootfs, View

if TYPE_CHECKING:
    from fakecri.core.terminals import Terminal


class PidNamespace:
    """The processes that see each other, and the numbers by which they do."""

    def __init__(self, first: int = 1) -> None:
        """`first` is the number of the first process; a pod's own namespace has pause as 1."""
        self._make_pause: Callable[[], Process] | None = None
        self._next = first
        self._processes: dict[int, Process] = {}
        self._numbers: dict[Process, int] = {}

    def add(self, process: Process) -> None:
        """Give a process the next number."""
        self.add_as(process, self._next)

    def add_as(self, process: Process, number: int) -> None:
        """Give a process this number."""
        self._next = max(self._next, number + 1)
        self._processes[number] = process
        self._numbers[process] = number

    def remove(self, process: Process) -> None:
        """Forget a process; harmless where it is not here."""
        self._processes.pop(self._numbers.pop(process, 0), None)

    def find(self, number: int) -> Process | None:
        """Return the process of a number."""
        self._show_pause()
        return self._processes.get(number)

    def number_of(self, process: Process) -> int:
        """Return the number of a process; 0 where it is not here."""
        return self._numbers.get(process, 0)

    def __iter__(self) -> Iterator[tuple[int, Process]]:
        """Number and process, in the order of the numbers."""
        self._show_pause()
        return iter(sorted(self._processes.items()))

    def begin_with(self, make_pause: Callable[[], Process]) -> None:
        """Show the pause process of a pod as 1; it is made when somebody looks."""
        if 1 not in self._processes:
            self._make_pause = make_pause

    def _show_pause(self) -> None:
        if self._make_pause is not None:
            self.add_as(self._make_pause(), 1)
            self._make_pause = None


class NodePids(PidNamespace):
    """The namespace of the node itself, where each process has the number that the node knows."""

    def add(self, process: Process) -> None:
        """Its number is its pid."""
        self.add_as(process, process.pid)


@dataclass(slots=True)
class Uts:
    """What the containers of a pod share of their names."""

    hostname: str = ""
    """As sethostname(2) made it; empty: nobody has."""


class Find(Protocol):
    """From argv, environment and working directory to a program."""

    def __call__(self, argv: Sequence[str], environment: Mapping[str, str], cwd: str) -> Program:
        """Raises MissingExecutableError."""


@dataclass(slots=True, eq=False)
class System:
    """A container, as its processes know it."""

    scheduler: Scheduler
    wall_ns: Callable[[], int]
    new_pid: Callable[[], int]
    find: Find
    pids: PidNamespace
    rootfs: Rootfs
    uts: Uts
    processes: dict[int, Process]
    """All that live in the container, by the node's pid."""
    network: Namespace
    new_cgroup: Callable[[], Cgroup]
    security: Security
    cgroup: Cgroup | None = None
    """Only where a process uses more than an idle one, or its limits were changed."""
    busy_ns: int = -1
    """When shells have last started processes."""
    busy_starts: int = 0
    """How many they have in that instant."""
    busy_burners: int = 0
    """How many shells burn their time away, as they never wait."""
    file_locks: dict[tuple[int, int], Future[None]] | None = None
    """By device and inode: which locks of files are held, and what tells of their release."""

    seats: "dict[int, Terminal] | None" = None
    """The terminals of the container, by their numbers."""

    @property
    def terminals(self) -> "dict[int, Terminal]":
        """The terminals of the container, by their numbers."""
        if self.seats is None:
            self.seats = {}
        return self.seats

    def seat(self, process: Process, terminal: "Terminal") -> None:
        """Give a process that begins a terminal, which is its own until it ends."""
        terminals = self.terminals
        number = next(each for each in count() if each not in terminals)
        terminals[number] = terminal
        terminal.number = number
        terminal.adopt(process)
        add_terminal(self.rootfs.mounts, number, process.spec.user.uid)
        process.exited.then(lambda: self._unseat(terminal))

    def _unseat(self, terminal: "Terminal") -> None:
        terminal.hang_up()
        del self.terminals[terminal.number]
        remove_terminal(self.rootfs.mounts, terminal.number)

    @property
    def locks(self) -> dict[tuple[int, int], Future[None]]:
        """The locks of files, by device and inode."""
        if self.file_locks is None:
            self.file_locks = {}
        return self.file_locks

    def get_cgroup(self) -> Cgroup:
        """Return what counts for the processes, from now on where nothing did."""
        if self.cgroup is None:
            self.cgroup = self.new_cgroup()
        return self.cgroup

    def view(self, process: Process) -> View:
        """Return the files as a process sees them."""
        return View(self.rootfs, process)

    def adopt(self, process: Process) -> None:
        """Take a process in, until it exits. Where PID 1 exits, all of its namespace do."""
        self.processes[process.pid] = process
        self.pids.add(process)
        process.exited.then(lambda: self._left(process))

    def _left(self, process: Process) -> None:
        self.processes.pop(process.pid, None)
        self.pids.remove(process)
        if self.cgroup is not None:
            self.cgroup.drop(process)
        if process.is_init:
            self.kill_all()

    def kill_all(self) -> None:
        """Kill everything in the container, as the end of its cgroup does."""
        for each in tuple(self.processes.values()):
            each.kill(signals.SIGKILL)

    def spawn(  # noqa: PLR0913  # see Process.spawn
        self,
        parent: Process,
        argv: Sequence[str],
        *,
        program: Program | None,
        environment: Mapping[str, str] | None,
        cwd: str | None,
        user: User | None,
        stdin: Reader | None,
        stdout: Sink | None,
        stderr: Sink | None,
    ) -> Process:
        """Start a child of `parent`: see `Process.spawn`."""
        spec = replace(
            parent.spec,
            argv=tuple(argv),
            environment=parent.spec.environment if environment is None else environment,
            cwd=parent.spec.cwd if cwd is None else cwd,
            user=parent.spec.user if user is None else user,
        )
        program = program or self.find(spec.argv, spec.environment, spec.cwd)
        child = Process(
            self.scheduler,
            spec,
            pid=self.new_pid(),
            is_init=False,
            stdin=stdin or parent.stdin,
            stdout=stdout or parent.stdout,
            stderr=stderr or parent.stderr,
            wall_ns=self.wall_ns,
            system=self,
            parent=parent,
        )
        child.euid = parent.euid if user is None else user.uid
        self.adopt(child)
        child.start(program)
        return child
