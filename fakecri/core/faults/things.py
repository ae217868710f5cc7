"""The pods and containers that calls are about, as far as they are known."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from fakecri.api import runtime_pb2 as pb

if TYPE_CHECKING:
    from fakecri.core.faults.armed import Armed


class Opinions:
    """Which rules may match calls about one thing: what is so in each of them is asked once."""

    __slots__ = ("by_rpc", "by_rule", "version")

    def __init__(self) -> None:
        self.version: object = None
        """As of when; they are void where it is another one."""
        self.by_rpc: dict[str, tuple[Armed, ...]] = {}
        self.by_rule: dict[Armed, bool] = {}


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
    opinions: Opinions = field(default_factory=Opinions, init=False)


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
    opinions: Opinions = field(default_factory=Opinions, init=False)


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


class StoreRecords(Lookup, Protocol):
    """A Lookup whose things are records of a store, which can be read without it."""

    @property
    def containers(self) -> Mapping[str, Any]:
        """The containers by their ids."""

    @property
    def sandboxes(self) -> Mapping[str, Any]:
        """The pod sandboxes, likewise."""

    @property
    def images(self) -> Any:
        """What resolves references."""


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


class UnreadPod(KnownPod):
    """A pod that a config describes. What nobody asks for is not read."""

    __slots__ = ("_config",)

    def __init__(self, config: pb.PodSandboxConfig, handler: str = "", id_: str = "") -> None:
        # What is not set here comes to __getattr__.
        self._config = config
        self.id, self.handler, self.state = id_, handler, ""

    def __getattr__(self, name: str) -> Any:
        if name not in _POD_FIELDS:
            raise AttributeError(name)
        value = _POD_FIELDS[name](self._config)
        setattr(self, name, value)
        return value


_POD_FIELDS: Mapping[str, Callable[[pb.PodSandboxConfig], Any]] = {
    "opinions": lambda _: Opinions(),
    "name": lambda config: config.metadata.name,
    "namespace": lambda config: config.metadata.namespace,
    "uid": lambda config: config.metadata.uid,
    "attempt": lambda config: config.metadata.attempt,
    "labels": lambda config: config.labels,
    "annotations": lambda config: config.annotations,
}


class UnreadContainer(KnownContainer):
    """A container that a config describes, likewise."""

    __slots__ = ("_config", "_image_names")

    def __init__(
        self,
        config: pb.ContainerConfig,
        pod: KnownPod | None,
        id_: str = "",
        image_names: tuple[str, ...] = (),
    ) -> None:
        self._config, self._image_names = config, image_names
        self.id, self.pod, self.state = id_, pod, ""

    def __getattr__(self, name: str) -> Any:
        if name not in _CONTAINER_FIELDS:
            raise AttributeError(name)
        value = _CONTAINER_FIELDS[name](self._config, self._image_names)
        setattr(self, name, value)
        return value


_CONTAINER_FIELDS: Mapping[str, Callable[[pb.ContainerConfig, tuple[str, ...]], Any]] = {
    "opinions": lambda *_: Opinions(),
    "name": lambda config, _: config.metadata.name,
    "attempt": lambda config, _: config.metadata.attempt,
    "labels": lambda config, _: config.labels,
    "annotations": lambda config, _: config.annotations,
    "images": lambda config, names: tuple(dict.fromkeys((config.image.image, *names))),
}
