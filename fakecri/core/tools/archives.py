"""`tar`: packs files into an archive, and takes them out."""

import io
import tarfile
from dataclasses import dataclass, field

from fakecri.core.applets import Applet, Refusal, Surroundings, complain
from fakecri.core.dates import format_date
from fakecri.core.options import Options, UsageError, read_options
from fakecri.core.processes import Process
from fakecri.core.scheduler import SECOND_NS, Waits
from fakecri.core.tools.globs import matches_glob
from fakecri.core.tools.modes import shown
from fakecri.core.tools.squeezing import compressed, expanded
from fakecri.core.tools.words import (
    CHUNK,
    Owners,
    content_of,
    decoded,
    encoded,
    joined,
    reason,
    say,
    whole_number,
)
from fakecri.core.views import Stat

_LONG = {
    "list": "t",
    "extract": "x",
    "create": "c",
    "directory": "C",
    "file": "f",
    "to-stdout": "O",
    "exclude": "\xf0",
    "exclude-from": "X",
    "files-from": "T",
    "verbose": "v",
    "no-same-permissions": "\xf1",
    "no-same-owner": "o",
    "same-permissions": "p",
    "gzip": "z",
    "dereference": "h",
    "keep-old": "k",
    "touch": "m",
    "strip-components": "\xf2",
    "numeric-owner": "\xf3",
    "overwrite": "\xf4",
    "no-recursion": "\xf5",
}
_SHORT = "txcvC:f:OopmvkzZjJahX:T:\xf0:\xf1\xf2:\xf3\xf4\xf5"
_DELAYED = "error exit delayed from previous errors"
_BLOCK = 512

_TYPES = {
    "dir": tarfile.DIRTYPE,
    "link": tarfile.SYMTYPE,
    "char": tarfile.CHRTYPE,
    "block": tarfile.BLKTYPE,
    "fifo": tarfile.FIFOTYPE,
}
_KINDS = {letters: kind for kind, letters in _TYPES.items()}


def pack_files(process: Process, surroundings: Surroundings) -> Waits[int]:
    """`tar`."""
    argv = list(process.spec.argv)
    if len(argv) > 1 and not argv[1].startswith("-"):
        argv[1] = f"-{argv[1]}"
    options = read_options(_spread(argv), _SHORT, _LONG)
    letters = options.letters
    if len(letters & {"t", "x", "c"}) != 1:
        raise UsageError
    for each in letters & {"j", "J", "Z"}:
        raise UsageError(f"tar: invalid option -- '{each}'\n")
    task = _Task(process, surroundings, options)
    if "C" in letters:
        task.enter(options.values("C")[-1])
    for path in options.values("T"):
        task.names += decoded((yield from task.content(path))).splitlines()
    for path in options.values("X"):
        task.excluded += decoded((yield from task.content(path))).splitlines()
    if "c" in letters:
        return (yield from _Packing(task).run())
    return (yield from _Unpacking(task).run())


def _spread(argv: list[str]) -> list[str]:
    """The values of `tar cfC X Y` stand in the order of their letters."""
    word = argv[1] if len(argv) > 1 else ""
    letters = word[1:]
    valued = [each for each in letters if each in "CfXT"]
    if word.startswith("--") or len(valued) < 2:  # noqa: PLR2004  # one may end the word
        return argv
    plain = "".join(each for each in letters if each not in "CfXT")
    values = argv[2 : 2 + len(valued)]
    pairs = [
        part for pair in zip(valued, values, strict=False) for part in (f"-{pair[0]}", pair[1])
    ]
    return [argv[0], *([f"-{plain}"] if plain else []), *pairs, *argv[2 + len(valued) :]]


@dataclass
class _Task:
    process: Process
    surroundings: Surroundings
    options: Options
    names: list[str] = field(default_factory=list)
    excluded: list[str] = field(default_factory=list)
    directory: str = ""
    warned: bool = False

    def __post_init__(self) -> None:
        self.names += self.options.operands
        self.excluded += self.options.values("\xf0")
        self.letters = self.options.letters
        self.archive = (self.options.values("f") or ["-"])[-1]

    def enter(self, directory: str) -> None:
        try:
            self.process.files.list(directory)
        except OSError as error:
            text = f"can't change directory to '{directory}': {reason(error)}"
            raise Refusal(text) from error
        self.directory = directory

    def content(self, path: str) -> Waits[bytes]:
        try:
            return (yield from content_of(self.process, path))
        except OSError as error:
            raise Refusal(f"can't open '{path}': {reason(error)}") from error

    def place(self, name: str) -> str:
        """Where a member is."""
        return joined(self.directory, name) if self.directory else name

    def safe(self, name: str) -> str:
        """A name that leads nowhere else; the first one that did is told of."""
        end = 0
        while True:
            if name.startswith("/", end):
                end += 1
            elif name.startswith("../", end):
                end += 3
            elif (place := name.find("/../", end)) >= 0:
                end = place + 4
            else:
                break
        if end and not self.warned:
            self.warned = True
            text = f"removing leading '{name[:end]}' from member names"
            complain(self.process, "tar", text)
        return name[end:]

    def leaves_out(self, name: str) -> bool:
        stripped = name.rstrip("/")
        ends = [stripped, *(stripped[at + 1 :] for at, each in enumerate(stripped) if each == "/")]
        return any(matches_glob(end, pattern) for pattern in self.excluded for end in ends)


class _Packing:
    def __init__(self, task: _Task) -> None:
        self.task = task
        self.process = task.process
        self.files = task.process.files
        self.owners = Owners(task.process, task.surroundings)
        self.buffer = io.BytesIO()
        self.status = 0
        self.links: dict[tuple[int, int], str] = {}

    def run(self) -> Waits[int]:
        task = self.task
        if not task.names:
            raise Refusal("empty archive")
        for name in task.names:
            yield from self.add(name)
        self.buffer.write(bytes(2 * _BLOCK))
        packed = self.buffer.getvalue()
        if "z" in task.letters or ("a" in task.letters and task.archive.endswith("gz")):
            packed = compressed(packed)
        try:
            yield from self.put(packed)
        except OSError as error:
            raise Refusal(f"can't open '{task.archive}': {reason(error)}") from error
        return complain(self.process, "tar", _DELAYED) if self.status else 0

    def put(self, packed: bytes) -> Waits[None]:
        if self.task.archive != "-":
            self.files.write(self.task.archive, packed)
            return
        for place in range(0, len(packed), CHUNK):
            self.process.write(packed[place : place + CHUNK])
            yield from self.process.drain()

    def add(self, name: str) -> Waits[None]:
        task = self.task
        path = task.place(name)
        if task.leaves_out(name):
            return
        try:
            stat = self.files.stat(path, follow="h" in task.letters)
            content = self.files.read(path) if stat.kind == "file" else b""
            names = self.files.list(path) if stat.kind == "dir" else ()
        except OSError as error:
            self.status = complain(self.process, "tar", f"{name}: {reason(error)}")
            return
        member = self.stored_name(name)
        if stat.kind == "socket":
            return
        if member:
            self.write(member + ("/" if stat.kind == "dir" else ""), path, stat, content)
        yield from self.process.drain()
        if "\xf5" not in task.letters:
            for each in names:
                yield from self.add(joined(name, each))

    def stored_name(self, name: str) -> str:
        return self.task.safe(name).rstrip("/")

    def write(self, member: str, path: str, stat: Stat, content: bytes) -> None:
        info = tarfile.TarInfo(member)
        info.mode, info.uid, info.gid = stat.mode, stat.uid, stat.gid
        info.mtime = stat.mtime_ns // SECOND_NS
        if "\xf3" not in self.task.letters:
            info.uname = self.owners.users.get(stat.uid, "")
            info.gname = self.owners.groups.get(stat.gid, "")
        info.type = _TYPES.get(stat.kind, tarfile.REGTYPE)
        info.devmajor, info.devminor = stat.rdev
        if stat.kind == "link":
            info.linkname = self.files.readlink(path)
        twin = self.links.setdefault((stat.device, stat.inode), member)
        if stat.kind == "file" and stat.nlink > 1 and twin != member:
            info.type, info.linkname, content = tarfile.LNKTYPE, twin, b""
        info.size = len(content)
        if "v" in self.task.letters:
            self.show(member)
        header = info.tobuf(tarfile.GNU_FORMAT, "utf-8", "surrogateescape")
        self.buffer.write(header + content + bytes(-len(content) % _BLOCK))

    def show(self, member: str) -> None:
        if self.task.archive == "-":
            self.process.error(encoded(member) + b"\n")
        else:
            say(self.process, member)


class _Unpacking:
    def __init__(self, task: _Task) -> None:
        self.task = task
        self.process = task.process
        self.files = task.process.files
        self.wanted = {each.rstrip("/"): False for each in task.names}
        self.directories: list[tuple[str, tarfile.TarInfo]] = []
        strips = task.options.values("\xf2")
        self.strip = whole_number(strips[-1]) if strips else 0

    def run(self) -> Waits[int]:
        content = yield from self.task.content(self.task.archive)
        if content[:2] == b"\x1f\x8b" or "z" in self.task.letters:
            content = expanded(content)
        if len(content) < _BLOCK:
            raise Refusal("short read")
        try:
            with tarfile.open(
                fileobj=io.BytesIO(content), mode="r:", encoding="utf-8", errors="surrogateescape"
            ) as archive:
                for member in archive:
                    yield from self.treat(archive, member)
        except (tarfile.TarError, ValueError, EOFError) as error:
            short = "truncated" in str(error) or "unexpected end" in str(error)
            raise Refusal("short read" if short else "invalid tar magic") from error
        for path, member in self.directories:
            self.dress(path, member)
        missing = [name for name, is_found in self.wanted.items() if not is_found]
        if missing:
            raise Refusal(f"{missing[0]}: not found in archive")
        return 0

    def treat(self, archive: tarfile.TarFile, member: tarfile.TarInfo) -> Waits[None]:
        letters = self.task.letters
        name = member.name + ("/" if member.isdir() else "")
        if not self.is_wanted(member.name) or self.task.leaves_out(member.name):
            return
        reader = archive.extractfile(member) if member.isreg() else None
        content = reader.read() if reader is not None else b""
        if member.isreg() and len(content) < member.size:
            raise Refusal("short read")
        if "v" in letters:
            self.show(name, member)
        elif "t" in letters:
            say(self.process, name)
        if "t" in letters:
            return
        if "O" in letters:
            self.process.write(content)
            yield from self.process.drain()
            return
        stripped = "/".join(self.task.safe(name).split("/")[self.strip :]).strip("/")
        if stripped:
            self.extract(self.task.place(stripped), member, content)
        yield from self.process.drain()

    def is_wanted(self, name: str) -> bool:
        if not self.wanted:
            return True
        for each in self.wanted:
            if name == each or name.startswith(f"{each}/") or matches_glob(name, each):
                self.wanted[each] = True
                return True
        return False

    def show(self, name: str, member: tarfile.TarInfo) -> None:
        if "t" not in self.task.letters:
            if "O" in self.task.letters:
                self.process.error(encoded(name) + b"\n")
            else:
                say(self.process, name)
            return
        kind = _KINDS.get(member.type, "file")
        mode = shown(Stat(kind, member.mode & 0o7777, 0, 0, 0, 0, 0))
        owner = f"{member.uname or member.uid}/{member.gname or member.gid}"
        time = format_date(int(member.mtime), "%Y-%m-%d %H:%M:%S")
        target = f" -> {member.linkname}" if member.linkname else ""
        say(self.process, f"{mode} {owner} {member.size:9} {time} {name}{target}")

    def extract(self, path: str, member: tarfile.TarInfo, content: bytes) -> None:
        files = self.files
        self.make_parents(path)
        try:
            if member.isdir():
                if not files.is_dir(path):
                    files.mkdir(path, member.mode | 0o700)
                self.directories.append((path, member))
                return
            if "k" in self.task.letters and files.exists(path):
                raise Refusal(f"can't open '{path}': File exists")
            if "\xf4" not in self.task.letters and files.exists(path) and not files.is_dir(path):
                files.unlink(path)
            self.make(path, member, content)
        except OSError as error:
            raise Refusal(f"can't open '{path}': {reason(error)}") from error
        self.dress(path, member)

    def make(self, path: str, member: tarfile.TarInfo, content: bytes) -> None:
        files = self.files
        if member.issym():
            files.symlink(member.linkname, path)
        elif member.islnk():
            files.link(self.task.place(member.linkname.strip("/")), path)
        elif member.isfifo():
            files.mkfifo(path, member.mode)
        elif member.ischr() or member.isblk():
            kind = "char" if member.ischr() else "block"
            files.mknod(path, kind, (member.devmajor, member.devminor), member.mode)
        else:
            files.write(path, content, member.mode)

    def make_parents(self, path: str) -> None:
        for place, letter in enumerate(path):
            if letter == "/" and place and not self.files.is_dir(path[:place]):
                try:
                    self.files.mkdir(path[:place])
                except OSError as error:
                    text = f"can't make dir {path[:place]}: {reason(error)}"
                    raise Refusal(text) from error

    def dress(self, path: str, member: tarfile.TarInfo) -> None:
        """Give a file its owner, its mode and its time."""
        files, letters = self.files, self.task.letters
        try:
            if "o" not in letters and self.process.spec.user.uid == 0:
                files.chown(path, member.uid, member.gid, follow=False)
            if member.issym() or member.islnk():
                return
            if "\xf1" not in letters:
                files.chmod(path, member.mode & 0o7777)
            if "m" not in letters:
                files.utime(path, int(member.mtime) * SECOND_NS)
        except OSError as error:
            complain(self.process, "tar", f"{path}: {reason(error)}")


COMMANDS = {
    "tar": Applet(pack_files, "c|x|t [-zahmvokO] [-f TARFILE] [-C DIR] [FILE]..."),
}
