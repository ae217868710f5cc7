"""What the tools share: how they say an error, a size, an owner, and run another program."""

import errno
import posixpath
from collections.abc import Mapping, Sequence

from fakecri.core.applets import Refusal, Surroundings, become, complain
from fakecri.core.executables import MissingExecutableError
from fakecri.core.pipes import Reader, Sink
from fakecri.core.processes import Process, User
from fakecri.core.scheduler import Waits
from fakecri.core.userlands import Group
from fakecri.core.userlands import User as UserRow

NOT_EXECUTABLE = 126
NOT_FOUND = 127
CHUNK = 65_536
"""How much a tool reads or writes at a time."""


def encoded(text: str) -> bytes:
    """The bytes of a text; names of files may hold any."""
    return text.encode(errors="surrogateescape")


def decoded(content: bytes) -> str:
    """The text of bytes, from which `encoded` makes the same bytes again."""
    return content.decode(errors="surrogateescape")


def say(process: Process, text: str) -> None:
    """Write a line to stdout."""
    process.write(encoded(text) + b"\n")


def reason(error: OSError) -> str:
    """What perror(3) says after the colon."""
    return error.strerror or str(error)


def blame(process: Process, name: str, path: str, error: OSError) -> int:
    """Complain that something went wrong with a path; return 1."""
    return complain(process, name, f"{path}: {reason(error)}")


def joined(directory: str, name: str) -> str:
    """The path of a name in a directory, with one slash between."""
    return f"{directory.rstrip('/') or ('/' if directory else '')}/{name}".replace("//", "/", 1)


def last_name(path: str) -> str:
    """The last name of a path, whatever slashes follow it; of `/` it is `/`."""
    stripped = path.rstrip("/")
    return posixpath.basename(stripped) or path[:1]


def human(number: int, block: int = 1) -> str:
    """A size as `ls -h` shows it: `1.5K`. `block` is how many bytes one of `number` is."""
    number *= block
    if number < 1024:  # noqa: PLR2004  # a KiB
        return str(number)
    fraction, unit = 0, -1
    while number >= 1024 and unit < len("KMGTPEZY") - 1:  # noqa: PLR2004  # a KiB
        fraction = (number % 1024 * 10 + 512) // 1024
        number //= 1024
        unit += 1
    if fraction >= 10:  # noqa: PLR2004  # a digit too many
        number, fraction = number + 1, 0
    return f"{number}.{fraction}{'KMGTPEZY'[unit]}"


def whole_number(text: str, least: int = 0, most: int = 2**64 - 1) -> int:
    """Read a decimal number as busybox's xatou does. Raises Refusal."""
    if not (text.isascii() and text.isdigit()):
        raise Refusal(f"invalid number '{text}'")
    if not least <= int(text) <= most:
        raise Refusal(f"number {text} is not in {least}..{most} range")
    return int(text)


_KIB_SUFFIXES: Mapping[str, int] = {
    "": 1,
    "c": 1,
    "w": 2,
    "b": 512,
    "kB": 1000,
    "kD": 1000,
    "k": 1024,
    "KB": 1000,
    "KD": 1000,
    "K": 1024,
    "MB": 1_000_000,
    "MD": 1_000_000,
    "M": 1 << 20,
    "GB": 1_000_000_000,
    "GD": 1_000_000_000,
    "G": 1 << 30,
}


def sized_number(
    text: str, suffixes: Mapping[str, int] = _KIB_SUFFIXES, most: int = 2**63 - 1
) -> int:
    """Read a number with a suffix, such as `20M`. Raises Refusal."""
    digits = text[: len(text) - len(text.lstrip("0123456789"))]
    factor = suffixes.get(text[len(digits) :])
    if not digits or factor is None:
        raise Refusal(f"invalid number '{text}'")
    if int(digits) * factor > most:
        raise Refusal(f"number {text} is not in 0..{most} range")
    return int(digits) * factor


def user_rows(process: Process, surroundings: Surroundings) -> Sequence[UserRow]:
    """The users of /etc/passwd as it is now, or as the image has it."""
    text = _read_text(process, "/etc/passwd")
    if text is None:
        return surroundings.userland.users
    rows = [each.split(":") for each in text.splitlines()]
    return [
        UserRow(row[0], int(row[2]), int(row[3]), home=row[5], shell=row[6])
        for row in rows
        if len(row) == len(UserRow._fields) + 2 and row[2].isdecimal() and row[3].isdecimal()
    ]


def group_rows(process: Process, surroundings: Surroundings) -> Sequence[Group]:
    """The groups of /etc/group as it is now, or as the image has it."""
    text = _read_text(process, "/etc/group")
    if text is None:
        return surroundings.userland.groups
    rows = [each.split(":") for each in text.splitlines()]
    return [
        Group(row[0], int(row[2]), tuple(each for each in row[3].split(",") if each))
        for row in rows
        if len(row) == len(Group._fields) + 1 and row[2].isdecimal()
    ]


def _read_text(process: Process, path: str) -> str | None:
    try:
        return decoded(process.files.read(path))
    except (OSError, RuntimeError):
        return None


class Owners:
    """The names of users and groups by number; each file is read once."""

    def __init__(self, process: Process, surroundings: Surroundings) -> None:
        self.users: dict[int, str] = {}
        self.groups: dict[int, str] = {}
        for user in user_rows(process, surroundings):
            self.users.setdefault(user.uid, user.name)
        for group in group_rows(process, surroundings):
            self.groups.setdefault(group.gid, group.name)

    def user(self, uid: int) -> str:
        """The name of a user, or the number."""
        return self.users.get(uid, str(uid))

    def group(self, gid: int) -> str:
        """The name of a group, or the number."""
        return self.groups.get(gid, str(gid))


def found_user(process: Process, surroundings: Surroundings, name: str) -> UserRow | None:
    """The row of a user."""
    rows = user_rows(process, surroundings)
    return next((each for each in rows if each.name == name), None)


def user_id(process: Process, surroundings: Surroundings, text: str) -> int:
    """The number of a user that is given by name or number. Raises Refusal."""
    row = found_user(process, surroundings, text)
    if row is not None:
        return row.uid
    if text.isascii() and text.isdigit():
        return int(text)
    raise Refusal(f"unknown user {text}")


def group_id(process: Process, surroundings: Surroundings, text: str) -> int:
    """The number of a group that is given by name or number. Raises Refusal."""
    rows = group_rows(process, surroundings)
    row = next((each for each in rows if each.name == text), None)
    if row is not None:
        return row.gid
    if text.isascii() and text.isdigit():
        return int(text)
    raise Refusal(f"unknown group {text}")


def cannot_execute(name: str, missing: MissingExecutableError) -> Refusal:
    """What is said, and with which code, where a program is not there."""
    code = NOT_FOUND if missing.code == errno.ENOENT else NOT_EXECUTABLE
    return Refusal(f"can't execute '{name}': {missing.strerror}{missing.why}", code)


def run_instead(
    process: Process, surroundings: Surroundings, argv: Sequence[str]
) -> Waits[int] | int | None:
    """Go on as another program. Raises Refusal where there is none."""
    try:
        program = surroundings.find(argv, process.spec.environment, process.spec.cwd)
    except MissingExecutableError as missing:
        raise cannot_execute(argv[0], missing) from missing
    return become(process, program, argv)


def start(
    process: Process,
    argv: Sequence[str],
    *,
    stdin: Reader | None = None,
    stdout: Sink | None = None,
    user: User | None = None,
    environment: Mapping[str, str] | None = None,
) -> Process:
    """Start a child. Raises Refusal where there is no such program."""
    try:
        return process.spawn(argv, stdin=stdin, stdout=stdout, user=user, environment=environment)
    except MissingExecutableError as missing:
        raise cannot_execute(argv[0], missing) from missing


def read_all(process: Process) -> Waits[bytes]:
    """Read stdin to its end."""
    chunks = []
    while chunk := (yield from process.read()):
        chunks.append(chunk)
    return b"".join(chunks)


def content_of(process: Process, path: str, enough: int | None = None) -> Waits[bytes]:
    """The content of a file, which may be a FIFO; `-` is stdin. Raises OSError.

    With `enough` bytes no more is read: /dev/urandom has no end.
    """
    if path == "-":
        return (yield from _read_from(process, enough))
    opened = yield from process.files.opening(path, "r")
    try:
        return (yield from _read_from(opened, enough))
    finally:
        opened.close()


def _read_from(source: Process | Reader, enough: int | None) -> Waits[bytes]:
    chunks, size = [], 0
    while (enough is None or size < enough) and (chunk := (yield from source.read())):
        chunks.append(chunk)
        size += len(chunk)
    return b"".join(chunks)
