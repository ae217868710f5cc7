"""`stat`: all that is known of a file, in a format."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from fakecri.core.applets import Applet, Surroundings, complain
from fakecri.core.dates import format_date
from fakecri.core.options import UsageError, read_options
from fakecri.core.processes import Process
from fakecri.core.scheduler import SECOND_NS
from fakecri.core.tools.modes import TYPE_BITS, shown
from fakecri.core.tools.spaces import Space, space_of
from fakecri.core.tools.words import Owners, encoded, reason
from fakecri.core.views import Stat

_DIRECTIVE = re.compile(r"%([-+ #0']*[0-9]*)(.?)", re.DOTALL)
_IO_BLOCK = 4096
_BLOCK = 512

_KINDS = {
    "dir": "directory",
    "link": "symbolic link",
    "char": "character special file",
    "block": "block special file",
    "fifo": "fifo",
    "socket": "socket",
}


@dataclass(frozen=True, slots=True)
class _File:
    name: str
    stat: Stat
    owners: Owners
    target: str

    @property
    def time(self) -> str:
        seconds, nanos = divmod(self.stat.mtime_ns, SECOND_NS)
        return format_date(seconds, f"%Y-%m-%d %H:%M:%S.{nanos:09} +0000")

    @property
    def kind(self) -> str:
        if self.stat.kind == "file":
            return "regular file" if self.stat.size else "regular empty file"
        return _KINDS[self.stat.kind]

    @property
    def quoted(self) -> str:
        return f"'{self.name}' -> '{self.target}'" if self.stat.kind == "link" else self.name


_FIELDS: Mapping[str, Callable[[_File], str]] = {
    "a": lambda f: f"{f.stat.mode:o}",
    "A": lambda f: shown(f.stat),
    "b": lambda f: str(f.stat.blocks),
    "B": lambda _: str(_BLOCK),
    "d": lambda f: str(f.stat.device),
    "D": lambda f: f"{f.stat.device:x}",
    "f": lambda f: f"{f.stat.mode | TYPE_BITS[f.stat.kind]:x}",
    "F": lambda f: f.kind,
    "g": lambda f: str(f.stat.gid),
    "G": lambda f: f.owners.groups.get(f.stat.gid, "UNKNOWN"),
    "h": lambda f: str(f.stat.nlink),
    "i": lambda f: str(f.stat.inode),
    "n": lambda f: f.name,
    "N": lambda f: f.quoted,
    "o": lambda _: str(_IO_BLOCK),
    "s": lambda f: str(f.stat.size),
    "t": lambda f: f"{f.stat.rdev[0]:x}",
    "T": lambda f: f"{f.stat.rdev[1]:x}",
    "u": lambda f: str(f.stat.uid),
    "U": lambda f: f.owners.users.get(f.stat.uid, "UNKNOWN"),
    **dict.fromkeys("xyz", lambda f: f.time),
    **dict.fromkeys("XYZ", lambda f: str(f.stat.mtime_ns // SECOND_NS)),
}

_PLAIN = """\
  File: {N}
  Size: %-10s\tBlocks: %-10b IO Block: %-6o %F
Device: %Dh/%dd\tInode: %-10i  Links: {device}
Access: ({mode}/%10.10A)  Uid: (%5u/%8U)   Gid: (%5g/%8G)
Access: %x
Modify: %y
Change: %z
"""
_TERSE = "%n %s %b %f %u %g %D %i %h %t %T %X %Y %Z %o\n"


@dataclass(frozen=True, slots=True)
class _Filesystem:
    name: str
    space: Space


_SPACE_FIELDS: Mapping[str, Callable[[_Filesystem], str]] = {
    "a": lambda f: str(f.space.available_bytes // f.space.block_bytes),
    "b": lambda f: str(f.space.total_bytes // f.space.block_bytes),
    "c": lambda f: str(f.space.inodes),
    "d": lambda f: str(f.space.free_inodes),
    "f": lambda f: str(f.space.free_bytes // f.space.block_bytes),
    "i": lambda _: "0",
    "l": lambda _: "255",
    "n": lambda f: f.name,
    "s": lambda f: str(f.space.block_bytes),
    "S": lambda f: str(f.space.block_bytes),
    "t": lambda f: f"{f.space.magic:x}",
    "T": lambda f: f.space.kind_name,
}
_PLAIN_SPACE = """\
  File: "%n"
    ID: %-8i Namelen: %-7l Type: %T
Block size: %-10s
Blocks: Total: %-10b Free: %-10f Available: %a
Inodes: Total: %-10c Free: %d
"""
_TERSE_SPACE = "%n %i %l %t %s %S %b %f %a %c %d\n"


def show_status(process: Process, surroundings: Surroundings) -> int:
    """`stat`."""
    options = read_options(process.spec.argv, "ftLc:", {"format": "c", "terse": "t"})
    if not options.operands:
        raise UsageError
    owners = Owners(process, surroundings)
    formats = options.values("c")
    status = 0
    for path in options.operands:
        try:
            if "f" in options.letters:
                text = _about_space(process, path, options.letters, formats)
            else:
                text = _about_file(process, owners, path, options.letters, formats)
        except OSError as error:
            what = "read file system information for" if "f" in options.letters else "stat"
            status = complain(process, "stat", f"can't {what} '{path}': {reason(error)}")
        else:
            process.write(encoded(text))
    return status


def _about_file(
    process: Process, owners: Owners, path: str, letters: set[str], formats: list[str]
) -> str:
    stat = process.files.stat(path, follow="L" in letters)
    target = process.files.readlink(path) if stat.kind == "link" else ""
    file = _File(path, stat, owners, target)
    if formats:
        form = formats[-1] + "\n"
    elif "t" in letters:
        form = _TERSE
    else:
        name = f"'{path}' -> '{target}'" if target else path
        device = "%-5h Device type: %t,%T" if stat.kind in {"char", "block"} else "%h"
        form = _PLAIN.replace("{device}", device).replace("{mode}", f"{stat.mode:04o}")
        form = form.replace("%10.10A", shown(stat)).replace("{N}", name.replace("%", "%%"))
    return _filled(form, lambda letter: _FIELDS[letter](file) if letter in _FIELDS else None)


def _about_space(process: Process, path: str, letters: set[str], formats: list[str]) -> str:
    filesystem = _Filesystem(path, space_of(process, path))
    form = formats[-1] + "\n" if formats else _TERSE_SPACE if "t" in letters else _PLAIN_SPACE
    return _filled(
        form,
        lambda letter: _SPACE_FIELDS[letter](filesystem) if letter in _SPACE_FIELDS else None,
    )


def _filled(form: str, field: Callable[[str], str | None]) -> str:
    return _DIRECTIVE.sub(lambda match: _field(match, field), form)


def _field(match: re.Match[str], field: Callable[[str], str | None]) -> str:
    flags, letter = match[1], match[2]
    if letter in {"", "%"}:
        return "%"
    text = field(letter)
    if text is None:
        return letter
    digits = flags.lstrip("-+ #0'")
    width = int(digits) if digits and len(digits) < 5 else 0  # noqa: PLR2004  # a screen's width
    if "-" in flags:
        return text.ljust(width)
    return text.rjust(width)


COMMANDS = {
    "stat": Applet(show_status, "[-ltf] [-c FMT] FILE..."),
}
