"""`fakecri scenario run` with real kubelets: report, page, recording and exit status."""

from __future__ import annotations

import gzip
import json
import re
import subprocess
import sys
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from fakecri.core.recording import Recording
from fakecri.replay.files import read_recording
from tests.real import install
from tests.real.install import KUBELET_VERSION, KUBELETS
from tests.requirements import skip_for
from tests.server.served import until

pytestmark = pytest.mark.real

PATIENCE_S = 300
PROBE, OTHERWISE = "probe-runtime-error", "otherwise"
WRONG = """
number = 1
classes = ["C1"]
threads = []
about = "A file that is wrong: it thinks that a kubelet gives a pod up at the first error."

[live]
expect = "The pod never runs."
settings = { syncFrequency = "1s" }
outcome = { "1.35" = "reproduced", "1.36" = "reproduced" }
steps = '''
arm RunPodSandbox = 1*error(UNKNOWN, "no room <b>")
put
see kubelet-events FailedCreatePodSandBox pod=web text="*no room <b>*"
never phase web = Running for 60s
instead running web/app = 1
recovers restarts web/app >= 9 within 1s
'''

[[live.pods]]
name = "web"
"""


class Run(NamedTuple):
    """A run that has ended."""

    status: int
    out: str
    told: str
    directory: Path

    @property
    def report(self) -> dict[str, Any]:
        """The report."""
        report: dict[str, Any] = json.loads((self.directory / "report.json").read_text())
        return report

    @property
    def page(self) -> str:
        """The page."""
        return (self.directory / "report.html").read_text()


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], Run]:
    """What came of two scenarios with each kubelet; all at once, as they wait a lot."""
    skip_for([reason for name in KUBELETS.values() for reason in install.missing(name)])
    home = tmp_path_factory.mktemp("scenarios")
    (home / f"{OTHERWISE}.toml").write_text(WRONG)
    names = {PROBE: PROBE, OTHERWISE: str(home / f"{OTHERWISE}.toml")}
    with ExitStack() as stack:
        begun = {
            (id_, version): stack.enter_context(_begun(names[id_], version, home / id_ / version))
            for id_ in names
            for version in KUBELETS
        }
        return {key: _ended(process, home.joinpath(*key)) for key, process in begun.items()}


def _begun(scenario: str, version: str, directory: Path) -> subprocess.Popen[str]:
    program = install.find(KUBELETS[version]).path
    record = directory / "packed.jsonl.gz"
    options = ["--kubelet", str(program), "--report", str(directory), "--record", str(record)]
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-m", "fakecri", "scenario", "run", scenario, *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def _ended(process: subprocess.Popen[str], directory: Path) -> Run:
    try:
        out, told = process.communicate(timeout=PATIENCE_S)
    except subprocess.TimeoutExpired:
        process.terminate()
        raise
    return Run(process.returncode, out, told, directory)


@pytest.fixture(params=KUBELETS)
def version(request: pytest.FixtureRequest) -> str:
    """The version of a kubelet."""
    return str(request.param)


@pytest.fixture
def reproduced(runs: dict[tuple[str, str], Run], version: str) -> Run:
    """A run of a bug that is there."""
    return runs[PROBE, version]


@pytest.fixture
def otherwise(runs: dict[tuple[str, str], Run], version: str) -> Run:
    """A run of a bug that is not there, though its file says so."""
    return runs[OTHERWISE, version]


def test_a_bug_that_is_there_is_reproduced(reproduced: Run, version: str) -> None:
    assert reproduced.status == 0, reproduced.told
    report = reproduced.report
    assert (report["outcome"], report["expected"]) == ("reproduced", "reproduced")
    assert report["as_expected"] is True
    assert report["kubelet"] == version
    assert 0 < report["recovered_s"] < report["took_s"]
    assert reproduced.out.splitlines()[0] == f"{PROBE} on kubelet {version}: reproduced"


def test_what_was_injected_and_when_it_was_seen_is_reported(reproduced: Run) -> None:
    report = reproduced.report
    (rule,) = report["rules"]
    assert rule["fired"] >= 6
    (injected,) = [each for each in report["steps"] if each["injects"]]
    seen = [each for each in report["steps"] if each["result"] == "seen" and each["verb"] == "see"]
    assert seen
    assert all(each["at_s"] >= injected["at_s"] for each in seen)
    assert "Unhealthy" in {each["reason"] for each in report["kubelet_events"]}
    assert report["calls"]["ExecSync"]["failed"] == rule["fired"]
    assert len(reproduced.told.splitlines()) == len(report["steps"])


def test_the_recording_is_kept_packed_and_plain(reproduced: Run) -> None:
    plain = read_recording(reproduced.directory / "recording.jsonl")
    failed = plain.history.select("ExecSync", error="exec failed")
    assert len(failed) == reproduced.report["rules"][0]["fired"]
    packed = _unpacked(reproduced.directory / "packed.jsonl.gz")
    assert len(packed.history) == len(plain.history)


def test_a_bug_that_is_not_there_is_told_with_what_came_instead(otherwise: Run) -> None:
    assert otherwise.status == 1, otherwise.told
    report = otherwise.report
    assert (report["outcome"], report["as_expected"]) == ("not reproduced", False)
    results = {each["verb"]: each["result"] for each in report["steps"]}
    assert (results["never"], results["instead"]) == ("missed", "seen")
    assert (results["recovers"], report["did_not_recover"]) == ("missed", True)
    assert "its file says: reproduced" in otherwise.out


def test_the_page_has_all_and_needs_nothing(reproduced: Run, otherwise: Run) -> None:
    for run in (reproduced, otherwise):
        assert f"<dd>{run.report['outcome']}</dd>" in run.page
        assert 'srcdoc="&lt;!doctype html&gt;' in run.page
        assert not re.search(r'(?:src|href)="(?!data:)', run.page)
    assert "no room &lt;b&gt;" in otherwise.page
    assert "no room <b>" not in otherwise.page


def test_a_run_that_is_terminated_leaves_nothing(tmp_path: Path) -> None:
    skip_for(install.missing("kubelet"))
    path = tmp_path / "long.toml"
    path.write_text(WRONG.replace("steps = '''", "steps = '''\nwait 60s"))
    with _begun(str(path), KUBELET_VERSION, tmp_path) as process:
        try:
            kubelet, root = _kubelet_of(process)
        finally:
            process.terminate()
        process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 130
    assert not Path(f"/proc/{kubelet}").exists()
    assert not root.exists()
    assert str(root) not in Path("/proc/self/mountinfo").read_text()


def _kubelet_of(process: subprocess.Popen[str]) -> tuple[str, Path]:
    """Return the pid and the root directory of a run's kubelet, once that is mounted."""
    found: list[tuple[str, Path]] = []

    def mounted() -> bool:
        assert process.poll() is None
        with suppress(OSError):  # a thread or a child has just ended
            threads = Path(f"/proc/{process.pid}/task").glob("*/children")
            for child in [child for each in threads for child in each.read_text().split()]:
                command = Path(f"/proc/{child}/cmdline").read_bytes().decode().split("\0")
                roots = [each for each in command if each.startswith("--root-dir=")]
                found.extend((child, Path(each.partition("=")[2])) for each in roots)
        mounts = Path("/proc/self/mountinfo").read_text()
        return bool(found) and str(found[0][1]) in mounts

    until(mounted)
    return found[0]


def _unpacked(path: Path) -> Recording:
    return Recording.parse(gzip.decompress(path.read_bytes()).split(b"\n"))
