# ruff: noqa: PTH101, PTH102, PTH104, PTH106, PTH108, PTH115, PTH211  # a Path would clean paths
"""Trees of files against the real thing: what the kernel does in a directory, a View does too."""

import errno
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from fakecri.core.processes import ProcessSpec, User
from fakecri.core.rootfs.contents import Content
from fakecri.core.views import View
from tests.core.machine import Machine

NAMES = st.sampled_from(["a", "b", "a/b", "a/c", "b/a", "a/b/c", "c", "c/", "a/.", "a/.."])
CONTENTS = st.binary(max_size=8)
STEPS = st.one_of(
    st.tuples(st.just("write"), NAMES, CONTENTS),
    st.tuples(st.just("append"), NAMES, CONTENTS),
    st.tuples(st.just("mkdir"), NAMES, st.none()),
    st.tuples(st.just("rmdir"), NAMES, st.none()),
    st.tuples(st.just("unlink"), NAMES, st.none()),
    st.tuples(st.just("rename"), NAMES, NAMES),
    st.tuples(st.just("link"), NAMES, NAMES),
    st.tuples(st.just("symlink"), NAMES, NAMES),
    st.tuples(st.just("truncate"), NAMES, st.integers(0, 20)),
    st.tuples(st.just("chmod"), NAMES, st.sampled_from([0o600, 0o755, 0o700])),
)


class Real:
    """The operations of a View in a directory of this machine."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def _at(self, path: object) -> str:
        return f"{self.root}/{path}"

    def write(self, path: str, content: bytes) -> None:
        self._write(path, content, os.O_TRUNC)

    def append(self, path: str, content: bytes) -> None:
        self._write(path, content, os.O_APPEND)

    def _write(self, path: str, content: bytes, flag: int) -> None:
        descriptor = os.open(self._at(path), os.O_WRONLY | os.O_CREAT | flag, 0o666)
        try:
            os.write(descriptor, content)
        finally:
            os.close(descriptor)

    def mkdir(self, path: str, _: object) -> None:
        os.mkdir(self._at(path))

    def rmdir(self, path: str, _: object) -> None:
        os.rmdir(self._at(path))

    def unlink(self, path: str, _: object) -> None:
        os.unlink(self._at(path))

    def rename(self, old: str, new: object) -> None:
        os.rename(self._at(old), self._at(new))

    def link(self, old: str, new: object) -> None:
        os.link(self._at(old), self._at(new), follow_symlinks=False)

    def symlink(self, target: str, path: object) -> None:
        os.symlink(target, self._at(path))

    def truncate(self, path: str, size: int) -> None:
        os.truncate(self._at(path), size)

    def chmod(self, path: str, mode: int) -> None:
        os.chmod(self._at(path), mode)


class Simulated:
    """The same in /d of a container."""

    def __init__(self, files: View) -> None:
        self.files = files

    def _at(self, path: object) -> str:
        return f"/d/{path}"

    def write(self, path: str, content: bytes) -> None:
        self.files.write(self._at(path), content)

    def append(self, path: str, content: bytes) -> None:
        opened = self.files.open(self._at(path), "a")
        opened.write(content)
        opened.close()

    def mkdir(self, path: str, _: object) -> None:
        self.files.mkdir(self._at(path))

    def rmdir(self, path: str, _: object) -> None:
        self.files.rmdir(self._at(path))

    def unlink(self, path: str, _: object) -> None:
        self.files.unlink(self._at(path))

    def rename(self, old: str, new: object) -> None:
        self.files.rename(self._at(old), self._at(new))

    def link(self, old: str, new: object) -> None:
        self.files.link(self._at(old), self._at(new))

    def symlink(self, target: str, path: object) -> None:
        self.files.symlink(target, self._at(path))

    def truncate(self, path: str, size: int) -> None:
        self.files.truncate(self._at(path), size)

    def chmod(self, path: str, mode: int) -> None:
        self.files.chmod(self._at(path), mode)


def _outcome(attempt: Callable[[], object]) -> str:
    try:
        attempt()
    except OSError as error:
        return errno.errorcode[error.errno or 0]
    return "done"


def _real_tree(root: Path) -> dict[str, object]:
    found: dict[str, object] = {}
    for above, directories, names in os.walk(root):
        for name in (*directories, *names):
            path = Path(above) / name
            status = path.lstat()
            what: object = "directory"
            if path.is_symlink():
                what = os.readlink(path)
            elif path.is_file():
                what = (path.read_bytes(), status.st_nlink)
            mode = 0 if path.is_symlink() else status.st_mode & 0o7777
            found[str(path.relative_to(root))] = (what, mode)
    return found


def _simulated_tree(files: View, path: str = "/d") -> dict[str, object]:
    found: dict[str, object] = {}
    for name in files.list(path):
        place = f"{path}/{name}"
        status = files.stat(place, follow=False)
        what: object = "directory"
        if status.kind == "link":
            what = files.readlink(place)
        elif status.kind == "file":
            what = (files.read(place), status.nlink)
        mode = 0 if status.kind == "link" else status.mode
        found[place[3:]] = (what, mode)
        if status.kind == "dir":
            found |= _simulated_tree(files, place)
    return found


def _view() -> View:
    files = Machine().start_program(lambda _: None, ProcessSpec(("p",), user=User())).process.files
    files.mkdir("/d")
    return files


@settings(max_examples=150)
@given(st.lists(STEPS, max_size=15))
def test_a_tree_is_what_the_kernel_makes_of_it(steps: list[tuple[str, str, object]]) -> None:
    files = _view()
    with tempfile.TemporaryDirectory() as directory:
        real, simulated = Real(Path(directory)), Simulated(files)
        for name, path, value in steps:
            expected = _outcome(lambda: getattr(real, name)(path, value))  # noqa: B023  # at once
            assert _outcome(lambda: getattr(simulated, name)(path, value)) == expected, (name, path)  # noqa: B023  # at once
        assert _simulated_tree(files) == _real_tree(Path(directory))


@settings(max_examples=150)
@given(st.lists(STEPS, max_size=15))
def test_what_a_tree_holds_is_what_it_counts(steps: list[tuple[str, str, object]]) -> None:
    files = _view()
    rootfs = files.rootfs
    before = rootfs.layer_bytes, rootfs.layer_inodes
    simulated = Simulated(files)
    for name, path, value in steps:
        _outcome(lambda: getattr(simulated, name)(path, value))  # noqa: B023  # at once
    inodes: dict[int, int] = {}
    for path in _simulated_tree(files):
        status = files.stat(f"/d/{path}", follow=False)
        inodes[status.inode] = 4096 if status.kind == "dir" else status.blocks * 512
    assert rootfs.layer_inodes - before[1] == len(inodes)
    assert rootfs.layer_bytes - before[0] == sum(inodes.values())


@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("write"), st.integers(0, 200_000), st.binary(max_size=70_000)),
            st.tuples(st.just("resize"), st.integers(0, 200_000), st.just(b"")),
        ),
        max_size=6,
    )
)
def test_content_in_pages_is_content(steps: list[tuple[str, int, bytes]]) -> None:
    content, model = Content(), bytearray()
    for name, place, written in steps:
        if name == "resize":
            content.resize(place)
            model = model[:place] + bytes(max(0, place - len(model)))
        elif written:
            growth = content.growth(place, len(written), 4096)
            held = content.held_bytes(4096)
            content.write_at(place, written)
            assert content.held_bytes(4096) - held == growth
            model += bytes(max(0, place - len(model)))
            model[place : place + len(written)] = written
    assert content.size == len(model)
    assert content.read_at(0, len(model) + 1) == bytes(model)
    assert content.read_at(3, 100_000) == bytes(model[3:100_003])
