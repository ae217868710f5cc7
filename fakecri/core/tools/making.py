"""`mkdir`, `touch`, `mktemp` and their kin: new files, and files that change size or time."""

import errno
import hashlib
import posixpath
import re

from fakecri.core.applets import Applet, Refusal, Surroundings, complain
from fakecri.core.dates import parse_date_s
from fakecri.core.options import Options, UsageError, read_options
from fakecri.core.processes import Process
from fakecri.core.scheduler import SECOND_NS, Waits
from fakecri.core.tools.copying import Copying
from fakecri.core.tools.modes import parse_mode
from fakecri.core.tools.words import (
    blame,
    group_id,
    joined,
    last_name,
    reason,
    say,
    sized_number,
    user_id,
    whole_number,
)

_DAY_S = 86_400
_LETTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_PLACES = 6
_TRIES = 100
_MOST_DEVICES = 2**20 - 1
_USUAL = "/tmp"  # noqa: S108  # of the container


def _asked_mode(process: Process, options: Options, plain: int) -> int | None:
    """The mode of `-m`, if there is one. Raises Refusal."""
    if "m" not in options.letters:
        return None
    text = options.values("m")[-1]
    mode = parse_mode(text, plain, umask=process.umask)
    if mode is None:
        raise Refusal(f"invalid mode '{text}'")
    return mode


def make_directories(process: Process, _: Surroundings) -> int:
    """`mkdir`."""
    options = read_options(process.spec.argv, "m:pvZ:", {"mode": "m", "parents": "p"})
    if not options.operands:
        raise UsageError
    mode = _asked_mode(process, options, 0o777)
    status = 0
    for path in options.operands:
        status |= _make_directory(process, path, mode, with_parents="p" in options.letters)
    return status


def _make_directory(process: Process, path: str, mode: int | None, *, with_parents: bool) -> int:
    files = process.files
    places = [match.end() for match in re.finditer(r"[^/]/+(?=[^/])", path)] if with_parents else []
    for end in (*places, len(path)):
        made = path[:end]
        try:
            files.mkdir(made)
        except OSError as error:
            if with_parents and files.is_dir(made):
                continue
            is_parent = made != path and isinstance(error, FileExistsError)
            text = "Not a directory" if is_parent else reason(error)
            return complain(process, "mkdir", f"can't create directory '{made}': {text}")
        if made == path and mode is not None:
            files.chmod(path, mode)
    return 0


_TOUCH_LONG = {"no-create": "c", "reference": "r", "date": "d"}


def touch_files(process: Process, _: Surroundings) -> int:
    """`touch`."""
    options = read_options(process.spec.argv, "chamd:t:r:f", _TOUCH_LONG)
    if not options.operands:
        raise UsageError
    time_ns = _touch_time(process, options)
    status = 0
    for path in options.operands:
        try:
            if not process.files.exists(path):
                if "c" in options.letters:
                    continue
                process.files.open(path, "a").close()
            process.files.utime(path, time_ns)
        except OSError as error:
            status = blame(process, "touch", path, error)
    return status


def _touch_time(process: Process, options: Options) -> int:
    for path in options.values("r")[-1:]:
        try:
            return process.files.stat(path).mtime_ns
        except OSError as error:
            raise Refusal(f"can't stat '{path}': {reason(error)}") from error
    now_ns = process.wall_ns()
    for text in (options.values("d") + options.values("t"))[-1:]:
        seconds = now_ns // SECOND_NS
        parsed = parse_date_s(text, seconds - seconds % _DAY_S)
        if parsed is None:
            raise Refusal(f"invalid date '{text}'")
        return parsed * SECOND_NS
    return now_ns


def make_fifo(process: Process, _: Surroundings) -> int:
    """`mkfifo`."""
    options = read_options(process.spec.argv, "m:", {"mode": "m"})
    if not options.operands:
        raise UsageError
    mode = _asked_mode(process, options, 0o666)
    status = 0
    for path in options.operands:
        try:
            process.files.mkfifo(path)
            if mode is not None:
                process.files.chmod(path, mode)
        except OSError as error:
            status = blame(process, "mkfifo", path, error)
    return status


def make_node(process: Process, _: Surroundings) -> int:
    """`mknod`."""
    options = read_options(process.spec.argv, "m:Z:", {"mode": "m"})
    operands = options.operands
    kind = operands[1][:1] if len(operands) > 1 else ""
    if kind not in set("bcup") or len(operands) != (2 if kind == "p" else 4) or not kind:
        raise UsageError
    mode = _asked_mode(process, options, 0o666)
    path = operands[0]
    try:
        if kind == "p":
            process.files.mkfifo(path)
        else:
            numbers = [whole_number(each, 0, _MOST_DEVICES) for each in operands[2:]]
            name = "block" if kind == "b" else "char"
            process.files.mknod(path, name, (numbers[0], numbers[1]))
        if mode is not None:
            process.files.chmod(path, mode)
    except OSError as error:
        return blame(process, "mknod", path, error)
    return 0


def make_temporary(process: Process, _: Surroundings) -> int:
    """`mktemp`. The letters follow from process and time, so that a run can be had again."""
    options = read_options(process.spec.argv, "dqtp:u")
    letters = options.letters
    if len(options.operands) > 1:
        raise UsageError
    template = options.operands[0] if options.operands else "tmp.XXXXXX"
    if not options.operands or letters & {"t", "p"}:
        usual = process.spec.environment.get("TMPDIR") or _USUAL
        directory = (options.values("p") or [usual])[-1]
        if options.operands and "t" in letters and "/" in template:
            template = last_name(template)
        template = joined(directory, template)
    failure = _try_to_make(process, template, letters)
    if failure is None:
        return 0
    return 1 if "q" in letters else complain(process, "mktemp", f"(null): {reason(failure)}")


def _try_to_make(process: Process, template: str, letters: set[str]) -> OSError | None:
    if not template.endswith("X" * _PLACES):
        return OSError(errno.EINVAL, "Invalid argument")
    failure: OSError | None = None
    for attempt in range(_TRIES):
        path = template[:-_PLACES] + _drawn(process, template, attempt)
        try:
            if "d" in letters:
                process.files.mkdir(path, 0o700)
            elif "u" not in letters:
                process.files.open(path, "x", 0o600).close()
            elif process.files.exists(path):
                continue
        except FileExistsError as error:
            failure = error
            continue
        except OSError as error:
            return error
        say(process, path)
        return None
    return failure


def _drawn(process: Process, template: str, attempt: int) -> str:
    seed = f"{process.pid} {process.wall_ns()} {template} {attempt}"
    digest = hashlib.sha256(seed.encode(errors="surrogateescape")).digest()
    return "".join(_LETTERS[byte % len(_LETTERS)] for byte in digest[:_PLACES])


def truncate_files(process: Process, _: Surroundings) -> int:
    """`truncate`."""
    options = read_options(process.spec.argv, "cs:", {"no-create": "c", "size": "s"})
    if not options.operands or "s" not in options.letters:
        raise UsageError
    size = sized_number(options.values("s")[-1])
    status = 0
    for path in options.operands:
        files = process.files
        try:
            if not files.exists(path):
                if "c" in options.letters:
                    continue
                files.open(path, "a").close()
            files.truncate(path, size)
        except OSError as error:
            status = complain(process, "truncate", f"{path}: open: {reason(error)}")
    return status


_INSTALL_LONG = {
    "directory": "d",
    "preserve-timestamps": "p",
    "strip": "s",
    "group": "g",
    "mode": "m",
    "owner": "o",
    "target-directory": "t",
}


def install_files(process: Process, surroundings: Surroundings) -> Waits[int]:
    """`install`."""
    options = read_options(process.spec.argv, "cvb:Ddpsg:m:o:t:", _INSTALL_LONG)
    letters, operands = options.letters, list(options.operands)
    if "d" not in letters and len(operands) + ("t" in letters) < 2:  # noqa: PLR2004  # from and to
        raise UsageError
    if not operands:
        raise UsageError
    finish = _Finish(process, surroundings, options)
    if "d" in letters:
        return max(finish.make_directory(each) for each in operands)
    target = options.values("t")[-1] if "t" in letters else operands.pop()
    is_dir = "t" in letters or len(operands) > 1 or process.files.is_dir(target)
    if "D" in letters:
        parent = target if is_dir else posixpath.dirname(target)
        if parent:
            _make_directory(process, parent, None, with_parents=True)
    copying = Copying(process, "install", {"f", "L"} | (letters & {"p"}))
    status = 0
    for source in operands:
        place = joined(target, last_name(source)) if is_dir else target
        if process.files.is_dir(source):
            status = complain(process, "install", f"omitting directory '{source}'")
        elif (yield from copying.copy(source, place)):
            status = 1
        else:
            status |= finish.finish(place)
    return status


class _Finish:
    """What `install` does to what is there."""

    def __init__(self, process: Process, surroundings: Surroundings, options: Options) -> None:
        self.process = process
        asked = _asked_mode(process, options, 0)
        self.mode = 0o755 if asked is None else asked
        owners, groups = options.values("o"), options.values("g")
        self.uid = user_id(process, surroundings, owners[-1]) if owners else -1
        self.gid = group_id(process, surroundings, groups[-1]) if groups else -1

    def make_directory(self, path: str) -> int:
        return _make_directory(self.process, path, None, with_parents=True) or self.finish(path)

    def finish(self, path: str) -> int:
        try:
            if (self.uid, self.gid) != (-1, -1):
                self.process.files.chown(path, self.uid, self.gid)
            self.process.files.chmod(path, self.mode)
        except OSError as error:
            text = f"can't change permissions of {path}: {reason(error)}"
            return complain(self.process, "install", text)
        return 0


COMMANDS = {
    "install": Applet(
        install_files, "[-cdDsp] [-o USER] [-g GRP] [-m MODE] [-t DIR] [SOURCE]... DEST"
    ),
    "mkdir": Applet(make_directories, "[-m MODE] [-p] DIRECTORY..."),
    "mkfifo": Applet(make_fifo, "[-m MODE] NAME"),
    "mknod": Applet(make_node, "[-m MODE] NAME TYPE [MAJOR MINOR]"),
    "mktemp": Applet(make_temporary, "[-dt] [-p DIR] [TEMPLATE]"),
    "touch": Applet(touch_files, "[-cham] [-d DATE] [-t DATE] [-r FILE] FILE..."),
    "truncate": Applet(truncate_files, "[-c] -s SIZE FILE..."),
}
