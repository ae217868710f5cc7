"""How a behaviour is played: over the program that would have run without it.

The program goes on as ever, and the behaviour takes a hand: it writes to the log, keeps signals
away, and ends the container when it is to end, whatever the program does. Where the end is chosen,
the program's own end counts for nothing, unless a signal has caused it.
"""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

from fakecri.core import signals
from fakecri.core.behaviours.kinds import Amount
from fakecri.core.behaviours.steps import (
    Behaviour,
    CrashLoop,
    Exit,
    IgnoreTerm,
    Log,
    Message,
    Oom,
    Sleep,
    Term,
)
from fakecri.core.processes import Process, Program
from fakecri.core.scheduler import SECOND_NS, Scheduler, Task, Timer, Waits

DISK_RATE = Amount(100_000_000)
"""How fast a log is written that no rate was chosen for."""

LINE_WIDTH = 99
TICK_NS = SECOND_NS // 100
"""What is faster than this is written by so many lines at a time."""

_FILLER = b"the quick brown fox jumps over the lazy dog "


@dataclass(frozen=True, slots=True)
class Stage:
    """What a behaviour has to know of its container."""

    attempt: int
    stop_signal: int
    message_path: str
    oom_kill: Callable[[], None]


def play(behaviour: Behaviour, program: Program, stage: Stage) -> Program:
    """Return a program with a behaviour over it."""
    return lambda process: _Performance(process, behaviour, stage).run(program)


class End(NamedTuple):
    """How a container ends; `after_ns` is None for: as soon as its log is written."""

    code: int
    after_ns: int | None


def find_end(behaviour: Behaviour, attempt: int) -> End | None:
    """Return the end that a behaviour chooses for an attempt, if it does."""
    for step in behaviour.steps:
        if isinstance(step, Exit):
            return End(step.code, step.after_ns)
        if isinstance(step, Sleep):
            return End(0, step.time_ns)
        if isinstance(step, CrashLoop) and (step.attempts is None or attempt < step.attempts):
            return End(1 if step.code is None else step.code, step.time_ns)
    return None


class _Performance:
    """One run of a container."""

    def __init__(self, process: Process, behaviour: Behaviour, stage: Stage) -> None:
        self._process = process
        self._behaviour = behaviour
        self._stage = stage
        self._end = find_end(behaviour, stage.attempt)
        self._timers: list[Timer] = []
        self._writers: list[Task[None]] = []
        self._stopped = False
        """Whether a signal has reached the program."""

    def run(self, program: Program) -> Waits[int]:
        """Play."""
        process = self._process
        logs = list(self._behaviour.of(Log))
        if self._end and not self._end.after_ns and not logs:
            return self._closing(self._end.code)
        process.gate = self._gate
        process.exited.then(self._clean_up)
        self._set_ends()
        for log in logs:
            self._write(log)
        result = program(process)
        code = result if isinstance(result, int | None) else (yield from result)
        oom = self._behaviour.find(Oom)
        if (self._end or oom) and not self._stopped:
            yield from process.forever()
        return self._closing(code or 0)

    def _set_ends(self) -> None:
        started_ns, at = self._process.started_ns, self._process.scheduler.at
        if self._end and self._end.after_ns is not None:
            code = self._end.code
            self._timers.append(at(started_ns + self._end.after_ns, lambda: self._leave(code)))
        oom = self._behaviour.find(Oom)
        if oom:
            self._timers.append(at(started_ns + oom.time_ns, self._stage.oom_kill))

    def _clean_up(self) -> None:
        for timer in self._timers:
            timer.cancel()
        for writer in self._writers:
            writer.drop()

    def _leave(self, code: int) -> None:
        if not self._process.exited.done:
            self._process.exit_now(self._closing(code))

    def _closing(self, code: int) -> int:
        """Leave the message of the end; return the exit code."""
        message = self._behaviour.find(Message)
        if message:
            # Where it cannot be written there is none, as for any program.
            with suppress(OSError):
                self._process.files.write(self._stage.message_path, message.text.encode())
        return code

    # Signals.

    def _gate(self, signal: int) -> bool:
        """Whether a signal is kept away from the program."""
        if signal in {signals.SIGTERM, self._stage.stop_signal}:
            if self._behaviour.find(IgnoreTerm):
                return True
            term = self._behaviour.find(Term)
            if term:
                self._wind_up(term)
                return True
        self._stopped = self._stopped or self._process.catches(signal)
        return False

    def _wind_up(self, term: Term) -> None:
        if not self._stopped:
            self._stopped = True
            leave = partial(self._leave, term.code or 0)
            self._timers.append(self._process.scheduler.after(term.time_ns, leave))

    # The log.

    def _write(self, log: Log) -> None:
        scheduler = self._process.scheduler
        task = Task(scheduler, write_log(self._process, log))
        self._writers.append(task)
        task.then(self._written)
        scheduler.soon(task.step)

    def _written(self) -> None:
        waits = self._end and self._end.after_ns is None
        if self._end and waits and all(each.done for each in self._writers):
            self._leave(self._end.code)


def write_log(process: Process, log: Log) -> Waits[None]:
    """Write lines at a rate, each when its last byte is due; what is due together, at once."""
    scheduler: Scheduler = process.scheduler
    write = process.error if log.stream == "stderr" else process.write
    rate = log.rate or DISK_RATE
    began_ns = scheduler.now_ns
    due, sent = bytearray(), 0
    for line in lines_of(log):
        sent += 1 if rate.lines else len(line)
        due_ns = began_ns - (-sent * SECOND_NS // rate.number)
        if due_ns > scheduler.now_ns:
            write(bytes(due))
            due.clear()
            yield from scheduler.sleep(max(due_ns - scheduler.now_ns, TICK_NS))
        due += line
    write(bytes(due))


def lines_of(log: Log) -> Iterator[bytes]:
    """The lines of a log, numbered from 1, the last one cut so that the volume is exact."""
    width = LINE_WIDTH if log.width is None else log.width
    filler = _FILLER * (width // len(_FILLER) + 1)
    rest = None if log.volume is None else log.volume.number
    serial = 0
    while rest is None or rest > 0:
        serial += 1
        line = b"%08d %b" % (serial, filler)
        line = line[:width] + b"\n"
        if rest is not None and log.volume is not None:
            if not log.volume.lines:
                line = line[max(0, len(line) - rest) :]
            rest -= 1 if log.volume.lines else len(line)
        yield line
