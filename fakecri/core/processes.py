"""Simulated processes: programs that are generators, with signals, output and an exit code.

A program is a function of its `Process`. It waits with `yield from process.sleep(1)`, writes with
`process.write(b"...")`, and returns its exit code. A signal that it traps is an exception thrown in
where it waits; any other has the effect the kernel would give it.
"""

import traceback
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any, TypeAlias

from fakecri.core import signals
from fakecri.core.loads import named_amounts
from fakecri.core.pipes import Reader, Sink, Stdin
from fakecri.core.scheduler import SECOND_NS, Future, Scheduler, Task, Waits

if TYPE_CHECKING:
    from fakecri.core.loads import Amount, Load
    from fakecri.core.net.connections import Connection
    from fakecri.core.net.sockets import Datagrams, Listener
    from fakecri.core.system import System
    from fakecri.core.terminals import Terminal
    from fakecri.core.views import View

__all__ = ["Process", "ProcessSpec", "Program", "Signalled", "Stdin", "User"]

_SIGPIPE = signals.NUMBERS["PIPE"]

Program: TypeAlias = Callable[["Process"], Waits[int] | int | None]
"""A generator function that returns an exit code, or a plain function for what never waits."""


class Signalled(Exception):  # noqa: N818  # an event, not an error
    """A trapped signal arrived."""

    def __init__(self, signal: int) -> None:
        super().__init__(f"signal {signal}")
        self.signal = signal


@dataclass(frozen=True, slots=True)
class User:
    """Who a process is: numbers, and the name where one is known."""

    uid: int = 0
    gid: int = 0
    groups: tuple[int, ...] = ()
    name: str = ""


@dataclass(frozen=True, slots=True)
class ProcessSpec:
    """What a process is started with."""

    argv: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    cwd: str = "/"
    user: User = User()
    tty: bool = False
    hostname: str = ""
    group_names: Mapping[int, str] = field(default_factory=dict)


class Fixed(Enum):
    """What is done about a signal, where it is no handler that is called."""

    TRAPPED = "trapped"
    IGNORED = "ignored"


Disposition: TypeAlias = Fixed | Callable[[int], None]

_DEFAULTS: Mapping[int, Disposition] = {}  # shared by all that never asked for anything


class Process:
    """One simulated process, from its start to its exit."""

    died_of = 0
    """The signal that has ended it, which an exit code alone does not tell."""

    def __init__(  # noqa: PLR0913  # what it is made of, by keyword
        self,
        scheduler: Scheduler,
        spec: ProcessSpec,
        *,
        pid: int,
        is_init: bool,
        stdout: Sink,
        stderr: Sink,
        wall_ns: Callable[[], int],
        stdin: Reader | None = None,
        system: "System | None" = None,
        parent: "Process | None" = None,
    ) -> None:
        """`is_init`: PID 1 of its namespace. Without `stdin` it reads an end.

        `parent` is there for what another process has spawned; what it ignores is ignored.
        """
        self.spec = spec
        self.pid = pid
        self.is_init = is_init
        self.stdin: Reader = stdin or Stdin(scheduler, closed=True)
        self.stdout = stdout
        self.stderr = stderr
        self.parent = parent
        self.group: int = parent.group if parent else pid
        """Which processes a terminal's signals go to is told by it."""
        self.terminal: Terminal | None = parent.terminal if parent else None
        """The one that controls it, which is also /dev/tty."""
        self.title: tuple[str, ...] | None = None
        """What /proc/PID/cmdline shows where that is not the argv."""
        self.euid = spec.user.uid
        """Whose rights it has: another's than the user's after a set-user-id file."""
        self.umask: int = parent.umask if parent else 0o022
        self.nice: int = parent.nice if parent else 0
        """Its priority, as nice(1) counts it; only shown."""
        self._system = system
        self.started_ns = scheduler.now_ns
        self.exited: Future[int] = Future(scheduler)
        self.scheduler = scheduler
        self._wall_ns = wall_ns
        self.gate: Callable[[int], bool] | None = None
        """Asked about each signal but SIGKILL before it arrives; true: it never does."""
        self._dispositions: Mapping[int, Disposition] = parent.ignored() if parent else _DEFAULTS
        self._task: Task[int] | None = None

    @property
    def system(self) -> "System":
        """The container around it. RuntimeError for a process that was made without one."""
        if self._system is None:
            raise RuntimeError("this process stands alone: it has no container around it")
        return self._system

    @property
    def has_system(self) -> bool:
        """Whether there is a container around it."""
        return self._system is not None

    @property
    def files(self) -> "View":
        """The files of its container, as it may see and change them."""
        return self.system.view(self)

    @property
    def hostname(self) -> str:
        """The name of the host, as its pod sees it."""
        return (self._system and self._system.uts.hostname) or self.spec.hostname

    def can(self, capability: str) -> bool:
        """Whether it has a capability in effect, such as `CAP_NET_RAW`; only root ever has."""
        return capability in self.system.security.effective(self.euid)

    def denied(self, syscall: str) -> bool:
        """Whether seccomp bars it from a system call."""
        return self.system.security.denies(syscall)

    def start(self, program: Program) -> None:
        """Let the program run, from the next turn of the queue on."""
        self._task = Task(self.scheduler, self._live(program))
        self._task.then(self._ended)
        self.scheduler.soon(self._task.step)

    def _live(self, program: Program) -> Waits[int]:
        try:
            result = program(self)
            code = (yield from result) if isinstance(result, Generator) else result
            return (code or 0) & 0xFF
        except Signalled as signalled:
            self.died_of = signalled.signal
            return 128 + signalled.signal
        except SystemExit as left:
            return self._exit_code(left.code)
        except Exception:  # noqa: BLE001  # a program that crashes is a process that crashes
            self.error(traceback.format_exc(limit=-1).encode())
            return 1

    def _exit_code(self, code: object) -> int:
        """Return what the interpreter makes of `sys.exit(code)`."""
        if code is None or isinstance(code, int):
            return (code or 0) & 0xFF
        self.error(f"{code}\n".encode())
        return 1

    def _ended(self) -> None:
        if self._task is not None and not self.exited.done:
            self.exited.set_result(self._task.result())

    def kill(self, signal: int) -> None:
        """Deliver a signal: trapped ones to the program, others as the kernel does.

        A signal that PID 1 does not trap does not reach it; SIGKILL always does.
        """
        if self.exited.done or signal == 0:
            return
        disposition = self._dispositions.get(signal)
        if signal == signals.SIGKILL:
            self._die_of(signal)
        elif self.gate is not None and self.gate(signal):
            return
        elif callable(disposition):
            self.scheduler.soon(lambda: None if self.exited.done else disposition(signal))
        elif disposition is Fixed.TRAPPED:
            self.scheduler.soon(lambda: self._interrupt(signal))
        elif not (self.is_init or disposition or signal in signals.HARMLESS):
            self._die_of(signal)

    def _die_of(self, signal: int) -> None:
        self.died_of = signal
        self.exit_now(128 + signal)

    def catches(self, signal: int) -> bool:
        """Whether a signal reaches the program."""
        disposition = self._dispositions.get(signal)
        return callable(disposition) or disposition is Fixed.TRAPPED

    def kill_from_inside(self, signal: int) -> None:
        """Deliver a signal that a process of its own PID namespace sends.

        There even SIGKILL does not reach PID 1.
        """
        if not (self.is_init and signal == signals.SIGKILL):
            self.kill(signal)

    def exit_now(self, code: int) -> None:
        """End at once, whatever the program does; it gets no word of it."""
        task, self._task = self._task, None
        self.exited.set_result(code)
        if task is not None:
            task.drop()

    def _interrupt(self, signal: int) -> None:
        if self._task is not None and not self.exited.done:
            self._task.throw(Signalled(signal))

    # What programs use.

    def trap(self, *trapped: int) -> None:
        """From now on these signals raise `Signalled` where the program waits."""
        self._dispositions = {**self._dispositions, **dict.fromkeys(trapped, Fixed.TRAPPED)}

    def handle(self, signal: int, handler: Callable[[int], None] | None) -> None:
        """From now on call `handler`, in a turn of its own, when the signal comes; None: no more.

        Unlike a trap it does not disturb what the program waits for.
        """
        others = {key: each for key, each in self._dispositions.items() if key != signal}
        self._dispositions = others if handler is None else {**others, signal: handler}

    def ignore(self, signal: int) -> None:
        """From now on nothing happens when the signal comes, here and in what is spawned."""
        self._dispositions = {**self._dispositions, signal: Fixed.IGNORED}

    def forget_handlers(self) -> None:
        """Do what execve(2) does: only what is ignored stays so."""
        self._dispositions = self.ignored()

    def ignored(self) -> "Mapping[int, Disposition]":
        """Return the signals that are ignored: what a child has of the dispositions."""
        return {
            signal: each for signal, each in self._dispositions.items() if each is Fixed.IGNORED
        }

    def spawn(  # what fork(2) and execve(2) have to be told
        self,
        argv: Sequence[str],
        *,
        program: Program | None = None,
        environment: Mapping[str, str] | None = None,
        cwd: str | None = None,
        user: User | None = None,
        stdin: Reader | None = None,
        stdout: Sink | None = None,
        stderr: Sink | None = None,
    ) -> "Process":
        """Start a child; what is not said is as its parent has it.

        Without `program` it is what `argv` leads to. Raises MissingExecutableError. The child's
        `exited` is the future of its exit code.
        """
        return self.system.spawn(
            self,
            argv,
            program=program,
            environment=environment,
            cwd=cwd,
            user=user,
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
        )

    def listen(self, port: int, address: str = "") -> "Listener":
        """Listen for TCP connections, at every address of the pod unless one is given.

        Port 0 is any free one. OSError: EADDRINUSE, EADDRNOTAVAIL, EACCES. It is closed when the
        process ends, as are the connections that it accepts.
        """
        return self.system.network.listen(self, port, address)

    def connect(self, address: str, port: int) -> "Waits[Connection]":
        """Connect over TCP to an address; names are for `core.net.names.resolve`.

        OSError: ECONNREFUSED, EHOSTUNREACH, ENETUNREACH, ETIMEDOUT.
        """
        return self.system.network.connect(self, address, port)

    def datagrams(self, port: int = 0, address: str = "") -> "Datagrams":
        """Open a UDP socket; see `listen`."""
        return self.system.network.datagrams(self, port, address)

    def sleep(self, seconds: float) -> Waits[None]:
        """Let virtual time pass."""
        yield from self.scheduler.sleep(round(seconds * SECOND_NS))

    def forever(self) -> Waits[Any]:
        """Wait until a signal comes."""
        yield from Future[None](self.scheduler)

    def use(self, load: "Load | None" = None, /, **amounts: "Amount") -> None:
        """From now on use these amounts of `Load`, beside what an idle process uses.

        With a `load` that is all; else what is not named stays as it is. Being over the memory
        limit of the container ends this process, or another, before this returns. Raises
        ValueError, and TypeError for what is no amount.
        """
        asked = named_amounts(load, amounts)
        if self._system is not None and not self.exited.done:
            self._system.get_cgroup().use(self, asked)

    def release(self) -> None:
        """Use no more than an idle process, as after execve(2). Files that it wrote stay."""
        if self._system is not None and self._system.cgroup is not None:
            self._system.cgroup.drop(self)

    def burn(self, seconds: float) -> Waits[None]:
        """Let virtual time pass, and want one core more meanwhile: what a busy loop does."""
        if self._system is None:
            yield from self.sleep(seconds)
        else:
            yield from self._system.get_cgroup().burn(self, self.sleep(seconds))

    def work(self, core_seconds: float) -> Waits[None]:
        """Compute for that many seconds on one core; under a CPU quota it takes longer.

        Processes of a container that work share its quota evenly, and what others want of it is
        what they leave.
        """
        if self._system is None:
            yield from self.sleep(core_seconds)
        else:
            yield from self._system.get_cgroup().work(self, round(core_seconds * SECOND_NS))

    def read(self) -> Waits[bytes]:
        """Wait for input; `b""` at its end."""
        return self.stdin.read()

    def write(self, output: bytes) -> None:
        """Write to stdout; a dead process writes nothing, whatever its program still does."""
        self._put(self.stdout, output)

    def error(self, output: bytes) -> None:
        """Write to stderr, which is stdout on a terminal."""
        self._put(self.stderr, output)

    def _put(self, sink: Sink, output: bytes) -> None:
        if self.exited.done:
            return
        try:
            sink.write(output)
        except BrokenPipeError:
            self.kill(_SIGPIPE)

    def drain(self) -> Waits[None]:
        """Wait until what was written to stdout has room: who writes much must do it often.

        It is where the program of a dead process stops: a broken pipe may have killed it.
        """
        if self.exited.done:
            yield from self.forever()
        yield from self.stdout.room()

    def wall_ns(self) -> int:
        """What the wall clock shows, in nanoseconds since the epoch."""
        return self._wall_ns()
