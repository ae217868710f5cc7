"""What a proxy knows of the things that requests name: only what passed by, in either direction.

Nobody is asked. What was made before, or behind the proxy's back, is known from the first answer
or event that tells of it on.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Generic, TypeVar

from google.protobuf.message import Message

from fakecri.api import runtime_pb2 as pb
from fakecri.core.faults.things import KnownContainer, KnownPod, described_container, described_pod
from fakecri.core.references import find_normalised, names_in

T = TypeVar("T")

_POD_STATES = {pb.SANDBOX_READY: "ready", pb.SANDBOX_NOTREADY: "notready"}
_CONTAINER_STATES = {
    pb.CONTAINER_CREATED: "created",
    pb.CONTAINER_RUNNING: "running",
    pb.CONTAINER_EXITED: "exited",
}
_LISTS = (pb.ListPodSandboxResponse, pb.ListContainersResponse)
BACKLOG = 256
"""How many answers may wait for somebody to ask."""

_POD_LABEL = "io.kubernetes.pod."
"""What the kubelet's labels on containers begin with that tell of their pods."""


@dataclass(slots=True)
class _Table(Generic[T]):
    """Things by id, and how many had been learned when each last was."""

    things: dict[str, T] = field(default_factory=dict)
    serials: dict[str, int] = field(default_factory=dict)

    def find(self, id_: str) -> T | None:
        """Return the thing with an id, or with the only one that begins so."""
        exact = self.things.get(id_)
        if exact is not None or not id_:
            return exact
        those = [thing for each, thing in self.things.items() if each.startswith(id_)]
        return those[0] if len(those) == 1 else None

    def put(self, id_: str, thing: T, serial: int) -> None:
        """Know a thing, as it is now."""
        self.things[id_] = thing
        self.serials[id_] = serial

    def drop(self, id_: str) -> None:
        """Know a thing no more; harmless where it is not known."""
        self.things.pop(id_, None)
        self.serials.pop(id_, None)

    def keep_only(self, ids: Iterable[str], since: int) -> None:
        """Drop all but those with one of `ids`, and those that were learned since."""
        kept = set(ids)
        for id_ in [id_ for id_, serial in self.serials.items() if serial <= since]:
            if id_ not in kept:
                self.drop(id_)


@dataclass(frozen=True, slots=True)
class _Heard:
    """An answer, and to what."""

    serial: int
    request: Any
    answer: Message
    since: int

    @property
    def complete(self) -> bool:
        """Whether it lists all that there is."""
        return type(self.answer) in _LISTS and not self.request.HasField("filter")

    def outdated_by(self, later: "_Heard") -> bool:
        """Whether nothing of it matters any more once `later`, a complete list, is known."""
        return self.complete and type(self.answer) is type(later.answer)


class Learned:
    """The things that traffic tells of: a `subjects.Lookup`."""

    def __init__(self) -> None:
        self.serial = 0
        """How much has been learned. A call's own is what this was when the call was made."""
        self._at = 0
        """What that was for what is looked at."""
        self._heard: list[_Heard] = []
        """What has not been looked at yet: most of it nobody asks for before it is outdated."""
        self._pods: _Table[KnownPod] = _Table()
        self._containers: _Table[KnownContainer] = _Table()
        self._images: dict[str, tuple[str, ...]] = {}

    def find_pod(self, id_: str) -> KnownPod | None:
        """Return a pod sandbox, or None."""
        self._catch_up()
        return self._pods.find(id_)

    def find_container(self, id_: str) -> KnownContainer | None:
        """Return a container, or None."""
        self._catch_up()
        container = self._containers.find(id_)
        if container is None:
            return None
        names = (name for image in container.images for name in self._image_names(image))
        pod = container.pod
        return replace(
            container,
            images=tuple(dict.fromkeys(names)),
            pod=self._pods.things.get(pod.id, pod) if pod else None,
        )

    def image_names(self, reference: str) -> tuple[str, ...]:
        """Return all names and the id of an image, `reference` among them."""
        self._catch_up()
        return self._image_names(reference)

    def _image_names(self, reference: str) -> tuple[str, ...]:
        names = names_in(reference)
        known = next(filter(None, map(self._images.get, names)), ())
        return tuple(dict.fromkeys((*names, *known)))

    def learn(self, request: Message, answer: Message, since: int) -> None:
        """Learn from an answer, or a message of a stream, to a call that was made at `since`."""
        self.serial += 1
        if type(answer) not in self._LESSONS:
            return
        heard = _Heard(self.serial, request, answer, since)
        if heard.complete:
            self._heard = [each for each in self._heard if not each.outdated_by(heard)]
        self._heard.append(heard)
        if len(self._heard) > BACKLOG:
            self._catch_up()

    def _catch_up(self) -> None:
        heard, self._heard = self._heard, []
        for each in heard:
            self._at = each.serial
            self._LESSONS[type(each.answer)](self, each.request, each.answer, each.since)

    # What each answer tells.

    def _ran(self, request: pb.RunPodSandboxRequest, answer: Any, _: int) -> None:
        id_ = answer.pod_sandbox_id
        pod = described_pod(request.config, request.runtime_handler, id_)
        self._pods.put(id_, replace(pod, state="ready"), self._at)

    def _stopped_pod(self, request: Any, _answer: Any, _: int) -> None:
        pod = self._pods.find(request.pod_sandbox_id)
        if pod is not None:
            self._pods.put(pod.id, replace(pod, state="notready"), self._at)
            for container in self._of_pod(pod.id):
                if container.state != "exited":
                    self._move(container.id, "exited")

    def _removed_pod(self, request: Any, _answer: Any, _: int) -> None:
        pod = self._pods.find(request.pod_sandbox_id)
        if pod is not None:
            self._drop_pod(pod.id)

    def _created(self, request: pb.CreateContainerRequest, answer: Any, _: int) -> None:
        pod = self._pods.find(request.pod_sandbox_id)
        if pod is None and request.HasField("sandbox_config"):
            pod = described_pod(request.sandbox_config, id_=request.pod_sandbox_id)
        container = replace(
            described_container(request, pod),
            id=answer.container_id,
            state="created",
            images=_named(request.config.image.image),
        )
        self._containers.put(container.id, container, self._at)

    def _started(self, request: Any, _answer: Any, _: int) -> None:
        self._move(request.container_id, "running")

    def _stopped(self, request: Any, _answer: Any, _: int) -> None:
        self._move(request.container_id, "exited")

    def _removed(self, request: Any, _answer: Any, _: int) -> None:
        container = self._containers.find(request.container_id)
        if container is not None:
            self._containers.drop(container.id)

    def _listed_pods(self, request: Any, answer: pb.ListPodSandboxResponse, since: int) -> None:
        for each in answer.items:
            self._see_pod(each)
        if not request.HasField("filter"):
            self._pods.keep_only((each.id for each in answer.items), since)

    def _streamed_pods(self, _request: Any, answer: Any, _: int) -> None:
        for each in answer.pod_sandboxes:
            self._see_pod(each)

    def _pod_status(self, _request: Any, answer: pb.PodSandboxStatusResponse, _: int) -> None:
        self._see_pod(answer.status)
        for each in answer.containers_statuses:
            self._see_container(each, answer.status.id)

    def _listed(self, request: Any, answer: pb.ListContainersResponse, since: int) -> None:
        for each in answer.containers:
            self._see_container(each, each.pod_sandbox_id)
        if not request.HasField("filter"):
            self._containers.keep_only((each.id for each in answer.containers), since)

    def _streamed(self, _request: Any, answer: Any, _: int) -> None:
        for each in answer.containers:
            self._see_container(each, each.pod_sandbox_id)

    def _status(self, _request: Any, answer: pb.ContainerStatusResponse, _: int) -> None:
        self._see_container(answer.status, "")

    def _event(self, _request: Any, event: pb.ContainerEventResponse, _: int) -> None:
        if event.pod_sandbox_status.id:
            self._see_pod(event.pod_sandbox_status)
        for each in event.containers_statuses:
            self._see_container(each, event.pod_sandbox_status.id)
        if event.container_event_type == pb.CONTAINER_DELETED_EVENT:
            self._containers.drop(event.container_id)
            self._drop_pod(event.container_id)

    def _saw_images(self, _request: Any, answer: Any, _: int) -> None:
        for image in answer.images:
            self._see_image(image)

    def _image_status(self, request: Any, answer: pb.ImageStatusResponse, _: int) -> None:
        if answer.HasField("image"):
            self._see_image(answer.image, *_named(request.image.image))

    def _pulled(self, request: pb.PullImageRequest, answer: Any, _: int) -> None:
        names = _named(request.image.image)
        known = self._images.get(answer.image_ref, ())
        self._name_image((*known, *names, answer.image_ref))

    def _removed_image(self, request: Any, _answer: Any, _: int) -> None:
        for name in self._image_names(request.image.image):
            self._images.pop(name, None)

    # What they are about.

    def _see_pod(self, pod: pb.PodSandbox | pb.PodSandboxStatus) -> None:
        metadata = pod.metadata
        known = KnownPod(
            id=pod.id,
            name=metadata.name,
            namespace=metadata.namespace,
            uid=metadata.uid,
            attempt=metadata.attempt,
            handler=pod.runtime_handler,
            state=_POD_STATES.get(pod.state, "unknown"),
            labels=pod.labels,
            annotations=pod.annotations,
        )
        self._pods.put(pod.id, known, self._at)

    def _see_container(self, seen: pb.Container | pb.ContainerStatus, pod_id: str) -> None:
        before = self._containers.things.get(seen.id)
        pod = self._pods.things.get(pod_id) or (before.pod if before else None)
        image_ids = (seen.image_ref, seen.image_id)
        known = KnownContainer(
            id=seen.id,
            name=seen.metadata.name,
            attempt=seen.metadata.attempt,
            state=_CONTAINER_STATES.get(seen.state, "unknown"),
            labels=seen.labels,
            annotations=seen.annotations,
            images=(*_named(seen.image.image), *(each for each in image_ids if each)),
            pod=pod or _labelled_pod(seen.labels, pod_id),
        )
        self._containers.put(seen.id, known, self._at)

    def _see_image(self, image: pb.Image, *more: str) -> None:
        self._name_image((image.id, *image.repo_tags, *image.repo_digests, *more))

    def _name_image(self, names: Iterable[str]) -> None:
        all_names = tuple(dict.fromkeys(names))
        for name in all_names:
            self._images[name] = all_names

    def _move(self, container_id: str, state: str) -> None:
        container = self._containers.find(container_id)
        if container is not None:
            self._containers.put(container.id, replace(container, state=state), self._at)

    def _drop_pod(self, id_: str) -> None:
        self._pods.drop(id_)
        for container in self._of_pod(id_):
            self._containers.drop(container.id)

    def _of_pod(self, id_: str) -> list[KnownContainer]:
        containers = self._containers.things.values()
        return [each for each in containers if each.pod and each.pod.id == id_]

    _LESSONS: ClassVar[Mapping[type[Message], Callable[["Learned", Any, Any, int], None]]] = {
        pb.RunPodSandboxResponse: _ran,
        pb.StopPodSandboxResponse: _stopped_pod,
        pb.RemovePodSandboxResponse: _removed_pod,
        pb.CreateContainerResponse: _created,
        pb.StartContainerResponse: _started,
        pb.StopContainerResponse: _stopped,
        pb.RemoveContainerResponse: _removed,
        pb.ListPodSandboxResponse: _listed_pods,
        pb.StreamPodSandboxesResponse: _streamed_pods,
        pb.PodSandboxStatusResponse: _pod_status,
        pb.ListContainersResponse: _listed,
        pb.StreamContainersResponse: _streamed,
        pb.ContainerStatusResponse: _status,
        pb.ContainerEventResponse: _event,
        pb.ListImagesResponse: _saw_images,
        pb.StreamImagesResponse: _saw_images,
        pb.ImageStatusResponse: _image_status,
        pb.PullImageResponse: _pulled,
        pb.RemoveImageResponse: _removed_image,
    }


def _named(reference: str) -> tuple[str, ...]:
    normalised = find_normalised(reference)
    return (reference, normalised) if normalised else ((reference,) if reference else ())


def _labelled_pod(labels: Mapping[str, str], id_: str) -> KnownPod | None:
    """Return the pod of a container by what the kubelet writes on it."""
    name, namespace, uid = (
        labels.get(_POD_LABEL + each, "") for each in ("name", "namespace", "uid")
    )
    return KnownPod(id=id_, name=name, namespace=namespace, uid=uid) if name or id_ else None
