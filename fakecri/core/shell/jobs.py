"""What a shell has started and not forgotten."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from fakecri.core.processes import Process
from fakecri.core.shell.errors import ShellError
from fakecri.core.shell.state import Shell, number_of
from fakecri.core.shell.syntax import Group, Node, Simple
from fakecri.core.signals import NUMBERS

if TYPE_CHECKING:
    from collections.abc import Iterable

_TEXTS = {
    1: "Hangup", 2: "Interrupt", 3: "Quit", 4: "Illegal instruction", 5: "Trace/breakpoint trap",
    6: "Aborted", 7: "Bus error", 8: "Floating point exception", 9: "Killed",
    10: "User defined signal 1", 11: "Segmentation fault", 12: "User defined signal 2",
    13: "Broken pipe", 14: "Alarm clock", 15: "Terminated", 16: "Stack fault",
    24: "CPU time limit exceeded", 25: "File size limit exceeded",
    26: "Virtual timer expired", 27: "Profiling timer expired", 29: "I/O possible",
    30: "Power failure", 31: "Bad system call",
}  # fmt: skip
MAX_DONE = 64
"""Of the jobs that have ended and were not waited for, so many are remembered."""

_SILENT = frozenset({NUMBERS["INT"], NUMBERS["PIPE"]})


def death_text(signal: int) -> str:
    """What is said of a process that a signal has ended."""
    return _TEXTS.get(signal, f"Signal {signal}")


@dataclass(slots=True, eq=False)
class Job:
    """Processes that were started together, and the numbers they had."""

    number: int
    processes: list[Process]
    pids: list[int] = field(default_factory=list)
    text: str = ""

    def __post_init__(self) -> None:
        self.pids = [number_of(each) for each in self.processes]

    @property
    def is_done(self) -> bool:
        """Whether all of it has ended."""
        return all(each.exited.done for each in self.processes)

    @property
    def status(self) -> int:
        """The exit code of the last process."""
        return self.processes[-1].exited.result()

    def state(self) -> str:
        """What `jobs` shows."""
        last = self.processes[-1]
        if not self.is_done:
            return "Running"
        if last.died_of:
            return death_text(last.died_of)
        return f"Done({self.status})" if self.status else "Done"


def add_job(shell: Shell, processes: list[Process], text: str = "") -> Job:
    """Remember what was started in the background."""
    number = max((each.number for each in shell.jobs), default=0) + 1
    job = Job(number, processes, text=text)
    done = [each for each in shell.jobs if each.is_done]
    for each in done[: max(len(done) - MAX_DONE, 0)]:
        shell.jobs.remove(each)
    shell.jobs.append(job)
    shell.last_background = job.pids[-1]
    return job


def job_line(shell: Shell, job: Job, pid: str = "") -> str:
    """Return what is shown of a job."""
    place = len(shell.jobs) - 1 - shell.jobs.index(job)
    mark = {0: "+", 1: "-"}.get(place, " ")
    background = " &" if shell.bash and not job.is_done else ""
    return f"[{job.number}]{mark}  {pid}{job.state():<26} {job.text}{background}\n"


def report_jobs(shell: Shell) -> None:
    """Say which jobs have ended, and forget them."""
    done = [job for job in shell.jobs if job.is_done]
    shell.error("".join(job_line(shell, job) for job in done))
    shell.jobs = [job for job in shell.jobs if job not in done]


def keep_jobs(shell: Shell, child: Shell, node: Node) -> None:
    """Let a child that is nothing but `jobs` know the jobs of its parent."""
    while isinstance(node, Group):
        node = node.body
    if isinstance(node, Simple) and node.words and node.words[0].plain == "jobs":
        child.jobs = list(shell.jobs)


def find_job(shell: Shell, text: str) -> Job:
    """Return the job that `%n`, `%%`, `%+`, `%-` or `%text` names. Raises ShellError."""
    name = text[1:]
    found: Iterable[Job] = ()
    if name in {"", "%", "+"}:
        found = shell.jobs[-1:]
    elif name == "-":
        found = shell.jobs[-2:-1]
    elif name.isdecimal():
        found = [job for job in shell.jobs if job.number == int(name[:9])]
    else:
        found = [job for job in shell.jobs if job.text.startswith(name)]
    for job in found:
        return job
    raise ShellError(f"{text}: no such job", 127 if shell.bash else 2)


def find_pid(shell: Shell, pid: int) -> Job | None:
    """Return the job of a process."""
    return next((job for job in shell.jobs if pid in job.pids), None)


def report_death(shell: Shell, process: Process, text: str = "") -> None:
    """Say what ended a process that was waited for."""
    signal = process.died_of
    if not signal or signal in _SILENT:
        return
    said = death_text(signal)
    if shell.bash:
        pid = f"{process.pid:>5}"
        place = f"{shell.arg0}: line {shell.line}: "
        shell.error(f"{place}{pid} {said:<23} {text}\n")
    else:
        shell.error(f"{said}\n")
