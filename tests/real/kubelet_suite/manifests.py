"""Manifests of pods, in few words, and commands in their containers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fakecri.kubelet import KubeletNode

AGNHOST = "registry.k8s.io/e2e-test-images/agnhost:2.53"


def pod(
    name: str, *containers: dict[str, Any], metadata: dict[str, Any] | None = None, **spec: Any
) -> dict[str, Any]:
    """Return a pod that does not dawdle at its end."""
    return {
        "metadata": {"name": name, **(metadata or {})},
        # Without an API server there is no DNS of a cluster.
        "spec": {
            "containers": list(containers),
            "terminationGracePeriodSeconds": 1,
            "dnsPolicy": "Default",
            **spec,
        },
    }


def box(*command: str, **fields: Any) -> dict[str, Any]:
    """Return a container of busybox, which sleeps unless it has a command."""
    chosen = list(command or ("sleep", "infinity"))
    return {"name": "main", "image": "busybox", "command": chosen, **fields}


def box_named(name: str, *command: str, **fields: Any) -> dict[str, Any]:
    """Return a container with a name that pulls no image that is there."""
    return box(*command, name=name, imagePullPolicy="IfNotPresent", **fields)


def run_in(
    node: KubeletNode, pod_name: str, command: Sequence[str], container: str = "main"
) -> str:
    """Run a command in a running container of a pod; return its output."""
    status = node.kubelet.container(pod_name, container)
    container_id = status["containerID"].partition("://")[2]
    return node.cri.runtime_service.exec_sync(container_id, command)[0].decode()


def await_running(node: KubeletNode, *pods: str) -> None:
    """Wait until pods run, with all their containers."""

    def late() -> list[str]:
        return [each for each in pods if not is_running(node, each)]

    node.until(lambda: not late(), f"{', '.join(pods)} to run")


def is_running(node: KubeletNode, pod_name: str) -> bool:
    """Return whether all containers of a pod run."""
    statuses = (node.kubelet.pod(pod_name) or {}).get("status", {}).get("containerStatuses", [])
    return bool(statuses) and all("running" in each["state"] for each in statuses)
