"""What a call is about: the pod, the container and the image that its request names or describes.

Ids lead there through a Lookup: the store, or what a proxy has learned from the traffic.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from fakecri.api import runtime_pb2 as pb
from fakecri.core.references import written_forms

if TYPE_CHECKING:
    from fakecri.core.pipeline import Call

STATES = ("created", "running", "exited", "unknown", "ready", "notready", "removed")
"""Of the container or else the sandbox that a call is about, before it; `removed`: not there."""


@dataclass(frozen=True, slots=True, eq=False)
class KnownPod:
    """A pod sandbox as far as it is known. What is not known is empty."""

    id: str = ""
    name: str = ""
    namespace: str = ""
    uid: str = ""
    attempt: int | None = None
    handler: str = ""
    state: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class KnownContainer:
    """A container, likewise."""

    id: str = ""
    name: str = ""
    attempt: int | None = None
    state: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    images: tuple[str, ...] = ()
    """All names and the id of its image."""
    pod: KnownPod | None = None


class Lookup(Protocol):
    """Who knows the things that requests name. Ids may be shortened as clients may shorten them."""

    def find_pod(self, id_: str) -> KnownPod | None:
        """Return a pod sandbox, or None."""

    def find_container(self, id_: str) -> KnownContainer | None:
        """Return a container, or None."""

    def image_names(self, reference: str) -> tuple[str, ...]:
        """Return all names and the id of an image, `reference` among them."""


class Subject:
    """What one call is about, found out when it is first asked for."""

    __slots__ = ("_container", "_known", "_lookup", "_pod", "_values", "call", "number")

    def __init__(self, call: "Call", lookup: Lookup, number: int = 0) -> None:
        self.call = call
        self.number = number
        """How many calls of its RPC there were since the first rule for it, with this one."""
        self._lookup = lookup
        self._known = False
        self._pod: KnownPod | None = None
        self._container: KnownContainer | None = None
        self._values: dict[str, tuple[str, ...]] = {}

    @property
    def pod(self) -> KnownPod | None:
        """The pod that it is about, itself or by its container."""
        self._find()
        return self._pod

    @property
    def container(self) -> KnownContainer | None:
        """The container that it is about."""
        self._find()
        return self._container

    @property
    def images(self) -> tuple[str, ...]:
        """All names of the image that it is about, itself or by its container."""
        reference = _reference(self.call.request)
        if reference:
            return self._lookup.image_names(reference)
        container = self.container
        return container.images if container else ()

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
        values = self._values.get(key)
        if values is None:
            values = self._values[key] = KEYS[key](self)
        return values

    def marks(self, of: str, key: str) -> tuple[str, ...]:
        """Return a value of `labels` or `annotations`: the container's own, or else its pod's."""
        for each in (self.container, self.pod):
            if each is not None and key in getattr(each, of):
                return (getattr(each, of)[key],)
        return ()

    def _find(self) -> None:
        if self._known:
            return
        self._known = True
        request = self.call.request
        self._container = _container(request, self._lookup)
        if self._container is not None:
            self._pod = self._container.pod
        else:
            self._pod = _pod(request, self._lookup)


def _container(request: Any, lookup: Lookup) -> KnownContainer | None:
    if isinstance(request, pb.CreateContainerRequest):
        return described_container(request, _pod(request, lookup))
    id_ = getattr(request, "container_id", "")
    if not id_ and isinstance(request, _CONTAINER_FILTERS):
        id_ = request.filter.id
    if not id_:
        return None
    return lookup.find_container(id_) or KnownContainer(id=id_, state="removed")


def _pod(request: Any, lookup: Lookup) -> KnownPod | None:
    id_ = getattr(request, "pod_sandbox_id", "")
    if not id_ and isinstance(request, _POD_FILTERS):
        id_ = request.filter.id
    if not id_ and isinstance(request, _CONTAINER_FILTERS):
        id_ = request.filter.pod_sandbox_id
    known = lookup.find_pod(id_) if id_ else None
    if known is not None:
        return known
    if isinstance(request, pb.RunPodSandboxRequest | pb.RestorePodRequest):
        return described_pod(request.config, request.runtime_handler)
    described = isinstance(request, pb.CreateContainerRequest | pb.PullImageRequest)
    if described and request.HasField("sandbox_config"):
        return described_pod(request.sandbox_config, id_=id_)
    return KnownPod(id=id_, state="removed") if id_ else None


_POD_FILTERS = (
    pb.ListPodSandboxRequest
    | pb.StreamPodSandboxesRequest
    | pb.ListPodSandboxStatsRequest
    | pb.StreamPodSandboxStatsRequest
)
_CONTAINER_FILTERS = (
    pb.ListContainersRequest
    | pb.StreamContainersRequest
    | pb.ListContainerStatsRequest
    | pb.StreamContainerStatsRequest
)


def described_pod(config: pb.PodSandboxConfig, handler: str = "", id_: str = "") -> KnownPod:
    """Return the pod that a config describes, not knowing whether it is there."""
    metadata = config.metadata
    return KnownPod(
        id=id_,
        name=metadata.name,
        namespace=metadata.namespace,
        uid=metadata.uid,
        attempt=metadata.attempt,
        handler=handler,
        labels=config.labels,
        annotations=config.annotations,
    )


def described_container(request: pb.CreateContainerRequest, pod: KnownPod | None) -> KnownContainer:
    """Return the container that a request describes."""
    config = request.config
    return KnownContainer(
        name=config.metadata.name,
        attempt=config.metadata.attempt,
        labels=config.labels,
        annotations=config.annotations,
        pod=pod,
    )


def _reference(request: Any) -> str:
    """Return the image that a request names."""
    if isinstance(request, pb.CreateContainerRequest):
        return request.config.image.image
    if isinstance(request, pb.ListImagesRequest | pb.StreamImagesRequest):
        return request.filter.image.image
    image = getattr(request, "image", None)
    return image.image if image is not None else ""


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
    image = _reference(subject.call.request)
    ids = (container.id if container else "", pod.id if pod else "")
    return tuple(each for each in (*ids, *(subject.images if image else ())) if each)


def _states(subject: Subject) -> tuple[str, ...]:
    thing = subject.container or subject.pod
    return (thing.state,) if thing and thing.state else ()


def _image_forms(subject: Subject) -> tuple[str, ...]:
    return tuple(dict.fromkeys(form for name in subject.images for form in written_forms(name)))


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
