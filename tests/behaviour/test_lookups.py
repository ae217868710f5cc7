"""How RPCs find what an id names: lifecycle 1.3, for every RPC that takes one."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import grpc
import pytest

from fakecri.api import runtime_pb2 as pb
from tests.behaviour.steps import NOT_FOUND, UNKNOWN
from tests.support import FACES, Node, create_request, node, raises_status

FIND_CONTAINER = 'an error occurred when try to find container "{id}": '
FIND_SANDBOX = 'an error occurred when try to find sandbox "{id}": '
FIND_CHECKPOINTED = (
    "an error occurred when trying to find container the container status "
    '"{id}": an error occurred when try to find container "{id}": '
)


@dataclass(frozen=True)
class LookUp:
    """An RPC, its request for an id, and what it says before the cause."""

    rpc: str
    request: Callable[[str], Any]
    text: str
    idempotent: bool = False
    among_sandboxes: bool = False


def of_container(rpc: str, text: str, *, idempotent: bool = False, **fields: Any) -> LookUp:
    """Return the row of an RPC that takes a container_id."""
    make = getattr(pb, f"{rpc}Request")
    return LookUp(rpc, lambda id_: make(container_id=id_, **fields), text, idempotent)


def of_sandbox(rpc: str, text: str, *, idempotent: bool = False) -> LookUp:
    """Return the row of an RPC that takes a pod_sandbox_id."""
    make = getattr(pb, f"{rpc}Request")
    return LookUp(rpc, lambda id_: make(pod_sandbox_id=id_), text, idempotent, among_sandboxes=True)


LOOK_UPS = [
    of_container("StartContainer", FIND_CONTAINER),
    of_container("StopContainer", FIND_CONTAINER, idempotent=True),
    of_container("RemoveContainer", FIND_CONTAINER, idempotent=True),
    of_container("ContainerStatus", FIND_CONTAINER),
    of_container("ReopenContainerLog", FIND_CONTAINER),
    of_container("UpdateContainerResources", "failed to find container: "),
    of_container(
        "ExecSync", 'failed to exec in container: failed to find container "{id}" in store: '
    ),
    of_container("Exec", 'failed to find container "{id}" in store: ', stdout=True),
    of_container("Attach", "failed to find container in store: ", stdout=True),
    of_container("CheckpointContainer", FIND_CHECKPOINTED),
    of_container("ContainerStats", "failed to find container: "),
    of_sandbox("StopPodSandbox", FIND_SANDBOX, idempotent=True),
    of_sandbox("RemovePodSandbox", FIND_SANDBOX, idempotent=True),
    of_sandbox("PodSandboxStatus", "an error occurred when try to find sandbox: "),
    of_sandbox("UpdatePodSandboxResources", "failed to find sandbox: "),
    of_sandbox("PortForward", 'failed to find sandbox "{id}": '),
    of_sandbox("PodSandboxStats", "an error occurred when trying to find sandbox {id}: "),
    LookUp(
        "CreateContainer",
        create_request,
        'failed to find sandbox id "{id}": ',
        among_sandboxes=True,
    ),
]

look_ups = pytest.mark.parametrize("look_up", LOOK_UPS, ids=lambda each: each.rpc)


@dataclass
class Crowd:
    """A node with so many things on it that some ids begin alike."""

    node: Node
    sandboxes: list[str]
    containers: list[str]

    def shared_prefix(self, look_up: LookUp) -> str:
        """Return a prefix of several of the ids among which an RPC looks."""
        ids = self.sandboxes if look_up.among_sandboxes else self.containers
        (prefix, number), *_ = Counter(id_[0] for id_ in ids).most_common()
        assert number > 1
        return prefix


@pytest.fixture(scope="module", params=FACES)
def crowd(request: pytest.FixtureRequest) -> Iterator[Crowd]:
    with node(request.param) as opened:
        opened.pull()
        sandboxes = [opened.run_sandbox(f"pod-{number}") for number in range(6)]
        made = [opened.create(each, pod=each) for each in sandboxes]
        yield Crowd(opened, sandboxes, made)


def call(node: Node, look_up: LookUp, id_: str) -> Any:
    """Make the call."""
    return getattr(node.runtime, look_up.rpc)(look_up.request(id_))


@look_ups
def test_an_unknown_id_is_not_found_or_nothing_to_do(crowd: Crowd, look_up: LookUp) -> None:
    unknown = "f" * 64
    if look_up.idempotent:
        assert call(crowd.node, look_up, unknown).ByteSize() == 0
        return
    with raises_status(NOT_FOUND, look_up.text.format(id=unknown) + "not found"):
        call(crowd.node, look_up, unknown)


@look_ups
def test_an_empty_id_is_an_error_without_a_class(crowd: Crowd, look_up: LookUp) -> None:
    with raises_status(UNKNOWN, look_up.text.format(id="") + "prefix can't be empty"):
        call(crowd.node, look_up, "")


@look_ups
def test_the_beginning_of_several_ids_is_an_error_without_a_class(
    crowd: Crowd, look_up: LookUp
) -> None:
    prefix = crowd.shared_prefix(look_up)
    text = look_up.text.format(id=prefix) + f"Multiple IDs found with provided prefix: {prefix}"
    with raises_status(UNKNOWN, text):
        call(crowd.node, look_up, prefix)


def test_the_beginning_of_one_id_stands_for_it(ready: Node) -> None:
    made_in = ready.run_sandbox()
    made = ready.runtime.CreateContainer(create_request(made_in[:1], "sleep", "99")).container_id
    short, pod = made[:1], made_in[:12]
    ready.start(short)
    assert ready.status(short).id == made
    assert ready.sandbox_status(pod).id == made_in
    ready.runtime.ReopenContainerLog(pb.ReopenContainerLogRequest(container_id=short))
    ready.runtime.UpdateContainerResources(pb.UpdateContainerResourcesRequest(container_id=short))
    ready.runtime.UpdatePodSandboxResources(pb.UpdatePodSandboxResourcesRequest(pod_sandbox_id=pod))
    cmd = ("true",)
    ready.runtime.ExecSync(pb.ExecSyncRequest(container_id=short, cmd=cmd))
    ready.runtime.Exec(pb.ExecRequest(container_id=short, cmd=cmd, stdout=True))
    ready.runtime.Attach(pb.AttachRequest(container_id=short, stdout=True))
    ready.runtime.PortForward(pb.PortForwardRequest(pod_sandbox_id=pod))
    assert (
        ready.runtime.ContainerStats(
            pb.ContainerStatsRequest(container_id=short)
        ).stats.attributes.id
        == made
    )
    assert (
        ready.runtime.PodSandboxStats(
            pb.PodSandboxStatsRequest(pod_sandbox_id=pod)
        ).stats.attributes.id
        == made_in
    )
    ready.stop(short)
    assert ready.status(made).state == pb.CONTAINER_EXITED
    ready.remove(short)
    with raises_status(NOT_FOUND):
        ready.status(made)
    ready.stop_sandbox(pod)
    assert ready.sandbox_status(made_in).state == pb.SANDBOX_NOTREADY
    ready.remove_sandbox(pod)
    with raises_status(NOT_FOUND):
        ready.sandbox_status(made_in)


def test_a_container_and_a_sandbox_are_not_looked_up_among_each_other(ready: Node) -> None:
    # Pause containers are not in the container index either.
    pod = ready.run_sandbox()
    made = ready.create(pod)
    with raises_status(NOT_FOUND):
        ready.status(pod)
    with raises_status(NOT_FOUND):
        ready.sandbox_status(made)


def test_messages_show_the_full_id_once_it_is_found(ready: Node) -> None:
    made = ready.run(ready.run_sandbox(), "sleep", "99")
    text = f'failed to set starting state for container "{made}": container is in CONTAINER_RUNNING'
    with raises_status(grpc.StatusCode.UNKNOWN, f"{text} state"):
        ready.start(made[:4])
