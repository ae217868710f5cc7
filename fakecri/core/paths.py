"""Paths and their errors: the numbers and texts of Linux, and Go's way to print them."""

import errno

NAME_MAX = 255  # bytes of one name in a path
PATH_MAX = 4096  # bytes of a path, with the NUL that ends it

# What Linux says; Go prints the same with a small first letter.
_TEXTS = {
    errno.EPERM: "Operation not permitted",
    errno.ENOENT: "No such file or directory",
    errno.ENXIO: "No such device or address",
    errno.ENOEXEC: "Exec format error",
    errno.ENODEV: "No such device",
    errno.ETXTBSY: "Text file busy",
    errno.ESPIPE: "Illegal seek",
    errno.EMLINK: "Too many links",
    errno.EIO: "Input/output error",
    errno.EBADF: "Bad file descriptor",
    errno.EACCES: "Permission denied",
    errno.EBUSY: "Device or resource busy",
    errno.EEXIST: "File exists",
    errno.EXDEV: "Invalid cross-device link",
    errno.ENOTDIR: "Not a directory",
    errno.EISDIR: "Is a directory",
    errno.EINVAL: "Invalid argument",
    errno.ENFILE: "Too many open files in system",
    errno.EMFILE: "Too many open files",
    errno.EFBIG: "File too large",
    errno.ENOSPC: "No space left on device",
    errno.EROFS: "Read-only file system",
    errno.ENAMETOOLONG: "File name too long",
    errno.ENOTEMPTY: "Directory not empty",
    errno.ELOOP: "Too many levels of symbolic links",
    errno.ESTALE: "Stale file handle",
    errno.EOPNOTSUPP: "Operation not supported",
    errno.EDQUOT: "Disk quota exceeded",
}


def path_error(code: int, path: str, second_path: str | None = None) -> OSError:
    """The OSError subclass of an errno, with Linux's text."""
    text = _TEXTS.get(code, f"errno {code}")
    if second_path is None:
        return OSError(code, text, path)
    return OSError(code, text, path, None, second_path)


def split_path(path: str) -> list[str]:
    """The names of a cleaned path from `/` on; none for `/` itself.

    Raises FileNotFoundError for an empty path and OSError (EINVAL) for one with a NUL.
    """
    if not path:
        raise path_error(errno.ENOENT, path)
    if "\0" in path:
        raise path_error(errno.EINVAL, path)
    names: list[str] = []
    for name in path.split("/"):
        if name == "..":
            del names[-1:]
        elif name not in {"", "."}:
            names.append(name)
    return names


def parents(names: list[str]) -> list[str]:
    """The paths of the directories above a split path, from the top, without `/`."""
    return ["/" + "/".join(names[:count]) for count in range(1, len(names))]


def go_error_text(operation: str, path: str, error: OSError) -> str:
    """What Go prints for a failed file operation: `open /x/y: no such file or directory`.

    For a rename, `path` is both paths with a space between.
    """
    text = _TEXTS.get(error.errno or 0) or error.strerror or str(error)
    if text[:1].isupper() and text[1:2].islower():
        text = text[0].lower() + text[1:]
    return f"{operation} {path}: {text}"


def go_open_error_text(path: str, error: OSError) -> str:
    """Go's text for an error of `open_append(path)`, which makes parents before it opens.

    A parent that cannot be made has a text of its own: `mkdir /x: not a directory`.
    """
    if error.filename in (None, path):
        return go_error_text("open", path, error)
    return go_error_text("mkdir", error.filename, error)
