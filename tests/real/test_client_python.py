"""Stubs that protoc makes from the published proto files, in Python."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from fakecri import CRI
from tests.real import published
from tests.requirements import skip_for

pytestmark = pytest.mark.real

CLIENT = Path(__file__).parent / "clients" / "python" / "client.py"
PATIENCE_S = 60
LIFE = {
    "said": "done",
    "running": "CONTAINER_RUNNING",
    "stopped": "CONTAINER_EXITED",
    "removed": "NOT_FOUND",
}


def generate(minor: int, package: str, directory: Path) -> None:
    skip_for(published.obstacles())
    source = published.plain(published.proto(minor, package), directory)
    published.protoc(source, f"--python_out={directory}", f"--grpc_python_out={directory}")


def run(directory: Path, argument: str) -> dict[str, str]:
    """Run the client with the stubs in a directory; return what it saw."""
    done = subprocess.run(
        [sys.executable, "-W", "error", CLIENT, argument],
        check=False,
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": str(directory)},
        timeout=PATIENCE_S,
    )
    assert (done.returncode, done.stderr) == (0, "")
    seen: dict[str, str] = json.loads(done.stdout)
    return seen


@pytest.mark.parametrize(
    ("minor", "package", "level"),
    [
        (20, "v1", "1.20"),
        (25, "v1", "1.25"),
        (25, "v1alpha2", "1.25"),
        (20, "v1alpha2", "1.20"),
        (25, "v1alpha2", ""),
        (30, "v1", "1.24"),
        (30, "v1", "1.30"),
        (37, "v1", "1.24"),
        (37, "v1", ""),
    ],
)
def test_a_client_in_a_process_of_its_own(
    minor: int, package: str, level: str, tmp_path: Path
) -> None:
    generate(minor, package, tmp_path)
    with CRI(api_level=level) as cri, cri.serve("127.0.0.1:0") as server:
        seen = run(tmp_path, server.endpoint)
        assert seen == {"version": package, **LIFE}
        assert {call.peer for call in cri.calls} == {"grpc"}


@pytest.mark.parametrize("minor", [20, 30, 37])
def test_a_client_beside_the_runtime_in_one_process(minor: int, tmp_path: Path) -> None:
    generate(minor, "v1", tmp_path)
    assert run(tmp_path, "beside") == {"version": "v1", **LIFE}
