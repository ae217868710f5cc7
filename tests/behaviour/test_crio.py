"""What the personality of CRI-O does otherwise: lifecycles. Source: spec lifecycle 3.4 to 10.4."""

from collections.abc import Iterator

import grpc
import pytest

from fakecri import Recipe
from fakecri.api import runtime_pb2 as pb
from fakecri.core.clock import NO_TIME_NS
from tests.support import Node, create_request, node, raises_status, sandbox_config

NOT_FOUND, UNKNOWN = grpc.StatusCode.NOT_FOUND, grpc.StatusCode.UNKNOWN
DEADLINE = grpc.StatusCode.DEADLINE_EXCEEDED
ABSENT = "f" * 64
NO_CONTAINER = f"container with ID starting with {ABSENT} not found: ID does not exist"
NO_POD = f"PodSandbox with ID starting with {ABSENT} not found: ID does not exist"
SECOND_NS = 1_000_000_000


@pytest.fixture
def crio(face: str) -> Iterator[Node]:
    """Open a node of CRI-O with busybox on it."""
    with node(face, personality="crio-1.36") as opened:
        opened.pull()
        yield opened


# Ids.


@pytest.mark.parametrize(
    ("rpc", "code", "frame"),
    [
        ("StartContainer", NOT_FOUND, f'could not find container "{ABSENT}": '),
        ("ContainerStatus", NOT_FOUND, f'could not find container "{ABSENT}": '),
        ("ExecSync", NOT_FOUND, f'could not find container "{ABSENT}": '),
        ("CheckpointContainer", NOT_FOUND, f'could not find container "{ABSENT}": '),
        ("Exec", UNKNOWN, f'could not find container "{ABSENT}": '),
        ("Attach", UNKNOWN, f'could not find container "{ABSENT}": '),
        ("ReopenContainerLog", UNKNOWN, f"could not find container {ABSENT}: "),
        ("UpdateContainerResources", UNKNOWN, ""),
        ("ContainerStats", UNKNOWN, ""),
    ],
)
def test_a_container_that_is_not_there_is_told_as_each_rpc_does(
    crio: Node, rpc: str, code: grpc.StatusCode, frame: str
) -> None:
    request = getattr(pb, f"{rpc}Request")(container_id=ABSENT)
    with raises_status(code, frame + NO_CONTAINER):
        getattr(crio.runtime, rpc)(request)


@pytest.mark.parametrize("rpc", ["StopContainer", "RemoveContainer"])
def test_an_empty_container_id_is_not_found_even_where_an_absent_one_is_ok(
    crio: Node, rpc: str
) -> None:
    make = getattr(pb, f"{rpc}Request")
    getattr(crio.runtime, rpc)(make(container_id=ABSENT))
    with raises_status(NOT_FOUND, 'could not find container "": container ID should not be empty'):
        getattr(crio.runtime, rpc)(make())


@pytest.mark.parametrize("rpc", ["StopPodSandbox", "RemovePodSandbox"])
def test_an_empty_pod_id_is_an_error_and_an_absent_one_is_ok(crio: Node, rpc: str) -> None:
    make = getattr(pb, f"{rpc}Request")
    getattr(crio.runtime, rpc)(make(pod_sandbox_id=ABSENT))
    with raises_status(UNKNOWN, "PodSandboxId should not be empty"):
        getattr(crio.runtime, rpc)(make())


def test_a_container_cannot_be_made_in_a_pod_that_is_not_there(crio: Node) -> None:
    with raises_status(UNKNOWN, f"specified sandbox not found: {ABSENT}: {NO_POD}"):
        crio.create(ABSENT, "sleep", "1")
    with raises_status(NOT_FOUND, f'could not find pod "{ABSENT}": {NO_POD}'):
        crio.sandbox_status(ABSENT)


def test_an_ambiguous_prefix_names_one_that_it_fits(crio: Node) -> None:
    pods = [crio.run_sandbox(f"pod-{n}") for n in range(20)]
    shared = next(a[0] for a in pods if sum(b[0] == a[0] for b in pods) > 1)
    other = sorted(each for each in pods if each[0] == shared)[1]
    with raises_status(
        NOT_FOUND,
        f'could not find pod "{shared}": PodSandbox with ID starting with {shared} not found: '
        f"Multiple IDs found with provided prefix: {other}",
    ):
        crio.sandbox_status(shared)
    crio.stop_sandbox(shared)
    assert all(crio.sandbox_status(each).state == pb.SANDBOX_READY for each in pods)


# Requests.


@pytest.mark.parametrize(
    ("config", "text"),
    [
        (None, "setting sandbox config: config is nil"),
        (pb.PodSandboxConfig(), "setting sandbox config: metadata is nil"),
        (
            pb.PodSandboxConfig(metadata=pb.PodSandboxMetadata(uid="u")),
            "setting sandbox config: metadata.Name should not be empty",
        ),
        (
            pb.PodSandboxConfig(metadata=pb.PodSandboxMetadata(name="n")),
            "setting pod sandbox name and id: cannot generate pod name without namespace",
        ),
        (
            pb.PodSandboxConfig(metadata=pb.PodSandboxMetadata(name="n", namespace="s")),
            "setting pod sandbox name and id: cannot generate pod name without uid in metadata",
        ),
    ],
)
def test_a_pod_needs_all_of_its_metadata(
    crio: Node, config: pb.PodSandboxConfig | None, text: str
) -> None:
    with raises_status(UNKNOWN, text):
        crio.runtime.RunPodSandbox(pb.RunPodSandboxRequest(config=config))


def test_a_container_request_is_looked_at_before_its_pod(crio: Node) -> None:
    for request, text in (
        (pb.CreateContainerRequest(), "config is nil"),
        (pb.CreateContainerRequest(config=pb.ContainerConfig()), "config image is nil"),
        (
            pb.CreateContainerRequest(config=pb.ContainerConfig(image=pb.ImageSpec())),
            "sandbox config is nil",
        ),
    ):
        with raises_status(UNKNOWN, text):
            crio.runtime.CreateContainer(request)


def test_an_unknown_handler_is_told_with_those_that_there_are(crio: Node) -> None:
    request = pb.RunPodSandboxRequest(config=sandbox_config(), runtime_handler="kata")
    with raises_status(
        UNKNOWN,
        "failed to find runtime handler kata from runtime list map[crun:0xc000001a80]",
    ):
        crio.runtime.RunPodSandbox(request)
    crio.run_sandbox()  # the name is free


def test_a_log_directory_must_be_absolute_and_is_made(crio: Node) -> None:
    with pytest.raises(grpc.RpcError) as refused:
        crio.run_sandbox(log_directory="logs")
    assert str(refused.value.details()).endswith("is a relative path: logs")
    crio.run_sandbox(log_directory="/var/log/mine")
    assert crio.cri.host.world.files.is_dir("/var/log/mine")


def test_a_container_without_a_log_path_has_one_all_the_same(crio: Node) -> None:
    pod = crio.run_sandbox()
    request = create_request(pod, "sleep", "1", log_path="")
    request.sandbox_config.log_directory = ""
    id_ = crio.runtime.CreateContainer(request).container_id
    assert crio.status(id_).log_path == f"/var/log/crio/pods/{pod}/{id_}.log"


def test_pods_get_the_labels_of_a_kubelet_and_lose_annotations_that_are_not_allowed(
    crio: Node,
) -> None:
    annotations = {"mine": "1", "userns-mode.crio.io": "auto", "io.containers.trace-syscall": "x"}
    pod = crio.run_sandbox(labels={"io.kubernetes.pod.uid": "u"}, annotations=annotations)
    status = crio.sandbox_status(pod)
    assert dict(status.labels) == {
        "io.kubernetes.pod.uid": "u",
        "io.kubernetes.pod.name": "web",
        "io.kubernetes.pod.namespace": "default",
    }
    assert sorted(status.annotations) == ["io.containers.trace-syscall", "mine"]


def test_a_pod_waits_for_the_network(crio: Node) -> None:
    crio.cri.state.fail_network("cni plugin not initialized")
    crio.cri.state.after(3).restore_network()
    assert crio.sandbox_status(crio.run_sandbox()).state == pb.SANDBOX_READY


# Twice.


def test_a_pod_asked_for_again_is_the_same_even_when_it_was_stopped(crio: Node) -> None:
    pod = crio.run_sandbox()
    crio.stop_sandbox(pod)
    assert crio.run_sandbox() == pod
    crio.remove_sandbox(pod)
    assert crio.run_sandbox() != pod


def test_a_container_asked_for_again_is_the_same(crio: Node) -> None:
    pod = crio.run_sandbox()
    id_ = crio.run(pod, "sleep", "1000")
    assert crio.create(pod, "true") == id_
    crio.remove(id_)
    assert crio.create(pod, "true") != id_


def test_what_was_made_for_a_client_that_has_gone_is_given_to_the_next(crio: Node) -> None:
    crio.cri.faults("RunPodSandbox = 1* during:delay(20s)")
    request = pb.RunPodSandboxRequest(config=sandbox_config())
    with raises_status(DEADLINE):
        crio.runtime.RunPodSandbox(request, timeout=5)
    crio.cri.advance(30)
    assert not crio.runtime.ListPodSandbox(pb.ListPodSandboxRequest()).items
    pod = crio.runtime.RunPodSandbox(request).pod_sandbox_id
    items = crio.runtime.ListPodSandbox(pb.ListPodSandboxRequest()).items
    assert [item.id for item in items] == [pod]


def test_what_nobody_comes_for_is_taken_down(crio: Node) -> None:
    crio.cri.faults("RunPodSandbox = 1* during:delay(20s)")
    request = pb.RunPodSandboxRequest(config=sandbox_config())
    with raises_status(DEADLINE):
        crio.runtime.RunPodSandbox(request, timeout=5)
    crio.cri.advance(300)
    with crio.cri.host.turn() as world:
        assert (world.store.parked, world.store.sandbox_names.holders()) == ({}, {})


def test_what_is_being_made_is_waited_for_in_vain(crio: Node) -> None:
    crio.cri.faults("RunPodSandbox = 1* during:delay(100s)")
    request = pb.RunPodSandboxRequest(config=sandbox_config())
    with raises_status(DEADLINE):
        crio.runtime.RunPodSandbox(request, timeout=5)
    with raises_status(DEADLINE):
        crio.runtime.RunPodSandbox(request, timeout=5)
    call = crio.cri.calls[-1]
    assert call.error is not None
    assert call.error.message == (
        "kubelet may be retrying requests that are timing out in CRI-O due to system load. "
        "Currently at stage sandbox container runtime creation: context deadline exceeded: "
        "name is reserved"
    )


# Creating and starting.


def test_a_missing_executable_is_found_out_by_create(crio: Node) -> None:
    pod = crio.run_sandbox()
    for name, where in (("nope", " in $PATH"), ("/bin/nope", "")):
        with raises_status(
            UNKNOWN,
            f"container create failed: executable file `{name}` not found{where}: "
            "No such file or directory",
        ):
            crio.create(pod, name)
    assert not crio.runtime.ListContainers(pb.ListContainersRequest()).containers
    crio.create(pod, "true")  # the name is free


def test_a_container_that_was_not_started_runs_execs(crio: Node) -> None:
    id_ = crio.create(crio.run_sandbox(), "sleep", "1")
    answer = crio.runtime.ExecSync(pb.ExecSyncRequest(container_id=id_, cmd=["echo", "hi"]))
    assert answer.stdout == b"hi\n"


def test_only_what_was_created_can_be_started(crio: Node) -> None:
    id_ = crio.run(crio.run_sandbox(), "sleep", "1000")
    with raises_status(UNKNOWN, f"container {id_} is not in created state: running"):
        crio.start(id_)
    crio.stop(id_)
    with raises_status(UNKNOWN, f"container {id_} is not in created state: stopped"):
        crio.start(id_)


def test_a_container_that_cannot_be_started_is_gone(crio: Node) -> None:
    pod = crio.run_sandbox()
    id_ = crio.create(pod, "sleep", "1")
    crio.cri.faults('StartContainer = during:error(UNKNOWN, "no more")')
    with raises_status(UNKNOWN, f"failed to start container {id_}: no more"):
        crio.start(id_)
    with raises_status(NOT_FOUND):
        crio.status(id_)
    crio.create(pod, "sleep", "1")  # the name is free


def test_a_container_of_a_stopped_pod_cannot_be_made(crio: Node) -> None:
    pod = crio.run_sandbox()
    crio.stop_sandbox(pod)
    with raises_status(UNKNOWN, f"CreateContainer failed as the sandbox was stopped: {pod}"):
        crio.create(pod, "true")


def test_an_image_that_is_not_there_is_told_by_the_storage(crio: Node) -> None:
    with raises_status(
        UNKNOWN,
        'reference "[overlay@/var/lib/containers/storage+/run/containers/storage]'
        'docker.io/library/nope:latest" does not resolve to an image ID: '
        "identifier is not an image",
    ):
        crio.create(crio.run_sandbox(), "true", image="nope")


# Stopping.


def test_a_stop_without_grace_sends_the_stop_signal_all_the_same(crio: Node) -> None:
    pod = crio.run_sandbox()
    trapping = crio.run(pod, "sh", "-c", "trap 'exit 3' TERM; sleep 1000 & wait")
    crio.stop(trapping, timeout=30)
    assert crio.status(trapping).exit_code == 3
    deaf = crio.run(pod, "sleep", "1000", name="deaf")
    began_ns = crio.cri.now_ns
    crio.stop(deaf)
    assert (crio.status(deaf).exit_code, crio.cri.now_ns) == (137, began_ns)


def test_a_later_stop_can_only_shorten_the_grace(crio: Node) -> None:
    id_ = crio.run(crio.run_sandbox(), "sleep", "1000")
    with raises_status(DEADLINE):
        crio.runtime.StopContainer(pb.StopContainerRequest(container_id=id_, timeout=60), timeout=2)
    first = crio.cri.calls[-1]
    crio.stop(id_, timeout=600)
    assert crio.cri.calls[-1].ended_ns == first.began_ns + 60 * SECOND_NS


def test_a_stop_goes_on_when_its_client_has_gone(crio: Node) -> None:
    id_ = crio.run(crio.run_sandbox(), "sleep", "1000")
    with raises_status(DEADLINE):
        crio.runtime.StopContainer(pb.StopContainerRequest(container_id=id_, timeout=9), timeout=2)
    assert crio.status(id_).state == pb.CONTAINER_RUNNING
    crio.cri.advance(10)
    assert crio.status(id_).exit_code == 137


def test_a_container_that_was_not_started_is_stopped_too(crio: Node) -> None:
    id_ = crio.create(crio.run_sandbox(), "sleep", "1")
    crio.stop(id_, timeout=5)
    status = crio.status(id_)
    assert (status.state, status.exit_code, status.started_at) == (
        pb.CONTAINER_EXITED,
        137,
        NO_TIME_NS,
    )


def test_an_unknown_stop_signal_is_sigterm(crio: Node) -> None:
    crio.cri.add_image("odd", Recipe(cmd=("sleep", "1000"), stop_signal="SIGNONE"))
    crio.pull("odd")
    pod = crio.run_sandbox()
    id_ = crio.run(pod, "sh", "-c", "trap 'exit 4' TERM; sleep 1000 & wait", image="odd")
    crio.stop(id_, timeout=30)
    assert crio.status(id_).exit_code == 4


def test_a_pod_stops_its_containers_at_once_and_with_grace(crio: Node) -> None:
    pod = crio.run_sandbox()
    deaf = [crio.run(pod, "sleep", "1000", name=f"deaf-{n}") for n in range(3)]
    began_ns = crio.cri.now_ns
    crio.stop_sandbox(pod)
    assert crio.cri.now_ns - began_ns == 9 * SECOND_NS
    assert [crio.status(each).exit_code for each in deaf] == [137] * 3
    assert crio.sandbox_status(pod).state == pb.SANDBOX_NOTREADY


def test_the_grace_of_a_pod_is_what_its_client_has_left(crio: Node) -> None:
    pod = crio.run_sandbox()
    crio.run(pod, "sleep", "1000")
    began_ns = crio.cri.now_ns
    request = pb.StopPodSandboxRequest(pod_sandbox_id=pod)
    crio.runtime.StopPodSandbox(request, timeout=31)
    # On the wire a little of the 31 seconds is gone when the call arrives.
    assert (crio.cri.now_ns - began_ns) // SECOND_NS in {29, 30}


def test_a_stopped_pod_keeps_its_address(crio: Node) -> None:
    pod = crio.run_sandbox()
    ip = crio.sandbox_status(pod).network.ip
    crio.stop_sandbox(pod)
    assert ip
    assert crio.sandbox_status(pod).network.ip == ip


def test_a_network_that_cannot_be_taken_down_is_told_once(crio: Node) -> None:
    pod = crio.run_sandbox()
    crio.cri.state.fail_teardown("plugin is gone")
    with raises_status(
        UNKNOWN,
        f"network teardown failed for pod sandbox k8s_web_default_uid-web_0({pod}): plugin is gone",
    ):
        crio.stop_sandbox(pod)
    crio.stop_sandbox(pod)
    assert crio.sandbox_status(pod).state == pb.SANDBOX_NOTREADY


def test_removal_stops_with_grace_and_takes_all(crio: Node) -> None:
    pod = crio.run_sandbox()
    crio.run(pod, "sh", "-c", "trap 'echo bye; exit 0' TERM; sleep 1000 & wait")
    crio.create(pod, "true", name="second")
    crio.remove_sandbox(pod)
    assert not crio.runtime.ListContainers(pb.ListContainersRequest()).containers
    assert not crio.runtime.ListPodSandbox(pb.ListPodSandboxRequest()).items
    log = crio.cri.host.world.files.read("/var/log/pods/default_web_uid-1/main/0.log")
    assert b"bye" in log
