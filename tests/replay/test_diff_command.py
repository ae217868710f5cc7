"""`fakecri diff`: what it prints, and its exit statuses."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from fakecri.cli import main
from tests.recording_script import run
from tests.replay.recordings import changed, parse

REASON = "ContainerStatus.status.reason"


def spoil(line: dict[str, Any]) -> None:
    status = line.get("response", {}).get("status", {})
    if "exit_code" in status:
        status["reason"] = "Other"


@pytest.fixture
def files(tmp_path: Path) -> tuple[str, str, str]:
    """A recording, one of the same with another seed, and one that is different."""
    texts = run(1), run(2), "".join(changed(parse(run(1)), spoil).lines)
    for name, text in zip("abc", texts, strict=True):
        (tmp_path / name).write_text(text)
    a, b, c = (str(tmp_path / name) for name in "abc")
    return a, b, c


def test_nothing_is_said_of_what_is_alike(
    files: tuple[str, str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["diff", files[0], files[1]]) == 0
    assert capsys.readouterr() == ("", "")


def test_a_difference_is_shown_as_by_diff(
    files: tuple[str, str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["diff", files[0], files[2]]) == 1
    said = capsys.readouterr().out.splitlines()
    assert said == [
        f"--- {files[0]}",
        f"+++ {files[2]}",
        "@@ -25 +25 ContainerStatus <container default/web/long#0> @@",
        f'-{REASON}: "Error"',
        f'+{REASON}: "Other"',
    ]


def test_the_report_is_there_for_programs(
    files: tuple[str, str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["diff", files[0], files[2], "--format", "json"]) == 1
    report = json.loads(capsys.readouterr().out)
    assert (report["alike"], report["notes"], report["unused"]) == (False, [], [])
    assert report["differences"] == [
        {
            "path": REASON,
            "title": "ContainerStatus <container default/web/long#0>",
            "left": "Error",
            "right": "Other",
            "left_place": 25,
            "right_place": 25,
        }
    ]
    assert main(["diff", files[0], files[1], "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["differences"] == []


def test_what_is_ignored_is_not_shown_and_what_was_not_needed_is(
    files: tuple[str, str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    listed = tmp_path / "known"
    listed.write_text(f"{REASON} it is spoilt\nStatus.info  it may be\n")
    assert main(["diff", files[0], files[2], "--ignore-file", str(listed)]) == 0
    assert capsys.readouterr().out == "note: nothing had to be ignored at Status.info\n"
    assert main(["diff", files[0], files[2], "--ignore", REASON]) == 0
    assert main(["diff", files[0], files[2], "--only", "StopContainer", "--no-events"]) == 0


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["a", "missing"], "missing: No such file or directory"),
        (["a", "empty"], "empty: a recording begins with a header, and there is no line"),
        (["a", "old"], "old: line 1: this is a recording of format '1'; format 2 is read"),
        (["a", "bytes"], "bytes: line 1 is not UTF-8: invalid start byte"),
        (["a", "a", "--only", "Sing"], "Sing is not an RPC of the CRI"),
        (["a", "a", "--ignore", "a b"], "'a b' is no path, such as ContainerStatus.status.reason"),
        (["a", "a", "--ignore-file", "short"], "short: line 1: expected a reason after Version"),
        (["a", "a", "--ignore-file", "bytes"], "bytes is not UTF-8: invalid start byte"),
        (["a", "a", "--ignore-file", "missing"], "missing: No such file or directory"),
    ],
)
@pytest.mark.usefixtures("files")
def test_what_cannot_be_read_is_told_in_a_line(
    arguments: list[str],
    complaint: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("empty").touch()
    Path("old").write_text('{"kind":"header","format":1,"t":0}\n')
    Path("bytes").write_bytes(b"\xff\n")
    Path("short").write_text("Version\n")
    assert main(["diff", *arguments]) == 2
    assert capsys.readouterr() == ("", f"fakecri: {complaint}\n")


def test_a_reader_that_has_seen_enough_is_told_by_the_status_alone(
    files: tuple[str, str, str],
) -> None:
    read, write = os.pipe()
    os.close(read)
    command = [sys.executable, "-m", "fakecri", "diff", files[0], files[2]]
    ran = subprocess.run(command, stdout=write, stderr=subprocess.PIPE, check=False)
    os.close(write)
    assert (ran.returncode, ran.stderr) == (1, b"")


def test_a_report_that_cannot_be_written_is_one_line(files: tuple[str, str, str]) -> None:
    command = [sys.executable, "-m", "fakecri", "diff", files[0], files[2]]
    with Path("/dev/full").open("wb") as full:
        ran = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, check=False)
    why = f"fakecri: standard output: {os.strerror(28)}\n"
    assert (ran.returncode, ran.stderr.decode()) == (2, why)
