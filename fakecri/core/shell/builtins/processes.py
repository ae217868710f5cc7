"""Builtins about processes, jobs and signals."""

from fakecri.core.processes import Process
from fakecri.core.scheduler import Future, Waits, first_of
from fakecri.core.shell.builtins.builtin import options
from fakecri.core.shell.errors import CommandError, Dead, ShellError
from fakecri.core.shell.foreground import wait_for_job
from fakecri.core.shell.jobs import Job, find_job, find_pid, job_line, report_death
from fakecri.core.shell.pacing import interruptible
from fakecri.core.shell.state import Shell
from fakecri.core.shell.text import single_quoted
from fakecri.core.shell.traps import set_trap, signal_name, signal_number
from fakecri.core.signals import LAST

_LISTED = 31
_INTERRUPTED = 128


def trap(shell: Shell, words: list[str]) -> int:
    """`trap [ACTION] SIGNAL...`."""
    rest = words[1:]
    if rest[:1] == ["--"]:
        rest = rest[1:]
    if not rest or rest == ["-p"]:
        for name in _in_order(shell.traps):
            shown = f"SIG{name}" if shell.bash and name not in {"EXIT", "ERR"} else name
            shell.write(f"trap -- {single_quoted(shell.traps[name])} {shown}\n")
        return 0
    action: str | None = None
    if len(rest) > 1 and not rest[0].isdecimal():
        action, rest = rest[0], rest[1:]
        action = None if action == "-" else action
    elif len(rest) > 1:
        action = None
    status = 0
    for text in rest:
        asked = _trap_name(text)
        if asked is None:
            shell.complain(f"{text}: invalid signal specification")
            status = 1
        else:
            set_trap(shell, asked, action)
    return status


def _trap_name(text: str) -> str | None:
    if text.upper() in {"ERR", "EXIT"}:
        return text.upper()
    number = signal_number(text)
    if number is None:
        return None
    return signal_name(number) if number else "EXIT"


def _in_order(names: dict[str, str]) -> list[str]:
    return sorted(names, key=lambda name: 0 if name == "EXIT" else signal_number(name) or 99)


def kill(shell: Shell, words: list[str]) -> int | Waits[int]:
    """`kill [-l] [-SIGNAL] PID...`."""
    rest = words[1:]
    if rest[:1] in (["-l"], ["-L"]):
        return _list_signals(shell, rest[1:])
    signal = 15
    if rest and rest[0] == "--":
        rest = rest[1:]
    elif rest and rest[0].startswith("-") and len(rest[0]) > 1:
        name = rest.pop(0)[1:]
        if name in {"s", "n"} and rest:
            name = rest.pop(0)
        number = signal_number(name)
        if number is None:
            if shell.bash:
                raise CommandError(f"{name}: invalid signal specification")
            raise CommandError(f"bad signal name '{name}'")
        signal = number
        if rest[:1] == ["--"]:
            rest = rest[1:]
    if not rest:
        if shell.bash:
            raise CommandError(
                "usage: kill [-s sigspec | -n signum | -sigspec] pid | jobspec ...", 2
            )
        raise CommandError("you need to specify whom to kill")
    return _kill_all(shell, signal, rest)


def _kill_all(shell: Shell, signal: int, targets: list[str]) -> Waits[int]:
    status = 0
    for target in targets:
        if target.startswith("%"):
            name, shell.command_name = shell.command_name, "kill"
            job = find_job(shell, target)
            shell.command_name = name
            processes = [each for each in job.processes if not each.exited.done]
        else:
            processes = _processes(shell, target)
        if not processes:
            text = (
                f"({target}) - No such process"
                if shell.bash
                else (f"can't kill pid {target}: No such process")
            )
            shell.complain(text)
            status = 1
        for process in processes:
            _send(shell, process, signal)
    if shell.process.exited.done:
        raise Dead
    # What a handler does, it does in a turn of its own.
    scheduler = shell.process.scheduler
    yield from scheduler.sleep(0)
    return status


def _send(shell: Shell, process: Process, signal: int) -> None:
    if process.is_init and process.system is not shell.process.system:
        process.kill(signal)
    else:
        process.kill_from_inside(signal)


def _processes(shell: Shell, target: str) -> list[Process]:
    negative = target.startswith("-")
    digits = target.removeprefix("-")
    if not digits.isdecimal():
        if shell.bash:
            raise CommandError(f"{target}: arguments must be process or job IDs")
        raise CommandError(f"bad pid '{target}'")
    pids, number = shell.process.system.pids, int(digits[:9])
    if negative and number == 1:
        return [each for pid, each in pids if pid != 1 and each is not shell.process]
    if number == 0 or negative:
        return [shell.process]
    found = pids.find(number)
    return [] if found is None else [found]


def _list_signals(shell: Shell, names: list[str]) -> int:
    for name in names:
        number = signal_number(name)
        if name.isdecimal() and 128 < int(name[:9]) <= 128 + LAST:  # noqa: PLR2004  # of a status
            number = int(name[:9]) - 128
        if number is None:
            raise CommandError(f"unknown signal '{name}'")
        shown = signal_name(number) if number else "EXIT"
        shell.write(f"{shown if name.isdecimal() else number}\n")
    if not names:
        lines = [f"{number:2}) {signal_name(number)}\n" for number in range(1, _LISTED + 1)]
        shell.write("".join(lines))
    return 0


# Waiting.


def wait(shell: Shell, words: list[str]) -> Waits[int]:
    """`wait [-n] [PID | %JOB]...`."""
    rest = words[1:]
    if rest[:1] == ["-n"]:
        return (yield from _wait_for_one(shell))
    if not rest:
        waiting = [each for job in shell.jobs for each in job.processes]
        interrupted = yield from _wait_for(shell, waiting)
        for job in list(shell.jobs):
            _forget(shell, job)
        return interrupted
    status = 0
    for target in rest:
        status = yield from _wait_for_target(shell, target)
    return status


def _wait_for_target(shell: Shell, target: str) -> Waits[int]:
    if target.startswith("%"):
        job: Job | None = find_job(shell, target)
    elif target.isdecimal():
        job = find_pid(shell, int(target[:9]))
    elif shell.bash:
        raise CommandError(f"`{target}': not a pid or valid job spec")
    else:
        raise ShellError(f"Illegal number: {target}")
    if job is None:
        if shell.bash:
            shell.complain(f"pid {target} is not a child of this shell")
        return 127
    interrupted = yield from _wait_for(shell, job.processes)
    if interrupted:
        return interrupted
    _forget(shell, job)
    if not shell.bash:
        report_death(shell, job.processes[-1])
    if target.isdecimal() and int(target[:9]) in job.pids:
        return job.processes[job.pids.index(int(target[:9]))].exited.result()
    return job.status


def _forget(shell: Shell, job: Job) -> None:
    """Forget a job that was waited for; a shell at a terminal tells of it before its prompt."""
    told = shell.interactive and shell.terminal is not None
    if job.is_done and job in shell.jobs and not told:
        shell.jobs.remove(job)


def _wait_for_one(shell: Shell) -> Waits[int]:
    if not shell.jobs:
        return 127
    while True:
        for job in shell.jobs:
            if job.is_done:
                shell.jobs.remove(job)
                return job.status
        running = [each for job in shell.jobs for each in job.processes if not each.exited.done]
        interrupted = yield from _wait_for(shell, running, every=False)
        if interrupted:
            return interrupted


def _wait_for(shell: Shell, processes: list[Process], *, every: bool = True) -> Waits[int]:
    """Wait for some processes; return 0, or 128 and the signal that came before."""

    def ended() -> Waits[None]:
        futures: list[Future[int]] = [each.exited for each in processes if not each.exited.done]
        if not every:
            yield from first_of(shell.process.scheduler, *futures)
            return
        for future in futures:
            yield from future

    if (yield from interruptible(shell, ended())):
        return 0
    return _INTERRUPTED + (shell.pending[0] if shell.pending else 0)


# Jobs.


def jobs(shell: Shell, words: list[str]) -> int:
    """`jobs [-lp]`."""
    given, rest = options(shell, words, "lprs" if shell.bash else "lp")
    letters = [letter for letter, _ in given]
    chosen = [find_job(shell, each) for each in rest] if rest else list(shell.jobs)
    lines = []
    for job in chosen:
        if "p" in letters:
            lines.append(f"{job.pids[0]}\n")
            continue
        lines.append(job_line(shell, job, f"{job.pids[-1]} " if "l" in letters else ""))
    shell.write("".join(lines))
    shell.jobs = [job for job in shell.jobs if not job.is_done]
    return 0


def _no_control(shell: Shell, words: list[str]) -> ShellError:
    if shell.bash:
        return ShellError("no job control", 1)
    target = words[1] if len(words) > 1 else "%%"
    if not shell.jobs and target == "%%":
        return ShellError("No current job")
    find_job(shell, target if target.startswith("%") else f"%{target}")  # or its complaint
    return ShellError(f"job {'(null)' if target == '%%' else target} not created under job control")


def foreground(shell: Shell, words: list[str]) -> Waits[int]:
    """`fg [%JOB]`: waits for a job, where there is a terminal."""
    if not shell.interactive:
        raise _no_control(shell, words)
    if not shell.jobs:
        raise ShellError("No current job")
    job = find_job(shell, words[1] if len(words) > 1 else "%%")
    shell.write(f"{job.text}\n")
    if shell.terminal is not None:
        yield from wait_for_job(shell, job.processes)
    elif interrupted := (yield from _wait_for(shell, job.processes)):
        return interrupted
    if job in shell.jobs:
        shell.jobs.remove(job)
    return job.status


def background(shell: Shell, words: list[str]) -> int:
    """`bg [%JOB]`: nothing is ever stopped."""
    if not shell.interactive:
        raise _no_control(shell, words)
    if not shell.jobs:
        raise ShellError("No current job")
    job = find_job(shell, words[1] if len(words) > 1 else "%%")
    shell.write(f"[{job.number}] {job.text}\n")
    return 0


def history(shell: Shell, _words: list[str]) -> int:
    """`history`: the lines that were typed."""
    lines = [line.decode("latin-1") for line in shell.history]
    shell.write("".join(f"{number:4} {line}\n" for number, line in enumerate(lines)))
    return 0


def times(shell: Shell, _words: list[str]) -> int:
    """`times`: a shell takes no time."""
    shell.write("0m0.000s 0m0.000s\n0m0.000s 0m0.000s\n")
    return 0


_LIMITS = (
    ("core file size (blocks)", "c", "0"),
    ("data seg size (kb)", "d", "unlimited"),
    ("scheduling priority", "e", "0"),
    ("file size (blocks)", "f", "unlimited"),
    ("pending signals", "i", "127213"),
    ("max locked memory (kb)", "l", "64"),
    ("max memory size (kb)", "m", "unlimited"),
    ("open files", "n", "1048576"),
    ("POSIX message queues (bytes)", "q", "819200"),
    ("real-time priority", "r", "0"),
    ("stack size (kb)", "s", "8192"),
    ("cpu time (seconds)", "t", "unlimited"),
    ("max user processes", "u", "unlimited"),
    ("virtual memory (kb)", "v", "unlimited"),
    ("file locks", "x", "unlimited"),
)


def ulimit(shell: Shell, words: list[str]) -> int:
    """`ulimit [-HS] [-a | -LETTER [LIMIT]]`: what is set is of no effect."""
    letters, rest = "", words[1:]
    while rest and rest[0].startswith("-") and len(rest[0]) > 1:
        letters += rest.pop(0)[1:]
    known = {letter: value for _, letter, value in _LIMITS}
    for letter in letters:
        if letter not in known and letter not in "HSa":
            shell.error(f"ulimit: invalid option -- '{letter}'\n")
            return 1
    if "a" in letters:
        shell.write("".join(f"{text:<31} (-{letter}) {value}\n" for text, letter, value in _LIMITS))
        return 0
    if rest and rest[0] != "unlimited" and not rest[0].isdecimal():
        if shell.bash:
            raise CommandError(f"{rest[0]}: invalid number")
        raise CommandError(f"invalid number '{rest[0]}'")
    if not rest:
        chosen = [each for each in letters if each in known] or ["f"]
        for letter in chosen:
            shell.write(f"{known[letter]}\n")
    return 0
