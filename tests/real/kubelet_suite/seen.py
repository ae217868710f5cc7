"""What is seen of pods: in what the kubelet says of them, and in the calls that it made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fakecri.core.history.about import PastCall
    from fakecri.kubelet import KubeletNode


def state(node: KubeletNode, pod: str, container: str, kind: str) -> dict[str, Any]:
    """Wait until a container is `waiting`, `running` or `terminated`; return what is said of it."""

    def found() -> dict[str, Any]:
        said: dict[str, Any] = node.kubelet.container(pod, container).get("state", {})
        return said.get(kind) or {}

    return node.until(found, f"{container} of {pod} to be {kind}")


def waiting(node: KubeletNode, pod: str, container: str, reason: str) -> str:
    """Wait until a container waits for a reason; return the message."""

    def found() -> dict[str, Any] | None:
        said = node.kubelet.container(pod, container).get("state", {}).get("waiting", {})
        return said if said.get("reason") == reason else None

    said = node.until(found, f"{container} of {pod} to wait for {reason}")
    return str((said or {}).get("message", ""))


def calls(node: KubeletNode, rpc: str, pod: str, container: str = "") -> list[PastCall]:
    """Return the calls of an RPC about a pod, or a container of it, that have ended well."""
    which = f"{rpc}{{container={container}}}" if container else rpc
    about = node.cri.history.select(which, pod=f"{pod}-{node.kubelet.name}", error=False)
    return [each for each in about if each.ended_n is not None]


def created(node: KubeletNode, pod: str) -> list[str]:
    """Return the names of the containers of a pod, in the order of their creation."""
    return [each.request.config.metadata.name for each in calls(node, "CreateContainer", pod)]


def told(node: KubeletNode, reason: str, pod: str, container: str = "") -> list[str]:
    """Return the messages of the kubelet events about a container of a pod, or about the pod."""
    events = node.kubelet.events(reason, pod=pod)
    return [each.message for each in events if container in {"", each.container}]
