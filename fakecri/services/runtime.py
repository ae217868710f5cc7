"""RuntimeService over a stub."""
# ruff: noqa: A002  # the contract's word is filter

from collections.abc import Sequence

from fakecri.api import runtime_pb2 as pb
from fakecri.api.calls import ResponseStream
from fakecri.api.stubs import RuntimeServiceStub
from fakecri.services.answers import (
    check_container_status,
    check_pod_sandbox_status,
    check_status,
    check_version,
    metadata_text,
    require,
)
from fakecri.services.deadlines import DEFAULT_TIMEOUT_S, earliest
from fakecri.services.errors import ExitError
from fakecri.services.interfaces import RuntimeService
from fakecri.services.lists import Lists

NO_URL = "URL is not set"


class RuntimeClient(RuntimeService):
    """What the kubelet's client does with a stub of RuntimeService.

    `timeout_s` is the limit of a call, unless its method says otherwise. With `list_streaming`
    lists are read from the Stream* RPCs, until the runtime says it has none.
    """

    def __init__(
        self,
        stub: RuntimeServiceStub,
        timeout_s: float = DEFAULT_TIMEOUT_S,
        *,
        list_streaming: bool = False,
    ) -> None:
        self._stub = stub
        self._timeout_s = timeout_s
        self._lists = Lists(streaming=list_streaming)

    def _within(self, deadline_s: float | None) -> float | None:
        return earliest(self._timeout_s, deadline_s)

    # RuntimeVersioner, and what RuntimeService adds.

    def version(
        self, api_version: str = "0.1.0", *, deadline_s: float | None = None
    ) -> pb.VersionResponse:
        request = pb.VersionRequest(version=api_version)
        response = self._stub.Version(request, timeout=self._within(deadline_s))
        check_version(response)
        return response

    def update_runtime_config(
        self, runtime_config: pb.RuntimeConfig, *, deadline_s: float | None = None
    ) -> None:
        request = pb.UpdateRuntimeConfigRequest(runtime_config=runtime_config)
        self._stub.UpdateRuntimeConfig(request, timeout=self._within(deadline_s))

    def status(
        self, verbose: bool = False, *, deadline_s: float | None = None
    ) -> pb.StatusResponse:
        request = pb.StatusRequest(verbose=verbose)
        response = self._stub.Status(request, timeout=self._within(deadline_s))
        check_status(response)
        return response

    def runtime_config(self, *, deadline_s: float | None = None) -> pb.RuntimeConfigResponse:
        return self._stub.RuntimeConfig(pb.RuntimeConfigRequest(), timeout=self._within(deadline_s))

    # PodSandboxManager.

    def run_pod_sandbox(
        self,
        config: pb.PodSandboxConfig,
        runtime_handler: str = "",
        *,
        deadline_s: float | None = None,
    ) -> str:
        request = pb.RunPodSandboxRequest(config=config, runtime_handler=runtime_handler)
        within_s = earliest(2 * self._timeout_s, deadline_s)
        pod_sandbox_id = self._stub.RunPodSandbox(request, timeout=within_s).pod_sandbox_id
        require(pod_sandbox_id, f"PodSandboxId is not set for sandbox {metadata_text(config)}")
        return pod_sandbox_id

    def stop_pod_sandbox(self, pod_sandbox_id: str, *, deadline_s: float | None = None) -> None:
        request = pb.StopPodSandboxRequest(pod_sandbox_id=pod_sandbox_id)
        self._stub.StopPodSandbox(request, timeout=self._within(deadline_s))

    def remove_pod_sandbox(self, pod_sandbox_id: str, *, deadline_s: float | None = None) -> None:
        request = pb.RemovePodSandboxRequest(pod_sandbox_id=pod_sandbox_id)
        self._stub.RemovePodSandbox(request, timeout=self._within(deadline_s))

    def pod_sandbox_status(
        self, pod_sandbox_id: str, verbose: bool = False, *, deadline_s: float | None = None
    ) -> pb.PodSandboxStatusResponse:
        request = pb.PodSandboxStatusRequest(pod_sandbox_id=pod_sandbox_id, verbose=verbose)
        response = self._stub.PodSandboxStatus(request, timeout=self._within(deadline_s))
        check_pod_sandbox_status(response)
        return response

    def list_pod_sandbox(
        self, filter: pb.PodSandboxFilter | None = None, *, deadline_s: float | None = None
    ) -> list[pb.PodSandbox]:
        stub, within_s = self._stub, self._within(deadline_s)
        stream = pb.StreamPodSandboxesRequest(filter=filter)
        whole = pb.ListPodSandboxRequest(filter=filter)
        return self._lists.read(
            lambda: (part.pod_sandboxes for part in stub.StreamPodSandboxes(stream, within_s)),
            lambda: stub.ListPodSandbox(whole, within_s).items,
        )

    def port_forward(
        self, request: pb.PortForwardRequest, *, deadline_s: float | None = None
    ) -> pb.PortForwardResponse:
        response = self._stub.PortForward(request, timeout=self._within(deadline_s))
        require(response.url, NO_URL)
        return response

    def update_pod_sandbox_resources(
        self,
        request: pb.UpdatePodSandboxResourcesRequest,
        *,
        deadline_s: float | None = None,
    ) -> pb.UpdatePodSandboxResourcesResponse:
        return self._stub.UpdatePodSandboxResources(request, timeout=self._within(deadline_s))

    def checkpoint_pod(
        self, request: pb.CheckpointPodRequest, *, deadline_s: float | None = None
    ) -> None:
        within_s = self._timeout_s if deadline_s is None else deadline_s
        self._stub.CheckpointPod(request, timeout=within_s)

    def restore_pod(
        self, request: pb.RestorePodRequest, *, deadline_s: float | None = None
    ) -> pb.RestorePodResponse:
        within_s = self._timeout_s if deadline_s is None else deadline_s
        return self._stub.RestorePod(request, timeout=within_s)

    # ContainerManager.

    def create_container(
        self,
        pod_sandbox_id: str,
        config: pb.ContainerConfig,
        sandbox_config: pb.PodSandboxConfig,
        *,
        deadline_s: float | None = None,
    ) -> str:
        request = pb.CreateContainerRequest(
            pod_sandbox_id=pod_sandbox_id, config=config, sandbox_config=sandbox_config
        )
        response = self._stub.CreateContainer(request, timeout=self._within(deadline_s))
        text = f"ContainerId is not set for container {metadata_text(config)}"
        require(response.container_id, text)
        return response.container_id

    def start_container(self, container_id: str, *, deadline_s: float | None = None) -> None:
        request = pb.StartContainerRequest(container_id=container_id)
        self._stub.StartContainer(request, timeout=self._within(deadline_s))

    def stop_container(
        self, container_id: str, timeout_s: int, *, deadline_s: float | None = None
    ) -> None:
        request = pb.StopContainerRequest(container_id=container_id, timeout=timeout_s)
        within_s = earliest(self._timeout_s + timeout_s, deadline_s)
        self._stub.StopContainer(request, timeout=within_s)

    def remove_container(self, container_id: str, *, deadline_s: float | None = None) -> None:
        request = pb.RemoveContainerRequest(container_id=container_id)
        self._stub.RemoveContainer(request, timeout=self._within(deadline_s))

    def list_containers(
        self, filter: pb.ContainerFilter | None = None, *, deadline_s: float | None = None
    ) -> list[pb.Container]:
        stub, within_s = self._stub, self._within(deadline_s)
        stream = pb.StreamContainersRequest(filter=filter)
        whole = pb.ListContainersRequest(filter=filter)
        return self._lists.read(
            lambda: (part.containers for part in stub.StreamContainers(stream, within_s)),
            lambda: stub.ListContainers(whole, within_s).containers,
        )

    def container_status(
        self, container_id: str, verbose: bool = False, *, deadline_s: float | None = None
    ) -> pb.ContainerStatusResponse:
        request = pb.ContainerStatusRequest(container_id=container_id, verbose=verbose)
        response = self._stub.ContainerStatus(request, timeout=self._within(deadline_s))
        check_container_status(response)
        return response

    def update_container_resources(
        self,
        container_id: str,
        resources: pb.ContainerResources,
        *,
        deadline_s: float | None = None,
    ) -> None:
        # What is absent stays absent: an empty `linux` would be another request.
        request = pb.UpdateContainerResourcesRequest(
            container_id=container_id,
            linux=resources.linux if resources.HasField("linux") else None,
            windows=resources.windows if resources.HasField("windows") else None,
        )
        self._stub.UpdateContainerResources(request, timeout=self._within(deadline_s))

    def exec_sync(
        self,
        container_id: str,
        cmd: Sequence[str],
        timeout_s: float = 0,
        *,
        deadline_s: float | None = None,
    ) -> tuple[bytes, bytes]:
        request = pb.ExecSyncRequest(container_id=container_id, cmd=cmd, timeout=int(timeout_s))
        limit_s = self._timeout_s + timeout_s if timeout_s else None
        response = self._stub.ExecSync(request, timeout=earliest(limit_s, deadline_s))
        if response.exit_code:
            raise ExitError(response.stdout, response.stderr, response.exit_code, cmd)
        return response.stdout, response.stderr

    def exec(self, request: pb.ExecRequest, *, deadline_s: float | None = None) -> pb.ExecResponse:
        response = self._stub.Exec(request, timeout=self._within(deadline_s))
        require(response.url, NO_URL)
        return response

    def attach(
        self, request: pb.AttachRequest, *, deadline_s: float | None = None
    ) -> pb.AttachResponse:
        response = self._stub.Attach(request, timeout=self._within(deadline_s))
        require(response.url, NO_URL)
        return response

    def reopen_container_log(self, container_id: str, *, deadline_s: float | None = None) -> None:
        request = pb.ReopenContainerLogRequest(container_id=container_id)
        self._stub.ReopenContainerLog(request, timeout=self._within(deadline_s))

    def checkpoint_container(
        self, request: pb.CheckpointContainerRequest, *, deadline_s: float | None = None
    ) -> None:
        if request.timeout < 0:
            raise ValueError("CheckpointContainer requires the timeout value to be > 0")
        limit_s = max(self._timeout_s, request.timeout)
        sent = pb.CheckpointContainerRequest()
        sent.CopyFrom(request)
        sent.timeout = int(limit_s)
        self._stub.CheckpointContainer(sent, timeout=earliest(limit_s, deadline_s))

    def get_container_events(
        self, *, deadline_s: float | None = None
    ) -> ResponseStream[pb.ContainerEventResponse]:
        return self._stub.GetContainerEvents(pb.GetEventsRequest(), timeout=deadline_s)

    # ContainerStatsManager.

    def container_stats(
        self, container_id: str, *, deadline_s: float | None = None
    ) -> pb.ContainerStats:
        request = pb.ContainerStatsRequest(container_id=container_id)
        return self._stub.ContainerStats(request, timeout=self._within(deadline_s)).stats

    def list_container_stats(
        self, filter: pb.ContainerStatsFilter | None = None, *, deadline_s: float | None = None
    ) -> list[pb.ContainerStats]:
        stub, within_s = self._stub, self._within(deadline_s)
        stream = pb.StreamContainerStatsRequest(filter=filter)
        whole = pb.ListContainerStatsRequest(filter=filter)
        return self._lists.read(
            lambda: (part.container_stats for part in stub.StreamContainerStats(stream, within_s)),
            lambda: stub.ListContainerStats(whole, within_s).stats,
        )

    def pod_sandbox_stats(
        self, pod_sandbox_id: str, *, deadline_s: float | None = None
    ) -> pb.PodSandboxStats:
        request = pb.PodSandboxStatsRequest(pod_sandbox_id=pod_sandbox_id)
        return self._stub.PodSandboxStats(request, timeout=self._within(deadline_s)).stats

    def list_pod_sandbox_stats(
        self, filter: pb.PodSandboxStatsFilter | None = None, *, deadline_s: float | None = None
    ) -> list[pb.PodSandboxStats]:
        stub, within_s = self._stub, self._within(deadline_s)
        stream = pb.StreamPodSandboxStatsRequest(filter=filter)
        whole = pb.ListPodSandboxStatsRequest(filter=filter)
        return self._lists.read(
            lambda: (
                part.pod_sandbox_stats for part in stub.StreamPodSandboxStats(stream, within_s)
            ),
            lambda: stub.ListPodSandboxStats(whole, within_s).stats,
        )

    def list_metric_descriptors(
        self, *, deadline_s: float | None = None
    ) -> list[pb.MetricDescriptor]:
        request = pb.ListMetricDescriptorsRequest()
        response = self._stub.ListMetricDescriptors(request, timeout=self._within(deadline_s))
        return list(response.descriptors)

    def list_pod_sandbox_metrics(
        self, *, deadline_s: float | None = None
    ) -> list[pb.PodSandboxMetrics]:
        stub, within_s = self._stub, self._within(deadline_s)
        stream = pb.StreamPodSandboxMetricsRequest()
        whole = pb.ListPodSandboxMetricsRequest()
        return self._lists.read(
            lambda: (
                part.pod_sandbox_metrics for part in stub.StreamPodSandboxMetrics(stream, within_s)
            ),
            lambda: stub.ListPodSandboxMetrics(whole, within_s).pod_metrics,
        )
