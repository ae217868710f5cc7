"""What containerd 1.6 does in its own way: the real one, and the fake that plays it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import grpc
import pytest

from fakecri.api import runtime_pb2 as pb
from fakecri.channel import connect, runtime_stub
from fakecri.core.older_configs import older_config
from tests.real.runtimes import BUSYBOX, OLD_FAKE, REAL
from tests.streaming import http_client

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fakecri.api.stubs import RuntimeServiceStub
    from tests.real.runtimes import Pod, Runtime, Stage

pytestmark = [
    pytest.mark.real,
    pytest.mark.parametrize("runtime", [OLD_FAKE, REAL], indirect=True, scope="session"),
]

UPGRADE = [("Connection", "Upgrade"), ("Upgrade", "SPDY/3.1")]
UNKNOWN = grpc.StatusCode.UNKNOWN


@pytest.fixture
def stub(runtime: Runtime) -> Iterator[RuntimeServiceStub]:
    """The calls themselves."""
    with connect(runtime.endpoint) as channel:
        yield runtime_stub(channel)


@pytest.fixture
def bare(stage: Stage) -> Pod:
    """A pod that has no cgroup of its own."""
    return stage.pod(linux={})


def told(refusal: pytest.ExceptionInfo[grpc.RpcError]) -> tuple[grpc.StatusCode, str]:
    return refusal.value.code(), refusal.value.details() or ""


def test_its_version_is_debians(stub: RuntimeServiceStub) -> None:
    assert stub.Version(pb.VersionRequest()).runtime_version == "1.6.20~ds1"


def members(value: object) -> object:
    """The names of all members, whatever their values are; not those of the runtime's options."""
    if not isinstance(value, dict):
        return None
    return [(key, None if key == "options" else members(each)) for key, each in value.items()]


def test_its_configuration_has_the_members_of_its_time(stub: RuntimeServiceStub) -> None:
    info = stub.Status(pb.StatusRequest(verbose=True)).info
    config = json.loads(info["config"])
    assert info["golang"] == '"go1.19.8"'
    assert members(config) == members(older_config("", is_1_7=False))
    assert config["sandboxImage"] == "registry.k8s.io/pause:3.6"


def test_an_unknown_handler(stage: Stage, stub: RuntimeServiceStub) -> None:
    metadata = pb.PodSandboxMetadata(name=stage.title, namespace="real", uid="1")
    request = pb.RunPodSandboxRequest(
        config=pb.PodSandboxConfig(metadata=metadata), runtime_handler="nope"
    )
    with pytest.raises(grpc.RpcError) as refusal:
        stub.RunPodSandbox(request)
    assert told(refusal) == (
        UNKNOWN,
        'failed to get sandbox runtime: no runtime for "nope" is configured',
    )


def test_an_empty_id(stub: RuntimeServiceStub) -> None:
    with pytest.raises(grpc.RpcError) as refusal:
        stub.PodSandboxStatus(pb.PodSandboxStatusRequest())
    text = "an error occurred when try to find sandbox: Prefix can't be empty"
    assert told(refusal) == (UNKNOWN, text)
    with pytest.raises(grpc.RpcError) as refusal:
        stub.StopContainer(pb.StopContainerRequest())
    text = 'an error occurred when try to find container "": Prefix can\'t be empty'
    assert told(refusal) == (UNKNOWN, text)


def test_what_a_verbose_pod_tells(pod: Pod, stub: RuntimeServiceStub) -> None:
    request = pb.PodSandboxStatusRequest(pod_sandbox_id=pod.id, verbose=True)
    assert list(json.loads(stub.PodSandboxStatus(request).info["info"])) == [
        "pid",
        "processStatus",
        "netNamespaceClosed",
        "image",
        "snapshotKey",
        "snapshotter",
        "runtimeHandler",
        "runtimeType",
        "runtimeOptions",
        "config",
        "runtimeSpec",
        "cniResult",
    ]


def test_a_pod_without_a_cgroup_has_no_figures(bare: Pod, stub: RuntimeServiceStub) -> None:
    text = f"failed to get cgroup metrics for sandbox {bare.id} because cgroupPath is empty"
    with pytest.raises(grpc.RpcError) as refusal:
        stub.PodSandboxStats(pb.PodSandboxStatsRequest(pod_sandbox_id=bare.id))
    assert told(refusal) == (UNKNOWN, f"failed getting metrics for sandbox {bare.id}: {text}")
    with pytest.raises(grpc.RpcError) as refusal:
        stub.ListPodSandboxStats(
            pb.ListPodSandboxStatsRequest(filter=pb.PodSandboxStatsFilter(id=bare.id))
        )
    text = f'failed to obtain metrics for sandbox "{bare.id}": {text}'
    assert told(refusal) == (UNKNOWN, text)


def test_figures_of_a_stopped_pod(pod: Pod, stub: RuntimeServiceStub) -> None:
    stub.StopPodSandbox(pb.StopPodSandboxRequest(pod_sandbox_id=pod.id))
    with pytest.raises(grpc.RpcError) as refusal:
        stub.PodSandboxStats(pb.PodSandboxStatsRequest(pod_sandbox_id=pod.id))
    text = (
        f"failed to decode pod sandbox metrics {pod.id}: failed to get pod sandbox stats since "
        f'sandbox container "{pod.id}" is not in ready state'
    )
    assert told(refusal) == (UNKNOWN, text)
    with pytest.raises(grpc.RpcError, match=r"failed to .* metrics for sandbox"):
        stub.ListPodSandboxStats(pb.ListPodSandboxStatsRequest())
    chosen = pb.PodSandboxStatsFilter(id=pod.id)
    assert not stub.ListPodSandboxStats(pb.ListPodSandboxStatsRequest(filter=chosen)).stats


def test_rates_are_there_from_the_first_figures_on(pod: Pod, stub: RuntimeServiceStub) -> None:
    container = pod.start("main", "sleep", "300")
    one = stub.ContainerStats(pb.ContainerStatsRequest(container_id=container)).stats
    assert one.cpu.HasField("usage_nano_cores")
    assert one.cpu.usage_nano_cores.value == 0
    whole = stub.PodSandboxStats(pb.PodSandboxStatsRequest(pod_sandbox_id=pod.id)).stats.linux
    assert whole.cpu.HasField("usage_nano_cores")
    assert whole.containers[0].cpu.HasField("usage_nano_cores")
    assert (whole.network.timestamp, len(whole.network.interfaces)) == (0, 0)
    assert whole.network.default_interface.name == "eth0"


def test_a_port_forward_that_names_no_subprotocol_is_ok_and_nothing(
    pod: Pod, stub: RuntimeServiceStub
) -> None:
    url = stub.PortForward(pb.PortForwardRequest(pod_sandbox_id=pod.id)).url
    answer = http_client.refusal(url, "POST", UPGRADE)
    assert (answer.status, answer.body) == (200, b"")
    url = stub.PortForward(pb.PortForwardRequest(pod_sandbox_id=pod.id)).url
    answer = http_client.refusal(url, "POST", [*UPGRADE, ("X-Stream-Protocol-Version", "v9")])
    assert (answer.status, answer.body.count(b"unable to upgrade")) == (403, 1)


def test_images_are_not_pinned(pod: Pod, runtime: Runtime) -> None:  # it brings the image of pause
    images = runtime.crictl.ok("images", "--output", "json").json["images"]
    assert {image["pinned"] for image in images} == {False}
    names = {name for image in images for name in image["repoTags"]}
    assert {BUSYBOX, "registry.k8s.io/pause:3.6"} <= names
