"""`fakecri drive`: over a socket, and what it says."""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from fakecri import CRI, cli
from fakecri.replay import compare
from fakecri.replay.files import read_recording
from tests.replay.recordings import recording_of
from tests.replay.scripts import cycle


@pytest.fixture
def directory() -> Iterator[Path]:
    with TemporaryDirectory(prefix="fakecri-") as path:
        Path(path, "run.jsonl").write_text("".join(recording_of(cycle).lines))
        Path(path, "bad").write_text("x\nx\n")
        yield Path(path)


def test_calls_are_made_and_recorded(directory: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before, after = directory / "run.jsonl", directory / "new.jsonl"
    address = f"unix://{directory}/cri.sock"
    with CRI(seed=5, pace="rate") as other, other.serve(address):
        command = ["drive", str(before), "--to", address, "--record", str(after)]
        assert cli.main([*command, "--speed", "10", "--patience", "5"]) == 0
    assert capsys.readouterr() == (f"made {len(read_recording(before).calls)} calls\n", "")
    assert compare(read_recording(before), read_recording(after)).alike
    assert cli.main(["diff", str(before), str(after)]) == 0


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ("drive {}/no --to {}/s", "{}/no: No such file or directory"),
        ("drive {}/bad --to {}/s", "{}/bad: line 1: expected a JSON object, not 'x'"),
        (
            "drive {}/run.jsonl --to {}/s --record {}/run.jsonl",
            "--record {}/run.jsonl: that is the recording which is driven",
        ),
    ],
)
def test_what_cannot_be_is_one_line_and_status_2(
    options: str, complaint: str, directory: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (directory / "run.jsonl").read_text()
    assert cli.main(options.replace("{}", str(directory)).split()) == 2
    said = capsys.readouterr()
    assert (said.out, said.err) == ("", f"fakecri: {complaint.replace('{}', str(directory))}\n")
    assert (directory / "run.jsonl").read_text() == before


def test_a_runtime_that_is_not_there_is_told(
    directory: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    new = directory / "new.jsonl"
    command = ["drive", f"{directory}/run.jsonl", "--to", f"unix://{directory}/s"]
    assert cli.main([*command, "--record", str(new)]) == 2
    said = capsys.readouterr().err
    assert (said.count("\n"), said.startswith(f"fakecri: --to unix://{directory}/s: ")) == (1, True)
    assert not new.exists()
