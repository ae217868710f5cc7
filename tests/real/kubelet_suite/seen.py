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
    message = while_waiting(node, pod, container, reason)["state"]["waiting"].get("message", "")
    return str(message)


def while_waiting(node: KubeletNode, pod: str, container: str, reason: str) -> dict[str, Any]:
    """Wait likewise; return all that is said of the container in the same breath."""

    def found() -> dict[str, Any]:
        said = node.kubelet.container(pod, container)
        waits = said.get("state", {}).get("waiting", {})
        return said if waits.get("reason") == reason else {}

    return node.until(found, f"{container} of {pod} to wait for {reason}")


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


def hear(node: KubeletNode, reason: str, pod: str, container: str = "") -> list[str]:
    """Wait until something is told, as above: it comes a moment after what it is about."""
    return node.until(lambda: told(node, reason, pod, container), f"{reason} of {pod}")
