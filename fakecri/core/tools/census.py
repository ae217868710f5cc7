"""The processes that a process sees: what `ps`, `pidof` and `pgrep` tell of them."""

from collections.abc import Iterator
from dataclasses import dataclass

from fakecri.core.processes import Process
from fakecri.core.scheduler import SECOND_NS
from fakecri.core.tools.words import decoded

_COMM = 15
"""How much of a name the kernel keeps."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A process, and the number by which it is known here."""

    number: int
    process: Process

    @property
    def argv(self) -> tuple[str, ...]:
        """What it calls itself."""
        return self.process.title or self.process.spec.argv

    @property
    def name(self) -> str:
        """What the kernel calls it, whatever it calls itself."""
        argv = self.process.spec.argv
        return argv[0].rpartition("/")[2][:_COMM] if argv else ""

    @property
    def command(self) -> str:
        """Its command line, on one line."""
        return " ".join(self.argv).replace("\n", " ")

    @property
    def age_s(self) -> int:
        """How long it has lived."""
        lived_ns = self.process.scheduler.now_ns - self.process.started_ns
        return lived_ns // SECOND_NS


def visible(process: Process) -> list[Seen]:
    """All that share the PID namespace, by number."""
    return [Seen(number, each) for number, each in process.system.pids if not each.exited.done]


def number_of(process: Process, other: Process | None) -> int:
    """The number by which another process is known; 0 where it is not."""
    return process.system.pids.number_of(other) if other is not None else 0


def find_seen(process: Process, number: int) -> Process | None:
    """The process of a number, while it lives."""
    found = process.system.pids.find(number)
    return None if found is None or found.exited.done else found


def with_name(process: Process, name: str) -> Iterator[Seen]:
    """Those that `pidof` and `killall` find."""
    for seen in visible(process):
        first = seen.argv[0] if seen.argv else ""
        if name in {seen.name, first, first.rpartition("/")[2]}:
            yield seen


def memory_kib(process: Process, number: int, field: str) -> int:
    """A size in KiB that /proc/PID/status gives; 0 where it gives none."""
    try:
        text = decoded(process.files.read(f"/proc/{number}/status"))
    except OSError:
        return 0
    for line in text.splitlines():
        name, _, value = line.partition(":")
        words = value.split()
        if name == field and words and words[0].isdecimal():
            return int(words[0])
    return 0
