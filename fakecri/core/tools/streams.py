"""`tee`, `yes`, `sync`, `flock`: what goes through, goes on, and waits its turn."""

from typing import Any

from fakecri.core.applets import Applet, Refusal, Surroundings, complain
from fakecri.core.options import UsageError, read_options
from fakecri.core.processes import Process
from fakecri.core.scheduler import Future, Waits, first_of
from fakecri.core.signals import NUMBERS
from fakecri.core.tools.pacing import Pace
from fakecri.core.tools.running import duration_ns
from fakecri.core.tools.words import CHUNK, encoded, reason, start


def copy_to_files(process: Process, _: Surroundings) -> Waits[int]:
    """`tee`."""
    options = read_options(process.spec.argv, "ai", {"append": "a", "ignore-interrupts": "i"})
    if "i" in options.letters:
        process.ignore(NUMBERS["INT"])
    status = 0
    opened: list[tuple[str, Any]] = []
    for path in options.operands:
        if path == "-":
            opened.append((path, process.stdout))
            continue
        try:
            flags = "a" if "a" in options.letters else "w"
            file = yield from process.files.opening(path, flags)
            opened.append((path, file))
        except OSError as error:
            status = complain(process, "tee", f"{path}: {reason(error)}")
    while chunk := (yield from process.read()):
        process.write(chunk)
        for path, file in tuple(opened):
            try:
                file.write(chunk)
                yield from file.room()
            except OSError as error:
                status = complain(process, "tee", f"{path}: {reason(error)}")
                opened.remove((path, file))
        yield from process.drain()
    for path, file in opened:
        if path != "-":
            file.close()
    return status


def repeat_line(process: Process, _: Surroundings) -> Waits[int]:
    """`yes`."""
    line = encoded(" ".join(process.spec.argv[1:]) or "y") + b"\n"
    chunk = line * max(CHUNK // 4 // len(line), 1)
    pace = Pace(process)
    while True:
        process.write(chunk)
        yield from process.drain()
        yield from pace.moved(len(chunk))


def flush_files(process: Process, _: Surroundings) -> int:
    """`sync` and `fsync`: all is written at once, so only the names are looked at."""
    name = process.spec.argv[0].rpartition("/")[2]
    options = read_options(process.spec.argv, "df")
    if (name == "fsync" and not options.operands) or len(options.letters) > 1:
        raise UsageError
    status = 0
    for path in options.operands:
        try:
            process.files.stat(path)
        except OSError as error:
            said = f"can't open '{path}'" if name == "sync" else path
            status = complain(process, name, f"{said}: {reason(error)}")
    return status


def hold_lock(process: Process, _: Surroundings) -> Waits[int]:
    """`flock`: one program at a time in a container, by file."""
    long = {
        "shared": "s",
        "exclusive": "x",
        "unlock": "u",
        "nonblock": "n",
        "nb": "n",
        "timeout": "w",
    }
    options = read_options(process.spec.argv, "sxnuw:", long, leading=True)
    words = options.operands
    if not words:
        raise UsageError
    if len(words) == 1:
        raise Refusal("fakecri does not simulate locks on descriptors; name a file and a command")
    command = words[1:]
    if command[0] == "-c" and len(command) > 1:
        command = ["sh", "-c", command[1]]
    try:
        process.files.open(words[0], "a").close()
        stat = process.files.stat(words[0])
    except OSError as error:
        raise Refusal(f"can't open '{words[0]}': {reason(error)}") from error
    waits = options.values("w")
    patience_ns = 0 if "n" in options.letters else duration_ns(waits[-1]) if waits else None
    lock = _Lock(process, (stat.device, stat.inode))
    if not (yield from lock.take(patience_ns)):
        return 1
    child = start(process, command)
    child.exited.then(lock.give_back)
    return (yield from child.exited)


class _Lock:
    """Held by inode, by one process of a container at a time."""

    def __init__(self, process: Process, key: tuple[int, int]) -> None:
        self.process = process
        self.key = key
        self.held = process.system.locks
        self.own: Future[None] = Future(process.scheduler)

    def take(self, patience_ns: int | None) -> Waits[bool]:
        scheduler = self.process.scheduler
        end_ns = None if patience_ns is None else scheduler.now_ns + patience_ns
        while (holder := self.held.get(self.key)) is not None:
            if end_ns is None:
                yield from holder
            elif scheduler.now_ns >= end_ns:
                return False
            else:
                patience = scheduler.sleep(end_ns - scheduler.now_ns)
                yield from first_of(scheduler, holder, patience)
        self.held[self.key] = self.own
        self.process.exited.then(self.give_back)
        return True

    def give_back(self) -> None:
        if self.held.get(self.key) is self.own:
            del self.held[self.key]
            self.own.set_result(None)


COMMANDS = {
    "flock": Applet(hold_lock, "[-sxun] [-w SECS] FD | { FILE [-c] PROG ARGS }"),
    "fsync": Applet(flush_files, "[-d] FILE..."),
    "sync": Applet(flush_files, "[-df] [FILE]..."),
    "tee": Applet(copy_to_files, "[-ai] [FILE]..."),
    "yes": Applet(repeat_line, "[STRING]"),
}
