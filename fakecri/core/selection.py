"""Filters of the list calls, and the batches of the Stream* lists.

All conditions must hold. An id may be a prefix, where it names one thing alone; an id that names
nothing selects nothing, and is no error. Source: spec lifecycle 7 and 13.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import TypeVar

from fakecri.core.records import Container, Sandbox
from fakecri.core.store import Store

T = TypeVar("T")


def select_sandboxes(
    store: Store,
    *,
    id_: str = "",
    state: int | None = None,
    labels: Mapping[str, str] | None = None,
) -> list[Sandbox]:
    """Return the sandboxes that fit, in insertion order. `state` is a PodSandboxState."""
    full_id = store.sandboxes.full_id(id_) if id_ else ""
    return [
        sandbox
        for sandbox in store.sandboxes
        if full_id in {"", sandbox.id}
        and state in {None, sandbox.state}
        and has_labels(sandbox.config.labels, labels)
    ]


def select_containers(
    store: Store,
    *,
    id_: str = "",
    pod_sandbox_id: str = "",
    state: int | None = None,
    labels: Mapping[str, str] | None = None,
) -> list[Container]:
    """Return the containers that fit, in insertion order. `state` is a ContainerState.

    A full id of a sandbox that is gone still selects what it left behind.
    """
    full_id = store.containers.full_id(id_) if id_ else ""
    parent_id = store.sandboxes.full_id(pod_sandbox_id) if pod_sandbox_id else ""
    return [
        container
        for container in store.containers
        if full_id in {"", container.id}
        and parent_id in {"", container.parent.id}
        and state in {None, container.state}
        and has_labels(container.config.labels, labels)
    ]


def has_labels(labels: Mapping[str, str], selector: Mapping[str, str] | None) -> bool:
    """Whether every pair of `selector` is among `labels`."""
    return not selector or all(
        key in labels and labels[key] == value for key, value in selector.items()
    )


def batches(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """Cut `items` into runs of at most `size`; no items, no batch."""
    return (items[at : at + size] for at in range(0, len(items), size))
