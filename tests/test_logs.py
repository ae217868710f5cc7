"""The node's files on the real disk: links, devices, and that memory behaves alike."""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fakecri.core.files import AppendFile, Files, MemoryFiles
from fakecri.core.paths import go_error_text, go_open_error_text
from fakecri.logs import DiskFiles


def _append(files: Files, path: str, content: bytes) -> None:
    file = files.open_append(path)
    file.write(content)
    file.close()


# Symbolic links and devices


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret").write_bytes(b"secret")
    root = tmp_path / "root"
    (root / "inside").mkdir(parents=True)
    (root / "out").symlink_to(tmp_path / "outside")
    (root / "up").symlink_to("../outside")
    (root / "secret").symlink_to(tmp_path / "outside" / "secret")
    (root / "new").symlink_to(tmp_path / "outside" / "new")
    (root / "in").symlink_to("inside")
    (root / "loop").symlink_to("loop")
    (root / "sly").symlink_to("loop/../secret")
    return root


@pytest.mark.parametrize(
    "attempt",
    [
        lambda f: f.read("/secret"),
        lambda f: f.read("/out/secret"),
        lambda f: f.read("/up/secret"),
        lambda f: f.write("/secret", b"x"),
        lambda f: f.write("/new", b"x"),
        lambda f: f.open_append("/out/x"),
        lambda f: f.open_append("/up/x/y"),
        lambda f: f.make_dirs("/out"),
        lambda f: f.make_dirs("/up/x"),
        lambda f: f.list_dir("/out"),
        lambda f: f.remove("/out/secret"),
        lambda f: f.remove_tree("/out/secret"),
        lambda f: f.rename("/out/secret", "/x"),
        lambda f: f.rename("/inside", "/out/x"),
    ],
)
def test_a_link_out_of_the_root_is_refused(root: Path, attempt: Callable[[Files], object]) -> None:
    with pytest.raises(PermissionError, match="Permission denied"):
        attempt(DiskFiles(root))
    outside = root.parent / "outside"
    assert [entry.read_bytes() for entry in outside.iterdir()] == [b"secret"]


def test_what_is_out_of_the_root_is_not_there(root: Path) -> None:
    files = DiskFiles(root)
    assert not files.exists("/secret")
    assert not files.is_dir("/out")


@pytest.mark.parametrize("path", ["/loop", "/loop/x", "/sly"])
def test_links_that_lead_nowhere_are_refused(root: Path, path: str) -> None:
    with pytest.raises(OSError, match="Too many levels of symbolic links"):
        DiskFiles(root).read(path)


@pytest.mark.parametrize("path", ["/secret", "/in", "/new"])
def test_a_log_file_that_is_a_link_is_refused(root: Path, path: str) -> None:
    with pytest.raises(OSError, match="Too many levels of symbolic links") as caught:
        DiskFiles(root).open_append(path)
    text = go_open_error_text(path, caught.value)
    assert text == f"open {path}: too many levels of symbolic links"


def test_a_link_within_the_root_is_followed(root: Path) -> None:
    files = DiskFiles(root)
    _append(files, "/in/log", b"x")
    assert (root / "inside" / "log").read_bytes() == b"x"
    assert files.read("/in/log") == b"x"


def test_removing_and_renaming_take_the_link_itself(root: Path) -> None:
    files = DiskFiles(root)
    files.remove("/secret")
    files.remove_tree("/out")
    files.rename("/up", "/down")
    assert not (root / "secret").is_symlink()
    assert not (root / "out").is_symlink()
    assert (root / "down").is_symlink()
    assert (root.parent / "outside" / "secret").read_bytes() == b"secret"


def test_a_root_that_is_a_link_is_the_directory_it_names(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    _append(DiskFiles(tmp_path / "link"), "/a/b", b"x")
    assert (tmp_path / "real" / "a" / "b").read_bytes() == b"x"


def test_without_a_root_the_paths_are_the_machines(tmp_path: Path) -> None:
    files = DiskFiles()
    _append(files, f"{tmp_path}/a/b", b"x")
    files.rename(f"{tmp_path}/a", f"{tmp_path}/c")
    assert (tmp_path / "c" / "b").read_bytes() == b"x"
    assert files.list_dir(str(tmp_path)) == ["c"]


def test_a_full_device_is_an_error_of_the_write_with_its_path() -> None:
    file = DiskFiles().open_append("/dev/full")
    with pytest.raises(OSError, match="No space left on device") as caught:
        file.write(b"x")
    file.close()
    assert go_error_text("write", "/dev/full", caught.value) == (
        "write /dev/full: no space left on device"
    )


# Memory and disk, given any operations in any order

_paths = st.lists(st.sampled_from(["a", "b", "c", ".."]), max_size=3).map(
    lambda names: "/" + "/".join(names)
)
_contents = st.binary(max_size=4)
_operations = st.one_of(
    st.tuples(st.just("write"), _paths, _contents),
    st.tuples(st.sampled_from(["open_append", "make_dirs", "remove", "remove_tree"]), _paths),
    st.tuples(st.sampled_from(["read", "list_dir", "is_dir", "exists"]), _paths),
    st.tuples(st.just("rename"), _paths, _paths),
    st.tuples(st.just("append"), st.integers(0, 3), _contents),
)


class _Session:
    """Performs operations, and tells what came of each in words that two sessions share."""

    def __init__(self, files: Files) -> None:
        self.files = files
        self.opened: list[AppendFile] = []

    def outcome(self, name: str, *arguments: object) -> object:
        try:
            return self._perform(name, *arguments)
        except OSError as error:
            return (type(error), error.errno, error.strerror, error.filename, error.filename2)

    def _perform(self, name: str, *arguments: object) -> object:
        if name == "append":
            self._append(*arguments)
            return None
        result: object = getattr(self.files, name)(*arguments)
        if name == "open_append":
            self.opened.append(cast("AppendFile", result))
            return None
        return result

    def _append(self, which: object, content: object) -> None:
        assert isinstance(which, int)
        assert isinstance(content, bytes)
        if which < len(self.opened):
            self.opened[which].write(content)

    def close(self) -> None:
        for file in self.opened:
            file.close()


@settings(max_examples=300, deadline=None)
@given(st.lists(_operations, max_size=25))
def test_memory_and_disk_agree_on_any_operations(
    operations: list[tuple[str, *tuple[object, ...]]],
) -> None:
    with tempfile.TemporaryDirectory() as root:
        memory, disk = _Session(MemoryFiles()), _Session(DiskFiles(Path(root)))
        for operation in operations:
            assert memory.outcome(*operation) == disk.outcome(*operation), operation
        memory.close()
        disk.close()
