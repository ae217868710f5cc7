"""`timeout`, `nohup`, `time`, `watch` and their kin: other programs, run in some manner."""

import re

from fakecri.core import signals
from fakecri.core.applets import Applet, Refusal, Surroundings, complain
from fakecri.core.dates import format_date
from fakecri.core.options import UsageError, read_options
from fakecri.core.processes import Process
from fakecri.core.scheduler import SECOND_NS, Waits
from fakecri.core.terminals import terminal_of
from fakecri.core.tools.words import (
    encoded,
    run_instead,
    say,
    start,
    whole_number,
)

_UNIT_S = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86_400}
_SIGNALLED = 128


def duration_ns(text: str) -> int:
    """Read a time such as `1.5`, `2m` or `1d`. Raises Refusal."""
    match = re.fullmatch(r"([0-9]+(?:\.[0-9]*)?|\.[0-9]+)([smhd]?)", text, re.ASCII)
    if match is None:
        raise Refusal(f"invalid number '{text}'")
    whole, _, fraction = match[1].partition(".")
    unit_ns = _UNIT_S[match[2]] * SECOND_NS
    return int(whole or "0") * unit_ns + int((fraction + "0" * 9)[:9]) * unit_ns // SECOND_NS


def signal_number(text: str) -> int:
    """The number of a signal given by name or number; -1: there is none."""
    if text.isascii() and text.isdigit():
        return int(text) if int(text) <= signals.LAST else -1
    return signals.NUMBERS.get(text.upper().removeprefix("SIG"), -1)


def limit_time(process: Process, surroundings: Surroundings) -> Waits[int] | int | None:
    """`timeout`: becomes the program, and is watched meanwhile."""
    options = read_options(process.spec.argv, "s:k:", leading=True)
    signal = signals.SIGTERM
    for text in options.values("s")[-1:]:
        signal = signal_number(text)
        if signal < 0:
            raise Refusal(f"unknown signal '{text}'")
    grace_ns = duration_ns(options.values("k")[-1]) if "k" in options.letters else 0
    words = options.operands
    if not words:
        raise UsageError
    limit_ns = duration_ns(words[0])
    if len(words) == 1:
        raise UsageError
    running = run_instead(process, surroundings, words[1:])
    if limit_ns:
        _watch_over(process, limit_ns, signal, grace_ns)
    return running


def _watch_over(process: Process, limit_ns: int, signal: int, grace_ns: int) -> None:
    scheduler = process.scheduler

    def strike() -> None:
        process.kill_from_inside(signal)
        if grace_ns and not process.exited.done:
            last = scheduler.after(grace_ns, lambda: process.kill_from_inside(signals.SIGKILL))
            process.exited.then(last.cancel)

    timer = scheduler.after(limit_ns, strike)
    process.exited.then(timer.cancel)


def ignore_hangup(process: Process, surroundings: Surroundings) -> Waits[int] | int | None:
    """`nohup`: without a terminal there is nothing to redirect."""
    words = read_options(process.spec.argv, "", leading=True).operands
    if not words:
        raise UsageError
    process.ignore(signals.NUMBERS["HUP"])
    if terminal_of(process.stdout):
        process.error(b"nohup: appending output to nohup.out\n")
        try:
            process.stdout = process.files.open("nohup.out", "a", 0o600)
        except OSError as error:
            raise Refusal(f"can't open 'nohup.out': {error.strerror}") from error
    return run_instead(process, surroundings, words)


def change_niceness(process: Process, surroundings: Surroundings) -> Waits[int] | int | None:
    """`nice`: processes are stepped one by one, so a priority is only shown."""
    argv = list(process.spec.argv)
    if len(argv) > 1 and re.fullmatch(r"-+[0-9]+", argv[1]) and argv[1] != "--":
        argv[1:2] = ["-n", argv[1][1:]]
    options = read_options(argv, "n:", {"adjustment": "n"}, leading=True)
    if not options.operands:
        if options.given:
            raise UsageError
        say(process, str(process.nice))
        return 0
    change = 10
    for text in options.values("n")[-1:]:
        if not re.fullmatch(r"[-+]?[0-9]+", text, re.ASCII):
            raise Refusal(f"invalid number '{text}'")
        change = int(text)
    if change < 0 and not process.can("CAP_SYS_NICE"):
        raise Refusal(f"setpriority({process.nice + change}): Permission denied")
    process.nice = max(-20, min(19, process.nice + change))
    return run_instead(process, surroundings, options.operands)


def start_session(process: Process, surroundings: Surroundings) -> Waits[int] | int | None:
    """`setsid`."""
    options = read_options(process.spec.argv, "c", leading=True)
    words = options.operands
    if not words:
        raise UsageError
    process.group = process.pid
    process.terminal = terminal_of(process.stdin) if options.letters & {"c"} else None
    return run_instead(process, surroundings, words)


def measure_time(process: Process, _: Surroundings) -> Waits[int]:
    """`time`."""
    options = read_options(process.spec.argv, "vpao:f:", leading=True)
    if not options.operands:
        raise UsageError
    if options.letters & {"f"}:
        raise Refusal("fakecri does not simulate -f")
    began_ns = process.scheduler.now_ns
    code = yield from _run_timed(process, options.operands)
    spent_ns = process.scheduler.now_ns - began_ns
    text = _timings(options.letters, options.operands, code, spent_ns)
    for path in options.values("o")[-1:]:
        try:
            writer = process.files.open(path, "a" if "a" in options.letters else "w")
        except OSError as error:
            raise Refusal(f"can't open '{path}': {error.strerror}") from error
        writer.write(encoded(text))
        writer.close()
        return code
    process.error(encoded(text))
    return code


def _run_timed(process: Process, argv: list[str]) -> Waits[int]:
    try:
        child = start(process, argv)
    except Refusal as refusal:
        return complain(process, "time", str(refusal), refusal.code)
    return (yield from child.exited)


def _timings(letters: set[str], argv: list[str], code: int, spent_ns: int) -> str:
    hundredths = spent_ns // 10_000_000
    seconds = f"{hundredths // 100}.{hundredths % 100:02}"
    minutes = f"{hundredths // 6000}m {hundredths % 6000 // 100}.{hundredths % 100:02}s"
    text = ""
    if code >= _SIGNALLED and code - _SIGNALLED in signals.NUMBERS.values():
        text = f"Command terminated by signal {code - _SIGNALLED}\n"
    elif code and "v" not in letters:
        text = f"Command exited with non-zero status {code}\n"
    if "v" in letters:
        rows = (
            f'Command being timed: "{" ".join(argv)}"',
            "User time (seconds): 0.00",
            "System time (seconds): 0.00",
            "Percent of CPU this job got: 0%",
            f"Elapsed (wall clock) time (h:mm:ss or m:ss): {minutes}",
            f"Exit status: {code}",
        )
        return text + "".join(f"\t{each}\n" for each in rows)
    if "p" in letters:
        return text + f"real {seconds}\nuser 0.00\nsys 0.00\n"
    return text + f"real\t{minutes}\nuser\t0m 0.00s\nsys\t0m 0.00s\n"


_WIDTH = 80


def repeat(process: Process, _: Surroundings) -> Waits[int]:
    """`watch`: runs a command line again and again."""
    options = read_options(process.spec.argv, "n:td", leading=True)
    if not options.operands:
        raise UsageError
    period_ns = duration_ns(options.values("n")[-1]) if "n" in options.letters else 2 * SECOND_NS
    command = " ".join(options.operands)
    while True:
        process.write(b"\x1b[H\x1b[J")
        if "t" not in options.letters:
            time = format_date(process.wall_ns() // SECOND_NS, "%Y-%m-%d %H:%M:%S")
            head = f"Every {period_ns / SECOND_NS:.1f}s: {command}"
            room = max(_WIDTH - len(time), 1)
            say(process, f"{head[: room - 1]:<{room}}{time}\n")
        child = start(process, ["sh", "-c", command])
        yield from child.exited
        yield from process.scheduler.sleep(max(period_ns, SECOND_NS // 10))


def sleep_microseconds(process: Process, _: Surroundings) -> Waits[int]:
    """`usleep`."""
    words = process.spec.argv[1:]
    if not words:
        raise UsageError
    yield from process.scheduler.sleep(whole_number(words[0]) * 1000)
    return 0


def run_parts(process: Process, _: Surroundings) -> Waits[int]:
    """`run-parts`."""
    long = {
        "test": "t",
        "exit-on-error": "e",
        "reverse": "r",
        "list": "l",
        "arg": "a",
        "umask": "u",
    }
    options = read_options(process.spec.argv, "a:u:tle\xf0r", long)
    if len(options.operands) != 1:
        raise UsageError
    for text in options.values("u"):
        process.umask = int(text, 8) if re.fullmatch("[0-7]{1,4}", text) else 0o022
    directory = options.operands[0].rstrip("/") or "/"
    try:
        names = list(process.files.list(directory))
    except OSError as error:
        complain(process, "run-parts", f"{directory}: {error.strerror}")
        return 0  # so says busybox
    status = 0
    for name in reversed(names) if "r" in options.letters else names:
        path = f"{directory}/{name}"
        is_listed = "l" in options.letters
        if not re.fullmatch(r"[A-Za-z0-9_.-]+", name) or not _is_part(process, path, is_listed):
            continue
        if options.letters & {"t", "l"}:
            say(process, path)
        elif (yield from _run_part(process, path, options.values("a"))):
            status = 1
            if "e" in options.letters:
                break
    return status


def _is_part(process: Process, path: str, is_listed: bool) -> bool:
    files = process.files
    try:
        return files.stat(path).kind == "file" and (is_listed or files.access(path, "x"))
    except OSError:
        return False


def _run_part(process: Process, path: str, arguments: list[str]) -> Waits[int]:
    try:
        child = start(process, [path, *arguments])
    except Refusal as refusal:
        return complain(process, "run-parts", str(refusal))
    code = yield from child.exited
    if code:
        complain(process, "run-parts", f"{path}: exit status {code & 0xFF}")
    return code


COMMANDS = {
    "nice": Applet(change_niceness, "[-n ADJUST] [PROG ARGS]"),
    "nohup": Applet(ignore_hangup, "PROG ARGS"),
    "run-parts": Applet(
        run_parts, "[-a ARG]... [-u UMASK] [--reverse] [--test] [--exit-on-error] DIRECTORY"
    ),
    "setsid": Applet(start_session, "[-c] PROG ARGS"),
    "time": Applet(measure_time, "[-vpa] [-o FILE] PROG ARGS"),
    "timeout": Applet(limit_time, "[-s SIG] [-k KILL_SECS] SECS PROG ARGS"),
    "usleep": Applet(sleep_microseconds, "N"),
    "watch": Applet(repeat, "[-n SEC] [-t] PROG ARGS"),
}
