"""critest, the conformance tests of the CRI: what they say of streaming."""

from __future__ import annotations

import json
import subprocess
import tempfile
from typing import TYPE_CHECKING

import pytest

from tests.control.processes import serving
from tests.real import install
from tests.requirements import skip_for

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.real

RUN_TIMEOUT_S = 300
OVER_WEBSOCKETS = ("-websocket-exec", "-websocket-attach", "-websocket-portforward")
STREAMING = {
    "runtime should support exec with tty=false and stdin=false [Conformance]",
    "runtime should support exec with tty=true and stdin=true [Conformance]",
    "runtime should support attach [Conformance]",
    "runtime should support portforward [Conformance]",
    "runtime should support portforward in host network",
}


@pytest.mark.parametrize(
    "options", [pytest.param((), id="spdy"), pytest.param(OVER_WEBSOCKETS, id="websocket")]
)
def test_every_spec_of_streaming_passes(tmp_path: Path, options: tuple[str, ...]) -> None:
    skip_for(install.missing("critest"))
    assert verdicts(tmp_path, "Streaming", *options) == dict.fromkeys(STREAMING, "passed")


def verdicts(home: Path, focus: str, *options: str) -> dict[str, str]:
    """What became of each spec that was run, by its name: passed, or why not."""
    program, report = install.find("critest").path, home / "report.json"
    assert program is not None
    configuration = home / "crictl.yaml"  # it reads crictl's
    configuration.touch()
    mounts = ("--host-mounts", tempfile.gettempdir(), "--host-mounts", "/proc")
    with serving("--network", "loopback", *mounts) as server:
        done = subprocess.run(
            [
                *(program, "-config", configuration, "-runtime-endpoint", server.endpoint),
                *("-ginkgo.focus", focus, "-ginkgo.json-report", report, "-ginkgo.no-color"),
                *options,
            ],
            check=False,
            capture_output=True,
            text=True,
            timeout=RUN_TIMEOUT_S,
        )
    (suite,) = json.loads(report.read_text())
    ran = {
        spec["LeafNodeText"]: spec.get("Failure", {}).get("Message") or spec["State"]
        for spec in suite["SpecReports"]
        if spec["LeafNodeType"] == "It" and spec["State"] != "skipped"
    }
    assert (done.returncode == 0) == (set(ran.values()) == {"passed"}), done.stdout + done.stderr
    return ran
