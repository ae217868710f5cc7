"""Lists read from the Stream* RPCs."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import grpc
import pytest
from google.protobuf.message import Message

from fakecri.api import runtime_pb2 as pb
from tests.services.scripted import Script

LIMIT_S = 10.0
PODS = [pb.PodSandbox(id="p1"), pb.PodSandbox(id="p2")]
POD_FILTER = pb.PodSandboxFilter(id="p")
CONTAINERS = [pb.Container(id="c1"), pb.Container(id="c2")]
CONTAINER_FILTER = pb.ContainerFilter(id="c")
STATS = [pb.ContainerStats(attributes=pb.ContainerAttributes(id=name)) for name in ("c1", "c2")]
STATS_FILTER = pb.ContainerStatsFilter(id="c")
POD_STATS = [
    pb.PodSandboxStats(attributes=pb.PodSandboxAttributes(id=name)) for name in ("p1", "p2")
]
POD_STATS_FILTER = pb.PodSandboxStatsFilter(id="p")
METRICS = [pb.PodSandboxMetrics(pod_sandbox_id=name) for name in ("p1", "p2")]
IMAGES = [pb.Image(id="sha256:0"), pb.Image(id="sha256:1")]
IMAGE_FILTER = pb.ImageFilter(image=pb.ImageSpec(image="busybox"))


@dataclass(frozen=True)
class Case:
    """A list, its two RPCs, the stream's request and batches, and the unary answer."""

    stream: str
    unary: str
    call: Callable[[Any], list[Message]]
    request: Message
    batches: list[Message]
    answer: Message
    items: list[Any]


RUNTIME = [
    Case(
        "StreamPodSandboxes",
        "ListPodSandbox",
        lambda s: s.list_pod_sandbox(POD_FILTER),
        pb.StreamPodSandboxesRequest(filter=POD_FILTER),
        [pb.StreamPodSandboxesResponse(pod_sandboxes=[pod]) for pod in PODS],
        pb.ListPodSandboxResponse(items=PODS),
        PODS,
    ),
    Case(
        "StreamContainers",
        "ListContainers",
        lambda s: s.list_containers(CONTAINER_FILTER),
        pb.StreamContainersRequest(filter=CONTAINER_FILTER),
        [pb.StreamContainersResponse(containers=[container]) for container in CONTAINERS],
        pb.ListContainersResponse(containers=CONTAINERS),
        CONTAINERS,
    ),
    Case(
        "StreamContainerStats",
        "ListContainerStats",
        lambda s: s.list_container_stats(STATS_FILTER),
        pb.StreamContainerStatsRequest(filter=STATS_FILTER),
        [pb.StreamContainerStatsResponse(container_stats=[stats]) for stats in STATS],
        pb.ListContainerStatsResponse(stats=STATS),
        STATS,
    ),
    Case(
        "StreamPodSandboxStats",
        "ListPodSandboxStats",
        lambda s: s.list_pod_sandbox_stats(POD_STATS_FILTER),
        pb.StreamPodSandboxStatsRequest(filter=POD_STATS_FILTER),
        [pb.StreamPodSandboxStatsResponse(pod_sandbox_stats=[stats]) for stats in POD_STATS],
        pb.ListPodSandboxStatsResponse(stats=POD_STATS),
        POD_STATS,
    ),
    Case(
        "StreamPodSandboxMetrics",
        "ListPodSandboxMetrics",
        lambda s: s.list_pod_sandbox_metrics(),
        pb.StreamPodSandboxMetricsRequest(),
        [pb.StreamPodSandboxMetricsResponse(pod_sandbox_metrics=[metrics]) for metrics in METRICS],
        pb.ListPodSandboxMetricsResponse(pod_metrics=METRICS),
        METRICS,
    ),
]
IMAGE = Case(
    "StreamImages",
    "ListImages",
    lambda s: s.list_images(IMAGE_FILTER),
    pb.StreamImagesRequest(filter=IMAGE_FILTER),
    [pb.StreamImagesResponse(images=[image]) for image in IMAGES],
    pb.ListImagesResponse(images=IMAGES),
    IMAGES,
)
CASES = pytest.mark.parametrize("case", [*RUNTIME, IMAGE], ids=lambda case: str(case.stream))


def client(case: Case, script: Script) -> Any:
    """The client that has the case's method, which streams."""
    make = script.images if case is IMAGE else script.runtime
    return make(LIMIT_S, list_streaming=True)


@CASES
def test_a_streamed_list_is_all_its_batches(case: Case, script: Script) -> None:
    script.answers[case.stream] = case.batches
    assert case.call(client(case, script)) == case.items
    (sent,) = script.sent
    assert (sent.rpc, sent.request, sent.timeout_s) == (case.stream, case.request, LIMIT_S)


@CASES
def test_a_runtime_without_the_stream_is_asked_the_unary_way_from_then_on(
    case: Case, script: Script
) -> None:
    script.answers[case.unary] = case.answer
    service = client(case, script)
    assert case.call(service) == case.items
    assert case.call(service) == case.items
    assert [sent.rpc for sent in script.sent] == [case.stream, case.unary, case.unary]
    assert {sent.timeout_s for sent in script.sent} == {LIMIT_S}


def test_one_missing_stream_turns_all_lists_of_the_client_unary(script: Script) -> None:
    script.answers["ListContainers"] = pb.ListContainersResponse(containers=CONTAINERS)
    script.answers["ListPodSandbox"] = pb.ListPodSandboxResponse(items=PODS)
    service = script.runtime(list_streaming=True)
    assert service.list_containers() == CONTAINERS
    assert service.list_pod_sandbox() == PODS
    unary = ["ListContainers", "ListPodSandbox"]
    assert [sent.rpc for sent in script.sent] == ["StreamContainers", *unary]


def test_a_stream_that_fails_otherwise_fails_the_list(script: Script) -> None:
    script.answers["StreamContainers"] = grpc.StatusCode.UNAVAILABLE
    with pytest.raises(grpc.RpcError) as caught:
        script.runtime(list_streaming=True).list_containers()
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
    assert [sent.rpc for sent in script.sent] == ["StreamContainers"]
