"""The service form on whole runtimes: an object, a server, and a real containerd."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import grpc
import pytest

from fakecri.api import runtime_pb2 as pb
from fakecri.services import ExitError
from tests.services.targets import TARGETS, Services
from tests.support import raises_status

IMAGE = pb.ImageSpec(image="docker.io/library/busybox:latest")
SECOND = pb.ImageSpec(image="docker.io/library/second:1")
LIFE = [
    pb.CONTAINER_CREATED_EVENT,
    pb.CONTAINER_STARTED_EVENT,
    pb.CONTAINER_STOPPED_EVENT,
    pb.CONTAINER_DELETED_EVENT,
]
NUMBERS = count()


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(name, marks=pytest.mark.real if name == "containerd" else ())
        for name in TARGETS
    ],
)
def services(request: pytest.FixtureRequest) -> Iterator[Services]:
    """A runtime's services, with the image pulled."""
    with TARGETS[request.param]() as services:
        services.images.pull_image(IMAGE)
        yield services


@dataclass(frozen=True)
class Pod:
    """A READY sandbox and the config it was made with."""

    services: Services
    id: str
    config: pb.PodSandboxConfig

    def create(self, name: str, *command: str) -> str:
        """A CREATED container."""
        config = pb.ContainerConfig(
            metadata=pb.ContainerMetadata(name=name),
            image=IMAGE,
            command=command,
            log_path=f"{name}.log",
            linux=pb.LinuxContainerConfig(),
        )
        return self.services.runtime.create_container(self.id, config, self.config)

    def start(self, name: str = "sleeper") -> str:
        """A RUNNING container that sleeps."""
        container = self.create(name, "sleep", "3600")
        self.services.runtime.start_container(container)
        return container


@pytest.fixture
def pod(services: Services) -> Iterator[Pod]:
    """A pod of this test's own."""
    with a_pod(services) as pod:
        yield pod


@contextmanager
def a_pod(services: Services) -> Iterator[Pod]:
    """A pod, removed in the end."""
    name = f"pod-{next(NUMBERS)}"
    config = pb.PodSandboxConfig(
        metadata=pb.PodSandboxMetadata(name=name, namespace="services", uid=f"uid-{name}"),
        log_directory=f"{services.log_directory}/{name}",
        labels={"test": name},
        linux=pb.LinuxPodSandboxConfig(cgroup_parent=services.cgroup_parent),
    )
    pod_sandbox_id = services.runtime.run_pod_sandbox(config)
    yield Pod(services, pod_sandbox_id, config)
    services.runtime.stop_pod_sandbox(pod_sandbox_id)
    services.runtime.remove_pod_sandbox(pod_sandbox_id)


def state_of(services: Services, container_id: str) -> pb.ContainerState.ValueType:
    """The state that ContainerStatus has."""
    return services.runtime.container_status(container_id).status.state


def code_of(services: Services, rpc: str, code: grpc.StatusCode) -> grpc.StatusCode:
    """The code that a runtime refuses with if it knows the RPC, else that it does not."""
    return grpc.StatusCode.UNIMPLEMENTED if rpc in services.lacks else code


@contextmanager
def known(services: Services, rpc: str) -> Iterator[None]:
    """What is inside succeeds, or the RPC is one that the runtime does not know."""
    if rpc not in services.lacks:
        yield
        return
    with raises_status(grpc.StatusCode.UNIMPLEMENTED):
        yield


def of_container(
    events: Iterable[pb.ContainerEventResponse], container_id: str
) -> Iterator[pb.ContainerEventType.ValueType]:
    """The types of the container's events."""
    return (each.container_event_type for each in events if each.container_id == container_id)


def test_the_runtime_tells_its_version_and_that_it_is_ready(services: Services) -> None:
    assert services.runtime.version().version == "0.1.0"
    conditions = services.runtime.status().status.conditions
    assert {"RuntimeReady", "NetworkReady"} <= {each.type for each in conditions if each.status}
    assert services.runtime.status().info == {}
    assert "config" in services.runtime.status(verbose=True).info


def test_a_pulled_image_is_known_until_it_is_removed(services: Services) -> None:
    image_ref = services.images.pull_image(SECOND)
    assert services.images.image_status(SECOND).image.id == image_ref
    for images in (services.images, services.streaming_images):
        listed = {image.id: list(image.repo_tags) for image in images.list_images()}
        assert listed[image_ref] == [SECOND.image]
    services.images.remove_image(SECOND)
    assert not services.images.image_status(SECOND).HasField("image")


def test_the_image_file_system_is_where_images_are(services: Services) -> None:
    (file_system,) = services.images.image_fs_info().image_filesystems
    assert file_system.fs_id.mountpoint.startswith("/")


def test_a_pod_sandbox_is_ready_until_it_is_stopped_and_there_until_it_is_removed(
    services: Services,
) -> None:
    with a_pod(services) as pod:
        status = services.runtime.pod_sandbox_status(pod.id).status
        assert (status.id, status.metadata) == (pod.id, pod.config.metadata)
        assert status.state == pb.SANDBOX_READY
        services.runtime.stop_pod_sandbox(pod.id)
        status = services.runtime.pod_sandbox_status(pod.id).status
        assert status.state == pb.SANDBOX_NOTREADY
    with raises_status(grpc.StatusCode.NOT_FOUND):
        services.runtime.pod_sandbox_status(pod.id)


def test_pod_sandboxes_are_listed_by_label(services: Services, pod: Pod) -> None:
    chosen = pb.PodSandboxFilter(label_selector=pod.config.labels)
    for runtime in (services.runtime, services.streaming_runtime):
        assert [each.id for each in runtime.list_pod_sandbox(chosen)] == [pod.id]
        assert pod.id in {each.id for each in runtime.list_pod_sandbox()}


def test_a_container_is_created_started_stopped_and_removed(services: Services, pod: Pod) -> None:
    container = pod.create("c", "sleep", "3600")
    assert state_of(services, container) == pb.CONTAINER_CREATED
    services.runtime.start_container(container)
    assert state_of(services, container) == pb.CONTAINER_RUNNING
    services.runtime.stop_container(container, 0)
    assert state_of(services, container) == pb.CONTAINER_EXITED
    assert services.runtime.container_status(container).status.exit_code == 137
    services.runtime.remove_container(container)
    with raises_status(grpc.StatusCode.NOT_FOUND):
        services.runtime.container_status(container)


def test_containers_are_listed_by_pod(services: Services, pod: Pod) -> None:
    made = {pod.create("a"), pod.create("b")}
    of_the_pod = pb.ContainerFilter(pod_sandbox_id=pod.id)
    for runtime in (services.runtime, services.streaming_runtime):
        assert {each.id for each in runtime.list_containers(of_the_pod)} == made
        assert made <= {each.id for each in runtime.list_containers()}


def test_a_command_gives_its_output(services: Services, pod: Pod) -> None:
    assert services.runtime.exec_sync(pod.start(), ["echo", "hello"]) == (b"hello\n", b"")


def test_a_command_that_fails_raises_its_exit_code(services: Services, pod: Pod) -> None:
    with pytest.raises(ExitError) as caught:
        services.runtime.exec_sync(pod.start(), ["false"], 10)
    error = caught.value
    assert (error.exit_code, error.stdout, error.stderr) == (1, b"", b"")


def test_a_command_that_takes_too_long_exceeds_its_deadline(services: Services, pod: Pod) -> None:
    container = pod.start()
    with raises_status(grpc.StatusCode.DEADLINE_EXCEEDED):
        services.runtime.exec_sync(container, ["sleep", "3600"], 1)
    with pytest.raises(grpc.RpcError) as late:
        services.runtime.exec_sync(container, ["sleep", "3600"], deadline_s=1.0)
    # A runtime that sees the same deadline first may tell of it in its own words.
    is_told = "context deadline exceeded" in str(late.value.details())
    assert late.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED or is_told


def test_streams_are_at_urls(services: Services, pod: Pod) -> None:
    container = pod.start()
    answers = (
        services.runtime.exec(pb.ExecRequest(container_id=container, cmd=["sh"], stdout=True)),
        services.runtime.attach(pb.AttachRequest(container_id=container, stdout=True)),
        services.runtime.port_forward(pb.PortForwardRequest(pod_sandbox_id=pod.id)),
    )
    paths = ["exec", "attach", "portforward"]
    assert [answer.url.split("/")[3] for answer in answers] == paths


def test_only_a_running_container_reopens_its_log(services: Services, pod: Pod) -> None:
    container = pod.start()
    services.runtime.reopen_container_log(container)
    services.runtime.stop_container(container, 0)
    with raises_status(grpc.StatusCode.UNKNOWN):
        services.runtime.reopen_container_log(container)


def test_resources_are_updated_where_there_is_a_container(services: Services, pod: Pod) -> None:
    resources = pb.ContainerResources(linux=pb.LinuxContainerResources(cpu_shares=512))
    services.runtime.update_container_resources(pod.start(), resources)
    with raises_status(grpc.StatusCode.NOT_FOUND):
        services.runtime.update_container_resources("absent", resources)


def test_a_running_container_has_stats(services: Services, pod: Pod) -> None:
    container = pod.start()
    stats = services.runtime.container_stats(container)
    assert stats.attributes.id == container
    of_the_pod = pb.ContainerStatsFilter(pod_sandbox_id=pod.id)
    for runtime in (services.runtime, services.streaming_runtime):
        (listed,) = runtime.list_container_stats(of_the_pod)
        assert listed.attributes == stats.attributes


def test_a_pod_has_stats(services: Services, pod: Pod) -> None:
    pod.start()
    assert services.runtime.pod_sandbox_stats(pod.id).attributes.id == pod.id
    for runtime in (services.runtime, services.streaming_runtime):
        (listed,) = runtime.list_pod_sandbox_stats(pb.PodSandboxStatsFilter(id=pod.id))
        assert listed.attributes.metadata == pod.config.metadata


def test_the_pod_cidr_may_be_told(services: Services) -> None:
    network = pb.NetworkConfig(pod_cidr="10.1.0.0/16")
    services.runtime.update_runtime_config(pb.RuntimeConfig(network_config=network))
    absurd = pb.RuntimeConfig(network_config=pb.NetworkConfig(pod_cidr="nonsense"))
    with raises_status(grpc.StatusCode.UNKNOWN):
        services.runtime.update_runtime_config(absurd)


def test_the_runtime_tells_its_cgroup_driver(services: Services) -> None:
    with known(services, "RuntimeConfig"):
        assert services.runtime.runtime_config().linux.cgroup_driver == pb.CGROUPFS


def test_each_metric_of_a_pod_is_described(services: Services, pod: Pod) -> None:
    pod.start()
    for runtime in (services.runtime, services.streaming_runtime):
        with known(services, "ListPodSandboxMetrics"):
            described = {each.name for each in runtime.list_metric_descriptors()}
            metrics = {each.pod_sandbox_id: each for each in runtime.list_pod_sandbox_metrics()}
            of_containers = metrics[pod.id].container_metrics
            assert {each.name for one in of_containers for each in one.metrics} <= described


def test_a_pods_resources_are_updated_where_there_is_a_pod(services: Services, pod: Pod) -> None:
    shares = pb.LinuxContainerResources(cpu_shares=512)
    with known(services, "UpdatePodSandboxResources"):
        services.runtime.update_pod_sandbox_resources(
            pb.UpdatePodSandboxResourcesRequest(pod_sandbox_id=pod.id, resources=shares)
        )
    with raises_status(code_of(services, "UpdatePodSandboxResources", grpc.StatusCode.NOT_FOUND)):
        services.runtime.update_pod_sandbox_resources(
            pb.UpdatePodSandboxResourcesRequest(pod_sandbox_id="absent")
        )


def test_what_is_absent_cannot_be_checkpointed(services: Services, tmp_path: Path) -> None:
    absent = pb.CheckpointContainerRequest(container_id="absent", location=str(tmp_path / "x.tar"))
    with raises_status(code_of(services, "CheckpointContainer", grpc.StatusCode.NOT_FOUND)):
        services.runtime.checkpoint_container(absent)


def test_a_running_container_is_checkpointed(services: Services, pod: Pod) -> None:
    container = pod.start()
    with known(services, "CheckpointContainer"):
        services.runtime.checkpoint_container(
            pb.CheckpointContainerRequest(container_id=container, location="/checkpoint.tar")
        )
        assert state_of(services, container) == pb.CONTAINER_RUNNING


def test_a_pod_is_checkpointed_and_restored(services: Services, pod: Pod) -> None:
    running = pod.start("kept")
    directory = services.checkpoint_directory
    with known(services, "CheckpointPod"):
        services.runtime.checkpoint_pod(
            pb.CheckpointPodRequest(
                pod_sandbox_id=pod.id, output_path=directory, container_ids=[running]
            ),
            deadline_s=60.0,
        )
    config = pb.PodSandboxConfig(
        metadata=pb.PodSandboxMetadata(name="restored", namespace="services", uid="restored")
    )
    kept = pb.ContainerConfig(
        metadata=pb.ContainerMetadata(name="kept"), image=IMAGE, command=["sleep", "10"]
    )
    request = pb.RestorePodRequest(
        checkpoint_path=directory, config=config, container_configs=[kept]
    )
    with known(services, "RestorePod"):
        restored = services.runtime.restore_pod(request, deadline_s=60.0)
        ((name, container),) = (
            (each.name, each.container_id) for each in restored.restored_containers
        )
        assert (name, state_of(services, container)) == ("kept", pb.CONTAINER_CREATED)
        services.runtime.start_container(container)
        services.runtime.remove_pod_sandbox(restored.pod_sandbox_id)


def test_events_come_in_order_until_they_are_cancelled(services: Services, pod: Pod) -> None:
    events = services.runtime.get_container_events(deadline_s=600.0)
    container = pod.start()
    services.runtime.stop_container(container, 0)
    services.runtime.remove_container(container)
    with known(services, "GetContainerEvents"):
        types = []
        for each in of_container(events, container):
            types.append(each)
            if each == LIFE[-1]:
                break
        # A subscription is under way when the method returns, not made: the first may be missed.
        assert types == LIFE[-len(types) :]
        assert events.cancel()
        with raises_status(grpc.StatusCode.CANCELLED):
            list(events)
