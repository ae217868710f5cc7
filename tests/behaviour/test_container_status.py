"""ContainerStatus: what it shows. Source: lifecycle 2.2 and 12."""

import json
from typing import Any

import pytest

from fakecri import Recipe
from fakecri.api import runtime_pb2 as pb
from tests.behaviour.configs import linux
from tests.behaviour.steps import CREATED, EXITED, RUNNING, UNKNOWN, put_image, wait
from tests.support import LOGS, Node, create_request, raises_status

RESOURCES = pb.LinuxContainerResources(
    cpu_period=100_000,
    cpu_quota=-1,
    cpu_shares=512,
    memory_limit_in_bytes=1 << 28,
    oom_score_adj=-998,
    cpuset_cpus="0-1",
    cpuset_mems="0",
    hugepage_limits=[pb.HugepageLimit(page_size="2MB", limit=4)],
    unified={"memory.high": "1", "cpu.weight": "20"},
)


def test_a_status_shows_the_config_as_it_was_given(ready: Node) -> None:
    pod = ready.run_sandbox()
    request = create_request(
        pod,
        "sleep",
        "99",
        attempt=3,
        labels={"io.kubernetes.pod.uid": "uid-web", "ü": "\u2028"},
        annotations={"io.kubernetes.container.hash": "f00", "empty": ""},
        mounts=[
            pb.Mount(container_path="/etc/hosts", host_path="/var/lib/kubelet/etc-hosts"),
            pb.Mount(container_path="/dev/termination-log", host_path="/var/lib/kubelet/log"),
        ],
    )
    before_ns = ready.cri.now_ns
    made = ready.runtime.CreateContainer(request).container_id
    image = ready.images.ImageStatus(pb.ImageStatusRequest(image=request.config.image)).image
    status = ready.status(made)
    assert before_ns <= status.created_at <= before_ns + 10
    expected = pb.ContainerStatus(
        id=made,
        metadata=request.config.metadata,
        state=CREATED,
        created_at=status.created_at,
        image=pb.ImageSpec(image="docker.io/library/busybox:latest"),
        image_ref=image.repo_digests[0],
        image_id=image.id,
        labels=request.config.labels,
        annotations=request.config.annotations,
        mounts=request.config.mounts,
        log_path=f"{LOGS}/main/3.log",
        resources=pb.ContainerResources(linux=pb.LinuxContainerResources()),
        user=pb.ContainerUser(
            linux=pb.LinuxContainerUser(uid=0, gid=0, supplemental_groups=[0, 10])
        ),
        stop_signal=pb.SIGNAL_SIGTERM,
    )
    assert status == expected
    assert status.resources.HasField("linux")


def test_times_exit_code_and_reason_follow_the_state(ready: Node) -> None:
    made = ready.create(ready.run_sandbox(), "sleep", "2")
    created = ready.status(made)
    ready.start(made)
    running = ready.status(made)
    wait(ready, 2)
    exited = ready.status(made)
    assert [each.state for each in (created, running, exited)] == [CREATED, RUNNING, EXITED]
    assert created.created_at == running.created_at == exited.created_at > 0
    assert (created.started_at, created.finished_at) == (0, 0)
    assert (running.started_at > running.created_at, running.finished_at) == (True, 0)
    assert exited.started_at == running.started_at
    assert exited.finished_at > exited.started_at
    assert [each.reason for each in (created, running, exited)] == ["", "", "Completed"]
    # What the kubelet insists on is there in every state (26.2).
    for each in (created, running, exited):
        assert each.id
        assert each.metadata.name
        assert each.image.image
        assert each.image_ref


# Three image fields, and none is that of a list (12.2, 13, 26.14).


def images_of(node: Node, id_: str) -> tuple[pb.ImageSpec, str, str]:
    """Return image, image_ref and image_id."""
    status = node.status(id_)
    return status.image, status.image_ref, status.image_id


ASKED = pb.ImageSpec(
    image="busybox",
    annotations={"a": "b"},
    user_specified_image="busy",
    runtime_handler="runc",
)


def test_a_status_shows_the_first_tag_and_digest_of_the_image(ready: Node) -> None:
    image = ready.pull()
    # Another tag of the same content, which comes before in the alphabet.
    ready.pull("public.ecr.aws/docker/library/busybox:latest")
    with ready.cri.host.turn() as world:
        stored = world.images.find(image)
    assert stored is not None
    request = create_request(ready.run_sandbox())
    request.config.image.CopyFrom(ASKED)
    made = ready.runtime.CreateContainer(request).container_id
    # What else was asked about the image is dropped.
    first_tag = pb.ImageSpec(image=stored.repo_tags[0])
    assert images_of(ready, made) == (first_tag, stored.repo_digests[0], image)


def test_a_status_shows_what_was_asked_for_when_the_image_is_gone(ready: Node) -> None:
    image = ready.pull()
    request = create_request(ready.run_sandbox())
    request.config.image.CopyFrom(ASKED)
    made = ready.runtime.CreateContainer(request).container_id
    ready.images.RemoveImage(pb.RemoveImageRequest(image=pb.ImageSpec(image=image)))
    assert images_of(ready, made) == (ASKED, image, image)


def test_a_status_shows_what_was_asked_for_when_the_image_has_no_tag(ready: Node) -> None:
    request = pb.ImageStatusRequest(image=pb.ImageSpec(image="busybox"))
    digest = ready.images.ImageStatus(request).image.repo_digests[0]
    ready.images.RemoveImage(pb.RemoveImageRequest(image=pb.ImageSpec(image="busybox")))
    image = ready.pull(digest)
    made = ready.create(ready.run_sandbox(), image=image)
    assert images_of(ready, made) == (pb.ImageSpec(image=image), digest, image)


def test_a_tag_that_moves_away_no_longer_shows(ready: Node) -> None:
    image = ready.pull()
    made = ready.create(ready.run_sandbox())
    ready.cri.add_image("busybox", Recipe(cmd=("sh",)), content="newer")
    newer = put_image(ready, "busybox")
    assert newer != image
    shown, image_ref, image_id = images_of(ready, made)
    assert shown == pb.ImageSpec(image="busybox")
    assert (image_ref.startswith("docker.io/library/busybox@sha256:"), image_id) == (True, image)


def test_labels_of_the_image_are_not_those_of_the_container(node: Node) -> None:
    node.cri.add_image("example.com/app", Recipe(cmd=("sh",), labels={"maintainer": "me"}))
    node.pull("example.com/app")
    made = node.create(node.run_sandbox(), image="example.com/app")
    assert node.status(made).labels == {}


# Resources (12.3).


def test_resources_are_those_of_the_request_with_swap_where_memory_is(ready: Node) -> None:
    made = ready.create(ready.run_sandbox(), linux=pb.LinuxContainerConfig(resources=RESOURCES))
    expected = pb.LinuxContainerResources()
    expected.CopyFrom(RESOURCES)
    expected.memory_swap_limit_in_bytes = 1 << 28
    assert ready.status(made).resources.linux == expected


@pytest.mark.parametrize(
    ("asked", "shown"),
    [
        ({}, {}),
        ({"memory_swap_limit_in_bytes": 7}, {"memory_swap_limit_in_bytes": 7}),
        (
            {"memory_limit_in_bytes": 5, "memory_swap_limit_in_bytes": 7},
            {"memory_limit_in_bytes": 5, "memory_swap_limit_in_bytes": 7},
        ),
        (
            {"memory_limit_in_bytes": -1},
            {"memory_limit_in_bytes": -1, "memory_swap_limit_in_bytes": -1},
        ),
        ({"oom_score_adj": 1000}, {"oom_score_adj": 1000}),
        ({"cpu_shares": -(2**63)}, {"cpu_shares": -(2**63)}),
        ({"cpu_quota": 2**63 - 1}, {"cpu_quota": 2**63 - 1}),
    ],
)
def test_what_is_nothing_is_not_shown(
    ready: Node, asked: dict[str, Any], shown: dict[str, Any]
) -> None:
    config = pb.LinuxContainerConfig(resources=pb.LinuxContainerResources(**asked))
    made = ready.create(ready.run_sandbox(), linux=config)
    assert ready.status(made).resources.linux == pb.LinuxContainerResources(**shown)


# Paths, info.


@pytest.mark.parametrize(
    ("directory", "path", "shown"),
    [
        ("/var/log/pods/p", "c/0.log", "/var/log/pods/p/c/0.log"),
        ("/var/log/pods/p/", "../q/./0.log", "/var/log/pods/q/0.log"),
        ("//var", "//log//x", "/var/log/x"),
        ("/", ".", "/"),
        ("relative", "0.log", "relative/0.log"),
        ("/..", "../x", "/x"),
        ("", "c/0.log", ""),
        ("/var/log/pods/p", "", ""),
    ],
)
def test_the_log_path_is_joined_and_cleaned(
    ready: Node, directory: str, path: str, shown: str
) -> None:
    request = create_request(ready.run_sandbox(), log_path=path)
    # That of the request, and not that of the sandbox.
    request.sandbox_config.log_directory = directory
    made = ready.runtime.CreateContainer(request).container_id
    assert ready.status(made).log_path == shown


def test_info_is_for_those_who_ask(ready: Node) -> None:
    pod = ready.run_sandbox()
    running = ready.run(pod, "sleep", "9")

    def info(*, verbose: bool) -> dict[str, str]:
        request = pb.ContainerStatusRequest(container_id=running, verbose=verbose)
        return dict(ready.runtime.ContainerStatus(request).info)

    assert info(verbose=False) == {}
    shown = json.loads(info(verbose=True)["info"])
    assert shown["sandboxID"] == pod
    assert shown["pid"] > 0
    assert shown["removing"] is False
    assert shown["config"]["metadata"] == {"name": "main"}
    ready.stop(running)
    assert json.loads(info(verbose=True)["info"])["pid"] == 0


def test_a_status_is_not_changed_by_who_reads_it(ready: Node) -> None:
    pod = ready.run_sandbox()
    made = ready.create(pod, labels={"a": "b"})
    before = ready.status(made)
    for _ in range(2):
        status = ready.status(made)
        assert status == before
        status.labels["c"] = "d"
        status.metadata.name = "other"
        status.resources.linux.cpu_shares = 9
        status.user.linux.supplemental_groups.append(3)
        of_pod = ready.sandbox_status(pod)
        assert of_pod.metadata.name == "web"
        assert of_pod.labels == {}
        of_pod.labels["c"] = "d"
        of_pod.metadata.name = "other"


def test_the_user_is_shown_in_every_state(ready: Node) -> None:
    made = ready.create(ready.run_sandbox(), "nosuch", linux=linux(run_as_user=12))
    assert ready.status(made).user.linux.uid == 12
    with raises_status(UNKNOWN):
        ready.start(made)
    assert ready.status(made).user.linux.uid == 12
