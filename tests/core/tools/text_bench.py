"""Text tools on a bench: files in memory, real busybox beside it."""

import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple, cast

from fakecri.core.applets import Surroundings, bound
from fakecri.core.commands import COMMANDS
from fakecri.core.paths import path_error
from fakecri.core.pipes import Outlet, Reader
from fakecri.core.processes import Process, ProcessSpec, Stdin
from fakecri.core.scheduler import SECOND_NS, Scheduler, Waits
from fakecri.core.userlands import find_userland
from fakecri.core.views import Opened, Stat, View

START_NS = 1_000 * SECOND_NS
WALL_NS = 1_795_475_948 * SECOND_NS
ENOENT, EISDIR = 2, 21


class Outcome(NamedTuple):
    """What a command line leaves."""

    code: int
    stdout: bytes
    stderr: bytes


class Files(View):
    """A tree of bytes, and of lists of names where they are directories."""

    def __init__(self, tree: dict[str, bytes]) -> None:
        self.tree = tree
        self.inodes: dict[str, int] = {}

    def kind(self, path: str) -> str:
        path = path.removeprefix("./").rstrip("/")
        if path in self.tree:
            return "file"
        if path in {"", "."} or any(each.startswith(f"{path}/") for each in self.tree):
            return "dir"
        raise path_error(ENOENT, path)

    def open(self, path: str, flags: str, mode: int = 0o666) -> Opened:  # noqa: ARG002  # there are none
        if flags != "r":
            if "/" in path and not self.is_dir(path.rpartition("/")[0]):
                raise path_error(ENOENT, path)
            self.tree[path] = b""
            self.inodes[path] = len(self.inodes) + 1
        kind = self.kind(path)
        return cast("Opened", _Open(self.tree, path.removeprefix("./"), kind))

    def read(self, path: str) -> bytes:
        if self.kind(path) == "dir":
            raise path_error(EISDIR, path)
        return self.tree[path]

    def write(self, path: str, content: bytes, mode: int = 0o666) -> None:  # noqa: ARG002  # see open
        self.open(path, "w").write(content)

    def stat(self, path: str, *, follow: bool = True) -> Stat:  # noqa: ARG002  # no links
        kind = self.kind(path)
        size = len(self.tree.get(path, b""))
        inode = self.inodes.get(path, 0)
        return Stat(kind, 0o644, 0, 0, size, mtime_ns=0, inode=inode)

    def exists(self, path: str) -> bool:
        try:
            return bool(self.kind(path))
        except OSError:
            return False

    def is_dir(self, path: str) -> bool:
        return self.exists(path) and self.kind(path) == "dir"

    def list(self, path: str) -> Sequence[str]:
        prefix = "" if path in {"", "."} else f"{path.removeprefix('./').rstrip('/')}/"
        below = [each[len(prefix) :] for each in self.tree if each.startswith(prefix)]
        return sorted({each.partition("/")[0] for each in below})

    def rename(self, old: str, new: str) -> None:
        self.tree[new] = self.tree.pop(old)
        self.inodes[new] = self.inodes.pop(old, 0)

    def chmod(self, path: str, mode: int) -> None:
        """There are no permissions here."""

    def unlink(self, path: str) -> None:
        del self.tree[path]


@dataclass
class _Open:
    tree: dict[str, bytes]
    path: str
    kind: str
    at: int = 0
    content: bytes = b""

    def read(self) -> Waits[bytes]:
        if self.kind == "dir":
            raise path_error(EISDIR, self.path)
        self.content = self.tree.get(self.path, self.content)
        chunk = self.content[self.at :][:7]  # small, so that lines come in pieces
        self.at += len(chunk)
        yield from ()
        return chunk

    def unread(self, chunk: bytes) -> None:
        self.at -= len(chunk)

    def write(self, output: bytes) -> None:
        self.tree[self.path] += output

    def close(self) -> None:
        pass


@dataclass
class Bench:
    """A place to run one command in."""

    files: Mapping[str, bytes] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.scheduler = Scheduler(START_NS)
        self.tree = dict(self.files)
        self.view = Files(self.tree)
        for path in self.tree:
            self.view.inodes[path] = len(self.view.inodes) + 1
        self.written: dict[str, bytes] = {"stdout": b"", "stderr": b""}

    def _write(self, stream: str, output: bytes) -> None:
        self.written[stream] += output

    def start(self, argv: Sequence[str], stdin: Reader | None = None, **spec: Any) -> Process:
        system: Any = SimpleNamespace(view=lambda _: self.view)
        process = Process(
            self.scheduler,
            ProcessSpec(tuple(argv), **spec),
            pid=1,
            is_init=False,
            stdout=Outlet(self._write, "stdout"),
            stderr=Outlet(self._write, "stderr"),
            wall_ns=lambda: self.scheduler.now_ns - START_NS + WALL_NS,
            stdin=stdin,
            system=system,
        )
        surroundings = Surroundings(find_userland("busybox"), cast("Any", None))
        process.start(bound(argv[0], COMMANDS[argv[0]], surroundings))
        self.scheduler.run()
        return process

    def run(self, argv: Sequence[str], stdin: bytes = b"", **spec: Any) -> Outcome:
        given = Stdin(self.scheduler, closed=False)
        for at in range(0, len(stdin), 5):
            given.feed(stdin[at : at + 5])
        given.close()
        process = self.start(argv, given, **spec)
        assert process.exited.done, f"{argv} goes on"
        return Outcome(process.exited.result(), self.written["stdout"], self.written["stderr"])

    def advance(self, seconds: float) -> None:
        self.scheduler.advance_to(self.scheduler.now_ns + round(seconds * SECOND_NS))


def real(directory: Path, argv: Sequence[str], stdin: bytes = b"") -> Outcome:
    """What the real busybox does in a directory."""
    done = subprocess.run(
        [b"busybox", *(each.encode(errors="surrogateescape") for each in argv)],
        input=stdin,
        capture_output=True,
        cwd=directory,
        timeout=20,
        check=False,
        env={"PATH": "/bin:/usr/bin", "LC_ALL": "C"},
    )
    return Outcome(done.returncode, done.stdout, done.stderr)


def without_usage(outcome: Outcome) -> Outcome:
    """Of a usage only that there is one."""
    before, banner, _ = outcome.stderr.partition(b"BusyBox v1.35")
    return outcome._replace(stderr=before + banner)
