"""A run with a bit of everything; prints its recording."""

import io
import sys

import grpc

from fakecri import CRI, CRIError
from fakecri.api import runtime_pb2 as pb
from tests.support import Node, create_request


def run(seed: int) -> str:
    """Return the recording of the run."""
    record = io.StringIO()
    with CRI(seed=seed, record=record) as cri:
        node = Node(cri, cri.runtime, cri.images, "object")
        for image in ("nginx", "busybox", "registry.k8s.io/e2e-test-images/agnhost:2.40"):
            node.pull(image)
        sandbox = node.run_sandbox(labels={"b": "1", "a": "2", "c": "3"}, annotations={"z": "y"})
        for number in range(4):
            request = create_request(sandbox, "sleep", str(number), name=f"c{number}")
            request.config.labels.update({"app": "x", "b": "y", "number": str(number)})
            node.start(cri.runtime.CreateContainer(request).container_id)
        everything(node, sandbox)
        cri.inject_error("Version", CRIError("no"))
        for name in ("Version", "Status"):
            try:
                getattr(cri.runtime, name)(getattr(pb, f"{name}Request")(verbose=True))
            except (grpc.RpcError, ValueError):
                continue
        node.remove_sandbox(sandbox)
    return record.getvalue()


def everything(node: Node, sandbox: str) -> None:
    """Make calls that list, count and wait."""
    runtime = node.runtime
    runtime.ListContainers(pb.ListContainersRequest())
    runtime.ListContainerStats(pb.ListContainerStatsRequest())
    runtime.ListPodSandboxMetrics(pb.ListPodSandboxMetricsRequest())
    runtime.ListMetricDescriptors(pb.ListMetricDescriptorsRequest())
    runtime.PodSandboxStatus(pb.PodSandboxStatusRequest(pod_sandbox_id=sandbox, verbose=True))
    node.images.ListImages(pb.ListImagesRequest())
    node.images.ImageFsInfo(pb.ImageFsInfoRequest())
    long = node.run(sandbox, "sleep", "1000", name="long")
    runtime.ExecSync(pb.ExecSyncRequest(container_id=long, cmd=["env"]))
    runtime.Exec(pb.ExecRequest(container_id=long, cmd=["sh"], stdout=True))
    node.stop(long, 10)
    runtime.ContainerStatus(pb.ContainerStatusRequest(container_id=long, verbose=True))


if __name__ == "__main__":
    sys.stdout.write(run(int(sys.argv[1])))
