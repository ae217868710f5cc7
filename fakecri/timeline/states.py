"""The states of sandboxes and containers, and what calls say of them where no moves are recorded.

A runtime behind a proxy does not tell what it does. Its answers and events do.
"""

from collections.abc import Iterator

from fakecri.timeline.facts import items_of, text_at

ABSENT = "ABSENT"

_IMPLIED = {
    "RunPodSandbox": "READY",
    "StopPodSandbox": "NOTREADY",
    "RemovePodSandbox": ABSENT,
    "CreateContainer": "CREATED",
    "StartContainer": "RUNNING",
    "StopContainer": "EXITED",
    "RemoveContainer": ABSENT,
}
_LISTS = frozenset({"ListContainers", "ListPodSandbox", "StreamContainers", "StreamPodSandboxes"})
_STATUSES = {"PodSandboxStatus": "sandbox", "ContainerStatus": "container"}
_PREFIXES = ("CONTAINER_", "SANDBOX_")
_DEFAULTS = {"sandbox": "READY", "container": "CREATED"}


def said_state(text: str) -> str:
    """Return a state without the prefix that the contract's enums have."""
    for prefix in _PREFIXES:
        text = text.removeprefix(prefix)
    return text


def implied_states(rpc: str, request: object, response: object) -> Iterator[tuple[str, str]]:
    """Yield the ids and states that a call that succeeded, or a message, tells of."""
    state = _IMPLIED.get(rpc)
    if state:
        of_sandbox = "Sandbox" in rpc
        key = "pod_sandbox_id" if of_sandbox else "container_id"
        made = rpc in {"RunPodSandbox", "CreateContainer"}
        yield text_at(response if made else request, key), state
    elif rpc in _STATUSES:
        state = said_state(text_at(response, "status", "state") or _DEFAULTS[_STATUSES[rpc]])
        yield text_at(response, "status", "id"), state
    elif rpc in _LISTS or rpc == "GetContainerEvents":
        for kind, item in items_of(response):
            # Number 0 of an enum is left out of JSON.
            yield text_at(item, "id"), said_state(text_at(item, "state") or _DEFAULTS[kind])
        if text_at(response, "container_event_type") == "CONTAINER_DELETED_EVENT":
            yield text_at(response, "container_id"), ABSENT
