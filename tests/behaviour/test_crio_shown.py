"""What the personality of CRI-O shows otherwise: images, figures, events, what it finds again."""

from collections.abc import Iterator
from itertools import islice

import grpc
import pytest

from fakecri.api import runtime_pb2 as pb
from tests.behaviour.steps import is_answered, subscribe, until
from tests.support import Node, node, raises_status, sandbox_config

NOT_FOUND, UNKNOWN = grpc.StatusCode.NOT_FOUND, grpc.StatusCode.UNKNOWN
CREATED, STARTED = pb.CONTAINER_CREATED_EVENT, pb.CONTAINER_STARTED_EVENT
STOPPED, DELETED = pb.CONTAINER_STOPPED_EVENT, pb.CONTAINER_DELETED_EVENT


@pytest.fixture
def crio(face: str) -> Iterator[Node]:
    """Open a node of CRI-O with busybox on it."""
    with node(face, personality="crio-1.36") as opened:
        opened.pull()
        yield opened


@pytest.fixture
def telling(face: str) -> Iterator[Node]:
    """Open one that tells of events."""
    with node(face, personality="crio-1.36+events") as opened:
        opened.pull()
        yield opened


def images(crio: Node, wanted: str = "") -> list[pb.Image]:
    filter_ = pb.ImageFilter(image=pb.ImageSpec(image=wanted))
    return list(crio.images.ListImages(pb.ListImagesRequest(filter=filter_)).images)


def remove(crio: Node, image: str) -> None:
    crio.images.RemoveImage(pb.RemoveImageRequest(image=pb.ImageSpec(image=image)))


def find(crio: Node, image: str) -> pb.Image:
    return crio.images.ImageStatus(pb.ImageStatusRequest(image=pb.ImageSpec(image=image))).image


# Images.


def test_ids_of_images_are_bare_wherever_they_are_shown(crio: Node) -> None:
    id_ = crio.pull()
    assert len(id_) == 64
    container = crio.create(crio.run_sandbox(), "true")
    status = crio.status(container)
    (item,) = crio.runtime.ListContainers(pb.ListContainersRequest()).containers
    assert {find(crio, "busybox").id, status.image_id, item.image_id} == {id_}
    assert status.image_ref == item.image_ref
    assert status.image_ref.startswith("docker.io/library/busybox@sha256:")
    assert (status.image.image, item.image.image) == ("docker.io/library/busybox:latest", "busybox")


@pytest.mark.parametrize("digits", [64, 12, 3])
def test_an_image_is_found_by_its_id_and_by_three_digits_of_it(crio: Node, digits: int) -> None:
    assert find(crio, crio.pull()[:digits]).repo_tags == ["docker.io/library/busybox:latest"]


def test_two_digits_are_a_name_and_sha256_is_one_too(crio: Node) -> None:
    id_ = crio.pull()
    assert not find(crio, id_[:2]).id
    assert not find(crio, f"sha256:{id_}").id


def test_an_image_without_a_name_or_with_a_bad_one_is_an_error(crio: Node) -> None:
    with raises_status(UNKNOWN, "no image specified"):
        find(crio, "")
    with raises_status(UNKNOWN, "no image specified"):
        remove(crio, "")
    with raises_status(UNKNOWN, "invalid reference format"):
        find(crio, "a b")
    assert not find(crio, "ABCDEF").id  # as an id might begin


def test_a_filter_of_images_looks_up_one(crio: Node) -> None:
    crio.pull("nginx")
    assert [each.repo_tags for each in images(crio, "nginx")] == [
        ["docker.io/library/nginx:latest"]
    ]
    assert images(crio, "redis") == []
    assert len(images(crio)) == 2


def test_a_tag_is_taken_off_and_the_last_one_takes_the_image(crio: Node) -> None:
    crio.cri.add_image("example.com/two:a", content="same")
    crio.cri.add_image("example.com/two:b", content="same")
    assert crio.pull("example.com/two:a") == crio.pull("example.com/two:b")
    remove(crio, "example.com/two:a")
    assert find(crio, "example.com/two:b").repo_tags == ["example.com/two:b"]
    remove(crio, "example.com/two:b")
    assert not find(crio, "example.com/two:b").id
    remove(crio, "example.com/two:b")


def test_an_image_in_use_is_not_removed(crio: Node) -> None:
    id_ = crio.pull()
    container = crio.create(crio.run_sandbox(), "true")
    text = f"image used by {container}: image is in use by a container"
    with raises_status(UNKNOWN, text):
        remove(crio, "busybox")
    with raises_status(UNKNOWN, f"delete image: {text}"):
        remove(crio, id_)
    crio.remove(container)
    remove(crio, id_)


def test_the_image_of_pods_is_in_use_by_them(crio: Node) -> None:
    pod = crio.run_sandbox()
    with raises_status(UNKNOWN, f"image used by {pod}: image is in use by a container"):
        remove(crio, "registry.k8s.io/pause:3.10.1")
    assert find(crio, "registry.k8s.io/pause:3.10.1").pinned


def test_an_image_that_no_registry_has_is_told_without_a_code(crio: Node) -> None:
    crio.cri.registry.host("example.com").fail("404")
    with raises_status(
        UNKNOWN,
        "initializing source docker://example.com/app:v1: reading manifest v1 in "
        "example.com/app: manifest unknown",
    ):
        crio.pull("example.com/app:v1")


def test_a_registry_where_nobody_listens_is_told_so_that_a_kubelet_knows(crio: Node) -> None:
    crio.cri.registry.host("10.1.2.3:5000").fail("refused")
    with pytest.raises(grpc.RpcError) as refused:
        crio.pull("10.1.2.3:5000/app")
    assert refused.value.code() is UNKNOWN
    text = str(refused.value.details())
    assert text.startswith("RegistryUnavailable: ")
    assert text.endswith("dial tcp 10.1.2.3:5000: connect: connection refused")


def test_there_is_a_file_system_of_containers_too(crio: Node) -> None:
    info = crio.images.ImageFsInfo(pb.ImageFsInfoRequest())
    assert list(info.image_filesystems) == list(info.container_filesystems)
    mountpoint = info.image_filesystems[0].fs_id.mountpoint
    assert mountpoint == "/var/lib/containers/storage/overlay-images"


# Pods, containers, the node.


def test_lists_are_newest_first(crio: Node) -> None:
    pods = [crio.run_sandbox(name) for name in ("a", "b", "c")]
    made = [crio.create(pod, "true", pod=name) for pod, name in zip(pods, "abc", strict=True)]
    items = crio.runtime.ListPodSandbox(pb.ListPodSandboxRequest()).items
    assert [item.id for item in items] == pods[::-1]
    containers = crio.runtime.ListContainers(pb.ListContainersRequest()).containers
    assert [item.id for item in containers] == made[::-1]


def test_neither_handlers_nor_stop_signals_are_shown(crio: Node) -> None:
    request = pb.RunPodSandboxRequest(config=sandbox_config(), runtime_handler="crun")
    pod = crio.runtime.RunPodSandbox(request).pod_sandbox_id
    container = crio.create(pod, "true", stop_signal=pb.SIGNAL_SIGINT)
    assert crio.sandbox_status(pod).runtime_handler == ""
    assert crio.status(container).stop_signal == 0


def test_info_is_there_for_who_asks(crio: Node) -> None:
    pod = crio.run_sandbox()
    ask = pb.PodSandboxStatusRequest
    assert not crio.runtime.PodSandboxStatus(ask(pod_sandbox_id=pod)).info
    answer = crio.runtime.PodSandboxStatus(ask(pod_sandbox_id=pod, verbose=True))
    assert answer.info["info"].startswith('{"runtimeSpec":{')
    status = crio.runtime.Status(pb.StatusRequest(verbose=True))
    assert list(status.info) == ["config"]
    assert [each.type for each in status.status.conditions] == ["RuntimeReady", "NetworkReady"]


def test_the_cgroup_driver_is_systemd_and_cidrs_are_not_looked_at(crio: Node) -> None:
    config = crio.runtime.RuntimeConfig(pb.RuntimeConfigRequest())
    assert config.linux.cgroup_driver == pb.SYSTEMD
    network = pb.NetworkConfig(pod_cidr="nonsense")
    crio.runtime.UpdateRuntimeConfig(
        pb.UpdateRuntimeConfigRequest(runtime_config=pb.RuntimeConfig(network_config=network))
    )


# Figures.


def test_what_has_ended_has_no_figures_and_that_is_no_error(crio: Node) -> None:
    pod = crio.run_sandbox()
    id_ = crio.run(pod, "sleep", "1000")
    ask = pb.ContainerStatsRequest(container_id=id_)
    assert crio.runtime.ContainerStats(ask).stats.attributes.id == id_
    crio.stop(id_)
    assert not crio.runtime.ContainerStats(ask).HasField("stats")
    assert not crio.runtime.ListContainerStats(pb.ListContainerStatsRequest()).stats
    crio.stop_sandbox(pod)
    stats = crio.runtime.PodSandboxStats(pb.PodSandboxStatsRequest(pod_sandbox_id=pod)).stats
    assert (stats.attributes.id, len(stats.linux.containers)) == (pod, 0)


def test_metrics_have_the_labels_that_they_are_described_with(crio: Node) -> None:
    pod = crio.run_sandbox()
    id_ = crio.run(pod, "sleep", "1000")
    described = crio.runtime.ListMetricDescriptors(pb.ListMetricDescriptorsRequest()).descriptors
    keys = {each.name: list(each.label_keys) for each in described}
    assert all(each[:3] == ["id", "name", "image"] for each in keys.values())
    (metrics,) = crio.runtime.ListPodSandboxMetrics(pb.ListPodSandboxMetricsRequest()).pod_metrics
    samples = [*metrics.metrics, *metrics.container_metrics[0].metrics]
    assert all(len(each.label_values) == len(keys[each.name]) for each in samples)
    cpu = next(each for each in samples if each.name == "container_cpu_usage_seconds_total")
    assert list(cpu.label_values) == [
        id_,
        "k8s_main_web_default_uid-web_0",
        "docker.io/library/busybox:latest",
        "default",
        "web",
        "",
        "total",
    ]


# Resources, logs, execs.


def test_memory_cannot_be_less_than_what_is_used_nor_than_nothing(crio: Node) -> None:
    id_ = crio.run(crio.run_sandbox(), "sleep", "1000")

    def limit(to: int) -> None:
        linux = pb.LinuxContainerResources(memory_limit_in_bytes=to)
        request = pb.UpdateContainerResourcesRequest(container_id=id_, linux=linux)
        crio.runtime.UpdateContainerResources(request)

    with raises_status(
        UNKNOWN,
        "memory validation failed: invalid memory limit: -1 bytes (cannot be negative)",
    ):
        limit(-1)
    with pytest.raises(grpc.RpcError) as refused:
        limit(1)
    assert str(refused.value.details()).startswith(
        "memory validation failed: cannot decrease memory limit to 1 bytes: current usage is "
    )
    crio.stop(id_)
    with raises_status(UNKNOWN, f"container {id_} is not running or created state: stopped"):
        limit(2**30)


def test_the_log_of_what_was_not_started_can_be_reopened(crio: Node) -> None:
    id_ = crio.create(crio.run_sandbox(), "true")
    request = pb.ReopenContainerLogRequest(container_id=id_)
    crio.runtime.ReopenContainerLog(request)
    crio.stop(id_)
    with raises_status(UNKNOWN, "container is not running"):
        crio.runtime.ReopenContainerLog(request)


def test_an_exec_whose_time_is_up_has_an_exit_code(crio: Node) -> None:
    id_ = crio.run(crio.run_sandbox(), "sleep", "1000")
    command = ["sh", "-c", "echo lost; sleep 60"]
    answer = crio.runtime.ExecSync(pb.ExecSyncRequest(container_id=id_, cmd=command, timeout=1))
    assert answer == pb.ExecSyncResponse(stderr=b"command timed out", exit_code=-1)


def test_an_exec_in_what_has_ended_is_not_found(crio: Node) -> None:
    id_ = crio.run(crio.run_sandbox(), "sleep", "1000")
    crio.stop(id_)
    with raises_status(
        NOT_FOUND,
        f"container is not created or running: checking if PID of {id_} is running failed: "
        "container process not found",
    ):
        crio.runtime.ExecSync(pb.ExecSyncRequest(container_id=id_, cmd=["true"]))


def test_an_exec_without_or_with_a_missing_command(crio: Node) -> None:
    id_ = crio.run(crio.run_sandbox(), "sleep", "1000")
    with raises_status(UNKNOWN, "exec command cannot be empty"):
        crio.runtime.ExecSync(pb.ExecSyncRequest(container_id=id_))
    with raises_status(
        UNKNOWN,
        "command error: executable file `nope` not found in $PATH: No such file or directory, "
        "stdout: , stderr: , exit code -1",
    ):
        crio.runtime.ExecSync(pb.ExecSyncRequest(container_id=id_, cmd=["nope"]))


def test_urls_are_given_for_what_does_not_run(crio: Node) -> None:
    pod = crio.run_sandbox()
    id_ = crio.run(pod, "true")
    crio.stop_sandbox(pod)
    assert crio.runtime.Exec(pb.ExecRequest(container_id=id_, cmd=["true"], stdout=True)).url
    assert crio.runtime.Attach(pb.AttachRequest(container_id=id_, stdout=True)).url
    assert crio.runtime.PortForward(pb.PortForwardRequest(pod_sandbox_id="none", port=[1])).url
    with raises_status(
        grpc.StatusCode.INVALID_ARGUMENT,
        "unable to prepare exec endpoint: one of stdin, stdout, or stderr must be set",
    ):
        crio.runtime.Exec(pb.ExecRequest(container_id=id_))
    with raises_status(UNKNOWN, "unable to prepare attach endpoint"):
        crio.runtime.Attach(pb.AttachRequest(container_id=id_))


# Events.


def test_there_are_no_events_unless_they_are_enabled(crio: Node) -> None:
    crio.run_sandbox()
    assert list(crio.runtime.GetContainerEvents(pb.GetEventsRequest())) == []


def test_a_pod_begins_with_started_and_ends_with_stopped(telling: Node) -> None:
    stream = subscribe(telling)
    pod = telling.run_sandbox()
    labels = {"io.kubernetes.pod.uid": "uid-web"}
    first = telling.run(pod, "sleep", "1000", labels=labels)
    telling.stop(first)
    telling.remove(first)
    second = telling.run(pod, "sleep", "1000", name="second")
    telling.stop_sandbox(pod)
    telling.remove_sandbox(pod)
    telling.run_sandbox("last")
    events = list(islice(stream, 10))
    stream.cancel()
    assert [(each.container_id, each.container_event_type) for each in events[:9]] == [
        (pod, STARTED),
        (first, CREATED),
        (first, STARTED),
        (first, STOPPED),
        (first, DELETED),
        (second, CREATED),
        (second, STARTED),
        (second, STOPPED),
        (pod, STOPPED),
    ]
    assert events[9].container_event_type == STARTED  # of the last pod
    # The second has no label by which it would be found.
    assert [len(each.containers_statuses) for each in events[:9]] == [0, 1, 1, 1, 0, 0, 0, 0, 0]


def test_a_status_of_a_pod_has_its_containers_where_there_are_events(telling: Node) -> None:
    pod = telling.run_sandbox()
    id_ = telling.create(pod, "true")
    answer = telling.runtime.PodSandboxStatus(pb.PodSandboxStatusRequest(pod_sandbox_id=pod))
    assert [each.id for each in answer.containers_statuses] == [id_]
    assert answer.timestamp > 0


def test_events_are_kept_for_the_first_who_listens_alone(telling: Node) -> None:
    pod = telling.run_sandbox()
    telling.cri.advance(3600)
    stream = subscribe(telling)
    assert next(stream).container_id == pod
    stream.cancel()
    until(lambda: all(call.ended_n for call in telling.cri.calls))
    telling.run_sandbox("unheard")
    stream = subscribe(telling)
    last = telling.run_sandbox("last")
    assert next(stream).container_id == last
    stream.cancel()


# Restarts.


def restart(crio: Node, **found: str | list[str]) -> None:
    crio.cri.restart_runtime(1, **found)  # type: ignore[arg-type]  # as it takes them
    crio.cri.advance(2)
    until(lambda: is_answered(crio.runtime))


def test_what_cannot_be_loaded_is_deleted_with_all_that_is_in_it(crio: Node) -> None:
    pod, other = crio.run_sandbox(), crio.run_sandbox("other")
    crio.run(pod, "sleep", "1000")
    lost, kept = (crio.run(other, "sleep", "1000", name=name, pod="other") for name in "ab")
    restart(crio, unknown=[pod, lost])
    items = crio.runtime.ListPodSandbox(pb.ListPodSandboxRequest()).items
    assert [item.id for item in items] == [other]
    containers = crio.runtime.ListContainers(pb.ListContainersRequest()).containers
    assert [item.id for item in containers] == [kept]
    crio.run_sandbox()  # the name is free


def test_a_container_found_dead_is_an_error_of_255(crio: Node) -> None:
    id_ = crio.run(crio.run_sandbox(), "sleep", "1000")
    restart(crio, dead=[id_])
    status = crio.status(id_)
    assert (status.exit_code, status.reason) == (255, "Error")


def test_nothing_is_left_after_a_reboot(crio: Node) -> None:
    crio.run(crio.run_sandbox(), "sleep", "1000")
    crio.cri.reboot_node(1)
    crio.cri.advance(2)
    until(lambda: is_answered(crio.runtime))
    assert not crio.runtime.ListPodSandbox(pb.ListPodSandboxRequest()).items
    assert not crio.runtime.ListContainers(pb.ListContainersRequest()).containers
    assert images(crio)


def test_nobody_is_told_that_it_is_not_initialized(crio: Node) -> None:
    crio.cri.restart_runtime(1, init=5)
    crio.cri.advance(3)
    with crio.cri.host.turn() as world:
        assert world.absence is not None
        assert "/var/run/crio/crio.sock" in world.absence.refusal().message
    crio.cri.advance(5)
    until(lambda: is_answered(crio.runtime))
