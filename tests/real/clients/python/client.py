"""A client of somebody who generated stubs from the published proto file with protoc.

    python client.py ENDPOINT    in a process of its own
    python client.py beside      in the process that has the runtime

`api_pb2` and `api_pb2_grpc` are found on PYTHONPATH. What it has seen is a line of JSON.
"""

import json
import sys
from typing import Any

import api_pb2 as pb  # type: ignore[import-not-found]  # it is generated
import api_pb2_grpc  # type: ignore[import-not-found]  # likewise
import grpc


def live(runtime: Any, images: Any) -> dict[str, str]:
    """Take a pod through its life; return what was seen."""
    seen = {"version": runtime.Version(pb.VersionRequest()).runtime_api_version}
    image = pb.ImageSpec(image="busybox")
    images.PullImage(pb.PullImageRequest(image=image))
    metadata = pb.PodSandboxMetadata(name="web", namespace="default", uid="1")
    pod = pb.PodSandboxConfig(metadata=metadata)
    sandbox = runtime.RunPodSandbox(pb.RunPodSandboxRequest(config=pod)).pod_sandbox_id
    config = pb.ContainerConfig(
        metadata=pb.ContainerMetadata(name="main"), image=image, command=["sleep", "300"]
    )
    create = pb.CreateContainerRequest(pod_sandbox_id=sandbox, config=config, sandbox_config=pod)
    id_ = runtime.CreateContainer(create).container_id
    runtime.StartContainer(pb.StartContainerRequest(container_id=id_))
    ran = runtime.ExecSync(pb.ExecSyncRequest(container_id=id_, cmd=["echo", "done"]))
    seen["said"] = ran.stdout.decode().strip()
    status = pb.ContainerStatusRequest(container_id=id_)
    seen["running"] = pb.ContainerState.Name(runtime.ContainerStatus(status).status.state)
    runtime.StopContainer(pb.StopContainerRequest(container_id=id_))
    seen["stopped"] = pb.ContainerState.Name(runtime.ContainerStatus(status).status.state)
    runtime.RemovePodSandbox(pb.RemovePodSandboxRequest(pod_sandbox_id=sandbox))
    try:
        runtime.ContainerStatus(status)
    except grpc.RpcError as error:
        seen["removed"] = error.code().name
    return seen


def dial(endpoint: str) -> dict[str, str]:
    """Do so over a channel."""
    with grpc.insecure_channel(endpoint) as channel:
        return live(
            api_pb2_grpc.RuntimeServiceStub(channel), api_pb2_grpc.ImageServiceStub(channel)
        )


def beside() -> dict[str, str]:
    """Do so on the runtime of this very process, as an object and over a socket."""
    from fakecri import CRI  # noqa: PLC0415  # which may be here, or not

    with CRI() as cri:
        as_object = live(cri.runtime, cri.images)
    with CRI() as cri, cri.serve("127.0.0.1:0") as server:
        assert dial(server.endpoint) == as_object
    return as_object


if __name__ == "__main__":
    json.dump(beside() if sys.argv[1] == "beside" else dial(sys.argv[1]), sys.stdout)
