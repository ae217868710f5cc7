"""What past calls were about: pods, containers and images, as the calls themselves tell."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any, Protocol

from fakecri.api import runtime_pb2 as pb
from fakecri.core.faults.learned import Learned
from fakecri.core.faults.subjects import Subject
from fakecri.core.faults.things import KnownContainer, KnownPod
from fakecri.core.recorded import RecordingError
from fakecri.rpcs import RPCS, Rpc

if TYPE_CHECKING:
    from fakecri.core.recorder import Fired
    from fakecri.errors import CRIError

_UNKNOWN = RPCS["Version"]
"""What an RPC of another contract passes for: it is about nothing."""

_KEYS = ("pod", "ns", "uid", "container", "image", "attempt", "id", "peer", "state")


class PastCall(Protocol):
    """A call of `CRI.calls`, or one that was read from a recording."""

    @property
    def serial(self) -> int:
        """Its number, from 1."""

    @property
    def rpc(self) -> str:
        """The name of its RPC."""

    @property
    def request(self) -> Any:
        """The request."""

    @property
    def response(self) -> Any:
        """The response, or None."""

    @property
    def messages(self) -> list[Any]:
        """What a stream sent."""

    @property
    def error(self) -> "CRIError | None":
        """What it was answered, where that is no response."""

    @property
    def peer(self) -> str:
        """Who made it."""

    @property
    def metadata(self) -> Mapping[str, Sequence[str]]:
        """What the client sent beside the transport's own."""

    @property
    def timeout_ns(self) -> int | None:
        """The client's deadline, from `began_ns`."""

    @property
    def n(self) -> int:
        """The place of its arrival in the one order."""

    @property
    def began_ns(self) -> int:
        """When that was, in virtual nanoseconds since the runtime began."""

    @property
    def ended_n(self) -> int | None:
        """The place of its end in that order."""

    @property
    def ended_ns(self) -> int | None:
        """When that was; None: it has not ended."""

    @property
    def cancelled(self) -> str:
        """Why it was cancelled; empty: it was not."""

    @property
    def faults(self) -> "list[Fired]":
        """What rules did to it."""

    @property
    def touched(self) -> tuple[str, ...]:
        """The ids of what it named, made or moved."""

    @property
    def unsent(self) -> bool:
        """Whether the client never got the answer."""


@dataclass(frozen=True, slots=True)
class _Asked:
    """What a Subject looks at of a call."""

    rpc: Rpc
    request: Any
    metadata: tuple[tuple[str, str], ...]
    peer: str


class _Known:
    """Things as calls tell of them; what was removed is known on."""

    def __init__(self) -> None:
        self.learned = Learned()
        self._pods: dict[str, KnownPod] = {}
        self._containers: dict[str, KnownContainer] = {}

    def find_pod(self, id_: str) -> KnownPod | None:
        """Return a pod sandbox, or None."""
        found = self.learned.find_pod(id_) or self._pods.get(id_)
        if found is not None:
            self._pods[found.id] = found
        return found

    def find_container(self, id_: str) -> KnownContainer | None:
        """Return a container, or None."""
        found = self.learned.find_container(id_) or self._containers.get(id_)
        if found is not None:
            self._containers[found.id] = found
        return found

    def image_names(self, reference: str) -> tuple[str, ...]:
        """Return all names and the id of an image, `reference` among them."""
        return self.learned.image_names(reference)


def subjects_of(calls: Iterable[PastCall]) -> dict[int, Subject]:
    """Return what each call was about when it began, by its number."""
    known, subjects, requests = _Known(), dict[int, Subject](), dict[int, Any]()
    for call, began in _in_order(calls):
        if began:
            requests[call.serial] = _request(call)
            subjects[call.serial] = _subject(call, requests[call.serial], known)
        else:
            for answer in _answers(call, requests[call.serial]):
                known.learned.learn(requests[call.serial], answer, known.learned.serial)
                _keep(known, call)
    return subjects


def _in_order(calls: Iterable[PastCall]) -> Iterator[tuple[PastCall, bool]]:
    """Return each call twice, where it began (True) and where it ended, in the one order."""
    steps = chain.from_iterable(
        ((call.n, call, True), *([] if call.ended_n is None else [(call.ended_n, call, False)]))
        for call in calls
    )
    return ((call, began) for _, call, began in sorted(steps, key=lambda step: step[0]))


def _request(call: PastCall) -> Any:
    try:
        return call.request
    except RecordingError:  # of an RPC of another contract, for one
        return None


def _subject(call: PastCall, request: Any, known: _Known) -> Subject:
    metadata = tuple((key, value) for key, values in call.metadata.items() for value in values)
    asked = _Asked(RPCS.get(call.rpc, _UNKNOWN), request, metadata, call.peer)
    subject = Subject(asked, known, found=(None, None, False) if request is None else None)
    for key in _KEYS:
        subject.get(key)  # as it is now, before more is learned
    return subject


def _answers(call: PastCall, request: Any) -> Iterator[Any]:
    """Return what can be learned from: of an answer that got lost, what it would have said."""
    try:
        if call.response is not None:
            yield call.response
        elif isinstance(request, pb.RunPodSandboxRequest):
            yield from (pb.RunPodSandboxResponse(pod_sandbox_id=id_) for id_ in call.touched)
        elif isinstance(request, pb.CreateContainerRequest):
            made = (id_ for id_ in call.touched if ":" not in id_ and id_ != request.pod_sandbox_id)
            yield from (pb.CreateContainerResponse(container_id=id_) for id_ in made)
        yield from call.messages
    except RecordingError:
        return


def _keep(known: _Known, call: PastCall) -> None:
    for id_ in call.touched:
        known.find_pod(id_)
        known.find_container(id_)
