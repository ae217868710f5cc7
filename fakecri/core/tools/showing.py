"""`ps`, `top`, `lsof`: which processes there are."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from fakecri.core.applets import Applet, Refusal, Surroundings
from fakecri.core.options import UsageError, read_options
from fakecri.core.processes import Process
from fakecri.core.rootfs.dev import PTS_MAJOR
from fakecri.core.scheduler import Waits
from fakecri.core.terminals import terminal_of
from fakecri.core.tools.census import Seen, memory_kib, number_of, visible
from fakecri.core.tools.facts import cpu_count, load_averages, memory_facts
from fakecri.core.tools.running import duration_ns
from fakecri.core.tools.words import Owners, human, say, whole_number

_MINUTE_S, _HOUR_S, _DAY_S = 60, 3600, 86_400


@dataclass(frozen=True, slots=True)
class _View:
    process: Process
    owners: Owners

    def parent(self, seen: Seen) -> int:
        return number_of(self.process, seen.process.parent)

    def state(self, seen: Seen) -> str:
        runs = seen.process is self.process
        nice = "<" if seen.process.nice < 0 else "N" if seen.process.nice else ""
        return ("R" if runs else "S") + nice

    def memory(self, seen: Seen, field: str) -> str:
        return _short_kib(memory_kib(self.process, seen.number, field))


class _Column(NamedTuple):
    heading: str
    width: int
    value: Callable[[_View, Seen], str]
    is_right: bool = False


def _terminal(process: Process) -> str:
    terminal = process.terminal
    return f"{PTS_MAJOR},{terminal.number}" if terminal else "?"


def _time(seconds: int) -> str:
    if seconds < _HOUR_S:
        return f"{seconds // _MINUTE_S:2}:{seconds % _MINUTE_S:02}"
    if seconds < _DAY_S:
        return f"{seconds // _HOUR_S:2}h{seconds % _HOUR_S // _MINUTE_S:02}"
    return f"{seconds // _DAY_S:2}d{seconds % _DAY_S // _HOUR_S:02}"


def _short_kib(kib: int) -> str:
    """As many KiB, in four places."""
    if kib < 10_000:  # noqa: PLR2004  # four digits
        return str(kib)
    return human(kib, 1024).partition(".")[0] + human(kib, 1024)[-1].lower()


def _cpu_s(seen: Seen) -> int:
    used = getattr(seen.process, "cpu_ns", 0)
    return int(used) // 1_000_000_000 if isinstance(used, int) else 0


_COLUMNS: Mapping[str, _Column] = {
    "user": _Column("USER", 8, lambda v, s: v.owners.user(s.process.spec.user.uid)[:8]),
    "group": _Column("GROUP", 8, lambda v, s: v.owners.group(s.process.spec.user.gid)[:8]),
    "comm": _Column("COMMAND", 16, lambda _, s: s.name),
    "args": _Column("COMMAND", 0, lambda _, s: s.command),
    "pid": _Column("PID", 5, lambda _, s: str(s.number), is_right=True),
    "ppid": _Column("PPID", 5, lambda v, s: str(v.parent(s)), is_right=True),
    "pgid": _Column("PGID", 5, lambda _, s: str(s.number), is_right=True),
    "etime": _Column("ELAPSED", 7, lambda _, s: _time(s.age_s)),
    "nice": _Column("NI", 5, lambda _, s: str(s.process.nice), is_right=True),
    "rgroup": _Column("RGROUP", 8, lambda v, s: v.owners.group(s.process.spec.user.gid)[:8]),
    "ruser": _Column("RUSER", 8, lambda v, s: v.owners.user(s.process.spec.user.uid)[:8]),
    "time": _Column("TIME", 5, lambda _, s: _time(_cpu_s(s))),
    "tty": _Column("TT", 6, lambda _, s: _terminal(s.process)),
    "vsz": _Column("VSZ", 4, lambda v, s: v.memory(s, "VmSize")),
    "sid": _Column("SID", 5, lambda _, s: str(s.number), is_right=True),
    "stat": _Column("STAT", 4, lambda v, s: v.state(s)),
    "rss": _Column("RSS", 4, lambda v, s: v.memory(s, "VmRSS")),
}
_DEFAULT = "pid,user,time,args"


def show_processes(process: Process, surroundings: Surroundings) -> int:
    """`ps`. The options of another ps, such as `aux` and `-ef`, are ignored as busybox does."""
    argv = [each for each in process.spec.argv if not re.fullmatch(r"-?[aAuxdefglwW]+", each)]
    options = read_options(argv, "o:aAdefTlw")
    terminal = terminal_of(process.stdout)
    columns = _columns(",".join(options.values("o")) or _DEFAULT)
    view = _View(process, Owners(process, surroundings))
    say(process, _line([each.heading for each in columns], columns, is_heading=True))
    for seen in visible(process):
        words = [each.value(view, seen) for each in columns]
        line = _line(words, columns)
        say(process, line[: terminal.columns] if terminal else line)
    return 0


def _columns(text: str) -> list[_Column]:
    columns = []
    for word in filter(None, re.split("[, ]", text)):
        name, equals, heading = word.partition("=")
        column = _COLUMNS.get(name)
        if column is None:
            names = ",".join(_COLUMNS)
            raise Refusal(f"bad -o argument '{name}', supported arguments: {names}")
        if equals:
            width = max(column.width, len(heading))
            column = column._replace(heading=heading, width=width)
        columns.append(column)
    if not columns:
        raise UsageError
    return columns


def _line(words: Sequence[str], columns: Sequence[_Column], *, is_heading: bool = False) -> str:
    cells = [
        word.rjust(column.width) if column.is_right and not is_heading else word.ljust(column.width)
        for word, column in zip(words, columns, strict=True)
    ]
    cells[-1] = cells[-1].rstrip() if not columns[-1].is_right or is_heading else cells[-1]
    return " ".join(cells)


def show_top(process: Process, surroundings: Surroundings) -> Waits[int]:
    """`top`: without `-b` or `-n` it waits and shows nothing, as without a terminal to draw on."""
    argv = list(process.spec.argv)
    if len(argv) > 1 and re.fullmatch("[bHmn].*", argv[1]):
        argv[1] = f"-{argv[1]}"
    options = read_options(argv, "bHmn:d:")
    rounds = whole_number(options.values("n")[-1]) if "n" in options.letters else 0
    period_ns = duration_ns(options.values("d")[-1]) if "d" in options.letters else 5_000_000_000
    if not options.letters & {"b", "n"}:
        yield from process.forever()
    done = 0
    while True:
        _show_screen(process, surroundings)
        yield from process.drain()
        done += 1
        if done == rounds:
            return 0
        yield from process.scheduler.sleep(max(period_ns, 1_000_000))


def _show_screen(process: Process, surroundings: Surroundings) -> None:
    memory = memory_facts(process)
    view = _View(process, Owners(process, surroundings))
    all_seen = visible(process)
    used = memory.total_kib - memory.free_kib
    running = sum(view.state(each)[0] == "R" for each in all_seen)
    last = max((each.number for each in all_seen), default=0)
    say(
        process,
        f"Mem: {used}K used, {memory.free_kib}K free, {memory.shared_kib}K shrd,"
        f" {memory.buffers_kib}K buff, {memory.cached_kib}K cached",
    )
    say(process, "CPU:   0% usr   0% sys   0% nic 100% idle   0% io   0% irq   0% sirq")
    loads = " ".join(load_averages(process))
    say(process, f"Load average: {loads} {running}/{len(all_seen)} {last}")
    if cpu_count(process) > 1:
        say(process, "  PID  PPID USER     STAT   VSZ %VSZ CPU %CPU COMMAND")
    else:
        say(process, "  PID  PPID USER     STAT   VSZ %VSZ %CPU COMMAND")
    for seen in sorted(all_seen, key=lambda each: (view.state(each)[0] != "R", each.number)):
        say(process, _top_line(view, seen, memory.total_kib, cpu_count(process)))


def _top_line(view: _View, seen: Seen, total_kib: int, cpus: int) -> str:
    size = memory_kib(view.process, seen.number, "VmSize")
    share = size * 100 // total_kib if total_kib else 0
    user = view.owners.user(seen.process.spec.user.uid)[:8]
    cpu = "  0 " if cpus > 1 else " "
    head = f"{seen.number:5} {view.parent(seen):5} {user:<8} {view.state(seen):<4}"
    return f"{head} {_short_kib(size):>5} {share:3}%{cpu}  0% {seen.command}"


def show_open_files(process: Process, _: Surroundings) -> int:
    """`lsof`: the three streams of each process."""
    if len(process.spec.argv) > 1 and process.spec.argv[1].startswith("--"):
        raise UsageError
    for seen in visible(process):
        for number in range(3):
            try:
                target = process.files.readlink(f"/proc/{seen.number}/fd/{number}")
            except OSError:
                continue
            program = seen.argv[0] if seen.argv else ""
            say(process, f"{seen.number}\t{program}\t{target}")
    return 0


COMMANDS = {
    "lsof": Applet(show_open_files, ""),
    "ps": Applet(show_processes, "[-o COL1,COL2=HEADER] [-T]"),
    "top": Applet(show_top, "[-bHm] [-n COUNT] [-d SECONDS]"),
}
