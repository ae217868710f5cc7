"""What a call is about: the pod, the container and the image that its request names or describes.

Ids lead there through a Lookup: the store, or what a proxy has learned from the traffic.
"""

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Protocol

from fakecri.core.faults.finders import FINDERS, Found
from fakecri.core.faults.things import KnownContainer, KnownPod, Lookup
from fakecri.core.references import written_forms
from fakecri.rpcs import Rpc

if TYPE_CHECKING:
    from fakecri.core.pipeline import Metadata

STATES = ("created", "running", "exited", "unknown", "ready", "notready", "removed")
"""Of the container or else the sandbox that a call is about, before it; `removed`: not there."""


class Asked(Protocol):
    """What is looked at of a call."""

    @property
    def rpc(self) -> Rpc:
        """Its RPC."""

    @property
    def request(self) -> Any:
        """Its request."""

    @property
    def peer(self) -> str:
        """Who called."""

    @property
    def metadata(self) -> "Metadata":
        """What the client sent beside."""


class Subject:
    """What one call is about."""

    __slots__ = ("call", "container", "lookup", "number", "pod", "values")

    def __init__(
        self,
        call: "Asked",
        lookup: Lookup,
        number: int = 0,
        found: Found | None = None,
        values: dict[str, tuple[str, ...]] | None = None,
    ) -> None:
        """`found`, where that is known, and `values` by their keys, as far as they are."""
        self.call = call
        self.lookup = lookup
        self.number = number
        """How many calls of its RPC there were since the first rule for it, with this one."""
        container, pod, _ = found or FINDERS[call.rpc.name](call.request, lookup)
        self.container: KnownContainer | None = container
        """The container that it is about."""
        self.pod: KnownPod | None = pod
        """The pod that it is about, itself or by its container."""
        self.values: dict[str, tuple[str, ...]] = {} if values is None else values
        """By key, what has been asked."""

    @property
    def images(self) -> tuple[str, ...]:
        """All names of the image that it is about, itself or by its container."""
        find = REFERENCES.get(self.call.rpc.name)
        reference = find(self.call.request) if find else ""
        if reference:
            return self.lookup.image_names(reference)
        return self.container.images if self.container else ()

    @property
    def identity(self) -> str:
        """What tells the thing from others; empty where it is about none."""
        pod, container = self.pod, self.container
        pod_id = (pod.id or f"{pod.namespace}/{pod.name}/{pod.uid}") if pod else ""
        if container is not None:
            return container.id or f"{pod_id}/{container.name}"
        return pod_id or next(iter(self.images), "")

    def get(self, key: str) -> tuple[str, ...]:
        """Return the values of a key of KEYS; none where there is nothing to say."""
        values = self.values.get(key)
        if values is None:
            values = self.values[key] = KEYS[key](self)
        return values

    def marks(self, of: str, key: str) -> tuple[str, ...]:
        """Return a value of `labels` or `annotations`: the container's own, or else its pod's."""
        for each in (self.container, self.pod):
            if each is not None and key in getattr(each, of):
                return (getattr(each, of)[key],)
        return ()


REFERENCES: Mapping[str, Callable[[Any], str]] = {
    "CreateContainer": lambda request: request.config.image.image,
    "PullImage": lambda request: request.image.image,
    "ImageStatus": lambda request: request.image.image,
    "RemoveImage": lambda request: request.image.image,
    "ListImages": lambda request: request.filter.image.image,
    "StreamImages": lambda request: request.filter.image.image,
}
"""By RPC, the image that a request names."""


def _pods(subject: Subject) -> tuple[str, ...]:
    pod = subject.pod
    return (pod.name, f"{pod.namespace}/{pod.name}") if pod and pod.name else ()


def _of_pod(attribute: str) -> Callable[[Subject], tuple[str, ...]]:
    def values(subject: Subject) -> tuple[str, ...]:
        value = getattr(subject.pod, attribute, "")
        return (value,) if value else ()

    return values


def _names(subject: Subject) -> tuple[str, ...]:
    container = subject.container
    return (container.name,) if container and container.name else ()


def _attempts(subject: Subject) -> tuple[str, ...]:
    thing = subject.container or subject.pod
    return (str(thing.attempt),) if thing and thing.attempt is not None else ()


def _ids(subject: Subject) -> tuple[str, ...]:
    container, pod = subject.container, subject.pod
    images = subject.images if subject.call.rpc.name in REFERENCES else ()
    ids = (container.id if container else "", pod.id if pod else "")
    return tuple(each for each in (*ids, *images) if each)


def _states(subject: Subject) -> tuple[str, ...]:
    """The container's, or that of the sandbox of one that is not there yet."""
    container, pod = subject.container, subject.pod
    if container is not None and container.state:
        return (container.state,)
    return (pod.state,) if pod is not None and pod.state else ()


def _image_forms(subject: Subject) -> tuple[str, ...]:
    return image_forms(subject.images)


@lru_cache(maxsize=1024)
def image_forms(names: tuple[str, ...]) -> tuple[str, ...]:
    """Return all ways to write the names of an image."""
    return tuple(dict.fromkeys(form for name in names for form in written_forms(name)))


def _peers(subject: Subject) -> tuple[str, ...]:
    """Its peer, and what its client calls itself."""
    agents = [str(value) for key, value in subject.call.metadata if key == "user-agent"]
    return (subject.call.peer, *agents)


KEYS: Mapping[str, Callable[[Subject], tuple[str, ...]]] = {
    "pod": _pods,
    "ns": _of_pod("namespace"),
    "uid": _of_pod("uid"),
    "container": _names,
    "image": _image_forms,
    "attempt": _attempts,
    "id": _ids,
    "handler": _of_pod("handler"),
    "peer": _peers,
    "state": _states,
    "n": lambda subject: (str(subject.number),),
}
"""What a selector can ask of a subject, beside labels, annotations and fields of the request."""

CHANGING = frozenset({"peer", "state", "n"})
"""Those whose values may be others in the next call about the same thing; fields are so too."""
