"""Builtins about files and directories."""

import re
from dataclasses import replace

from fakecri.core.shell import conditions
from fakecri.core.shell.builtins.builtin import options
from fakecri.core.shell.errors import CommandError, ShellError
from fakecri.core.shell.state import Shell
from fakecri.core.shell.text import inner, outer


def test(shell: Shell, words: list[str]) -> int:
    """`test EXPRESSION`."""
    return int(not conditions.test(shell, words[1:]))


def bracket(shell: Shell, words: list[str]) -> int:
    """`[ EXPRESSION ]`."""
    if words[-1] != "]":
        raise CommandError("missing `]'" if shell.bash else "missing ]", 2)
    return int(not conditions.test(shell, words[1:-1]))


def double_bracket(shell: Shell, words: list[str]) -> int:
    """`[[ EXPRESSION ]]` of ash: a command as `[`, with patterns and regular expressions."""
    if words[-1] != "]]":
        raise CommandError("missing ]]", 2)
    return int(not conditions.test_doubled(shell, words[1:-1]))


def working_directory(shell: Shell, words: list[str]) -> int:
    """`pwd [-LP]`."""
    given, _ = options(shell, words, "LP")
    physical = bool(given) and given[-1][0] == "P"
    if physical:
        shell.write(inner(shell.process.files.realpath(".")) + "\n")
    else:
        shell.write(f"{current(shell)}\n")
    return 0


def current(shell: Shell) -> str:
    """Return the working directory, by the way that led there."""
    return shell.variables.get("PWD") or inner(shell.process.spec.cwd)


def change_directory(shell: Shell, words: list[str]) -> int:
    """`cd [-LP] [DIRECTORY]`."""
    given, rest = options(shell, words, "LPe@" if shell.bash else "LP")
    physical = bool(given) and given[-1][0] == "P"
    target = rest[0] if rest else (shell.variables.get("HOME") or "")
    shown = False
    if not rest and not target:
        if shell.bash:
            raise CommandError("HOME not set")
        return 0
    if target == "-":
        target = shell.variables.get("OLDPWD") or ""
        shown = True
        if not target and shell.bash:
            raise CommandError("OLDPWD not set")
    path, by_path = _resolve(shell, target)
    _enter(shell, path, target, physical=physical)
    if shown or by_path:
        shell.write(f"{current(shell)}\n")
    return 0


def _resolve(shell: Shell, target: str) -> tuple[str, bool]:
    """Look a name up in CDPATH; whether it was found there."""
    search = shell.variables.get("CDPATH")
    if search and not re.match(r"\.{0,2}(/|$)", target):
        for directory in search.split(":"):
            path = f"{directory or '.'}/{target}"
            if shell.process.files.is_dir(outer(path)):
                return path, bool(directory)
    return target, False


def _enter(shell: Shell, path: str, name: str, *, physical: bool) -> None:
    files = shell.process.files
    logical = path if path.startswith("/") else f"{current(shell).rstrip('/')}/{path}"
    try:
        stat = files.stat(outer(path) if physical else outer(_normalised(logical)))
        if stat.kind != "dir":
            raise NotADirectoryError(20, "Not a directory")
        if not files.access(outer(_normalised(logical)), "x"):
            raise PermissionError(13, "Permission denied")
        real = inner(files.realpath(outer(logical)))
    except OSError as error:
        if shell.bash:
            raise CommandError(f"{name}: {error.strerror}") from error
        raise ShellError(f"can't cd to {name}: {error.strerror}") from error
    new = real if physical else _normalised(logical)
    shell.variables.set("OLDPWD", current(shell))
    shell.process.spec = replace(shell.process.spec, cwd=outer(real))
    shell.variables.set("PWD", new)
    for variable in ("PWD", "OLDPWD"):
        shell.variables.mark(variable).exported = True


def _normalised(path: str) -> str:
    parts: list[str] = []
    for part in path.split("/"):
        if part == "..":
            parts = parts[:-1]
        elif part not in {"", "."}:
            parts.append(part)
    return "/" + "/".join(parts)


def umask(shell: Shell, words: list[str]) -> int:
    """`umask [-S] [MODE]`."""
    given, rest = options(shell, words, "Sp" if shell.bash else "S")
    process = shell.process
    if not rest:
        shell.write(_symbolic(process.umask) if given else f"{process.umask:04o}")
        shell.write("\n")
        return 0
    mode = rest[0]
    if mode[:1].isdigit():
        if not re.fullmatch(r"[0-7]{1,4}", mode):
            raise ShellError(
                f"{mode}: octal number out of range" if shell.bash else f"illegal mode: {mode}",
                1 if shell.bash else 2,
            )
        process.umask = int(mode, 8) & 0o777
        return 0
    process.umask = 0o777 & ~_changed(mode, 0o777 & ~process.umask)
    return 0


def _symbolic(mask: int) -> str:
    pieces = []
    for name, shift in (("u", 6), ("g", 3), ("o", 0)):
        bits = ~(mask >> shift) & 7
        letters = "".join(each for each, bit in zip("rwx", (4, 2, 1), strict=True) if bits & bit)
        pieces.append(f"{name}={letters}")
    return ",".join(pieces)


def _changed(text: str, mode: int) -> int:
    for clause in text.split(","):
        match = re.fullmatch(r"([ugoa]*)([-+=])([rwx]*)", clause)
        if match is None:
            raise ShellError(f"illegal mode: {text}")
        bits = sum({"r": 4, "w": 2, "x": 1}[each] for each in set(match[3]))
        for who in set(match[1].replace("a", "ugo") or "ugo"):
            shift = {"u": 6, "g": 3, "o": 0}[who]
            if match[2] == "=":
                mode &= ~(7 << shift)
            if match[2] == "-":
                mode &= ~(bits << shift)
            else:
                mode |= bits << shift
    return mode
