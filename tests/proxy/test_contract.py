"""Every RPC of the contract through a proxy: the same answer, to the byte, as without it."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.message import Message

from fakecri import CRI
from fakecri.api import runtime_pb2 as pb
from fakecri.channel import connect
from fakecri.proxy import Proxy
from fakecri.rpcs import RPCS, Rpc
from tests.proxy.elsewhere import PATIENCE_S
from tests.support import FACES, create_request, sandbox_config

NOBODY = "nobody"
STREAMING_PORT = re.compile(rb"//127\.0\.0\.1:\d{5}/")
WRONG_FILTER = pb.ContainerFilter(id=NOBODY)


@dataclass(frozen=True)
class Ids:
    """What is on the node: a pod with a running container, and a created one."""

    pod: str
    running: str
    created: str


def requests(rpc: str, ids: Ids) -> list[Any]:
    """Return requests for an RPC: such as succeed, and such as are refused."""
    table: dict[str, list[Any]] = {
        "Version": [pb.VersionRequest(version="0.1.0")],
        "RunPodSandbox": [
            pb.RunPodSandboxRequest(config=sandbox_config("other")),
            pb.RunPodSandboxRequest(config=sandbox_config("web")),
            pb.RunPodSandboxRequest(config=sandbox_config("x"), runtime_handler=NOBODY),
        ],
        "StopPodSandbox": _pods(pb.StopPodSandboxRequest, ids),
        "RemovePodSandbox": _pods(pb.RemovePodSandboxRequest, ids),
        "PodSandboxStatus": [
            *_pods(pb.PodSandboxStatusRequest, ids),
            pb.PodSandboxStatusRequest(pod_sandbox_id=ids.pod, verbose=True),
        ],
        "ListPodSandbox": [pb.ListPodSandboxRequest()],
        "StreamPodSandboxes": [pb.StreamPodSandboxesRequest()],
        "CreateContainer": [
            create_request(ids.pod, "sleep", "1", name="third"),
            create_request(ids.pod, "sleep", "1", name="main"),
            create_request(NOBODY, "sleep", "1", name="fourth"),
        ],
        "StartContainer": [
            pb.StartContainerRequest(container_id=ids.created),
            pb.StartContainerRequest(container_id=ids.running),
            pb.StartContainerRequest(container_id=NOBODY),
        ],
        "StopContainer": _containers(pb.StopContainerRequest, ids),
        "RemoveContainer": _containers(pb.RemoveContainerRequest, ids),
        "ListContainers": [
            pb.ListContainersRequest(),
            pb.ListContainersRequest(filter=WRONG_FILTER),
        ],
        "StreamContainers": [pb.StreamContainersRequest()],
        "ContainerStatus": [
            *_containers(pb.ContainerStatusRequest, ids),
            pb.ContainerStatusRequest(container_id=ids.running, verbose=True),
        ],
        "UpdateContainerResources": _containers(pb.UpdateContainerResourcesRequest, ids),
        "ReopenContainerLog": _containers(pb.ReopenContainerLogRequest, ids),
        "ExecSync": [
            pb.ExecSyncRequest(container_id=ids.running, cmd=["echo", "hi"]),
            pb.ExecSyncRequest(container_id=ids.running, cmd=["no-such-program"]),
            pb.ExecSyncRequest(container_id=NOBODY, cmd=["true"]),
        ],
        "Exec": [
            pb.ExecRequest(container_id=ids.running, cmd=["true"], stdout=True),
            pb.ExecRequest(container_id=NOBODY, cmd=["true"], stdout=True),
        ],
        "Attach": [
            pb.AttachRequest(container_id=ids.running, stdout=True),
            pb.AttachRequest(container_id=NOBODY, stdout=True),
        ],
        "PortForward": _pods(pb.PortForwardRequest, ids),
        "ContainerStats": _containers(pb.ContainerStatsRequest, ids),
        "ListContainerStats": [pb.ListContainerStatsRequest()],
        "StreamContainerStats": [pb.StreamContainerStatsRequest()],
        "PodSandboxStats": _pods(pb.PodSandboxStatsRequest, ids),
        "ListPodSandboxStats": [pb.ListPodSandboxStatsRequest()],
        "StreamPodSandboxStats": [pb.StreamPodSandboxStatsRequest()],
        "UpdateRuntimeConfig": [pb.UpdateRuntimeConfigRequest()],
        "Status": [pb.StatusRequest(), pb.StatusRequest(verbose=True)],
        "CheckpointContainer": [
            pb.CheckpointContainerRequest(container_id=ids.running, location="/c.tar"),
            pb.CheckpointContainerRequest(container_id=NOBODY, location="/c.tar"),
        ],
        "CheckpointPod": _pods(pb.CheckpointPodRequest, ids),
        "RestorePod": [pb.RestorePodRequest(checkpoint_path="/nowhere")],
        "GetContainerEvents": [pb.GetEventsRequest()],
        "ListMetricDescriptors": [pb.ListMetricDescriptorsRequest()],
        "ListPodSandboxMetrics": [pb.ListPodSandboxMetricsRequest()],
        "StreamPodSandboxMetrics": [pb.StreamPodSandboxMetricsRequest()],
        "RuntimeConfig": [pb.RuntimeConfigRequest()],
        "UpdatePodSandboxResources": _pods(pb.UpdatePodSandboxResourcesRequest, ids),
        "ListImages": [pb.ListImagesRequest()],
        "StreamImages": [pb.StreamImagesRequest()],
        "ImageStatus": [
            pb.ImageStatusRequest(image=pb.ImageSpec(image="busybox")),
            pb.ImageStatusRequest(image=pb.ImageSpec(image=NOBODY)),
        ],
        "PullImage": [
            pb.PullImageRequest(image=pb.ImageSpec(image="nginx")),
            pb.PullImageRequest(image=pb.ImageSpec(image="Not A Reference")),
        ],
        "RemoveImage": [pb.RemoveImageRequest(image=pb.ImageSpec(image="busybox"))],
        "ImageFsInfo": [pb.ImageFsInfoRequest()],
    }
    return table[rpc]


def _pods(request: Any, ids: Ids) -> list[Any]:
    return [request(pod_sandbox_id=ids.pod), request(pod_sandbox_id=NOBODY)]


def _containers(request: Any, ids: Ids) -> list[Any]:
    return [request(container_id=each) for each in (ids.running, ids.created, NOBODY)]


@contextmanager
def runtime(directory: Path) -> Iterator[tuple[Ids, str]]:
    """Serve a node, the same each time; what is on it, and its address."""
    # Its time stands still, so that each shows the same.
    with (
        CRI(pace="manual", strict_images=False) as cri,
        cri.serve(f"{directory}/up.sock") as server,
    ):
        cri.images.PullImage(pb.PullImageRequest(image=pb.ImageSpec(image="busybox")))
        pod = cri.runtime.RunPodSandbox(pb.RunPodSandboxRequest(config=sandbox_config()))
        running, created = (
            cri.runtime.CreateContainer(
                create_request(pod.pod_sandbox_id, "sleep", "3600", name=name)
            ).container_id
            for name in ("main", "second")
        )
        cri.runtime.StartContainer(pb.StartContainerRequest(container_id=running))
        yield Ids(pod.pod_sandbox_id, running, created), server.endpoint


def outcome(method: Any, rpc: Rpc, request: Any) -> Any:
    """Make a call; return what came of it, as bytes or as a status."""
    try:
        answer = method(request, timeout=PATIENCE_S)
        if rpc.name == "GetContainerEvents":
            answer.cancel()
            return []
        return [_bytes(each) for each in answer] if rpc.streams else _bytes(answer)
    except grpc.RpcError as error:
        return error.code(), error.details()


def _bytes(answer: Any) -> bytes:
    content = answer.SerializeToString() if isinstance(answer, Message) else answer
    # Each runtime has an endpoint of its own for streams.
    return STREAMING_PORT.sub(b"//127.0.0.1:0/", content)


def on_the_wire(channel: Any, rpc: Rpc, request: Message) -> Any:
    """Make a call with bytes."""
    make = channel.unary_stream if rpc.streams else channel.unary_unary
    return outcome(make(rpc.path), rpc, request.SerializeToString())


def direct(rpc: Rpc, directory: Path) -> list[Any]:
    """Return what comes of the requests without a proxy."""
    with runtime(directory) as (ids, endpoint), connect(endpoint) as channel:
        return [on_the_wire(channel, rpc, request) for request in requests(rpc.name, ids)]


def proxied(rpc: Rpc, directory: Path, face: str) -> list[Any]:
    """Return what comes of them through one."""
    with runtime(directory) as (ids, endpoint), Proxy(endpoint) as proxy:
        asked = requests(rpc.name, ids)
        if face == "object":
            stub = proxy.runtime if rpc.service == "RuntimeService" else proxy.images
            return [outcome(getattr(stub, rpc.name), rpc, request) for request in asked]
        with proxy.serve(f"{directory}/cri.sock") as server, connect(server.endpoint) as channel:
            return [on_the_wire(channel, rpc, request) for request in asked]


@pytest.mark.parametrize("face", FACES)
@pytest.mark.parametrize("name", RPCS)
def test_an_rpc_answers_as_without_a_proxy(name: str, face: str, directory: Path) -> None:
    rpc = RPCS[name]
    assert proxied(rpc, directory, face) == direct(rpc, directory)


def test_the_table_has_refusals_in_it(directory: Path) -> None:
    outcomes = direct(RPCS["ContainerStatus"], directory)
    assert [type(each) for each in outcomes] == [bytes, bytes, tuple, bytes]
