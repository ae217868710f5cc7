"""What kubelets change of the machine that they run on, and how it is put back.

A kubelet sets sysctls, mounts its root directory on itself and much below it, and leaves links to
logs in /var/log/containers. Several may run at once, of several processes: the first one saves the
sysctls, the last one puts them back. Many of them need more than is usual to watch files.
"""

import fcntl
import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from fakecri import machine_mounts
from fakecri.errors import UsageError

SYSCTLS = (
    "vm/overcommit_memory",
    "vm/panic_on_oom",
    "kernel/panic",
    "kernel/panic_on_oops",
    "kernel/keys/root_maxkeys",
    "kernel/keys/root_maxbytes",
)
"""Those that a kubelet writes, below /proc/sys."""

WATCHES = "fs/inotify/max_user_instances"
WATCHES_ENOUGH = 8192
"""A kubelet takes six; of the usual 128 a user has, twenty kubelets would be one too many."""

LINKS = Path("/var/log/containers")
"""Where a kubelet links the logs of containers, whatever its configuration says."""

_PROC_SYS = Path("/proc/sys")


class MachineError(UsageError):
    """A kubelet cannot run here; it says why."""


class Ledger:
    """Who has the machine, and what its sysctls were: a file that all processes share."""

    def __init__(self, path: Path | None = None, proc_sys: Path = _PROC_SYS) -> None:
        """`path`: the file; one for all kubelets of this user if not given."""
        self._path = path or Path(tempfile.gettempdir()) / f"fakecri-kubelets-{os.geteuid()}"
        self._proc_sys = proc_sys

    def enter(self) -> None:
        """Note that this process has the machine, once more."""
        with self._opened() as entry:
            # If a holder was killed they are noted still, and are not what they were.
            noted = entry.setdefault("sysctls", {})
            for name in (*SYSCTLS, WATCHES):
                noted.setdefault(name, self._read(name))
            entry["holders"].append(_holder())
            if int(self._read(WATCHES)) < WATCHES_ENOUGH:
                self._write(WATCHES, str(WATCHES_ENOUGH))

    def leave(self) -> None:
        """Undo one `enter` of this process; the last one puts the sysctls back."""
        with self._opened() as entry:
            entry["holders"].remove(_holder())
            if not entry["holders"]:
                self._restore(entry.pop("sysctls"))

    def _restore(self, sysctls: dict[str, str]) -> None:
        for name, value in sysctls.items():
            if self._read(name) != value:
                self._write(name, value)

    def _read(self, name: str) -> str:
        return (self._proc_sys / name).read_text().strip()

    def _write(self, name: str, value: str) -> None:
        (self._proc_sys / name).write_text(value)

    @contextmanager
    def _opened(self) -> Iterator[dict[str, Any]]:
        """Let one process at a time read and write the file."""
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        with os.fdopen(os.open(self._path, flags, 0o600), "r+") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            entry = _read(file.read())
            yield entry
            file.seek(0)
            file.truncate()
            json.dump(entry, file)


class Borrowed:
    """The machine, while a kubelet has it."""

    def __init__(self, directory: Path) -> None:
        """`directory`: all that the kubelet mounts is below."""
        if os.geteuid() != 0:
            raise MachineError("a kubelet needs root")
        self._directory = Path(os.path.realpath(directory))
        self._ledger = Ledger()
        try:
            self._ledger.enter()
        except OSError as error:
            reason = f"{error.filename or 'its sysctls'}: {error.strerror}"
            raise MachineError(f"a kubelet cannot have this machine: {reason}") from error

    def give_back(self) -> None:
        """Put back what the kubelet, which has ended, has changed."""
        self._unmount()
        self._remove_links()
        self._ledger.leave()

    def _unmount(self) -> None:
        # What cannot be unmounted any more went with what was below it.
        for point in reversed(machine_mounts.mount_points()):
            if Path(point.path).is_relative_to(self._directory):
                with suppress(OSError):
                    machine_mounts.unmount(point.path)

    def _remove_links(self) -> None:
        for link in LINKS.iterdir() if LINKS.is_dir() else ():
            with suppress(OSError):  # another kubelet's, which has just gone
                if link.readlink().is_relative_to(self._directory):
                    link.unlink()


def _read(text: str) -> dict[str, Any]:
    entry: dict[str, Any] = json.loads(text) if text else {}
    living = [each for each in entry.get("holders", []) if _is_alive(each)]
    return {**entry, "holders": living}


def _holder() -> list[int]:
    return [os.getpid(), _begin_of(os.getpid())]


def _is_alive(holder: list[int]) -> bool:
    pid, begin = holder
    with suppress(OSError):
        return _begin_of(pid) == begin
    return False


def _begin_of(pid: int) -> int:
    """Return when a process began, in ticks since boot: a pid may be used again."""
    return int(process_stat(pid)[19])


def process_stat(pid: int) -> list[str]:
    """Return what /proc/PID/stat says, from the state on. OSError if nobody is there."""
    # The name of the program, in parentheses, may have blanks.
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
