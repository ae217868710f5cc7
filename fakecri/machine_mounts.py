"""The mounts of this machine: views of them that stay as they are, and new ones, undone again."""

import ctypes
import errno
import os
import re
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from weakref import WeakValueDictionary

from fakecri.core.paths import path_error

_TABLE = Path("/proc/self/mountinfo")
_OPEN_TREE, _MOUNT_SETATTR = 428, 442  # the same on every architecture
_CLONE, _RECURSIVE, _EMPTY_PATH, _AT_FDCWD = 1, 0x8000, 0x1000, -100
_MS_RDONLY, _MS_REMOUNT, _MS_BIND, _MS_PRIVATE, _MNT_DETACH = 1, 32, 4096, 1 << 18, 2


@dataclass(frozen=True, slots=True)
class MountPoint:
    """One row of the machine's mount table."""

    path: str
    read_only: bool
    propagation: str
    """`shared`, `slave` or `private`; what is both of the first is shared."""


def mount_points() -> list[MountPoint]:
    """Return what is mounted on this machine, in its order; nothing where it does not tell."""
    return [
        MountPoint(_unescaped(row[4]), "ro" in row[5].split(","), _propagation(row[6:]))
        for row in _rows()
    ]


def memory_options(device: int) -> str | None:
    """Return the options of a file system of this machine, if it is kept in memory."""
    name = f"{os.major(device)}:{os.minor(device)}"
    found = next((row for row in _rows() if row[2] == name), [])
    match found[found.index("-") + 1 :] if "-" in found else []:
        case ["tmpfs", _, options]:
            return options
    return None


def _rows() -> list[list[str]]:
    rows = (each.split(" ") for each in _table().splitlines())
    return [row for row in rows if len(row) > 6]  # noqa: PLR2004  # optional fields, then a dash


def _table() -> str:
    try:
        return _TABLE.read_text(errors="surrogateescape")
    except OSError:
        return ""


def _propagation(fields: list[str]) -> str:
    optional = fields[: fields.index("-")] if "-" in fields else []
    for prefix, name in (("shared:", "shared"), ("master:", "slave")):
        if any(each.startswith(prefix) for each in optional):
            return name
    return "private"


def _unescaped(path: str) -> str:
    """Return a path of the mount table, where white space is written in octal."""
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), path)


class View:
    """A directory with what was mounted below it at one moment, whatever is mounted there later."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    @property
    def place(self) -> str:
        """A path to it."""
        return f"/proc/self/fd/{self._descriptor}"

    def close(self) -> None:
        """Let go of what was mounted; harmless when closed."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)

    __del__ = close


class Views:
    """Views of directories; who asks while nothing is mounted or unmounted shares one."""

    def __init__(self) -> None:
        self._views: WeakValueDictionary[tuple[str, str], View] = WeakValueDictionary()

    def take(self, directory: str) -> View | None:
        """Return a view; None where this process may not have one."""
        key = (directory, _table())
        view = self._views.get(key)
        if view is None:
            try:
                view = View(_cloned(directory))
            except OSError:
                return None
            self._views[key] = view
        return view

    def close(self) -> None:
        """Let go of all that are left."""
        for each in self._views.values():
            each.close()


def _cloned(directory: str) -> int:
    flags = _CLONE | _RECURSIVE | os.O_CLOEXEC
    descriptor = _call("syscall", _OPEN_TREE, _AT_FDCWD, os.fsencode(directory), flags)
    private = (ctypes.c_uint64 * 4)(0, 0, _MS_PRIVATE, 0)
    setting = (descriptor, b"", _EMPTY_PATH | _RECURSIVE, ctypes.byref(private), 32)
    try:
        _call("syscall", _MOUNT_SETATTR, *setting)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def bind(source: str, target: str, *, read_only: bool = False) -> None:
    """Mount a file or a directory of this machine elsewhere too. OSError."""
    _call("mount", os.fsencode(source), os.fsencode(target), None, _MS_BIND, None)
    if read_only:
        flags = _MS_REMOUNT | _MS_BIND | _MS_RDONLY
        _call("mount", None, os.fsencode(target), None, flags, None)


def mount_tmpfs(target: str, options: str, *, read_only: bool = False) -> None:
    """Mount an empty file system in memory. OSError."""
    flags = _MS_RDONLY if read_only else 0
    _call("mount", b"tmpfs", os.fsencode(target), b"tmpfs", flags, options.encode())


def unmount(target: str) -> None:
    """Unmount, and let who still uses it go on. OSError."""
    _call("umount2", os.fsencode(target), _MNT_DETACH)


def _call(name: str, *arguments: object) -> int:
    result = int(getattr(_libc(), name)(*arguments))
    if result < 0:
        raise path_error(ctypes.get_errno(), "")
    return result


@cache
def _libc() -> ctypes.CDLL:
    if sys.platform != "linux":
        raise path_error(errno.ENOSYS, "")
    libc = ctypes.CDLL(None, use_errno=True)
    libc.mount.argtypes = (*[ctypes.c_char_p] * 3, ctypes.c_ulong, ctypes.c_char_p)
    return libc
