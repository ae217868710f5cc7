"""What rules do to answers: fields, lists, stale ones, large ones, empty ones."""

from typing import Any

import grpc
import pytest

from fakecri.api import runtime_pb2 as pb
from fakecri.core.scheduler import SECOND_NS
from tests.behaviour.steps import EXITED, NOT_FOUND, RUNNING, containers, sandboxes
from tests.support import Node, raises_status

EVERY_CONTAINER = pb.ListContainersRequest()


@pytest.fixture
def pod(ready: Node) -> str:
    """Return a sandbox."""
    return ready.run_sandbox(labels={"app": "web"})


@pytest.fixture
def three(ready: Node, pod: str) -> list[str]:
    """Return three containers in it."""
    return [ready.create(pod, "sleep", "999", name=name) for name in ("a", "b", "c")]


def test_a_field_of_an_answer_is_set(ready: Node, pod: str) -> None:
    with ready.cri.faults('PodSandboxStatus = 1* set(status.network.ip, "")') as scope:
        assert not ready.sandbox_status(pod).network.ip
        assert ready.sandbox_status(pod).network.ip
    assert scope.fired == 1


def test_the_runtime_itself_knows_better(ready: Node, three: list[str]) -> None:
    with ready.cri.faults('ListContainers = set(containers[*].labels.app, "db")'):
        listed = ready.runtime.ListContainers(EVERY_CONTAINER).containers
        assert [each.labels["app"] for each in listed] == ["db"] * 3
    assert "app" not in ready.status(three[0]).labels


def test_a_state_of_the_future_is_a_number(ready: Node, three: list[str]) -> None:
    with ready.cri.faults("ContainerStatus = set(status.state, 99)"):
        assert ready.status(three[0]).state == 99


def test_a_field_of_the_future_travels_unread(node: Node) -> None:
    with node.cri.faults('Version = future(900, "tomorrow")'):
        response = node.runtime.Version(pb.VersionRequest())
    assert response.runtime_name == "containerd"
    assert b"tomorrow" in response.SerializeToString()


@pytest.mark.parametrize("path", ["status.linux", "status.network", "status"])
def test_a_message_in_an_answer_is_missing(ready: Node, pod: str, path: str) -> None:
    with ready.cri.faults(f"PodSandboxStatus = unset({path})"):
        request = pb.PodSandboxStatusRequest(pod_sandbox_id=pod)
        response = ready.runtime.PodSandboxStatus(request)
    holder: Any = response if path == "status" else response.status
    assert not holder.HasField(path.rpartition(".")[2])


def test_a_stamp_is_shifted(ready: Node, three: list[str]) -> None:
    before_ns = ready.status(three[0]).created_at
    with ready.cri.faults("ContainerStatus = shift(status.created_at, -1h)"):
        status = ready.status(three[0])
    assert status.created_at == before_ns - 3600 * SECOND_NS
    assert (status.started_at, status.finished_at) == (0, 0)


def test_an_edit_that_finds_nothing_has_not_acted(ready: Node, pod: str) -> None:
    with ready.cri.faults('ListContainers = set(containers[0].id, "x")') as scope:
        assert containers(ready) == []
    assert scope.fired == 0


def test_a_list_omits_an_item_once(ready: Node, three: list[str]) -> None:
    with ready.cri.faults("ListContainers = 1* omit(container=b)"):
        assert containers(ready) == [three[0], three[2]]
        assert containers(ready) == three


def test_items_are_chosen_by_all_that_selectors_know(ready: Node, pod: str) -> None:
    ready.run_sandbox("db")
    with ready.cri.faults("ListPodSandbox = omit(label.app=web)"):
        assert len(sandboxes(ready)) == 1
    with ready.cri.faults("ListPodSandbox = omit(pod=web, state=ready)"):
        assert pod not in sandboxes(ready)
    with ready.cri.faults("ListImages = omit(image=*busybox*)"):
        images = ready.images.ListImages(pb.ListImagesRequest()).images
    assert [each.pinned for each in images] == [True]  # the runtime's own


def test_a_list_can_omit_everything(ready: Node, three: list[str]) -> None:
    with ready.cri.faults("ListContainers = omit"):
        assert containers(ready) == []


def test_a_list_repeats_an_item(ready: Node, three: list[str]) -> None:
    with ready.cri.faults("ListContainers = repeat(container=b)"):
        assert containers(ready) == [three[0], three[1], three[1], three[2]]


def test_a_list_is_in_another_order(ready: Node, three: list[str]) -> None:
    with ready.cri.faults("ListContainers = shuffle"):
        orders = [containers(ready) for _ in range(8)]
    assert all(sorted(order) == sorted(three) and order != three for order in orders)
    assert len({tuple(order) for order in orders}) > 1


def test_an_answer_is_frozen_for_a_while(ready: Node, pod: str) -> None:
    with ready.cri.faults("ListContainers = freeze(90s)") as scope:
        assert containers(ready) == []
        made = ready.create(pod, "true")
        assert containers(ready) == []
        assert containers(ready, id=made) == [made]  # another question
        ready.cri.advance(91)
        assert containers(ready) == [made]
    assert scope.fired == 1


def test_a_frozen_status_outlives_its_container(ready: Node, pod: str) -> None:
    made = ready.run(pod, "sleep", "999")
    with ready.cri.faults("ContainerStatus = freeze(90s)"):
        assert ready.status(made).state == RUNNING
        ready.remove(made)
        assert ready.status(made).state == RUNNING
        ready.cri.advance(91)
        with raises_status(NOT_FOUND):
            ready.status(made)


def test_stats_stand_still(ready: Node, pod: str) -> None:
    made = ready.run(pod, "sleep", "999")
    request = pb.ContainerStatsRequest(container_id=made)
    with ready.cri.faults("ContainerStats = freeze(1m)"):
        first = ready.runtime.ContainerStats(request)
        ready.cri.advance(30)
        assert ready.runtime.ContainerStats(request) == first


def test_counters_go_back(ready: Node, pod: str) -> None:
    made = ready.run(pod, "sleep", "999")
    ready.cri.advance(10)
    path = "stats.cpu.usage_core_nano_seconds"
    with ready.cri.faults(f"ContainerStats = set({path}, 0)"):
        stats = ready.runtime.ContainerStats(pb.ContainerStatsRequest(container_id=made)).stats
    assert stats.cpu.usage_core_nano_seconds.value == 0
    with ready.cri.faults("ContainerStats = unset(stats.cpu)"):
        stats = ready.runtime.ContainerStats(pb.ContainerStatsRequest(container_id=made)).stats
    assert not stats.HasField("cpu")


def test_an_answer_is_larger_than_a_runtime_sends(node: Node) -> None:
    with (
        node.cri.faults("Version = pad(16777216)"),
        raises_status(grpc.StatusCode.RESOURCE_EXHAUSTED),
    ):
        node.runtime.Version(pb.VersionRequest())


def test_an_answer_is_larger_than_it_was(node: Node) -> None:
    with node.cri.faults("Version = pad(4096)"):
        assert node.runtime.Version(pb.VersionRequest()).ByteSize() > 4096


def test_an_answer_is_ok_and_empty(ready: Node, pod: str) -> None:
    with ready.cri.faults("PodSandboxStatus = empty", "RunPodSandbox = empty"):
        request = pb.PodSandboxStatusRequest(pod_sandbox_id=pod)
        assert ready.runtime.PodSandboxStatus(request) == pb.PodSandboxStatusResponse()
        assert ready.run_sandbox("other") == ""
    assert len(sandboxes(ready)) == 2


def test_a_filter_is_ignored(ready: Node, three: list[str]) -> None:
    with ready.cri.faults("ListContainers = unfiltered") as scope:
        assert containers(ready, id=three[0]) == three
        assert ready.runtime.ListContainers(EVERY_CONTAINER).containers
    assert scope.fired == 1


def test_edits_follow_each_other(ready: Node, three: list[str]) -> None:
    rules = ("ListContainers = omit(container=a)", "ListContainers = repeat(container=b)")
    with ready.cri.faults(*rules):
        assert containers(ready) == [three[1], three[1], three[2]]


def test_a_word_edits_those_that_have_the_field(ready: Node, three: list[str]) -> None:
    with ready.cri.faults("reads = set(status.state, 99)"):
        assert ready.status(three[0]).state == 99
        assert len(containers(ready)) == 3


def test_the_recording_has_what_the_client_got(ready: Node, three: list[str]) -> None:
    rule = 'ContainerStatus = set(status.state, "CONTAINER_EXITED")'
    with ready.cri.faults(rule) as scope:
        assert ready.status(three[0]).state == EXITED
    (call,) = scope.calls
    assert call.response.status.state == EXITED
