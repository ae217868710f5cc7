"""Redirections: opening files, and what was open before."""

import errno
import re
from collections.abc import Sequence

from fakecri.core.scheduler import Waits
from fakecri.core.shell.descriptors import NOTHING, Descriptor, Literal, of_file
from fakecri.core.shell.errors import ShellError
from fakecri.core.shell.expansion import expand_text, expand_words
from fakecri.core.shell.state import Shell
from fakecri.core.shell.syntax import HereDocument, Redirection, Word
from fakecri.core.shell.text import outer

Saved = list[tuple[int, Descriptor | None]]
"""What was open before, by number, in the order in which it was replaced."""

_NUMBERED = re.compile(r"/(?:dev|proc/self)/fd/([0-9]+)")
_NAMED = {"/dev/stdin": 0, "/dev/stdout": 1, "/dev/stderr": 2}
_READING = frozenset({"<", "<<", "<<<", "<&", "<>"})
_FLAGS = {"<": "r", ">": "w", ">|": "w", ">>": "a", "<>": "r+", "&>": "w", "&>>": "a"}


def redirect(shell: Shell, redirections: Sequence[Redirection]) -> Waits[Saved]:
    """Do all of them, from left to right. Raises ShellError, with nothing changed."""
    saved: Saved = []
    try:
        for each in redirections:
            yield from _redirect(shell, each, saved)
    except BaseException:
        restore(shell, saved)
        raise
    return saved


def restore(shell: Shell, saved: Saved) -> None:
    """Make it as it was."""
    while saved:
        number, before = saved.pop()
        shell.descriptors.put(number, before)
        if before is not None:
            before.release()


def forget(saved: Saved) -> None:
    """Leave it as it is."""
    while saved:
        _, before = saved.pop()
        if before is not None:
            before.release()


def _put(shell: Shell, saved: Saved, number: int, descriptor: Descriptor | None) -> None:
    before = shell.descriptors.find(number)
    if before is not None:
        before.hold()
    saved.append((number, before))
    shell.descriptors.put(number, descriptor)


def _redirect(shell: Shell, redirection: Redirection, saved: Saved) -> Waits[None]:
    operator, target = redirection.operator, redirection.target
    number = redirection.fd
    if number < 0:
        number = 0 if operator in _READING else 1
    if isinstance(target, HereDocument):
        text = yield from expand_text(shell, target.body)
        _put(shell, saved, number, Descriptor(reader=Literal(text.encode("latin-1"))))
        return
    name = yield from _name(shell, target)
    if operator == "<<<":
        _put(shell, saved, number, Descriptor(reader=Literal(f"{name}\n".encode("latin-1"))))
    elif operator in {">&", "<&"} and (name.isdecimal() or name == "-"):
        _put(shell, saved, number, _duplicate(shell, name))
    elif operator in {"&>", "&>>", ">&"}:
        if operator == ">&" and redirection.fd >= 0 and redirection.fd != 1:
            raise (
                ShellError(f"{name}: ambiguous redirect", 1)
                if shell.bash
                else ShellError("bad fd number")
            )
        flags = "a" if operator == "&>>" else "w"
        _put(shell, saved, 1, (yield from open_file(shell, name, flags)))
        _put(shell, saved, 2, shell.descriptors.find(1))
    elif operator == "<&":
        raise ShellError(f"{name}: ambiguous redirect" if shell.bash else "bad fd number", 1)
    else:
        flags = _FLAGS[operator]
        if operator == ">" and "C" in shell.options:
            flags = "x"
        _put(shell, saved, number, (yield from open_file(shell, name, flags)))


def _name(shell: Shell, target: Word) -> Waits[str]:
    if not shell.bash:
        return (yield from expand_text(shell, target))
    words = yield from expand_words(shell, (target,))
    if len(words) == 1:
        return words[0]
    text = "".join(getattr(part, "text", getattr(part, "name", "")) for part in target.parts)
    raise ShellError(f"{text}: ambiguous redirect", 1)


def _duplicate(shell: Shell, name: str) -> Descriptor | None:
    if name == "-":
        return None
    found = shell.descriptors.find(int(name[:9]))
    if found is None:
        raise ShellError(f"{name}: Bad file descriptor", 1)
    return found


def open_file(shell: Shell, name: str, flags: str) -> Waits[Descriptor]:
    """Open a file. Raises ShellError."""
    if name == "/dev/null":
        return Descriptor(reader=NOTHING, sink=NOTHING)
    numbered = _NUMBERED.fullmatch(name)
    number = int(numbered[1][:9]) if numbered else _NAMED.get(name, -1)
    if number >= 0:
        found = shell.descriptors.find(number)
        if found is None:
            raise _refused(shell, name, flags, FileNotFoundError(errno.ENOENT, ""))
        return found
    files = shell.process.files
    try:
        if flags == "x":
            exists = files.exists(outer(name))
            if exists and files.stat(outer(name)).kind == "file":
                raise FileExistsError(errno.EEXIST, "File exists")
            flags = "w"
        elif flags == "r+" and not files.exists(outer(name)):
            files.open(outer(name), "a").close()
        return of_file((yield from files.opening(outer(name), flags)))
    except OSError as error:
        raise _refused(shell, name, flags, error) from error


def _refused(shell: Shell, name: str, flags: str, error: OSError) -> ShellError:
    strerror = error.strerror or "No such file or directory"
    if shell.bash:
        if error.errno == errno.EEXIST:
            return ShellError(f"{name}: cannot overwrite existing file", 1)
        return ShellError(f"{name}: {strerror}", 1)
    reading = flags == "r"
    if error.errno == errno.ENOENT:
        strerror = "no such file" if reading else "nonexistent directory"
    return ShellError(f"can't {'open' if reading else 'create'} {name}: {strerror}", 1)
