"""`fakecri timeline`."""

import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import TypeAlias

import pytest

from fakecri import CRI, cli
from fakecri.api import runtime_pb2 as pb
from tests.timeline.recordings import Script

COMMAND = [sys.executable, "-W", "error", "-m", "fakecri", "timeline"]

Run: TypeAlias = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capfdbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch) -> Run:
    """The command: it returns the exit status, and what it says on stdout and stderr."""

    def ran(*options: object, text: bytes = b"") -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text)))
        status = cli.main(["timeline", *map(str, options)])
        said = capfdbinary.readouterr()
        return status, said.out.decode(), said.err.decode()

    return ran


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    path = tmp_path / "run.jsonl"
    with path.open("w") as record, CRI(record=record) as cri:
        metadata = pb.PodSandboxMetadata(name="web", namespace="default", uid="1")
        cri.runtime_service.run_pod_sandbox(pb.PodSandboxConfig(metadata=metadata))
        cri.advance(1)
        cri.runtime.Version(pb.VersionRequest())
    return path


def test_a_recording_is_drawn_as_text(run: Run, recording: Path) -> None:
    status, out, err = run(recording)
    assert (status, err) == (0, "")
    assert "default/web  RunPodSandbox #1 ok → READY ○ created, started\n" in out
    assert "1 read: Version\n" in out


def test_a_recording_may_come_from_standard_input(run: Run, recording: Path) -> None:
    assert run("-", text=recording.read_bytes()) == run(recording)


def test_the_text_is_in_utf_8_whatever_the_locale(run: Run, recording: Path) -> None:
    locale = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    ran = subprocess.run(
        [*COMMAND, recording], capture_output=True, env={**os.environ, **locale}, check=True
    )
    assert ran.stdout.decode() == run(recording)[1]


def test_a_recording_is_drawn_as_a_trace(run: Run, recording: Path, tmp_path: Path) -> None:
    trace = tmp_path / "trace.json"
    assert run(recording, "--format", "trace", "-o", trace) == (0, "", "")
    assert {event["name"] for event in json.loads(trace.read_text())["traceEvents"]} >= {
        "RunPodSandbox",
        "Version",
    }


def test_a_recording_is_drawn_as_a_page(run: Run, recording: Path, tmp_path: Path) -> None:
    page = tmp_path / "run.html"
    assert run(recording, "--format", "html", "-o", page) == (0, "", "")
    assert page.read_text().startswith("<!doctype html>")


def test_pods_times_and_reads_are_chosen(run: Run, recording: Path) -> None:
    assert "RunPodSandbox" not in run(recording, "--pod", "db")[1]
    assert "RunPodSandbox" not in run(recording, "--from", "500ms")[1]
    assert "Version" not in run(recording, "--to", "0.5")[1]
    assert "Version" not in run(recording, "--no-reads")[1]
    assert "Version #2 ok" in run(recording, "--reads", "shown")[1]


def test_lines_are_as_wide_as_asked_for(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    recording = Script(rules=["Version = " + "x" * 300]).recording
    header = {"n": 0, "kind": "header", "t": 0, "v": 0, **recording.header.facts}
    header |= {"contract": "runtime.v1", "contract_version": "1.36", "fakecri": "1", "pace": "x"}
    path.write_text(json.dumps(header))
    assert max(map(len, run(path, "--width", 60)[1].splitlines())) == 60
    assert max(map(len, run(path, "--width", 0)[1].splitlines())) > 300


def test_a_last_line_that_is_cut_off_is_left_out(run: Run, recording: Path) -> None:
    whole = recording.read_bytes().rstrip(b"\n")
    status, out, err = run("-", text=whole[:-20])
    assert (status, err) == (
        0,
        "fakecri: the last line of the recording is cut off, and left out\n",
    )
    assert "Version #2 begins, never answered" in out


class _Interrupted(io.BytesIO):
    def __iter__(self) -> "_Interrupted":
        raise KeyboardInterrupt


def test_an_interrupt_while_it_reads_is_no_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=_Interrupted()))
    assert cli.main(["timeline", "-"]) == 130


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["missing.jsonl"], "missing.jsonl: No such file or directory"),
        ([os.devnull], f"{os.devnull}: a recording begins with a header, and there is no line"),
        (["/"], "/: Is a directory"),
        (["-", "--from", "x"], "--from: 'x' is no time: 1.5s, 250ms and 1m30s are"),
        (["-", "--from", "2s", "--to", "1s"], "--from 2s is after --to 1s"),
        (["-", "--width", "-1"], "--width -1: 0 columns or more"),
    ],
)
def test_bad_input_is_one_line_and_status_2(run: Run, options: list[str], said: str) -> None:
    assert run(*options) == (2, "", f"fakecri: {said}\n")


@pytest.mark.parametrize("text", [b"", b"{", b"[]\n", b"\xff\xfe\n", b'{"kind":"header"}\n'])
@pytest.mark.parametrize("form", ["text", "trace", "html"])
def test_what_is_no_recording_is_one_line_and_status_2(run: Run, text: bytes, form: str) -> None:
    status, out, err = run("-", "--format", form, text=text)
    assert (status, out) == (2, "")
    assert err.startswith("fakecri: -: ")
    assert err.count("\n") == 1


def test_nothing_is_written_for_what_is_no_recording(run: Run, tmp_path: Path) -> None:
    output = tmp_path / "out"
    assert run(os.devnull, "-o", output)[0] == 2
    assert not output.exists()


def test_an_output_that_cannot_be_written_is_one_line(
    run: Run, recording: Path, tmp_path: Path
) -> None:
    path = tmp_path / "no" / "out"
    assert run(recording, "-o", path) == (2, "", f"fakecri: -o {path}: No such file or directory\n")
    full = f"fakecri: -o /dev/full: {os.strerror(28)}\n"
    assert run(recording, "-o", "/dev/full") == (2, "", full)


def test_a_reader_that_has_seen_enough_is_no_error(recording: Path) -> None:
    read, write = os.pipe()
    os.close(read)
    ran = subprocess.run([*COMMAND, recording], stdout=write, stderr=subprocess.PIPE, check=False)
    os.close(write)
    assert (ran.returncode, ran.stderr) == (0, b"")
