"""Lists and their streams: fields, filters, order, batches. Source: lifecycle 7, 13 and 24.

The order of things is that in which they were made, which is one of the orders that containerd,
whose own is random, may give them in (25).
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import grpc
import pytest

from fakecri.api import runtime_pb2 as pb
from tests.behaviour.steps import (
    CREATED,
    EXITED,
    NOTREADY,
    READY,
    RESOURCE_EXHAUSTED,
    RUNNING,
    containers,
    crash_sandbox,
    id_of,
    orphan,
    sandboxes,
)
from tests.support import FACES, Node, create_request, node, raises_status

UNKNOWN_ID = "f" * 64


@dataclass
class Fleet:
    """A node with two pods of three containers and one that is not ready, without any."""

    node: Node
    pods: list[str]
    made: list[str]


@pytest.fixture(scope="module", params=FACES)
def fleet(request: pytest.FixtureRequest) -> Iterator[Fleet]:
    with node(request.param) as opened:
        opened.pull()
        tiers = ("front", "back", "none")
        pods = [opened.run_sandbox(tier, labels={"tier": tier, "app": "shop"}) for tier in tiers]
        made = []
        for pod, tier in zip(pods[:2], tiers[:2], strict=True):
            labels = {"tier": tier, "": ""}
            made += [
                opened.create(pod, pod=tier, name="a", labels=labels),
                opened.run(pod, "sleep", "99", pod=tier, name="b", labels=labels),
                opened.run(pod, "false", pod=tier, name="c"),
            ]
        opened.stop_sandbox(pods[2])
        yield Fleet(opened, pods, made)


def of_pods(state: Any) -> dict[str, Any]:
    return {"state": pb.PodSandboxStateValue(state=state)}


def of_containers(state: Any) -> dict[str, Any]:
    return {"state": pb.ContainerStateValue(state=state)}


# Sandboxes (7).


def test_lists_of_sandboxes_are_in_the_order_of_creation(fleet: Fleet) -> None:
    assert sandboxes(fleet.node) == fleet.pods
    listed = fleet.node.runtime.ListPodSandbox(pb.ListPodSandboxRequest()).items
    times = [each.created_at for each in listed]
    assert times == sorted(set(times))


@pytest.mark.parametrize(
    ("wanted", "which"),
    [
        (of_pods(READY), [0, 1]),
        (of_pods(NOTREADY), [2]),
        (of_pods(7), []),
        ({"label_selector": {}}, [0, 1, 2]),
        ({"label_selector": {"app": "shop"}}, [0, 1, 2]),
        ({"label_selector": {"app": "shop", "tier": "back"}}, [1]),
        ({"label_selector": {"app": "shop", "tier": ""}}, []),
        ({"label_selector": {"absent": ""}}, []),
        (of_pods(READY) | {"label_selector": {"tier": "none"}}, []),
        ({"id": UNKNOWN_ID}, []),
        ({"id": "no id at all"}, []),
        ({"id": ""}, [0, 1, 2]),
    ],
)
def test_sandboxes_are_filtered_by_state_and_labels(
    fleet: Fleet, wanted: dict[str, Any], which: list[int]
) -> None:
    assert sandboxes(fleet.node, **wanted) == [fleet.pods[each] for each in which]


def test_a_filter_takes_the_beginning_of_one_id_and_finds_nothing_by_that_of_several(
    fleet: Fleet,
) -> None:
    pod = fleet.pods[1]
    assert sandboxes(fleet.node, id=pod[:12]) == [pod]
    assert sandboxes(fleet.node, id=pod[:12], **of_pods(NOTREADY)) == []
    made = fleet.made[4]
    assert containers(fleet.node, id=made[:12]) == [made]
    by_digit: dict[str, list[str]] = {}
    for each in fleet.made:
        by_digit.setdefault(each[0], []).append(each)
    for digit, ids in by_digit.items():
        assert containers(fleet.node, id=digit) == (ids if len(ids) == 1 else [])
    assert any(len(ids) > 1 for ids in by_digit.values())


def test_an_item_of_a_sandbox_has_no_addresses(ready: Node) -> None:
    pod = ready.run_sandbox(labels={"a": "b"}, annotations={"c": "d"})
    status = ready.sandbox_status(pod)
    (item,) = ready.runtime.ListPodSandbox(pb.ListPodSandboxRequest()).items
    assert item == pb.PodSandbox(
        id=pod,
        metadata=status.metadata,
        state=READY,
        created_at=status.created_at,
        labels={"a": "b"},
        annotations={"c": "d"},
    )
    crash_sandbox(ready, pod)
    assert sandboxes(ready, **of_pods(NOTREADY)) == [pod]


# Containers (13).


def test_lists_of_containers_are_in_the_order_of_creation(fleet: Fleet) -> None:
    assert containers(fleet.node) == fleet.made
    listed = fleet.node.runtime.ListContainers(pb.ListContainersRequest()).containers
    times = [each.created_at for each in listed]
    assert times == sorted(set(times))


@pytest.mark.parametrize(
    ("wanted", "which"),
    [
        (of_containers(CREATED), [0, 3]),
        (of_containers(RUNNING), [1, 4]),
        (of_containers(EXITED), [2, 5]),
        (of_containers(pb.CONTAINER_UNKNOWN), []),
        (of_containers(-1), []),
        ({"label_selector": {"tier": "back"}}, [3, 4]),
        ({"label_selector": {"tier": "back", "": ""}}, [3, 4]),
        ({"label_selector": {"": ""}}, [0, 1, 3, 4]),
        ({"label_selector": {"tier": "none"}}, []),
        (of_containers(RUNNING) | {"label_selector": {"tier": "front"}}, [1]),
        ({"id": UNKNOWN_ID}, []),
        ({"pod_sandbox_id": UNKNOWN_ID}, []),
        ({"pod_sandbox_id": "no id at all"}, []),
    ],
)
def test_containers_are_filtered_by_state_and_labels(
    fleet: Fleet, wanted: dict[str, Any], which: list[int]
) -> None:
    assert containers(fleet.node, **wanted) == [fleet.made[each] for each in which]


def test_containers_are_filtered_by_their_sandbox(fleet: Fleet) -> None:
    front, back, none = fleet.pods
    assert containers(fleet.node, pod_sandbox_id=front) == fleet.made[:3]
    assert containers(fleet.node, pod_sandbox_id=back[:12]) == fleet.made[3:]
    assert containers(fleet.node, pod_sandbox_id=none) == []
    assert containers(fleet.node, pod_sandbox_id=front, id=fleet.made[4]) == []
    assert containers(fleet.node, pod_sandbox_id=back, **of_containers(EXITED)) == [fleet.made[5]]
    # Pause containers are not listed, nor looked up.
    assert containers(fleet.node, id=front) == []


def test_an_item_of_a_container_shows_the_image_as_it_was_asked_for(ready: Node) -> None:
    pod = ready.run_sandbox()
    request = create_request(pod, labels={"a": "b"}, annotations={"c": "d"})
    request.config.image.user_specified_image = "busy"
    request.config.image.annotations["e"] = "f"
    made = ready.runtime.CreateContainer(request).container_id
    status = ready.status(made)
    (item,) = ready.runtime.ListContainers(pb.ListContainersRequest()).containers
    assert item == pb.Container(
        id=made,
        pod_sandbox_id=pod,
        metadata=request.config.metadata,
        image=request.config.image,
        image_ref=status.image_id,
        image_id=status.image_id,
        state=CREATED,
        created_at=status.created_at,
        labels={"a": "b"},
        annotations={"c": "d"},
    )


# Streams (7, 24, 26.19).


def streamed(node: Node, rpc: str, request: Any, field: str) -> list[list[str]]:
    """Return the ids in each message of a stream."""
    stream = getattr(node.runtime, rpc)(request)
    return [[each.id for each in getattr(message, field)] for message in stream]


def test_a_stream_of_nothing_is_no_message(node: Node) -> None:
    requests = (
        ("StreamPodSandboxes", pb.StreamPodSandboxesRequest(), "pod_sandboxes"),
        ("StreamContainers", pb.StreamContainersRequest(), "containers"),
    )
    for rpc, request, field in requests:
        assert streamed(node, rpc, request, field) == []
    assert node.runtime.ListPodSandbox(pb.ListPodSandboxRequest()).ByteSize() == 0
    assert node.runtime.ListContainers(pb.ListContainersRequest()).ByteSize() == 0


def test_streams_are_the_lists_in_batches(fleet: Fleet) -> None:
    def both() -> tuple[list[list[str]], list[list[str]]]:
        return (
            streamed(
                fleet.node, "StreamPodSandboxes", pb.StreamPodSandboxesRequest(), "pod_sandboxes"
            ),
            streamed(fleet.node, "StreamContainers", pb.StreamContainersRequest(), "containers"),
        )

    assert both() == ([fleet.pods], [fleet.made])
    with fleet.node.cri.host.turn() as world:
        usual = world.profile
        assert usual.stream_batch == 5000
        world.profile = replace(usual, stream_batch=2)
    assert both() == (
        [fleet.pods[:2], fleet.pods[2:]],
        [fleet.made[:2], fleet.made[2:4], fleet.made[4:]],
    )
    with fleet.node.cri.host.turn() as world:
        world.profile = usual


def test_streams_take_the_filters_of_the_lists(fleet: Fleet) -> None:
    pods = pb.StreamPodSandboxesRequest(filter=pb.PodSandboxFilter(**of_pods(NOTREADY)))
    made = pb.StreamContainersRequest(
        filter=pb.ContainerFilter(pod_sandbox_id=fleet.pods[0], **of_containers(RUNNING))
    )
    nothing = pb.StreamContainersRequest(filter=pb.ContainerFilter(id=UNKNOWN_ID))
    node = fleet.node
    assert streamed(node, "StreamPodSandboxes", pods, "pod_sandboxes") == [[fleet.pods[2]]]
    assert streamed(node, "StreamContainers", made, "containers") == [[fleet.made[1]]]
    assert streamed(node, "StreamContainers", nothing, "containers") == []


def test_items_of_streams_are_those_of_lists(fleet: Fleet) -> None:
    (message,) = fleet.node.runtime.StreamContainers(pb.StreamContainersRequest())
    listed = fleet.node.runtime.ListContainers(pb.ListContainersRequest())
    assert list(message.containers) == list(listed.containers)
    (pods,) = fleet.node.runtime.StreamPodSandboxes(pb.StreamPodSandboxesRequest())
    listed_pods = fleet.node.runtime.ListPodSandbox(pb.ListPodSandboxRequest())
    assert list(pods.pod_sandboxes) == list(listed_pods.items)


def test_an_orphan_is_found_by_the_full_id_of_its_sandbox(ready: Node) -> None:
    pod = ready.run_sandbox()
    made = ready.create(pod)
    orphan(ready, pod)
    assert sandboxes(ready) == []
    assert containers(ready, pod_sandbox_id=pod) == [made]
    assert containers(ready, pod_sandbox_id=pod[:12]) == []


def test_a_list_that_is_larger_than_a_message_may_be_is_refused(node: Node) -> None:
    large = {"note": "x" * (5 << 20)}
    for number in range(4):
        node.run_sandbox(f"pod-{number}", annotations=large)
    everything = pb.ListPodSandboxRequest()
    with pytest.raises(grpc.RpcError) as refusal:
        node.runtime.ListPodSandbox(everything)
    assert refusal.value.code() is RESOURCE_EXHAUSTED
    assert refusal.value.details() == (
        "grpc: trying to send message larger than max (20972024 vs. 16777216)"
    )
    stream = node.runtime.StreamPodSandboxes(pb.StreamPodSandboxesRequest())
    with raises_status(RESOURCE_EXHAUSTED, refusal.value.details()):
        next(stream)
    with raises_status(RESOURCE_EXHAUSTED, refusal.value.details()):
        next(stream)
    assert len(sandboxes(node, id=id_of("sandbox", 1))) == 1
