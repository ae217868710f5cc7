"""`cp`, `mv`, `ln`, `install`: files get more names, other names, and twins."""

import errno
from contextlib import suppress
from dataclasses import dataclass, field

from fakecri.core.applets import Applet, Surroundings, complain
from fakecri.core.options import Options, UsageError, read_options
from fakecri.core.processes import Process
from fakecri.core.scheduler import Waits
from fakecri.core.tools.modes import ALL_BITS
from fakecri.core.tools.removing import Removal, ask
from fakecri.core.tools.words import joined, last_name, reason, say
from fakecri.core.views import Stat

_LONG = {
    "archive": "a",
    "force": "f",
    "interactive": "i",
    "no-clobber": "n",
    "link": "l",
    "dereference": "L",
    "no-dereference": "P",
    "recursive": "R",
    "symbolic-link": "s",
    "no-target-directory": "T",
    "target-directory": "t",
    "verbose": "v",
    "update": "u",
    "parents": "\xfe",
}


@dataclass
class Copying:
    """Copies trees; `letters` are options of `cp`."""

    process: Process
    name: str
    letters: set[str]
    made: set[tuple[int, int]] = field(default_factory=set)
    """Directories that came to be by copying: device and inode."""
    links: dict[tuple[int, int], str] = field(default_factory=dict)
    """Where files with several names were copied to."""

    def complain(self, text: str) -> int:
        return complain(self.process, self.name, text)

    def copy(self, source: str, target: str, *, is_operand: bool = True) -> Waits[int]:
        """Copy one thing and all below it; return a status."""
        files = self.process.files
        try:
            stat = files.stat(source, follow=self.follows(is_operand=is_operand))
        except OSError as error:
            return self.complain(f"can't stat '{source}': {reason(error)}")
        try:
            there: Stat | None = files.stat(target)
        except FileNotFoundError:
            there = None
        except OSError as error:
            return self.complain(f"can't stat '{target}': {reason(error)}")
        if there and (there.device, there.inode) == (stat.device, stat.inode):
            return self.complain(f"'{source}' and '{target}' are the same file")
        if "v" in self.letters:
            say(self.process, f"'{source}' -> '{target}'")
        if stat.kind == "dir":
            return (yield from self.copy_directory(source, stat, target, there))
        return (yield from self.copy_one(source, stat, target, there))

    def follows(self, *, is_operand: bool) -> bool:
        if "L" in self.letters:
            return True
        if self.letters & {"P", "d"}:
            return False
        return "R" not in self.letters or ("H" in self.letters and is_operand)

    def copy_directory(
        self, source: str, stat: Stat, target: str, there: Stat | None
    ) -> Waits[int]:
        files = self.process.files
        if "R" not in self.letters:
            return self.complain(f"omitting directory '{source}'")
        if (stat.device, stat.inode) in self.made:
            return self.complain(f"recursion detected, omitting directory '{source}'")
        if there is not None and there.kind != "dir":
            return self.complain(f"target '{target}' is not a directory")
        try:
            names = files.list(source)
            if there is None:
                files.mkdir(target, stat.mode | 0o700)
        except OSError as error:
            place = "create directory" if files.is_dir(source) else "open"
            return self.complain(f"can't {place} '{target}': {reason(error)}")
        made = files.stat(target)
        self.made.add((made.device, made.inode))
        status = 0
        for name in names:
            inner = self.copy(joined(source, name), joined(target, name), is_operand=False)
            status |= yield from inner
        if there is None:
            files.chmod(target, stat.mode & ~self.process.umask)
        return status | self.preserve(stat, target)

    def copy_one(self, source: str, stat: Stat, target: str, there: Stat | None) -> Waits[int]:
        if there is not None:
            if "u" in self.letters and stat.mtime_ns <= there.mtime_ns:
                return 0
            if "n" in self.letters:
                return 0
            if "i" in self.letters and not (
                yield from ask(self.process, f"{self.name}: overwrite '{target}'? ")
            ):
                return 0
        try:
            return (yield from self.put(source, stat, target, there))
        except OSError as error:
            return self.complain(f"can't create '{target}': {reason(error)}")

    def put(self, source: str, stat: Stat, target: str, there: Stat | None) -> Waits[int]:
        files = self.process.files
        twin = self.links.get((stat.device, stat.inode)) if stat.nlink > 1 else None
        if self.letters & {"l", "s"} or (twin and "d" in self.letters):
            if there is not None and ("f" in self.letters or twin):
                files.unlink(target)
            if "s" in self.letters:
                files.symlink(source, target)
            else:
                files.link(twin or source, target)
            return 0
        if stat.nlink > 1:
            self.links[stat.device, stat.inode] = target
        if stat.kind == "link":
            return self.put_link(source, stat, target)
        if stat.kind == "file" or "R" not in self.letters:
            return (yield from self.put_content(source, stat, target))
        if stat.kind == "fifo":
            files.mkfifo(target, stat.mode)
            return self.preserve(stat, target)
        return self.complain(f"unrecognized file '{source}' with mode {stat.mode:x}")

    def put_link(self, source: str, stat: Stat, target: str) -> int:
        files = self.process.files
        text = files.readlink(source)
        with suppress(FileNotFoundError):
            files.unlink(target)
        try:
            files.symlink(text, target)
        except OSError as error:
            return self.complain(f"can't create symlink '{target}' to '{text}': {reason(error)}")
        if "p" in self.letters:
            files.chown(target, stat.uid, stat.gid, follow=False)
        return 0

    def put_content(self, source: str, stat: Stat, target: str) -> Waits[int]:
        files = self.process.files
        try:
            reader = files.open(source, "r")
        except OSError as error:
            return self.complain(f"can't open '{source}': {reason(error)}")
        try:
            writer = files.open(target, "w", stat.mode & ALL_BITS)
        except OSError:
            if "f" not in self.letters:
                raise
            files.unlink(target)
            writer = files.open(target, "x", stat.mode & ALL_BITS)
        try:
            while chunk := (yield from reader.read()):
                writer.write(chunk)
                yield from writer.room()
        finally:
            reader.close()
            writer.close()
        return self.preserve(stat, target) if stat.kind == "file" else 0

    def preserve(self, stat: Stat, target: str) -> int:
        if "p" not in self.letters:
            return 0
        files = self.process.files
        try:
            files.chown(target, stat.uid, stat.gid)
        except OSError as error:
            self.complain(f"can't preserve ownership of '{target}': {reason(error)}")
        try:
            files.chmod(target, stat.mode)
            files.utime(target, stat.mtime_ns)
        except OSError as error:
            self.complain(f"can't preserve permissions of '{target}': {reason(error)}")
        return 0


def _sources_and_target(options: Options, *, least: int = 2) -> tuple[list[str], str]:
    """What is to be put where. Raises UsageError."""
    sources, targets = list(options.operands), options.values("t")
    if len(sources) + bool(targets) < least:
        raise UsageError
    target = targets[-1] if targets else sources.pop()
    if "T" in options.letters and len(sources) > 1:
        raise UsageError
    return sources, target


def copy_files(process: Process, _: Surroundings) -> Waits[int]:
    """`cp`."""
    options = read_options(process.spec.argv, "arPLHpfinlsTut:dRv\xfe", _LONG)
    if "\xfe" in options.letters:
        raise UsageError("cp: unrecognized option '--parents'\n")
    sources, target = _sources_and_target(options)
    letters = options.letters
    if "a" in letters:
        letters |= {"d", "p", "R"}
    if "r" in letters:
        letters.add("R")
    copying = Copying(process, "cp", letters)
    exact = len(sources) == 1 and "t" not in letters and _is_exact(copying, sources[0], target)
    if exact is None:
        return 1
    status = 0
    for source in sources:
        name = target if exact else joined(target, last_name(source))
        status |= yield from copying.copy(source, name)
    return status


def _is_exact(copying: Copying, source: str, target: str) -> bool | None:
    """Whether the target is a file's name rather than a directory; None: there is no source."""
    files = copying.process.files
    try:
        stat = files.stat(source, follow=copying.follows(is_operand=True))
    except OSError as error:
        copying.complain(f"can't stat '{source}': {reason(error)}")
        return None
    try:
        there = files.stat(target)
    except FileNotFoundError:
        return stat.kind != "dir" or "R" in copying.letters
    except OSError as error:
        copying.complain(f"can't stat '{target}': {reason(error)}")
        return None
    if "T" in copying.letters:
        if there.kind == "dir" and stat.kind != "dir":
            copying.complain(f"'{target}' is a directory")
            return None
        return True
    return "dir" not in {stat.kind, there.kind}


def move_files(process: Process, _: Surroundings) -> Waits[int]:
    """`mv`."""
    options = read_options(process.spec.argv, "finTt:v", _LONG)
    sources, target = _sources_and_target(options)
    is_dir = process.files.is_dir(target)
    if "T" in options.letters and is_dir and not process.files.is_dir(sources[0]):
        return complain(process, "mv", f"'{target}' is a directory")
    exact = len(sources) == 1 and (not is_dir or "T" in options.letters)
    exact = exact and "t" not in options.letters
    status = 0
    for source in sources:
        name = target if exact else joined(target, last_name(source))
        status |= yield from _move(process, source, name, options.letters)
    return status


def _move(process: Process, source: str, target: str, letters: set[str]) -> Waits[int]:
    files = process.files
    try:
        there: Stat | None = files.stat(target)
    except FileNotFoundError:
        there = None
    except OSError as error:
        return complain(process, "mv", f"can't stat '{target}': {reason(error)}")
    if there is not None and "n" in letters:
        return 0
    question = f"mv: overwrite '{target}'? "
    if there is not None and "i" in letters and not (yield from ask(process, question)):
        return 0
    if "v" in letters:
        say(process, f"'{source}' -> '{target}'")
    try:
        files.rename(source, target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            return complain(process, "mv", f"can't rename '{source}': {reason(error)}")
        return (yield from _move_across(process, source, target, there))
    return 0


def _move_across(process: Process, source: str, target: str, there: Stat | None) -> Waits[int]:
    """Copy to another filesystem, then remove."""
    is_dir = process.files.stat(source, follow=False).kind == "dir"
    if there is not None:
        if (there.kind == "dir") != is_dir:
            words = ("", "non-") if there.kind == "dir" else ("non-", "")
            text = f"can't overwrite {words[0]}directory with {words[1]}directory"
            return complain(process, "mv", text)
        if (yield from Removal(process, "mv", {"r", "f"}).remove(target)):
            return 1
    copied = yield from Copying(process, "mv", {"R", "p", "d", "P"}).copy(source, target)
    return copied or (yield from Removal(process, "mv", {"r", "f"}).remove(source))


def link_files(process: Process, _: Surroundings) -> int:
    """`ln`."""
    options = read_options(process.spec.argv, "sfnbS:vT", {"symbolic": "s", "force": "f"})
    operands = options.operands
    if not operands:
        raise UsageError
    if len(operands) == 1:
        operands = [operands[0], last_name(operands[0])]
    if "T" in options.letters and len(operands) > 2:  # noqa: PLR2004  # a target and a link
        raise UsageError
    links = _Links(process, options)
    return max(links.make(each, operands[-1]) for each in operands[:-1])


@dataclass
class _Links:
    process: Process
    options: Options

    def make(self, target: str, place: str) -> int:
        files, letters = self.process.files, self.options.letters
        link = place
        if files.is_dir(place) and not (letters & {"n"} and _is_link(self.process, place)):
            if "T" in letters:
                return complain(self.process, "ln", f"'{place}' is a directory")
            link = joined(place, last_name(target))
        try:
            if "s" not in letters and not _is_link(self.process, target):
                files.stat(target)
        except OSError as error:
            return complain(self.process, "ln", f"{target}: {reason(error)}")
        if letters & {"b", "S"}:
            self.back_up(link)
        elif "f" in letters:
            self.remove(link)
        if "v" in letters:
            say(self.process, f"'{link}' -> '{target}'")
        try:
            (files.symlink if "s" in letters else files.link)(target, link)
        except OSError as error:
            return complain(self.process, "ln", f"{link}: {reason(error)}")
        return 0

    def back_up(self, link: str) -> None:
        suffix = (self.options.values("S") or ["~"])[-1]
        try:
            self.process.files.rename(link, link + suffix)
        except OSError as error:
            if error.errno != errno.ENOENT:
                complain(self.process, "ln", f"{link}: {reason(error)}")

    def remove(self, link: str) -> None:
        try:
            self.process.files.unlink(link)
        except OSError:
            return  # link(2) will say what is wrong


def _is_link(process: Process, path: str) -> bool:
    try:
        return process.files.stat(path, follow=False).kind == "link"
    except OSError:
        return False


COMMANDS = {
    "cp": Applet(copy_files, "[-arPLHpfinlsTu] SOURCE DEST"),
    "ln": Applet(link_files, "[-sfnbtv] [-S SUF] TARGET... LINK|DIR"),
    "mv": Applet(move_files, "[-finT] SOURCE DEST"),
}
