"""`fakecri replay`, as a process of its own."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import grpc
import pytest

from fakecri import cli
from fakecri.api import runtime_pb2 as pb
from fakecri.channel import connect, runtime_stub
from fakecri.replay import compare
from fakecri.replay.files import read_recording
from tests.replay.recordings import recording_of
from tests.support import raises_status

ROOT = Path(__file__).parents[2]
READY = "fakecri is ready on "
PATIENCE_S = 60
VERSION = pb.VersionRequest(version="0.1.0")


@pytest.fixture
def directory() -> Iterator[Path]:
    with TemporaryDirectory(prefix="fakecri-") as path:
        recording = recording_of(lambda node: node.runtime.Version(VERSION))
        Path(path, "run.jsonl").write_text("".join(recording.lines))
        yield Path(path)


@contextmanager
def replaying(directory: Path, *options: object) -> Iterator["subprocess.Popen[str]"]:
    command = [
        sys.executable,
        "-W",
        "error",
        "-m",
        "fakecri",
        "replay",
        str(directory / "run.jsonl"),
    ]
    with subprocess.Popen(
        [*command, "--listen", directory / "cri.sock", *map(str, options)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == f"{READY}unix://{directory}/cri.sock\n"
            yield process
        finally:
            process.kill()


def ended(process: "subprocess.Popen[str]") -> tuple[int, str, str]:
    process.terminate()
    out, err = process.communicate(timeout=PATIENCE_S)
    return process.returncode, out, err


def test_a_recording_is_served(directory: Path) -> None:
    again = directory / "again.jsonl"
    with replaying(directory, "--record", again) as process:
        with connect(f"unix://{directory}/cri.sock") as channel:
            assert runtime_stub(channel).Version(VERSION).runtime_name == "containerd"
        assert ended(process) == (0, "", "")
    assert compare(read_recording(directory / "run.jsonl"), read_recording(again)).alike


def test_what_was_refused_is_told_at_the_end(directory: Path) -> None:
    with replaying(directory) as process:
        with (
            connect(f"unix://{directory}/cri.sock") as channel,
            raises_status(grpc.StatusCode.ABORTED),
        ):
            runtime_stub(channel).Status(pb.StatusRequest())
        assert ended(process) == (1, "", "refused: Status: no Status was recorded\n")


def test_new_episodes_are_in_the_file_afterwards(directory: Path) -> None:
    with replaying(directory, "--mode", "new_episodes") as process:
        with connect(f"unix://{directory}/cri.sock") as channel:
            runtime_stub(channel).Version(VERSION)
            runtime_stub(channel).Status(pb.StatusRequest())
        assert ended(process) == (0, "", "")
    after = read_recording(directory / "run.jsonl")
    assert [call.rpc for call in after.calls] == ["Version", "Status"]


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ("replay {}/no --listen {}/s", "{}/no: No such file or directory"),
        ("replay {}/bad --listen {}/s", "{}/bad: line 1: expected a JSON object, not 'x'"),
        (
            "replay {}/run.jsonl --listen {}/s --record {}/run.jsonl",
            "--record {}/run.jsonl: that is the recording which is replayed",
        ),
        (
            "replay {}/run.jsonl --listen {}/no/s",
            "the directory of the socket {}/no/s does not exist",
        ),
        (
            "replay {}/run.jsonl --listen {}/s --upstream {}/t",
            "in mode none nobody else is asked: an upstream is for another mode",
        ),
    ],
)
def test_what_cannot_be_is_one_line_and_status_2(
    options: str, complaint: str, directory: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (directory / "bad").write_text("x\nx\n")
    before = (directory / "run.jsonl").read_text()
    assert cli.main(options.replace("{}", str(directory)).split()) == 2
    said = capsys.readouterr()
    assert (said.out, said.err) == ("", f"fakecri: {complaint.replace('{}', str(directory))}\n")
    assert (directory / "run.jsonl").read_text() == before
