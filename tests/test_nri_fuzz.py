"""Whatever plugins of NRI answer, the runtime lives on: each call ends, with no bug of ours."""

from typing import Any

import grpc
import pytest
from google.protobuf.message import Message
from hypothesis import given, settings
from hypothesis import strategies as st

from fakecri import CRI
from fakecri.api import nri_pb2 as nri
from fakecri.api import runtime_pb2 as pb
from fakecri.core.scheduler import Future
from tests.messages import messages
from tests.support import create_request, sandbox_config

IDS = st.sampled_from(["RLIMIT_NOFILE", "-x", "-/dev/x", "ipc", "-pid", "/x", "a/b=c", "bind"])


class Answers:
    """A plugin that answers what it is given."""

    def __init__(self, cri: CRI, name: str, **answers: Message) -> None:
        self.index = "00"
        self.name = name
        self._scheduler = cri.host.world.scheduler
        self._answers = answers
        with cri.host.turn() as world:
            world.nri.connect(self)

    def call(self, method: str, _: Message) -> Future[Any]:
        """Answer."""
        future: Future[Any] = Future(self._scheduler)
        kind = getattr(nri, f"{method}Response", nri.Empty)
        future.set_result(self._answers.get(method, kind()))
        return future

    def close(self) -> None:
        """Do nothing."""


def tried(method: Any, request: Any) -> Any:
    """Return the response of a call; None: it was refused, and not for a bug of ours."""
    try:
        return method(request)
    except grpc.RpcError as refusal:
        if refusal.code() is grpc.StatusCode.INTERNAL:
            raise
        return None


def live(cri: CRI) -> None:
    """Have containers live with whatever was made of them."""
    runtime = cri.runtime
    image = pb.ImageSpec(image="busybox")
    cri.images.PullImage(pb.PullImageRequest(image=image))
    pod = cri.runtime_service.run_pod_sandbox(sandbox_config())
    for name in ("first", "second"):
        made = tried(runtime.CreateContainer, create_request(pod, "sleep", "1000", name=name))
        if made is None:
            continue
        id_ = made.container_id
        tried(runtime.ContainerStatus, pb.ContainerStatusRequest(container_id=id_, verbose=True))
        tried(runtime.StartContainer, pb.StartContainerRequest(container_id=id_))
        script = "cat /proc/self/* /proc/sys/*/* /sys/fs/cgroup/* /proc/mounts; ls -l /dev; env"
        command = ["sh", "-c", script]
        tried(runtime.ExecSync, pb.ExecSyncRequest(container_id=id_, cmd=command, timeout=5))
        resources = pb.LinuxContainerResources(memory_limit_in_bytes=1 << 30)
        request = pb.UpdateContainerResourcesRequest(container_id=id_, linux=resources)
        tried(runtime.UpdateContainerResources, request)
        tried(runtime.ContainerStats, pb.ContainerStatsRequest(container_id=id_))
        tried(runtime.StopContainer, pb.StopContainerRequest(container_id=id_))
    cri.runtime_service.remove_pod_sandbox(pod)
    assert not cri.runtime_service.list_containers()


@settings(max_examples=40)
@given(*[messages(nri.ContainerAdjustment.DESCRIPTOR, IDS)] * 2)
def test_any_adjustment_is_done_or_refused(first: Any, second: Any) -> None:
    with CRI() as cri:
        for name, adjust in (("a", first), ("b", second)):
            answer = nri.CreateContainerResponse(adjust=adjust)
            Answers(cri, name, CreateContainer=answer)
        live(cri)


@pytest.mark.parametrize("method", ["UpdateContainer", "StopContainer", "Synchronize"])
@settings(max_examples=20)
@given(data=st.data())
def test_any_update_is_done_or_refused(method: str, data: st.DataObject) -> None:
    with CRI() as cri:
        image = pb.ImageSpec(image="busybox")
        cri.images.PullImage(pb.PullImageRequest(image=image))
        pod = cri.runtime_service.run_pod_sandbox(sandbox_config("other"))
        there = cri.runtime.CreateContainer(create_request(pod, "true", pod="other")).container_id
        ids = st.sampled_from([there, there[:8], "nobody"])
        kind = getattr(nri, f"{method}Response")
        answer = data.draw(messages(kind.DESCRIPTOR, ids))
        Answers(cri, "a", **{method: answer})
        cri.runtime_service.remove_pod_sandbox(pod)
        live(cri)


@settings(max_examples=20)
@given(messages(nri.ConfigureResponse.DESCRIPTOR, IDS))
def test_any_configuration_is_taken_or_refused(answer: Any) -> None:
    with CRI() as cri:
        Answers(cri, "a", Configure=answer)
        live(cri)
