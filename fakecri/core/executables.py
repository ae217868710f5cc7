"""Finding an executable in an image, as runc does it, and what it says where there is none.

The texts are those of Go's exec.LookPath; runc puts `unable to start container process: ` before.
"""

import errno
from collections.abc import Mapping

from fakecri.core.paths import go_error_text, parents, path_error, split_path
from fakecri.core.rootfs.lookups import Lookup

DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

_ESCAPES = {
    **{each: f"\\{letter}" for each, letter in zip("\a\b\f\n\r\t\v", "abfnrtv", strict=True)},
    **{each: f"\\{each}" for each in '\\"'},
}

_IS_DIRECTORY = "is a directory"


class MissingExecutableError(Exception):
    """There is nothing to run. `text` is runc's, with a reason of ours in brackets, if any.

    `code` is the errno of execve(2), `strerror` its text.
    """

    def __init__(self, text: str, code: int = errno.ENOENT, why: str = "") -> None:
        self.why = f" ({why})" if why else ""
        self.text = text + self.why
        self.code = code
        self.strerror = path_error(code, "").strerror
        super().__init__(self.text)


def crun_text(missing: MissingExecutableError, argv: tuple[str, ...]) -> str:
    """Return what crun says where runc has another text."""
    name = argv[0] if argv else ""
    if missing.code == errno.ENOENT:
        where = "" if "/" in name else " in $PATH"
        return f"executable file `{name}` not found{where}: {missing.strerror}{missing.why}"
    if missing.code == errno.EACCES:
        return f"open executable: {missing.strerror}{missing.why}"
    return missing.text


def runc_text(missing: MissingExecutableError, *, knows_directories: bool) -> str:
    """Return what runc says; one that was built with an old Go has no word for directories."""
    name, _, why = missing.text.rpartition(": ")
    is_directory = why == _IS_DIRECTORY and not knows_directories
    return f"{name}: permission denied" if is_directory else missing.text


def locate(
    lookup: Lookup,
    name: str,
    environment: Mapping[str, str],
    cwd: str = "/",
    *,
    is_inside: bool = False,
) -> str:
    """Return the absolute path that a name leads to. Raises MissingExecutableError.

    A bare name is looked up in `PATH`; one with a slash is a path, from `cwd` on. Only for who
    `is_inside` the container, a relative directory in `PATH` counts: runc will have none.
    """
    if "/" not in name:
        search = environment.get("PATH", DEFAULT_PATH)
        return _locate_in_path(lookup, name, search, cwd, is_inside=is_inside)
    try:
        code = lookup.refusal(name, cwd)
    except OSError as error:
        code = error.errno or errno.ENOENT
        text = go_error_text("stat", name, path_error(code, name))
        raise MissingExecutableError(f"exec: {quoted(name)}: {text}", code) from None
    if code:
        raise _refusal(name, code)
    return cleaned(name, cwd)


def missing(name: str, why: str = "", code: int = errno.ENOENT) -> MissingExecutableError:
    """Return what is said of a name that leads nowhere."""
    if "/" in name:
        return _refusal(name, errno.ENOENT, why)
    return MissingExecutableError(
        f"exec: {quoted(name)}: executable file not found in $PATH", code, why
    )


def require_directory(lookup: Lookup, cwd: str) -> None:
    """Raise where a working directory cannot be made; one that is missing is (source: runc)."""
    if "\0" in cwd:
        raise MissingExecutableError(
            f"error during container init: mkdir {cwd}: invalid argument", errno.EINVAL
        )
    path = cleaned(cwd, "/")
    for each in (*parents(split_path(path)), path):
        try:
            is_directory = lookup.place(each, "/").held.kind == "dir"
        except OSError:
            return
        if not is_directory:
            text = f"error during container init: mkdir {each}: not a directory"
            raise MissingExecutableError(text, errno.ENOTDIR)


def cleaned(name: str, cwd: str) -> str:
    """Return the absolute path that a path means in a working directory."""
    path = name if name.startswith("/") else f"{cwd}/{name}"
    return "/" + "/".join(split_path(path))


def quoted(name: str) -> str:
    """Return a name in double quotes, as Go's %q writes it."""
    if name.isascii() and name.isprintable() and '"' not in name and "\\" not in name:
        return f'"{name}"'
    return '"' + "".join(_quoted_rune(each) for each in name) + '"'


def _quoted_rune(rune: str) -> str:
    if rune in _ESCAPES or rune.isprintable():
        return _ESCAPES.get(rune, rune)
    code = ord(rune)
    if code < 0x80:  # noqa: PLR2004  # the end of ASCII
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"  # noqa: PLR2004  # 16 bits


def _locate_in_path(lookup: Lookup, name: str, search: str, cwd: str, *, is_inside: bool) -> str:
    code = errno.ENOENT
    for directory in search.split(":") if name else ():
        path = f"{directory or '.'}/{name}"
        try:
            refused = lookup.refusal(path, cwd)
        except OSError:
            continue
        if refused:
            # To Go it is as if it were not there; execvp(3) remembers.
            code = errno.EACCES if refused == errno.EACCES else code
            continue
        if is_inside or directory.startswith("/"):
            return cleaned(path, cwd)
        raise MissingExecutableError(
            f"exec: {quoted(name)}: cannot run executable found relative to current directory",
        )
    raise missing(name, code=code)


def _refusal(name: str, code: int, why: str = "") -> MissingExecutableError:
    if code == errno.EISDIR:
        # execve(2) has another word for it than Go.
        text, code = _IS_DIRECTORY, errno.EACCES
    elif code == errno.EACCES:
        text = "permission denied"
    else:
        text = go_error_text("stat", name, path_error(code, name))
    return MissingExecutableError(f"exec: {quoted(name)}: {text}", code, why)
