"""What each method sends, how long it may take, and what it takes out of the answer."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import grpc
import pytest
from google.protobuf.message import Message

from fakecri.api import runtime_pb2 as pb
from fakecri.rpcs import RPCS
from fakecri.services import ExitError, ImageClient, RuntimeClient
from tests.services.scripted import Script

LIMIT_S = 10.0


@dataclass(frozen=True)
class Case:
    """A call of a method; the request, the response, and what comes of it."""

    call: Callable[[Any], object]
    request: Message
    response: Message
    result: object = None
    timeout_s: float | None = LIMIT_S

    @property
    def rpc(self) -> str:
        """The RPC with this request."""
        return next(rpc.name for rpc in RPCS.values() if isinstance(self.request, rpc.request))


POD = pb.PodSandboxConfig(metadata=pb.PodSandboxMetadata(name="p", namespace="n", uid="u"))
CONTAINER = pb.ContainerConfig(metadata=pb.ContainerMetadata(name="c"))
IMAGE = pb.ImageSpec(image="busybox")
VERSION = pb.VersionResponse(
    version="0.1.0", runtime_name="r", runtime_version="1.2", runtime_api_version="v1"
)
STATUS = pb.StatusResponse(
    status=pb.RuntimeStatus(conditions=[pb.RuntimeCondition(), pb.RuntimeCondition()])
)
POD_STATUS = pb.PodSandboxStatusResponse(
    status=pb.PodSandboxStatus(id="p1", metadata=POD.metadata, created_at=1)
)
CONTAINER_STATUS = pb.ContainerStatusResponse(
    status=pb.ContainerStatus(
        id="c1", metadata=CONTAINER.metadata, created_at=1, image=IMAGE, image_ref="sha256:0"
    )
)
IMAGE_STATUS = pb.ImageStatusResponse(image=pb.Image(id="sha256:0", size=1))
CPU = pb.LinuxContainerResources(cpu_shares=2)
POD_FILTER = pb.PodSandboxFilter(id="p1")
CONTAINER_FILTER = pb.ContainerFilter(id="c1")
STATS_FILTER = pb.ContainerStatsFilter(pod_sandbox_id="p1")
POD_STATS_FILTER = pb.PodSandboxStatsFilter(id="p1")
PODS = [pb.PodSandbox(id="p1"), pb.PodSandbox(id="p2")]
CONTAINERS = [pb.Container(id="c1"), pb.Container(id="c2")]
STATS = [pb.ContainerStats(attributes=pb.ContainerAttributes(id=name)) for name in ("c1", "c2")]
POD_STATS = [
    pb.PodSandboxStats(attributes=pb.PodSandboxAttributes(id=name)) for name in ("p1", "p2")
]
METRICS = [pb.PodSandboxMetrics(pod_sandbox_id="p1")]
DESCRIPTORS = [pb.MetricDescriptor(name="m")]
IMAGES = [pb.Image(id="sha256:0"), pb.Image(id="sha256:1")]
FS_INFO = pb.ImageFsInfoResponse(image_filesystems=[pb.FilesystemUsage(timestamp=1)])
CONFIG = pb.RuntimeConfigResponse(linux=pb.LinuxRuntimeConfiguration(cgroup_driver=pb.CGROUPFS))
EXEC = pb.ExecRequest(container_id="c1", cmd=["ls"], stdout=True)
ATTACH = pb.AttachRequest(container_id="c1", stdin=True)
FORWARD = pb.PortForwardRequest(pod_sandbox_id="p1", port=[80])
RESIZE = pb.UpdatePodSandboxResourcesRequest(pod_sandbox_id="p1", overhead=CPU)
CHECKPOINT_POD = pb.CheckpointPodRequest(pod_sandbox_id="p1", output_path="/o")
RESTORE_POD = pb.RestorePodRequest(checkpoint_path="/o")
RESTORED = pb.RestorePodResponse(pod_sandbox_id="p2")

RUNTIME = [
    Case(lambda s: s.version(), pb.VersionRequest(version="0.1.0"), VERSION, VERSION),
    Case(lambda s: s.version("v1"), pb.VersionRequest(version="v1"), VERSION, VERSION),
    Case(
        lambda s: s.update_runtime_config(pb.RuntimeConfig()),
        pb.UpdateRuntimeConfigRequest(runtime_config=pb.RuntimeConfig()),
        pb.UpdateRuntimeConfigResponse(),
    ),
    Case(lambda s: s.status(), pb.StatusRequest(), STATUS, STATUS),
    Case(lambda s: s.status(verbose=True), pb.StatusRequest(verbose=True), STATUS, STATUS),
    Case(lambda s: s.runtime_config(), pb.RuntimeConfigRequest(), CONFIG, CONFIG),
    Case(
        lambda s: s.run_pod_sandbox(POD, "kata"),
        pb.RunPodSandboxRequest(config=POD, runtime_handler="kata"),
        pb.RunPodSandboxResponse(pod_sandbox_id="p1"),
        "p1",
        2 * LIMIT_S,
    ),
    Case(
        lambda s: s.stop_pod_sandbox("p1"),
        pb.StopPodSandboxRequest(pod_sandbox_id="p1"),
        pb.StopPodSandboxResponse(),
    ),
    Case(
        lambda s: s.remove_pod_sandbox("p1"),
        pb.RemovePodSandboxRequest(pod_sandbox_id="p1"),
        pb.RemovePodSandboxResponse(),
    ),
    Case(
        lambda s: s.pod_sandbox_status("p1", verbose=True),
        pb.PodSandboxStatusRequest(pod_sandbox_id="p1", verbose=True),
        POD_STATUS,
        POD_STATUS,
    ),
    Case(
        lambda s: s.list_pod_sandbox(POD_FILTER),
        pb.ListPodSandboxRequest(filter=POD_FILTER),
        pb.ListPodSandboxResponse(items=PODS),
        PODS,
    ),
    Case(
        lambda s: s.list_pod_sandbox(),
        pb.ListPodSandboxRequest(),
        pb.ListPodSandboxResponse(),
        [],
    ),
    Case(
        lambda s: s.port_forward(FORWARD),
        FORWARD,
        pb.PortForwardResponse(url="http://x"),
        pb.PortForwardResponse(url="http://x"),
    ),
    Case(
        lambda s: s.update_pod_sandbox_resources(RESIZE),
        RESIZE,
        pb.UpdatePodSandboxResourcesResponse(),
        pb.UpdatePodSandboxResourcesResponse(),
    ),
    Case(lambda s: s.checkpoint_pod(CHECKPOINT_POD), CHECKPOINT_POD, pb.CheckpointPodResponse()),
    Case(lambda s: s.restore_pod(RESTORE_POD), RESTORE_POD, RESTORED, RESTORED),
    Case(
        lambda s: s.create_container("p1", CONTAINER, POD),
        pb.CreateContainerRequest(pod_sandbox_id="p1", config=CONTAINER, sandbox_config=POD),
        pb.CreateContainerResponse(container_id="c1"),
        "c1",
    ),
    Case(
        lambda s: s.start_container("c1"),
        pb.StartContainerRequest(container_id="c1"),
        pb.StartContainerResponse(),
    ),
    Case(
        lambda s: s.stop_container("c1", 30),
        pb.StopContainerRequest(container_id="c1", timeout=30),
        pb.StopContainerResponse(),
        None,
        LIMIT_S + 30,
    ),
    Case(
        lambda s: s.remove_container("c1"),
        pb.RemoveContainerRequest(container_id="c1"),
        pb.RemoveContainerResponse(),
    ),
    Case(
        lambda s: s.list_containers(CONTAINER_FILTER),
        pb.ListContainersRequest(filter=CONTAINER_FILTER),
        pb.ListContainersResponse(containers=CONTAINERS),
        CONTAINERS,
    ),
    Case(
        lambda s: s.container_status("c1"),
        pb.ContainerStatusRequest(container_id="c1"),
        CONTAINER_STATUS,
        CONTAINER_STATUS,
    ),
    Case(
        lambda s: s.update_container_resources("c1", pb.ContainerResources(linux=CPU)),
        pb.UpdateContainerResourcesRequest(container_id="c1", linux=CPU),
        pb.UpdateContainerResourcesResponse(),
    ),
    Case(
        lambda s: s.update_container_resources("c1", pb.ContainerResources()),
        pb.UpdateContainerResourcesRequest(container_id="c1"),
        pb.UpdateContainerResourcesResponse(),
    ),
    Case(
        lambda s: s.exec_sync("c1", ["ls", "-l"]),
        pb.ExecSyncRequest(container_id="c1", cmd=["ls", "-l"]),
        pb.ExecSyncResponse(stdout=b"out", stderr=b"err"),
        (b"out", b"err"),
        None,
    ),
    Case(
        lambda s: s.exec_sync("c1", ["ls"], 2.5),
        pb.ExecSyncRequest(container_id="c1", cmd=["ls"], timeout=2),
        pb.ExecSyncResponse(),
        (b"", b""),
        LIMIT_S + 2.5,
    ),
    Case(
        lambda s: s.exec(EXEC),
        EXEC,
        pb.ExecResponse(url="http://x"),
        pb.ExecResponse(url="http://x"),
    ),
    Case(
        lambda s: s.attach(ATTACH),
        ATTACH,
        pb.AttachResponse(url="http://x"),
        pb.AttachResponse(url="http://x"),
    ),
    Case(
        lambda s: s.reopen_container_log("c1"),
        pb.ReopenContainerLogRequest(container_id="c1"),
        pb.ReopenContainerLogResponse(),
    ),
    Case(
        lambda s: s.checkpoint_container(pb.CheckpointContainerRequest(timeout=3)),
        pb.CheckpointContainerRequest(timeout=10),
        pb.CheckpointContainerResponse(),
    ),
    Case(
        lambda s: s.checkpoint_container(pb.CheckpointContainerRequest(timeout=30)),
        pb.CheckpointContainerRequest(timeout=30),
        pb.CheckpointContainerResponse(),
        None,
        30.0,
    ),
    Case(
        lambda s: s.container_stats("c1"),
        pb.ContainerStatsRequest(container_id="c1"),
        pb.ContainerStatsResponse(stats=STATS[0]),
        STATS[0],
    ),
    Case(
        lambda s: s.list_container_stats(STATS_FILTER),
        pb.ListContainerStatsRequest(filter=STATS_FILTER),
        pb.ListContainerStatsResponse(stats=STATS),
        STATS,
    ),
    Case(
        lambda s: s.pod_sandbox_stats("p1"),
        pb.PodSandboxStatsRequest(pod_sandbox_id="p1"),
        pb.PodSandboxStatsResponse(stats=POD_STATS[0]),
        POD_STATS[0],
    ),
    Case(
        lambda s: s.list_pod_sandbox_stats(POD_STATS_FILTER),
        pb.ListPodSandboxStatsRequest(filter=POD_STATS_FILTER),
        pb.ListPodSandboxStatsResponse(stats=POD_STATS),
        POD_STATS,
    ),
    Case(
        lambda s: s.list_metric_descriptors(),
        pb.ListMetricDescriptorsRequest(),
        pb.ListMetricDescriptorsResponse(descriptors=DESCRIPTORS),
        DESCRIPTORS,
    ),
    Case(
        lambda s: s.list_pod_sandbox_metrics(),
        pb.ListPodSandboxMetricsRequest(),
        pb.ListPodSandboxMetricsResponse(pod_metrics=METRICS),
        METRICS,
    ),
]

IMAGE_CALLS = [
    Case(
        lambda s: s.list_images(pb.ImageFilter(image=IMAGE)),
        pb.ListImagesRequest(filter=pb.ImageFilter(image=IMAGE)),
        pb.ListImagesResponse(images=IMAGES),
        IMAGES,
    ),
    Case(
        lambda s: s.image_status(IMAGE, verbose=True),
        pb.ImageStatusRequest(image=IMAGE, verbose=True),
        IMAGE_STATUS,
        IMAGE_STATUS,
    ),
    Case(
        lambda s: s.pull_image(IMAGE, pb.AuthConfig(username="me"), POD),
        pb.PullImageRequest(image=IMAGE, auth=pb.AuthConfig(username="me"), sandbox_config=POD),
        pb.PullImageResponse(image_ref="sha256:0"),
        "sha256:0",
        None,
    ),
    Case(
        lambda s: s.pull_image(IMAGE, deadline_s=0.5),
        pb.PullImageRequest(image=IMAGE),
        pb.PullImageResponse(image_ref="sha256:0"),
        "sha256:0",
        0.5,
    ),
    Case(
        lambda s: s.remove_image(IMAGE),
        pb.RemoveImageRequest(image=IMAGE),
        pb.RemoveImageResponse(),
    ),
    Case(lambda s: s.image_fs_info(), pb.ImageFsInfoRequest(), FS_INFO, FS_INFO),
]


def run(case: Case, service: RuntimeClient | ImageClient, script: Script) -> None:
    """Make the case's call, and compare."""
    script.answers[case.rpc] = case.response
    assert case.call(service) == case.result
    (sent,) = script.sent
    assert (sent.rpc, sent.request, sent.timeout_s) == (case.rpc, case.request, case.timeout_s)


@pytest.mark.parametrize("case", RUNTIME, ids=lambda case: str(case.rpc))
def test_a_runtime_method_sends_its_request_and_unwraps_the_answer(
    case: Case, script: Script
) -> None:
    run(case, script.runtime(LIMIT_S), script)


@pytest.mark.parametrize("case", IMAGE_CALLS, ids=lambda case: str(case.rpc))
def test_an_image_method_sends_its_request_and_unwraps_the_answer(
    case: Case, script: Script
) -> None:
    run(case, script.images(LIMIT_S), script)


def test_every_rpc_but_the_streamed_lists_has_a_case() -> None:
    streamed = {rpc.name for rpc in RPCS.values() if rpc.streams}
    assert {case.rpc for case in RUNTIME + IMAGE_CALLS} == RPCS.keys() - streamed


def test_the_limit_is_two_minutes_unless_another_is_asked_for(script: Script) -> None:
    script.answers["Version"] = VERSION
    script.runtime().version()
    assert script.sent[0].timeout_s == 120.0


def test_a_deadline_of_the_caller_counts_where_it_is_the_earlier_one(script: Script) -> None:
    script.answers["Version"] = VERSION
    runtime = script.runtime(LIMIT_S)
    runtime.version(deadline_s=1.0)
    runtime.version(deadline_s=100.0)
    assert [sent.timeout_s for sent in script.sent] == [1.0, LIMIT_S]


def test_a_deadline_of_the_caller_replaces_the_limit_of_a_pod_checkpoint(script: Script) -> None:
    script.answers |= {"CheckpointPod": pb.CheckpointPodResponse(), "RestorePod": RESTORED}
    runtime = script.runtime(LIMIT_S)
    runtime.checkpoint_pod(CHECKPOINT_POD, deadline_s=100.0)
    runtime.restore_pod(RESTORE_POD, deadline_s=100.0)
    assert [sent.timeout_s for sent in script.sent] == [100.0, 100.0]


def test_a_checkpoint_leaves_its_callers_request_as_it_was(script: Script) -> None:
    script.answers["CheckpointContainer"] = pb.CheckpointContainerResponse()
    request = pb.CheckpointContainerRequest(timeout=3)
    script.runtime(LIMIT_S).checkpoint_container(request)
    assert request.timeout == 3


def test_a_checkpoint_with_a_negative_timeout_is_not_sent(script: Script) -> None:
    request = pb.CheckpointContainerRequest(timeout=-1)
    with pytest.raises(ValueError, match="requires the timeout value to be > 0"):
        script.runtime().checkpoint_container(request)
    assert script.sent == []


def test_a_command_that_fails_raises_its_exit_code_and_both_outputs(script: Script) -> None:
    script.answers["ExecSync"] = pb.ExecSyncResponse(stdout=b"o", stderr=b"e\xff", exit_code=3)
    with pytest.raises(ExitError) as caught:
        script.runtime().exec_sync("c1", ["sh", "-c", "exit 3"])
    error = caught.value
    assert (error.stdout, error.stderr, error.exit_code) == (b"o", b"e\xff", 3)
    assert str(error) == "command 'sh -c exit 3' exited with 3: e\N{REPLACEMENT CHARACTER}"


def test_an_error_of_the_runtime_comes_through_as_it_is(script: Script) -> None:
    script.answers["StartContainer"] = grpc.StatusCode.NOT_FOUND
    with pytest.raises(grpc.RpcError) as caught:
        script.runtime().start_container("c1")
    assert caught.value.code() is grpc.StatusCode.NOT_FOUND
    assert caught.value.details() == "scripted: StartContainer"


def test_container_events_are_iterated_without_a_limit(script: Script) -> None:
    events: list[Message] = [pb.ContainerEventResponse(container_id=name) for name in ("a", "b")]
    script.answers["GetContainerEvents"] = events
    assert list(script.runtime().get_container_events()) == events
    (sent,) = script.sent
    assert (sent.request, sent.timeout_s) == (pb.GetEventsRequest(), None)


def test_cancelled_container_events_end_with_that_code(script: Script) -> None:
    script.answers["GetContainerEvents"] = [pb.ContainerEventResponse(container_id="a")]
    script.held.add("GetContainerEvents")
    stream = script.runtime().get_container_events(deadline_s=30.0)
    assert next(stream).container_id == "a"
    assert stream.cancel()
    with pytest.raises(grpc.RpcError) as caught:
        list(stream)
    assert caught.value.code() is grpc.StatusCode.CANCELLED
