"""Command lines played on a runtime, and what a client can see of each: output, status, log.

The cases stand in `fixtures/differential/cases.toml`; beside them, what a real containerd with
Debian's busybox made of them. A runtime is anything behind the two stubs.
"""

import json
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

import grpc
from google.protobuf.json_format import ParseDict

from fakecri.api import runtime_pb2 as pb
from fakecri.api.stubs import RuntimeServiceStub

FOLDER = Path(__file__).parents[1] / "fixtures" / "differential"
RECORDED = FOLDER / "containerd-1.6-busybox-1.35.json"

_LONG = 200
_EXEC_TIMEOUT_S = 60
_PATIENCE = 600


@dataclass(frozen=True)
class Case:
    """One command line."""

    name: str
    script: str = ""
    argv: tuple[str, ...] = ()
    run: bool = False
    """Whether it is the container's main process."""
    config: Mapping[str, Any] = field(default_factory=dict)
    difference: str = ""
    """Why fakecri is known to do something else; empty: it must not."""

    @property
    def command(self) -> list[str]:
        """The argv."""
        return list(self.argv) or ["sh", "-c", self.script]


def cases() -> list[Case]:
    """Return all of them, in order."""
    rows = tomllib.loads((FOLDER / "cases.toml").read_text())["case"]
    return [Case(**{**row, "argv": tuple(row.get("argv", ()))}) for row in rows]


def recorded() -> dict[str, dict[str, Any]]:
    """Return what the real runtime made of each case, by name."""
    facts: dict[str, dict[str, Any]] = json.loads(RECORDED.read_text())["cases"]
    return facts


@dataclass
class Player:
    """Plays cases in one pod of a runtime."""

    runtime: RuntimeServiceStub
    image: str
    pod: pb.PodSandboxConfig
    pod_id: str
    read_log: Callable[[str], str]
    """From the path of a log file on the node to its text."""
    pause: Callable[[], None]
    """Lets a tenth of a second pass on the runtime."""

    def play(self, case: Case) -> dict[str, Any]:
        """Return what there is to see of a case."""
        number = self.pod.metadata.attempt = self.pod.metadata.attempt + 1
        config = pb.ContainerConfig(
            metadata=pb.ContainerMetadata(name=f"case-{number}"),
            image=pb.ImageSpec(image=self.image),
            command=case.command if case.run else ["sleep", "600"],
            log_path=f"case-{number}.log",
        )
        # As a kubelet asks for it.
        config.linux.security_context.namespace_options.pid = pb.CONTAINER
        ParseDict(dict(case.config), config)
        request = pb.CreateContainerRequest(
            pod_sandbox_id=self.pod_id, config=config, sandbox_config=self.pod
        )
        container_id = self.runtime.CreateContainer(request).container_id
        try:
            return self._run(container_id) if case.run else self._exec(container_id, case)
        finally:
            self.runtime.RemoveContainer(pb.RemoveContainerRequest(container_id=container_id))

    def _exec(self, container_id: str, case: Case) -> dict[str, Any]:
        self.runtime.StartContainer(pb.StartContainerRequest(container_id=container_id))
        answer = self.runtime.ExecSync(
            pb.ExecSyncRequest(container_id=container_id, cmd=case.command, timeout=_EXEC_TIMEOUT_S)
        )
        return {
            "stdout": answer.stdout.decode(errors="backslashreplace"),
            "stderr": answer.stderr.decode(errors="backslashreplace"),
            "status": answer.exit_code,
        }

    def _run(self, container_id: str) -> dict[str, Any]:
        try:
            self.runtime.StartContainer(pb.StartContainerRequest(container_id=container_id))
        except grpc.RpcError as error:
            return {"error": _without_ids(str(error.details())), "code": error.code().name}
        with self._exits(container_id) as status:
            return {
                "log": _by_stream(self.read_log(status.log_path)),
                "status": status.exit_code,
                "reason": status.reason,
            }

    @contextmanager
    def _exits(self, container_id: str) -> Iterator[pb.ContainerStatus]:
        request = pb.ContainerStatusRequest(container_id=container_id)
        for _ in range(_PATIENCE):
            status = self.runtime.ContainerStatus(request).status
            if status.state == pb.CONTAINER_EXITED:
                yield status
                return
            self.pause()
        raise TimeoutError(f"{container_id} does not exit")


def _by_stream(log: str) -> dict[str, list[str]]:
    """Return tag and text of each line. Real streams are copied side by side, in any order."""
    lines: dict[str, list[str]] = {"stdout": [], "stderr": []}
    for line in log.splitlines():
        _, stream, content = line.split(" ", 2)
        if len(content) > _LONG:
            content = f"{content[:20]}... {len(content)} {sha256(content.encode()).hexdigest()}"
        lines[stream].append(content)
    return lines


def _without_ids(text: str) -> str:
    return re.sub(r"[0-9a-f]{64}", "ID", text)


@contextmanager
def playing(
    runtime: RuntimeServiceStub,
    image: str,
    logs: str,
    read_log: Callable[[str], str],
    pause: Callable[[], None],
    cgroup_parent: str = "",
) -> Iterator[Player]:
    """Have a pod to play cases in. `logs` is its log directory on the node."""
    pod = pb.PodSandboxConfig(
        metadata=pb.PodSandboxMetadata(name="differential", namespace="default", uid="d-1"),
        hostname="stage",
        log_directory=logs,
        linux=pb.LinuxPodSandboxConfig(cgroup_parent=cgroup_parent),
    )
    pod_id = runtime.RunPodSandbox(pb.RunPodSandboxRequest(config=pod)).pod_sandbox_id
    try:
        yield Player(runtime, image, pod, pod_id, read_log, pause)
    finally:
        runtime.StopPodSandbox(pb.StopPodSandboxRequest(pod_sandbox_id=pod_id))
        runtime.RemovePodSandbox(pb.RemovePodSandboxRequest(pod_sandbox_id=pod_id))
