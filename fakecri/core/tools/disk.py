"""`du` and `df`: how much room files take, and how much there is."""

from dataclasses import dataclass, field

from fakecri.core.applets import Applet, Surroundings, complain
from fakecri.core.options import Options, UsageError, read_options
from fakecri.core.processes import Process
from fakecri.core.scheduler import Waits
from fakecri.core.tools.spaces import MountLine, Space, mount_lines, space_of
from fakecri.core.tools.words import (
    blame,
    human,
    joined,
    reason,
    say,
    sized_number,
    whole_number,
)
from fakecri.core.views import Stat

_BLOCK = 512


def show_usage(process: Process, _: Surroundings) -> Waits[int]:
    """`du`."""
    options = read_options(process.spec.argv, "aHkLsxd:lchmb")
    depth = whole_number(options.values("d")[-1]) if "d" in options.letters else None
    letters = options.letters
    if "s" in letters and ("a" in letters or depth is not None):
        raise UsageError
    usage = _Usage(process, letters, 0 if "s" in letters else depth)
    total = 0
    for path in options.operands or ["."]:
        total += yield from usage.measure(path, 0)
    if "c" in letters:
        usage.show(total, "total")
    return usage.status


@dataclass
class _Usage:
    process: Process
    letters: set[str]
    depth: int | None
    status: int = 0
    seen: set[tuple[int, int]] = field(default_factory=set)

    def measure(self, path: str, level: int, device: int | None = None) -> Waits[int]:
        files = self.process.files
        follows = "L" in self.letters or ("H" in self.letters and level == 0)
        try:
            stat = files.stat(path, follow=follows)
        except OSError as error:
            self.status = blame(self.process, "du", path, error)
            return 0
        if "x" in self.letters and device not in {None, stat.device}:
            return 0
        size = self.size(stat)
        if stat.kind == "dir":
            try:
                names = files.list(path)
            except OSError as error:
                text = f"can't open '{path}': {reason(error)}"
                self.status = complain(self.process, "du", text)
                return 0
            for name in names:
                size += yield from self.measure(joined(path, name), level + 1, stat.device)
            yield from self.process.drain()
        elif level > 0 and "a" not in self.letters:
            return size
        if self.depth is None or level <= self.depth:
            self.show(size, path)
        return size

    def size(self, stat: Stat) -> int:
        """What is counted of one file: bytes for `-b`, else blocks of 512 bytes."""
        if stat.nlink > 1 and stat.kind != "dir" and "l" not in self.letters:
            if (stat.device, stat.inode) in self.seen:
                return 0
            self.seen.add((stat.device, stat.inode))
        return stat.size if "b" in self.letters else stat.blocks

    def show(self, size: int, path: str) -> None:
        if "b" in self.letters:
            text = str(size)
        elif "h" in self.letters:
            text = human(size, _BLOCK)
        elif "m" in self.letters:
            text = str((size * _BLOCK + (1 << 19)) >> 20)
        else:
            text = str((size + 1) // 2)
        say(self.process, f"{text}\t{path}")


def show_space(process: Process, _: Surroundings) -> int:
    """`df`."""
    options = read_options(process.spec.argv, "kPTaiht:mB:")
    table = _Table(process, options)
    table.head()
    if options.operands:
        return max(table.row_of(each) for each in options.operands)
    try:
        for line in mount_lines(process):
            table.row(line, is_asked_for="a" in options.letters)
    except OSError as error:
        return blame(process, "df", "/proc/mounts", error)
    return 0


class _Table:
    def __init__(self, process: Process, options: Options) -> None:
        self.process = process
        self.letters = options.letters
        self.kinds = options.values("t")
        self.block = 1024
        self.heading = "1K-blocks"
        if "P" in self.letters:
            self.heading = "1024-blocks"
        if "m" in self.letters:
            self.block, self.heading = 1 << 20, "1M-blocks"
        if "B" in self.letters:
            self.block = sized_number(options.values("B")[-1]) or 1024
            self.heading = f"{human(self.block).replace('.0', '')}-blocks"
        if "h" in self.letters:
            self.heading = "Size"

    def head(self) -> None:
        kind = f" {'Type':<10}" if "T" in self.letters else ""
        if "i" in self.letters:
            columns = f"{'Inodes':>10} {'Used':>9} {'Available':>9} Use% Mounted on"
        else:
            capacity = "Capacity" if "P" in self.letters else "Use%"
            columns = f"{self.heading:>10} {'Used':>9} Available {capacity} Mounted on"
        if "T" in self.letters:
            kind += " "
        say(
            self.process,
            f"{'Filesystem':<20}{kind}{' ' if 'T' not in self.letters else ''}{columns}",
        )

    def row_of(self, path: str) -> int:
        try:
            place = self.process.files.realpath(path)
            self.process.files.stat(path)
            lines = [each for each in mount_lines(self.process) if _is_on(place, each.path)]
        except OSError:
            lines = []
        if not lines:
            return complain(self.process, "df", f"{path}: can't find mount point")
        longest = max(len(each.path) for each in lines)
        self.row([each for each in lines if len(each.path) == longest][-1], is_asked_for=True)
        return 0

    def row(self, line: MountLine, *, is_asked_for: bool) -> None:
        try:
            space = space_of(self.process, line.path)
        except OSError as error:
            complain(self.process, "df", f"{line.path}: {reason(error)}")
            return
        if self.kinds and line.kind not in self.kinds:
            return
        if not space.total_bytes and not (is_asked_for or self.kinds):
            return
        source = line.source
        if len(source) > 20 and "P" not in self.letters:  # noqa: PLR2004  # its column
            say(self.process, source)
            source = ""
        kind = f" {line.kind:<10}" if "T" in self.letters else ""
        say(self.process, f"{source:<20}{kind} {self.numbers(space)} {line.path}")

    def numbers(self, space: Space) -> str:
        if "i" in self.letters:
            total, used, free = space.inodes, space.used_inodes, space.free_inodes
        else:
            total, used, free = space.total_bytes, space.used_bytes, space.available_bytes
        percent = -(-used * 100 // (used + free)) if used + free else 0
        words = [
            str(each) if "i" in self.letters else self.shown(each) for each in (total, used, free)
        ]
        return f"{words[0]:>10} {words[1]:>9} {words[2]:>9} {percent:3}%"

    def shown(self, size: int) -> str:
        if "h" in self.letters:
            return human(size)
        return str((size + self.block // 2) // self.block)


def _is_on(place: str, mount: str) -> bool:
    return mount in {"/", place} or place.startswith(mount + "/")


COMMANDS = {
    "df": Applet(show_space, "[-PkmhTai] [-B SIZE] [-t TYPE] [FILESYSTEM]..."),
    "du": Applet(show_usage, "[-aHLdclsxhmk] [FILE]..."),
}
