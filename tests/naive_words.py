"""How a naive client writes down what it was told."""

from typing import Any, NamedTuple

from fakecri.api import runtime_pb2 as pb
from fakecri.core.durations import parse_duration
from fakecri.core.scheduler import SECOND_NS
from tests.behaviour.steps import named

POD, UID = "io.kubernetes.pod.name", "io.kubernetes.pod.uid"
CONTAINER = "io.kubernetes.container.name"


class Words(NamedTuple):
    """What has a time in it: seconds since the client began."""

    began_ns: int

    def item(self, item: Any) -> str:
        """Tell of a container in a list."""
        name = f"{item.labels[POD]}/{item.metadata.name}/{item.metadata.attempt}"
        return f"{name} {container_state(item.state)}{self.age(item.created_at)}"

    def event(self, event: Any) -> str:
        """Tell of an event: what happened to whom, and what it says of the pod sandbox."""
        id_, kind = named(event)
        is_told = event.HasField("pod_sandbox_status")
        pod = pod_state(event.pod_sandbox_status.state) if is_told else "nobody"
        return f"{kind} {id_}{self.age(event.created_at)} of {pod}"

    def age(self, created_at: int) -> str:
        """Tell when something was created."""
        if created_at == 0:
            return " created never"
        return f" created {(int(created_at) - self.began_ns) / SECOND_NS:.3f}"


def container_state(number: Any) -> str:
    """Return the name of a state; a question mark for one that is not known."""
    known = pb.ContainerState.values()
    return pb.ContainerState.Name(number).removeprefix("CONTAINER_") if number in known else "?"


def pod_state(number: Any) -> str:
    """Return the name of a pod sandbox's state."""
    return pb.PodSandboxState.Name(number).removeprefix("SANDBOX_")


def seconds(span: str) -> float:
    """Return how long a span such as `2m` is."""
    span_ns = parse_duration(span)
    assert span_ns is not None, f"{span!r} is no span of time"
    return span_ns / SECOND_NS
