"""A client in Rust, with the stubs that tonic makes from the published proto file."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from fcntl import LOCK_EX, flock
from pathlib import Path

import pytest

from fakecri import CRI
from tests.real import install, published
from tests.real.test_client_python import LIFE
from tests.requirements import skip_for

pytestmark = pytest.mark.real

CLIENT = Path(__file__).parent / "clients" / "rust"
TARGET = Path.home() / ".cache" / "fakecri-client"
PATIENCE_S = 900
MINOR = 36


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program. What cargo builds for it is kept where Go and npm keep theirs: at home."""
    skip_for(install.missing("cargo"))
    skip_for(published.obstacles())
    directory = tmp_path_factory.mktemp("rust")
    source = published.plain(published.proto(MINOR, "v1"), directory)
    published.protoc(source, f"--descriptor_set_out={directory}/api.binpb")
    shutil.copytree(CLIENT, directory, dirs_exist_ok=True)
    places = {"CRI_DESCRIPTORS": f"{directory}/api.binpb", "CARGO_TARGET_DIR": str(TARGET)}
    TARGET.mkdir(parents=True, exist_ok=True)
    with (TARGET / "lock").open("w") as lock:  # another run builds its own there
        flock(lock, LOCK_EX)
        done = subprocess.run(
            [str(install.find("cargo").path), "build", "--quiet"],
            check=False,
            cwd=directory,
            env=os.environ | places,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
        )
        assert done.returncode == 0, done.stderr
        return Path(shutil.copy(TARGET / "debug" / "fakecri-client", directory))


@pytest.mark.parametrize("level", ["", "1.36", "1.24"])
def test_a_client_in_rust(client: Path, level: str) -> None:
    with CRI(api_level=level) as cri, cri.serve("127.0.0.1:0") as server:
        done = subprocess.run(
            [client, f"http://{server.endpoint}"],
            check=False,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
        )
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout) == {"version": "v1", **LIFE, "removed": "NotFound"}
