"""Go clients: generated code of several versions of the CRI, and the kubelet's own client."""

from __future__ import annotations

import json
import shutil
import subprocess
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import pytest

from fakecri import CRI
from tests.real import install
from tests.real.go_programs import compiled
from tests.requirements import skip_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.real

CLIENTS = Path(__file__).parent / "clients"
PATIENCE_S = 600
LIFE = {
    "ready": "RuntimeReady",
    "said": "done",
    "running": "CONTAINER_RUNNING",
    "stopped": "CONTAINER_EXITED",
    "removed": "NotFound",
}


@contextmanager
def served(**options: Any) -> Iterator[tuple[CRI, str]]:
    """Serve a runtime on a unix socket; the kubelet's client dials no other."""
    with (
        TemporaryDirectory(prefix="fcri-") as home,
        CRI(**options) as cri,
        cri.serve(f"unix://{home}/cri.sock") as server,
    ):
        yield cri, server.endpoint


@pytest.fixture(scope="module", name="built")
def _built(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, str], Path]:
    """What builds a client of some version of `cri-api`, once."""

    @cache
    def build(version: str, package: str) -> Path:
        skip_for(install.missing("go"))
        module = tmp_path_factory.mktemp("go")
        shutil.copytree(CLIENTS / "go" / version, module, dirs_exist_ok=True)
        source = (CLIENTS / "go" / "main.go").read_text()
        # v1alpha2 has the same names.
        (module / "main.go").write_text(source.replace("/runtime/v1", f"/runtime/{package}"))
        return compiled(module)

    return build


def seen(program: Path, *arguments: str) -> dict[str, str]:
    """Run a client; return what it saw."""
    done = subprocess.run(
        [program, *arguments], check=False, capture_output=True, text=True, timeout=PATIENCE_S
    )
    assert done.returncode == 0, done.stderr
    told: dict[str, str] = json.loads(done.stdout)
    return told


@pytest.mark.parametrize(
    ("version", "package", "level"),
    [
        ("v0.20.0", "v1", "1.20"),
        ("v0.20.0", "v1", ""),
        ("v0.25.0", "v1alpha2", "1.20"),
        ("v0.25.0", "v1alpha2", "1.25"),
        ("v0.25.0", "v1alpha2", ""),
        ("v0.37.0", "v1", "1.20"),
        ("v0.37.0", "v1", "1.30"),
        ("v0.37.0", "v1", ""),
    ],
)
def test_a_client_of_one_version_lives_with_a_runtime_of_another(
    built: Callable[[str, str], Path], version: str, package: str, level: str
) -> None:
    program = built(version, package)
    service = f"runtime.{package}.RuntimeService"
    unknown = [f"/{service}/{name}" for name in ("Bogus", "StreamContainers")[: 2 if level else 1]]
    with served(api_level=level) as (_, endpoint):
        told = seen(program, endpoint, *unknown)
    refusals = {
        path: f"unknown method {path.rpartition('/')[2]} for service {service}" for path in unknown
    }
    assert told == {"version": package, **LIFE, **refusals}


@pytest.fixture(scope="module")
def kubelet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The client of a kubelet of 1.37."""
    skip_for(install.missing("go"))
    module = tmp_path_factory.mktemp("kubelet") / "module"
    shutil.copytree(CLIENTS / "kubelet", module)
    return compiled(module)


@pytest.mark.parametrize(
    ("options", "streams", "config", "events"),
    [
        ({}, 4, "OK", "told"),
        ({"api_level": "1.35"}, 0, "OK", "told"),
        ({"api_level": "1.27"}, 0, "Unimplemented", "told"),
        ({"personality": "old"}, 0, "Unimplemented", "Unimplemented"),
    ],
)
def test_the_kubelets_client_does_without_what_is_not_there(
    kubelet: Path, options: dict[str, str], streams: int, config: str, events: str
) -> None:
    with served(**options) as (cri, endpoint):
        told = seen(kubelet, endpoint)
        listed = [call for call in cri.calls if call.rpc.startswith("Stream")]
    assert told == {
        "images": "1",
        "said": "done",
        "containers": "1",
        "containers again": "1",
        "pods": "1",
        "RuntimeConfig": config,
        "events": events,
    }
    # Refused once, it streams no list any more; images have a client of their own.
    assert len([call for call in listed if call.error is None]) == streams
    assert len([call for call in listed if call.error is not None]) == (0 if streams else 2)
