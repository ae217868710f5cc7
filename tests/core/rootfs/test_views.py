"""A process's files behave as Linux's do: what can be done, and what is refused."""

import errno
from collections.abc import Callable, Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakecri.core.processes import Process, ProcessSpec, User
from fakecri.core.scheduler import Waits
from fakecri.core.views import View
from tests.core.machine import Machine

NOBODY = User(65534, 65534)


def view(user: User | None = None, machine: Machine | None = None, cwd: str = "/") -> View:
    """The files of a container of busybox, as one of its processes sees them."""
    spec = ProcessSpec(("program",), cwd=cwd, user=user or User())
    return (machine or Machine()).start_program(lambda _: None, spec).process.files


def test_the_files_of_the_image_are_there() -> None:
    files = view()
    assert files.read("/etc/passwd").startswith(b"root:x:0:0:root:/root:/bin/sh\n")
    assert {"bin", "dev", "etc", "root", "tmp", "usr"} <= set(files.list("/"))
    assert files.stat("/tmp").mode == 0o1777
    assert files.stat("/bin/ls").inode == files.stat("/bin/sh").inode
    assert files.stat("/bin/ls").mode == 0o755


def test_what_one_container_writes_no_other_sees() -> None:
    machine = Machine()
    mine, other = view(), view(machine=machine)
    mine.write("/etc/passwd", b"mine")
    mine.unlink("/etc/group")
    mine.mkdir("/new")
    assert mine.read("/etc/passwd") == b"mine"
    assert not mine.exists("/etc/group")
    assert other.read("/etc/passwd").startswith(b"root:")
    assert other.exists("/etc/group")
    assert not other.exists("/new")


def test_a_removed_directory_of_the_image_comes_back_empty() -> None:
    files = view()
    for name in files.list("/etc/network"):
        files.unlink(f"/etc/network/{name}")
    files.rmdir("/etc/network")
    assert "network" not in files.list("/etc")
    files.mkdir("/etc/network")
    assert files.list("/etc/network") == []


def test_the_layer_counts_bytes_and_inodes() -> None:
    files = view()
    files.stat("/")
    rootfs = files.rootfs
    before = rootfs.layer_bytes, rootfs.layer_inodes
    assert before == (4096, 1)
    files.write("/tmp/x", b"x" * 5000)
    assert (rootfs.layer_bytes, rootfs.layer_inodes) == (4096 * 2 + 8192, 3)
    files.write("/tmp/x", b"x")
    assert rootfs.layer_bytes == 4096 * 2 + 4096
    files.unlink("/tmp/x")
    assert (rootfs.layer_bytes, rootfs.layer_inodes) == (4096 * 2, 2)


def test_a_hole_takes_no_space_and_reads_as_zeros() -> None:
    files = view()
    files.write("/tmp/x", b"start")
    files.truncate("/tmp/x", 10**12)
    assert files.stat("/tmp/x").size == 10**12
    assert files.stat("/tmp/x").blocks == 8
    opened = files.open("/tmp/x", "r+")
    opened.seek(10**12 - 3)
    assert _read(opened.read()) == b"\0\0\0"
    opened.seek(3)
    opened.write(b"!")
    opened.close()
    files.truncate("/tmp/x", 7)
    assert files.read("/tmp/x") == b"sta!t\0\0"


def _read(waiting: Waits[bytes]) -> bytes:
    with pytest.raises(StopIteration) as stopped:
        next(waiting)
    assert isinstance(stopped.value.value, bytes)
    return stopped.value.value


def test_an_open_file_outlives_rename_and_removal() -> None:
    files = view()
    opened = files.open("/tmp/log", "a")
    opened.write(b"one\n")
    files.rename("/tmp/log", "/tmp/log.1")
    opened.write(b"two\n")
    assert files.read("/tmp/log.1") == b"one\ntwo\n"
    files.unlink("/tmp/log.1")
    opened.write(b"three\n")
    held = files.rootfs.layer_bytes
    opened.close()
    assert files.rootfs.layer_bytes == held - 4096


def test_the_umask_takes_bits_away() -> None:
    files = view()
    files.process.umask = 0o027
    files.write("/tmp/file", b"")
    files.mkdir("/tmp/dir")
    assert files.stat("/tmp/file").mode == 0o640
    assert files.stat("/tmp/dir").mode == 0o750


def test_relative_paths_and_links_are_followed() -> None:
    files = view(cwd="/tmp")
    files.mkdir("a")
    files.write("a/file", b"content")
    files.symlink("a", "link")
    files.symlink("../tmp/link/file", "far")
    assert files.read("far") == b"content"
    assert files.realpath("far") == "/tmp/a/file"
    assert files.realpath("link/../x") == "/tmp/x"
    assert files.readlink("link") == "a"
    assert files.stat("link", follow=False).kind == "link"
    assert files.stat("link").kind == "dir"


def test_writing_through_a_link_makes_what_it_points_to() -> None:
    files = view()
    files.symlink("made", "/tmp/link")
    files.write("/tmp/link", b"x")
    assert files.read("/tmp/made") == b"x"


def test_a_hard_link_is_the_same_file() -> None:
    files = view()
    files.write("/tmp/a", b"1")
    files.link("/tmp/a", "/tmp/b")
    files.write("/tmp/b", b"2")
    assert files.read("/tmp/a") == b"2"
    assert files.stat("/tmp/a").nlink == 2
    files.unlink("/tmp/a")
    assert files.stat("/tmp/b").nlink == 1


def test_a_set_group_id_directory_hands_its_group_on() -> None:
    files = view()
    files.mkdir("/tmp/d")
    files.chown("/tmp/d", 0, 7)
    files.chmod("/tmp/d", 0o2775)
    files.write("/tmp/d/file", b"")
    files.mkdir("/tmp/d/sub")
    assert files.stat("/tmp/d/file").gid == 7
    assert (files.stat("/tmp/d/sub").gid, files.stat("/tmp/d/sub").mode) == (7, 0o2755)


def test_a_change_of_owner_takes_the_set_user_id_bit() -> None:
    files = view()
    files.write("/tmp/x", b"")
    files.chmod("/tmp/x", 0o6755)
    files.chown("/tmp/x", 1, -1)
    assert files.stat("/tmp/x").mode == 0o755
    assert (files.stat("/tmp/x").uid, files.stat("/tmp/x").gid) == (1, 0)


def _prepared(user: User) -> View:
    files = view(user)
    files.symlink("loop", "/tmp/loop")
    files.mkdir("/tmp/mine")
    return files


REFUSALS: Mapping[str, tuple[Callable[[View], object], int]] = {
    "reading nothing": (lambda f: f.read("/no"), errno.ENOENT),
    "reading an empty path": (lambda f: f.read(""), errno.ENOENT),
    "reading a directory": (lambda f: f.read("/tmp"), errno.EISDIR),
    "reading below a file": (lambda f: f.read("/etc/passwd/x"), errno.ENOTDIR),
    "reading a file as a directory": (lambda f: f.read("/etc/passwd/"), errno.ENOTDIR),
    "writing a directory": (lambda f: f.write("/tmp", b""), errno.EISDIR),
    "writing below nothing": (lambda f: f.write("/no/x", b""), errno.ENOENT),
    "a loop of links": (lambda f: f.read("/tmp/loop"), errno.ELOOP),
    "a long name": (lambda f: f.write("/tmp/" + "n" * 256, b""), errno.ENAMETOOLONG),
    "a long path": (lambda f: f.exists("/") and f.stat("/x" * 2048), errno.ENAMETOOLONG),
    "a path with a NUL": (lambda f: f.stat("/a\0b"), errno.EINVAL),
    "making what is there": (lambda f: f.mkdir("/tmp"), errno.EEXIST),
    "a new file that is there": (lambda f: f.open("/etc/passwd", "x"), errno.EEXIST),
    "removing a directory as a file": (lambda f: f.unlink("/tmp"), errno.EISDIR),
    "removing a file as a directory": (lambda f: f.rmdir("/etc/passwd"), errno.ENOTDIR),
    "removing a full directory": (lambda f: f.rmdir("/etc"), errno.ENOTEMPTY),
    "removing the root": (lambda f: f.rmdir("/"), errno.EBUSY),
    "removing a mount point": (lambda f: f.rmdir("/dev"), errno.EBUSY),
    "removing .": (lambda f: f.rmdir("/tmp/."), errno.EINVAL),
    "moving to another file system": (lambda f: f.rename("/etc/passwd", "/dev/x"), errno.EXDEV),
    "linking to another file system": (lambda f: f.link("/etc/passwd", "/dev/x"), errno.EXDEV),
    "moving a directory of the image": (lambda f: f.rename("/etc", "/tmp/etc"), errno.EXDEV),
    "moving a directory into itself": (
        lambda f: f.rename("/tmp/mine", "/tmp/mine/b"),
        errno.EINVAL,
    ),
    "a link to a directory": (lambda f: f.link("/tmp", "/x"), errno.EPERM),
    "reading no link": (lambda f: f.readlink("/etc/passwd"), errno.EINVAL),
    "a full device": (lambda f: f.write("/dev/full", b"x"), errno.ENOSPC),
    "no terminal": (lambda f: f.open("/dev/tty", "r"), errno.ENXIO),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_what_linux_refuses_is_refused_with_its_number(case: str) -> None:
    attempt, code = REFUSALS[case]
    with pytest.raises(OSError, match="Errno") as caught:
        attempt(_prepared(User()))
    assert caught.value.errno == code


FORBIDDEN: Mapping[str, tuple[Callable[[View], object], int]] = {
    "writing in another's directory": (lambda f: f.write("/etc/x", b""), errno.EACCES),
    "writing another's file": (lambda f: f.write("/etc/passwd", b""), errno.EACCES),
    "a directory that is closed": (lambda f: f.list("/root"), errno.EACCES),
    "reaching through a closed directory": (
        lambda f: f.access("/root", "x") or f.stat("/root/x"),
        errno.EACCES,
    ),
    "changing another's mode": (lambda f: f.chmod("/etc/passwd", 0o777), errno.EPERM),
    "giving a file away": (
        lambda f: f.chown("/tmp/mine", 0, -1),
        errno.EPERM,
    ),
    "a device": (lambda f: f.mknod("/tmp/x", "char", (1, 3)), errno.EPERM),
}


@pytest.mark.parametrize("case", FORBIDDEN)
def test_what_only_root_may_nobody_may_not(case: str) -> None:
    attempt, code = FORBIDDEN[case]
    with pytest.raises(PermissionError) as caught:
        attempt(_prepared(NOBODY))
    assert caught.value.errno == code
    attempt(_prepared(User()))


def test_in_a_sticky_directory_only_the_owner_removes() -> None:
    machine = Machine()
    view(machine=machine).write("/tmp/x", b"")
    nobody = view(NOBODY, machine)
    with pytest.raises(PermissionError, match="Operation not permitted"):
        nobody.unlink("/tmp/x")
    with pytest.raises(PermissionError, match="Operation not permitted"):
        nobody.rename("/tmp/x", "/tmp/y")
    nobody.write("/tmp/mine", b"")
    nobody.unlink("/tmp/mine")


def test_access_asks_for_all_that_is_wanted() -> None:
    files, nobody = view(), view(NOBODY)
    assert files.access("/etc/passwd", "rw")
    assert not files.access("/etc/passwd", "x")
    assert files.access("/bin/ls", "rx")
    assert nobody.access("/etc/passwd", "r")
    assert not nobody.access("/etc/passwd", "w")
    assert not nobody.access("/no", "r")


def test_devices_give_and_take() -> None:
    files = view()
    assert _read(files.open("/dev/null", "r").read()) == b""
    assert set(_read(files.open("/dev/zero", "r").read())) == {0}
    files.write("/dev/null", b"gone")
    first, again = view(), view()
    noise = _read(first.open("/dev/urandom", "r").read())
    assert len(set(noise)) > 200
    assert noise == _read(again.open("/dev/random", "r").read())


def test_a_fifo_blocks_until_both_ends_are_open() -> None:
    machine = Machine()
    view(machine=machine).mkfifo("/tmp/p")
    order: list[object] = []

    def reader(process: Process) -> Waits[int]:
        files = process.files
        opened = yield from files.opening("/tmp/p", "r")
        order.append("opened")
        while chunk := (yield from opened.read()):
            order.append(chunk)
        order.append("end")
        return 0

    def writer(process: Process) -> Waits[int]:
        yield from process.sleep(5)
        opened = yield from process.files.opening("/tmp/p", "w")
        opened.write(b"hello")
        yield from process.sleep(5)
        order.append("closing")
        opened.close()
        return 0

    reading = machine.start_program(reader)
    machine.start_program(writer)
    machine.scheduler.advance_to(machine.scheduler.now_ns + 4 * 10**9)
    assert order == []
    assert reading.finish().code == 0
    assert order == ["opened", b"hello", "closing", "end"]


@given(st.text(alphabet="ab/.\0\udcff", max_size=30))
def test_any_path_is_found_or_refused_by_an_oserror(path: str) -> None:
    files = view()
    files.mkdir("/a")
    files.symlink("../a", "/a/b")
    for attempt in (files.stat, files.list, files.read, files.mkdir, files.rmdir):
        try:
            attempt(path)
        except OSError as error:
            assert error.filename == path  # noqa: PT017  # both ends are legal
