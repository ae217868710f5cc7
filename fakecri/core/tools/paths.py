"""`basename`, `readlink`, `which` and their kin: what a path says, and where it leads."""

from fakecri.core.applets import Applet, Surroundings, complain
from fakecri.core.executables import DEFAULT_PATH
from fakecri.core.options import UsageError, read_options
from fakecri.core.processes import Process
from fakecri.core.tools.words import blame, encoded, last_name, reason, say


def show_base(process: Process, _: Surroundings) -> int:
    """`basename`."""
    options = read_options(process.spec.argv, "as:", leading=True)
    words = options.operands
    suffix = (options.values("s") or [""])[-1]
    if not words:
        raise UsageError
    if not options.given and len(words) > 1:
        if len(words) > 2:  # noqa: PLR2004  # a path and a suffix
            raise UsageError
        suffix, words = words[1], words[:1]
    for word in words:
        name = last_name(word)
        say(process, name.removesuffix(suffix) if name != suffix else name)
    return 0


def show_directory(process: Process, _: Surroundings) -> int:
    """`dirname`."""
    operands = read_options(process.spec.argv, "", leading=True).operands
    if len(operands) != 1:
        raise UsageError
    stripped = operands[0].rstrip("/")
    head, slash, _name = stripped.rpartition("/")
    if not stripped and operands[0]:
        head = "//" if operands[0].startswith("//") else "/"
    elif slash:
        head = head.rstrip("/") or ("//" if stripped.startswith("//") else "/")
    say(process, head or ".")
    return 0


def show_link(process: Process, _: Surroundings) -> int:
    """`readlink`."""
    options = read_options(process.spec.argv, "nfvsqe")
    if len(options.operands) != 1 or options.letters & {"e"}:
        raise UsageError
    path, letters = options.operands[0], options.letters
    try:
        target = _resolved(process, path) if "f" in letters else process.files.readlink(path)
    except OSError as error:
        if "v" not in letters:
            return 1
        if "f" in letters:
            return blame(process, "readlink", path, error)
        is_link = not process.files.exists(path) or reason(error) != "Invalid argument"
        text = reason(error) if is_link else "not a symlink"
        return complain(process, "readlink", f"{path}: cannot read link: {text}")
    process.write(encoded(target) + (b"" if "n" in letters else b"\n"))
    return 0


def _resolved(process: Process, path: str) -> str:
    """The path without links; a link may lead to what is not there. Raises OSError."""
    files = process.files
    if files.stat(path, follow=False).kind != "link":
        files.stat(path)
    return files.realpath(path)


def show_real_paths(process: Process, _: Surroundings) -> int:
    """`realpath`."""
    operands = read_options(process.spec.argv, "").operands
    if not operands:
        raise UsageError
    status = 0
    for path in operands:
        try:
            found = _resolved(process, path)
        except OSError as error:
            status = blame(process, "realpath", path, error)
        else:
            say(process, found)
    return status


def locate_commands(process: Process, surroundings: Surroundings) -> int:
    """`which`."""
    options = read_options(process.spec.argv, "a")
    if not options.operands:
        raise UsageError
    search = process.spec.environment.get("PATH", DEFAULT_PATH)
    status = 0
    for name in options.operands:
        directories = [] if "/" in name else search.split(":")
        places = [f"{each or '.'}/{name}" for each in directories] or [name]
        found = [each for each in places if _is_program(process, surroundings, each)]
        for path in found if "a" in options.letters else found[:1]:
            say(process, path)
        status |= not found
    return int(status)


def _is_program(process: Process, surroundings: Surroundings, path: str) -> bool:
    try:
        if process.files.stat(path).kind == "file":
            return process.files.access(path, "x")
    except (OSError, RuntimeError):
        pass
    return surroundings.userland.has(path)


COMMANDS = {
    "basename": Applet(show_base, "FILE [SUFFIX] | -a FILE... | -s SUFFIX FILE..."),
    "dirname": Applet(show_directory, "FILENAME"),
    "readlink": Applet(show_link, "[-fnv] FILE"),
    "realpath": Applet(show_real_paths, "FILE..."),
    "which": Applet(locate_commands, "[-a] COMMAND..."),
}
