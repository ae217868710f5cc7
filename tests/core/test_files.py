"""The node's files: the tree in memory behaves as the disk does, errors included."""

import errno
import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from fakecri.core.files import Files, MemoryFiles
from fakecri.core.paths import go_error_text, go_open_error_text, path_error
from fakecri.logs import DiskFiles

LONG_NAME = "n" * 256


@dataclass(frozen=True)
class Node:
    """Files, and the permission bits of a path."""

    files: Files
    mode_of: Callable[[str], int]


@pytest.fixture(params=["memory", "disk"])
def node(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Node]:
    mask = os.umask(0o022)
    if request.param == "memory":
        memory = MemoryFiles()
        yield Node(memory, memory.mode_of)
    else:
        root = tmp_path / "root"
        yield Node(
            DiskFiles(root), lambda path: stat.S_IMODE((root / path.lstrip("/")).stat().st_mode)
        )
    os.umask(mask)


@pytest.fixture
def files(node: Node) -> Files:
    return node.files


def _append(files: Files, path: str, content: bytes) -> None:
    file = files.open_append(path)
    file.write(content)
    file.close()


# What is done


def test_an_opened_file_gets_its_parents_and_its_modes(node: Node) -> None:
    node.files.open_append("/var/log/pods/a/0.log").close()
    assert node.files.read("/var/log/pods/a/0.log") == b""
    assert node.mode_of("/var/log/pods/a/0.log") == 0o640
    assert node.mode_of("/var/log") == node.mode_of("/var/log/pods/a") == 0o755


def test_the_modes_given_are_used(node: Node) -> None:
    node.files.open_append("/a/b", mode=0o600, parent_mode=0o700).close()
    node.files.write("/a/c", b"")
    node.files.make_dirs("/d/e", mode=0o750)
    assert (node.mode_of("/a/b"), node.mode_of("/a"), node.mode_of("/a/c")) == (
        0o600,
        0o700,
        0o600,
    )
    assert node.mode_of("/d") == node.mode_of("/d/e") == 0o750


def test_appending_keeps_what_is_there(files: Files) -> None:
    _append(files, "/log", b"one\n")
    _append(files, "/log", b"two\n")
    assert files.read("/log") == b"one\ntwo\n"


def test_two_open_files_append_to_one_end(files: Files) -> None:
    first, second = files.open_append("/log"), files.open_append("/log")
    for file in (first, second, first):
        file.write(b"x" if file is first else b"y")
    assert files.read("/log") == b"xyx"
    first.close()
    second.close()


def test_an_open_file_follows_its_rename(files: Files) -> None:
    file = files.open_append("/logs/0.log")
    file.write(b"before ")
    files.rename("/logs/0.log", "/logs/0.log.1")
    file.write(b"after")
    file.close()
    assert files.read("/logs/0.log.1") == b"before after"
    assert not files.exists("/logs/0.log")


def test_an_open_file_follows_its_directory(files: Files) -> None:
    file = files.open_append("/logs/0.log")
    files.rename("/logs", "/old")
    file.write(b"x")
    file.close()
    assert files.read("/old/0.log") == b"x"


def test_an_open_file_outlives_its_removal(files: Files) -> None:
    file = files.open_append("/log")
    files.remove("/log")
    file.write(b"nobody reads this")
    file.close()
    assert not files.exists("/log")


def test_an_open_file_outlives_its_replacement(files: Files) -> None:
    file = files.open_append("/log")
    files.write("/new", b"new")
    files.rename("/new", "/log")
    file.write(b"old")
    file.close()
    assert files.read("/log") == b"new"


def test_a_closed_file_cannot_be_written_and_closes_twice(files: Files) -> None:
    file = files.open_append("/log")
    file.close()
    file.close()
    with pytest.raises(OSError, match="Bad file descriptor") as caught:
        file.write(b"x")
    assert (caught.value.errno, caught.value.filename) == (errno.EBADF, "/log")


def test_writing_replaces_the_content(files: Files) -> None:
    files.write("/f", b"long content")
    files.write("/f", b"short")
    assert files.read("/f") == b"short"


def test_writing_without_truncation_leaves_the_old_end(files: Files) -> None:
    files.write("/f", b"long content")
    files.write("/f", b"LONG", truncate=False)
    assert files.read("/f") == b"LONG content"
    files.write("/f", b"longer than it was", truncate=False)
    assert files.read("/f") == b"longer than it was"


def test_a_removed_tree_is_gone_and_may_be_gone_already(files: Files) -> None:
    _append(files, "/a/b/c", b"x")
    _append(files, "/a/d", b"x")
    files.remove_tree("/a/d")
    files.remove_tree("/a")
    files.remove_tree("/a")
    assert files.list_dir("/") == []


def test_names_are_listed_in_order(files: Files) -> None:
    for path in ("/d/b", "/d/a/x", "/d/C", "/d/é"):
        _append(files, path, b"")
    assert files.list_dir("/d") == ["C", "a", "b", "é"]


def test_made_directories_may_exist(files: Files) -> None:
    files.make_dirs("/a/b/c")
    files.make_dirs("/a/b")
    files.make_dirs("/")
    assert files.is_dir("/a/b/c")
    assert files.list_dir("/a/b/c") == []


def test_what_is_there_is_told_without_errors(files: Files) -> None:
    _append(files, "/d/f", b"")
    assert [files.is_dir(path) for path in ("/", "/d", "/d/f", "/x", "/d/f/x", "", "\0")] == [
        True,
        True,
        *[False] * 5,
    ]
    assert [files.exists(path) for path in ("/", "/d", "/d/f", "/x", "/d/f/x", "", "\0")] == [
        *[True] * 3,
        *[False] * 4,
    ]
    assert not files.exists(f"/{LONG_NAME}")
    assert not files.is_dir(f"/{LONG_NAME}")


def test_paths_are_cleaned_and_never_leave_the_root(files: Files) -> None:
    _append(files, "/missing/../a//./b/", b"x")
    assert files.read("/../../a/b") == b"x"
    assert files.read("a/b") == b"x"
    assert not files.exists("/missing")


# What is refused: the same class, number, text and path of both

REFUSALS: dict[str, tuple[Callable[[Files], object], int, tuple[str, ...]]] = {
    "reading-nothing": (lambda f: f.read("/no"), errno.ENOENT, ("/no",)),
    "reading-a-directory": (lambda f: f.read("/d"), errno.EISDIR, ("/d",)),
    "reading-below-a-file": (lambda f: f.read("/f/x"), errno.ENOTDIR, ("/f/x",)),
    "reading-an-empty-path": (lambda f: f.read(""), errno.ENOENT, ("",)),
    "reading-a-nul": (lambda f: f.read("/a\0b"), errno.EINVAL, ("/a\0b",)),
    "opening-a-directory": (lambda f: f.open_append("/d"), errno.EISDIR, ("/d",)),
    "opening-the-root": (lambda f: f.open_append("/"), errno.EISDIR, ("/",)),
    "opening-below-a-file": (lambda f: f.open_append("/f/x/y"), errno.ENOTDIR, ("/f",)),
    "opening-a-long-name": (
        lambda f: f.open_append(f"/new/{LONG_NAME}"),
        errno.ENAMETOOLONG,
        (f"/new/{LONG_NAME}",),
    ),
    "writing-without-a-directory": (lambda f: f.write("/no/x", b""), errno.ENOENT, ("/no/x",)),
    "writing-a-directory": (lambda f: f.write("/d", b""), errno.EISDIR, ("/d",)),
    "writing-below-a-file": (lambda f: f.write("/f/x", b""), errno.ENOTDIR, ("/f/x",)),
    "making-over-a-file": (lambda f: f.make_dirs("/f"), errno.ENOTDIR, ("/f",)),
    "making-below-a-file": (lambda f: f.make_dirs("/d/g/x/y"), errno.ENOTDIR, ("/d/g",)),
    "listing-a-file": (lambda f: f.list_dir("/f"), errno.ENOTDIR, ("/f",)),
    "listing-nothing": (lambda f: f.list_dir("/no"), errno.ENOENT, ("/no",)),
    "removing-nothing": (lambda f: f.remove("/no"), errno.ENOENT, ("/no",)),
    "removing-a-directory": (lambda f: f.remove("/d"), errno.EISDIR, ("/d",)),
    "removing-the-root": (lambda f: f.remove_tree("/d/.."), errno.EBUSY, ("/d/..",)),
    "removing-a-tree-below-a-file": (lambda f: f.remove_tree("/f/x"), errno.ENOTDIR, ("/f/x",)),
    "renaming-nothing": (lambda f: f.rename("/no", "/x"), errno.ENOENT, ("/no", "/x")),
    "renaming-to-no-directory": (lambda f: f.rename("/f", "/no/x"), errno.ENOENT, ("/f", "/no/x")),
    "renaming-to-no-name": (lambda f: f.rename("/f", ""), errno.ENOENT, ("/f", "")),
    "renaming-a-directory-over-a-file": (
        lambda f: f.rename("/d", "/f"),
        errno.ENOTDIR,
        ("/d", "/f"),
    ),
    "renaming-a-file-over-a-directory": (
        lambda f: f.rename("/f", "/d"),
        errno.EISDIR,
        ("/f", "/d"),
    ),
    "renaming-over-a-full-directory": (
        lambda f: f.rename("/e", "/d"),
        errno.ENOTEMPTY,
        ("/e", "/d"),
    ),
    "renaming-into-itself": (lambda f: f.rename("/d", "/d/x"), errno.EINVAL, ("/d", "/d/x")),
    "renaming-over-its-directory": (
        lambda f: f.rename("/d/g", "/d"),
        errno.ENOTEMPTY,
        ("/d/g", "/d"),
    ),
    "renaming-the-root": (lambda f: f.rename("/", "/x"), errno.EBUSY, ("/", "/x")),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_what_the_system_refuses_is_refused_in_its_words(files: Files, case: str) -> None:
    files.write("/f", b"f")
    files.make_dirs("/d")
    files.write("/d/g", b"g")
    files.make_dirs("/e")
    attempt, code, paths = REFUSALS[case]
    with pytest.raises(OSError, match="Errno") as caught:
        attempt(files)
    expected = path_error(code, *paths)
    assert type(caught.value) is type(expected)
    assert str(caught.value) == str(expected)
    assert (files.read("/f"), files.read("/d/g")) == (b"f", b"g")


# What only memory has: files to begin with, and a disk that refuses


def test_memory_begins_with_files_and_shows_them_all() -> None:
    files = MemoryFiles({"/b/c": b"1", "/a": b"2"})
    files.write("/b/a", b"3")
    assert list(files.contents().items()) == [("/a", b"2"), ("/b/a", b"3"), ("/b/c", b"1")]


def test_a_full_disk_refuses_growth_and_nothing_else() -> None:
    files = MemoryFiles({"/d/log": b"x", "/d/other": b""})
    file = files.open_append("/d/log")
    files.refuse("/d", errno.ENOSPC)
    grow: list[Callable[[], object]] = [
        lambda: file.write(b"y"),
        lambda: files.open_append("/d/new"),
        lambda: files.make_dirs("/d/e"),
        lambda: files.write("/d/other", b"y"),
    ]
    for attempt in grow:
        with pytest.raises(OSError, match="No space left on device"):
            attempt()
    files.open_append("/d/log").close()
    files.rename("/d/log", "/d/log.1")
    files.remove("/d/other")
    files.write("/elsewhere", b"z")
    assert files.contents() == {"/d/log.1": b"x", "/elsewhere": b"z"}


def test_a_forbidden_directory_spares_what_is_open() -> None:
    files = MemoryFiles({"/d/log": b"x"})
    file = files.open_append("/d/log")
    files.refuse("/d", errno.EACCES)
    file.write(b"y")
    attempts: list[Callable[[], object]] = [
        lambda: files.open_append("/d/log"),
        lambda: files.open_append("/d/new"),
        lambda: files.write("/d/log", b""),
        lambda: files.remove("/d/log"),
        lambda: files.remove_tree("/d"),
        lambda: files.rename("/d/log", "/log"),
    ]
    for attempt in attempts:
        with pytest.raises(PermissionError):
            attempt()
    assert files.contents() == {"/d/log": b"xy"}


def test_a_broken_disk_refuses_all_changes_until_it_is_mended() -> None:
    files = MemoryFiles()
    file = files.open_append("/d/log")
    files.refuse("/", errno.EIO)
    with pytest.raises(OSError, match="Input/output error"):
        file.write(b"x")
    with pytest.raises(OSError, match="Input/output error"):
        files.remove("/d/log")
    files.refuse("/", None)
    file.write(b"y")
    assert files.read("/d/log") == b"y"


# The words of Linux and of Go


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (errno.ENOENT, FileNotFoundError),
        (errno.ENOTDIR, NotADirectoryError),
        (errno.EISDIR, IsADirectoryError),
        (errno.EACCES, PermissionError),
        (errno.ENOSPC, OSError),
        (errno.EDQUOT, OSError),
        (errno.ELOOP, OSError),
        (errno.EROFS, OSError),
    ],
)
def test_an_error_is_the_one_the_system_raises(code: int, kind: type[OSError]) -> None:
    error = path_error(code, "/x")
    assert type(error) is kind
    assert str(error) == f"[Errno {code}] {os.strerror(code)}: '/x'"


@pytest.mark.parametrize(
    ("code", "text"),
    [
        (errno.ENOENT, "open /x/y: no such file or directory"),
        (errno.ENOTDIR, "open /x/y: not a directory"),
        (errno.EIO, "open /x/y: input/output error"),
        (errno.EDQUOT, "open /x/y: disk quota exceeded"),
        (9999, "open /x/y: errno 9999"),
    ],
)
def test_go_prints_operation_path_and_reason(code: int, text: str) -> None:
    assert go_error_text("open", "/x/y", path_error(code, "/x/y")) == text


def test_go_keeps_capitals_of_abbreviations() -> None:
    error = OSError(errno.EBADMSG, "RFS specific error")
    assert go_error_text("read", "/x", error) == "read /x: RFS specific error"


def test_go_prints_an_error_without_a_number_as_it_is() -> None:
    assert go_error_text("read", "/x", OSError("torn")) == "read /x: torn"


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("/f/x/y", "mkdir /f: not a directory"),
        ("/f/x", "mkdir /f: not a directory"),
        ("/d", "open /d: is a directory"),
        (f"/{LONG_NAME}", f"open /{LONG_NAME}: file name too long"),
        ("/a\0b", "open /a\0b: invalid argument"),
        ("", "open : no such file or directory"),
    ],
)
def test_go_names_what_kept_a_log_from_opening(files: Files, path: str, text: str) -> None:
    files.write("/f", b"")
    files.make_dirs("/d")
    with pytest.raises(OSError, match="Errno") as caught:
        files.open_append(path)
    assert go_open_error_text(path, caught.value) == text
