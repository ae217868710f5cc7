"""A client in JavaScript, with @grpc/grpc-js and the published proto files."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from fakecri import CRI
from tests.real import install, published
from tests.real.test_client_python import LIFE
from tests.requirements import skip_for

pytestmark = pytest.mark.real

CLIENT = Path(__file__).parent / "clients" / "node"
PATIENCE_S = 300


def run(directory: Path, *command: str | Path) -> str:
    done = subprocess.run(
        command, check=False, cwd=directory, capture_output=True, text=True, timeout=PATIENCE_S
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of the client, with the packages that it needs."""
    skip_for(install.missing("node", "npm", "go"))
    directory = tmp_path_factory.mktemp("node") / "client"
    shutil.copytree(CLIENT, directory)
    quietly = ("--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline")
    run(directory, str(install.find("npm").path), "ci", *quietly)
    return directory


@pytest.mark.parametrize(
    ("minor", "package", "level", "streamed"),
    [
        (37, "v1", "", "1"),
        (37, "v1", "1.35", "unknown method StreamContainers for service runtime.v1.RuntimeService"),
        (30, "v1", "1.30", None),
        (25, "v1alpha2", "1.25", None),
    ],
)
def test_a_client_in_javascript(
    client: Path, tmp_path: Path, minor: int, package: str, level: str, streamed: str | None
) -> None:
    proto = published.plain(published.proto(minor, package), tmp_path)
    with CRI(api_level=level) as cri, cri.serve("127.0.0.1:0") as server:
        node = str(install.find("node").path)
        out = run(client, node, "client.js", proto, f"runtime.{package}", server.endpoint)
    told = {} if streamed is None else {"streamed": streamed}
    assert json.loads(out) == {"version": package, **LIFE, **told}
