"""Other languages control a runtime as well: a Go program, with code made from the proto file."""

import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.control.processes import serving
from tests.real import install
from tests.requirements import skip_for

pytestmark = pytest.mark.real

SOURCE = Path(__file__).parent / "go"
API = Path(__file__).parents[2] / "fakecri" / "api"
MODULE = "fakecri.dev/tests/real/go"
PLUGINS = (
    "google.golang.org/protobuf/cmd/protoc-gen-go",
    "google.golang.org/grpc/cmd/protoc-gen-go-grpc",
)
PATIENCE_S = 600


def run(*command: str | Path, cwd: Path) -> None:
    environment = os.environ | {"GOFLAGS": "-mod=readonly -buildvcs=false"}
    done = subprocess.run(
        command,
        check=False,
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make Go code from the proto file, and a program from that."""
    skip_for(install.missing("go"))
    skip_for([] if find_spec("grpc_tools") else ["protoc: the dev extra has it"])
    go = install.find("go").path
    assert go is not None
    module = tmp_path_factory.mktemp("go") / "module"
    shutil.copytree(SOURCE, module)
    (module / "bin").mkdir()
    run(go, "build", "-o", "bin/", *PLUGINS, cwd=module)
    package = f"{MODULE}/controlv1"
    options = [
        option
        for kind in ("go", "go-grpc")
        for option in (
            f"--plugin=protoc-gen-{kind}={module}/bin/protoc-gen-{kind}",
            f"--{kind}_out=.",
            f"--{kind}_opt=module={MODULE}",
            f"--{kind}_opt=Mcontrol.proto={package}",
        )
    ]
    protoc = (sys.executable, "-m", "grpc_tools.protoc", f"--proto_path={API}")
    run(*protoc, *options, "control.proto", cwd=module)
    run(go, "build", "-o", "bin/drive", ".", cwd=module)
    return module / "bin" / "drive"


def test_a_go_program_controls_a_runtime(program: Path) -> None:
    with serving("--pace", "manual", "--logs", "memory") as served:
        done = subprocess.run(
            [program, served.endpoint, served.control],
            check=False,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
        )
    assert (done.returncode, done.stderr) == (0, "")
    assert "a runtime can begin anew" in done.stdout
