"""The items of lists in answers, and which of them conditions mean."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from google.protobuf.message import Message

from fakecri.api import runtime_pb2 as pb
from fakecri.core.faults.rules import Condition
from fakecri.core.faults.selectors import compiled, values_of
from fakecri.core.faults.subjects import Lookup, Subject

if TYPE_CHECKING:
    from fakecri.core.pipeline import Call

_CONTAINERS = pb.Container | pb.ContainerAttributes | pb.ContainerStatus
_PODS = pb.PodSandbox | pb.PodSandboxAttributes | pb.PodSandboxStatus


@dataclass(frozen=True, slots=True)
class _Question:
    """What a call would be that asks for one item, as far as selectors look at it."""

    request: Any
    peer: str = ""
    metadata: tuple[tuple[str, str], ...] = ()


def lists_of(message: Message) -> Iterator[Any]:
    """Yield the lists of messages in an answer."""
    for field in message.DESCRIPTOR.fields:
        inner = field.message_type
        if field.is_repeated and inner is not None and not inner.GetOptions().map_entry:
            yield getattr(message, field.name)


def matches(item: Any, conditions: tuple[Condition, ...], lookup: Lookup) -> bool:
    """Whether all conditions hold for an item, as they would for a call that asks for it."""
    subject = Subject(cast("Call", _Question(_request(item))), lookup)
    return all(compiled(each, values_of(each.key))(subject) for each in conditions)


def _request(item: Any) -> Message:
    thing = getattr(item, "attributes", item)
    if isinstance(thing, _CONTAINERS):
        return pb.ContainerStatusRequest(container_id=thing.id)
    if isinstance(thing, _PODS):
        return pb.PodSandboxStatusRequest(pod_sandbox_id=thing.id)
    if isinstance(thing, pb.Image):
        return pb.ImageStatusRequest(image=pb.ImageSpec(image=thing.id))
    return pb.PodSandboxStatusRequest(pod_sandbox_id=getattr(thing, "pod_sandbox_id", ""))
