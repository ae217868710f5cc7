"""`kill`, `killall`, `pkill`, `pgrep`, `pidof`: finding processes, and telling them something."""

import re
from collections.abc import Iterable, Sequence

from fakecri.core import signals
from fakecri.core.applets import Applet, Refusal, Surroundings, complain
from fakecri.core.options import Options, UsageError, read_options
from fakecri.core.processes import Process
from fakecri.core.tools.census import Seen, find_seen, number_of, visible, with_name
from fakecri.core.tools.running import signal_number
from fakecri.core.tools.words import say

_LAST_NAMED = 31
_FIRST_REALTIME = 34
_NAMES = {
    number: name
    for name, number in reversed(tuple(signals.NUMBERS.items()))
    if number <= _LAST_NAMED
}


def signal_name(number: int) -> str:
    """The name of a signal, as `kill -l` shows it, or its number."""
    if number == _FIRST_REALTIME:
        return "RTMIN"
    return {**_NAMES, signals.LAST: "RTMAX", 29: "POLL"}.get(number, str(number))


def may_signal(process: Process, target: Process) -> bool:
    """Whether a process is allowed to send a signal to another one."""
    return process.euid in {target.euid, target.spec.user.uid} or process.can("CAP_KILL")


def send_signal(process: Process, target: Process, number: int) -> str:
    """Send a signal; return what is wrong, or an empty text."""
    if not may_signal(process, target):
        return "Operation not permitted"
    target.kill_from_inside(number)
    return ""


def kill_processes(process: Process, _: Surroundings) -> int:
    """`kill`."""
    words = list(process.spec.argv[1:])
    if words and words[0] == "-l":
        return list_signals(process, words[1:])
    number = signals.SIGTERM
    if words and words[0] == "-s" and len(words) > 1:
        number, words = _required_signal(words[1]), words[2:]
    elif words and words[0] == "--":
        words = words[1:]
    elif words and words[0].startswith("-") and len(words[0]) > 1:
        number, words = _required_signal(words[0][1:]), words[1:]
    if words[:1] == ["--"]:
        words = words[1:]
    if not words:
        raise Refusal("you need to specify whom to kill")
    return sum(_kill_one(process, word, number) for word in words) and 1


def _required_signal(text: str) -> int:
    number = signal_number(text)
    if number < 0:
        raise Refusal(f"bad signal name '{text}'")
    return number


def list_signals(process: Process, words: Sequence[str]) -> int:
    """`kill -l`."""
    if not words:
        for number in [*range(1, _LAST_NAMED + 1), _FIRST_REALTIME, signals.LAST]:
            say(process, f"{number:2}) {signal_name(number)}")
        return 0
    for word in words:
        number = signal_number(word)
        if number < 0:
            raise Refusal(f"unknown signal '{word}'")
        say(process, signal_name(number & 0x7F) if word.isdecimal() else str(number))
    return 0


def _kill_one(process: Process, word: str, number: int) -> int:
    if not re.fullmatch(r"-?[0-9]+", word, re.ASCII):
        return complain(process, "kill", f"invalid number '{word}'")
    problem = "No such process"
    for target in _targets(process, int(word)):
        problem = send_signal(process, target, number)
    return complain(process, "kill", f"can't kill pid {word}: {problem}") if problem else 0


def _targets(process: Process, number: int) -> list[Process]:
    if number == -1:
        everyone = [each.process for each in visible(process) if each.number != 1]
        return [each for each in everyone if each is not process]
    if number <= 0:
        # There are no process groups: a process and its descendants stand for one.
        first = find_seen(process, -number) if number else process.parent or process
        return [] if first is None else _with_descendants(process, first)
    target = find_seen(process, number)
    return [] if target is None else [target]


def _with_descendants(process: Process, first: Process) -> list[Process]:
    family = [first]
    for seen in visible(process):
        if seen.process.parent in family and seen.process not in family:
            family.append(seen.process)
    return family


def kill_by_name(process: Process, _: Surroundings) -> int:
    """`killall`."""
    words, quiet = list(process.spec.argv[1:]), False
    number = signals.SIGTERM
    if words[:1] == ["-l"]:
        return list_signals(process, words[1:])
    while words and words[0].startswith("-") and len(words[0]) > 1:
        word = words.pop(0)
        if word == "-q":
            quiet = True
        elif word == "-s" and words:
            number = _required_signal(words.pop(0))
        elif word != "--":
            number = _required_signal(word[1:])
    if not words:
        raise Refusal("you need to specify whom to kill")
    status = 0
    for name in words:
        status |= _kill_named(process, name, number, quiet=quiet)
    return status


def _kill_named(process: Process, name: str, number: int, *, quiet: bool) -> int:
    targets = [each for each in with_name(process, name) if each.process is not process]
    if not targets:
        return 1 if quiet else complain(process, "killall", f"{name}: no process killed")
    status = 0
    for seen in targets:
        problem = send_signal(process, seen.process, number)
        if problem:
            text = f"can't kill pid {seen.number}: {problem}"
            status = 1 if quiet else complain(process, "killall", text)
    return status


def show_numbers(process: Process, _: Surroundings) -> int:
    """`pidof`: the youngest first."""
    options = read_options(process.spec.argv, "so:")
    omitted = {str(process.system.pids.number_of(process.parent)) if process.parent else ""}
    omitted = {each if each != "%PPID" else next(iter(omitted)) for each in options.values("o")}
    found: list[int] = []
    for name in options.operands:
        numbers = [each.number for each in with_name(process, name) if each.process is not process]
        found += reversed([each for each in numbers if str(each) not in omitted])
    if "s" in options.letters:
        found = found[:1]
    if found:
        say(process, " ".join(str(each) for each in found))
    return 0 if found else 1


def _selected(process: Process, options: Options) -> list[Seen]:
    letters = options.letters
    if len(options.operands) != 1 and not letters & {"P", "s"}:
        raise UsageError
    try:
        pattern = re.compile(options.operands[0] if options.operands else "")
    except re.error as error:
        raise Refusal(f"bad regex '{options.operands[0]}': Invalid regular expression") from error
    chosen = [
        each
        for each in visible(process)
        if each.process is not process
        and _fits(each, pattern, letters) != ("v" in letters)
        and _is_child(process, each, options.values("P"))
    ]
    return chosen[:1] if "o" in letters else chosen[-1:] if "n" in letters else chosen


def _fits(seen: Seen, pattern: re.Pattern[str], letters: set[str]) -> bool:
    text = seen.command if "f" in letters else seen.name
    match = pattern.fullmatch(text) if "x" in letters else pattern.search(text)
    return match is not None


def _is_child(process: Process, seen: Seen, parents: Iterable[str]) -> bool:
    wanted = list(parents)
    return not wanted or str(number_of(process, seen.process.parent)) in wanted


def find_processes(process: Process, _: Surroundings) -> int:
    """`pgrep`."""
    options = read_options(process.spec.argv, "flanovxs:P:")
    chosen = _selected(process, options)
    for seen in chosen:
        text = str(seen.number)
        if "a" in options.letters or {"l", "f"} <= options.letters:
            text += f" {seen.command}"
        elif "l" in options.letters:
            text += f" {seen.name}"
        say(process, text)
    return 0 if chosen else 1


def kill_found(process: Process, _: Surroundings) -> int:
    """`pkill`."""
    argv, number = list(process.spec.argv), signals.SIGTERM
    if argv[1:2] == ["-l"]:
        return list_signals(process, argv[2:])
    for word in argv[1:2]:
        if word.startswith("-") and len(word) > 1 and signal_number(word[1:]) >= 0:
            number = signal_number(word[1:])
            del argv[1]
    options = read_options(argv, "fnovxs:P:")
    chosen = _selected(process, options)
    for seen in chosen:
        problem = send_signal(process, seen.process, number)
        if problem:
            complain(process, "pkill", f"can't kill pid {seen.number}: {problem}")
    return 0 if chosen else 1


COMMANDS = {
    "kill": Applet(kill_processes, "[-l] [-SIG] PID..."),
    "killall": Applet(kill_by_name, "[-lq] [-SIG] NAME..."),
    "pgrep": Applet(find_processes, "[-flanovx] [-s SID|-P PPID|PATTERN]"),
    "pidof": Applet(show_numbers, "[NAME]..."),
    "pkill": Applet(kill_found, "[-l|-SIGNAL] [-fnovx] [-s SID|-P PPID|PATTERN]"),
}
