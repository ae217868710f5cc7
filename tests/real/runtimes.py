"""The runtimes the suite drives, what tells them apart, and the pods and containers of one test."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.real.crictl import Answer, Crictl

T = TypeVar("T")

BUSYBOX = "docker.io/library/busybox:latest"
FAKE = "fakecri"
OLD_FAKE = "fakecri as containerd-1.6"
"""What it plays is the version that the real one has."""
REAL = "containerd"
WAIT_TIMEOUT_S = 60.0

# The real one here is containerd 1.6; the fake is modelled on its main branch, before 2.4.
ABSENT_IN_REAL = {
    "GetContainerEvents": "1.6 does not have it yet",
    "RuntimeConfig": "1.6 does not have it yet",
    "ListMetricDescriptors": "1.6 does not have pod metrics yet",
    "ListPodSandboxMetrics": "1.6 does not have pod metrics yet",
    "CheckpointContainer": "1.6 does not have it yet",
}


@dataclass(frozen=True)
class Difference(Generic[T]):
    """One thing the two runtimes are known to do differently, and why."""

    real: T
    fake: T
    why: str


@dataclass(frozen=True)
class Runtime:
    """A server that runs, and crictl bound to it."""

    name: str
    crictl: Crictl
    registry: str
    cgroup_parent: str
    endpoint: str

    def expects(self, difference: Difference[T]) -> T:
        """This runtime's side of a difference."""
        return difference.fake if self.name == FAKE else difference.real

    def refuses(self, rpc: str, answer: Answer) -> bool:
        """Does this runtime lack the RPC? Then the answer must say so."""
        if self.name == FAKE or rpc not in ABSENT_IN_REAL:
            return False
        assert answer.status == 1, answer
        assert "code = Unimplemented" in answer.error, answer
        assert rpc in answer.error, answer
        return True


@dataclass
class Pod:
    """A pod sandbox that crictl started, and a maker of containers in it."""

    id: str
    name: str
    config: dict[str, Any]
    config_path: Path
    crictl: Crictl

    def create(self, name: str, *command: str, **config: Any) -> str:
        """A container in CREATED; its id. `config` replaces members of the configuration."""
        path = self.container_config(name, *command, **config)
        return self.crictl.ok("create", self.id, str(path), str(self.config_path)).out.strip()

    def start(self, name: str, *command: str, **config: Any) -> str:
        """A container that was started; its id."""
        made = self.create(name, *command, **config)
        assert self.crictl.ok("start", made).out.strip() == made
        return made

    def finish(self, name: str, *command: str, **config: Any) -> str:
        """A container that was started and has exited; its id."""
        made = self.start(name, *command, **config)
        self.wait_for_exit(made)
        return made

    def container_config(self, name: str, *command: str, **config: Any) -> Path:
        """Where a container's configuration is written."""
        value = {
            "metadata": {"name": name, "attempt": 0},
            "image": {"image": BUSYBOX},
            "command": list(command),
            "labels": _kubernetes_labels(self.config) | {"io.kubernetes.container.name": name},
            "log_path": f"{name}.log",
            "linux": {},
        }
        path = self.config_path.with_name(f"{self.name}-{name}.json")
        path.write_text(json.dumps(value | config))
        return path

    def status(self, container: str) -> dict[str, Any]:
        """The container's status as `crictl inspect` prints it."""
        answer = self.crictl.ok("inspect", "--output", "json", container)
        status: dict[str, Any] = answer.json["status"]
        return status

    def wait_for_exit(self, container: str) -> dict[str, Any]:
        """Returns the status of the container when it is EXITED."""
        until(lambda: self.status(container)["state"] == "CONTAINER_EXITED", "the container's exit")
        return self.status(container)


def _kubernetes_labels(config: dict[str, Any]) -> dict[str, str]:
    metadata = config["metadata"]
    return {f"io.kubernetes.pod.{key}": metadata[key] for key in ("name", "namespace", "uid")}


@dataclass
class Stage:
    """Makes the pods of one test, and removes them at its end."""

    runtime: Runtime
    directory: Path
    title: str
    numbers: count[int] = field(default_factory=count)
    pods: list[str] = field(default_factory=list)

    def pod_config(self, **config: Any) -> tuple[str, Path]:
        """A pod's name and where its configuration is written; `config` replaces members."""
        name = f"{self.title}-{next(self.numbers)}"
        metadata = {"name": name, "namespace": "real", "uid": f"uid-{name}", "attempt": 0}
        value = {
            "metadata": metadata,
            "hostname": "stage",
            "log_directory": str(self.directory / name),
            "labels": _kubernetes_labels({"metadata": metadata}),
            "linux": {"cgroup_parent": self.runtime.cgroup_parent},
        }
        path = self.directory / f"{name}.json"
        path.write_text(json.dumps(value | config))
        return name, path

    def pod(self, **config: Any) -> Pod:
        """A pod sandbox that is READY."""
        name, path = self.pod_config(**config)
        pod_id = self.runtime.crictl.ok("runp", str(path)).out.strip()
        self.pods.append(pod_id)
        return Pod(pod_id, name, json.loads(path.read_text()), path, self.runtime.crictl)

    def clear(self) -> None:
        """Removes the pods that are still there."""
        crictl = self.runtime.crictl
        known = set(crictl.ok("pods", "--quiet", "--no-trunc").out.split())
        for pod in self.pods:
            if pod in known:
                crictl.ok("rmp", "--force", pod)


def instant(text: str) -> datetime:
    """A time as crictl prints it. Its digits vary in number, so the texts do not sort."""
    return datetime.fromisoformat(text)


def until(condition: Callable[[], bool], what: str, timeout_s: float = WAIT_TIMEOUT_S) -> None:
    """Returns when the condition holds; TimeoutError after so many seconds."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {timeout_s} s")
        time.sleep(0.02)
