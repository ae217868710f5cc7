"""`ls`: what is in directories, one name a line, in columns or at length."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from fakecri.core.applets import Applet, Surroundings, complain
from fakecri.core.dates import format_date
from fakecri.core.options import UsageError, read_options
from fakecri.core.processes import Process
from fakecri.core.scheduler import SECOND_NS, Waits
from fakecri.core.terminals import terminal_of
from fakecri.core.tools.modes import shown
from fakecri.core.tools.words import (
    Owners,
    encoded,
    human,
    joined,
    reason,
    say,
    whole_number,
)
from fakecri.core.views import Stat

_HALF_YEAR_S = 3600 * 24 * 365 // 2
_WIDTH = 80
_MARKS = {"dir": "/", "link": "@", "fifo": "|", "socket": "="}
_LONG = {
    "full-time": "\xff",
    "group-directories-first": "\xfe",
    "color": "\xfd",
}


@dataclass(frozen=True, slots=True)
class _Entry:
    name: str
    path: str
    stat: Stat


def list_files(process: Process, surroundings: Surroundings) -> Waits[int]:
    """`ls`."""
    options = read_options(process.spec.argv, "1AaCxdLHRFplinshrSXvctukgT:w:\xff\xfe\xfd::", _LONG)
    colors = [each for each in options.values("\xfd") if each not in {"never", "auto"}]
    if colors:  # there are no colours here
        raise UsageError(f"ls: unrecognized option '--color={colors[0]}'\n")
    listing = _Listing(process, surroundings, [each for each, _ in options.given])
    for width in options.values("w"):
        listing.width = whole_number(width) or _WIDTH
    return listing.run(options.operands or ["."], names_them=len(options.operands) > 1)


class _Listing:
    def __init__(
        self, process: Process, surroundings: Surroundings, letters: Sequence[str]
    ) -> None:
        self.process = process
        self.letters = set(letters)
        if self.letters & {"n", "g"} or "\xff" in self.letters:
            self.letters.add("l")
        self.files = process.files
        self.owners = Owners(process, surroundings)
        terminal = terminal_of(process.stdout)
        self.width = terminal.columns if terminal else _WIDTH
        self.status = 0
        self.is_first = True
        layouts = [each for each in letters if each in "1Cxl\xff"]
        columns = layouts[-1] if layouts else "C" if terminal else "1"
        self.is_single = "l" in self.letters or columns not in "Cx"
        self.is_across = columns == "x"
        self.sorting = next((each for each in reversed(letters) if each in "SXvt"), "")

    def run(self, operands: Sequence[str], *, names_them: bool) -> Waits[int]:
        follows = not self.letters & set("lisF") or "H" in self.letters
        found = [
            entry
            for path in operands
            if (entry := self.entry(path, path, follows=follows)) is not None
        ]
        is_listed = [each.stat.kind == "dir" and "d" not in self.letters for each in found]
        plain = [each for each, listed in zip(found, is_listed, strict=True) if not listed]
        if plain:
            self.show(self.ordered(plain))
            self.is_first = False
        directories = [each for each, listed in zip(found, is_listed, strict=True) if listed]
        yield from self.show_directories(
            self.ordered(directories), names_them=names_them or "R" in self.letters
        )
        return self.status

    def entry(self, name: str, path: str, *, follows: bool) -> _Entry | None:
        try:
            stat = self.files.stat(path, follow=follows or "L" in self.letters)
        except OSError as error:
            self.status = complain(self.process, "ls", f"{path}: {reason(error)}")
            return None
        return _Entry(name, path, stat)

    def show_directories(self, directories: Sequence[_Entry], *, names_them: bool) -> Waits[None]:
        for directory in directories:
            if names_them:
                say(self.process, ("" if self.is_first else "\n") + f"{directory.path}:")
            self.is_first = False
            entries = self.inside(directory.path)
            if entries is None:
                continue
            if self.letters & {"l", "s"}:
                say(self.process, f"total {self.total(entries)}")
            self.show(entries)
            yield from self.process.drain()
            if "R" in self.letters:
                below = [
                    each
                    for each in entries
                    if each.stat.kind == "dir" and each.name not in {".", ".."}
                ]
                yield from self.show_directories(below, names_them=True)

    def inside(self, path: str) -> Sequence[_Entry] | None:
        try:
            names = list(self.files.list(path))
        except OSError as error:
            self.status = complain(self.process, "ls", f"can't open '{path}': {reason(error)}")
            return None
        if not self.letters & {"a", "A"}:
            names = [each for each in names if not each.startswith(".")]
        if "a" in self.letters:
            names = [".", "..", *names]
        found = (self.entry(each, joined(path, each), follows=False) for each in names)
        return self.ordered([each for each in found if each is not None])

    def total(self, entries: Iterable[_Entry]) -> str:
        blocks = sum(each.stat.blocks for each in entries)
        return human(blocks, 512) if "h" in self.letters else str(blocks // 2)

    def ordered(self, entries: Sequence[_Entry]) -> Sequence[_Entry]:
        result = sorted(entries, key=lambda each: encoded(each.name))
        if self.sorting == "t":
            result.sort(key=lambda each: -each.stat.mtime_ns)
        elif self.sorting == "S":
            result.sort(key=lambda each: -each.stat.size)
        elif self.sorting == "X":
            result.sort(key=lambda each: encoded(_extension(each.name)))
        elif self.sorting == "v":
            result.sort(key=lambda each: _version(each.name))
        if "r" in self.letters:
            result.reverse()
        if "\xfe" in self.letters:
            result.sort(key=lambda each: each.stat.kind != "dir")
        return result

    def show(self, entries: Sequence[_Entry]) -> None:
        shown_ones = [self.line(each) for each in entries]
        if self.is_single:
            self.process.write(b"".join(encoded(each) + b"\n" for each in shown_ones))
            return
        width = max((len(each.name) for each in entries), default=0) + 2
        width += 8 * ("i" in self.letters) + 5 * ("s" in self.letters)
        for row in _rows(shown_ones, max(1, self.width // width), across=self.is_across):
            say(self.process, "".join(each.ljust(width) for each in row[:-1]) + row[-1])

    def line(self, entry: _Entry) -> str:
        stat = entry.stat
        text = f"{stat.inode:7} " if "i" in self.letters else ""
        text += f"{stat.blocks // 2:6} " if "s" in self.letters else ""
        if "l" not in self.letters:
            return text + entry.name + self.mark(stat)
        text += f"{shown(stat):<10} {stat.nlink:4} {self.owner(stat)}{self.size(stat)}"
        text += f"{self.time(stat)} {entry.name}"
        return text + self.arrow(entry)

    def arrow(self, entry: _Entry) -> str:
        if entry.stat.kind != "link":
            return self.mark(entry.stat)
        text = f" -> {self.files.readlink(entry.path)}"
        if self.letters & {"F", "p"} and self.files.exists(entry.path):
            text += self.mark(self.files.stat(entry.path))
        return text

    def mark(self, stat: Stat) -> str:
        if "F" in self.letters:
            is_program = stat.kind == "file" and stat.mode & 0o111
            return "*" if is_program else _MARKS.get(stat.kind, "")
        return "/" if "p" in self.letters and stat.kind == "dir" else ""

    def owner(self, stat: Stat) -> str:
        if "n" in self.letters:
            user, group = str(stat.uid), str(stat.gid)
        else:
            user, group = self.owners.user(stat.uid)[:8], self.owners.group(stat.gid)[:8]
        return f"{'' if 'g' in self.letters else user.ljust(8) + ' '}{group:<8} "

    def size(self, stat: Stat) -> str:
        if stat.kind in {"char", "block"}:
            return f"{stat.rdev[0]:4},{stat.rdev[1]:4} "
        return f"{human(stat.size):>7} " if "h" in self.letters else f"{stat.size:9} "

    def time(self, stat: Stat) -> str:
        seconds = stat.mtime_ns // SECOND_NS
        if "\xff" in self.letters:
            return format_date(seconds, "%Y-%m-%d %H:%M:%S +0000")
        age_s = self.process.wall_ns() // SECOND_NS - seconds
        recent = -15 * 60 < age_s < _HALF_YEAR_S
        return format_date(seconds, "%b %e %H:%M" if recent else "%b %e  %Y")


def _extension(name: str) -> str:
    return name[name.rindex(".") :] if "." in name else ""


def _version(name: str) -> list[tuple[int, int, str]]:
    parts = re.findall(r"[0-9]+|[^0-9]+", name)
    return [(0, int(each), each) if each.isdigit() else (1, 0, each) for each in parts]


def _rows(words: Sequence[str], columns: int, *, across: bool) -> Iterator[Sequence[str]]:
    rows = -(-len(words) // columns)
    for row in range(rows):
        yield words[row * columns :][:columns] if across else words[row::rows]


COMMANDS = {
    "ls": Applet(list_files, "[-1AaCxdLHRFplinshrSXvctu] [-w WIDTH] [FILE]..."),
}
