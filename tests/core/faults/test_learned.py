"""What a proxy knows of pods, containers and images: what passed by."""

from typing import Any

import pytest
from google.protobuf.message import DecodeError
from hypothesis import given
from hypothesis import strategies as st

from fakecri.api import runtime_pb2 as pb
from fakecri.core.faults.learned import BACKLOG, Learned
from fakecri.rpcs import RPCS
from tests.support import create_request, sandbox_config

POD, MAIN, SIDE = "b" * 64, "c" * 64, "d" * 64
ID, DIGEST = "sha256:" + "1" * 64, "docker.io/library/busybox@sha256:" + "2" * 64
TAG = "docker.io/library/busybox:latest"


@pytest.fixture
def learned() -> Learned:
    """A pod with two containers, as its client made it."""
    learned = Learned()
    config = sandbox_config(labels={"tier": "front"})
    run = pb.RunPodSandboxRequest(config=config, runtime_handler="runc")
    learned.learn(run, pb.RunPodSandboxResponse(pod_sandbox_id=POD), 0)
    for name, id_ in (("main", MAIN), ("side", SIDE)):
        request = create_request(POD, "sleep", name=name)
        learned.learn(request, pb.CreateContainerResponse(container_id=id_), 0)
    learned.learn(pb.StartContainerRequest(container_id=MAIN), pb.StartContainerResponse(), 0)
    return learned


def container(learned: Learned, id_: str = MAIN) -> Any:
    """Return a container that has to be known."""
    known = learned.find_container(id_)
    assert known is not None
    return known


def pod_of(learned: Learned, id_: str = POD) -> Any:
    """Return a pod that has to be known."""
    known = learned.find_pod(id_)
    assert known is not None
    return known


def test_a_pod_is_what_its_client_made(learned: Learned) -> None:
    pod = pod_of(learned)
    assert (pod.id, pod.name, pod.namespace, pod.uid) == (POD, "web", "default", "uid-web")
    assert (pod.attempt, pod.handler, pod.state, pod.labels["tier"]) == (
        0,
        "runc",
        "ready",
        "front",
    )


def test_a_container_is_what_its_client_made(learned: Learned) -> None:
    known = container(learned)
    assert (known.id, known.name, known.state, known.pod.name) == (MAIN, "main", "running", "web")
    assert container(learned, SIDE).state == "created"
    assert TAG in known.images


def test_an_id_may_be_shortened_while_it_is_the_only_one(learned: Learned) -> None:
    assert container(learned, "ccc").id == MAIN
    learned.learn(
        create_request(POD, "sleep", name="more"),
        pb.CreateContainerResponse(container_id="ccce" + "0" * 60),
        0,
    )
    assert learned.find_container("ccc") is None
    assert learned.find_container("") is None


def test_a_stopped_container_has_exited(learned: Learned) -> None:
    learned.learn(pb.StopContainerRequest(container_id=MAIN), pb.StopContainerResponse(), 0)
    assert container(learned).state == "exited"


def test_a_stopped_pod_is_not_ready_and_nothing_runs_in_it(learned: Learned) -> None:
    learned.learn(pb.StopPodSandboxRequest(pod_sandbox_id=POD), pb.StopPodSandboxResponse(), 0)
    assert pod_of(learned).state == "notready"
    assert (container(learned).state, container(learned).pod.state) == ("exited", "notready")


def test_what_was_removed_is_known_no_more(learned: Learned) -> None:
    learned.learn(pb.RemoveContainerRequest(container_id=SIDE), pb.RemoveContainerResponse(), 0)
    assert learned.find_container(SIDE) is None
    learned.learn(pb.RemovePodSandboxRequest(pod_sandbox_id=POD), pb.RemovePodSandboxResponse(), 0)
    assert (learned.find_pod(POD), learned.find_container(MAIN)) == (None, None)


def test_what_nobody_made_here_is_known_from_a_list(learned: Learned) -> None:
    metadata = pb.PodSandboxMetadata(name="other", namespace="ns", uid="u", attempt=2)
    sandbox = pb.PodSandbox(id="e1", metadata=metadata, state=pb.SANDBOX_NOTREADY)
    listed = pb.Container(
        id="f1",
        pod_sandbox_id="e1",
        metadata=pb.ContainerMetadata(name="app", attempt=3),
        image=pb.ImageSpec(image=ID),
        state=pb.CONTAINER_EXITED,
    )
    learned.learn(
        pb.StreamPodSandboxesRequest(), pb.StreamPodSandboxesResponse(pod_sandboxes=[sandbox]), 0
    )
    learned.learn(pb.StreamContainersRequest(), pb.StreamContainersResponse(containers=[listed]), 0)
    pod, known = pod_of(learned, "e1"), container(learned, "f1")
    assert (pod.name, pod.attempt, pod.state) == ("other", 2, "notready")
    assert (known.name, known.attempt, known.state, known.pod.uid) == ("app", 3, "exited", "u")


def test_a_list_of_everything_tells_what_is_no_more(learned: Learned) -> None:
    since = learned.serial
    learned.learn(pb.ListContainersRequest(), pb.ListContainersResponse(), since)
    assert learned.find_container(MAIN) is None
    learned.learn(pb.ListPodSandboxRequest(), pb.ListPodSandboxResponse(), since)
    assert learned.find_pod(POD) is None


def test_a_list_does_not_know_what_came_after_it(learned: Learned) -> None:
    learned.learn(pb.ListContainersRequest(), pb.ListContainersResponse(), 0)
    assert container(learned).name == "main"


def test_a_list_with_a_filter_tells_nothing_of_others(learned: Learned) -> None:
    request = pb.ListContainersRequest(filter=pb.ContainerFilter(id=SIDE))
    learned.learn(request, pb.ListContainersResponse(), learned.serial)
    assert container(learned).name == "main"


def test_a_status_knows_the_kubelets_labels_of_a_pod_that_is_not_known() -> None:
    learned = Learned()
    labels = {"io.kubernetes.pod.name": "web", "io.kubernetes.pod.namespace": "ns"}
    status = pb.ContainerStatus(id=MAIN, state=pb.CONTAINER_UNKNOWN, labels=labels)
    learned.learn(pb.ContainerStatusRequest(), pb.ContainerStatusResponse(status=status), 0)
    known = container(learned)
    assert (known.state, known.pod.name, known.pod.namespace) == ("unknown", "web", "ns")


def test_a_status_of_a_pod_tells_of_its_containers(learned: Learned) -> None:
    status = pb.ContainerStatus(
        id=MAIN, metadata=pb.ContainerMetadata(name="main"), state=pb.CONTAINER_EXITED
    )
    answer = pb.PodSandboxStatusResponse(
        status=pb.PodSandboxStatus(id=POD, metadata=sandbox_config("renamed").metadata),
        containers_statuses=[status],
    )
    learned.learn(pb.PodSandboxStatusRequest(pod_sandbox_id=POD), answer, 0)
    assert (container(learned).state, container(learned).pod.name) == ("exited", "renamed")


def event(kind: Any, id_: str, **fields: Any) -> pb.ContainerEventResponse:
    """Return a CRI event."""
    return pb.ContainerEventResponse(container_id=id_, container_event_type=kind, **fields)


def test_events_tell_of_states(learned: Learned) -> None:
    status = pb.ContainerStatus(id=MAIN, state=pb.CONTAINER_EXITED)
    stopped = event(pb.CONTAINER_STOPPED_EVENT, MAIN, containers_statuses=[status])
    learned.learn(pb.GetEventsRequest(), stopped, 0)
    assert container(learned).state == "exited"


@pytest.mark.parametrize("id_", [MAIN, POD])
def test_an_event_of_a_deletion_ends_what_is_known(id_: str, learned: Learned) -> None:
    learned.learn(pb.GetEventsRequest(), event(pb.CONTAINER_DELETED_EVENT, id_), 0)
    assert learned.find_container(MAIN) is None
    assert (learned.find_pod(POD) is None) == (id_ == POD)


# Images


def test_an_image_has_the_names_that_a_status_gives_it() -> None:
    learned = Learned()
    image = pb.Image(id=ID, repo_tags=[TAG], repo_digests=[DIGEST])
    learned.learn(
        pb.ImageStatusRequest(image=pb.ImageSpec(image="busybox")),
        pb.ImageStatusResponse(image=image),
        0,
    )
    for name in ("busybox", TAG, DIGEST, ID):
        assert {TAG, DIGEST, ID} <= {*learned.image_names(name)}


def test_a_pull_ties_a_name_to_an_id() -> None:
    learned = Learned()
    request = pb.PullImageRequest(image=pb.ImageSpec(image="busybox"))
    learned.learn(request, pb.PullImageResponse(image_ref=ID), 0)
    assert ID in learned.image_names(TAG)
    assert TAG in learned.image_names(ID)


def test_a_removed_image_has_no_other_names() -> None:
    learned = Learned()
    image = pb.Image(id=ID, repo_tags=[TAG])
    learned.learn(pb.ListImagesRequest(), pb.ListImagesResponse(images=[image]), 0)
    assert TAG in learned.image_names(ID)
    learned.learn(pb.RemoveImageRequest(image=pb.ImageSpec(image=TAG)), pb.RemoveImageResponse(), 0)
    assert TAG not in learned.image_names(ID)


def test_an_image_that_is_not_there_teaches_nothing() -> None:
    learned = Learned()
    learned.learn(
        pb.ImageStatusRequest(image=pb.ImageSpec(image="busybox")), pb.ImageStatusResponse(), 0
    )
    assert learned.image_names("busybox") == (TAG, "busybox")


# Whatever passes


ANSWERS = {
    rpc.response.DESCRIPTOR.name: rpc for rpc in RPCS.values() if rpc.response in Learned._LESSONS
}
CONTENTS = st.binary(max_size=40) | st.sampled_from(
    [
        pb.CreateContainerResponse(container_id=MAIN).SerializeToString(),
        pb.ListContainersResponse(
            containers=[pb.Container(id=MAIN, pod_sandbox_id=POD)]
        ).SerializeToString(),
        pb.StopContainerRequest(container_id=MAIN).SerializeToString(),
    ]
)


def _message(kind: Any, content: bytes) -> Any:
    try:
        return kind.FromString(content)
    except DecodeError:
        return kind()


def test_there_is_a_lesson_in_whatever_makes_moves_or_shows_things() -> None:
    assert set(Learned._LESSONS) <= {rpc.response for rpc in RPCS.values()}
    assert len(ANSWERS) == len(Learned._LESSONS)


@given(
    st.lists(st.tuples(st.sampled_from(sorted(ANSWERS)), CONTENTS, CONTENTS), max_size=8),
    st.text(max_size=8) | st.sampled_from([MAIN, POD, "c", TAG, ID]),
)
def test_nothing_that_passes_can_confuse_it(
    passed: list[tuple[str, bytes, bytes]], asked: str
) -> None:
    learned = Learned()
    for name, request, answer in passed:
        rpc = ANSWERS[name]
        learned.learn(_message(rpc.request, request), _message(rpc.response, answer), 0)
    for known in (learned.find_pod(asked), learned.find_container(asked)):
        assert known is None or known.id.startswith(asked)
    assert asked in learned.image_names(asked)


def test_what_waits_to_be_looked_at_is_bounded() -> None:
    learned = Learned()
    for _ in range(2 * BACKLOG):
        learned.learn(pb.StopContainerRequest(), pb.StopContainerResponse(), 0)
        learned.learn(pb.ListContainersRequest(), pb.ListContainersResponse(), 0)
    assert len(learned._heard) <= BACKLOG
