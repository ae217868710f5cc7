"""Level 7 of the taxonomy: what the node, its disk and the registry run out of."""

import grpc
import pytest

from fakecri.api import runtime_pb2 as pb
from tests.behaviour.steps import containers, until
from tests.support import Node, raises_status
from tests.taxonomy.shows import shows

S = grpc.StatusCode
FS = pb.ImageFsInfoRequest()


def pull(image: str) -> pb.PullImageRequest:
    return pb.PullImageRequest(image=pb.ImageSpec(image=image))


@shows("R2", "ImageFsInfo = reply:empty", "no file system at all")
@shows("R2", "ImageFsInfo = reply:set(image_filesystems[*].used_bytes.value, 0)", "0 bytes used")
@shows(
    "R2",
    'ImageFsInfo = reply:set(image_filesystems[*].fs_id.mountpoint, "/mnt/other")',
    "a mountpoint that nobody knows",
)
def test_image_fs_info(node: Node, text: str, rule: None) -> None:
    answer = node.images.ImageFsInfo(FS)
    if "empty" in text:
        assert answer == pb.ImageFsInfoResponse()
    elif "used" in text:
        assert [each.used_bytes.value for each in answer.image_filesystems] == [0]
    else:
        assert [each.fs_id.mountpoint for each in answer.image_filesystems] == ["/mnt/other"]


@shows("R2", "ImageFsInfo = freeze(90s)", "full, though there is room again")
def test_image_fs_info_is_stale(node: Node, rule: None) -> None:
    before = node.images.ImageFsInfo(FS)
    node.pull("nginx")
    assert node.images.ImageFsInfo(FS) == before
    node.cri.advance(91)
    assert node.images.ImageFsInfo(FS) != before


@shows("R5", "PullImage = serial(all)", "one pull at a time")
def test_one_pull_at_a_time(node: Node, rule: None) -> None:
    seen = len(node.cri.calls)
    with node.cri.clock.hold():
        pending = [node.images.PullImage.future(pull(each)) for each in ("nginx", "redis")]
        until(lambda: len(node.cri.calls) == seen + 2)
    assert all(each.result().image_ref for each in pending)
    first, second = sorted(node.cri.calls[seen:], key=lambda call: call.ended_ns or 0)
    assert (second.ended_ns or 0) - (first.ended_ns or 0) >= node.cri.node.pull_ns


@shows("R8", 'RemoveImage = error(UNKNOWN, "image is in use by a container")', "the image stays")
def test_an_image_cannot_be_removed(node: Node, rule: None) -> None:
    request = pb.RemoveImageRequest(image=pb.ImageSpec(image="busybox"))
    with raises_status(S.UNKNOWN, "image is in use by a container"):
        node.images.RemoveImage(request)
    assert len(node.images.ListImages(pb.ListImagesRequest()).images) == 1


@shows("R9", 'UpdateContainerResources = 1*error(UNKNOWN, "cgroup")', "an error, and no change")
@shows(
    "R9",
    'UpdateContainerResources = 1*after:error(UNKNOWN, "cgroup")',
    "an error; it is done",
)
def test_an_update_of_resources(node: Node, text: str, rule: None) -> None:
    container_id = node.run(node.run_sandbox(), "sleep", "infinity")
    linux = pb.LinuxContainerResources(cpu_shares=512)
    request = pb.UpdateContainerResourcesRequest(container_id=container_id, linux=linux)
    with raises_status(S.UNKNOWN, "cgroup"):
        node.runtime.UpdateContainerResources(request)
    done = node.status(container_id).resources.linux.cpu_shares == 512
    assert done is ("after" in text)


@shows("R10", 'ReopenContainerLog = 1*error(UNKNOWN, "cannot reopen")', "an error")
@shows("R10", "ReopenContainerLog = 1*hang", "DEADLINE_EXCEEDED")
def test_reopening_a_log(node: Node, text: str, rule: None) -> None:
    container_id = node.run(node.run_sandbox(), "sleep", "infinity")
    request = pb.ReopenContainerLogRequest(container_id=container_id)
    with raises_status(S.DEADLINE_EXCEEDED if "hang" in text else S.UNKNOWN):
        node.runtime.ReopenContainerLog(request, timeout=20)
    node.runtime.ReopenContainerLog(request, timeout=20)


@shows("R6", "200 containers with 90 KB of annotations", "RESOURCE_EXHAUSTED for the whole list")
def test_very_much_to_list(node: Node) -> None:
    for number in range(200):
        pod_sandbox_id = node.run_sandbox(f"pod-{number}")
        node.create(pod_sandbox_id, pod=f"pod-{number}", annotations={"fat": "x" * 90_000})
    with raises_status(S.RESOURCE_EXHAUSTED):
        containers(node)
    assert len(containers(node, label_selector={"no": "such"})) == 0


@shows("R3", 'registry.configure("registry.test=rate=1MiB")', "a pull as long as its bytes need")
def test_a_slow_pull(node: Node, text: str) -> None:
    node.cri.registry.configure(text.split('"')[1])
    node.cri.add_image("registry.test/big:1")
    before_ns = node.cri.now_ns
    node.pull("registry.test/big:1")
    size = node.images.ImageStatus(
        pb.ImageStatusRequest(image=pb.ImageSpec(image="registry.test/big:1"))
    ).image.size
    assert node.cri.now_ns - before_ns >= size * 10**9 // 2**20 // 2


@shows("R3", "PullImage{image=*nginx*} = hang", "no end; other pulls go on")
def test_a_pull_that_stalls(node: Node, rule: None) -> None:
    with raises_status(S.DEADLINE_EXCEEDED):
        node.images.PullImage(pull("nginx"), timeout=600)
    assert node.pull("redis")


@shows("R4", 'registry.configure("registry.test=fail=404")', "NOT_FOUND")
@shows("R4", 'registry.configure("registry.test=fail=503")', "the registry's 503")
@shows("R4", 'registry.configure("registry.test=fail=digest")', "FAILED_PRECONDITION")
@shows("R4", 'registry.configure("registry.test=fail=eof")', "it breaks off in a layer")
def test_the_registry_fails(node: Node, text: str) -> None:
    node.cri.registry.configure(text.split('"')[1])
    node.cri.add_image("registry.test/app:1")
    with pytest.raises(grpc.RpcError) as refusal:
        node.pull("registry.test/app:1")
    codes = {"404": S.NOT_FOUND, "digest": S.FAILED_PRECONDITION}
    kind = text.partition("fail=")[2].rstrip(')"')
    assert refusal.value.code() is codes.get(kind, S.UNKNOWN)
