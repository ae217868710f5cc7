"""Simulated processes: programs that are generators, with signals, output and an exit code.

A program is a function of its `Process`. It waits with `yield from process.sleep(1)`, writes with
`process.write(b"...")`, and returns its exit code. A signal that it traps is an exception thrown in
where it waits; any other has the effect the kernel would give it.
"""

import traceback
from collections import deque
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from fakecri.core import signals
from fakecri.core.scheduler import SECOND_NS, Future, Scheduler, Task, Waits

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


class Stdin:
    """Bytes that a process has not read yet. At the end of input a read gives `b""`."""

    __slots__ = ("_arrived", "_chunks", "_scheduler", "closed")

    def __init__(self, scheduler: Scheduler, *, closed: bool) -> None:
        self.closed = closed
        self._scheduler = scheduler
        self._chunks: deque[bytes] = deque()
        self._arrived: Future[None] = Future(scheduler)

    def feed(self, chunk: bytes) -> None:
        """Add input."""
        if chunk:  # an empty one would read as the end
            self._chunks.append(chunk)
            self._arrived.set_result(None)

    def close(self) -> None:
        """No more input will come."""
        self.closed = True
        self._arrived.set_result(None)

    def read(self) -> Waits[bytes]:
        """Wait for the next chunk; `b""` at the end."""
        while not self._chunks and not self.closed:
            self._arrived = Future(self._scheduler)
            yield from self._arrived
        return self._chunks.popleft() if self._chunks else b""


class Process:
    """One simulated process, from its start to its exit."""

    def __init__(
        self,
        scheduler: Scheduler,
        spec: ProcessSpec,
        *,
        pid: int,
        is_init: bool,
        output: Callable[[str, bytes], None],
        wall_ns: Callable[[], int],
        stdin: Stdin | None = None,
    ) -> None:
        """`output` takes (`"stdout"` or `"stderr"`, bytes); `is_init`: PID 1 of its namespace."""
        self.spec = spec
        self.pid = pid
        self.is_init = is_init
        self.stdin = stdin or Stdin(scheduler, closed=True)
        self.started_ns = scheduler.now_ns
        self.exited: Future[int] = Future(scheduler)
        self._scheduler = scheduler
        self._output = output
        self._wall_ns = wall_ns
        self._traps: set[int] = set()
        self._task: Task[int] | None = None

    def start(self, program: Program) -> None:
        """Let the program run, from the next turn of the queue on."""
        self._task = Task(self._scheduler, self._live(program))
        self._task.then(self._ended)
        self._scheduler.soon(self._task.step)

    def _live(self, program: Program) -> Waits[int]:
        try:
            result = program(self)
            code = (yield from result) if isinstance(result, Generator) else result
            return (code or 0) & 0xFF
        except Signalled as signalled:
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
        if self.exited.done:
            return
        if signal in self._traps and signal != signals.SIGKILL:
            self._scheduler.soon(lambda: self._interrupt(signal))
        elif signal == signals.SIGKILL or not (self.is_init or signal in signals.HARMLESS):
            self.exit_now(128 + signal)

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
        self._traps.update(trapped)

    def sleep(self, seconds: float) -> Waits[None]:
        """Let virtual time pass."""
        yield from self._scheduler.sleep(round(seconds * SECOND_NS))

    def forever(self) -> Waits[Any]:
        """Wait until a signal comes."""
        yield from Future[None](self._scheduler)

    def read(self) -> Waits[bytes]:
        """Wait for input; `b""` at its end."""
        return self.stdin.read()

    def write(self, output: bytes) -> None:
        """Write to stdout; a dead process writes nothing, whatever its program still does."""
        if not self.exited.done:
            self._output("stdout", output)

    def error(self, output: bytes) -> None:
        """Write to stderr, which is stdout on a terminal."""
        if not self.exited.done:
            self._output("stdout" if self.spec.tty else "stderr", output)

    def wall_ns(self) -> int:
        """What the wall clock shows, in nanoseconds since the epoch."""
        return self._wall_ns()
