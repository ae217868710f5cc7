"""grpcurl knows nothing of the CRI but what reflection tells it."""

from __future__ import annotations

import json
import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from fakecri import CRI
from fakecri.core.levels import level_of
from tests.real import install
from tests.requirements import skip_for

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.real

V1 = "runtime.v1.RuntimeService"
OLD = "runtime.v1alpha2.RuntimeService"
CONFIG = {"metadata": {"name": "web", "namespace": "default", "uid": "1"}}
PATIENCE_S = 60


class Grpcurl:
    """grpcurl, bound to one server."""

    def __init__(self, endpoint: str) -> None:
        program = install.find("grpcurl").path
        assert program is not None
        self._program = program
        self._endpoint = endpoint

    def run(self, *words: str, data: Any = None) -> subprocess.CompletedProcess[str]:
        """Whatever comes of it. `data` is the request of a call."""
        options = ["-plaintext", "-connect-timeout", str(PATIENCE_S)]
        options += [] if data is None else ["-d", json.dumps(data)]
        return subprocess.run(
            [self._program, *options, self._endpoint, *words],
            check=False,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
        )

    def ok(self, *words: str, data: Any = None) -> str:
        """A run that must succeed; returns its output."""
        done = self.run(*words, data=data)
        assert (done.returncode, done.stderr) == (0, ""), words
        return done.stdout

    def call(self, method: str, **request: Any) -> Any:
        """A call that must succeed; returns its answer."""
        return json.loads(self.ok(method, data=request))


@contextmanager
def served(level: str = "") -> Iterator[Grpcurl]:
    skip_for(install.missing("grpcurl"))
    with CRI(api_level=level) as cri, cri.serve("127.0.0.1:0") as server:
        yield Grpcurl(server.endpoint)


def test_it_lists_and_describes_what_is_served() -> None:
    with served() as grpcurl:
        services = grpcurl.ok("list").split()
        assert {V1, OLD, "grpc.health.v1.Health", "grpc.reflection.v1.ServerReflection"} <= {
            *services
        }
        assert f"{V1}.StreamContainers" in grpcurl.ok("list", V1).split()
        assert "rpc ListContainers" in grpcurl.ok("describe", V1)
        assert "string image_id = 10;" in grpcurl.ok("describe", "runtime.v1.Container")
        assert "SIGNAL_SIGTERM = 23;" in grpcurl.ok("describe", "runtime.v1.Signal")


@pytest.mark.parametrize("service", [V1, OLD])
def test_it_drives_a_pod(service: str) -> None:
    images = service.replace("Runtime", "Image")
    with served("1.24") as grpcurl:
        image = {"image": "busybox"}
        grpcurl.call(f"{images}/PullImage", image=image)
        id_ = grpcurl.call(f"{service}/RunPodSandbox", config=CONFIG)["podSandboxId"]
        config = {"metadata": {"name": "main"}, "image": image, "command": ["sleep", "9"]}
        container = grpcurl.call(
            f"{service}/CreateContainer", podSandboxId=id_, config=config, sandboxConfig=CONFIG
        )["containerId"]
        grpcurl.call(f"{service}/StartContainer", containerId=container)
        answer = grpcurl.call(f"{service}/ContainerStatus", containerId=container)
        assert answer["status"]["state"] == "CONTAINER_RUNNING"
        assert {"imageId", "resources", "user"}.isdisjoint(answer["status"])
        grpcurl.call(f"{service}/RemovePodSandbox", podSandboxId=id_)
        assert grpcurl.call(f"{service}/ListContainers") == {}


def test_at_a_level_it_sees_the_contract_of_then() -> None:
    with served("1.30") as grpcurl:
        assert not [each for each in grpcurl.ok("list").split() if "v1alpha2" in each]
        methods = {each.rpartition(".")[2] for each in grpcurl.ok("list", V1).split()}
        known = level_of("1.30").v1.file.service
        assert methods == {each.name for row in known if row.name in V1 for each in row.method}
        described = grpcurl.ok("describe", "runtime.v1.ContainerStatus")
        assert "string image_id = 17;" in described
        assert "user = 18" not in described
        refused = grpcurl.run(f"{V1}/ContainerStatus", data={"container_id": "x", "user": {}})
        assert "has no known field named user" in refused.stderr
        refused = grpcurl.run(f"{V1}/StreamContainers", data={})
        assert refused.returncode != 0
        assert 'does not include a method named "StreamContainers"' in refused.stderr


def test_signals_have_the_names_of_their_time() -> None:
    with served("1.35") as grpcurl:
        assert " SIGTERM = 23;" in grpcurl.ok("describe", "runtime.v1.Signal")
    with served("1.32") as grpcurl:
        assert "Symbol not found" in grpcurl.run("describe", "runtime.v1.Signal").stderr


def test_a_stream_is_shown_until_it_is_given_up() -> None:
    with served() as grpcurl:
        grpcurl.call("runtime.v1.ImageService/PullImage", image={"image": "busybox"})
        assert "repoTags" in grpcurl.ok("runtime.v1.ImageService/StreamImages", data={})
