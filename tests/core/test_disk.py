"""The disk: room that is taken, given back, and not there."""

import errno

import pytest

from fakecri.core.disk import Account, Disk, Room
from fakecri.core.files import MemoryFiles
from fakecri.errors import UsageError


def test_room_is_taken_whole_or_not_at_all() -> None:
    disk = Disk(capacity_bytes=100, capacity_inodes=10)
    disk.require(60, 2)
    for bytes_, inodes in [(41, 0), (0, 9), (40, 9)]:
        with pytest.raises(OSError, match="No space left on device") as full:
            disk.require(bytes_, inodes, path="/x")
        assert (full.value.errno, full.value.filename) == (errno.ENOSPC, "/x")
    assert (disk.used_bytes, disk.used_inodes) == (60, 2)
    disk.require(40, 8, account="files")
    assert (disk.free_bytes, disk.free_inodes) == (0, 0)
    assert disk.accounts == {"files": Room(40, 8), "layers": Room(60, 2)}


def test_what_is_released_can_be_taken_at_once() -> None:
    disk = Disk(capacity_bytes=100)
    disk.require(100)
    disk.release(30)
    disk.require(30, account="files")
    assert disk.free_bytes == 0


def test_nobody_gives_back_what_he_does_not_have() -> None:
    disk = Disk()
    disk.require(10, 1, account="files")
    with pytest.raises(UsageError):
        disk.release(1)
    with pytest.raises(UsageError):
        disk.release(11, account="files")
    assert disk.used_bytes == 10


def test_a_disk_that_shrinks_keeps_what_is_on_it() -> None:
    disk = Disk(capacity_bytes=100)
    disk.require(80)
    disk.capacity_bytes = 50
    assert (disk.used_bytes, disk.free_bytes) == (80, 0)
    disk.require(0, 1)
    with pytest.raises(OSError, match="No space"):
        disk.require(1)


def test_fill_leaves_what_it_is_told_to_and_clear_takes_it_back() -> None:
    disk = Disk(capacity_bytes=100, capacity_inodes=10)
    disk.require(20, 1)
    disk.fill(leave_bytes=5)
    assert (disk.free_bytes, disk.free_inodes) == (5, 9)
    disk.fill(leave_bytes=7, leave_inodes=3)
    assert (disk.free_bytes, disk.free_inodes) == (5, 3)
    disk.clear()
    assert disk.accounts == {"layers": Room(20, 1)}


def test_an_account_can_be_closed_and_then_counts_no_more() -> None:
    disk = Disk(capacity_bytes=100)
    one, other = Account(disk, "layers"), Account(disk, "layers")
    one.take(60, 2)
    other.take(30, 1)
    one.take(-10, -1)
    assert disk.accounts == {"layers": Room(80, 2)}
    with pytest.raises(OSError, match="No space left on device: '/x'"):
        other.take(21, path="/x")
    one.close()
    one.close()
    one.take(1000)
    assert disk.accounts == {"layers": Room(30, 1)}


def files_of(disk: Disk) -> Room:
    return disk.accounts.get("files", Room())


def test_files_in_memory_take_their_bytes_and_an_inode_each() -> None:
    disk, files = Disk(), MemoryFiles({"/old": b"12345"})
    files.stand_on(disk)
    assert files_of(disk) == Room(5, 1)
    log = files.open_append("/a/b/log")
    log.write(b"123")
    assert files_of(disk) == Room(8, 4)
    files.write("/old", b"12", truncate=False)
    assert files_of(disk) == Room(8, 4)
    files.write("/old", b"12")
    assert files_of(disk) == Room(5, 4)
    files.rename("/old", "/a/b/log")
    assert files_of(disk) == Room(2, 3)
    log.write(b"to a file without a name")
    files.remove_tree("/a")
    assert files_of(disk) == Room()


def test_a_file_that_is_open_in_a_removed_directory_takes_nothing() -> None:
    disk, files = Disk(), MemoryFiles()
    files.stand_on(disk)
    log = files.open_append("/a/b/log")
    files.remove_tree("/a")
    log.write(b"lost")
    assert files_of(disk) == Room()


def test_a_file_has_no_room_on_a_full_disk() -> None:
    disk, files = Disk(capacity_bytes=4, capacity_inodes=2), MemoryFiles()
    files.stand_on(disk)
    log = files.open_append("/log")
    log.write(b"1234")
    with pytest.raises(OSError, match="No space left on device: '/log'"):
        log.write(b"5")
    files.make_dirs("/d")
    for make in (files.make_dirs, files.open_append):
        with pytest.raises(OSError, match="No space"):
            make("/e")
    assert files.contents() == {"/log": b"1234"}
