"""`ipcs`: the shared memory, semaphores and message queues of an IPC namespace."""

from collections.abc import Callable, Iterator, Mapping, Sequence

from fakecri.core.applets import Applet, Surroundings
from fakecri.core.dates import format_date
from fakecri.core.options import UsageError, read_options
from fakecri.core.processes import Process
from fakecri.core.tools.words import Owners, decoded, say

_DEST, _LOCKED = 0o1000, 0o2000
_FILES = {"m": "shm", "s": "sem", "q": "msg"}
_VIEWS = {
    "m": ("Shared Memory Segments", "key shmid owner perms bytes nattch status"),
    "s": ("Semaphore Arrays", "key semid owner perms nsems"),
    "q": ("Message Queues", "key msqid owner perms used-bytes messages"),
    "mc": ("Shared Memory Segment Creators/Owners", "shmid perms cuid cgid uid gid"),
    "sc": ("Semaphore Arrays Creators/Owners", "semid perms cuid cgid uid gid"),
    "qc": ("Message Queues: Creators/Owners", "msqid perms cuid cgid uid gid"),
    "mt": ("Shared Memory Attach/Detach/Change Times", "shmid owner attached detached changed"),
    "st": ("Shared Memory Operation/Change Times", "shmid owner last-op last-changed"),
    "qt": ("Message Queues Send/Recv/Change Times", "msqid owner send recv change"),
    "mp": ("Shared Memory Creator/Last-op", "shmid owner cpid lpid"),
    "qp": ("Message Queues PIDs", "msqid owner lspid lrpid"),
}
"""By what is shown, and the letter that says what of it: a title, and the columns."""
_FIELDS = {
    "bytes": "size",
    "used-bytes": "cbytes",
    "messages": "qnum",
    "attached": "atime",
    "detached": "dtime",
    "changed": "ctime",
    "last-op": "otime",
    "last-changed": "ctime",
    "send": "stime",
    "recv": "rtime",
    "change": "ctime",
    "owner": "uid",
}
"""What /proc/sysvipc calls the columns that have another name here."""
_TIMES = {"atime", "dtime", "ctime", "otime", "stime", "rtime"}
_WIDTHS = {"status": 12, "used-bytes": 12, "messages": 12}
_WIDTH, _TIME_WIDTH = 10, 20


def show_ipc(process: Process, surroundings: Surroundings) -> int:
    """`ipcs`; what there is, /proc/sysvipc tells."""
    letters = read_options(process.spec.argv, "mqsatcplui:").letters
    if letters & {"i", "l", "u"}:
        raise UsageError
    view = next((each for each in "tcp" if each in letters), "")
    chosen = letters & set(_FILES) if "a" not in letters else set()
    owners = Owners(process, surroundings)
    say(process, "")
    for letter, name in _FILES.items():
        if letter in (chosen or _FILES):
            if letter + view in _VIEWS:
                _show(process, owners, *_VIEWS[letter + view], rows=_rows(process, name))
            say(process, "")
    return 0


def _show(
    process: Process, owners: Owners, title: str, columns: str, rows: Sequence[Mapping[str, int]]
) -> None:
    names = columns.split()
    say(process, f"------ {title} --------")
    say(process, " ".join(f"{name:<{_width(name)}}" for name in names))
    for row in rows:
        say(process, " ".join(f"{_text(row, name, owners):<{_width(name)}}" for name in names))


def _width(name: str) -> int:
    return _TIME_WIDTH if _FIELDS.get(name) in _TIMES else _WIDTHS.get(name, _WIDTH)


def _text(row: Mapping[str, int], column: str, owners: Owners) -> str:
    field = _FIELDS.get(column, column)
    value = row.get(field, 0)
    if field in _TIMES:
        return format_date(value, "%b %e %H:%M:%S ") if value else "Not set"
    texts: dict[str, Callable[[], str]] = {
        "key": lambda: f"0x{value % 2**32:08x}",
        "perms": lambda: f"{value & 0o777:o}",
        "status": lambda: _status(row.get("perms", 0)),
        "uid": lambda: owners.user(value)[:_WIDTH],
        "cuid": lambda: owners.user(value)[:_WIDTH],
        "gid": lambda: owners.group(value)[:_WIDTH],
        "cgid": lambda: owners.group(value)[:_WIDTH],
    }
    return texts.get(field, lambda: str(value))()


def _status(mode: int) -> str:
    return f"{'dest' if mode & _DEST else '':<6} {'locked' if mode & _LOCKED else '':<6}"


def _rows(process: Process, name: str) -> list[Mapping[str, int]]:
    return list(_parsed(_text_of(process, name)))


def _text_of(process: Process, name: str) -> str:
    try:
        return decoded(process.files.read(f"/proc/sysvipc/{name}"))
    except OSError:
        return ""


def _parsed(text: str) -> Iterator[Mapping[str, int]]:
    """Return the rows of a table with a head; permissions are octal there."""
    head, *lines = text.splitlines() or [""]
    names = head.split()
    for line in lines:
        words = line.split()
        if len(words) == len(names) and all(each.lstrip("-").isdecimal() for each in words):
            pairs = zip(names, words, strict=True)
            yield {name: int(word, 8 if name == "perms" else 10) for name, word in pairs}


COMMANDS = {"ipcs": Applet(show_ipc, "[[-smq] -i SHMID] | [[-asmq] [-tcplu]]")}
