"""The items of lists in answers, and which of them conditions mean."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from google.protobuf.message import Message

from fakecri.api import runtime_pb2 as pb
from fakecri.core.faults.rules import Condition
from fakecri.core.faults.selectors import compiled, values_of
from fakecri.core.faults.subjects import Subject
from fakecri.core.faults.things import Lookup
from fakecri.rpcs import RPCS, Rpc

_CONTAINERS = pb.Container | pb.ContainerAttributes | pb.ContainerStatus
_PODS = pb.PodSandbox | pb.PodSandboxAttributes | pb.PodSandboxStatus


@dataclass(frozen=True, slots=True)
class _Question:
    """What a call would be that asks for one item, as far as selectors look at it."""

    rpc: Rpc
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
    subject = Subject(_question(item), lookup)
    return all(compiled(each, values_of(each.key))(subject) for each in conditions)


def _question(item: Any) -> _Question:
    thing = getattr(item, "attributes", item)
    if isinstance(thing, _CONTAINERS):
        request = pb.ContainerStatusRequest(container_id=thing.id)
        return _Question(RPCS["ContainerStatus"], request)
    if isinstance(thing, pb.Image):
        image = pb.ImageSpec(image=thing.id)
        return _Question(RPCS["ImageStatus"], pb.ImageStatusRequest(image=image))
    id_ = thing.id if isinstance(thing, _PODS) else getattr(thing, "pod_sandbox_id", "")
    return _Question(RPCS["PodSandboxStatus"], pb.PodSandboxStatusRequest(pod_sandbox_id=id_))
