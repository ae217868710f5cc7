"""The interfaces of `k8s.io/cri-api/pkg/apis/services.go`, as Protocols.

Their methods may be called from any thread. A call fails with the `grpc.RpcError` of its RPC, as
the stub raised it, and with IncompleteResponse where a successful answer lacks what the text says.
(Go's client rewrites two errors, a pull's UNKNOWN to its bare text and an exec's DEADLINE_EXCEEDED
to "command timed out"; here `details()` is bare, and `code()` tells of the time.)
In each method `deadline_s` is what a Go caller puts into the context: seconds from now; the
earlier of it and the method's own limit counts. Go's `Close` is absent: the connection belongs to
who made the stub.
"""
# ruff: noqa: A002  # the contract's word is filter

from collections.abc import Sequence
from typing import Protocol

from fakecri.api import runtime_pb2 as pb
from fakecri.api.calls import ResponseStream


class RuntimeVersioner(Protocol):
    """The runtime's name and versions."""

    def version(
        self, api_version: str = "0.1.0", *, deadline_s: float | None = None
    ) -> pb.VersionResponse:
        """Version. `api_version` is what the client speaks. IncompleteResponse: an empty field."""


class ContainerManager(Protocol):
    """Containers of a runtime."""

    def create_container(
        self,
        pod_sandbox_id: str,
        config: pb.ContainerConfig,
        sandbox_config: pb.PodSandboxConfig,
        *,
        deadline_s: float | None = None,
    ) -> str:
        """CreateContainer: return the id of a CREATED container. IncompleteResponse: no id."""

    def start_container(self, container_id: str, *, deadline_s: float | None = None) -> None:
        """StartContainer."""

    def stop_container(
        self, container_id: str, timeout_s: int, *, deadline_s: float | None = None
    ) -> None:
        """StopContainer. `timeout_s` is the grace period; the call may take that much longer."""

    def remove_container(self, container_id: str, *, deadline_s: float | None = None) -> None:
        """RemoveContainer, by force if it runs."""

    def list_containers(
        self, filter: pb.ContainerFilter | None = None, *, deadline_s: float | None = None
    ) -> list[pb.Container]:
        """ListContainers: those that pass the filter, all by default, in the runtime's order."""

    def container_status(
        self, container_id: str, verbose: bool = False, *, deadline_s: float | None = None
    ) -> pb.ContainerStatusResponse:
        """ContainerStatus; `info` is filled if `verbose`.

        IncompleteResponse: a status without id, metadata.name, created_at, image or image_ref.
        """

    def update_container_resources(
        self,
        container_id: str,
        resources: pb.ContainerResources,
        *,
        deadline_s: float | None = None,
    ) -> None:
        """UpdateContainerResources."""

    def exec_sync(
        self,
        container_id: str,
        cmd: Sequence[str],
        timeout_s: float = 0,
        *,
        deadline_s: float | None = None,
    ) -> tuple[bytes, bytes]:
        """ExecSync: return the command's (stdout, stderr).

        `timeout_s` is what the runtime gives the command, sent in whole seconds, rounded towards
        0; the call may take that much longer, and with 0 as long as it wants.
        ExitError: the exit code is not 0; it has the code and both outputs.
        """

    def exec(self, request: pb.ExecRequest, *, deadline_s: float | None = None) -> pb.ExecResponse:
        """Exec: the URL where the command will run. IncompleteResponse: no URL."""

    def attach(
        self, request: pb.AttachRequest, *, deadline_s: float | None = None
    ) -> pb.AttachResponse:
        """Attach: the URL of the container's streams. IncompleteResponse: no URL."""

    def reopen_container_log(self, container_id: str, *, deadline_s: float | None = None) -> None:
        """ReopenContainerLog, after the log was rotated."""

    def checkpoint_container(
        self, request: pb.CheckpointContainerRequest, *, deadline_s: float | None = None
    ) -> None:
        """CheckpointContainer. Its `timeout`, in seconds, is raised to the client's limit.

        ValueError: it is negative.
        """

    def get_container_events(
        self, *, deadline_s: float | None = None
    ) -> ResponseStream[pb.ContainerEventResponse]:
        """GetContainerEvents: iterate for the events, `cancel()` to end. It has no limit.

        The iterator stands for Go's channel, and returning it for the callback of an established
        connection. It ends where the runtime ends the stream.
        """


class PodSandboxManager(Protocol):
    """Pod sandboxes of a runtime."""

    def run_pod_sandbox(
        self,
        config: pb.PodSandboxConfig,
        runtime_handler: str = "",
        *,
        deadline_s: float | None = None,
    ) -> str:
        """RunPodSandbox: return the id of a READY sandbox. IncompleteResponse: no id."""

    def stop_pod_sandbox(self, pod_sandbox_id: str, *, deadline_s: float | None = None) -> None:
        """StopPodSandbox, and by force the containers in it."""

    def remove_pod_sandbox(self, pod_sandbox_id: str, *, deadline_s: float | None = None) -> None:
        """RemovePodSandbox, and by force the containers in it."""

    def pod_sandbox_status(
        self, pod_sandbox_id: str, verbose: bool = False, *, deadline_s: float | None = None
    ) -> pb.PodSandboxStatusResponse:
        """PodSandboxStatus; `info` is filled if `verbose`.

        IncompleteResponse: a status without id, created_at, or metadata's name, namespace or uid.
        """

    def list_pod_sandbox(
        self, filter: pb.PodSandboxFilter | None = None, *, deadline_s: float | None = None
    ) -> list[pb.PodSandbox]:
        """ListPodSandbox: those that pass the filter, all by default, in the runtime's order."""

    def port_forward(
        self, request: pb.PortForwardRequest, *, deadline_s: float | None = None
    ) -> pb.PortForwardResponse:
        """PortForward: the URL of the pod's ports. IncompleteResponse: no URL."""

    def update_pod_sandbox_resources(
        self,
        request: pb.UpdatePodSandboxResourcesRequest,
        *,
        deadline_s: float | None = None,
    ) -> pb.UpdatePodSandboxResourcesResponse:
        """UpdatePodSandboxResources, after the kubelet changed the pod's cgroup."""

    def checkpoint_pod(
        self, request: pb.CheckpointPodRequest, *, deadline_s: float | None = None
    ) -> None:
        """CheckpointPod. `deadline_s`, where given, replaces the client's limit."""

    def restore_pod(
        self, request: pb.RestorePodRequest, *, deadline_s: float | None = None
    ) -> pb.RestorePodResponse:
        """RestorePod: a new sandbox and its containers. `deadline_s` is as in `checkpoint_pod`."""


class ContainerStatsManager(Protocol):
    """Usage of containers and pods. What the runtime left out is an empty message."""

    def container_stats(
        self, container_id: str, *, deadline_s: float | None = None
    ) -> pb.ContainerStats:
        """ContainerStats."""

    def list_container_stats(
        self, filter: pb.ContainerStatsFilter | None = None, *, deadline_s: float | None = None
    ) -> list[pb.ContainerStats]:
        """ListContainerStats, of running containers that pass the filter, all by default."""

    def pod_sandbox_stats(
        self, pod_sandbox_id: str, *, deadline_s: float | None = None
    ) -> pb.PodSandboxStats:
        """PodSandboxStats."""

    def list_pod_sandbox_stats(
        self, filter: pb.PodSandboxStatsFilter | None = None, *, deadline_s: float | None = None
    ) -> list[pb.PodSandboxStats]:
        """ListPodSandboxStats, of running pods that pass the filter, all by default."""

    def list_metric_descriptors(
        self, *, deadline_s: float | None = None
    ) -> list[pb.MetricDescriptor]:
        """ListMetricDescriptors: what there is in `list_pod_sandbox_metrics`."""

    def list_pod_sandbox_metrics(
        self, *, deadline_s: float | None = None
    ) -> list[pb.PodSandboxMetrics]:
        """ListPodSandboxMetrics, of all running pods."""


class RuntimeService(
    RuntimeVersioner, ContainerManager, PodSandboxManager, ContainerStatsManager, Protocol
):
    """A container runtime."""

    def update_runtime_config(
        self, runtime_config: pb.RuntimeConfig, *, deadline_s: float | None = None
    ) -> None:
        """UpdateRuntimeConfig: the node's pod CIDR."""

    def status(
        self, verbose: bool = False, *, deadline_s: float | None = None
    ) -> pb.StatusResponse:
        """Status; `info` is filled if `verbose`. IncompleteResponse: fewer than two conditions."""

    def runtime_config(self, *, deadline_s: float | None = None) -> pb.RuntimeConfigResponse:
        """RuntimeConfig: the cgroup driver; an absent `linux` is no opinion."""


class ImageManagerService(Protocol):
    """Images of a runtime."""

    def list_images(
        self, filter: pb.ImageFilter | None = None, *, deadline_s: float | None = None
    ) -> list[pb.Image]:
        """ListImages: those that pass the filter, all by default, in the runtime's order."""

    def image_status(
        self, image: pb.ImageSpec, verbose: bool = False, *, deadline_s: float | None = None
    ) -> pb.ImageStatusResponse:
        """ImageStatus; `info` is filled if `verbose`. An absent image is no error: no `image`.

        IncompleteResponse: an image without id or size.
        """

    def pull_image(
        self,
        image: pb.ImageSpec,
        auth: pb.AuthConfig | None = None,
        pod_sandbox_config: pb.PodSandboxConfig | None = None,
        *,
        deadline_s: float | None = None,
    ) -> str:
        """PullImage: return the image ref, which is what CreateContainer takes.

        It has no limit but `deadline_s`. IncompleteResponse: no image ref.
        """

    def remove_image(self, image: pb.ImageSpec, *, deadline_s: float | None = None) -> None:
        """RemoveImage, under all its names."""

    def image_fs_info(self, *, deadline_s: float | None = None) -> pb.ImageFsInfoResponse:
        """ImageFsInfo: usage of the file systems of images and containers."""
