"""Archives and compressed files, next to those of other programs."""

import gzip
import io
import subprocess
import tarfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fakecri.core.applets import Refusal
from fakecri.core.executables import DEFAULT_PATH
from fakecri.core.processes import Process
from fakecri.core.scheduler import SECOND_NS
from fakecri.core.tools.squeezing import compressed, expanded
from tests.core.machine import Finished, Machine
from tests.requirements import busybox

ENVIRONMENT = {"PATH": DEFAULT_PATH}
OLD_S = 1_000_000_000


@pytest.fixture
def machine() -> Machine:
    """One with a tree to pack."""
    machine = Machine()

    def fill(process: Process) -> int:
        files = process.files
        files.mkdir("/tmp/d", 0o750)
        files.write("/tmp/d/one", b"1\n" * 300, 0o640)
        files.utime("/tmp/d/one", OLD_S * SECOND_NS)
        files.symlink("one", "/tmp/d/link")
        files.link("/tmp/d/one", "/tmp/d/twin")
        files.mkfifo("/tmp/d/pipe")
        files.chown("/tmp/d/one", 12, 34)
        return 0

    machine.start_program(fill).finish()
    return machine


def _run(machine: Machine, line: str, stdin: bytes = b"") -> Finished:
    return machine.run(*line.split(), cwd="/tmp", environment=ENVIRONMENT, stdin=stdin)


def _content(machine: Machine, path: str) -> bytes:
    found: list[bytes] = []
    machine.start_program(lambda process: found.append(process.files.read(path))).finish()
    return found[0]


@pytest.mark.parametrize("z", ["", "z"])
def test_what_is_packed_comes_out_again(machine: Machine, z: str) -> None:
    assert _run(machine, f"tar c{z}f x.tar d") == (0, "", "")
    _run(machine, "mkdir out")
    assert _run(machine, "tar xf x.tar -C out") == (0, "", "")
    listing = "stat -c %n|%A|%u:%g|%s|%Y|%h d/link d/one d/pipe d/twin"
    before = _run(machine, listing).stdout.replace("d/", "out/d/")
    after = _run(machine, listing.replace("d/", "out/d/")).stdout
    one = [line.split("|") for line in before.splitlines()]
    other = [line.split("|") for line in after.splitlines()]
    assert [row[:4] for row in one] == [row[:4] for row in other]
    assert other[1][4] == str(OLD_S)
    assert other[1][5] == "2", "the twins are one file"


def test_a_list_shows_mode_owner_size_and_time(machine: Machine) -> None:
    _run(machine, "tar cf x.tar d")
    assert _run(machine, "tar tf x.tar").stdout == "d/\nd/link\nd/one\nd/pipe\nd/twin\n"
    long = _run(machine, "tar tvf x.tar d/one").stdout
    assert long == "-rw-r----- 12/34       600 2001-09-09 01:46:40 d/one\n"


def test_an_archive_can_be_read_by_others(machine: Machine) -> None:
    _run(machine, "tar cf x.tar d")
    with tarfile.open(fileobj=io.BytesIO(_content(machine, "/tmp/x.tar"))) as archive:
        kinds = {each.name: each.type for each in archive}
        assert kinds == {
            "d": tarfile.DIRTYPE,
            "d/link": tarfile.SYMTYPE,
            "d/one": tarfile.REGTYPE,
            "d/pipe": tarfile.FIFOTYPE,
            "d/twin": tarfile.LNKTYPE,
        }


@pytest.mark.real
def test_an_archive_can_be_read_by_a_real_busybox(machine: Machine, tmp_path: Path) -> None:
    real_busybox = busybox()
    _run(machine, "tar czf x.tgz d")
    (tmp_path / "x.tgz").write_bytes(_content(machine, "/tmp/x.tgz"))
    real = subprocess.run(
        [real_busybox, "tar", "tzvf", str(tmp_path / "x.tgz")], capture_output=True, check=True
    )
    assert real.stdout.decode() == _run(machine, "tar tzvf x.tgz").stdout


def test_some_can_be_left_out_and_stripped(machine: Machine) -> None:
    _run(machine, "tar cf x.tar --exclude twin d")
    assert "twin" not in _run(machine, "tar tf x.tar").stdout
    _run(machine, "tar xf x.tar --strip-components 1 d/one")
    assert _run(machine, "cat one").stdout == "1\n" * 300


def test_an_archive_goes_through_pipes(machine: Machine) -> None:
    def pipe(process: Process) -> int:
        process.files.write("/tmp/x.tar", _bytes_of(machine, "tar", "c", "d"))
        return 0

    machine.start_program(pipe).finish()
    packed = _content(machine, "/tmp/x.tar")
    assert _run(machine, "tar t", stdin=packed).stdout.splitlines()[0] == "d/"
    assert _run(machine, "tar xO d/one", stdin=packed).stdout == "1\n" * 300


def _bytes_of(machine: Machine, *argv: str) -> bytes:
    run = machine.start(argv, cwd="/tmp", environment=ENVIRONMENT)
    run.finish()
    return run.written["stdout"]


def test_a_name_that_leads_out_of_the_directory_is_cut(machine: Machine) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        info = tarfile.TarInfo("../../../tmp/away")
        info.size = 1
        archive.addfile(info, io.BytesIO(b"x"))
    _run(machine, "mkdir out")
    finished = _run(machine, "tar x -C out", stdin=buffer.getvalue())
    assert finished.stderr == "tar: removing leading '../../../' from member names\n"
    assert _run(machine, "find /tmp -name away").stdout == "/tmp/out/tmp/away\n"


@given(st.binary(max_size=3000), st.integers(0, 9))
def test_what_is_compressed_is_what_gzip_reads(content: bytes, level: int) -> None:
    assert gzip.decompress(compressed(content, 5, level)) == content
    assert expanded(gzip.compress(content, level)) == content


def test_members_one_after_another_are_one_content() -> None:
    assert expanded(compressed(b"a") + compressed(b"b")) == b"ab"


@settings(max_examples=50)
@given(st.binary(max_size=60))
def test_what_was_not_compressed_is_refused(garbage: bytes) -> None:
    for content in (garbage, compressed(b"hello" * 9)[:-3] + garbage[:2], b"\x1f\x8b" + garbage):
        if content == compressed(b"hello" * 9):
            continue
        with pytest.raises(Refusal):
            expanded(content)


def test_gzip_replaces_and_gunzip_brings_back(machine: Machine) -> None:
    _run(machine, "cp d/one big")
    assert _run(machine, "gzip big") == (0, "", "")
    assert _run(machine, "ls").stdout == "big.gz\nd\n"
    assert _run(machine, "zcat big.gz").stdout == "1\n" * 300
    assert _run(machine, "gunzip -k big.gz") == (0, "", "")
    assert _run(machine, "ls").stdout == "big\nbig.gz\nd\n"
    refused = _run(machine, "gzip big")
    assert refused == (1, "", "gzip: can't open 'big.gz': File exists\n")
    assert _run(machine, "gzip -f big").code == 0
