"""Finding an executable in an image, as runc does it, and what it says where there is none.

The texts are those of Go's exec.LookPath; runc puts `unable to start container process: ` before.
"""

import errno
from collections.abc import Mapping

from fakecri.core.paths import NAME_MAX, PATH_MAX, go_error_text, parents, path_error, split_path
from fakecri.core.userlands import Userland

DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

_DIRECTORIES = frozenset({"/", "/dev", "/etc", "/proc", "/sys"})  # every container has them
_ESCAPES = {
    **{each: f"\\{letter}" for each, letter in zip("\a\b\f\n\r\t\v", "abfnrtv", strict=True)},
    **{each: f"\\{each}" for each in '\\"'},
}


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


def locate(userland: Userland, name: str, environment: Mapping[str, str], cwd: str = "/") -> str:
    """Return the absolute path that a name leads to. Raises MissingExecutableError.

    A bare name is looked up in `PATH`; one with a slash is a path, from `cwd` on.
    """
    if "/" not in name:
        return _locate_in_path(userland, name, environment.get("PATH", DEFAULT_PATH), cwd)
    code = stat_code(userland, name, cwd)
    if code:
        raise _refusal(name, code)
    return cleaned(name, cwd)


def missing(name: str, why: str = "") -> MissingExecutableError:
    """Return what is said of a name that leads nowhere."""
    if "/" in name:
        return _refusal(name, errno.ENOENT, why)
    return MissingExecutableError(
        f"exec: {quoted(name)}: executable file not found in $PATH", why=why
    )


def stat_code(userland: Userland, name: str, cwd: str = "/") -> int:
    """Return why a path cannot be executed, as an errno; 0 where it can."""
    path = cleaned(name, cwd)
    names = split_path(path)
    if len(path.encode()) >= PATH_MAX or any(len(each.encode()) > NAME_MAX for each in names):
        return errno.ENAMETOOLONG
    files = [each for each in (path, *parents(names)) if _is_file(userland, each)]
    if files and (files[0] != path or name.endswith("/")):
        return errno.ENOTDIR
    if files:
        return 0 if userland.has(path) else errno.EACCES
    return errno.EISDIR if _is_directory(userland, path) else errno.ENOENT


def require_directory(userland: Userland, cwd: str) -> None:
    """Raise where a working directory cannot be made; one that is missing is (source: runc)."""
    if "\0" in cwd:
        raise MissingExecutableError(
            f"error during container init: mkdir {cwd}: invalid argument", errno.EINVAL
        )
    path = cleaned(cwd, "/")
    for each in (*parents(split_path(path)), path):
        if _is_file(userland, each):
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


def _locate_in_path(userland: Userland, name: str, search: str, cwd: str) -> str:
    for directory in search.split(":") if name else ():
        path = cleaned(f"{directory or '.'}/{name}", cwd)
        if userland.has(path):
            if directory.startswith("/"):
                return path
            raise MissingExecutableError(
                f"exec: {quoted(name)}: cannot run executable found relative to current directory",
            )
    raise missing(name)


def _refusal(name: str, code: int, why: str = "") -> MissingExecutableError:
    if code == errno.EISDIR:
        # execve(2) has another word for it than Go.
        text, code = "is a directory", errno.EACCES
    elif code == errno.EACCES:
        text = "permission denied"
    else:
        text = go_error_text("stat", name, path_error(code, name))
    return MissingExecutableError(f"exec: {quoted(name)}: {text}", code, why)


def _is_file(userland: Userland, path: str) -> bool:
    texts = {"/etc/passwd": userland.passwd, "/etc/group": userland.group}
    return userland.has(path) or bool(texts.get(path))


def _is_directory(userland: Userland, path: str) -> bool:
    below = path.rstrip("/") + "/"
    return path in _DIRECTORIES or any(each.startswith(below) for each in userland.executables)
