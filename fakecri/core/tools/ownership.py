"""`chmod`, `chown`, `chgrp`: who may do what to a file."""

from dataclasses import dataclass

from fakecri.core.applets import Applet, Surroundings, complain
from fakecri.core.options import UsageError, read_options
from fakecri.core.processes import Process
from fakecri.core.scheduler import Waits
from fakecri.core.tools.modes import parse_mode, shown
from fakecri.core.tools.words import blame, group_id, joined, say, user_id
from fakecri.core.views import Stat


def change_modes(process: Process, _: Surroundings) -> Waits[int]:
    """`chmod`."""
    argv = [_protected(each) for each in process.spec.argv]
    options = read_options(argv, "Rcvf")
    operands = [each.removeprefix("\0") for each in options.operands]
    if len(operands) < 2:  # noqa: PLR2004  # a mode and a file
        raise UsageError
    if parse_mode(operands[0], 0) is None:
        return complain(process, "chmod", f"invalid mode '{operands[0]}'")
    change = _ModeChange(process, options.letters, operands[0])
    status = 0
    for path in operands[1:]:
        status |= yield from change.walk(path, is_operand=True)
    return status


def _protected(word: str) -> str:
    """A mode such as `-x` is no option."""
    is_mode = word[:1] == "-" and word[1:2] in set("rwxXstugo0123456789") and word[1:2]
    return f"\0{word}" if is_mode else word


@dataclass
class _Change:
    """Walks through trees and changes what it finds."""

    process: Process
    letters: set[str]

    name = ""

    def walk(self, path: str, *, is_operand: bool = False) -> Waits[int]:
        files = self.process.files
        status = 0
        try:
            stat = files.stat(path, follow=self.follows(is_operand=is_operand))
            status = self.change(path, stat, is_operand=is_operand)
            names = files.list(path) if "R" in self.letters and stat.kind == "dir" else ()
        except OSError as error:
            return blame(self.process, self.name, path, error)
        for name in names:
            status |= yield from self.walk(joined(path, name))
        yield from self.process.drain()
        return status

    def follows(self, *, is_operand: bool) -> bool:
        if "R" not in self.letters:
            return True
        return "L" in self.letters or (is_operand and "H" in self.letters)

    def change(self, path: str, stat: Stat, *, is_operand: bool) -> int:
        raise NotImplementedError

    def tell(self, text: str, *, is_changed: bool) -> None:
        if "v" in self.letters or ("c" in self.letters and is_changed):
            say(self.process, text)


@dataclass
class _ModeChange(_Change):
    mode: str
    name: str = "chmod"

    def follows(self, *, is_operand: bool) -> bool:
        return is_operand

    def change(self, path: str, stat: Stat, *, is_operand: bool) -> int:  # noqa: ARG002  # see above
        if stat.kind == "link":  # it has no mode of its own
            return 0
        is_dir = stat.kind == "dir"
        mode = parse_mode(self.mode, stat.mode, is_dir=is_dir, umask=self.process.umask)
        if mode is None:
            return 1
        self.process.files.chmod(path, mode)
        after = self.process.files.stat(path)
        letters = shown(after)[1:]
        text = f"mode of '{path}' changed to {after.mode:04o} ({letters})"
        self.tell(text, is_changed=mode != stat.mode)
        return 0


@dataclass
class _OwnerChange(_Change):
    uid: int
    gid: int
    name: str

    def follows(self, *, is_operand: bool) -> bool:
        return "h" not in self.letters and super().follows(is_operand=is_operand)

    def change(self, path: str, stat: Stat, *, is_operand: bool) -> int:
        follow = "h" not in self.letters and ("R" not in self.letters or is_operand)
        self.process.files.chown(path, self.uid, self.gid, follow=follow and stat.kind != "link")
        uid = stat.uid if self.uid < 0 else self.uid
        gid = stat.gid if self.gid < 0 else self.gid
        text = f"changed ownership of '{path}' to {uid}:{gid}"
        self.tell(text, is_changed=(uid, gid) != (stat.uid, stat.gid))
        return 0


def change_owners(process: Process, surroundings: Surroundings) -> Waits[int]:
    """`chown` and `chgrp`."""
    name = process.spec.argv[0].rpartition("/")[2]
    long = {"changes": "c", "dereference": "\xff", "no-dereference": "h", "recursive": "R"}
    options = read_options(process.spec.argv, "RhLHPcvf\xff", long)
    if len(options.operands) < 2:  # noqa: PLR2004  # an owner and a file
        raise UsageError
    owner, *paths = options.operands
    if name == "chgrp":
        uid, gid = -1, group_id(process, surroundings, owner)
    else:
        uid, gid = _owner(process, surroundings, owner)
    change = _OwnerChange(process, options.letters, uid, gid, name)
    status = 0
    for path in paths:
        status |= yield from change.walk(path, is_operand=True)
    return status


def _owner(process: Process, surroundings: Surroundings, text: str) -> tuple[int, int]:
    mark = ":" if ":" in text else "."
    user, separator, group = text.partition(mark)
    uid = user_id(process, surroundings, user) if user else -1
    if separator and not group and user:
        return uid, uid  # the login group of the user
    return uid, group_id(process, surroundings, group) if group else -1


_SYNOPSIS = "[-RhLHPcvf]... {} FILE..."

COMMANDS = {
    "chgrp": Applet(change_owners, _SYNOPSIS.format("GROUP")),
    "chmod": Applet(change_modes, "[-Rcvf] MODE[,MODE]... FILE..."),
    "chown": Applet(change_owners, _SYNOPSIS.format("USER[:[GRP]]")),
}
