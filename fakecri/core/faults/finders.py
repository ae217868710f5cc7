"""Where in a request stands what it is about."""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from fakecri.core.faults.things import (
    KnownContainer,
    KnownPod,
    Lookup,
    UnreadContainer,
    UnreadPod,
)
from fakecri.rpcs import RPCS, Rpc

Found: TypeAlias = tuple[KnownContainer | None, KnownPod | None, bool]
"""What a request is about, and whether the next call about the same is about all the same."""
Finder: TypeAlias = Callable[[Any, Lookup], Found]


def by_container(request: Any, lookup: Lookup) -> Found:
    """It names a container by its id."""
    known = lookup.find_container(request.container_id)
    return _container(request.container_id, lookup) if known is None else (known, known.pod, True)


def _by_container_filter(request: Any, lookup: Lookup) -> Found:
    if request.filter.id:
        return _container(request.filter.id, lookup)
    return _pod(request.filter.pod_sandbox_id, lookup)


def by_pod(request: Any, lookup: Lookup) -> Found:
    """It names a pod sandbox by its id."""
    known = lookup.find_pod(request.pod_sandbox_id)
    return _pod(request.pod_sandbox_id, lookup) if known is None else (None, known, True)


def _by_pod_filter(request: Any, lookup: Lookup) -> Found:
    return _pod(request.filter.id, lookup)


def _container(id_: str, lookup: Lookup) -> Found:
    if not id_:
        return None, None, True
    known = lookup.find_container(id_)
    if known is None:
        return KnownContainer(id=id_, state="removed"), None, False
    return known, known.pod, True


def _pod(id_: str, lookup: Lookup) -> Found:
    if not id_:
        return None, None, True
    known = lookup.find_pod(id_)
    if known is None:
        return None, KnownPod(id=id_, state="removed"), False
    return None, known, True


def by_pod_config(request: Any, _lookup: Lookup) -> Found:
    """It describes a pod."""
    return None, UnreadPod(request.config, request.runtime_handler), False


def by_container_config(request: Any, lookup: Lookup) -> Found:
    """It describes a container, and names its pod sandbox."""
    pod = lookup.find_pod(request.pod_sandbox_id) if request.pod_sandbox_id else None
    if pod is None:
        pod = UnreadPod(request.sandbox_config, id_=request.pod_sandbox_id)
    return UnreadContainer(request.config, pod), pod, False


def _by_image(_request: Any, _lookup: Lookup) -> Found:
    return None, None, False


def _by_pull(request: Any, _lookup: Lookup) -> Found:
    described = request.HasField("sandbox_config")
    return None, UnreadPod(request.sandbox_config) if described else None, False


def _by_nothing(_request: Any, _lookup: Lookup) -> Found:
    return None, None, True


def _finder(rpc: Rpc) -> Finder:
    """Return how the things are found that requests of a type are about."""
    fields = rpc.request.DESCRIPTOR.fields_by_name
    if "container_id" in fields:
        return by_container
    if "config" in fields:
        return by_container_config if "sandbox_config" in fields else by_pod_config
    if "pod_sandbox_id" in fields:
        return by_pod
    if "image" in fields:
        return _by_pull if "sandbox_config" in fields else _by_image
    kind = fields["filter"].message_type if "filter" in fields else None
    return _FILTERS.get(kind.name, _by_nothing) if kind is not None else _by_nothing


_FILTERS: Mapping[str, Finder] = {
    "ContainerFilter": _by_container_filter,
    "ContainerStatsFilter": _by_container_filter,
    "PodSandboxFilter": _by_pod_filter,
    "PodSandboxStatsFilter": _by_pod_filter,
    "ImageFilter": _by_image,
}

FINDERS: Mapping[str, Finder] = {name: _finder(rpc) for name, rpc in RPCS.items()}
"""By the names of RPCs."""
