"""Level 6 of the taxonomy: what stands in an answer, and what does not."""

from typing import Any

import pytest

from fakecri.api import runtime_pb2 as pb
from tests.behaviour.steps import RUNNING
from tests.support import Node
from tests.taxonomy.shows import shows

LIST = pb.ListContainersRequest()


@pytest.fixture
def container_id(node: Node) -> str:
    """Run a container."""
    labels = {"app": "web", "tier": "front"}
    return node.run(node.run_sandbox(), "sleep", "infinity", labels=labels)


def names(node: Node, **wanted: Any) -> list[str]:
    """List the names of the containers."""
    request = pb.ListContainersRequest(filter=pb.ContainerFilter(**wanted))
    return [each.metadata.name for each in node.runtime.ListContainers(request).containers]


@shows("D1", "PodSandboxStatus = reply:unset(status.linux)", "no `linux`")
@shows("D1", "PodSandboxStatus = reply:unset(status.network)", "no `network`")
def test_an_optional_message_is_missing(node: Node, text: str, rule: None) -> None:
    status = node.sandbox_status(node.run_sandbox())
    assert status.HasField("linux") is ("linux" not in text)
    assert status.HasField("network") is ("network" not in text)


@shows("D2", 'ContainerStatus = reply:set(status.id, "")', "an empty id")
@shows("D2", "ContainerStatus = reply:set(status.created_at, 0)", "created_at 0")
@shows("D2", "ContainerStatus = reply:unset(status.metadata)", "no metadata")
@shows("D2", 'ContainerStatus = reply:set(status.image_ref, "")', "an empty image_ref")
def test_a_required_field_is_empty(node: Node, container_id: str, text: str, rule: None) -> None:
    field = text.partition("status.")[2].split(",")[0].rstrip(")")
    answer = node.status(container_id)
    assert getattr(answer, field) == getattr(pb.ContainerStatus(), field)


@shows("D3", "ContainerStatus = freeze(10s)", "RUNNING by the status, EXITED by the list")
def test_a_stale_read(node: Node, container_id: str, rule: None) -> None:
    assert node.status(container_id).state == RUNNING
    node.stop(container_id)
    assert node.status(container_id).state == RUNNING
    (item,) = node.runtime.ListContainers(LIST).containers
    assert item.state == pb.CONTAINER_EXITED


@shows(
    "D4",
    'ContainerStatus = reply:set(status.image_id, "sha256:0")',
    "image_id is none of the images'",
)
@shows("D4", "ContainerStatus = reply:unset(status.image_id)", "no image_id")
def test_identifiers_disagree(node: Node, container_id: str, rule: None) -> None:
    listed = {each.id for each in node.images.ListImages(pb.ListImagesRequest()).images}
    assert node.status(container_id).image_id not in listed


@shows("D5", "ListContainers = 1*reply:omit(container=main)", "one list without it, once")
def test_a_list_omits_an_object_once(node: Node, container_id: str, rule: None) -> None:
    assert names(node) == []
    assert names(node) == ["main"]


@shows("D6", "ListContainers = reply:repeat(container=main)", "the same container twice")
def test_a_list_has_an_object_twice(node: Node, container_id: str, rule: None) -> None:
    assert names(node) == ["main", "main"]


@shows("D7", "ListContainers = reply:shuffle", "the same containers in other orders")
def test_a_list_is_in_another_order(node: Node, rule: None) -> None:
    pod_sandbox_id = node.run_sandbox()
    made = [node.create(pod_sandbox_id, name=f"c{n}") and f"c{n}" for n in range(6)]
    lists = [names(node) for _ in range(5)]
    assert all(sorted(each) == made for each in lists)
    assert len({tuple(each) for each in lists}) > 1


@shows("D8", "ListContainers = reply:unset(containers[*].labels)", "no labels at all")
@shows("D8", 'ListContainers = reply:set(containers[*].labels.app, "db")', "another value")
def test_labels_are_lost_or_altered(node: Node, container_id: str, text: str, rule: None) -> None:
    (item,) = node.runtime.ListContainers(LIST).containers
    assert dict(item.labels) == ({} if "unset" in text else {"app": "db", "tier": "front"})


@shows("D9", "ContainerStatus = reply:set(status.state, 99)", "state 99")
def test_an_unknown_value_of_an_enum(node: Node, container_id: str, rule: None) -> None:
    assert int(node.status(container_id).state) == 99


@shows("D9", 'ContainerStatus = reply:future(900, "more")', "an unknown field, number 900")
def test_a_field_of_the_future(node: Node, container_id: str, rule: None) -> None:
    request = pb.ContainerStatusRequest(container_id=container_id)
    answer = node.runtime.ContainerStatus(request)
    assert b"more" in answer.SerializeToString()
    known = pb.ContainerStatusResponse.FromString(answer.SerializeToString())
    known.DiscardUnknownFields()
    assert b"more" not in known.SerializeToString()
    assert known.status.id == container_id


@shows("D10", "ContainerStatus = reply:pad(1000000)", "an answer of a megabyte")
def test_huge_metadata(node: Node, container_id: str, rule: None) -> None:
    request = pb.ContainerStatusRequest(container_id=container_id)
    assert node.runtime.ContainerStatus(request).ByteSize() > 1_000_000


@shows("D11", 'PodSandboxStatus = reply:set(status.network.ip, "no address")', "that text")
def test_a_string_that_does_not_parse(node: Node, rule: None) -> None:
    assert node.sandbox_status(node.run_sandbox()).network.ip == "no address"


CPU = "stats.cpu.usage_core_nano_seconds"


@shows("D12", f"ContainerStats = reply:set({CPU}.value, 0)", "0")
@shows("D12", f"ContainerStats = reply:unset({CPU})", "missing")
@shows("D12", f"ContainerStats = reply:set({CPU}.value, 7) -> reply:set({CPU}.value, 5)", "back")
def test_counters(node: Node, container_id: str, text: str, rule: None) -> None:
    request = pb.ContainerStatsRequest(container_id=container_id)
    cpu = node.runtime.ContainerStats(request).stats.cpu
    if "unset" in text:
        assert not cpu.HasField("usage_core_nano_seconds")
    else:
        assert cpu.usage_core_nano_seconds.value in {0, 7}


@shows("D13", "ListContainers = unfiltered", "all containers, whatever was asked for")
def test_a_filter_is_ignored(node: Node, container_id: str, rule: None) -> None:
    assert names(node, id="f" * 64) == ["main"]


@shows("D14", "ContainerStatus = reply:unset(status.resources)", "no resources")
def test_resources_are_missing(node: Node, container_id: str, rule: None) -> None:
    assert not node.status(container_id).HasField("resources")


@shows("D15", "Status = reply:unset(runtime_handlers[*].features)", "handlers without features")
@shows("D15", "Status = reply:unset(features)", "no features")
def test_capabilities_are_missing(node: Node, text: str, rule: None) -> None:
    status = node.runtime.Status(pb.StatusRequest())
    assert status.runtime_handlers
    if "[*]" in text:
        assert not any(each.HasField("features") for each in status.runtime_handlers)
    else:
        assert not status.HasField("features")


@shows("D16", 'ContainerStatus = reply:set(status.log_path, "/nowhere.log")', "a wrong path")
def test_the_log_path_is_wrong(node: Node, container_id: str, rule: None) -> None:
    path = node.status(container_id).log_path
    assert path == "/nowhere.log"
    assert not node.cri.files.exists(path)


def test_there_is_no_log_file(node: Node, container_id: str) -> None:
    path = node.status(container_id).log_path
    node.cri.files.remove(path)
    assert not node.cri.files.exists(path)
    assert node.status(container_id).log_path == path
