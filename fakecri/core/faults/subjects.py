"""What a call is about: the pod, the container and the image that its request names or describes.

Ids lead there through a Lookup: the store, or what a proxy has learned from the traffic.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from fakecri.api import runtime_pb2 as pb
from fakecri.core.references import written_forms
from fakecri.rpcs import RPCS, Rpc

if TYPE_CHECKING:
    from fakecri.core.faults.armed import Armed
    from fakecri.core.pipeline import Metadata

STATES = ("created", "running", "exited", "unknown", "ready", "notready", "removed")
"""Of the container or else the sandbox that a call is about, before it; `removed`: not there."""

Verdict: TypeAlias = "tuple[object, tuple[Armed, ...]]"
"""As of when, and which rules may match calls about a thing."""
NO_VERDICT: Verdict = (None, ())


@dataclass(slots=True, eq=False)
class KnownPod:
    """A pod sandbox as far as it is known. What is not known is empty. Only `state` changes."""

    id: str = ""
    name: str = ""
    namespace: str = ""
    uid: str = ""
    attempt: int | None = None
    handler: str = ""
    state: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    verdict: Verdict = field(default=NO_VERDICT, init=False)


@dataclass(slots=True, eq=False)
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
    verdict: Verdict = field(default=NO_VERDICT, init=False)


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


class Lookup(Protocol):
    """Who knows the things that requests name. Ids may be shortened as clients may shorten them.

    It may give the same object each time, with its state brought up to date: that is quick, since
    what rules think of a thing is kept with it.
    """

    def find_pod(self, id_: str) -> KnownPod | None:
        """Return a pod sandbox, or None."""

    def find_container(self, id_: str) -> KnownContainer | None:
        """Return a container, or None."""

    def image_names(self, reference: str) -> tuple[str, ...]:
        """Return all names and the id of an image, `reference` among them."""


class Subject:
    """What one call is about."""

    __slots__ = ("call", "container", "lookup", "number", "pod", "values")

    def __init__(
        self,
        call: "Asked",
        lookup: Lookup,
        number: int = 0,
        found: "Found | None" = None,
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
        reference = _reference(self.call.request)
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


Found: TypeAlias = tuple[KnownContainer | None, KnownPod | None, bool]
"""What a request is about, and whether the next call about the same is about all the same."""
Finder: TypeAlias = Callable[[Any, Lookup], Found]


def _by_container(request: Any, lookup: Lookup) -> Found:
    return _container(request.container_id, lookup)


def _by_container_filter(request: Any, lookup: Lookup) -> Found:
    if request.filter.id:
        return _container(request.filter.id, lookup)
    return _pod(request.filter.pod_sandbox_id, lookup)


def _by_pod(request: Any, lookup: Lookup) -> Found:
    return _pod(request.pod_sandbox_id, lookup)


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


def _by_pod_config(request: Any, _lookup: Lookup) -> Found:
    return None, described_pod(request.config, request.runtime_handler), False


def _by_container_config(request: Any, lookup: Lookup) -> Found:
    pod = lookup.find_pod(request.pod_sandbox_id) if request.pod_sandbox_id else None
    if pod is None:
        pod = described_pod(request.sandbox_config, id_=request.pod_sandbox_id)
    return described_container(request, pod), pod, False


def _by_image(_request: Any, _lookup: Lookup) -> Found:
    return None, None, False


def _by_pull(request: Any, _lookup: Lookup) -> Found:
    described = request.HasField("sandbox_config")
    return None, described_pod(request.sandbox_config) if described else None, False


def _by_nothing(_request: Any, _lookup: Lookup) -> Found:
    return None, None, True


def _finder(rpc: Rpc) -> Finder:
    """Return how the things are found that requests of a type are about."""
    fields = rpc.request.DESCRIPTOR.fields_by_name
    if "container_id" in fields:
        return _by_container
    if "config" in fields:
        return _by_container_config if "sandbox_config" in fields else _by_pod_config
    if "pod_sandbox_id" in fields:
        return _by_pod
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
    """The container's, or that of the sandbox of one that is not there yet."""
    states = [thing.state for thing in (subject.container, subject.pod) if thing and thing.state]
    return tuple(states[:1])


def _image_forms(subject: Subject) -> tuple[str, ...]:
    return _all_forms(subject.images)


@lru_cache(maxsize=1024)
def _all_forms(names: tuple[str, ...]) -> tuple[str, ...]:
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
