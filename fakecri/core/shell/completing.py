"""What a word that was begun may become: commands and files."""

import posixpath

from fakecri.core.executables import DEFAULT_PATH
from fakecri.core.shell.builtins import BUILTINS
from fakecri.core.shell.state import Shell
from fakecri.core.shell.text import inner, outer

_SEPARATORS = b" \t;&|<>()`"
_BEFORE_COMMANDS = b";&|(`"


def completions(shell: Shell, line: bytes) -> tuple[bytes, list[bytes]]:
    """Return the word that a line ends in, and all that it may become; directories end in `/`."""
    start = len(line)
    while start and line[start - 1] not in _SEPARATORS:
        start -= 1
    before, word = line[:start].rstrip(b" \t"), line[start:]
    text = word.decode("latin-1")
    if "/" not in text and (not before or before[-1] in _BEFORE_COMMANDS):
        found = _commands(shell, text)
    else:
        found = _files(shell, text)
    return word, [each.encode("latin-1") for each in sorted(found)]


def _commands(shell: Shell, begun: str) -> set[str]:
    names = {name for name, builtin in BUILTINS.items() if builtin.is_for(shell)}
    files = shell.process.files
    for directory in outer(shell.variables.get("PATH") or DEFAULT_PATH).split(":"):
        names |= {
            inner(name)
            for name in _names(shell, directory or ".")
            if files.access(path := posixpath.join(directory, name), "x") and not files.is_dir(path)
        }
    return {name for name in {*names, *shell.aliases, *shell.functions} if name.startswith(begun)}


def _files(shell: Shell, begun: str) -> set[str]:
    directory, slash, start = begun.rpartition("/")
    place = directory + slash
    found = set()
    for name in map(inner, _names(shell, outer(place) or ".")):
        if name.startswith(start) and (start or not name.startswith(".")):
            path = f"{place}{name}"
            found.add(f"{path}/" if shell.process.files.is_dir(outer(path)) else path)
    return found


def _names(shell: Shell, directory: str) -> tuple[str, ...]:
    try:
        return tuple(shell.process.files.list(directory))
    except OSError:
        return ()
