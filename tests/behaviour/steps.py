"""What tests of behaviour share: codes, calls that stay parked, and looks behind the faces."""

import hashlib
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import grpc
from google.protobuf.message import Message

from fakecri.api import runtime_pb2 as pb
from fakecri.core.events import Subscriber
from fakecri.core.records import Container, Sandbox
from fakecri.core.references import parse_reference
from fakecri.core.states import Trigger
from tests.support import Node, node

UNKNOWN = grpc.StatusCode.UNKNOWN
NOT_FOUND = grpc.StatusCode.NOT_FOUND
INVALID_ARGUMENT = grpc.StatusCode.INVALID_ARGUMENT
FAILED_PRECONDITION = grpc.StatusCode.FAILED_PRECONDITION
DEADLINE_EXCEEDED = grpc.StatusCode.DEADLINE_EXCEEDED
CANCELLED = grpc.StatusCode.CANCELLED
RESOURCE_EXHAUSTED = grpc.StatusCode.RESOURCE_EXHAUSTED

CREATED, RUNNING, EXITED = pb.CONTAINER_CREATED, pb.CONTAINER_RUNNING, pb.CONTAINER_EXITED
READY, NOTREADY = pb.SANDBOX_READY, pb.SANDBOX_NOTREADY

PATIENCE_S = 30.0


def id_of(kind: str, serial: int) -> str:
    """Return the id of the first, second ... `sandbox`, `container` or `exec` with seed 0."""
    return hashlib.sha256(f"0/{kind}/{serial}".encode()).hexdigest()


def until(condition: Callable[[], object]) -> None:
    """Wait for what another thread does."""
    pause = threading.Event()
    for _ in range(int(PATIENCE_S * 1000)):
        if condition():
            return
        pause.wait(0.001)
    raise AssertionError("it did not happen")


@contextmanager
def still_node(face: str, **options: Any) -> Iterator[Node]:
    """Open a node with busybox on it, whose time stands still until `cri.advance`."""
    with node(face, pace="manual", **options) as opened:
        put_image(opened, "busybox")
        yield opened


def put_image(node: Node, name: str) -> str:
    """Put an image on the node without a pull, which takes time; return its id."""
    reference = parse_reference(name)
    with node.cri.host.turn() as world:
        return world.images.pull(reference, world.registry.resolve(reference)).id


def is_answered(runtime: Any) -> bool:
    """Whether a call gets through: on a connection that was torn, some may still be sent."""
    try:
        return bool(runtime.Version(pb.VersionRequest(), wait_for_ready=True).runtime_name)
    except grpc.RpcError:
        return False


def begin(node: Node, rpc: str, request: Message, timeout: float | None = None) -> Any:
    """Begin a call; return its future as soon as the runtime has seen it."""
    seen = count(node, rpc)
    pending = getattr(node.runtime, rpc).future(request, timeout=timeout)
    node.begun.append(pending)
    until(lambda: count(node, rpc) > seen)
    return pending


def begin_stop(node: Node, id_: str, grace_s: int = 0, timeout: float | None = None) -> Any:
    """Begin to stop a container."""
    request = pb.StopContainerRequest(container_id=id_, timeout=grace_s)
    return begin(node, "StopContainer", request, timeout)


def count(node: Node, rpc: str) -> int:
    """Return how many calls of an RPC have begun."""
    return sum(call.rpc == rpc for call in node.cri.calls)


def all_ended(node: Node, but: int = 0) -> bool:
    """Whether no call is in flight any more, or no more than a few."""
    return sum(call.ended_ns is None for call in node.cri.calls) == but


def container(node: Node, id_: str) -> Container:
    """Return what the runtime knows of a container."""
    with node.cri.host.turn() as world:
        return world.store.containers.get(id_)


def sandbox(node: Node, id_: str) -> Sandbox:
    """Return what the runtime knows of a sandbox."""
    with node.cri.host.turn() as world:
        return world.store.sandboxes.get(id_)


def crash_sandbox(node: Node, id_: str) -> None:
    """Let the pause process of a sandbox die."""
    with node.cri.host.turn() as world:
        world.move(world.store.sandboxes.get(id_), Trigger.EXIT)


def orphan(node: Node, pod_sandbox_id: str) -> None:
    """Let a sandbox vanish under its containers, as a race in containerd can make it."""
    with node.cri.host.turn() as world:
        world.store.sandboxes.remove(world.store.sandboxes.get(pod_sandbox_id))


def lose(node: Node, id_: str) -> None:
    """Let the runtime lose the state of a container, as it can in a restart."""
    with node.cri.host.turn() as world:
        world.move(world.store.containers.get(id_), Trigger.LOSE)


def wait(node: Node, seconds: float = 0) -> None:
    """Let virtual time pass."""
    node.cri.advance(seconds)


def listen(node: Node) -> Subscriber:
    """Subscribe, behind the faces, to the events from now on: they are there at once."""
    with node.cri.host.turn() as world:
        subscriber = world.events.subscribe()
        subscriber.drain()
        return subscriber


def subscribe(node: Node, timeout: float | None = None) -> Any:
    """Open a stream of events; return it as soon as the runtime knows of it."""
    seen = count(node, "GetContainerEvents")
    stream = node.runtime.GetContainerEvents(pb.GetEventsRequest(), timeout=timeout)
    until(lambda: count(node, "GetContainerEvents") > seen)
    return stream


def leave(node: Node, stream: Any) -> None:
    """Hang up; return as soon as the runtime knows of it."""
    open_calls = sum(call.ended_ns is None for call in node.cri.calls)
    stream.cancel()
    until(lambda: all_ended(node, but=open_calls - 1))


def heard(subscriber: Subscriber) -> list[tuple[str, str]]:
    """Return id and kind of the events since the last look."""
    return [named(event) for event in subscriber.drain()]


def named(event: pb.ContainerEventResponse) -> tuple[str, str]:
    """Return id and kind of an event: `STARTED`, for example."""
    name = pb.ContainerEventType.Name(event.container_event_type)
    return event.container_id, name.removeprefix("CONTAINER_").removesuffix("_EVENT")


def held(node: Node) -> tuple[set[str], set[str], list[str]]:
    """Return the names that sandboxes and containers hold, and the addresses."""
    with node.cri.host.turn() as world:
        names = world.store.sandbox_names, world.store.container_names
        return set(names[0].holders()), set(names[1].holders()), world.addresses.taken()


def sandboxes(node: Node, **wanted: Any) -> list[str]:
    """Return the ids of the listed sandboxes."""
    request = pb.ListPodSandboxRequest(filter=pb.PodSandboxFilter(**wanted))
    return [each.id for each in node.runtime.ListPodSandbox(request).items]


def containers(node: Node, **wanted: Any) -> list[str]:
    """Return the ids of the listed containers."""
    request = pb.ListContainersRequest(filter=pb.ContainerFilter(**wanted))
    return [each.id for each in node.runtime.ListContainers(request).containers]


def exec_sync(node: Node, id_: str, *cmd: str, timeout: int = 0) -> pb.ExecSyncResponse:
    """Run a command in a container and wait for its end."""
    request = pb.ExecSyncRequest(container_id=id_, cmd=cmd, timeout=timeout)
    return node.runtime.ExecSync(request)
