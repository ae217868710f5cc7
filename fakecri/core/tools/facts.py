"""`uname`, `free`, `nproc` and their kin: what the machine under the container looks like."""

import posixpath
from collections.abc import Iterator
from dataclasses import dataclass

from fakecri.core.applets import Applet, Surroundings, complain
from fakecri.core.dates import format_date
from fakecri.core.options import UsageError, read_options
from fakecri.core.processes import Process
from fakecri.core.scheduler import SECOND_NS
from fakecri.core.tools.words import decoded, encoded, human, reason, say, whole_number

_MACHINE = "x86_64"
_FALLBACKS = {
    "/proc/sys/kernel/ostype": "Linux",
    "/proc/sys/kernel/osrelease": "6.1.0",
    "/proc/sys/kernel/version": "#1 SMP",
}


def line_of(process: Process, path: str) -> str:
    """The first line of a file of the kernel; empty where it is not there."""
    try:
        return decoded(process.files.read(path)).partition("\n")[0]
    except (OSError, RuntimeError):
        return _FALLBACKS.get(path, "")


def show_kernel(process: Process, _: Surroundings) -> int:
    """`uname`."""
    long = {
        "all": "a",
        "kernel-name": "s",
        "nodename": "n",
        "kernel-release": "r",
        "kernel-version": "v",
        "machine": "m",
        "processor": "p",
        "hardware-platform": "i",
        "operating-system": "o",
    }
    options = read_options(process.spec.argv, "snrvmpioa", long)
    if options.operands:
        raise UsageError
    values = {
        "s": line_of(process, "/proc/sys/kernel/ostype"),
        "n": process.hostname,
        "r": line_of(process, "/proc/sys/kernel/osrelease"),
        "v": line_of(process, "/proc/sys/kernel/version"),
        "m": _MACHINE,
        "p": "unknown",
        "i": "unknown",
        "o": "Linux",
    }
    letters = options.letters or {"s"}
    shown = [
        value
        for letter, value in values.items()
        if letter in letters or ("a" in letters and value != "unknown")
    ]
    say(process, " ".join(shown))
    return 0


def show_machine(process: Process, _: Surroundings) -> int:
    """`arch`."""
    say(process, _MACHINE)
    return 0


def load_averages(process: Process) -> list[str]:
    """The three of /proc/loadavg."""
    words = line_of(process, "/proc/loadavg").split()[:3]
    return words if len(words) == 3 else ["0.00"] * 3  # noqa: PLR2004  # of 1, 5 and 15 minutes


def _up_s(process: Process) -> int:
    words = line_of(process, "/proc/uptime").split()
    try:
        return int(float(words[0]))
    except (IndexError, ValueError):
        return 0


def show_uptime(process: Process, _: Surroundings) -> int:
    """`uptime`."""
    options = read_options(process.spec.argv, "s")
    now_s = process.wall_ns() // SECOND_NS
    up_s = _up_s(process)
    if "s" in options.letters:
        say(process, format_date(now_s - up_s, "%Y-%m-%d %H:%M:%S"))
        return 0
    days, minutes = up_s // 86_400, up_s // 60 % 60
    hours = up_s // 3600 % 24
    text = format_date(now_s, " %H:%M:%S up ")
    if days:
        text += f"{days} day{'s' if days != 1 else ''}, "
    text += f"{hours:2}:{minutes:02}" if hours else f"{minutes} min"
    say(process, f"{text},  0 users,  load average: {', '.join(load_averages(process))}")
    return 0


@dataclass(frozen=True, slots=True)
class Memory:
    """What /proc/meminfo says, in KiB."""

    total_kib: int = 0
    free_kib: int = 0
    shared_kib: int = 0
    buffers_kib: int = 0
    cached_kib: int = 0
    reclaimable_kib: int = 0
    available_kib: int = 0
    swap_total_kib: int = 0
    swap_free_kib: int = 0


_MEMORY_FIELDS = (
    "MemTotal",
    "MemFree",
    "Shmem",
    "Buffers",
    "Cached",
    "SReclaimable",
    "MemAvailable",
    "SwapTotal",
    "SwapFree",
)


def memory_facts(process: Process) -> Memory:
    """The node's memory."""
    try:
        text = decoded(process.files.read("/proc/meminfo"))
    except OSError:
        return Memory()
    values = {}
    for line in text.splitlines():
        name, _, rest = line.partition(":")
        words = rest.split()
        if words and words[0].isdecimal():
            values[name] = int(words[0])
    return Memory(*(values.get(each, 0) for each in _MEMORY_FIELDS))


_HEAD = "              total        used        free      shared  buff/cache   available"


def show_memory(process: Process, _: Surroundings) -> int:
    """`free`."""
    try:
        options = read_options(process.spec.argv, "bkmgh")
    except UsageError:
        raise UsageError from None  # it says no more than how it is used
    letters = [each for each, _ in options.given]
    unit = letters[-1] if letters else "k"
    memory = memory_facts(process)
    cached = memory.buffers_kib + memory.cached_kib + memory.reclaimable_kib
    used = memory.total_kib - memory.free_kib - cached
    amounts = (memory.total_kib, used, memory.free_kib, memory.shared_kib, cached)
    say(process, _HEAD)
    say(process, f"Mem:    {_row((*amounts, memory.available_kib), unit)}")
    swap_used = memory.swap_total_kib - memory.swap_free_kib
    say(process, f"Swap:   {_row((memory.swap_total_kib, swap_used, memory.swap_free_kib), unit)}")
    return 0


def _row(amounts: tuple[int, ...], unit: str) -> str:
    return " ".join(f"{_in_unit(max(each, 0), unit):>11}" for each in amounts)


def _in_unit(kib: int, unit: str) -> str:
    if unit == "h":
        return human(kib, 1024)
    shift = {"b": 0, "k": 10, "m": 20, "g": 30}[unit]
    return str((kib << 10) >> shift)


def cpu_count(process: Process) -> int:
    """How many CPUs /proc/cpuinfo or /proc/stat shows."""
    for path, start in (("/proc/cpuinfo", "processor"), ("/proc/stat", "cpu")):
        try:
            lines = decoded(process.files.read(path)).splitlines()
        except (OSError, RuntimeError):
            continue
        count = sum(line.startswith(start) and line.split()[0] != "cpu" for line in lines)
        if count:
            return count
    return 1


def count_cpus(process: Process, _: Surroundings) -> int:
    """`nproc`."""
    long = {"ignore": "\xff", "all": "\xfe"}
    options = read_options(process.spec.argv, "\xff:\xfe", long)
    ignored = [whole_number(each) for each in options.values("\xff")]
    say(process, str(max(cpu_count(process) - sum(ignored[-1:]), 1)))
    return 0


def show_host_id(process: Process, _: Surroundings) -> int:
    """`hostid`: from the address of the host's name, which is loopback's here."""
    if len(process.spec.argv) > 1:
        raise UsageError
    say(process, "007f0100")
    return 0


def show_messages(process: Process, _: Surroundings) -> int:
    """`dmesg`: the log of the kernel is not for containers."""
    options = read_options(process.spec.argv, "cs:n:r")
    if options.operands:
        raise UsageError
    for text in options.values("n") + options.values("s"):
        whole_number(text)
    return complain(process, "dmesg", "klogctl: Operation not permitted")


_SYSCTLS = "/proc/sys"


def treat_parameters(process: Process, _: Surroundings) -> int:
    """`sysctl`."""
    options = read_options(process.spec.argv, "neAapwq")
    letters = options.letters
    words = options.operands
    if letters & {"a", "A"}:
        words = list(_parameters(process, _SYSCTLS))
        letters.add("e")
    elif "p" in letters:
        words = []
        for path in options.operands or ["/etc/sysctl.conf"]:
            words += _assignments(process, path)
        letters.add("w")
    return sum(_treat_parameter(process, word, letters) for word in words) and 1


def _parameters(process: Process, directory: str) -> Iterator[str]:
    try:
        names = process.files.list(directory)
    except OSError:
        return
    for name in names:
        path = f"{directory}/{name}"
        if process.files.is_dir(path):
            yield from _parameters(process, path)
        else:
            yield posixpath.relpath(path, _SYSCTLS).replace("/", ".")


def _assignments(process: Process, path: str) -> list[str]:
    try:
        lines = decoded(process.files.read(path)).splitlines()
    except OSError as error:
        complain(process, "sysctl", f"can't open '{path}': {reason(error)}")
        return []
    stripped = [each.split("#")[0].split(";")[0].strip() for each in lines]
    return [each for each in stripped if each]


def _treat_parameter(process: Process, word: str, letters: set[str]) -> int:
    key, equals, value = (each.strip() for each in word.partition("="))
    dotted = key.replace("/", ".") if "/" in key and "." not in key else key
    path = f"{_SYSCTLS}/{dotted.replace('.', '/')}"
    if process.files.is_dir(path):
        names = list(_parameters(process, path))
        return sum(_treat_parameter(process, each, letters) for each in names) and 1
    if "w" in letters and not equals:
        return complain(process, "sysctl", f"error: '{key}' must be of the form name=value")
    try:
        if equals:
            opened = process.files.open(path, "r+")
            opened.write(encoded(value) + b"\n")
            opened.close()
            lines = [value]
        else:
            lines = decoded(process.files.read(path)).splitlines() or [""]
    except FileNotFoundError:
        if "e" not in letters:
            complain(process, "sysctl", f"error: '{key}' is an unknown key")
        return 1
    except OSError as error:
        doing = "setting" if equals else "reading"
        return complain(process, "sysctl", f"error {doing} key '{key}': {reason(error)}")
    if "q" not in letters:
        for line in lines:
            say(process, line if "n" in letters else f"{dotted} = {line}")
    return 0


COMMANDS = {
    "arch": Applet(show_machine, ""),
    "dmesg": Applet(show_messages, "[-cr] [-n LEVEL] [-s SIZE]"),
    "free": Applet(show_memory, "[-bkmgh]"),
    "hostid": Applet(show_host_id, ""),
    "nproc": Applet(count_cpus, "[--all] [--ignore=N]"),
    "sysctl": Applet(treat_parameters, "[-enq] { -a | -p [FILE]... | [-w] [KEY[=VALUE]]... }"),
    "uname": Applet(show_kernel, "[-amnrspvio]"),
    "uptime": Applet(show_uptime, ""),
}
